"""(raw - bias) / flat, mean of 2 x 2 pixels, an HDF5 file a frame."""

import sys
import warnings
from concurrent.futures import ProcessPoolExecutor

import h5py
import numpy as np
from astropy.io import fits

from common import Clock, arguments, folder, listed, result, tell

engine, data, names, out, processes = arguments("ENGINE DATA LIST OUT PROCESSES", 5)
bias = fits.getdata(f"{data}/bias.fits").astype("f4")
flat = fits.getdata(f"{data}/flat.fits").astype("f4")


def with_numpy(raw):
    y = (raw.astype("f4") - bias) / flat
    ny, nx = y.shape
    return y.reshape(ny // 2, 2, nx // 2, 2).mean((1, 3), dtype="f4")


def numba_engine():
    import numba

    @numba.njit(fastmath=True)
    def loop(x, b, f, r):
        for i in range(r.shape[0]):
            for j in range(r.shape[1]):
                s = np.float32(0)
                for y in range(2 * i, 2 * i + 2):
                    for z in range(2 * j, 2 * j + 2):
                        s += (np.float32(x[y, z]) - b[y, z]) / f[y, z]
                r[i, j] = s * np.float32(0.25)

    def with_numba(raw):
        r = np.empty((raw.shape[0] // 2, raw.shape[1] // 2), "f4")
        loop(np.ascontiguousarray(raw.astype("u2")), bias, flat, r)
        return r
    return with_numba


def read(path):
    with fits.open(path, memmap=False) as h:
        return h[0].data


def ccdproc_engine():
    import ccdproc
    from astropy.nddata import CCDData

    warnings.simplefilter("ignore")
    master_bias, master_flat = CCDData(bias, unit="adu"), CCDData(flat, unit="adu")

    def with_ccdproc(path):
        frame = ccdproc.subtract_bias(CCDData.read(path, unit="adu"), master_bias)
        # norm_value: flat_correct would else divide by the flat's own mean
        frame = ccdproc.flat_correct(frame, master_flat, norm_value=1)
        return ccdproc.block_average(frame, 2).data.astype("f4")
    return with_ccdproc


if engine == "ccdproc":
    compute = ccdproc_engine()
elif engine in ("numba", "numpy"):
    on_array = numba_engine() if engine == "numba" else with_numpy

    def compute(path):
        return on_array(read(path))
else:
    sys.exit(f"unknown engine {engine}")


def one(path):
    with h5py.File(result(out, path), "w") as h:
        h["data"] = compute(path)


files = listed(data, names)
folder(out)
one(files[0])
with ProcessPoolExecutor(int(processes)) as pool:
    list(pool.map(one, files[:2]))
    with Clock() as clock:
        list(pool.map(one, files))
tell(clock.seconds)
