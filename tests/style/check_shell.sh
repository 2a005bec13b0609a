#!/usr/bin/env bash
# Shell scripts by shellcheck, all of them; those that begin with #! may be run.
. "$(dirname "$0")/lib.sh"

command -v shellcheck >/dev/null || {
    echo "skipped: shellcheck is not installed"
    exit 77
}

check()
{
    local root=$1 scripts line
    mapfile -d '' scripts < <(find "$root" -name 'build*' -prune -o \
        -name '.git' -prune -o -name '*.out' -prune -o \
        -type f \( -name '*.sh' -o -path '*/.ci/run' \) -print0)
    while IFS= read -r line; do
        wrong "$line"
    done < <(shellcheck -x -P SCRIPTDIR -S warning -f gcc "${scripts[@]}")
    for line in "${scripts[@]}"; do
        [ -x "$line" ] || [ "$(head -c 2 "$line")" != '#!' ] ||
            wrong "$line: not executable"
    done
}

self_test()
{
    # shellcheck disable=SC2016 # the mistake to be found
    put a.sh '#!/bin/sh
cd $1; rm -r "$1/"*'
    must_find 'SC2164'
    put a.sh '#!/bin/sh
cd "$1" || exit 1'
    must_find 'a.sh: not executable'
    put a.sh '#!/bin/sh
cd "$1" || exit 1'
    chmod +x "$dir/a.sh"
    must_pass
    put lib.sh '# shellcheck shell=sh
cd "$1" || exit 1'
    must_pass
}

main "$@"
