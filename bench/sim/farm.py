#!/usr/bin/python3
"""The farm at scale: a discrete-event model of src/comm/claims.c.

    bench/sim/farm.py                       the table of README
    bench/sim/farm.py --ranks 64 --items 4000 --smpi

--smpi also runs claims.c itself, compiled for SimGrid, on the same items: that
is what the model is held against (minutes above a hundred ranks).

Ranks with one worker each claim items from rank 0, largest guess first.  What
the model has of claims.c and dispatch.c: the sizes of chunks, the asking ahead,
the naps of who waits, rank 0 answering one request after the other.  Assumed
are rank 0's time for a request and the time of a message.  Not modelled are
files, journals, the end of the run, several lanes, and noise of the machine.
"""

import argparse
import array
import heapq
import json
import math
import pathlib
import random
import sys
import tempfile

sys.dont_write_bytecode = True

import simgrid  # noqa: E402

CHUNK_SECONDS = 0.05     # as in claims.c
NAP_FIRST, NAP_STEP, NAP_LONGEST = 20e-6, 4e-6, 1e-3  # as in comm.c
LOOK = 1e-3              # a busy rank looks at the others so often


def make_items(count, mean, sigma, known, seed):
    """Seconds of the items, with exactly this mean, largest guess first."""
    rng = random.Random(seed)
    times = [mean * math.exp(rng.gauss(0, sigma) - sigma * sigma / 2)
             for _ in range(count)]
    exact = mean * count / sum(times)
    times = [t * exact for t in times]
    guess = [t * math.exp(rng.gauss(0, known)) for t in times]
    order = sorted(range(count), key=lambda i: -guess[i])
    return [times[i] for i in order]


