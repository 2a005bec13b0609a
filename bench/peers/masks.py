"""Frames of raw files times masks, a float32 product by BLAS, an HDF5 file each."""

import pathlib
from concurrent.futures import ProcessPoolExecutor

import h5py
import numpy as np

from common import Clock, arguments, folder, result, tell

data, masks_file, out, processes = arguments("DATA MASKS OUT PROCESSES", 4)
masks = np.load(masks_file)
masks = np.ascontiguousarray(masks.reshape(len(masks), -1).T, "f4")
SLAB = 64


def one(path):
    frames = np.memmap(path, "u2", "r").reshape(-1, masks.shape[0])
    signal = np.empty((len(frames), masks.shape[1]), "f4")
    for i in range(0, len(frames), SLAB):
        np.matmul(frames[i:i + SLAB].astype("f4"), masks, out=signal[i:i + SLAB])
    with h5py.File(result(out, path), "w") as h:
        h["data"] = signal


files = sorted(str(path) for path in pathlib.Path(data).glob("*.raw"))
folder(out)
with ProcessPoolExecutor(int(processes)) as pool:
    list(pool.map(one, files[:2]))
    with Clock() as clock:
        list(pool.map(one, files))
tell(clock.seconds)
