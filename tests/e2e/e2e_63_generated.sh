#!/usr/bin/env bash
# Items without a file: generated grids, what is made of their indices, and the
# jobs that begin with them; the same bytes on any number of ranks.
. "$(dirname "$0")/lib.sh"

say "the ready jobs, on ranks and teams"
for job in heat mandelbrot; do
    expect_quern 0 0 run "$QUERN_SOURCE/jobs/$job.yaml" --output $job.0
    for ranks in 2 4; do
        expect_quern 0 $ranks run "$QUERN_SOURCE/jobs/$job.yaml" \
            --output $job.$ranks
        compare $job.0 $job.$ranks
    done
done
expect_file heat.0/{start,early,late,steepness,sources}/grid.h5

say "the picture that jobs/mandelbrot.yaml promises"
if /usr/bin/python3 -c 'import h5py, matplotlib' 2>/dev/null; then
    cp -r mandelbrot.0 mandelbrot.out
    # from the comment, as it stands there
    sed -n '/python3 -c/,/^#$/s/^# *//p' "$QUERN_SOURCE/jobs/mandelbrot.yaml" |
        sed 's|^python3|/usr/bin/python3|' >picture.sh
    expect_code 0 bash picture.sh
    expect_code 0 /usr/bin/python3 -c \
        'import matplotlib.image as m; assert m.imread("whole.png").shape == (600, 800, 4)'
else
    echo "skipped: python3-matplotlib is not installed"
fi

say "against numpy"
cat >small.yaml <<'END'
stages:
  start:
    input: {grid: {shape: [50, 70], value: 3}}
    steps: [formula: "x + 100 * i0 + i1"]
  bumps:
    input: {grid: {shape: [50, 70]}}
    steps:
      - formula: "100 * exp(-((i0 - 20)**2 + (i1 - 40)**2) / 50)"
      - heat: {alpha: 0.2, steps: 40, boundary: [periodic, insulated]}
  set:
    team: all
    input: {grid: {shape: [60, 80]}}
    steps: [mandelbrot: {x: [-2, 1], y: [-1, 1], iterations: 100}]
    output: {dtype: uint16}
END
expect_quern 0 0 run small.yaml --output small
expect_quern 0 3 run small.yaml --output small3
compare small small3
/usr/bin/python3 - <<'END' || fail "not as numpy has it"
import h5py, numpy as np
def got(stage):
    return h5py.File("small/%s/grid.h5" % stage)["/entry/data/data"][()]
i, j = np.mgrid[:50, :70].astype("f8")
assert np.array_equal(got("start"), 3 + 100 * i + j)
u = 100 * np.exp(-((i - 20)**2 + (j - 40)**2) / 50)
for step in range(40):
    p = np.pad(np.pad(u, ((0, 0), (1, 1)), mode="edge"), ((1, 1), (0, 0)), mode="wrap")
    w, e, n, s = p[1:-1, :-2], p[1:-1, 2:], p[:-2, 1:-1], p[2:, 1:-1]
    u = u + 0.2 * ((((w - u) + (e - u)) + (n - u)) + (s - u))
# bit by bit but for the exponential
np.testing.assert_allclose(got("bumps"), u, rtol=1e-13, atol=1e-25)
c = np.linspace(-2, 1, 80) + 1j * np.linspace(-1, 1, 60)[:, None]
z, count, left = 0 * c, np.zeros(c.shape, "u2"), np.ones(c.shape, bool)
for step in range(100):
    z[left] = z[left]**2 + c[left]
    left &= abs(z) <= 2
    count += left
differ = (got("set") != count).sum()
assert got("set").dtype == "uint16" and differ <= 2, differ  # rounding
END
good

say "done is done; another value or shape is another item"
expect_quern 0 0 run small.yaml --output small
expect_text err '3 of 3 items done \(3 before\)'
expect_quern 0 0 run small.yaml --output small \
    --set stages.start.input.grid.value=4
expect_text err '3 of 3 items done \(2 before\)'
expect_quern 0 0 run small.yaml --output small \
    --set 'stages.start.input.grid.shape=[50, 71]'
expect_text err '3 of 3 items done \(2 before\)'
expect_code 0 quern plan small.yaml --output small
expect_text out '^  each +50 x 70 float64$'

say "integers stay what they are, on a team too"
/usr/bin/python3 -c "
import numpy as np
np.save('counts.npy', np.arange(12000, dtype='u2').reshape(100, 120) % 77)"
printf 'stages: {a: {input: counts.npy, steps: [median: 3]}}\n' >counts.yaml
expect_quern 0 0 run counts.yaml --output counts0
expect_quern 0 4 run counts.yaml --output counts4
compare counts0 counts4
expect_quern 0 2 run counts.yaml --output counts2 --set stages.a.team=all
compare counts0 counts2

say "what cannot be meant"
while IFS='|' read -r input step what; do
    printf 'stages: {a: {input: %s, steps: [%s]}}\n' "$input" "$step" >wrong.yaml
    run quern run wrong.yaml
    [ $code -ne 0 ] || fail "accepted: $input $step"
    expect_text err "$what"
done <<'END'
{grid: {}}|gradient|'grid' needs a shape
{grid: {shape: [4], files: x}}|gradient|unknown key of grid 'files'
{grid: {shape: [4], value: much}}|gradient|'value' wants a number
{grid: {shape: [4]}, each: frame}|gradient|'each' does not go with 'grid'
{grid: {shape: [4]}}|mandelbrot|two axes is needed, not of 1
{grid: {shape: [4]}}|formula: "i1"|no index i1: the item has axes 0 to 0
{grid: {shape: [4]}}|formula: "y"|'y' is neither x
{grid: {shape: [4]}}|subtract: {header: FOO}|FOO
END

finish
