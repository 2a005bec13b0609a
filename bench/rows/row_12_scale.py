"""Row 12: the farm on thousands of ranks, simulated (sim/farm.py)."""

from bench import HERE, PYTHON, Case, Side

TITLE = "scale, simulated: items of 50 ms (lognormal, sigma 0.5), sizes known to 20 %"
TARGET = "95 % of total work / ranks at 8,192 ranks, 99 % at 1,024"
MEAN = 0.05  # s


def cases(bench):
    items = bench.pick(5_000, 200_000)
    for ranks, target in bench.pick([(64, 0), (256, 0)],
                                    [(128, 0), (1024, 0.99), (8192, 0.95)]):
        yield Case(
            f"{items:,} items on {ranks:,} ranks, 2 us of rank 0 a request",
            Side("quern's claims, model",
                 [PYTHON, HERE / "sim" / "farm.py", "--json", "--ranks", ranks,
                  "--items", items, "--mean", MEAN, "--service", 2],
                 own_clock=True, note="simulated seconds, not those of this machine"),
            work=MEAN * items / ranks, unit="of the ideal", target_rate=target)
