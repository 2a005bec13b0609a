# shellcheck shell=bash
# What the checks share; sourced, never run.
#
#     check_X.sh ROOT [ARCHIVE...]     check a source tree; 1 if it is wrong
#     check_X.sh --self-test           prove that the check finds what it should
#
# A check defines check ROOT [ARCHIVE...], which calls wrong for each finding,
# and self_test, which calls must_find and must_pass.

set -u
export LC_ALL=C.UTF-8

findings=0

wrong()
{
    printf '%s\n' "$*"
    findings=$((findings + 1))
}

scratch()
{
    dir=$(mktemp -d) || exit 1
    trap 'rm -rf "$dir"' EXIT
}

# put PATH TEXT: a file of the scratch tree.
put()
{
    mkdir -p "$(dirname "$dir/$1")"
    printf '%s\n' "$2" >"$dir/$1"
}

# must_find WORDS ARGS...: the check of the scratch tree says exactly this.
must_find()
{
    local words=$1 text
    shift
    text=$(check "$dir" "$@")
    case $text in
    *"$words"*) ;;
    *)
        printf 'self-test: looked for "%s", got "%s"\n' "$words" "$text"
        exit 1
        ;;
    esac
    proven=$((${proven:-0} + 1))
    find "$dir" -mindepth 1 -delete
}

must_pass()
{
    local text
    text=$(check "$dir" "$@")
    if [ -n "$text" ]; then
        printf 'self-test: nothing is wrong there, but: %s\n' "$text"
        exit 1
    fi
    proven=$((${proven:-0} + 1))
    find "$dir" -mindepth 1 -delete
}

main()
{
    if [ "${1:-}" = --self-test ]; then
        scratch
        self_test
        echo "$proven cases"
        exit 0
    fi
    if [ ! -d "${1:-}" ]; then
        echo "usage: $0 ROOT [ARCHIVE...] | --self-test" >&2
        exit 2
    fi
    check "$@"
    [ $findings -eq 0 ] || {
        echo "$findings findings"
        exit 1
    }
}
