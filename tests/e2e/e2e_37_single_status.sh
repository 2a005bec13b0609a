#!/usr/bin/env bash
# quern status says how the one file over a stage's results stands: not made
# yet, made, stale, or gone, as `quern plan` says it.
. "$(dirname "$0")/lib.sh"

cc -shared -fPIC -o faulty.so "$QUERN_SOURCE/tests/e2e/faulty.c" ||
    fail "faulty.c does not compile"
mkdir -p data/raw
for i in 0 1 2 3; do head -c 1024 /dev/zero >data/raw/f$i.raw; done
raw='{files: "raw/*.raw", format: raw, dtype: uint8, shape: [32, 32]}'
cat >job.yaml <<END_JOB
name: one
stages:
  small: {input: $raw, steps: [add: 1], output: {layout: single}}
  plain: {input: $raw, steps: [add: 2]}
  last: {input: {stage: plain}, steps: [add: 3], output: {layout: single}, timeout: none}
END_JOB
job=(run job.yaml --data data --output o.out --sync off)

# state SMALL LAST [CODE]: of the two files, by status
state()
{
    expect_quern "${3:-0}" 0 status o.out
    expect_text out "^  one file  small.h5 \\($1\\)\$"
    expect_text out "^  one file  last.h5 \\($2\\)\$"
    refuse_text out 'plain.h5'
}

say "while it runs, and killed before the last file is made"
# hang FILE ITEM: a run that comes no further than that
in_hand()
{
    quern status o.out 2>/dev/null | grep "    $item" >/dev/null
}
hang()
{
    item=$2
    LD_PRELOAD=$PWD/faulty.so QUERN_FAULTY="quern-worker pread hang 1 0 $1" \
        quern "${job[@]}" >out 2>err &
    pid=$!
    wait_until in_hand || fail "it did not get to $2: $(cat err)"
}
hang plain/f3.h5 'last: .*f3'
state 'done' 'to do'
kill -9 $pid
wait $pid 2>/dev/null
state 'done' 'to do' 75

say "made"
expect_quern 0 2 "${job[@]}"
state 'done' 'done'
expect_quern 0 0 status o.out --json
/usr/bin/python3 - <<'END_PY' || fail "the JSON is wrong"
import json
s = {x["name"]: x.get("one_file") for x in json.load(open("out"))["stages"]}
assert s == {"small": {"file": "small.h5", "state": "done"}, "plain": None,
             "last": {"file": "last.h5", "state": "done"}}, s
END_PY
good
expect_quern 0 0 "${job[@]}" --stage plain
expect_quern 0 0 status o.out
refuse_text out 'one file'
expect_quern 0 0 "${job[@]}"
state 'done' 'done'

say "gone, touched, stale"
mv o.out/last.h5 aside.h5
echo x >>o.out/small.h5
state 'to do' 'to do'
expect_quern 0 0 "${job[@]}"
state 'done' 'done'
head -c 1024 /dev/urandom >data/raw/f2.raw
hang plain/f2.h5 'last: .*f2'
state 'done' stale
kill -9 $pid
wait $pid 2>/dev/null
state 'done' stale 75
expect_quern 0 0 "${job[@]}"
state 'done' 'done'

say "shards have none, the run behind them has"
for i in 0 1; do
    expect_quern 0 0 run job.yaml --data data --output s.out --sync off --shard $i/2
done
expect_quern 0 0 status s.out
refuse_text out 'one file'
expect_quern 0 0 run job.yaml --data data --output s.out --sync off
expect_quern 0 0 status s.out
expect_text out 'one file  last.h5 \(done\)'

finish
