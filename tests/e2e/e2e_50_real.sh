#!/usr/bin/env bash
# Real frames give the peers' numbers, and the same bytes on any ranks.
. "$(dirname "$0")/lib.sh"

need_shared data/reference.json data/ccd_sprat data/ccd_hatp32 data/hdf5 \
    data/raw data/npy data/grid
shared=$QUERN_SHARED/data

cat >real.yaml <<'END'
name: real
precision: float64
stages:
  sprat:
    input: "ccd_sprat/v_e_*.fits.gz"
    steps:
      - subtract: {file: ccd_sprat/v_dark_1.fits.gz, scale: {header: EXPTIME}}
      - divide: {file: ccd_sprat/v_slit_red_1.fits.gz}
  sprat-1: {input: {stage: sprat}, combine: {method: mean, reject: sigma-clip, sigma: 2, center: mean, iterations: 1}}
  sprat-3: {input: {stage: sprat}, combine: {method: mean, reject: sigma-clip, sigma: 2.5, iterations: 0}}
  sprat-4: {input: {stage: sprat}, combine: {method: mean, reject: sigma-clip, sigma: 3, deviation: mad, iterations: 1}}
  sprat-mean: {input: {stage: sprat}, combine: mean}
  sprat-median: {input: {stage: sprat}, combine: median}
  hat-1: {input: "ccd_hatp32/*.FITS", combine: {method: mean, reject: sigma-clip, sigma: 2, center: mean, iterations: 1}}
  hat-2: {input: "ccd_hatp32/*.FITS", combine: {method: mean, reject: sigma-clip, sigma: 2, iterations: 0}}
  hat-3: {input: "ccd_hatp32/*.FITS", combine: {method: mean, reject: sigma-clip, sigma: 2.5, iterations: 0}}
  hat-4: {input: "ccd_hatp32/*.FITS", combine: {method: mean, reject: sigma-clip, sigma: 3, deviation: mad, iterations: 1}}
  hat-mean: {input: "ccd_hatp32/*.FITS", combine: mean}
  hat-median: {input: "ccd_hatp32/*.FITS", combine: median}
  saao: {input: "ccd_saao/*.fits", steps: [overscan: {method: median, per: row}]}
  saao-bin: {input: {stage: saao}, steps: [bin: 2]}
  isis-bias:
    input: {files: "ccd_isis/*.fit.gz", where: "IMAGETYP == 'zero'"}
    steps: [overscan: {method: median, per: column}]
    combine: mean
  isis:
    input: {files: "ccd_isis/*.fit.gz", where: "IMAGETYP == 'object'"}
    steps: [overscan: {method: median, per: column}, subtract: {stage: isis-bias}]
  tooth:
    input: {files: "hdf5/tooth.h5", dataset: /exchange/data}
    steps:
      - calculate:
          expr: "(x - d) / (w - d)"
          d: {dataset: /exchange/data_dark, reduce: mean}
          w: {dataset: /exchange/data_white, reduce: mean}
  strain: {input: {files: "hdf5/H-H1*.hdf5", dataset: /strain/Strain}, steps: [bin: 16]}
  raw: {input: {files: "raw/*i16be.raw", format: raw, dtype: int16, endian: big, shape: [500, 650]}}
  slice: {input: {files: "raw/s1045.ima.gz", format: raw, dtype: uint16, endian: big, shape: [256, 256]}}
  sst: {input: {files: "grid/coads*.h5", dataset: /SST, missing: -1e34}}
  topo: {input: {files: "grid/etopo*.h5", dataset: /ROSE}}
END

for n in 0 1 3 7; do
    say "$n ranks"
    expect_quern 0 $n run real.yaml --data "$shared" --output "r$n"
    [ "$n" -eq 0 ] || compare r0 "r$n"
done

