"""2 x 2 mean of small raw files, an HDF5 file each."""

import pathlib
from concurrent.futures import ProcessPoolExecutor

import h5py
import numpy as np

from common import Clock, arguments, folder, result, tell

data, out, processes = arguments("DATA OUT PROCESSES", 3)


def one(path):
    raw = np.fromfile(path, "u2").reshape(64, 32).astype("f4")
    with h5py.File(result(out, path), "w") as h:
        h["data"] = raw.reshape(32, 2, 16, 2).mean((1, 3))


folder(out)
with ProcessPoolExecutor(int(processes)) as pool:
    list(pool.map(abs, range(2 * int(processes))))
    # finding the files is part of the work, on both sides
    with Clock() as clock:
        files = sorted(str(path) for path in pathlib.Path(data).glob("*.raw"))
        list(pool.map(one, files, chunksize=64))
tell(clock.seconds)
