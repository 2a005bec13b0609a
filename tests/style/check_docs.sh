#!/usr/bin/env bash
# Pages of the manual that are made from the program: the same as it says now.
# QUERN_BIN is the folder of the built programs.
. "$(dirname "$0")/lib.sh"

check()
{
    local root=$1 quern page now
    quern=${QUERN_BIN:-$root/build/test/bin}/quern
    page=$root/doc/kernels.md
    now=$(mktemp) || exit 1
    if [ ! -x "$quern" ]; then
        wrong "$quern is not built: QUERN_BIN must name its folder"
    elif [ ! -f "$page" ]; then
        wrong "doc/kernels.md is not there: run scripts/docs.sh"
    elif ! "$quern" kernels --markdown >"$now"; then
        wrong "quern kernels --markdown failed"
    elif ! cmp -s "$now" "$page"; then
        wrong "doc/kernels.md is stale: run scripts/docs.sh"
        diff "$page" "$now" | head -n 20
    fi
    rm -f "$now"
}

# program TEXT: a quern that says this whatever it is asked.
program()
{
    put bin/quern "#!/bin/sh
echo '$1'"
    chmod +x "$dir/bin/quern"
}

self_test()
{
    QUERN_BIN=$dir/bin
    put doc/kernels.md 'a page'
    must_find 'is not built'
    program 'a page'
    must_find 'doc/kernels.md is not there'
    program 'another page'
    put doc/kernels.md 'a page'
    must_find 'doc/kernels.md is stale'
    put bin/quern '#!/bin/sh
exit 1'
    chmod +x "$dir/bin/quern"
    put doc/kernels.md 'a page'
    must_find 'failed'

    program 'a page'
    put doc/kernels.md 'a page'
    must_pass
}

main "$@"
