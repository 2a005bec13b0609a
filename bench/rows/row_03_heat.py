"""Row 3: one large grid, many steps."""

import make_data
from bench import Case, Side
from check import same_file

TITLE = "heat equation, 5-point, float64"
TARGET = "5x numba parallel; 2.5x what streaming from memory allows (16 bytes a point)"


def case(bench, data, side, steps, peers):
    points = side * side * steps

    def peer(engine, packages, target=0):
        return Side(engine, bench.peer("heat.py", engine, data, steps, "{out}"),
                    ("python3-numpy", *packages), own_clock=True, target=target,
                    check=same_file("heat/grid.h5", "heat.npy", 1e-9),
                    env={"NUMBA_NUM_THREADS": str(bench.cores)})

    return Case(f"{side} x {side}, {steps:,} steps",
                Side("quern", bench.quern("run", "heat.yaml", data, "--set",
                                          f"stages.heat.steps.0.heat.steps={steps}")),
                work=points / 1e9, unit="G points/s",
                peers=[peer(*p) for p in peers],
                ceilings=[("memory_copy_all", 16e-9 * points, 2.5)])


def cases(bench):
    bench.need_kernel("heat")
    side = bench.pick(256, 4096)
    data = make_data.grid(bench, side)
    numba = ("numba", ("python3-numba",), 5)
    yield case(bench, data, side, 100, [numba, ("numpy", ())])
    # what a run costs at its start and end is little here
    yield case(bench, data, side, 1000, [numba])
