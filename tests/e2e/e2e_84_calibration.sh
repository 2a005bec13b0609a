#!/usr/bin/env bash
# What a night of frames does to its headers: coordinates follow the pixels, in
# astropy's eyes; and what is said where no master fits.
. "$(dirname "$0")/lib.sh"

/usr/bin/python3 -c 'import astropy, h5py, numpy' 2>/dev/null ||
    skip "no python3-astropy or python3-h5py"

cat >make.py <<'END'
import numpy as np
from astropy.io import fits

rng = np.random.default_rng(84)
wcs = dict(CTYPE1="RA---TAN-SIP", CTYPE2="DEC--TAN-SIP", CRVAL1=150., CRVAL2=2.,
           CRPIX1=21.5, CRPIX2=13., CD1_1=-1e-4, CD1_2=2e-5, CD2_1=3e-5,
           CD2_2=1.1e-4, A_ORDER=2, B_ORDER=2, A_2_0=1e-3, A_0_2=2e-3,
           A_1_1=-1e-3, B_2_0=1.5e-3, B_0_2=-2e-3, BIASSEC="[41:48,1:30]",
           TRIMSEC="[1:40,1:30]")
frames = [("dark", e, t) for e in (30., 60.) for t in (-20., -19.)]
frames += [("object", e, -20.) for e in (45., "nan", "long")]
for i, (kind, seconds, degrees) in enumerate(frames):
    head = fits.Header()
    head.update(IMAGETYP=kind, EXPTIME=seconds, CCDTEMP=degrees, **wcs)
    fits.writeto(f"{kind}{i}.fits", rng.integers(900, 1100, (30, 48)).astype("u2"), head)
END
/usr/bin/python3 make.py || fail "make.py"

say "coordinates of what is cut and binned"
cat >cut.yaml <<'END'
name: cut
stages:
  bin: {input: dark0.fits, steps: [overscan, bin: {factor: [3, 2]}], output: {format: fits}}
  crop: {input: dark0.fits, steps: [crop: "[3:42,5:30]", bin: 2], output: {format: fits}}
  slice: {input: {files: dark0.fits, slice: "[3:42,5:30]"}, steps: [bin: 2], output: {format: fits}}
  every: {input: {files: dark0.fits, slice: ["1:30:2", "2:48:3"]}, output: {format: fits}}
  pile: {input: {files: "dark*.fits", slice: ["1:30:2", "2:48:3"]}, combine: max, output: {format: fits}}
END
expect_quern 0 0 run cut.yaml --output cut
expect_quern 0 2 run cut.yaml --output cut2 --team 2
/usr/bin/python3 - <<'END' || fail "not as astropy has it"
import warnings

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

warnings.simplefilter("ignore")
raw = WCS(fits.getheader("dark0.fits"))
new = np.array([[0, 0], [3, 5], [10., 2]])
# x, y of the raw frame under the middle of a result's pixel, from 0
where = {"bin/dark0": new * [2, 3] + [.5, 1], "crop/dark0": new * 2 + [2.5, 4.5],
         "slice/dark0": new * 2 + [2.5, 4.5], "every/dark0": new * [3, 2] + [2, 1],
         "pile": new * [3, 2] + [2, 1]}
for folder in ("cut", "cut2"):
    for name, old in where.items():
        head = fits.getheader(f"{folder}/{name}.fits")
        far = np.abs(WCS(head).all_pix2world(new, 0) - raw.all_pix2world(old, 0))
        assert far.max() < 1e-9, (name, far)
        assert "BIASSEC" not in head and "TRIMSEC" not in head
assert np.array_equal(fits.getdata("cut/every/dark0.fits"),
                      fits.getdata("dark0.fits")[1:30:2, 2:48:3])
END
good

say "a product of results that are FITS is the one that is asked for"
cat >products.yaml <<'END'
name: products
stages:
  bias: {input: "dark*.fits", combine: median, output: {format: fits}}
  rows: {input: "dark*.fits", output: {format: fits}, products: {sum: {reduce: {method: sum, axis: 0}}, max: {reduce: {method: max, axis: 0}}}}
  count: {input: {stage: bias, product: count}}
  times: {input: object4.fits, steps: [multiply: {stage: bias, product: count}]}
  most: {input: {stage: rows, product: max}, combine: max}
  less: {input: "dark*.fits", steps: [subtract: {stage: rows, product: max}]}
  first: {input: {stage: rows, product: sum}}
END
sed 's/, output: {format: fits}//' products.yaml >hdf5.yaml
expect_quern 0 0 run products.yaml --output products
expect_quern 0 2 run products.yaml --output shared --team 2
expect_quern 0 0 run hdf5.yaml --output hdf5
/usr/bin/python3 - <<'END' || fail "not what HDF5 gives"
import h5py
import numpy as np

for name in ("count/bias", "times/object4", "most", "less/dark2", "first/dark2"):
    want = h5py.File(f"hdf5/{name}.h5")["/entry/data/data"][()]
    for folder in ("products", "shared"):
        got = h5py.File(f"{folder}/{name}.h5")["/entry/data/data"][()]
        assert got.dtype == want.dtype and np.array_equal(got, want), (folder, name)
END
good

say "names that mean nothing in a file's format"
cat >vain.yaml <<'END'
name: vain
stages:
  input: {input: {files: dark0.fits, dataset: SCI}}
  operand: {input: dark0.fits, steps: [subtract: {file: dark1.fits, dataset: SCI}]}
  carried: {input: dark0.fits, output: {carry: [/x]}}
  hdu: {input: {files: hdf5/bias.h5, hdu: 1}}
END
expect_quern 3 0 run vain.yaml --output vain
expect_text err "input: dark0.fits: dataset 'SCI' is asked for, and fits files hold none; name the HDU"
expect_text err "operand: dark0.fits: operand dark1.fits: dataset 'SCI'"
expect_text err "carried: dark0.fits: carry: .*dark0.fits: dataset '/x'"
expect_text err "hdu: hdf5/bias.h5: HDU '1' is asked for, and hdf5 files hold none; name the dataset"

say "no master fits"
cat >match.yaml <<'END'
name: match
stages:
  dark: {input: "dark*.fits", combine: {per: EXPTIME}}
  mixed: {input: "dark*.fits", combine: mean}
  near: {input: "object*.fits", steps: [subtract: {stage: dark, match: {nearest: EXPTIME, within: 20}}]}
  close: {input: object4.fits, steps: [subtract: {stage: dark, match: [IMAGETYP, {nearest: EXPTIME, within: 5}]}]}
  unshared: {input: object4.fits, steps: [subtract: {stage: dark, match: {nearest: CCDTEMP}}]}
  scaled: {input: object4.fits, steps: [subtract: {stage: mixed, scale: {header: EXPTIME}}]}
  number: {input: object5.fits, steps: [divide: {header: EXPTIME}]}
END
expect_quern 3 0 run match.yaml --output match
expect_file match/near/object4.h5
refuse_file match/near/object5.h5
expect_text err "near: object5.fits: EXPTIME is 'nan', not a finite number"
expect_text err "near: object6.fits: EXPTIME is 'long', not a finite number"
expect_text err "close: object4.fits: no dark for IMAGETYP 'object' \(there are dark\), EXPTIME '45' within 5 \(there are 30, 60\)"
expect_text err "unshared: object4.fits: no dark for CCDTEMP '-20' \(none has it, .* name it in the .per. of dark\)"
expect_text err "scaled: object4.fits: mixed.h5 has no EXPTIME, .* name it in the .per. of mixed"
expect_text err "number: object5.fits: EXPTIME is 'nan', not a finite number"

finish
