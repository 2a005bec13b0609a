#!/usr/bin/env bash
# Two hundred kills: a rank, a worker or the launcher dies at a random moment,
# the same command is typed again, and in the end the results are those of an
# undisturbed run.  No result is made twice after it got its name.
. "$(dirname "$0")/lib.sh"
limit=600

make_night data --size 128 --frames 120
expect_quern 0 0 run "$NIGHT" --data data --output whole.out

RANDOM=${QUERN_SEED:-7}
kills=0
rounds=0
stuck=0

# pids of what works for the run of this folder
mine()
{
    pgrep -f "$scratch/cut.out" 2>/dev/null
}

# those of them that are ranks
ranks()
{
    local p
    for p in $(mine); do
        [ "$(cat "/proc/$p/comm" 2>/dev/null)" != quern ] || echo "$p"
    done
}

ended()
{
    ! kill -0 "$launcher" 2>/dev/null
}

# one victim of a kind: launcher, rank or worker
choose()
{
    local all ranks
    all=$(mine)
    ranks=$(ranks)
    case $((RANDOM % 3)) in
    0) for p in $all; do
        [ "$(cat "/proc/$p/comm" 2>/dev/null)" = mpirun ] && echo "$p"
    done ;;
    1) echo "$ranks" ;;
    2) for p in $ranks; do pgrep -P "$p" -x quern-worker; done ;;
    esac | shuf -n 1 --random-source=<(yes $RANDOM)
}

while [ $kills -lt "${QUERN_KILLS:-200}" ]; do
    rounds=$((rounds + 1))
    rm -rf cut.out
    n=$((rounds % 4 + 1))
    done=false
    while ! $done; do
        on $n
        "${start[@]}" run "$NIGHT" --data data --output "$scratch/cut.out" \
            >said.txt 2>&1 </dev/null &
        launcher=$!
        sleep "0.$((RANDOM % 40 + 10))"
        victim=$(choose)
        if [ -n "$victim" ] && kill -9 "$victim" 2>/dev/null; then
            kills=$((kills + 1))
        fi
        # A rank killed while it makes itself known can leave mpirun of Open MPI
        # 4.1 waiting for itself, with nobody left.
        if ! wait_until ended; then
            [ -z "$(ranks)" ] || fail "ranks wait for ever: $(ranks)"
            stuck=$((stuck + 1))
            kill -9 "$launcher"
        fi
        wait $launcher 2>/dev/null
        code=$?
        [ $code -eq 0 ] && done=true
        for _ in {1..300}; do
            mine >/dev/null || break
            sleep 0.02
        done
        ! mine >/dev/null || fail "processes outlive their run: $(mine)"
        # an item that was in hand in two dead runs is set aside, rightly
        if grep -q -- '--retry-failed' said.txt; then
            expect_quern 0 "$n" run "$NIGHT" --data data \
                --output "$scratch/cut.out" --retry-failed
            done=true
        fi
    done
    compare whole.out cut.out
    expect_tidy cut.out
    # done twice with one key: work that was thrown away after its rename
    twice=$(sed -n 's/^[^\t]*\tdone\t.*\tname=\([^\t]*\.h5\)\t.*key=\([0-9a-f]*\).*/\1 \2/p' \
        cut.out/.quern/journal/*.log | sort | uniq -d)
    [ -z "$twice" ] || fail "done twice: $twice"
    good
done
echo "$kills kills in $rounds rounds; mpirun was stuck $stuck times"

finish
