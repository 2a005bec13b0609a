#!/usr/bin/env bash
# Every system and MPI call that can fail does, now and then: the run ends, with
# a sentence and nothing half-written, and the same command without faults gives
# what an undisturbed run gives.  QUERN_SWEEP=N takes N times as many seeds
# (soak_faults.sh).
. "$(dirname "$0")/lib.sh"

make_night data --size 64
expect_quern 0 0 run "$NIGHT" --data data --output whole.out

# disturbed SEED RANKS EVERY
disturbed()
{
    rm -rf cut.out
    on "$2"
    QUERN_FAULT="seed=$1,every=$3" run "${start[@]}" run "$NIGHT" --data data \
        --output cut.out
    case $code in
    0 | 1 | 2 | 3) ;;
    # a communicator that could not be made has no other way to end
    *) [ "$2" -gt 0 ] || { show; fail "seed $1: exit code $code"; } ;;
    esac
    [ "$code" -eq 0 ] || [ -s err ] || fail "seed $1: no sentence"
    expect_quern 0 "$2" run "$NIGHT" --data data --output cut.out --retry-failed
    compare whole.out cut.out
    expect_tidy cut.out
}

times=${QUERN_SWEEP:-1}
say "a lone process"
for ((seed = 1; seed <= 12 * times; seed++)); do
    disturbed "$seed" 0 60
done
for ((seed = 25; seed < 25 + 4 * times; seed++)); do
    disturbed "$seed" 0 300
done
say "three ranks"
for ((seed = 1; seed <= 4 * times; seed++)); do
    disturbed "$seed" 3 400
done

finish
