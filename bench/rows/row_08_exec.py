"""Row 8: any program, once for each item."""

import make_data
from bench import Case, Side

TITLE = "`true`, once for each item"
TARGET = "0.9x xargs -P2, with journal and resume"


def cases(bench):
    bench.need_kernel("exec")
    n = bench.pick(200, 5_000)
    data = make_data.runs(bench, n)
    words = data / "words.txt"
    yield Case(f"{n:,} items",
               Side("quern", bench.quern("run", "exec-true.yaml", data)),
               work=n, unit="items/s",
               peers=[Side("xargs -P2", ["xargs", "-a", words, "-P2", "-n1", "true"],
                           ("findutils",), target=0.9, note="no journal"),
                      Side("parallel -j2", ["parallel", "--will-cite", "-j2", "-a", words,
                                            "true"],
                           ("parallel",), note="no journal")])
