#!/usr/bin/env bash
# Products: many reductions of one pass give NumPy's numbers, and the same
# bytes on any ranks and threads, streamed or not.
. "$(dirname "$0")/lib.sh"

/usr/bin/python3 -c 'import h5py, numpy' 2>/dev/null || skip "no python3-h5py"

cat >make.py <<'END'
import h5py
import numpy as np

rng = np.random.default_rng(3)
for k in range(3):
    with h5py.File(f"scan{k}.h5", "w") as f:
        frames = rng.poisson(40, (70, 48, 50)).astype("u2")
        f.create_dataset("/entry/data/data", data=frames, chunks=(1, 48, 50),
                         compression=4, shuffle=True)
x = rng.normal(size=(37, 300, 211)).astype("f4")
x[rng.random(x.shape) < .05] = np.nan
x[:, 3, 4] = np.nan
np.save("real.npy", x)
np.save("wide.npy", rng.integers(-2**54, 2**54, (9, 40, 30)))
np.save("w32.npy", rng.integers(0, 2**32, (200, 90, 80), dtype=np.uint32))
np.save("one.npy", rng.integers(0, 60000, (1, 1, 300, 900)).astype("u2"))
np.save("huge.npy", np.full((5, 4), 2**62))
np.save("by-frame.npy", rng.random(37))
np.save("by-pixel.npy", rng.random((300, 211)))
END
/usr/bin/python3 make.py || fail "make.py"

# products STAGE INPUT STEPS: all methods along all kinds of axes
products()
{
    local method axis
    printf '  %s:\n    input: "%s"\n    steps: [%s]\n    products:\n' "$@"
    for method in sum mean std min max median count; do
        for axis in $axes; do
            printf '      %s%s: {reduce: {method: %s%s}}\n' $method "$axis" \
                $method "${axis:+, axis: [${axis#_}]}"
        done
    done
}

{
    printf 'name: products\nstages:\n'
    part=0
    for axes in "_0 _1 _-1" "_0,1 _0,2 _1,2 _0,1,2"; do
        # a name has no comma: the axes are written beside each other
        part=$((part + 1))
        for set in scan real w32; do
            products $set$part "$set*.*[5y]" ""
        done
        products steps$part "scan*.h5" "subtract: 3, divide: 7"
        products bin$part "scan*.h5" "subtract: 3, bin: 2"
    done | sed -E ':again; s/^( +[a-z]+_[0-9-]+),([0-9]+)/\1\2/; t again'
    cat <<'END'
  one: {input: one.npy, products: {sum: {reduce: sum}, std: {reduce: std}, median: {reduce: median}, count: {reduce: count}}}
  wide: {input: wide.npy, products: {sum: {reduce: {method: sum, axis: [1, 2]}}, median: {reduce: median}, min: {reduce: min}, std: {reduce: {method: std, ddof: 1}}}}
  last: {input: "scan*.h5", steps: [reduce: {axis: 0, method: sum}]}
  stack: {input: {stage: last}, combine: mean}
  second: {input: {stage: scan1, product: std_0}, steps: [reduce: max]}
  operand: {input: "scan*.h5", steps: [subtract: {stage: scan1, product: mean_0}, reduce: {axis: 0}]}
  weighted: {input: real.npy, products: {mean: {reduce: {axis: 0, weights: {file: by-frame.npy}}}, sum: {reduce: {axis: [1, 2], method: sum, weights: {file: by-pixel.npy}}}}}
END
} >products.yaml

for n in 0 3; do
    say "$n ranks"
    expect_quern 0 $n run products.yaml --output "r$n"
    [ "$n" -eq 0 ] || compare r0 "r$n"
done
say "threads"
expect_quern 0 0 run products.yaml --output r4 --set threads=4
compare r0 r4

say "an item that is larger than what may be kept of it"
for stage in real1 real2 steps1 w322; do
    expect_quern 0 0 run products.yaml --output "small" --stage $stage \
        --set memory=40M --set concurrency=1
    compare r0/$stage small/$stage
done
expect_quern 2 0 run products.yaml --output less --stage real1 --set memory=8M
expect_text err 'real.npy needs .* of memory, and a rank may fill 8'

say "the numbers"
cat >check.py <<'END'
import warnings

import h5py
import numpy as np

warnings.simplefilter("ignore")
functions = dict(sum=np.nansum, mean=np.nanmean, std=np.nanstd, min=np.nanmin,
                 max=np.nanmax, median=np.nanmedian)
