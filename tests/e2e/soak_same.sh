#!/usr/bin/env bash
# One job with every kind of work, on each number of ranks with each of threads:
# e2e_32_same_bytes.sh for long.
QUERN_SWEEP=yes exec "$(dirname "$0")/e2e_32_same_bytes.sh"
