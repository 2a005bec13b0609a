#!/usr/bin/env bash
# One job with every kind of work: the same bytes at 1, 2, 4 and 7 ranks and 1, 2
# and 3 threads, in little memory, and with every stage that may on teams.
# QUERN_SWEEP tries each number of ranks with each of threads (soak_same.sh).
. "$(dirname "$0")/lib.sh"

/usr/bin/python3 - <<'END' || fail "no data"
import h5py
import numpy as np
from astropy.io import fits

rng = np.random.default_rng(8)
for i in range(7):
    frame = rng.integers(900, 1100, (70, 133)).astype("u2")
    frame[rng.integers(0, 70, 9), rng.integers(0, 133, 9)] = 60000
    h = fits.Header({"FILTER": "BV"[i % 2], "EXPTIME": 10.0 + i})
    fits.writeto(f"f{i}.fits", frame, h)
for i in range(3):
    with h5py.File(f"scan{i}.h5", "w") as f:
        x = rng.poisson(20, (37, 48, 64)).astype("u2")
        f.create_dataset("data", data=x, chunks=(4, 48, 64), compression=3,
                         shuffle=True)
real = rng.normal(5, 2, (23, 31, 40))
real[rng.random(real.shape) < 0.01] = np.nan
np.save("real.npy", real)
np.save("mask.npy", rng.random((3, 48, 64)).astype("f4"))
grid = rng.normal(100, 20, (203, 157))
grid[50:60, 70:75] = np.nan
np.save("grid.npy", grid)
END

cat >job.yaml <<'END'
stages:
  level: {input: "f*.fits", combine: {reject: sigma-clip, sigma: 2, deviation: mad}}
  flat:
    input: "f*.fits"
    steps: [subtract: 500, normalize: {by: median}]
    combine: {method: median, per: FILTER}
  frames:
    input: "f*.fits"
    steps:
      - subtract: {stage: level}
      - divide: {stage: flat}
      - calculate: {expr: "x / t + log(exp(1.5))", t: {header: EXPTIME}}
      - bin: 2
  stack: {input: {stage: frames}, combine: {method: std, per: FILTER, reject: min-max}}
  cleaned: {input: "f*.fits", steps: [cosmic-rays, median: 5, cast: float32]}
  scan:
    input: "scan*.h5"
    products:
      total: {reduce: {axis: 0, method: sum}}
      middle: {reduce: {axis: [0, 2], method: median}}
      spread: {reduce: {axis: -1, method: std}}
      counts: {histogram: 40}
      signal: {masks: {file: mask.npy}}
      where: moments
      rings: radial
      late: {moving-mean: 6}
  shots: {input: {files: "scan*.h5", each: frame}, steps: [gaussian: 1.5]}
  rows: {input: real.npy, steps: [fill: 5], products: {parts: {pca: 4}, level: {reduce: mean}}}
  smooth: {input: real.npy, steps: [fill: median, gaussian: {sigma: 2, axes: [1, 2]}, laplacian]}
  slope: {input: real.npy, steps: [convolve: {weights: [1, 2, 1], axes: [0]}, gradient: {axes: [1, 2]}]}
  plate:
    input: grid.npy
    steps: [heat: {alpha: 0.2, steps: 37, boundary: [insulated, periodic]}]
    products: {data: {moving-mean: {window: 3, axis: 1}}, top: {reduce: {axis: 0, method: max}}}
  set: {input: {grid: {shape: [150, 201]}}, steps: [mandelbrot: {iterations: 200}]}
END
expect_quern 0 0 run job.yaml --output whole --threads 1
for threads in 2 3; do
    expect_quern 0 0 run job.yaml --output "t$threads" --threads $threads
    compare whole "t$threads"
done
both=(1x2 2x1 2x3 4x2 7x1 7x3)
[ -z "${QUERN_SWEEP:-}" ] || both=({1,2,4,7}x{1,2,3})
for each in "${both[@]}"; do
    say "ranks x threads: $each"
    expect_quern 0 "${each%x*}" run job.yaml --output "r$each" \
        --threads "${each#*x}"
    compare whole "r$each"
done

say "little memory, and teams"
expect_quern 0 0 run job.yaml --output small --memory 15MB
compare whole small
for n in 2 5; do
    options=()
    for stage in level flat frames stack cleaned scan rows smooth slope plate set; do
        options+=(--set "stages.$stage.team=all")
    done
    expect_quern 0 $n run job.yaml --output team$n --threads 2 "${options[@]}"
    compare whole team$n
done

finish
