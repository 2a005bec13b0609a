"""Means of a compressed stack: of all frames (one frame), or of each (numbers)."""

import sys
from concurrent.futures import ProcessPoolExecutor

import h5py
import numpy as np

from common import Clock, arguments, folder, tell

what, data, out, processes = arguments("all|each DATA OUT PROCESSES", 4)
processes = int(processes)
if what not in ("all", "each"):
    sys.exit(f"all or each, not {what}")


def part(i):
    """Frames i, i + processes ...: their sum, or the mean of each."""
    with h5py.File(f"{data}/stack.h5") as h:
        frames = h["frames"]
        mine = range(i, len(frames), processes)
        if what == "each":
            return [frames[k].mean(dtype="f8") for k in mine]
        total = np.zeros(frames.shape[1:], "u8")
        for k in mine:
            total += frames[k]
        return total


folder(out)
with ProcessPoolExecutor(processes) as pool:
    list(pool.map(abs, range(processes)))
    with Clock() as clock:
        parts = list(pool.map(part, range(processes)))
        with h5py.File(f"{data}/stack.h5") as h:
            n = len(h["frames"])
        if what == "all":
            means = sum(parts).astype("f8") / n
        else:
            means = np.empty(n)
            for i, some in enumerate(parts):
                means[i::processes] = some
        np.save(f"{out}/mean.npy", means)
tell(clock.seconds)
