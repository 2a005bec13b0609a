"""Row 4: a detector scan times masks."""

import make_data
from bench import Case, Side
from check import same_folder

TITLE = "K masks over uint16 frames of 256 x 256"
TARGET = "90 % of the GEMM peak at K = 128, 80 % of the read limit at K = 1, 3x numpy"


def cases(bench):
    bench.need_kernel("masks")
    files, frames = bench.pick((4, 16), (16, 512))
    data = make_data.scan(bench, files, frames)
    samples = files * frames * 256 * 256
    for k in (1, 16, 128):
        masks = make_data.masks(data, k)
        numpy = Side("numpy, 2 processes",
                     bench.peer("masks.py", data, masks, "{out}", 2),
                     ("python3-numpy", "python3-h5py"), own_clock=True, target=3,
                     check=same_folder("signal", 1e-4))
        yield Case(f"K = {k}, {files * frames:,} frames in {files} files",
                   Side("quern", bench.quern("run", "masks.yaml", data, "--set",
                                             f"vars.masks={masks.name}")),
                   work=2e-9 * samples, unit="GB/s of raw", peers=[numpy],
                   ceilings=[("gemm_all", 2e-9 * samples * k, 0.9 if k == 128 else 0),
                             ("file_read_all", 2e-9 * samples, 0.8 if k == 1 else 0)])
