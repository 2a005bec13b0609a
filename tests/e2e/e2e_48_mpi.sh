#!/usr/bin/env bash
# MPI calls that fail, each in turn, on one rank: instead of being made, or after
# they were.  No rank waits for ever, somebody says why, the run ends with 1, and
# the same command completes with the same bytes.  QUERN_SWEEP=N tries the first
# N calls of each kind (soak_mpi.sh).
. "$(dirname "$0")/apart.sh"
. "$(dirname "$0")/lib.sh"

mpicc -O1 -shared -fPIC -o faulty_mpi.so "$QUERN_SOURCE/tests/e2e/faulty_mpi.c" \
    2>err || { cat err; skip "no mpicc for the library to preload"; }
make_night data --size 32
expect_quern 0 0 run "$NIGHT" --data data --output whole.out
limit=30

# failing RANKS RANK CALL N WHEN: *told* is there if the call was reached.
failing()
{
    rm -f told
    export QUERN_FAULTY_TOLD=$scratch/told QUERN_FAULTY_MPI="$2 $3 $4 $5"
    on "$1"
    run "${start[@]:0:3}" -x LD_PRELOAD="$scratch/faulty_mpi.so" \
        -x QUERN_FAULTY_MPI -x QUERN_FAULTY_TOLD "$QUERN_BIN/quern" \
        run "$NIGHT" --data data --output cut.out
    if [ -e told ]; then
        [ $code -eq 1 ] || { show; fail "$*: exit code $code"; }
        expect_text err '^quern: .*MPI_'
    elif [ $code -eq 3 ]; then
        # nothing failed in this run, but twice before
        expect_text err 'hands when the whole run died'
        refuse_text err '^quern: .*MPI_'
    else
        [ $code -eq 0 ] || { show; fail "$*: exit code $code"; }
    fi
    good
}

mended()
{
    # what was in hand in two runs that died waits to be asked for
    expect_quern 0 "$1" run "$NIGHT" --data data --output cut.out --retry-failed
    compare whole.out cut.out
    expect_tidy cut.out
    rm -rf cut.out
}

calls=(MPI_Init_thread MPI_Comm_dup MPI_Comm_split_type MPI_Comm_split MPI_Ibcast
    MPI_Iallreduce MPI_Iallgather MPI_Iallgatherv MPI_Isend MPI_Irecv MPI_Test)
if [ -n "${QUERN_SWEEP:-}" ]; then
    for call in "${calls[@]}"; do
        say "$call"
        for ((n = 1; n <= QUERN_SWEEP; n++)); do
            failing 2 $((n % 2)) "$call" $n instead
            failing 3 $((n % 3)) "$call" $n after
            [ -e told ] || break
        done
        mended 3
    done
else
    # all of them: soak_mpi.sh
    for i in 0 3 4 5 8 10; do
        say "${calls[i]}"
        failing 2 $((i % 2)) "${calls[i]}" $((i < 4 ? 1 : i % 3 + 1)) instead
        [ -e told ] || fail "${calls[i]} was not reached"
    done
    say "after the call"
    failing 3 2 MPI_Iallgather 2 after
    mended 2
fi

say "little shared memory: the run goes on, or says why not"
if [ "$QUERN_APART" = yes ] && mount -t tmpfs -o size=64k none /dev/shm; then
    head -c 60000 /dev/zero >/dev/shm/ballast
    on 2
    run "${start[@]}" run "$NIGHT" --data data --output cut.out
    [ $code -eq 0 ] || [ -s err ] || fail "exit code $code without a sentence"
    umount /dev/shm
    mended 2
else
    say "no mounts are allowed here: a full /dev/shm is not tried"
fi

finish
