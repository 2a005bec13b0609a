#!/usr/bin/env bash
# One grid on several ranks: the same bytes for every team, and a grid that
# fits in no single rank.
. "$(dirname "$0")/lib.sh"

/usr/bin/python3 - <<'END' || fail "no grids"
import numpy as np
r = np.random.default_rng(1)
grid = r.normal(size=(700, 900))
grid[10:20, 30:50] = np.nan
np.save("grid.npy", grid)
np.save("mask.npy", r.uniform(1, 2, size=(700, 900)))
np.save("counts.npy", r.integers(0, 60000, size=(333, 444)).astype("u2"))
np.save("row.npy", r.uniform(1, 2, size=900))
for i in range(3):
    np.save(f"cube{i}.npy", r.normal(size=(40 + i, 70, 90)).astype("f4"))
open("bad.npy", "w").write("no array")
END

cat >job.yaml <<'END'
name: grids
stages:
  plane:
    input: grid.npy
    steps:
      - divide: {file: mask.npy}
      - subtract: {file: row.npy, scale: 2.0}
      - gaussian: {sigma: 3}
      - laplacian
      - multiply: 3
  cubes:
    input: ["cube*.npy", bad.npy]
    steps:
      - gaussian: {sigma: [1, 2, 1], edge: reflect}
      - gradient
    output: {dtype: float32}
  fractal:
    input: {grid: {shape: [300, 500]}}
    steps: [mandelbrot: {x: [-2.2, 0.8], y: [-1.2, 1.2], iterations: 200}]
  plate:
    input: {grid: {shape: [300, 700]}}
    steps:
      - formula: "exp(-((i0 - 150)**2 + (i1 - 300)**2) / 500)"
      - heat: {alpha: 0.2, steps: 50, boundary: periodic}
      - heat: {alpha: 0.1, steps: 7, boundary: insulated}
      - heat: {alpha: 0.1, steps: 33, boundary: fixed}
  counts:
    input: counts.npy
    steps: [median: {size: 5}, subtract: 1]
END

say "alone"
expect_code 3 quern run job.yaml --output alone

for n in 1 2 4 13; do
    say "$n ranks, teams of 2 and of all"
    expect_code 3 "$QUERN_SOURCE/scripts/mpirun.sh" -n $n "$QUERN_BIN/quern" \
        run job.yaml --output out$n \
        --set stages.plane.team=all --set stages.cubes.team=2 \
        --set stages.fractal.team=all --set stages.plate.team=all \
        --set stages.counts.team=4
    expect_code 0 /usr/bin/python3 "$QUERN_SOURCE/tests/e2e/same.py" \
        alone out$n
    expect_text out '^[1-9][0-9]* compared in 7 files, 0 differ'
done

say "by an option, where the job does not say"
expect_code 3 "$QUERN_SOURCE/scripts/mpirun.sh" -n 3 "$QUERN_BIN/quern" \
    run job.yaml --output asked --team all
expect_code 0 /usr/bin/python3 "$QUERN_SOURCE/tests/e2e/same.py" alone asked
expect_code 2 quern run job.yaml --team most

say "again: nothing is left to be done"
expect_code 3 "$QUERN_SOURCE/scripts/mpirun.sh" -n 2 "$QUERN_BIN/quern" \
    run job.yaml --output out2 --set stages.plane.team=all
expect_text err '7 of 8 items done \(7 before\), 1 failed'

say "more than a rank may fill: on a team, or refused with the figures"
expect_code 2 quern run job.yaml --output small --stage plane --memory 11059KiB
expect_text err 'grid.npy needs 11.1 MB of memory, and a rank may fill 10.8 MB'
expect_code 0 "$QUERN_SOURCE/scripts/mpirun.sh" -n 2 "$QUERN_BIN/quern" \
    run job.yaml --output small --stage plane --memory 11059KiB
rm -r alone/{cubes,fractal,plate,counts}
expect_code 0 /usr/bin/python3 "$QUERN_SOURCE/tests/e2e/same.py" alone small

say "ten times what a rank may fill, and that is what it fills"
cat >ten.yaml <<'END'
name: ten
precision: float32
stages:
  plate:
    input: {grid: {shape: [4096, 3072]}}
    steps:
      - formula: "i0 * 0.01 - i1 * 0.02"
      - heat: {alpha: 0.2, steps: 3, boundary: periodic}
      - bin: 2
END
expect_quern 0 0 run ten.yaml --output ten
expect_code 2 quern run ten.yaml --output ten32 --memory 4608KiB
expect_text err 'needs [0-9]+ MB of memory, and a rank may fill 4.5 MB'
expect_quern 0 32 run ten.yaml --output ten32 --memory 4608KiB
compare ten ten32
rm -r ten32

# on four ranks, against a run that holds next to nothing: the rank grows by
# what plan says, and its worker by the block that both see
expect_quern 0 4 run ten.yaml --output ten4 --memory 40MiB
compare ten ten4
expect_quern 0 4 run ten.yaml --output none4 --memory 40MiB --team all \
    --set 'stages.plate.input.grid.shape=[64, 64]'
expect_python <<'END'
import json

def memory(out):
    with open(f"{out}/.quern/run.json") as f:
        phases = json.load(f)["phases"]
    return [p["memory"] for p in phases if p["phase"] == "plate"][0]

big, none = memory("ten4"), memory("none4")
block = 4096 * 3072 * 4 // 4
most = big["need"] + block + (8 << 20)
print(big, none, most)
assert 3 * block <= big["need"] <= big["budget"]
assert big["most"] - none["most"] <= most
END

say "blocks of whole tiles: more ranks need not make them smaller"
cat >few.yaml <<'END'
stages:
  a:
    input: {grid: {shape: [100, 10, 50, 60]}}
    steps: [formula: "i0 + i3", gaussian: 1]
END
expect_quern 0 0 plan few.yaml --ranks 16 --team all
expect_text out '16 ranks .* at most 100 x 10 x 32 x 60, .* 45.3 MB a rank; more .* 14 idle'
expect_quern 0 0 plan few.yaml --ranks 16 --memory 20MiB
expect_text out 'a rank of 20.0 MB, 1 worker at a time, large items slab by slab'
expect_quern 2 0 plan few.yaml --ranks 16 --team all --memory 20MiB
expect_text err 'needs 36.7 MB of memory in each of 16 ranks, and a rank may fill 20.0 MB'

say "what cannot be shared"
expect_code 2 quern run job.yaml --set stages.plane.team=0
expect_text err 'team'

finish
