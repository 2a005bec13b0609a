#!/usr/bin/env bash
# `quern submit` on a SLURM cluster of make-believe nodes: a DAG of stages gives
# the bytes of one run; a task that is killed is requeued and carries on; a
# drained node is done without; a bad file costs that file.
. "$(dirname "$0")/lib.sh"
. "$QUERN_SOURCE/tests/slurm/lib.sh"

start_cluster 4 4

say "a night: arrays of four with two ranks each, one node drained"
make_night data --size 48
expect_quern 0 0 run "$NIGHT" --data data --output whole.out
scontrol update NodeName=n3 State=DRAIN Reason=test
expect_code 0 quern submit "$NIGHT" --data data --output night.out --array 4 \
    --ntasks 2 --cpus-per-task 1 --time 5
cp out sent
expect_text sent '^science: job [0-9]+, an array of 4, after [0-9]+ and [0-9]+$'
wait_jobs 40
expect_code 0 quern status night.out
expect_text out 'shards 7: 7 done'
compare whole.out night.out
expect_tidy night.out
scontrol show job "$(job_of stack)" >job
expect_text job 'JobState=COMPLETED'
expect_code 0 quern submit "$NIGHT" --data data --output night.out --array 4
expect_text out '^Nothing is left to do'

for launcher in mpirun srun; do
    say "by $launcher over two nodes"
    expect_code 0 quern submit "$NIGHT" --data data --output $launcher.out \
        --array 2 --nodes 2 --ntasks 2 --cpus-per-task 1 --launcher $launcher \
        --time 5
    wait_jobs 40
    expect_code 0 quern status $launcher.out
    compare whole.out $launcher.out
done

say "one file: the merge comes when the array has ended"
many_frames many 32 2
expect_code 0 quern submit many/soft.yaml --output one.out --array 2 --stage soft \
    --cpus-per-task 1 --time 5 --set stages.soft.output.layout=single \
    --set 'stages.soft.steps=[{add: 1}]'
expect_text out '^soft, one file: job [0-9]+, after [0-9]+$'
wait_jobs 40
/usr/bin/python3 -c 'import h5py
assert list(h5py.File("one.out/soft.h5")["entry/items/status"]) == 32 * [b"done"]' ||
    fail "one.out/soft.h5 is not over all items"
good

say "a task is killed, and requeued; a bad file"
truncate -s 1000 many/raw/a007.bin
limit=280 expect_code 3 quern run many/soft.yaml --output many-one.out
expect_code 0 quern submit many/soft.yaml --output many.out --array 4 \
    --ntasks 2 --cpus-per-task 1 --time 5
cp out sent
job=$(job_of soft)
# one rank is killed: its task sees to itself; one task is cancelled
wait_text "many.out/.quern/journal/soft@2-4.*.log" '\tdone\t'
scancel -f -s KILL "${job}_2"
wait_text "many.out/.quern/journal/soft@1-4.*.log" '\tdone\t'
kill -KILL "$(rank_of "$job" 1)" || fail "no rank could be killed"
wait_state "${job}_2" CANCELLED 20
wait_jobs 60
expect_text "many.out/.quern/submit/soft-${job}_1.log" '8 of 8 items done \([1-8] before'
expect_text "many.out/.quern/submit/mean-$(job_of mean).log" 'mean needs soft, of which'
expect_code 75 quern status many.out
expect_code 0 quern submit many/soft.yaml --output many.out --array 4 \
    --ntasks 2 --cpus-per-task 1 --time 5
wait_jobs 60
expect_code 3 quern status many.out
expect_code 3 quern status many.out --failed
expect_text out '^soft: raw/a007.bin: '
compare many-one.out many.out
expect_tidy many.out

finish
