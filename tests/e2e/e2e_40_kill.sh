#!/usr/bin/env bash
# Killed at any moment, the same command carries on: nothing half-written, and
# the same bytes as an undisturbed run.
. "$(dirname "$0")/lib.sh"

make_night data --size 512
expect_quern 0 0 run "$NIGHT" --data data --output whole.out

# Every result there is can be read to its end.
expect_whole()
{
    local file
    while IFS= read -r file; do
        h5dump -d /entry/data/data -y "$file" >dump.txt 2>&1 ||
            fail "$file is half-written"
    done < <(find "$1" -name '*.h5' -not -name '.*' 2>/dev/null)
    good
}

all_gone()
{
    ! pgrep -f "$scratch/cut.out" >/dev/null
}

# killed_after SECONDS RANKS
killed_after()
{
    on "$2"
    rm -rf cut.out
    setsid "${start[@]}" run "$NIGHT" --data data --output "$scratch/cut.out" \
        >killed.txt 2>&1 </dev/null &
    local group=$!
    sleep "$1"
    kill -9 -- "-$group" 2>/dev/null
    wait "$group" 2>/dev/null
    # Open MPI gives each rank a group of its own: they end a moment later.
    wait_until all_gone || fail "a rank is left"
    expect_whole cut.out
    expect_quern 0 "$2" run "$NIGHT" --data data --output cut.out
    compare whole.out cut.out
    expect_tidy cut.out
}

for delay in 0.05 0.15 0.3 0.5 0.8; do
    say "a lone process after $delay s"
    killed_after $delay 0
done
for delay in 0.5 0.8 1.2; do
    say "two ranks after $delay s"
    killed_after $delay 2
done

say "asked to stop: exit code 75, and the run carries on"
rm -rf cut.out
timeout -s TERM 0.3 "$QUERN_BIN/quern" run "$NIGHT" --data data \
    --output cut.out --threads 1 >out 2>err </dev/null
expect_whole cut.out
expect_quern 0 0 run "$NIGHT" --data data --output cut.out
compare whole.out cut.out

finish
