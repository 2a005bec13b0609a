#!/usr/bin/env bash
# States of a sweep that are kept: the same for every team, and where a run
# goes on whose rank was killed.
. "$(dirname "$0")/lib.sh"

/usr/bin/python3 - <<'END' || fail "no grid"
import numpy as np
grid = np.random.default_rng(2).normal(size=(300, 411))
grid[30:40, 50:60] = np.nan
np.save("plate.npy", grid)
np.save("plate2.npy", grid[:100])
END

cat >job.yaml <<'END'
name: states
stages:
  plain:
    input: plate.npy
    team: all
    steps: [multiply: 2, heat: {alpha: 0.2, steps: 60, every: 20}]
  every:
    input: plate.npy
    team: all
    steps: [heat: {alpha: 0.1, steps: 5, every: 1, boundary: periodic}]
    output: {dtype: float32}
  packed:
    input: plate.npy
    team: all
    steps: [gaussian: {sigma: 1}, heat: {alpha: 0.2, steps: 34, every: 17}]
    output: {compress: 1}
  two:
    input: [plate.npy, plate2.npy]
    steps: [bin: 3, heat: {alpha: 0.2, steps: 8, every: 2}]
  fits:
    input: plate.npy
    team: all
    steps: [heat: {alpha: 0.2, steps: 8, every: 8}]
    output: {format: fits}
END

# Every file of both folders, byte for byte; nothing is left in scratch.
same_files()
{
    diff -r --exclude=.quern "$1" "$2" || fail "$1 and $2 differ"
    good
    expect_tidy "$2"
    [ -z "$(ls "$2/.quern/scratch" 2>/dev/null)" ] || fail "scratch is left"
    good
}

say "alone"
expect_code 0 quern plan job.yaml
expect_text out '3 x 300 x 411 float64'
expect_code 0 quern run job.yaml --output alone
/usr/bin/python3 - <<'END' || fail "not the states"
import h5py, numpy as np
d = h5py.File("alone/plain/plate.h5")["entry/data/data"][()]
u = 2 * np.load("plate.npy")
def step(u):
    v = u.copy()
    c = u[1:-1, 1:-1]
    t = 0
    for n in (u[1:-1, :-2], u[1:-1, 2:], u[:-2, 1:-1], u[2:, 1:-1]):
        k = n - c
        t = t + np.where(np.isnan(k), 0, k)
    v[1:-1, 1:-1] = c + 0.2 * t
    return v
for i in range(60):
    u = step(u)
    if (i + 1) % 20 == 0:
        assert np.array_equal(d[i // 20], u, equal_nan=True), i
END
good

for n in 2 7; do
    say "$n ranks"
    expect_quern 0 $n run job.yaml --output res
    same_files alone res
    rm -r res
done

say "what cannot be"
expect_code 2 quern run job.yaml --output bad \
    --set 'stages.plain.steps=[{heat: {alpha: 0.2, steps: 7, every: 2}}]'
expect_text err 'heat: 7 steps are no multiple of every 2'
expect_quern 2 2 run job.yaml --output bad --stage plain \
    --set 'stages.plain.steps=[{heat: {alpha: 0.2, steps: 8, every: 2}}, laplacian]'
expect_text err 'several ranks cannot share an item, as it goes on with states'

cat >long.yaml <<'END'
name: long
stages:
  plate:
    input: plate.npy
    team: all
    steps: [heat: {alpha: 0.2, steps: 8000, every: 400}]
  single:
    input: plate.npy
    team: all
    steps: [heat: {alpha: 0.2, steps: 8000, every: 400}]
    output: {dtype: float32, compress: 1}
END
expect_code 0 quern run long.yaml --output whole
refuse_text err 'goes on from'

states_there()
{
    local mark
    mark=$(cat res/.quern/scratch/states-*.mark 2>/dev/null)
    [ "${mark##* }" -ge 2 ] 2>/dev/null
}

# kill_rank STAGE RANKS: begin, and kill one rank when some states are there.
kill_rank()
{
    local pid
    "$QUERN_SOURCE/scripts/mpirun.sh" -n "$2" "$QUERN_BIN/quern" run long.yaml \
        --output "$PWD/res" --stage "$1" >out 2>err </dev/null &
    wait_until states_there || fail "no states are kept: $(cat err)"
    pid=$(pgrep -n -f "quern run long.yaml --output $PWD/res --stage $1") ||
        fail "no rank is at work"
    kill -9 "$pid"
    wait $! && fail "the run went on without its rank"
    good
    expect_file res/.quern/scratch/states-*.mark
    refuse_file "res/$1/plate.h5"
}

# went_on STAGE: said once, from a step in the middle, and recorded.
went_on()
{
    local told
    told=$(sed -n "s/^quern: $1: plate.npy goes on from step \\([0-9]*\\) of \
8000, kept by the run before\$/\\1/p" err)
    [ "$told" -ge 800 ] 2>/dev/null && [ "$told" -le 8000 ] ||
        fail "$1 went on from '$told'"
    good
    /usr/bin/python3 - "$1" "$told" <<'END' || fail "not in the record"
import json, sys
found = json.load(open("res/.quern/run.json"))["resumed"]
stage, step = sys.argv[1], int(sys.argv[2])
assert found == [{"stage": stage, "item": "plate.npy", "step": step}], found
END
    good
}

say "a rank is killed: the run ends, and the next goes on, on other ranks too"
kill_rank plate 3
expect_code 0 quern clean res
expect_file res/.quern/scratch/states-*.mark res/.quern/scratch/states-*.frames
expect_quern 0 2 run long.yaml --output res --stage plate
went_on plate
kill_rank single 2
expect_quern 0 4 run long.yaml --output res
went_on single
compare whole res
say "states that a team left, on one rank, and the other way round"
rm -r res
kill_rank plate 3
expect_code 0 quern run long.yaml --output res --stage plate
went_on plate
kill_rank single 1
expect_quern 0 3 run long.yaml --output res
went_on single
compare whole res
[ -z "$(ls res/.quern/scratch)" ] || fail "scratch is left"
good

say "more items than ranks: each rank goes on with its own"
/usr/bin/python3 - <<'END' || fail "no plates"
import numpy as np
r = np.random.default_rng(11)
for i in range(2):
    np.save(f"large{i}.npy", r.uniform(size=(512, 512)).astype("f4"))
END
cat >long.yaml <<'END'
name: long
stages:
  many:
    input: "large?.npy"
    steps: [heat: {alpha: 0.2, steps: 4096, every: 512}]
END
expect_code 0 quern run long.yaml --output whole
kill_rank many 1
expect_quern 0 2 run long.yaml --output res
expect_text err 'many: large[01].npy goes on from step [0-9]+ of 4096'
compare whole res
[ -z "$(ls res/.quern/scratch)" ] || fail "scratch is left"
good

say "states of a result that the job does not have any more are removed"
touch res/.quern/scratch/states-00000000000000000000000000000000.frames
expect_code 0 quern clean res
refuse_file res/.quern/scratch/states-00000000000000000000000000000000.frames

finish
