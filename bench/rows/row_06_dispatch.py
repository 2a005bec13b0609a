"""Row 6: what handing out work costs when there is no work in it."""

import make_data
from bench import HERE, PYTHON, Case, Side

TITLE = "items with nothing to do in them"
TARGET = "200,000 claims/s from 2 ranks; under 0.05 ms an item with journal"


def futures(bench, calls, chunk):
    return Side(f"mpi4py.futures, chunk {chunk}",
                bench.ranks(2, [PYTHON, "-m", "mpi4py.futures",
                                HERE / "peers" / "dispatch.py", calls, chunk]),
                ("python3-mpi4py",), own_clock=True, work=calls)


def claims(bench):
    units = bench.pick(100_000, 20_000_000)
    return Case(
        "claims alone, 2 ranks",
        Side("quern-claims", bench.ranks(2, [bench.program("quern-claims"), units]),
             own_clock=True, note="one message brings a guided chunk of claims, as in a run"),
        work=units, unit="claims/s", target_rate=200_000,
        peers=[futures(bench, *bench.pick((500, 1), (20_000, 1))),
               futures(bench, *bench.pick((5_000, 1000), (2_000_000, 1000)))])


def items(bench, n, job, name, target, note):
    data = make_data.tiny(bench, n)
    return Case(f"{n:,} files of 32 bytes, {name}",
                Side("quern", bench.quern("run", job, data), note=note),
                work=n, unit="items/s", target_rate=target)


def cases(bench):
    yield claims(bench)
    n = bench.pick(200, 20_000)
    yield items(bench, n, "tiny-sum.yaml", "journal only", 20_000,
                "each is opened, read and journaled, none has a file of its own")
    yield items(bench, n, "tiny.yaml", "journal and result", 0,
                "each is opened, read, journaled and gets an HDF5 file")
