#!/usr/bin/env bash
# Combining items that no rank has whole: the same results for every number of
# ranks, members that fail included.
. "$(dirname "$0")/lib.sh"

/usr/bin/python3 - <<'END' || fail "no frames"
import numpy as np
from astropy.io import fits
r = np.random.default_rng(6)
for i in range(6):
    data = r.integers(200, 3000, size=(300, 401)).astype("u2")
    data[:, :370] += 500
    data[i, :] = 65000
    head = fits.Header()
    head["FILTER"] = "RV"[i % 2]
    head["NIGHT"], head["NSTEPS"] = "one", 1 + 3 * i
    head["EXPTIME"] = 10.0 * (i + 1)
    head["BIASSEC"] = "[371:401, 1:300]"
    head["TRIMSEC"] = "[1:370, 2:299]"
    head["CRPIX1"] = 100.0
    fits.writeto(f"f{i}.fits", data, head)
open("f9.fits", "w").write("no frame")
fits.writeto("f8.fits", np.zeros((300, 401), "f4"), head)
END

cat >job.yaml <<'END'
name: combine
stages:
  plain:
    input: {files: ["f[0-5].fits"]}
    combine: {method: median}
  sums:
    input: {files: ["f[0-5].fits"]}
    combine: {method: sum, per: FILTER}
    output: {dtype: int32, compress: 2}
  flat:
    input: "f*.fits"
    steps: [overscan, normalize, heat: {alpha: 0.1, steps: {header: NSTEPS}}]
    combine: {method: mean, reject: sigma-clip, sigma: 2, weights: EXPTIME, at-least: 3}
  stack:
    input: {files: ["f[0-5].fits"]}
    steps: [subtract: {stage: plain}, bin: 2]
    combine: {method: std, reject: min-max, low: 1, high: 1, per: FILTER}
    output: {format: fits}
END

say "alone"
expect_code 3 quern run job.yaml --output alone
expect_text err 'flat: 6 of 8'

for n in 3 4 7; do
    say "$n ranks"
    expect_quern 3 $n run job.yaml --output res --set stages.plain.team=all \
        --set stages.sums.team=all --set stages.flat.team=all \
        --set stages.stack.team=2 --threads $((n % 3 + 1))
    compare alone res
    expect_tidy res
    rm -r res
done

say "more than a rank may fill: on all ranks, through scratch, or refused"
expect_code 2 quern run job.yaml --output small --stage flat --memory 2MiB
expect_text err 'what it combines needs .* and a rank may fill 2.0 MB.*team: all'
expect_quern 0 3 plan job.yaml --output small --stage flat --memory 2MiB
expect_text out 'team +3 ranks an item'
expect_quern 3 3 run job.yaml --output small --stage flat --memory 2MiB
mkdir part && cp alone/flat.h5 part
compare part small

finish
