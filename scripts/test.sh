#!/usr/bin/env bash
# The whole test run: install what is missing, build with warnings as errors,
# run every test but the soaks.  A second run builds only what has changed.
#
#     scripts/test.sh [CTEST OPTION...]      e.g. -L unit, -R mpi_claims
set -eu

cd "$(dirname "$0")/.."

# Real data lie beside the checkout where people have them; the tests that want
# them are skipped visibly where not.
if [ -z "${QUERN_SHARED:-}" ] && [ -d ../shared ]; then
    QUERN_SHARED=$(cd ../shared && pwd)
fi
export QUERN_SHARED=${QUERN_SHARED:-}

scripts/setup.sh --tests
cmake --preset test --log-level=WARNING
cmake --build --preset test

rc=0
ctest --test-dir build/test -j2 --output-on-failure --timeout 300 \
    -LE soak --no-tests=error "$@" || rc=$?

# A test program of which only some cases were skipped counts as passed above.
log=build/test/Testing/Temporary/LastTest.log
if grep -q ' [1-9][0-9]* skipped$' "$log"; then
    echo
    echo "Cases skipped inside tests:"
    sed -n 's/ [1-9][0-9]* skipped$/  &/p' "$log"
fi
exit $rc
