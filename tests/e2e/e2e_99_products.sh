#!/usr/bin/env bash
# Products on real frames, as NumPy and SciPy have them: reductions, histogram,
# moments, masks, pca, moving mean and radial means; alone, on 3 ranks and on a
# team of 4.
. "$(dirname "$0")/lib.sh"

need_shared data/hdf5 data/npy
shared=$QUERN_SHARED/data

/usr/bin/python3 - <<'END' || fail "no masks"
import numpy as np
r = np.random.default_rng(3)
np.save("masks.npy", r.random((3, 2, 640)))
END
cat >job.yaml <<'END'
name: products
precision: float64
stages:
  tooth:
    input: {files: hdf5/tooth.h5, dataset: /exchange/data}
    products:
      sum: {reduce: {method: sum}}
      mean: {reduce: {axis: 0}}
      std: {reduce: {method: std, axis: 0}}
      median: {reduce: {method: median, axis: 0}}
      low: {reduce: {method: min, axis: [1, 2]}}
      counts: {histogram: {bins: 64, range: [0, 65536]}}
      moments: moments
      signal: {masks: {file: MASKS}}
      rings: {radial: {center: [0.5, 320], bins: 40}}
      pca: {pca: 4}
  moving:
    input: {files: hdf5/tooth.h5, dataset: /exchange/data}
    steps: [moving-mean: {window: 9, axis: 0}]
  land:
    input: npy/jacksboro_fault_dem.npy
    products:
      mean: {reduce: {method: mean}}
      std: {reduce: {method: std}}
      median: {reduce: {method: median}}
      high: {reduce: {method: max, axis: 1}}
      counts: {histogram: {bins: 50, range: [200, 1200]}}
      moments: moments
      rings: {radial: {center: [170, 200], bins: 60}}
END
sed -i "s|MASKS|$PWD/masks.npy|" job.yaml
expect_quern 0 0 run job.yaml --data "$shared" --output alone
expect_quern 0 3 run job.yaml --data "$shared" --output ranks
compare alone ranks

cat >check.py <<'END'
import sys

import h5py
import numpy as np
import scipy.ndimage as ndi

shared = sys.argv[1]
near = np.testing.assert_allclose


def get(path, name="data"):
    file, product = path.split(":")
    with h5py.File(f"{sys.argv[2]}/{file}.h5") as f:
        return f[f"/entry/{product}/{name}"][()]


def same(path, want):
    have = get(path)
    assert have.shape == np.shape(want), (path, have.shape)
    assert np.array_equal(have, want), path


def rings(x, y, c, bins):
    yy, xx = np.indices(x.shape)
    r = np.hypot(yy - y, xx - c)
    far = np.hypot(max(y, x.shape[0] - 1 - y), max(c, x.shape[1] - 1 - c))
    i = np.minimum((r / (far / bins)).astype(int), bins - 1)
    labels = np.arange(bins)
    return ndi.mean(x, i, labels), ndi.sum_labels(np.ones_like(x), i, labels)


def moments(path, x, i=()):
    yy, xx = np.indices(x.shape)
    s = x.sum()
    c = ndi.center_of_mass(x)
    near(get(path)[i], s, rtol=1e-12)
    near(get(path, "centre")[i], c, rtol=1e-12)
    dy, dx = yy - c[0], xx - c[1]
    want = [[(x * a * b).sum() / s for b in (dy, dx)] for a in (dy, dx)]
    near(get(path, "second")[i], want, rtol=1e-10,
         atol=1e-10 * np.abs(want).max())


with h5py.File(shared + "/hdf5/tooth.h5") as f:
    x = f["/exchange/data"][()].astype("f8")
t = "tooth/tooth:"
near(get(t + "sum"), x.sum(), rtol=1e-14)
near(get(t + "mean"), x.mean(0), rtol=1e-14)
near(get(t + "std"), x.std(0), rtol=1e-12)
same(t + "median", np.median(x, 0))
same(t + "low", x.min((1, 2)))
same(t + "counts", np.histogram(x, 64, (0, 65536))[0])
near(get(t + "signal"),
     np.tensordot(x, np.load("masks.npy"), ([1, 2], [1, 2])), rtol=1e-12)
for i in (0, 90, 180):
    moments(t + "moments", x[i], i)
    mean, n = rings(x[i], .5, 320, 40)
    near(get(t + "rings")[i], mean, rtol=1e-12)
    assert np.array_equal(get(t + "rings", "count")[i], n)

flat = x.reshape(len(x), -1)
u, s, v = np.linalg.svd(flat - flat.mean(0), full_matrices=False)
near(get(t + "pca", "mean"), x.mean(0), rtol=1e-14)
near(get(t + "pca", "values"), s[:4] ** 2 / (len(x) - 1), rtol=1e-9)
have = get(t + "pca").reshape(4, -1)
for k in range(4):
    want = v[k] * np.sign(v[k][np.abs(v[k]).argmax()])
    near(have[k], want, atol=1e-7)

want = ndi.uniform_filter1d(x, 9, 0)
# ours is the mean of what came before, SciPy's is centred
near(get("moving/tooth:data")[8:], want[4:-4], rtol=1e-12)

raw = np.load(shared + "/npy/jacksboro_fault_dem.npy")
x = raw.astype("f8")
t = "land/jacksboro_fault_dem:"
near(get(t + "mean"), x.mean(), rtol=1e-14)
near(get(t + "std"), x.std(), rtol=1e-12)
same(t + "median", np.median(x))
same(t + "high", raw.max(1))
same(t + "counts", np.histogram(x, 50, (200, 1200))[0])
moments(t + "moments", x)
mean, n = rings(x, 170, 200, 60)
near(get(t + "rings"), mean, rtol=1e-12)
assert np.array_equal(get(t + "rings", "count"), n)
END

say "as NumPy and SciPy have them"
expect_code 0 /usr/bin/python3 check.py "$shared" alone

say "the same bits on a team of 4"
cat >same.py <<'END'
import sys

import h5py


def datasets(path):
    found = {}
    with h5py.File(path) as f:
        for product in set(f["/entry"]) - {"process"}:
            group = f["/entry/" + product]
            for name in group:
                if isinstance(group[name], h5py.Dataset):
                    found[product, name] = group[name][()].tobytes()
    return found


a, b = (datasets(p) for p in sys.argv[1:])
print([k for k in a if a[k] != b.get(k)])
sys.exit(len(a) < 10 or a != b)
END
for item in tooth/tooth land/jacksboro_fault_dem; do
    expect_quern 0 4 run job.yaml --data "$shared" --output team \
        --team 4 --stage ${item%/*}
    expect_code 0 /usr/bin/python3 same.py alone/$item.h5 team/$item.h5
done

finish
