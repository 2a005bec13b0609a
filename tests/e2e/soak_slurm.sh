#!/usr/bin/env bash
# A real time limit of a minute: tasks are warned, drain, requeue themselves and
# carry on until all is done, by srun and by mpirun; the bytes are those of one
# run.  A minute or two each.
. "$(dirname "$0")/lib.sh"
. "$QUERN_SOURCE/tests/slurm/lib.sh"
limit=900

start_cluster 4 2
many_frames many 80 6
expect_code 0 quern run many/soft.yaml --output many-one.out

for launcher in srun mpirun; do
    say "a limit of one minute, by $launcher"
    rm -rf many.out
    expect_code 0 quern submit many/soft.yaml --output many.out --array 2 \
        --ntasks 2 --cpus-per-task 1 --time 1 --launcher $launcher \
        --set concurrency=1
    cp out sent
    wait_jobs 600
    expect_code 0 quern status many.out
    compare many-one.out many.out
    expect_tidy many.out
    cat many.out/.quern/submit/soft-*.log >said
    expect_text said 'stopped before the end: run the same command again'
    refuse_text said 'DUE TO TIME LIMIT'
    scontrol show job "$(job_of soft)" >job
    expect_text job 'Restarts=[1-9]'
    refuse_text job 'JobState=(TIMEOUT|FAILED|CANCELLED)'
    grep -ho 'Restarts=[0-9]*' job | xargs
done

finish
