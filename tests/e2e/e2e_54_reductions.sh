#!/usr/bin/env bash
# Histogram, moments, radial, moving-mean, masks and pca: NumPy's numbers, the
# same bytes on any ranks and threads, and what NeXus asks of their groups.
. "$(dirname "$0")/lib.sh"

/usr/bin/python3 -c 'import h5py, numpy' 2>/dev/null || skip "no python3-h5py"

cat >make.py <<'END'
import h5py
import numpy as np

rng = np.random.default_rng(5)
for k in range(2):
    with h5py.File(f"scan{k}.h5", "w") as f:
        frames = rng.poisson(40, (603, 48, 50)).astype("u2")
        f.create_dataset("/entry/data/data", data=frames, chunks=(8, 48, 50),
                         compression=1, shuffle=True)
x = rng.normal(3, 1, (300, 31, 45))
x[rng.random(x.shape) < .01] = np.nan
np.save("real.npy", x)
np.save("line.npy", rng.normal(5, 1, 100_000).astype("f4"))
np.save("rows.npy", rng.normal(size=(900, 40)) @ rng.normal(size=(40, 40)))
np.save("masks.npy", rng.random((7, 48, 50)).astype("f4"))
np.save("mask.npy", rng.random((31, 45)))
np.save("nan.npy", np.full((48, 50), np.nan))
np.save("inf.npy", np.where(rng.random((40, 6)) < .1, np.inf, 1))
np.save("weights.npy", rng.random((48, 50)))
END
/usr/bin/python3 make.py || fail "make.py"

cat >job.yaml <<'END'
name: reductions
stages:
  scan:
    input: "scan*.h5"
    products:
      counts: {histogram: {bins: 20, range: [10, 70]}}
      own: {histogram: 13}
      signal: {masks: {file: masks.npy}}
      first: {masks: {shapes: "disk(20, 25, 6.5); ring(20, 25, 6.5, 12); rectangle(2, 3, 5, 9); all"}}
      moments: moments
      rings: {radial: {center: [20, 25.5]}}
      few: {radial: {center: [20, 25.5], bins: 9}}
      mean: {reduce: {axis: 0}}
      weighted: {reduce: {axis: [1, 2], method: sum, weights: {file: weights.npy}}}
  real:
    input: real.npy
    products:
      counts: {histogram: {bins: 50}}
      signal: {masks: {file: mask.npy}}
      moments: moments
      rings: radial
  frame:
    input: {files: real.npy, slice: ["2", ":", ":"]}
    products: {signal: {masks: {file: mask.npy}}, moments: moments}
  line: {input: line.npy, products: {moments: moments, counts: {histogram: 7}, rings: {radial: {bins: 10}}}}
  rows: {input: rows.npy, products: {pca: {pca: 5}}}
  moving: {input: real.npy, steps: [moving-mean: {window: 7, axis: 0}]}
  along: {input: real.npy, steps: [moving-mean: {window: 4, axis: -1}]}
  both:
    input: real.npy
    products: {along: {moving-mean: {window: 4, axis: -1}}, moving: {moving-mean: 7}}
  fits: {input: "scan*.h5", products: {counts: {histogram: {bins: 20, range: [10, 70]}}}, output: {format: fits}}
END

for n in 0 3; do
    say "$n ranks"
    expect_quern 0 $n run job.yaml --output "r$n"
    [ "$n" -eq 0 ] || compare r0 "r$n"
done
say "threads"
expect_quern 0 0 run job.yaml --output r4 --set threads=4
compare r0 r4

say "the numbers"
cat >check.py <<'END'
import h5py
import numpy as np
from astropy.io import fits

near = np.testing.assert_allclose


def get(path, name="data"):
    with h5py.File(f"r0/{path.split(':')[0]}.h5") as f:
        return f[f"/entry/{path.split(':')[1]}/{name}"][()]


def moments(x):
    x = np.nan_to_num(np.atleast_2d(x))
    y0, x0 = np.indices(x.shape)
    s = x.sum()
    c = np.array([(x * y0).sum(), (x * x0).sum()]) / s
    dy, dx = y0 - c[0], x0 - c[1]
    second = [[(x * a * b).sum() / s for b in (dy, dx)] for a in (dy, dx)]
    return s, c, np.array(second)


