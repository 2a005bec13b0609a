#!/usr/bin/env bash
# From a fresh clone to reduced data: install what is missing, build, make a
# small night of CCD frames and reduce it on two ranks.
#
#     scripts/demo.sh [FOLDER]          FOLDER: build/demo unless named
#
# Where QUERN_BIN names a folder with the built programs, those are used and
# nothing is installed or built.
set -eu

cd "$(dirname "$0")/.."
demo=${1:-build/demo}
bin=${QUERN_BIN:-build/bin}

title()
{
    printf '\n== %s\n' "$*"
}

if [ -z "${QUERN_BIN:-}" ]; then
    title "What is needed"
    scripts/setup.sh
    title "Build"
    cmake --preset release --log-level=WARNING
    cmake --build --preset release
fi

title "A small synthetic night"
if [ -e "$demo/raw/science-V-006.fits" ]; then
    echo "$demo/raw is there already"
else
    "$bin/quern-night" "$demo/raw"
fi

title "Reduce it on two ranks"
run="run jobs/night.yaml --data $demo --output $demo/night.out"
echo "mpirun -n 2 $bin/quern $run"
if [ "$(id -u)" -eq 0 ]; then
    echo "(as root also: export OMPI_ALLOW_RUN_AS_ROOT=1" \
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1)"
fi
# shellcheck disable=SC2086 # the words of the line above
scripts/mpirun.sh -n 2 "$bin/quern" $run

title "Made in $demo/night.out"
(cd "$demo/night.out" && find . -name '*.h5' -printf '%P  %s bytes\n' | sort)

# These lines work as they stand, from the top of the checkout.
cat <<END

== Type next
  $bin/quern plan jobs/night.yaml --data $demo --output $demo/night.out
                                         what another run would do: nothing
  $bin/quern kernels                     the list of kernels
  $bin/quern kernels combine             one of them, with its definition
  h5ls -r $demo/night.out/stack/M67-B.h5     a result
  h5dump -d /entry/process/job $demo/night.out/stack/M67-B.h5
                                         the job that made it
  mpirun -n 4 $bin/quern $run --fresh
                                         again on four ranks: the same bytes
END
