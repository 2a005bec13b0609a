"""Row 5: compressed frames, where inflating is the work."""

import make_data
from bench import Case, NotMeasured, Side, missing
from check import same_file

TITLE = "HDF5 frames, deflated with shuffle, to a mean"
TARGET = "5x h5py (here in 2 processes)"


def h5py_side(bench, what, data, ours):
    return Side("h5py, 2 processes",
                bench.peer("gzip_mean.py", what, data, "{out}", 2),
                ("python3-numpy", "python3-h5py"), own_clock=True, target=5,
                check=same_file(ours, "mean.npy", 1e-6))


def cases(bench):
    if missing(("python3-h5py",)):
        raise NotMeasured("package python3-h5py missing, which makes the data")
    n, side = bench.pick((4, 256), (32, 2048))
    data = make_data.gzip_stack(bench, n, side)
    decoded = 2e-9 * n * side * side
    yield Case(f"mean of all {n} frames of {side} x {side}",
               Side("quern", bench.quern("run", "gzip-mean.yaml", data)),
               work=decoded, unit="GB/s decoded",
               peers=[h5py_side(bench, "all", data, "mean.h5")],
               ceilings=[("memory_read_all", decoded, 0)])
    bench.need_kernel("reduce")
    yield Case(f"mean of each of {n} frames of {side} x {side}",
               Side("quern", bench.quern("run", "gzip-means.yaml", data)),
               work=decoded, unit="GB/s decoded",
               peers=[h5py_side(bench, "each", data, "means/stack.h5")],
               ceilings=[("memory_read_all", decoded, 0)])
