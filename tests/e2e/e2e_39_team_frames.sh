#!/usr/bin/env bash
# Frames of files, and HDUs, on teams: the same files for every number of ranks.
. "$(dirname "$0")/lib.sh"

/usr/bin/python3 - <<'END' || fail "no frames"
import h5py, numpy as np
from astropy.io import fits
r = np.random.default_rng(3)
for name, how in ("s1.h5", {}), ("s2.h5", dict(chunks=(1, 64, 90), compression=3)):
    with h5py.File(name, "w") as f:
        f.create_dataset("data", data=r.integers(0, 60000, (70, 150, 90)).astype("u2"), **how)
        f["dark"] = r.normal(100, 1, (5, 150, 90))
        f["flat"] = r.uniform(0.5, 2, (150, 90))
        f["t"] = np.arange(70.0)
cube = r.normal(100, 5, (5, 150, 200))
np.save("cube.npy", cube)
cube[3] = np.nan
np.save("hole.npy", cube)
fits.HDUList([fits.PrimaryHDU()] + [
    fits.ImageHDU(r.normal(5, 1, (150, 90)).astype("f4")) for _ in range(3)
]).writeto("hdus.fits")
head = fits.Header()
head["CRPIX1"], head["CRPIX2"] = 50.5, 40.0
fits.writeto("ccd.fits", r.integers(0, 500, (4, 120, 130)).astype("i2"), head)
END
gzip -k ccd.fits
head -c 600000 cube.npy >cut.npy

cat >job.yaml <<'END'
name: frames
stages:
  joined:
    team: all
    input: {files: "s?.h5", dataset: /data, each: frame}
    steps:
      - subtract: {dataset: /dark, reduce: mean}
      - divide: {dataset: /flat}
      - gaussian: {sigma: 1}
      - bin: 2
    output: {carry: [/t]}
  products:
    team: all
    input: {files: "s?.h5", dataset: /data, each: frame}
    steps: [gaussian: {sigma: 1}]
    products: {sum: {reduce: {axis: 0, method: sum}}, m: {moments: {}}, r: {radial: {center: [70, 80], bins: 10}}}
    output: {dtype: float64}
  packed:
    team: all
    input: {files: [cube.npy, cut.npy], each: frame}
    output: {dtype: float32, compress: 3}
  lost:
    team: all
    input: {files: hole.npy, each: frame}
    steps: [normalize]
  members:
    team: all
    input: {files: [cube.npy, hole.npy], each: frame}
    steps: [normalize]
    combine: {method: median}
  files:
    team: all
    input: {files: "s?.h5", dataset: /data, each: frame}
    steps: [subtract: 5]
    combine: {method: mean, reject: sigma-clip, sigma: 3, per: file}
  numbers:
    team: all
    input: {files: "s?.h5", dataset: /data, each: frame, frames: "/t > 60", where: "frame < 2"}
    output: {name: "{stem}-{frame}"}
  hdus:
    team: all
    input: {files: hdus.fits, each: hdu}
    steps: [gaussian: 1]
    output: {name: "{stem}-{hdu}"}
  gzipped:
    team: all
    input: {files: ccd.fits.gz, each: frame}
    steps: [crop: "[2:100, 3:110]", median: {size: 3}]
  fits:
    team: all
    input: {files: ccd.fits, each: frame}
    steps: [multiply: 2, bin: 2, median: {size: 3}]
    output: {format: fits}
END

say "alone"
expect_code 3 quern run job.yaml --output alone
/usr/bin/python3 - <<'END' || fail "not what the steps say"
import h5py, numpy as np
f = h5py.File("s1.h5")
want = np.median([np.load(n)[i] / np.median(np.load(n)[i])
                  for n in ("cube.npy", "hole.npy") for i in (0, 1, 2, 3, 4)
                  if n == "cube.npy" or i != 3], axis=0)
got = h5py.File("alone/members.h5")["entry/data/data"][()]
assert np.allclose(got, want, rtol=1e-14)
END
good

# QUERN_SWEEP tries more (soak_same.sh)
counts=(2 3)
[ -z "${QUERN_SWEEP:-}" ] || counts=(2 3 7)
for n in "${counts[@]}"; do
    say "$n ranks"
    memory=
    [ "$n" -eq 2 ] || memory=--memory=3MiB
    expect_quern 3 $n run job.yaml --output res ${memory:+"$memory"}
    compare alone res
    expect_tidy res
    expect_text err 'lost: hole.npy: frame 3: normalize: no finite sample'
    expect_text err 'lost/hole.h5: 4 of 5 members are good, 5 are needed'
    expect_text err 'packed: cut.npy: '
    rm -r res
done

say "what is begun goes on, on another number of ranks"
expect_quern 0 3 run job.yaml --output res --stage joined
cp -r res half && rm half/joined/s2.h5
expect_quern 3 2 run job.yaml --output half
compare alone half

finish
