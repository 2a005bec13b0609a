#!/usr/bin/python3
"""Measures quern against its peers and against what the machine can do.

bench/README.md says what the rows are and how to read the table.
"""

import argparse
import importlib
import json
import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

from bench import SOURCE, Bench, NotMeasured, describe, missing, read_limits  # noqa: E402
from measure import measure_case  # noqa: E402
import report  # noqa: E402


def rows():
    """Row number to module name, from the names of the files."""
    found = {}
    for path in sorted((HERE / "rows").glob("row_*.py")):
        found[int(path.stem.split("_")[1])] = f"rows.{path.stem}"
    return found


def words():
    p = argparse.ArgumentParser(
        prog="bench/run.py", description="Measure rows of the table of targets, quern and"
        " its peers in turn.", epilog="Folders: QUERN_BIN (programs; built into build/bench"
        " where unset), QUERN_BENCH_DIR (data and results; default /dev/shm/quern-bench),"
        " QUERN_BENCH_DISK (a folder on a disk; default /var/tmp/quern-bench).")
    p.add_argument("rows", nargs="*", metavar="ROW", help="a number, or all")
    p.add_argument("--list", action="store_true", help="what rows there are")
    p.add_argument("--pairs", type=int, default=5, metavar="N",
                   help="pairs of runs a peer (default 5)")
    p.add_argument("--json", metavar="FILE", help="write the results there as well")
    size = p.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="size", action="store_const", const="quick",
                      default="full", help="small data: does it work, not how fast")
    size.add_argument("--long", dest="size", action="store_const", const="long",
                      help="the largest data as well")
    return p


def build():
    """The folder of the programs; built first unless QUERN_BIN names it."""
    given = os.environ.get("QUERN_BIN")
    if given:
        return pathlib.Path(given).resolve()
    print("building build/bench", file=sys.stderr, flush=True)
    for step in (["--preset", "bench", "--log-level=WARNING"],
                 ["--build", "--preset", "bench"]):
        done = subprocess.run(["cmake", *step], cwd=SOURCE, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            sys.exit(f"{done.stdout}\nbench/run.py: build/bench could not be built;"
                     " scripts/setup.sh installs what that needs")
    return SOURCE / "build" / "bench" / "bin"


def measure_row(bench, number, module, pairs, show):
    row = importlib.import_module(module)
    result = {"row": number, "title": row.TITLE, "target": row.TARGET, "cases": []}
    show(f"row {number}: {row.TITLE}")
    show(f"  target: {row.TARGET}")
    try:
        for case in row.cases(bench):
            measured = measure_case(bench, case, pairs)
            result["cases"].append(measured)
            for line in report.case_lines(measured):
                show(line)
    except NotMeasured as why:
        result["reason"] = str(why)
        show(f"  not measured: {why}")
    if hasattr(row, "remarks"):
        result["remarks"] = row.remarks(result["cases"])
        for line in result["remarks"]:
            show(f"  {line}")
    return result


def choose(parser, asked, known):
    if "all" in asked:
        return list(known)
    for word in asked:
        if not word.isdigit() or int(word) not in known:
            parser.error(f"there is no row '{word}'; --list shows what there is")
    return [int(word) for word in asked]


def main():
    parser = words()
    asked = parser.parse_args()
    known = rows()
    if missing(("python3-numpy",)):
        parser.error("package python3-numpy is needed, to make the data")
    if asked.list:
        for number, module in known.items():
            row = importlib.import_module(module)
            print(f"{number:3}  {row.TITLE}\n     target: {row.TARGET}")
        return 0
    numbers = choose(parser, asked.rows, known)
    if not numbers or asked.pairs < 1:
        parser.error("which row? A number, or all; --list shows what there is")
    binaries = build()
    if not (binaries / "quern").exists():
        parser.error(f"there is no quern in {binaries} (QUERN_BIN)")
    bench = Bench(os.environ.get("QUERN_BENCH_DIR", "/dev/shm/quern-bench"),
                  os.environ.get("QUERN_BENCH_DISK", "/var/tmp/quern-bench"),
                  asked.size, binaries)
    bench.work.mkdir(parents=True, exist_ok=True)
    bench.limits = read_limits(bench)
    machine = describe(binaries)

    def show(line):
        print(line, flush=True)

    for line in report.head_lines(machine, bench.limits, asked.size, asked.pairs):
        show(line)
    results = [measure_row(bench, n, known[n], asked.pairs, show) for n in numbers]
    if asked.json:
        whole = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                 "machine": machine, "size": asked.size, "pairs": asked.pairs,
                 "limits": bench.limits, "rows": results}
        pathlib.Path(asked.json).write_text(json.dumps(whole, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
