#!/usr/bin/env bash
# Steps that change the grid, on teams: the same files for every number of
# ranks, their headers included.
. "$(dirname "$0")/lib.sh"

/usr/bin/python3 - <<'END' || fail "no grids"
import numpy as np
from astropy.io import fits
r = np.random.default_rng(5)
data = r.integers(200, 60000, size=(611, 700)).astype("u2")
head = fits.Header()
head["BIASSEC"] = "[653:699, 1:611]"
head["TRIMSEC"] = "[5:640, 3:600]"
head["CRPIX1"], head["CRPIX2"] = 300.5, 200.25
head["CD1_1"], head["CD2_2"] = 1e-4, 2e-4
fits.writeto("ccd.fits", data, head)
holes = r.normal(size=(503, 777))
holes[100:140, 30:500] = np.nan
np.save("holes.npy", holes)
np.save("mask.npy", r.uniform(1, 2, size=(251, 388)))
np.save("cube.npy", r.uniform(size=(7, 150, 333)).astype("f4"))
END

gzip -k ccd.fits holes.npy
head -c 100000 holes.npy.gz >cut.npy.gz

cat >job.yaml <<'END'
name: grids
stages:
  ccd:
    input: ccd.fits
    steps: [overscan, bin: 2, normalize]
  frame:
    input: ccd.fits
    steps: [multiply: 2, overscan: {per: frame, method: mean}, gaussian: {sigma: 1}]
    output: {format: fits}
  column:
    input: ccd.fits
    steps:
      - clip: {min: 300}
      - overscan: {region: "[1:700, 605:611]", trim: "[1:699, 2:604]", per: column}
      - crop: "[3:690, 11:500]"
    output: {compress: 1}
  binned:
    input: holes.npy
    steps: [subtract: 1, bin: {factor: 2, method: sum}, divide: {file: mask.npy}, laplacian]
  strided:
    input: holes.npy
    steps: [crop: ["5:500:3", "1:700:7"], add: 1, median: {size: 3}, crop: ["::2", "3:"]]
  raw:
    input: ccd.fits
    steps: [crop: "[101:150, 1:611]"]
  stack:
    input: cube.npy
    steps: [overscan: {region: ["0:150", "300:333"], trim: ["0:150", "7:290"]},
            gaussian: {sigma: [0, 1, 1]}, bin: [2, 3, 1]]
    products: {mean: {reduce: {axis: 0, method: mean}}, all: {reduce: {method: sum}}}
  before:
    input: holes.npy
    steps: [moving-mean: {window: 40}, bin: 2, moving-mean: {window: 3, axis: 1}]
  cast:
    input: cube.npy
    steps: [multiply: 100, cast: int16, bin: 2, cast: uint8]
  zipped:
    input: ccd.fits.gz
    steps: [overscan, gaussian: {sigma: 1}]
  whole:
    input: ["holes.npy.gz", cut.npy.gz]
    steps: [gaussian: {sigma: 2}]
  states:
    input: holes.npy
    steps: [bin: 3, heat: {alpha: 0.2, steps: 12, every: 4}]
    output: {dtype: float32}
END

say "alone"
expect_code 3 quern run job.yaml --output alone
expect_text err 'cut.npy.gz: the gzip data is truncated or damaged'
/usr/bin/python3 - <<'END' || fail "not what the steps say"
import h5py, numpy as np
from astropy.io import fits
data = fits.getdata("ccd.fits").astype("f8")
d = h5py.File("alone/column/ccd.h5")["entry/data/data"][()]
c = np.maximum(data, 300)
want = (c[1:604, :699] - np.median(c[604:611, :699], axis=0))[10:500, 2:690]
assert np.array_equal(d, want.astype(d.dtype))
assert fits.getheader("alone/frame/ccd.fits")["CRPIX1"] == 296.5
END
good

for n in 3 4 8; do
    say "$n ranks"
    expect_quern 3 $n run job.yaml --output res --team all --threads $((n % 3 + 1))
    compare alone res
    expect_tidy res
    rm -r res
done

say "more than a rank may fill: on a team, or refused with the figures"
expect_code 2 quern run job.yaml --output small --stage states --memory 3MiB
expect_text err 'holes.npy needs 3.4 MB of memory, and a rank may fill 3.0 MB'
expect_quern 0 4 run job.yaml --output small --stage states --memory 3MiB
mkdir part && cp -r alone/states part
# what is gzipped is inflated as a whole, by the first rank's worker
for file in holes.npy holes.npy.gz; do
    expect_quern 0 0 plan job.yaml --stage whole --ranks 16 --team all --json \
        --set "stages.whole.input=$file"
    python3 -c 'import json; print(json.load(open("out"))["stages"][0]["memory"]["need"])' \
        >need.$file
done
[ "$(cat need.holes.npy.gz)" -gt $((503 * 777 * 8 + $(stat -c %s holes.npy.gz))) ] &&
    [ "$(cat need.holes.npy.gz)" -gt "$(cat need.holes.npy)" ] ||
    fail "what is inflated is not counted"
good
compare part small

finish