def rings(x, y, c, width=1, bins=None):
    yy, xx = np.indices(x.shape)
    r = np.hypot(yy - y, xx - c)
    bin = (r / width).astype(int)
    bin = np.minimum(bin, bins - 1) if bins else bin
    keep = ~np.isnan(x)
    n = np.bincount(bin[keep], minlength=bin.max() + 1)
    with np.errstate(invalid="ignore"):
        return np.bincount(bin[keep], x[keep], bin.max() + 1) / n, n


yy, xx = np.indices((48, 50))
r2 = (yy - 20) ** 2 + (xx - 25) ** 2
shapes = np.array([r2 <= 6.5**2, (r2 >= 6.5**2) & (r2 < 144),
                   (yy >= 2) & (yy < 5) & (xx >= 3) & (xx < 9), r2 >= 0])
for k in range(2):
    with h5py.File(f"scan{k}.h5") as f:
        x = f["/entry/data/data"][()]
    item = f"scan/scan{k}:"
    want, edges = np.histogram(x, 20, (10, 70))
    assert (get(item + "counts") == want).all()
    near(get(item + "counts", "edges"), edges)
    assert (get(item + "own") == np.histogram(x, 13)[0]).all()
    have = get(item + "signal")
    assert have.dtype == np.float32 and have.shape == (603, 7)
    masks = np.load("masks.npy").astype(float)
    near(have, np.tensordot(x.astype(float), masks, ([1, 2], [1, 2])), rtol=2e-6)
    near(get(item + "first"), np.tensordot(x.astype(int), shapes, ([1, 2], [1, 2])), rtol=1e-7)
    # weights are not rounded to the real type of 16-bit samples
    near(get(item + "weighted"), np.tensordot(x.astype(float), np.load("weights.npy")),
         rtol=1e-13)
    for i in (0, 5, 602):
        s, c, second = moments(x[i].astype(float))
        assert get(item + "moments")[i] == s
        near(get(item + "moments", "centre")[i], c, rtol=1e-12)
        near(get(item + "moments", "second")[i], second, atol=1e-10)
        mean, n = rings(x[i], 20, 25.5)
        near(get(item + "rings")[i], mean, rtol=1e-12)
        assert (get(item + "rings", "count")[i] == n).all()
        far = np.hypot(27, 25.5)
        near(get(item + "few")[i], rings(x[i], 20, 25.5, far / 9, 9)[0], rtol=1e-12)
    near(get(item + "few", "radius"), (np.arange(9) + .5) * far / 9)
    with fits.open(f"r0/fits/scan{k}.fits") as f:
        assert (f[0].data == want).all() and f[1].name == "counts.edges"
        near(f[1].data, edges)

x = np.load("real.npy")
keep = x[~np.isnan(x)]
want, edges = np.histogram(keep, 50)
assert (get("real/real:counts") == want).all()
near(get("real/real:counts", "edges"), edges, rtol=1e-12)
mask = np.load("mask.npy")
want = np.tensordot(np.nan_to_num(x), mask)
near(get("real/real:signal"), want, rtol=1e-12)
near(get("frame/real:signal"), want[2], rtol=1e-12)
for i in (0, 299):
    s, c, second = moments(x[i])
    near(get("real/real:moments")[i], s, rtol=1e-12)
    near(get("real/real:moments", "centre")[i], c, rtol=1e-12)
    near(get("real/real:moments", "second")[i], second, atol=1e-9)
    near(get("real/real:rings")[i], rings(x[i], 15, 22)[0], rtol=1e-12)
near(get("frame/real:moments", "second")[0], moments(x[2])[2], atol=1e-9)
line = np.load("line.npy").astype(float)
s, c, second = moments(line)
near(get("line/line:moments"), s, rtol=1e-12)
near(get("line/line:moments", "centre"), [c[1]], rtol=1e-10)
near(get("line/line:moments", "second"), [[second[1, 1]]], rtol=1e-8)

rows = np.load("rows.npy")
values, vectors = np.linalg.eigh(np.cov(rows.T))
values, vectors = values[::-1][:5], vectors[:, ::-1][:, :5].T
vectors *= np.sign(vectors[np.arange(5), np.abs(vectors).argmax(1)])[:, None]
near(get("rows/rows:pca"), vectors, atol=1e-9)
near(get("rows/rows:pca", "values"), values, rtol=1e-10)
near(get("rows/rows:pca", "mean"), rows.mean(0), rtol=1e-10)


def moving(x, n):
    out = np.full_like(x, np.nan)
    for k in range(len(x)):
        out[k] = np.nanmean(x[max(0, k - n + 1):k + 1], 0)
    return out


