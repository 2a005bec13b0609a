"""Row 10: a job that is done: how long until quern knows."""

import make_data
from bench import Case, Side

TITLE = "planning and resuming finished items"
TARGET = "2 s for 100,000 items, 20 s for 1,000,000 (--long)"


def cases(bench):
    for n, target in bench.pick([(10_000, 0)], [(100_000, 2)],
                                [(100_000, 2), (1_000_000, 20)]):
        bench.need_room(bench.work / f"finished-{n}", n * 14_000)
        data = make_data.tiny(bench, n)
        done = bench.quern("run", "tiny.yaml", data)
        yield Case(f"plan of {n:,} items, none done",
                   Side("quern", bench.quern("plan", "tiny.yaml", data)),
                   work=n, unit="items/s", target_seconds=target)
        for word in ("plan", "run"):
            yield Case(f"{word} of {n:,} finished items",
                       Side("quern", bench.quern(word, "tiny.yaml", data),
                            prepare=done, keep=True),
                       work=n, unit="items/s", target_seconds=target,
                       shelf=f"finished-{n}")
