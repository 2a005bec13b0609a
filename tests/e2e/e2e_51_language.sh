#!/usr/bin/env bash
# The job language on small files made here: job, input, result.
. "$(dirname "$0")/lib.sh"

mkdir data
cat >make.py <<'END'
import h5py
import numpy as np
from astropy.io import fits

rng = np.random.default_rng(5)
x = rng.integers(0, 4000, (200, 4, 6)).astype("u2")
key = (np.arange(200) % 4 == 0).astype("i4")
with h5py.File("data/scan.h5", "w") as f:
    f["/entry/data"] = x
    f["/entry/key"] = key
    f["/entry/angle"] = np.linspace(0, 180, 200)
    f["/entry/dark"] = rng.normal(100, 2, (9, 4, 6))
    f["/entry/note"] = rng.random(7)
    f["/entry"].attrs["sample"] = "tooth"
for night, kind, run, exposure in [
        ("n1", "sky", "007", 10), ("n1", "sky", "008", 30),
        ("n2", "sky", "007", 10), ("n2", "dark", "001", 20)]:
    h = fits.Header()
    h["EXPTIME"] = exposure
    h["DATE-OBS"] = "2024-03-0%sT23:50:00" % night[1]
    h["GAIN"] = 2.0
    path = f"data/{night}-{kind}-{run}.fits"
    fits.writeto(path, rng.integers(0, 999, (4, 6)).astype("i2"), h)
mef = [fits.PrimaryHDU()]
for i in range(3):
    mef.append(fits.ImageHDU((np.arange(12).reshape(3, 4) + 100 * i).astype("i2")))
    mef[-1].header["GAIN"] = i + 1.0
fits.HDUList(mef).writeto("data/mef.fits")
np.save("data/a.npy", np.arange(24, dtype="f8").reshape(4, 6))
np.save("data/a_mask.npy", (np.arange(24) % 5 == 0).astype("u1").reshape(4, 6))
np.save("data/b.npy", np.arange(24, dtype="f8").reshape(4, 6))
END
/usr/bin/python3 make.py || fail "make.py"
printf 'path,filter,weight\na.npy,V,1\nb.npy,B,3\n' >data/frames.csv

cat >say.yaml <<'END'
name: say
precision: float64
stages:
  # frames of one file: combined, reduced one by one, chosen, carried
  dark: {input: {files: scan.h5, dataset: /entry/dark, each: frame}, combine: median}
  frames:
    input: {files: scan.h5, dataset: /entry/data, each: frame}
    steps: [subtract: {stage: dark}, normalize: {by: max}]
    output: {carry: [/entry/angle, /entry/note]}
  chosen:
    input: {files: scan.h5, dataset: /entry/data, frames: "/entry/key == 0 and frame < 100", slice: ["0:20:2", ":", "1:3"]}
    output: {carry: [/entry/angle]}
  total: {input: {stage: frames, each: frame}, combine: {method: sum}}
  # fields from paths, headers and lists
  nightly:
    input: {files: "{night}-{kind}-{run}.fits", where: "kind == 'sky' and EXPTIME < 20"}
    steps: [divide: {header: EXPTIME}, multiply: {header: GAIN}]
    output: {name: "{night}/{run}-{EXPTIME}", format: fits}
  by-night:
    input: {files: "*-*-*.fits", where: "has(GAIN)"}
    combine: {method: sum, per: ["date(DATE-OBS, '-12 h')"]}
  listed:
    input: "@frames.csv"
    combine: {method: mean, weights: weight}
  per-filter:
    input: "@frames.csv"
    combine: {method: max, per: filter}
  # companions and operands beside the file
  masked:
    input: {files: ["a.npy"], with: {mask: "{stem}_mask.npy"}}
    steps:
      - bad-pixels: {file: "{mask}"}
      - fill: {value: -1}
      - calculate: {expr: "sqrt(abs(x)) + d / 2", d: 4}
      - clip: {max: 6}
      - polynomial: {coefficients: [1, 0, 2]}
      - crop: "1:3, 2:6"
      - cast: int16
  images: {input: {files: mef.fits, each: hdu, where: "GAIN < 3"}, steps: [multiply: {header: GAIN}]}
  image-sum: {input: {files: mef.fits, hdu: all}, combine: sum}
  frames-again: {input: {files: scan.h5, dataset: /entry/data, each: frame}, combine: {method: max, per: file}}
  several: {input: {files: scan.h5, dataset: [/entry/data, /entry/dark]}, steps: [bin: 2]}
  named: {input: arguments, steps: [add: 1]}
END

for n in 0 1 3 7; do
    say "$n ranks"
    expect_quern 0 $n run say.yaml --data data --output "r$n" data/a.npy "$PWD/data/b.npy"
    [ "$n" -eq 0 ] || compare r0 "r$n"
done
cmp r0/nightly/n1/007-10.fits r3/nightly/n1/007-10.fits ||
    fail "the FITS files differ"
