#!/usr/bin/env bash
# A grid on several ranks, and what needs all of it: statistics, reductions;
# how `plan` shows a team.
. "$(dirname "$0")/lib.sh"

/usr/bin/python3 - <<'END' || fail "no grids"
import numpy as np
r = np.random.default_rng(1)
grid = r.normal(size=(700, 900))
grid[10:20, 30:50] = np.nan
np.save("holes.npy", grid)
np.save("grid.npy", r.normal(3, 1, size=(700, 900)))
np.save("weights.npy", r.uniform(1, 2, size=(700, 900)))
np.save("row.npy", r.uniform(1, 2, size=900))
np.save("counts.npy", r.integers(0, 60000, size=(333, 444)).astype("u2"))
np.save("cube.npy", r.normal(5, 1, size=(40, 70, 90)).astype("f4"))
np.save("turns.npy", r.uniform(1, 2, size=40))
np.save("zero.npy", np.zeros((300, 300)))
np.save("line.npy", r.normal(5, 1, size=100000))
np.save("number.npy", np.float64(3.5))
END

cat >job.yaml <<'END'
name: whole
stages:
  plane:
    input: grid.npy
    steps:
      - normalize
      - gaussian: {sigma: 2}
      - normalize: {by: mean, region: ["3:690:7", "10:800:3"]}
      - normalize: {by: max}
  filled:
    input: holes.npy
    steps: [fill: {method: median}, laplacian, fill: 0.5]
  sums:
    input: grid.npy
    steps: [gaussian: {sigma: 3}]
    products:
      rows: {reduce: {axis: 0, method: sum}}
      columns: {reduce: {axis: 1, method: mean}}
      all: {reduce: {method: std}}
      middle: {reduce: {method: median}}
      medians: {reduce: {axis: 0, method: median}}
      weighted:
        reduce: {axis: 0, method: sum, weights: {file: weights.npy}}
      shape: {histogram: {bins: 10, range: [0, 5]}}
  tall:
    input: {grid: {shape: [1500, 1001]}}
    steps: [formula: "sin(i0 * 0.1) * cos(i1 * 0.37) + i0 * 1e-3"]
    products:
      rows: {reduce: {axis: 0, method: sum}}
      middle: {reduce: {method: median}}
  counts:
    input: counts.npy
    steps: [normalize: {by: mean}]
    products: {sum: {reduce: {method: sum}}}
  exact:
    input: counts.npy
    products:
      sum: {reduce: {method: sum}}
      most: {reduce: {axis: 1, method: max}}
    output: {dtype: int64}
  weighed: # in float64, whatever the samples are
    input: cube.npy
    products: {mean: {reduce: {axis: 0, weights: {file: turns.npy}}}}
  small:
    input: [cube.npy, line.npy, number.npy, zero.npy]
    steps: [normalize: {by: median}]
    products: {mean: {reduce: {method: mean}}}
END

say "alone"
expect_code 3 quern run job.yaml --output alone
expect_text err 'zero.npy: normalize: the median is 0'

for n in 2 3 4 7; do
    say "$n ranks"
    expect_code 3 "$QUERN_SOURCE/scripts/mpirun.sh" -n $n "$QUERN_BIN/quern" \
        run job.yaml --output out$n \
        --set stages.plane.team=all --set stages.filled.team=all \
        --set stages.sums.team=all --set stages.tall.team=all \
        --set stages.counts.team=2 --set stages.exact.team=all \
        --set stages.small.team=3
    expect_text err 'zero.npy: normalize: the median is 0'
    expect_code 0 /usr/bin/python3 "$QUERN_SOURCE/tests/e2e/same.py" \
        alone out$n
    expect_text out '^[1-9][0-9]* compared in 10 files, 0 differ'
done

say "the numbers are those of exact sums"
/usr/bin/python3 - <<'END' || fail "other numbers"
import math
import h5py
import numpy as np
counts = np.load("counts.npy")
with h5py.File("alone/counts/counts.h5") as f:
    c = counts.astype("f4")
    mean = math.fsum(c.ravel().tolist()) / c.size
    want = math.fsum((c.astype("f8") / mean).astype("f4").ravel().tolist())
    assert abs(f["entry/sum/data"][()] / want - 1) < 1e-6
with h5py.File("alone/exact/counts.h5") as f:
    assert f["entry/sum/data"][()] == counts.sum(dtype="i8")
END

say "an operand that does not fit fails the item, alone and shared"
for n in 1 2; do
    expect_code 3 "$QUERN_SOURCE/scripts/mpirun.sh" -n $n "$QUERN_BIN/quern" \
        run job.yaml --output bad --fresh --stage exact \
        --set stages.exact.team=all \
        --set 'stages.exact.products.sum.reduce.weights={file: row.npy}'
    expect_text err 'counts.npy: sum: reduce: weights \(900\) do not suit'
done

say "plan shows blocks, for as many ranks as asked"
shared=(job.yaml --stage plane --set stages.plane.team=all)
expect_code 0 quern plan "${shared[@]}"
expect_text out '^  steps +[1-9] \(precision'
grep -q '^  team' out && fail "a team of one rank is shown"
expect_code 0 quern plan "${shared[@]}" --ranks 4
expect_text out \
    'team  *4 ranks an item: 1 x 4 blocks of at most 700 x 256, halo 0 x 8,'
expect_code 0 quern plan "${shared[@]}" --ranks 100
expect_text out '6 x 4 blocks .*; more ranks than blocks: 76 idle'
expect_code 0 quern plan "${shared[@]}" --ranks 7 --json
/usr/bin/python3 -c '
import json
team = json.load(open("out"))["stages"][0]["team"]
assert team["ranks"] == 7 and team["blocks"] == [3, 2] and team["idle"] == 1
' || fail "the team in JSON"
expect_code 2 quern plan job.yaml --ranks 0
expect_text err "ranks needs a number, at least 1"

finish
