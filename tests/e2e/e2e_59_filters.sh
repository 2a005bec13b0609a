#!/usr/bin/env bash
# Filters against SciPy's ndimage, cosmic-rays against astroscrappy, and all of
# them on the shared grid against what peers computed.
. "$(dirname "$0")/lib.sh"

say "the filters of a stack, an image and a line, under each edge"
/usr/bin/python3 - <<'END' || fail "no arrays"
import numpy as np
r = np.random.default_rng(5)
np.save("image.npy", r.random((70, 601)) * 100)
np.save("stack.npy", r.random((3, 40, 30)))
np.save("line.npy", r.random(200))
np.save("large.npy", r.random((500, 900)))
np.save("counts.npy", r.integers(0, 60000, (45, 52)).astype("u2"))
END
cat >filters.yaml <<'END'
stages:
  g-image: {input: image.npy, steps: [gaussian: {sigma: [1, 3.5]}]}
  g-line: {input: line.npy, steps: [gaussian: {sigma: 60, edge: constant, cval: 2}]}
  g-stack: {input: stack.npy, steps: [gaussian: {sigma: 2, axes: [1, 2], edge: nearest}]}
  c-image: {input: image.npy, steps: [convolve: {weights: [1, 2, 3, 4, 5, 6, 7, 8, 9], edge: constant}]}
  c-stack: {input: stack.npy, steps: [convolve: {weights: [1, 2, 4], shape: [1, 3, 1], edge: nearest}]}
  l-stack: {input: stack.npy, steps: [laplacian]}
  d-image: {input: image.npy, steps: [gradient: {edge: nearest}]}
  m3: {input: counts.npy, steps: [median: 3]}
  m5: {input: image.npy, steps: [median: {size: 5, edge: constant, cval: 50}]}
  m25: {input: counts.npy, steps: [median: {size: [25, 3], edge: nearest}]}
  m31: {input: image.npy, steps: [median: {size: 31}]}
  g-round: {input: image.npy, steps: [gaussian: {sigma: [30, 2], edge: periodic}]}
  c-round: {input: stack.npy, steps: [convolve: {weights: [1, 2, 4], shape: [1, 3, 1], edge: periodic}]}
  l-round: {input: large.npy, steps: [median: {size: 5, edge: periodic}, laplacian: {edge: periodic}]}
END
expect_quern 0 0 run filters.yaml --output out0
expect_quern 0 3 run filters.yaml --output out3
compare out0 out3
expect_quern 0 4 run filters.yaml --output out4 --set stages.l-round.team=all
compare out0 out4
/usr/bin/python3 - <<'END' || fail "not as SciPy has it"
import glob, h5py, numpy as np, scipy.ndimage as n
def got(stage):
    return h5py.File(glob.glob("out0/%s/*.h5" % stage)[0])["/entry/data/data"][()]
image, stack, line, counts = (np.load(f + ".npy")
                              for f in ("image", "stack", "line", "counts"))
def near(stage, want):
    x = got(stage)
    assert x.dtype == want.dtype, (stage, x.dtype)
    np.testing.assert_allclose(x, want, rtol=1e-13, atol=1e-12, err_msg=stage)
near("g-image", n.gaussian_filter(image, [1, 3.5]))
near("g-line", n.gaussian_filter(line, 60, mode="constant", cval=2))
near("g-stack", n.gaussian_filter(stack, [0, 2, 2], mode="nearest"))
near("c-image", n.convolve(image, np.arange(1., 10).reshape(3, 3), mode="constant"))
near("c-stack", n.convolve(stack, np.array([1., 2, 4]).reshape(1, 3, 1), mode="nearest"))
near("l-stack", n.laplace(stack))
def half(x, axis, output, mode, cval):
    return n.correlate1d(x, [-.5, 0, .5], axis, output, mode, cval)
near("d-image", n.generic_gradient_magnitude(image, half, mode="nearest"))
def same(stage, want):
    x = got(stage)
    assert x.dtype == want.dtype and np.array_equal(x, want), stage
same("m3", n.median_filter(counts, 3))
same("m5", n.median_filter(image, 5, mode="constant", cval=50))
same("m25", n.median_filter(counts, (25, 3), mode="nearest"))
same("m31", n.median_filter(image, 31))
near("g-round", n.gaussian_filter(image, [30, 2], mode="wrap"))
near("c-round", n.convolve(stack, np.array([1., 2, 4]).reshape(1, 3, 1), mode="wrap"))
near("l-round", n.laplace(n.median_filter(np.load("large.npy"), 5, mode="wrap"), mode="wrap"))
END
good

say "cosmic rays"
cat >field.py <<'END'
import numpy as np
r = np.random.default_rng(4)
ny, nx = 160, 300
y, x = np.mgrid[:ny, :nx]
image = np.full((ny, nx), 200.)
for i in range(20):
    a, b, f = r.uniform(0, ny), r.uniform(0, nx), r.uniform(500, 8000)
    image += f * np.exp(-((y - a)**2 + (x - b)**2) / (2 * 1.7**2))
image = r.poisson(image) + r.normal(0, 6.5, (ny, nx))
hit = np.zeros((ny, nx), bool)
for i in range(40):
    a, b, t = r.uniform(8, ny - 8), r.uniform(8, nx - 8), r.uniform(0, 6.28)
    for k in range(r.integers(1, 7)):
        hit[int(a + k * np.sin(t)), int(b + k * np.cos(t))] = True
