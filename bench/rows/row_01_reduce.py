"""Row 1: CCD frames to reduced HDF5 files."""

import make_data
from bench import Case, Side
from check import same_folder

TITLE = "(raw - bias) / flat, 2 x 2 mean, uint16 FITS frames to HDF5"
TARGET = "3x numba in 2 processes, 10x ccdproc, 60 % of a plain copy of the same bytes"


def cases(bench):
    n, side = bench.pick(4, 32), bench.pick(256, 2048)
    data = make_data.frames(bench, n, side)
    names = f"first-{n}.txt"
    raw = n * (data / "f0000.fits").stat().st_size

    def peer(engine, target=0, packages=()):
        return Side(f"{engine}, 2 processes",
                    bench.peer("reduce.py", engine, data, names, "{out}", 2),
                    ("python3-astropy", "python3-h5py", *packages), own_clock=True,
                    target=target, check=same_folder("reduced", 1e-5))

    def copy():
        frames = [data / f"f{i:04d}.fits" for i in range(n)]
        return Side("plain copy, 2 processes",
                    [bench.program("quern-copy"), "{out}", side * side, 2, *frames],
                    own_clock=True, target=0.6,
                    note="reads the frames and writes as many bytes as the results have")

    yield Case(
        f"{n} frames of {side} x {side}",
        Side("quern", bench.quern("run", "reduce.yaml", data, "--set", f"vars.list={names}")),
        work=raw / 1e9, unit="GB/s of raw",
        peers=[peer("numba", 3, ("python3-numba",)), peer("numpy"),
               peer("ccdproc", 10, ("python3-ccdproc",)), copy()],
        ceilings=[("file_read_all", raw / 1e9, 0)])
