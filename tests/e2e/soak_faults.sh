#!/usr/bin/env bash
# Faults of a hundred seeds: e2e_41_faults.sh for long.
QUERN_SWEEP=${QUERN_SWEEP:-5} exec "$(dirname "$0")/e2e_41_faults.sh"