good

say "the numbers"
cat >check.py <<'END'
import glob

import h5py
import numpy as np
from astropy.io import fits


def get(name, product="data"):
    with h5py.File(f"r0/{name}.h5") as f:
        return f[f"/entry/{product}/data"][()]


same = np.testing.assert_array_equal
near = np.testing.assert_allclose
with h5py.File("data/scan.h5") as f:
    x, key, angle, dark, note = (f["/entry/" + n][()] for n in
                                 ("data", "key", "angle", "dark", "note"))
same(get("dark"), np.median(dark, axis=0))
y = x - np.median(dark, axis=0)
y /= y.max(axis=(1, 2), keepdims=True)
near(get("frames/scan"), y, rtol=1e-15)
same(get("frames/scan", "angle"), angle)
same(get("frames/scan", "note"), note)
pick = [i for i in range(100) if key[i] == 0]
same(get("chosen/scan"), x[pick][0:20:2, :, 1:3])
same(get("chosen/scan", "angle"), angle[pick][0:20:2])
near(get("total"), y.sum(axis=0), rtol=1e-13)
for night in ("n1", "n2"):
    with fits.open(f"r0/nightly/{night}/007-10.fits") as h:
        h.verify("exception")
        same(h[0].data, fits.getdata(f"data/{night}-sky-007.fits") / 10.0 * 2)
        assert h[0].header["EXPTIME"] == 10
        assert "divide" in str(h[0].header["HISTORY"])
assert not glob.glob("r0/nightly/*/*30*")
nights = {n: sum(fits.getdata(p).astype("i8")
                 for p in glob.glob(f"data/{n}-*.fits")) for n in ("n1", "n2")}
same(get("by-night/2024-03-01"), nights["n1"])
same(get("by-night/2024-03-02"), nights["n2"])
a, b = np.load("data/a.npy"), np.load("data/b.npy")
near(get("listed"), (a + 3 * b) / 4, rtol=1e-15)
same(get("per-filter/V"), a)
m = np.where(np.load("data/a_mask.npy") != 0, -1, a)
z = np.minimum(np.sqrt(abs(m)) + 2, 6)
same(get("masked/a"), np.rint(1 + 2 * z * z)[1:3, 2:6].astype("i2"))
ramp = np.arange(12).reshape(3, 4)
same(get("images/mef-1"), ramp)
same(get("images/mef-2"), (ramp + 100) * 2)
assert len(glob.glob("r0/images/*")) == 2
same(get("image-sum"), 3 * ramp + 300)
same(get("frames-again/scan"), x.max(axis=0))
assert get("several/scan").shape == (200, 2, 3)
assert get("several/scan", "dark").shape == (9, 2, 3)
same(get("named/a"), a + 1)
same(get("named/b"), b + 1)
END
/usr/bin/python3 check.py >figures 2>&1 || { cat figures; fail "numbers"; }
good

say "a few items first, then the rest"
expect_quern 0 0 run say.yaml --data data --output few --stage nightly --only '*n1*'
expect_file few/nightly/n1/007-10.fits
refuse_file few/nightly/n2
expect_quern 0 0 run say.yaml --data data --output few --stage frames --limit 1 --keep-steps
expect_quern 0 2 run say.yaml --data data --output few data/a.npy data/b.npy
compare r0 few

say "files behind a job that reads none, a job that wants some"
expect_quern 2 0 run "$NIGHT" --data data data/a.npy
expect_text err 'no stage of it reads them'
expect_quern 2 0 run say.yaml --data data --output none --stage named
expect_text err 'quern run JOB FILE'

say "a touched companion, list or header value makes anew what depends on it"
find r0 -name '*.h5' -printf '%P %T@\n' | sort >before
touch -d '2001-01-01' data/a_mask.npy
printf 'path,filter,weight\na.npy,V,2\nb.npy,B,3\n' >data/frames.csv
expect_quern 0 0 run say.yaml --data data --output r0 data/a.npy data/b.npy
find r0 -name '*.h5' -printf '%P %T@\n' | sort >after
diff before after | sed -n 's/^> \([^ ]*\) .*/\1/p' >changed
printf 'listed.h5\nmasked/a.h5\n' | cmp - changed || { cat changed; fail "changed"; }
good

say "what is wrong with one item is that item's"
cat >bad.yaml <<'END'
stages:
  partner: {input: {files: "*.npy", with: {mask: "{stem}_mask.npy"}}}
  field: {input: "*-*-*.fits", steps: [divide: {header: NOSUCH}]}
  frames: {input: {files: scan.h5, dataset: /entry/data, frames: "/entry/nosuch == 1"}}
END
expect_quern 3 0 run bad.yaml --data data --output bad
expect_text err 'b\.npy: its companion mask, b_mask\.npy, is not there'
expect_text err 'NOSUCH'
expect_text err 'nosuch'
expect_file bad/partner/a.h5

finish
