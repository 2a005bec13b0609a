#!/usr/bin/env bash
# What must not stand in any file: paths of one machine, notes to oneself, the
# hosts packages come from; and lines of C beyond 100 columns.
. "$(dirname "$0")/lib.sh"

# Bracketed, so that this file does not find itself.
machine='(^|[^A-Za-z0-9_.])/(wor[k]|hom[e]|roo[t])/'
notes='\b(TOD[O]|FIXM[E]|XX[X])\b'
hosts='\b(deb|security|registry|proxy|files|index|static)[.][a-z]+[.](org|com|io|net)\b'

# The files of a checkout that git would keep; of any other tree, all.
files()
{
    cd "$1" || exit 1
    git ls-files -co --exclude-standard 2>/dev/null ||
        find . -type f -not -path './build*' -not -path './.git/*'
}

search()
{
    local root=$1 pattern=$2 what=$3 line
    shift 3
    while IFS= read -r line; do
        wrong "$what: $line"
    done < <(cd "$root" && printf '%s\0' "$@" |
        xargs -0 -r grep -nHIE -e "$pattern" -- 2>/dev/null)
}

check()
{
    local root=$1 all code
    mapfile -t all < <(files "$root")
    mapfile -t code < <(printf '%s\n' "${all[@]}" | grep '[.][ch]$')
    [ ${#all[@]} -gt 0 ] || wrong "no file to check in $root"
    search "$root" "$machine" "a path of one machine" "${all[@]}"
    search "$root" "$notes" "a note to oneself" "${all[@]}"
    search "$root" "$hosts" "a package host" "${all[@]}"
    search "$root" '^.{101,}' "longer than 100 columns" "${code[@]}"
}

self_test()
{
    put a.c "open(\"/$(printf work)/data\");"
    must_find 'a path of one machine: ./a.c:1'
    put doc/a.md "see /$(printf home)/somebody/x"
    must_find 'a path of one machine: ./doc/a.md:1'
    put a.sh "# $(printf TO)DO: later"
    must_find 'a note to oneself: ./a.sh:1'
    put a.sh "get https://$(printf registry).example.org/x"
    must_find 'a package host: ./a.sh:1'
    put a.h "$(printf '%0101d' 0)"
    must_find 'longer than 100 columns: ./a.h:1'
    must_find 'no file to check'

    put a.h "$(printf '%0100d' 0)"
    put a.md "framework/data and $(printf '%0200d' 0)"
    put b.c "// $(printf 'é%.0s' $(seq 97))"
    must_pass
}

main "$@"
