"""Explicit heat equation, 5-point, float64, from a grid in a file to a file."""

import sys

import numpy as np

from common import Clock, arguments, folder, tell

engine, data, steps, out = arguments("ENGINE DATA STEPS OUT", 4)
ALPHA = 0.2


def step_numpy(u, v):
    c = u[1:-1, 1:-1]
    v[1:-1, 1:-1] = c + ALPHA * (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:]
                                 + u[1:-1, :-2] - 4 * c)


def compiled():
    import numba

    @numba.njit(parallel=True, fastmath=True)
    def step(u, v):
        for i in numba.prange(1, u.shape[0] - 1):
            for j in range(1, u.shape[1] - 1):
                v[i, j] = u[i, j] + ALPHA * (u[i + 1, j] + u[i - 1, j] + u[i, j + 1]
                                             + u[i, j - 1] - 4 * u[i, j])
    return step


if engine not in ("numpy", "numba"):
    sys.exit(f"unknown engine {engine}")
step = compiled() if engine == "numba" else step_numpy
step(np.zeros((8, 8)), np.zeros((8, 8)))
folder(out)
with Clock() as whole:
    u = np.load(f"{data}/grid.npy")
    v = u.copy()
    with Clock() as stepping:
        for _ in range(int(steps)):
            step(u, v)
            u, v = v, u
    np.save(f"{out}/heat.npy", u)
tell(whole.seconds, stepping_seconds=stepping.seconds)
