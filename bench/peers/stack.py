"""Sigma-clipped mean of frames: 3 sigma around the median, from files to a file.

median and bottleneck take the median alone, which is a part of one pass of it;
ccdproc clips in one pass, as its combine() does.
"""

import sys
import warnings

import numpy as np
from astropy.io import fits

from common import Clock, arguments, folder, listed, tell

engine, data, names, out = arguments("ENGINE DATA LIST OUT", 4)
warnings.simplefilter("ignore")


def with_astropy(cube):
    from astropy.stats import sigma_clip

    kept = sigma_clip(cube, sigma=3, maxiters=5, axis=0, masked=False, copy=False)
    return np.nanmean(kept, 0, dtype="f8")


def with_ccdproc(cube):
    import ccdproc
    from astropy.nddata import CCDData

    return ccdproc.combine(
        [CCDData(frame, unit="adu") for frame in cube], method="average",
        sigma_clip=True, sigma_clip_low_thresh=3, sigma_clip_high_thresh=3,
        sigma_clip_func="median", sigma_clip_dev_func="std", mem_limit=8e9).data


def with_median(cube):
    return np.median(cube, 0)


def with_bottleneck(cube):
    import bottleneck

    return bottleneck.nanmedian(cube, 0)


engines = {"astropy": with_astropy, "ccdproc": with_ccdproc, "median": with_median,
           "bottleneck": with_bottleneck}
if engine not in engines:
    sys.exit(f"unknown engine {engine}")
engines[engine](np.ones((3, 8, 8), "f4"))
files = listed(data, names)
folder(out)
with Clock() as whole:
    cube = np.stack([fits.getdata(path).astype("f4") for path in files])
    with Clock() as reduction:
        stacked = engines[engine](cube)
    np.save(f"{out}/stack.npy", stacked)
tell(whole.seconds, reduction_seconds=reduction.seconds)