near(get("moving/real:data"), moving(x, 7), rtol=1e-12)
same = np.testing.assert_array_equal
same(get("both/real:moving"), get("moving/real:data"))
same(get("both/real:along"), get("along/real:data"))
near(get("along/real:data"), moving(x.transpose(2, 0, 1), 4).transpose(1, 2, 0),
     rtol=1e-12)
with h5py.File("r0/scan/scan0.h5") as f:
    assert f["/entry"].attrs["default"] == b"counts"
    assert list(f["/entry/counts"].attrs["axes"]) == [b"middle"]
    assert list(f["/entry/rings"].attrs["axes"]) == [b".", b"radius"]
    assert "coretype" not in f["/entry/process"]
with h5py.File("r0/rows/rows.h5") as f:
    assert "coretype" in f["/entry/process"]
try:
    from silx.io.nxdata import NXdata
except ImportError:
    print("no silx: NeXus groups were not checked")
else:
    with h5py.File("r0/scan/scan0.h5") as f:
        for name in ("counts", "rings", "moments", "signal"):
            assert NXdata(f["/entry/" + name]).is_valid, name
END
/usr/bin/python3 -W ignore check.py >figures 2>&1 ||
    { cat figures; fail "numbers"; }
good

say "a direction that carries no meaning"
cat >equal.py <<'END'
import numpy as np

x = np.kron(np.diag([4.0, 2, 2, 1]), [[1], [-1]])
for k in range(3):
    np.save(f"equal{k}.npy", x)
np.save("apart.npy", np.kron(np.diag([4.0, 3, 2, 1]), [[1], [-1]]))
END
/usr/bin/python3 equal.py || fail "equal.py"
cat >equal.yaml <<'END'
name: equal
stages:
  one: {input: ["equal*.npy", apart.npy], products: {p: {pca: 3}}}
  none: {input: apart.npy, products: {p: {pca: 3}}}
END
told='p: pca: components 2 and 3 have equal variance, so their directions carry no meaning'
record='import json, sys; print(json.load(open(sys.argv[1]))["warnings"])'
while read -r n name options; do
    read -ra options <<<"$options"
    expect_quern 0 "$n" run equal.yaml --output "e$name" "${options[@]}"
    expect_text err "warning: one: equal0.npy: $told \\(3 items\\)"
    [ "$(grep -c 'no meaning' err)" -eq 1 ] || fail "told more than once"
    /usr/bin/python3 -c "$record" "e$name/.quern/run.json" >said
    expect_text said "'item': 'equal0.npy', .*'items': 3"
done <<'END'
0 one --set threads=1
3 three --set threads=1
3 teams --team 2
2 packed --set stages.one.output.layout=packed
END
good

say "what cannot be"
cat >bad.yaml <<'END'
name: bad
stages:
  shape: {input: real.npy, products: {m: {masks: {file: masks.npy}}}}
  both: {input: real.npy, products: {m: {masks: {file: mask.npy, shapes: all}}}}
  nan: {input: "scan0.h5", products: {m: {masks: {file: nan.npy}}}}
  many: {input: rows.npy, products: {p: {pca: 41}}}
  inf: {input: inf.npy, products: {p: {pca: 2}}}
  gone: {input: real.npy, products: {m: {masks: {file: gone.npy}}}}
  wide: {input: "scan0.h5", steps: [bin: [1, 1, 1]], products: {p: {pca: 3}, q: {radial: {center: 3}}}}
END
expect_quern 3 0 run bad.yaml
expect_text err 'm: masks: masks of 7 x 48 x 50 do not suit frames of 31 x 45'
expect_text err 'm: masks: give either \{file: PATH\}'
expect_text err 'm: masks: sample 0 of the masks is not finite'
expect_text err 'p: pca: rows have 40 samples, which must be at least'
expect_text err 'p: pca: the covariance has no eigenvectors'
expect_text err 'gone: real.npy: operand gone.npy: there is no such file'
expect_text err 'center has 1 numbers, but a frame has 2 axes'
for wrong in 'masks: {shapes: "disk(1, 2)"}' 'histogram: {range: [0, 1]}' \
    'histogram: {bins: 3, range: [1, 1]}' 'radial: {bins: 0}' 'pca: 0' masks; do
    printf 'stages: {a: {input: real.npy, products: {p: {%s}}}}\n' "$wrong" |
        sed 's/{masks}/masks/' >wrong.yaml
    expect_quern 2 0 run wrong.yaml
done

finish
