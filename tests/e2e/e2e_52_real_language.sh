#!/usr/bin/env bash
# Real folders are mixed: the job language on frames of real instruments.
. "$(dirname "$0")/lib.sh"

need_shared data/ccd_sprat data/ccd_hatp32 data/ccd_isis data/hdf5 data/grid \
    data/reference.json
shared=$QUERN_SHARED/data

cat >mixed.yaml <<'END'
name: mixed
precision: float64
stages:
  # the flat says EXPOSE like the science frames, and has no OBJECT of its own
  dark: {input: {files: "ccd_sprat/*.fits.gz", where: "OBSTYPE == 'DARK'"}}
  flat: {input: {files: "ccd_sprat/*.fits.gz", where: "OBSTYPE == 'EXPOSE' and OBJECT == 'UNKNOWN'"}, combine: mean}
  science:
    input: {files: "ccd_sprat/*.fits.gz", where: "OBSTYPE == 'EXPOSE' and OBJECT != 'UNKNOWN'"}
    steps:
      - subtract: {file: ccd_sprat/v_dark_1.fits.gz, scale: {header: EXPTIME}}
      - divide: {stage: flat}
    output: {name: "{OBJECT}/{stem}", format: fits}
  stack: {input: {stage: science}, combine: {method: mean, per: OBJECT}}

  # local times from 18:33 to 00:33: one night by the date twelve hours before
  nights: {input: "ccd_hatp32/*.FITS", combine: {method: median, per: ["date(DATE-OBS, '-12 h')"]}}
  days: {input: "ccd_hatp32/*.FITS", combine: {method: median, per: ["date(DATE-OBS)"]}}

  # IMAGETYP stands in the primary HDU, BIASSEC in the image's
  isis-zero: {input: {files: "ccd_isis/*", where: "IMAGETYP == 'zero' and has(BIASSEC)"}, steps: [overscan: {per: column}], combine: mean}
  isis: {input: {files: "ccd_isis/*", where: "IMAGETYP == 'object'"}, steps: [overscan: {per: column}, subtract: {stage: isis-zero}]}

  # tomography: dark, white and the logarithm in one job
  tooth-dark: {input: {files: hdf5/tooth.h5, dataset: /exchange/data_dark, each: frame}, combine: {method: mean, reject: sigma-clip, sigma: 2, center: mean, iterations: 1}}
  tooth-white: {input: {files: hdf5/tooth.h5, dataset: /exchange/data_white, each: frame}, combine: mean}
  tooth:
    input: {files: hdf5/tooth.h5, dataset: /exchange/data, each: frame}
    steps:
      - calculate: {expr: "-log((x - d) / (w - d))", d: {stage: tooth-dark}, w: {stage: tooth-white}}
    output: {carry: [/exchange/theta]}

  # climate: a missing value that float32 cannot hold exactly; one in an attribute
  sst: {input: {files: grid/coads_sst.nc4.h5, dataset: /SST, missing: -1e34}}
  basin: {input: {files: grid/basin_mask.nc4.h5, dataset: /basin}}
  basin-raw: {input: {files: grid/basin_mask.nc4.h5, dataset: /basin, decode: none}}
  strain: {input: {files: "hdf5/H-H1*", dataset: /strain/Strain, slice: ["0:4096"]}, steps: [multiply: 1e21]}
END

for n in 0 2 7; do
    say "$n ranks"
    expect_quern 0 $n run mixed.yaml --data "$shared" --output "r$n"
    [ "$n" -eq 0 ] || compare r0 "r$n"
done

say "the numbers"
cat >check.py <<'END'
import glob
import json
import os

import h5py
import numpy as np
from astropy.io import fits

shared = os.environ["QUERN_SHARED"] + "/data"
ref = json.load(open(shared + "/reference.json"))


def get(name, product="data"):
    with h5py.File(f"r0/{name}.h5") as f:
        return f[f"/entry/{product}/data"][()]


near = np.testing.assert_allclose
names = sorted(os.listdir("r0/science/LHS6328"))
assert len(names) == 5, names
first = fits.getdata("r0/science/LHS6328/" + names[0])
near(first.sum(), ref["ccd_sprat"]["frame1"]["sum"], rtol=1e-12)
near(get("stack/LHS6328").sum(), ref["ccd_sprat"]["plain_mean"]["sum"], rtol=1e-12)
assert os.listdir("r0/nights") == ["2017-12-19.h5"]
assert sorted(os.listdir("r0/days")) == ["2017-12-19.h5", "2017-12-20.h5"]
near(get("nights/2017-12-19").sum(), ref["ccd_hatp32"]["plain_median"]["sum"], rtol=0)
near(get("isis/r2701242").sum(), ref["ccd_isis"]["result"]["sum"], rtol=1e-12)
near(get("tooth-dark").sum(),
     ref["hdf5_tooth"]["dark_stack"]["clip2.0_mean_std_1pass"]["mean"]["sum"], rtol=1e-12)
with h5py.File(shared + "/hdf5/tooth.h5") as f:
    x, d, w = (f["/exchange/" + n][()].astype("f8") for n in
               ("data", "data_dark", "data_white"))
    np.testing.assert_array_equal(get("tooth/tooth", "theta"), f["/exchange/theta"][()])
dark = get("tooth-dark")
near(get("tooth/tooth"), -np.log((x - dark) / (w.mean(0) - dark)), rtol=1e-11)
assert np.isnan(get("sst/coads_sst.nc4")).sum() == 89622
with h5py.File(shared + "/grid/basin_mask.nc4.h5") as f:
    raw = f["basin"][()]
basin = get("basin/basin_mask.nc4")
np.testing.assert_array_equal(np.isnan(basin), raw == -100)
np.testing.assert_array_equal(basin[raw != -100], raw[raw != -100])
np.testing.assert_array_equal(get("basin-raw/basin_mask.nc4"), raw)
assert get("basin-raw/basin_mask.nc4").dtype == np.int8
assert len(glob.glob("r0/strain/*.h5")) == 1
END
/usr/bin/python3 check.py >figures 2>&1 || { cat figures; fail "numbers"; }
good

finish
