#!/usr/bin/env bash
# Shards: N runs that each do their part, one after the other or at once, make
# the bytes of one run; who does what does not change while they wait; two that
# would meet are kept apart.
. "$(dirname "$0")/lib.sh"

night()
{
    run "$QUERN_BIN/quern" "$1" "$NIGHT" --data data --output "${@:2}"
}

# expect_night CODE RUN-OR-PLAN OUTPUT OPTIONS...
expect_night()
{
    local want=$1
    shift
    night "$@"
    [ $code -eq "$want" ] || { show; fail "$code instead of $want: $*"; }
    good
}

make_night data --size 48
expect_quern 0 0 run "$NIGHT" --data data --output whole.out

say "words"
for bad in 4/4 x/2 1 -1/2 1/0 0/2/3 1/2x '' 1.0/2; do
    expect_night 2 run n.out --shard="$bad"
    expect_text err 'shard'
done
expect_night 2 run n.out --stage stack --shard 0/2
expect_text err 'cannot be cut: give --shard 0/1'
refuse_file n.out

say "a combined stage that is needed and missing stops a shard"
expect_night 75 run n.out --shard 1/4
expect_text err 'needs bias, of which 1 of 1 result is not there yet'
refuse_file n.out/bias.h5 n.out/science
expect_code 75 quern status n.out
expect_text out 'waiting for what it uses'
expect_text out 'shards 4: 1 waiting, 3 not begun'

say "four shards at once, one of them on ranks"
expect_night 0 run n.out --stage flat
on 2
"${start[@]}" run "$NIGHT" --data data --output n.out --shard 0/4 2>0.txt &
pids=($!)
for i in 1 2 3; do
    quern run "$NIGHT" --data data --output n.out --shard $i/4 2>$i.txt &
    pids+=($!)
