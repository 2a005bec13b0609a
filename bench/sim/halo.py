#!/usr/bin/python3
"""Halo stages at scale: compute, memory and messages as one formula.

    bench/sim/halo.py          the table of README

A rank has a block of n x n float64 samples of a 5-point stencil and does s steps
an exchange, so its halo is s samples wide and it computes the strips again that
its neighbours have.  Sent are strips of 8 s n bytes to the left and right and
then strips with the corners above and below, each in time
latency + bytes / bandwidth.  While they travel the samples that need no halo are
worked on.  The link of a node is shared by the ranks on its border.  A model:
nothing of it was measured on a cluster.
"""

import argparse
import json
import math
import sys


def exchange_seconds(a, n, border):
    """Two rounds, since corners travel by way of the second axis."""
    share = a.bandwidth * 1e9 / border  # bytes/s a rank has of its node's link
    wide = 8 * a.block_steps * (n + n + 2 * a.block_steps)
    return 2 * a.latency * 1e-6 + 2 * wide / share


def step_seconds(a, n, ranks):
    """A step of a block of n x n, averaged over those of one exchange."""
    s, rate = a.block_steps, a.rate * 1e9 / a.cores
    # steps 1 ... s reach s-1 ... 0 samples into the neighbours
    points = sum((n + 2 * k) ** 2 for k in range(s)) if ranks > 1 else s * n * n
    compute = points / rate
    if ranks == 1:
        return compute / s
    inner = sum(max(0, n - 2 * k) ** 2 for k in range(1, s + 1)) / rate
    # ranks of a node form a square: those on one side share the link
    border = max(1, math.isqrt(min(a.cores, ranks)))
    wait = 0 if ranks <= a.cores else exchange_seconds(a, n, border)
    return (compute + max(0.0, wait - inner)) / s


def words():
    p = argparse.ArgumentParser(prog="bench/sim/halo.py", description=__doc__.split("\n")[0])
    p.add_argument("--ranks", type=int, nargs="+", default=[128, 1024, 8192], metavar="N")
    p.add_argument("--rate", type=float, default=60.0, help="G points/s of a full node")
    p.add_argument("--cores", type=int, default=128, help="ranks of a node")
    p.add_argument("--block-steps", type=int, default=8, help="steps an exchange")
    p.add_argument("--latency", type=float, default=1.5, help="microseconds of a message")
    p.add_argument("--bandwidth", type=float, default=12.5, help="GB/s of a node's link")
    p.add_argument("--weak", type=int, default=4096, help="side of a rank's block, weak scaling")
    p.add_argument("--strong", type=int, default=65536, help="side of the grid, strong scaling")
    p.add_argument("--json", action="store_true", help="a line of JSON a case")
    return p


def main():
    parser = words()
    a = parser.parse_args()
    if min([*a.ranks, a.cores, a.block_steps, a.weak, a.strong]) < 1 or \
            min(a.rate, a.bandwidth) <= 0 or a.latency < 0:
        parser.error("ranks, sides, steps, rate and bandwidth must be above 0")
    if not a.json:
        print(f"{a.rate:g} G points/s a node of {a.cores} ranks, {a.block_steps} steps an"
              f" exchange, {a.latency:g} us, {a.bandwidth:g} GB/s\n"
              f" ranks  weak ({a.weak} x {a.weak} a rank)  strong ({a.strong} x {a.strong})")
    for ranks in a.ranks:
        n = a.strong / math.sqrt(ranks)
        f = {"ranks": ranks,
             "weak": step_seconds(a, a.weak, 1) / step_seconds(a, a.weak, ranks),
             "strong": step_seconds(a, a.strong, 1) / ranks / step_seconds(a, n, ranks)}
        print(json.dumps(f) if a.json else
              f"{ranks:6}  {f['weak']:23.1%}  {f['strong']:23.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