image[hit] += r.uniform(300, 5000, hit.sum())
np.save("field.npy", image)
np.save("hit.npy", hit)
END
/usr/bin/python3 field.py || fail "no field"
cat >hits.yaml <<'END'
stages:
  clean: {input: field.npy, steps: [cosmic-rays]}
  holes: {input: field.npy, steps: [cosmic-rays: {become: nan}]}
END
expect_quern 0 0 run hits.yaml --output hits0
expect_quern 0 2 run hits.yaml --output hits2
compare hits0 hits2
/usr/bin/python3 - <<'END' || fail "hits are not found"
import h5py, numpy as np
image, hit = np.load("field.npy"), np.load("hit.npy")
def got(stage):
    return h5py.File("hits0/%s/field.h5" % stage)["/entry/data/data"][()]
found = np.isnan(got("holes"))
assert (found & hit).sum() > 0.97 * hit.sum(), (found & hit).sum()
assert (found & ~hit).sum() < 0.3 * hit.sum(), (found & ~hit).sum()
clean = got("clean")
assert np.array_equal(clean[~found], image[~found])
assert not np.isnan(clean).any()
try:
    import astroscrappy
except ImportError:
    print("skipped: astroscrappy is not installed")
else:
    mask, want = astroscrappy.detect_cosmics(
        image, satlevel=np.inf, sepmed=False, cleantype="medmask")
    inner = np.s_[8:-8, 8:-8]  # it has another rule for edges
    assert np.array_equal(mask[inner], found[inner])
END
good

if [ -e "${QUERN_SHARED:-}/data/ccd_isis" ]; then
    say "cosmic rays of a long exposure"
    cat >isis.yaml <<'END'
precision: float64
stages:
  part: {input: r2701242.fit.gz, steps: [crop: ["1800:2200", "200:700"], subtract: 780]}
  holes: {input: {stage: part}, steps: [cosmic-rays: {become: nan, readnoise: 5}]}
END
    expect_quern 0 0 run isis.yaml --data "$QUERN_SHARED/data/ccd_isis" --output isis
    /usr/bin/python3 - <<'END' || fail "other hits than astroscrappy's"
import h5py, numpy as np
def got(stage):
    return h5py.File("isis/%s/r2701242.h5" % stage)["/entry/data/data"][()]
found = np.isnan(got("holes"))
assert 100 < found.sum() < 200, found.sum()
try:
    import astroscrappy
except ImportError:
    print("skipped: astroscrappy is not installed")
else:
    mask, clean = astroscrappy.detect_cosmics(
        got("part"), satlevel=np.inf, sepmed=False, cleantype="medmask", readnoise=5)
    inner = np.s_[8:-8, 8:-8]
    assert np.array_equal(mask[inner], found[inner])
END
    good
else
    echo "skipped: no data/ccd_isis in QUERN_SHARED"
fi

say "what cannot be meant"
while IFS='|' read -r step what; do
    printf 'stages:\n  a:\n    input: image.npy\n    steps:\n      - %s\n' \
        "$step" >wrong.yaml
    run quern run wrong.yaml
    [ $code -ne 0 ] || fail "accepted: $step"
    expect_text err "$what"
done <<'END'
median: 4|size 4 is no odd number
gaussian: {sigma: 1, edge: mirror}|unknown value of 'edge': 'mirror'
gaussian: {sigma: 1, axes: [2]}|no axis 2: the item has axes 0 to 1
gaussian: 500|reaches over more than 1024 samples
convolve: [1, 2]|2 weights do not make an odd length
heat: {alpha: 0.2}|needs \{steps
heat: {alpha: 0.2, steps: 3, boundary: [fixed, open]}|open
cosmic-rays: {gain: 0}|gain is 0
mandelbrot: {x: 3}|x wants two numbers
END

if [ -e "${QUERN_SHARED:-}/data/npy" ]; then
    say "the shared grid, as peers have it"
    cat >dem.yaml <<'END'
precision: float64
vars: {dem: jacksboro_fault_dem.npy}
stages:
END
    for edge in nearest reflect constant; do
        cat >>dem.yaml <<END
  gaussian_s2_$edge: {input: "{dem}", steps: [gaussian: {sigma: 2, edge: $edge}]}
  median_3x3_$edge: {input: "{dem}", steps: [median: {size: 3, edge: $edge}]}
  median_5x5_$edge: {input: "{dem}", steps: [median: {size: 5, edge: $edge}]}
END
    done
    for boundary in fixed insulated periodic; do
        for steps in 1 10 100; do
            echo "  diffuse_${boundary}_$steps: {input: '{dem}', steps:" \
                "[heat: {alpha: 0.2, steps: $steps, boundary: $boundary}]}" \
                >>dem.yaml
        done
    done
    expect_quern 0 0 run dem.yaml --data "$QUERN_SHARED/data/npy" --output dem
    expect_quern 0 2 run dem.yaml --data "$QUERN_SHARED/data/npy" --output dem2
    compare dem dem2
    pairs=()
    for file in dem/*/jacksboro_fault_dem.h5; do
        pairs+=("$file" "grid/dem_$(basename "$(dirname "$file")")")
    done
    [ ${#pairs[@]} -eq 36 ] || fail "not 18 results"
    /usr/bin/python3 "$QUERN_SOURCE/tests/e2e/reference.py" \
        "$QUERN_SHARED/data/reference.json" "${pairs[@]}" ||
        fail "not as peers have it"
    good
    expect_quern 0 2 run "$QUERN_SOURCE/jobs/filters.yaml" \
        --data "$QUERN_SHARED/data/npy" --output filters
    expect_file filters/{smooth,despeckled,slope,eastward,edges,detail}/jacksboro_fault_dem.h5
else
    echo "skipped: no data/npy in QUERN_SHARED"
fi

finish
