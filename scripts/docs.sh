#!/usr/bin/env bash
# Write the pages of the manual that the program itself knows best:
# doc/kernels.md.  tests/style/check_docs.sh fails where one is stale.
#
#     scripts/docs.sh               the program that scripts/test.sh has built
#     QUERN_BIN=build/bin scripts/docs.sh
set -eu

cd "$(dirname "$0")/.."
bin=${QUERN_BIN:-build/test/bin}

if [ ! -x "$bin/quern" ]; then
    echo "docs.sh: $bin/quern is not built; run scripts/test.sh first, or name" \
        "the folder: QUERN_BIN=build/bin scripts/docs.sh" >&2
    exit 1
fi

page=doc/kernels.md
mkdir -p doc
trap 'rm -f "$page.new"' EXIT
"$bin/quern" kernels --markdown >"$page.new"
if cmp -s "$page.new" "$page"; then
    echo "$page is up to date"
else
    mv "$page.new" "$page"
    echo "$page was written"
fi
