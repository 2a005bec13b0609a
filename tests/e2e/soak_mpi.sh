#!/usr/bin/env bash
# Every MPI call of a small run fails in turn: e2e_48_mpi.sh for long.
QUERN_SWEEP=${QUERN_SWEEP:-60} exec "$(dirname "$0")/e2e_48_mpi.sh"
