#!/usr/bin/env bash
# Memory: what plan says, what a run holds, what is refused, and the record of
# it all.
. "$(dirname "$0")/lib.sh"

[ "$(df --output=avail -k . | tail -1)" -gt 300000 ] ||
    skip "less than 600 MB are free here"

# number FILE PYTHON: a value of a JSON file d
number()
{
    python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
print(eval(sys.argv[2]))' "$1" "$2"
}

# held OUT STAGE: what the rank and its workers held, against what plan said
held()
{
    expect_python "$1/.quern/run.json" "$2" <<'END'
import json
import sys

for p in json.load(open(sys.argv[1]))["phases"]:
    m = p["memory"]
    if p["phase"] != sys.argv[2]:
        continue
    print(m)
    assert m["need"] <= m["budget"], "the plan is above the budget"
    assert 0 < m["pss"] <= m["most"], "no memory was seen"
    most = 1.5 * m["need"] + m["processes"]
    assert m["most"] <= most, f"held {m['most']}, not {most}"
    break
else:
    sys.exit("no such stage")
END
}

head -c $((48 << 20)) /dev/urandom >big.raw
mkdir few many
for i in 0 1 2 3 4 5 6 7 8 9; do
    head -c $((2 << 20)) /dev/urandom >few/$i.raw
done
head -c $((2000 * 2048)) /dev/urandom | split -b 2048 -a 4 -d --additional-suffix=.raw - many/f
cat >job.yaml <<'END'
name: memory
threads: 2
concurrency: 2
stages:
  points:
    input: {files: big.raw, format: raw, dtype: uint16, shape: [3072, 8192]}
    steps: [{add: 1}, {multiply: 0.5}]
  binned:
    input: {files: big.raw, format: raw, dtype: uint16, shape: [3072, 8192]}
    steps: [{add: 1}, {bin: 2}]
  packed:
    input: {files: big.raw, format: raw, dtype: uint16, shape: [3072, 8192]}
    steps: [{multiply: 0.5}]
    output: {compress: 1, dtype: uint16}
  smooth:
    input: {files: big.raw, format: raw, dtype: uint16, shape: [3072, 8192]}
    steps: [{heat: {alpha: 0.1, steps: 1, boundary: periodic}}]
  few:
    input: {files: "few/*.raw", format: raw, dtype: uint16, shape: [1024, 1024]}
    steps: [{heat: {alpha: 0.1, steps: 1, boundary: periodic}}]
  many:
    input: {files: "many/*.raw", format: raw, dtype: uint16, shape: [32, 32]}
    steps: [{gaussian: 1}]
END

say "a file twelve times the budget goes through slab by slab"
for stage in points binned packed; do
    expect_quern 0 0 plan job.yaml --stage $stage --memory 4MiB
    expect_text out "memory .* a rank of 4.0 MB, .* slab by slab"
    expect_quern 0 0 run job.yaml --stage $stage --memory 4MiB --output slabs
    held slabs $stage
    # with all memory a run of ten seconds, on a busy host, measures the host
    XDG_CACHE_HOME=$scratch/elsewhere \
        expect_quern 0 0 run job.yaml --stage $stage --output whole
done
expect_code 0 /usr/bin/python3 "$QUERN_SOURCE/tests/e2e/same.py" whole slabs
expect_text out '^[1-9][0-9]* compared in 3 files, 0 differ'
rm -rf slabs whole

say "what cannot stream is refused with the figure, before anything is written"
expect_quern 2 0 plan job.yaml --stage smooth --memory 64MiB
expect_text err 'stage smooth: big.raw needs 28[89] MB of memory, and a rank may fill 64.0 MB; raise .memory:., or use more ranks with .team: all.'
expect_quern 2 0 run job.yaml --stage smooth --memory 64MiB --output none
refuse_file none

say "fewer workers where two do not fit"
# Other runs on this host may come and take a core: each plan says how many
# workers it counts with.
while IFS='|' read -r memory what; do
    expect_quern 0 0 plan job.yaml --stage few --memory "$memory"
    if grep -qE '^  workers +2 here' out; then
        expect_text out "$what"
    else
        echo "not checked: a rank has no two cores here"
    fi
done <<'END'
30MiB|24.0 MB a rank of 30.0 MB, 2 workers at a time;
20MiB|12.0 MB a rank of 20.0 MB, 1 worker at a time \(1 more would not fit\)
END
expect_quern 0 0 plan job.yaml --stage few --memory 20MiB --json
[ "$(number out 'd["stages"][0]["memory"]["need"]')" = $((12 << 20)) ] ||
    fail "plan --json says another need"
expect_quern 2 0 plan job.yaml --stage few --memory 10MiB

say "budgets are kept for ten files and for two thousand"
for stage in few many; do
    expect_quern 0 0 run job.yaml --stage $stage --memory 20MiB --output results
    held results $stage
done

say "what a combination kept is given back when it is made"
{
    printf 'name: piles\nthreads: 1\nstages:\n'
    for stage in a b c d; do
        printf '  %s: {input: {files: "few/*.raw", format: raw, dtype: uint16, shape: [1024, 1024]}, steps: [{add: 1}], combine: median}\n' $stage
    done
} >piles.yaml
expect_quern 0 0 run piles.yaml --memory 100MiB --output piles
for stage in a b c d; do
    held piles $stage
done
rm -rf piles

say "the record has bytes, seconds and rates"
expect_python <<'END'
import json

d = json.load(open("results/.quern/run.json"))
p = [p for p in d["phases"] if p["phase"] == "many"][0]["spent"]
assert list(p) == ["read", "decode", "compute", "exchange", "write", "wait"]
assert p["read"]["bytes"] == p["decode"]["bytes"] == 2000 * 2048, p
assert p["write"]["bytes"] > 2000 * 4096, p
for name in "read", "compute", "write":
    assert p[name]["seconds"] > 0, name
    assert abs(p[name]["rate"] * p[name]["seconds"] - p[name]["bytes"]) < 1
assert "ceiling" not in p["read"], "a short run measured its host"
END
expect_quern 0 0 status results
expect_text out 'write .* in .*/s'

say "ceilings: measured by doctor, kept, and replaced where they are damaged"
kept=$XDG_CACHE_HOME/quern/$(hostname).json
refuse_file "$kept"
quern doctor --output . >doctor.out 2>&1
grep -q 'memory .*GB/s on one core' doctor.out || fail "doctor shows no ceilings"
expect_file "$kept"
expect_quern 0 0 run job.yaml --stage few --fresh --memory 20MiB --output results
expect_code 0 python3 -c '
import json
d = json.load(open("results/.quern/run.json"))
spent = d["phases"][-1]["spent"]
assert d["ceilings"]["memory"]["one"] == spent["compute"]["ceiling"] > 0
assert spent["read"]["ceiling"] > 0 and spent["write"]["ceiling"] > 0'
for damage in '' '{' '[]' '{"quern": 1}'; do
    printf '%s' "$damage" >"$kept"
    expect_quern 0 0 run job.yaml --stage few --fresh --memory 20MiB --output results
    [ "$(number results/.quern/run.json '"ceilings" in d')" = False ] ||
        fail "a damaged file was believed"
done
quern doctor --output . >doctor.out 2>&1
number "$kept" 'd["memory"]["one"]' >/dev/null || fail "it was not replaced"
good

say "where there is no cache folder: beside the results"
touch not-a-folder
XDG_CACHE_HOME=$scratch/not-a-folder quern doctor --output results >doctor.out 2>&1
expect_file "results/.quern/ceilings-$(hostname).json"

finish