def woken(begin, event, naps=0):
    """When somebody who naps from begin on sees what happened at event."""
    now = begin
    while now < event:
        nap = NAP_FIRST + NAP_STEP * naps * naps
        if nap < NAP_LONGEST:
            naps += 1
        else:  # the rest are alike
            return now + NAP_LONGEST * max(1, -(-(event - now) // NAP_LONGEST))
        now += nap
    return now


class Rank:
    def __init__(self):
        self.now = []            # [first, end) at hand
        self.then = []           # asked for ahead
        self.given = None        # an answer on its way: (arrives, first, end, left)
        self.want = self.taken = 0
        self.fed = 0.0
        self.left = None


class Farm:
    def __init__(self, items, ranks, service, latency):
        self.items, self.size = items, ranks
        self.service, self.latency = service, latency
        self.next, self.free, self.requests = 0, 0.0, 0
        self.ranks = [Rank() for _ in range(ranks)]
        for rank in self.ranks:
            rank.left = len(items)

    # ---- rank 0 ----

    def chunk(self, want):
        left = len(self.items) - self.next
        if not left:
            return 0
        return min(want, max(1, left // (2 * self.size)))

    def answer(self, rank, sent):
        """Rank 0 looks each millisecond and answers in the order of arrival."""
        arrives = sent + self.latency
        if self.free < arrives:  # idle: at its next look
            self.free = -(-arrives // LOOK) * LOOK
        self.free += self.service
        self.requests += 1
        first = self.next
        self.next += self.chunk(rank.want)
        rank.given = (self.free + self.latency, first, self.next,
                      len(self.items) - self.next)

    # ---- the others ----

    def take_up(self, rank, now):
        if rank.given and rank.given[0] <= now:
            _, first, end, rank.left = rank.given
            rank.given = None
            if first < end:
                if rank.now:
                    rank.then = [first, end]
                else:
                    rank.now = [first, end]

    def ask(self, rank, now):
        hand = sum(run[1] - run[0] for run in (rank.now, rank.then) if run)
        plenty = rank.left >= 2 * self.size
        ahead = max(rank.want // 4, 1) if plenty else 0
        if rank.given or rank.then or not rank.left or hand > ahead:
            return
        done = rank.taken - 2
        if not rank.want or done > 0:
            pace = done / max(now - rank.fed, 1e-9) * CHUNK_SECONDS if rank.want else 0
            rank.want = max(1, int(pace))
            rank.taken, rank.fed = 0, now
        self.answer(rank, now)

    def take(self, rank):
        if not rank.now:
            rank.now, rank.then = rank.then, []
        if not rank.now:
            return None
        unit = rank.now[0]
        rank.now = [unit + 1, rank.now[1]] if unit + 1 < rank.now[1] else []
        rank.taken += 1
        return unit

    # ---- time ----

    def run(self):
        """Seconds until the last item is done."""
        last = 0.0
        # Rank 0 takes its own items without a message, the others by request.
        turns = [(0.0, r) for r in range(self.size)]
        while turns:
            now, r = heapq.heappop(turns)
            rank = self.ranks[r]
            if r == 0:
                if self.next < len(self.items):
                    self.next += 1
                    done = now + self.items[self.next - 1]
                    last = max(last, done)
                    heapq.heappush(turns, (done, 0))
                continue
            self.take_up(rank, now)
            self.ask(rank, now)
            unit = self.take(rank)
            if unit is not None:
                done = now + self.items[unit]
                last = max(last, done)
                # a look a millisecond after the start asks ahead
                heapq.heappush(turns, (done, r))
                if done - now > LOOK:
                    self.take_up(rank, now + LOOK)
                    self.ask(rank, now + LOOK)
            elif rank.given:
                heapq.heappush(turns, (woken(now, rank.given[0]), r))
            elif rank.left:
                heapq.heappush(turns, (now + NAP_FIRST, r))
        return last


def simulate(items, ranks, service):
    """Seconds until the last item is done, by claims.c under SimGrid."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "items.f64"
        path.write_bytes(array.array("d", items).tobytes())
        program = simgrid.build("farm", folder)
        said = simgrid.run(program, ranks, [path], folder, service / 2)
    return said["last_unit"]


def figures(a, ranks, service):
    """One line of the table, as a dictionary."""
    items = make_items(a.items, a.mean, a.sigma, a.known, a.seed)
    farm = Farm(items, ranks, service * 1e-6, a.latency * 1e-6)
    seconds = farm.run()
    work = sum(items)
    said = {}
    if a.smpi:
        said["smpi_seconds"] = simulate(items, ranks, service)
        said["smpi_efficiency"] = work / ranks / said["smpi_seconds"]
    return {**said, "ranks": ranks, "items": a.items, "service_us": service, "work": work,
            "seconds": seconds, "ideal": work / ranks, "efficiency": work / ranks / seconds,
            "requests": farm.requests, "requests_a_second": farm.requests / seconds}


def words():
    p = argparse.ArgumentParser(prog="bench/sim/farm.py", description=__doc__.split("\n")[0])
    p.add_argument("--ranks", type=int, nargs="+", default=[128, 1024, 8192], metavar="N")
    p.add_argument("--items", type=int, default=200_000, metavar="N")
    p.add_argument("--mean", type=float, default=0.05, metavar="SECONDS")
    p.add_argument("--sigma", type=float, default=0.5, help="of the lognormal")
    p.add_argument("--known", type=float, default=0.2, help="how well sizes are known")
    p.add_argument("--service", type=float, nargs="+", default=[1, 2, 5], metavar="US",
                   help="microseconds of rank 0 for a request")
    p.add_argument("--latency", type=float, default=1.5, metavar="US",
                   help="microseconds of a message")
    p.add_argument("--seed", type=int, default=12)
    p.add_argument("--smpi", action="store_true", help="also claims.c itself under SimGrid")
    p.add_argument("--json", action="store_true", help="a line of JSON a case")
    return p


def main():
    parser = words()
    a = parser.parse_args()
    if min(a.ranks) < 2 or a.items < 1 or a.mean <= 0 or min(a.service) <= 0:
        parser.error("at least 2 ranks, 1 item, and times above 0")
    if a.smpi and simgrid.lacks():
        parser.error(simgrid.lacks())
    if not a.json:
        print(f"{a.items:,} items, lognormal, mean {a.mean:g} s, sigma {a.sigma:g}, sizes known"
              f" to {a.known:.0%}; a message takes {a.latency:g} us")
        print(" ranks  rank 0 a request  seconds  ideal    efficiency  requests/s")
    for ranks in a.ranks:
        for service in a.service:
            f = figures(a, ranks, service)
            if a.json:
                print(json.dumps(f), flush=True)
            else:
                print(f"{ranks:6}  {service:13g} us  {f['seconds']:7.3f}  {f['ideal']:7.3f}"
                      f"  {f['efficiency']:9.1%}  {f['requests_a_second']:10,.0f}"
                      + (f"  claims.c itself {f['smpi_efficiency']:.1%}" if a.smpi else ""),
                      flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
