#!/usr/bin/env bash
# Lists beside axes that are named in another order, items that fail in one
# block, states where a run was killed: against SciPy, and the same alone and on
# teams.
. "$(dirname "$0")/lib.sh"

/usr/bin/python3 - <<'END' || fail "no grids"
import numpy as np
r = np.random.default_rng(7)
np.save("cube.npy", r.random((40, 50, 60)))
np.save("row.npy", r.random((1, 70000)))
hits = 200 + r.normal(size=(2, 90, 80))
hits[r.random(hits.shape) < 0.02] += 900
hits[:, 30:33, 40] = np.nan
np.save("hits.npy", hits)
hole = r.random((300, 500))
hole[170, 400] = np.nan
np.save("hole.npy", hole)
far = r.random((300, 500))
far[299, 0] = 1e7
np.save("far.npy", far)
END

cat >job.yaml <<'END'
name: grids
stages:
  gaussian: {input: cube.npy, steps: [gaussian: {sigma: [1, 3.5], axes: [2, 0]}]}
  size: {input: cube.npy, steps: [median: {size: [7, 1, 3], axes: [-1, 0, 1], edge: nearest}]}
  weights:
    input: cube.npy
    steps: [convolve: {weights: [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987],
                       shape: [3, 5], axes: [2, 0], edge: periodic}]
  boundary:
    input: cube.npy
    steps: [heat: {alpha: 0.15, steps: 9, axes: [1, 0], boundary: [periodic, insulated]}]
  row: {input: row.npy, steps: [gaussian: {sigma: [30, 2], axes: [1, 0], edge: periodic}]}
  hits: {input: hits.npy, steps: [cosmic-rays: {axes: [1, 2], readnoise: 1, become: nan}]}
  hole: {input: hole.npy, steps: [add: 1], output: {dtype: int32}}
  states: {input: cube.npy, steps: [heat: {alpha: 0.15, steps: 6, every: 2}]}
  cast: {input: [hole.npy, far.npy], steps: [multiply: 10, cast: int16]}
END

# reasons: of the items that failed, without the rows that were in hand
reasons()
{
    grep -E 'hole.npy|far.npy' err | sed 's/rows [0-9]* to [0-9]*: //' | sort
}

say "alone, as SciPy has it"
expect_quern 3 0 run job.yaml --output alone
reasons >said
expect_text said '^quern: cast: far.npy: cast: a sample is 1e\+08, outside the range of int16'
expect_text said '^quern: cast: hole.npy: cast: a sample is NaN, which int16 cannot hold'
expect_text said '^quern: hole: hole.npy: a sample is NaN, which int32 cannot hold'
/usr/bin/python3 - <<'END' || fail "lists do not go by the order of axes"
import glob, h5py, numpy as np, scipy.ndimage as n
def got(stage):
    return h5py.File(glob.glob("alone/%s/*.h5" % stage)[0])["/entry/data/data"][()]
cube, row, hits = (np.load(f + ".npy") for f in ("cube", "row", "hits"))
def near(stage, want):
    np.testing.assert_allclose(got(stage), want, rtol=1e-12, err_msg=stage)
near("gaussian", n.gaussian_filter(cube, [3.5, 0, 1]))
near("row", n.gaussian_filter(row, [2, 30], mode="wrap"))
assert np.array_equal(got("size"), n.median_filter(cube, (1, 3, 7), mode="nearest"))
w = np.array([1., 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987])
near("weights", n.convolve(cube, w.reshape(3, 5).T.reshape(5, 1, 3), mode="wrap"))
u = cube
for i in range(9):
    p = np.concatenate([u[:1], u, u[-1:]])
    d = (np.roll(u, 1, 1) - u) + (np.roll(u, -1, 1) - u)
    d = np.concatenate([d[:1] + (u[1:2] - u[:1]),
                        (d[1:-1] + (u[:-2] - u[1:-1])) + (u[2:] - u[1:-1]),
                        d[-1:] + (u[-2:-1] - u[-1:])])
    u = u + 0.15 * d
assert np.array_equal(got("boundary"), u)
found = np.isnan(got("hits"))
assert (found & (hits > 1000)).sum() > 0.9 * (hits > 1000).sum()
END
good

for n in 3 5; do
    say "$n ranks"
    # as a run leaves it that is killed while one rank alone writes the states
    mkdir -p res/states
    head -c 10000 /dev/zero >res/states/.cube.h5.part.tmp
    expect_quern 3 "$n" run job.yaml --output res --team all
    compare alone res
    expect_tidy res
    reasons >now
    diff said now || fail "items fail for another reason on $n ranks"
    good
    rm -r res
done

finish