axes = [{"0": 0, "1": 1, "-1": -1},
        {"01": (0, 1), "02": (0, 2), "12": (1, 2), "012": (0, 1, 2)}]


def get(stage, stem, product="data", dataset="data"):
    with h5py.File(f"r0/{stage}/{stem}.h5") as f:
        return f[f"/entry/{product}/{dataset}"][()]


def check(stage, stem, x):
    whole = x.dtype.kind in "iu"
    wide = x if whole else x.astype(float)
    for part, names in enumerate(axes, 1):
        for name, axis in names.items():
            kept = np.sum(~np.isnan(wide), axis=axis)
            have = get(f"{stage}{part}", stem, f"count_{name}")
            assert have.dtype == np.int32 and (have == kept).all()
            for method, function in functions.items():
                have = get(f"{stage}{part}", stem, f"{method}_{name}")
                want = np.where(kept, function(wide, axis=axis), np.nan)
                exact = method in ("sum", "min", "max", "median")
                if whole and method in ("min", "max"):
                    assert have.dtype == x.dtype
                elif whole and method == "sum":
                    assert have.dtype == (np.uint64 if x.dtype.kind == "u"
                                          else np.int64)
                    want = x.sum(axis)
                elif not whole:
                    assert have.dtype == x.dtype
                if whole and exact:
                    assert (have == want).all(), (stage, method, name)
                elif method in ("min", "max"):
                    np.testing.assert_array_equal(have, want.astype(x.dtype))
                else:
                    rtol, atol = (1e-12, 0) if whole else (1e-6, 1e-4)
                    np.testing.assert_allclose(have, want, rtol=rtol, atol=atol)


real = np.load("real.npy")
check("real", "real", real)
check("w32", "w32", np.load("w32.npy"))
for k in range(3):
    stem = f"scan{k}"
    with h5py.File(stem + ".h5") as f:
        x = f["/entry/data/data"][()]
    single = x.astype("f4")
    check("scan", stem, x)
    check("steps", stem, (single - np.float32(3)) / np.float32(7))
    blocks = (single - 3).reshape(70, 24, 2, 25, 2).astype(float)
    check("bin", stem, blocks.mean((2, 4)).astype("f4"))
    assert (get("last", stem) == x.sum(0)).all()
    np.testing.assert_allclose(get("second", stem), x.std(0).max())
    mean = x.mean(0).astype("f4")
    np.testing.assert_allclose(get("operand", stem),
                               (single - mean).astype(float).mean(0), atol=1e-6)
x = np.load("one.npy")
assert get("one", "one", "sum") == x.sum()
assert get("one", "one", "median") == np.median(x)
assert get("one", "one", "count") == x.size
np.testing.assert_allclose(get("one", "one", "std"), x.std())
x = np.load("wide.npy")
assert (get("wide", "wide", "sum") == x.sum((1, 2))).all()
assert get("wide", "wide", "median") == np.median(x)
assert get("wide", "wide", "min") == x.min()
np.testing.assert_allclose(get("wide", "wide", "std"), x.std(ddof=1))
x = real.astype(float)
w = np.where(np.isnan(x), 0, np.load("by-frame.npy")[:, None, None])
np.testing.assert_allclose(get("weighted", "real", "mean"),
                           np.nansum(x * w, 0) / w.sum(0), rtol=1e-5, atol=1e-6)
np.testing.assert_allclose(get("weighted", "real", "sum"),
                           np.nansum(x * np.load("by-pixel.npy"), (1, 2)),
                           rtol=1e-5, atol=1e-3)
END
/usr/bin/python3 check.py >figures 2>&1 || { cat figures; fail "numbers"; }
good

say "what cannot be"
cat >bad.yaml <<'END'
name: bad
stages:
  over: {input: huge.npy, steps: [reduce: sum]}
  axis: {input: huge.npy, products: {mean: {reduce: {axis: 2}}}}
  fit: {input: huge.npy, products: {m: {reduce: {axis: 0, weights: {file: by-frame.npy}}}}}
END
expect_quern 3 0 run bad.yaml
expect_text err 'huge.npy: data: reduce: a sum does not fit in 64 bits'
expect_text err 'mean: reduce: there is no axis 2: the item has 2'
expect_text err 'm: reduce: weights \(37\) do not suit an item of 5 x 4'

say "the plan"
expect_quern 0 0 plan products.yaml --stage wide
expect_text out 'product +sum: 9 int64 \(reduce\)'
expect_text out 'product +std: a number float64 \(reduce\)'
expect_quern 0 0 plan products.yaml --stage wide --json
expect_text out '"products"'

finish
