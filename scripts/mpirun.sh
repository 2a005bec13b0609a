#!/usr/bin/env bash
# Start ranks on this machine: scripts/mpirun.sh -n 4 COMMAND...
#
# The one place for options of Open MPI.  More ranks than cores are allowed,
# for tests.  Nothing is bound: with one or two ranks mpirun would bind each to
# a single core, and all threads of a rank would share it.
set -eu

if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
exec mpirun --oversubscribe --bind-to none "$@"