say "the peers' numbers"
# the peer's deviation is NaN once a sample was taken out: sprat-4 is one pass
expect_peers \
    r0/sprat/v_e_20180810_12_1_0_0.h5 ccd_sprat/frame1 \
    r0/sprat-1.h5 ccd_sprat/clip2.0_mean_std_1pass \
    r0/sprat-3.h5 ccd_sprat/clip2.5_median_std_converged \
    r0/sprat-4.h5 ccd_sprat/clip3.0_median_madstd_converged \
    r0/sprat-mean.h5 ccd_sprat/plain_mean \
    r0/sprat-median.h5 ccd_sprat/plain_median \
    r0/hat-1.h5 ccd_hatp32/clip2.0_mean_std_1pass \
    r0/hat-2.h5 ccd_hatp32/clip2.0_median_std_converged \
    r0/hat-3.h5 ccd_hatp32/clip2.5_median_std_converged \
    r0/hat-4.h5 ccd_hatp32/clip3.0_median_madstd_converged \
    r0/hat-mean.h5 ccd_hatp32/plain_mean \
    r0/hat-median.h5 ccd_hatp32/plain_median \
    r0/saao/a8280271.h5 ccd_saao/result \
    r0/saao-bin/a8280271.h5 ccd_saao/bin2 \
    r0/isis/r2701242.h5 ccd_isis/result \
    r0/tooth/tooth.h5 hdf5_tooth/result \
    r0/strain/H-H1_LOSC_4_V2-1126259446-32.h5 hdf5_strain_H1/bin16 \
    r0/raw/hatp32_171220043012_650x500_i16be.h5 raw/hatp32 \
    r0/slice/s1045.h5 raw/s1045 \
    r0/sst/coads_sst.nc4.h5 grid/coads_sst_valid \
    r0/topo/etopo20.nc4.h5 grid/etopo20

say "ties decided by the order of a sum"
# With 2 deviations some samples of SPRAT lie on the limit exactly, and the last
# bit of the deviation decides: the peer sums in the order its selection leaves
# behind, the definition in item order.  So this rule is held against NumPy in
# item order, which the peer's own slow path agrees with.
cat >ties.py <<'END'
import glob
import sys

import h5py
import numpy as np
from astropy.stats import sigma_clip

frames = []
for path in sorted(glob.glob("r0/sprat/*.h5")):
    with h5py.File(path, "r") as file:
        frames.append(file["/entry/data/data"][()])
clipped = sigma_clip(np.stack(frames), sigma=2, maxiters=None, axis=0,
                     cenfunc=np.nanmedian, stdfunc=np.nanstd)
want = (~np.ma.getmaskarray(clipped)).sum(0)
with h5py.File("t0/ties.h5", "r") as file:
    have = file["/entry/count/data"][()]
print((want != have).sum(), "kept counts differ")
sys.exit(int((want != have).any()))
END
cat >ties.yaml <<'END'
name: ties
precision: float64
stages:
  sprat:
    input: "ccd_sprat/v_e_*.fits.gz"
    steps:
      - subtract: {file: ccd_sprat/v_dark_1.fits.gz, scale: {header: EXPTIME}}
      - divide: {file: ccd_sprat/v_slit_red_1.fits.gz}
  ties: {input: {stage: sprat}, combine: {method: mean, reject: sigma-clip, sigma: 2, iterations: 0}}
END
expect_quern 0 2 run ties.yaml --data "$shared" --output t0
/usr/bin/python3 ties.py >figures 2>&1 || { cat figures; fail "ties"; }
good

say "the ready jobs"
expect_quern 0 2 run "$QUERN_SOURCE/jobs/sprat.yaml" \
    --data "$shared/ccd_sprat" --output sprat.out
expect_quern 0 2 run "$QUERN_SOURCE/jobs/hatp32.yaml" \
    --data "$shared/ccd_hatp32" --output hatp32.out
expect_peers hatp32.out/stack.h5 ccd_hatp32/clip2.5_median_std_converged

say "single precision"
expect_quern 0 2 run real.yaml --data "$shared" --output single \
    --set precision=float32 --stage sprat-mean
expect_peers --rtol 1e-6 single/sprat-mean.h5 ccd_sprat/plain_mean

finish