done
for pid in "${pids[@]}"; do
    wait "$pid" || { cat ./*.txt; fail "a shard failed"; }
    good
done
expect_code 0 quern status n.out
expect_text out 'science +12 +12 +0 +0$'
expect_text out 'shards 4: 4 done'
expect_code 0 quern status n.out --json
/usr/bin/python3 - <<'END' || fail "status --json does not sum up"
import json
j = json.load(open("out"))
assert j["shards"] == {"done": 4} and j["state"] == "done", j
assert {s["name"]: s["done"] for s in j["stages"]} == \
    {"bias": 7, "flat": 10, "science": 12}, j
END
good
expect_code 0 quern status n.out --shard 3/4
expect_text out 'science +3 +3 +0 +0$'
expect_code 2 quern status n.out --shard 3/5
expect_code 2 quern status n.out --stage science
expect_file n.out/.quern/journal/@3-4.0.log n.out/.quern/journal/@0-4.1.log

say "a combined stage as a shard of its own; the same bytes; resumed as whole"
expect_night 0 run n.out --stage stack --shard 0/1
compare whole.out n.out
expect_tidy n.out
expect_night 0 run n.out --shard 2/4
expect_text err '3 of 3 items done \(3 before\)'
expect_night 0 run n.out
expect_text err '41 of 41 items done \(41 before\)'
expect_code 0 quern status n.out
refuse_text out 'shards'

say "plan says the same share"
for i in 0 1 2 3; do
    expect_night 0 plan n.out --stage science --shard $i/4 --list-outputs
    [ "$(wc -l <out)" -eq 3 ] || fail "shard $i has $(wc -l <out) results"
    cat out
done | sort >shares
expect_night 0 plan n.out --list-outputs
grep '/science/' out | sort | cmp - shares || fail "shards are not the whole"
good

say "the list stays as the first shard froze it"
rm -rf n.out
expect_night 0 run n.out --stage flat
expect_night 0 run n.out --shard 3/4
cp data/raw/science-B-001.fits data/raw/science-A-001.fits
rm data/raw/science-V-006.fits
expect_night 0 run n.out --shard 0/4
expect_text err '1 came and belong to no shard, 1 went; .quern run. without'
expect_night 0 run n.out --shard 1/4
expect_night 0 run n.out --shard 2/4
[ "$(find n.out/science -name '*.h5' | wc -l)" -eq 12 ] ||
    fail "not the items of the list"
refuse_file n.out/science/M67/science-A-001.h5
expect_night 0 run n.out
expect_file n.out/science/M67/science-A-001.h5

say "another job"
expect_night 2 run n.out --shard 0/4 --set stages.science.output.compress=1
expect_text err 'the job is not the one that the list of items in .* was frozen'
export SLURM_ARRAY_JOB_ID=4711
expect_night 0 run n.out --shard 0/4 --set stages.science.output.compress=1
expect_night 0 run n.out --shard 3/4 --set stages.science.output.compress=1
unset SLURM_ARRAY_JOB_ID
expect_night 2 run n.out --shard 0/4
rm n.out/.quern/shards/science.list
expect_night 0 run n.out --shard 0/4

say "item by item from item by item: a chain stays within a shard"
mkdir -p grid/raw
for i in 1 2 3 4 5; do
    head -c 8192 /dev/urandom >grid/raw/a$i.bin
done
cat >grid/chain.yaml <<'END'
name: chain
stages:
  first:
    input: {files: "raw/*.bin", format: raw, dtype: int16, shape: [64, 64], endian: little}
    steps: [{add: 1}]
  second:
    input: {stage: first}
    steps: [{multiply: 3}]
  mean:
    input: {stage: second}
    combine: {method: mean}
END
expect_code 0 quern run grid/chain.yaml --output one.out
for i in 2 0 1; do
    expect_code 0 quern run grid/chain.yaml --output c.out --shard $i/3
done
expect_code 0 quern run grid/chain.yaml --output c.out --stage mean --shard 0/1
compare one.out c.out
expect_code 0 quern run grid/chain.yaml --output d.out --stage first --shard 0/2
expect_code 75 quern run grid/chain.yaml --output d.out --stage mean --shard 0/1
expect_text err 'mean needs second, of which 5 of 5 results are not there yet'
expect_code 0 quern run grid/chain.yaml --output d.out --stage second --shard 0/2
expect_code 75 quern run grid/chain.yaml --output d.out --stage second --shard 1/2
expect_text err 'second needs first, of which 2 of 2'
refuse_file d.out/mean.h5

say "a bad file is counted by its own shard alone"
truncate -s 4000 grid/raw/a3.bin
codes=
for i in 0 1 2; do
    run quern run grid/chain.yaml --output bad.out --shard $i/3
    codes="$codes $code"
done
[ "$(tr ' ' '\n' <<<"$codes" | sort | xargs)" = "0 0 3" ] ||
    fail "codes:$codes"
good
expect_code 3 quern status bad.out --failed
[ "$(wc -l <out)" -eq 1 ] || { show; fail "not one failure"; }
good
cp grid/raw/a2.bin grid/raw/a3.bin

say "who may not meet"
cp -r grid big
for i in {1..200}; do
    cp big/raw/a1.bin big/raw/b$i.bin
done
quern run big/chain.yaml --output big.out --shard 0/2 --set concurrency=1 \
    >/dev/null 2>first.txt &
pid=$!
at_work()
{
    workers=$(pgrep -x quern-worker -P $pid)
    [ -n "$workers" ] && [ -e big.out/.quern/shards/@0-2.json ] ||
        ! kill -0 $pid 2>/dev/null
}
wait_until at_work
# shellcheck disable=SC2086 # one word a worker
kill -STOP $workers
if kill -0 $pid 2>/dev/null; then
    expect_code 1 quern run big/chain.yaml --output big.out --shard 0/2
    expect_text err 'shard 0/2 of first is in use by a run on .*, pid '$pid
    expect_code 1 quern run big/chain.yaml --output big.out --shard 1/3
    expect_text err 'shard 0/2 is at work there, and items would be made twice'
    expect_code 1 quern run big/chain.yaml --output big.out
    expect_text err "is in use by a run on .*, pid $pid"
    expect_code 2 quern clean big.out
    expect_text err "is in use by a run on .*, pid $pid"
    expect_code 0 quern run big/chain.yaml --output big.out --shard 1/2
    expect_code 0 quern status big.out
    expect_text out ': running'
    expect_text out 'shards 2: 1 (running, 1 done|done, 1 running)'
    expect_code 0 quern stop big.out
    expect_text out '^Shards that have not begun are not asked'
    sleep 1 # a run looks for the request twice a second
    # shellcheck disable=SC2086
    kill -CONT $workers
    wait $pid
    code=$?
    [ $code -eq 75 ] || { cat first.txt; fail "the stopped shard left with $code"; }
    good
    expect_code 75 quern status big.out
    expect_text out 'shards 2: 1 (stopped, 1 done|done, 1 stopped)'
else
    fail "the shard was over before it could be looked at"
fi

say "a shard that was killed, and carries on"
quern run big/chain.yaml --output big.out --shard 0/2 --fresh >/dev/null 2>&1 &
pid=$!
disown
wait_until at_work
sleep 0.1
# shellcheck disable=SC2086
kill -9 $pid $workers 2>/dev/null
while kill -0 $pid 2>/dev/null; do sleep 0.02; done
expect_code 75 quern status big.out --shard 0/2
expect_code 0 quern run big/chain.yaml --output big.out --shard 0/2
expect_code 0 quern status big.out
expect_code 0 quern run big/chain.yaml --output big.out --stage mean --shard 0/1
expect_code 0 quern run big/chain.yaml --output big-one.out
expect_code 0 quern clean big.out
expect_tidy big.out
compare big-one.out big.out

finish
