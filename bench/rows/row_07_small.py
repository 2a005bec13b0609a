"""Row 7: many small files, where opening and creating is the work."""

import make_data
from bench import Case, Side
from check import same_folder

TITLE = "small raw files (4 KiB): 2 x 2 mean, HDF5 out"
TARGET = "3x numpy + h5py in 2 processes with a result a file; 15x packed"


def numpy_h5py(bench, data, target, check):
    return Side("numpy + h5py, 2 processes",
                bench.peer("small.py", data, "{out}", 2),
                ("python3-numpy", "python3-h5py"), own_clock=True, target=target,
                check=check)


def case(bench, where, data, n, layout, target=0, sync=True):
    options = ["--set", "stages.binned.output.layout=packed"] if layout == "packed" else []
    check = same_folder("binned", 1e-6) if layout == "per-item" else None
    name, note = f"{n:,} files on {where}, {layout}", ""
    if not sync:
        options += ["--sync", "off"]
        name += ", not synced"
    elif where == "disk":
        note = "quern syncs its results, the peer does not"
    return Case(name,
                Side("quern", bench.quern("run", "small.yaml", data, *options), note=note),
                work=n, unit="files/s", on_disk=where == "disk",
                peers=[numpy_h5py(bench, data, target, check)])


def cases(bench):
    n = bench.pick(200, 20_000)
    data = make_data.small(bench, n)
    yield case(bench, "tmpfs", data, n, "per-item", 3)
    yield case(bench, "tmpfs", data, n, "packed", 15)
    data = make_data.small(bench, n, on_disk=True)
    yield case(bench, "disk", data, n, "per-item")
    yield case(bench, "disk", data, n, "per-item", sync=False)
    yield case(bench, "disk", data, n, "packed")
