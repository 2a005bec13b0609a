#!/usr/bin/env bash
# Threads: who asks, what there is, what is said, and the same bytes for all.
. "$(dirname "$0")/lib.sh"

unset OMP_NUM_THREADS QUERN_THREADS
make_night .
cp "$NIGHT" job.yaml
cores=$(nproc)

# record FILE EXPRESSION: of the run record, as Python sees it in d
record()
{
    /usr/bin/python3 -c "import json; d = json.load(open('$1')); print($2)"
}

# expect_record FILE EXPRESSION VALUE
expect_record()
{
    local got
    got=$(record "$1" "$2") || fail "$1 cannot be read"
    [ "$got" = "$3" ] || fail "$1: $2 is $got, not $3"
    good
}

say "words that are wrong"
for words in "--threads 0" "--threads many" "--threads -1" "--threads 99999"; do
    # shellcheck disable=SC2086 # two words
    expect_code 2 quern run job.yaml $words
    expect_text err "number from 1 to 4096, or auto"
done
expect_code 2 env QUERN_THREADS=x quern run job.yaml
expect_text err "QUERN_THREADS is 'x'"
refuse_file night.out

say "who asks counts in this order"
expect_code 0 env OMP_NUM_THREADS=1,2 quern run job.yaml -o o1
expect_record o1/.quern/run.json 'd["threads"]["by"]' OMP_NUM_THREADS
expect_record o1/.quern/run.json 'd["threads"]["a rank"]' 1
expect_record o1/.quern/run.json 'd["workers a rank"]' 1
expect_code 0 env OMP_NUM_THREADS=9 QUERN_THREADS=1 quern run job.yaml -o o2
expect_record o2/.quern/run.json 'd["threads"]["by"]' QUERN_THREADS
expect_code 0 env QUERN_THREADS=9 quern run job.yaml -o o3 --threads 1
expect_record o3/.quern/run.json 'd["threads"]["asked"]' 1
refuse_text err "threads asked"
expect_code 0 env QUERN_THREADS=auto OMP_NUM_THREADS=1 quern run job.yaml -o o4
expect_record o4/.quern/run.json 'd["threads"]["asked"]' None
for o in o2 o3 o4; do
    compare o1 $o
done

say "the run record tells what was used"
expect_record o4/.quern/run.json \
    '[p["phase"] for p in d["phases"]]' \
    "['prepare', 'bias', 'flat', 'science', 'stack']"
expect_record o4/.quern/run.json \
    'all(p["cpu_seconds"] >= 0 and p["most_threads"] > 0 for p in d["phases"])' \
    True

say "more than the mask has: the cure is named, or it is an error"
expect_code 0 taskset -c 0 quern run job.yaml -o o5 --threads 8
expect_text err "8 threads asked.*may run on 1 processor \(0\).*without taskset"
[ "$(grep -c '8 threads asked' err)" -eq 1 ] || { show; fail "not said once"; }
expect_record o5/.quern/run.json 'd["threads"]["a rank"]' 1
compare o1 o5
expect_code 2 taskset -c 0 quern run job.yaml -o o6 --threads 8 --strict-threads
expect_text err "8 threads asked"
refuse_file o6
expect_code 0 quern run job.yaml -o o6 --threads 1 --strict-threads

say "never more workers than threads"
expect_code 0 quern run job.yaml -o o7 --threads 1 --set concurrency=3
expect_text err "concurrency is 3, but the rank has 1 thread"
expect_record o7/.quern/run.json 'd["workers a rank"]' 1

if [ "$cores" -lt 2 ]; then
    echo "one core only: nothing to be shared"
    finish
fi

say "few items are worked on by several threads, many by one each"
expect_code 0 quern run job.yaml -o o8 --threads 2 --set concurrency=1
expect_record o8/.quern/run.json \
    '{(p["workers"], p["threads"]) for p in d["phases"][1:]}' "{(1, 2)}"
compare o1 o8
cat >few.yaml <<END
name: few
stages:
  all: {input: "raw/*.fits", steps: [{multiply: 2}, {add: 1}]}
END
for n in 1 2 7; do
    expect_code 0 quern run few.yaml -o few$n --threads 2 --limit $n
    expect_record few$n/.quern/run.json \
        '[(p["workers"], p["threads"]) for p in d["phases"][1:]]' \
        "$([ $n -eq 1 ] && echo '[(1, 2)]' || echo '[(2, 1)]')"
done
expect_code 0 quern run few.yaml -o one --threads 1 --limit 1
compare one few1

say "two ranks on one core"
expect_code 0 taskset -c 0 "$QUERN_SOURCE/scripts/mpirun.sh" -n 2 \
    "$QUERN_BIN/quern" run job.yaml -o o10
# other jobs on this machine may have bound a rank there, too
expect_text err "[0-9]+ ranks.* are bound to core 0 \(on 2 of 2 ranks"
expect_text err "use: mpirun "
compare o1 o10
expect_code 0 "$QUERN_SOURCE/scripts/mpirun.sh" -n 2 \
    "$QUERN_BIN/quern" run job.yaml -o o11
refuse_text err "ranks are bound to core"
compare o1 o11

finish
