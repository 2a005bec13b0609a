"""Row 3: one large grid, many steps."""

import make_data
from bench import Case, Side
from check import same_file

TITLE = "heat equation, 5-point, float64, 100 steps"
TARGET = "5x numba parallel; 2.5x what streaming from memory allows (16 bytes a point)"
STEPS = 100


def cases(bench):
    bench.need_kernel("heat")
    side = bench.pick(256, 4096)
    data = make_data.grid(bench, side)
    points = side * side * STEPS

    def peer(engine, packages, target=0):
        return Side(engine, bench.peer("heat.py", engine, data, STEPS, "{out}"),
                    ("python3-numpy", *packages), own_clock=True, target=target,
                    check=same_file("heat/grid.h5", "heat.npy", 1e-9),
                    env={"NUMBA_NUM_THREADS": str(bench.cores)})

    yield Case(f"{side} x {side}, {STEPS} steps",
               Side("quern", bench.quern("run", "heat.yaml", data)),
               work=points / 1e9, unit="G points/s",
               peers=[peer("numba", ("python3-numba",), 5), peer("numpy", ())],
               ceilings=[("memory_copy_all", 16e-9 * points, 2.5)])
