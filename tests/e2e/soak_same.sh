#!/usr/bin/env bash
# The same bytes for every number of ranks with every number of threads, and of
# shared items for more ranks: some minutes.
export QUERN_SWEEP=yes
for part in 32_same_bytes 38_team_items 39_team_frames; do
    "$(dirname "$0")/e2e_$part.sh" || exit
done
