"""Row 11: one file over many results: the time a result, and whether it stays."""

import make_data
from bench import Case, Side

TITLE = "merge of finished results"
TARGET = "1 ms a file, the same for 100,000 (--long)"


def cases(bench):
    for n in bench.pick([1_000], [1_000, 10_000], [1_000, 10_000, 100_000]):
        bench.need_room(bench.work / f"finished-{n}", n * 14_000)
        data = make_data.tiny(bench, n)
        done = bench.quern("run", "tiny.yaml", data)
        for way in ([], ["--concat"]):
            command = [bench.bin / "quern", "merge", "{out}/each",
                       "-o", "{out}/all-merged.h5", *way]
            yield Case(f"{n:,} results{' joined' if way else ''}",
                       Side("quern", command, prepare=done, keep=True),
                       work=n, unit="results/s", target_seconds=n / 1000,
                       shelf=f"finished-{n}")
