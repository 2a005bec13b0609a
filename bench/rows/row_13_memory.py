"""Row 13: the peak memory of all processes, held against the budget."""

import json
import subprocess

import make_data
from bench import Case, Side

TITLE = "peak memory of all processes"
TARGET = "within the budget printed by plan: 10 files, 10,000 files, a file of ten budgets"


def planned(bench, job, data, memory, ranks):
    """What plan says that all ranks take at most, their processes included."""

    def budget():
        words = bench.quern("plan", job, data, "--json", "--memory", memory)
        said = subprocess.run([str(w).replace("{out}", str(bench.work / "none"))
                               for w in words], capture_output=True, text=True)
        if said.returncode:
            return {"budget": ranks * memory, "source": "--memory, since plan fails"}
        stages = [s["memory"] for s in json.loads(said.stdout)["stages"] if s["memory"]]
        return {"budget": ranks * max(m["peak"] for m in stages),
                "source": "plan: samples and processes"}
    return budget


def case(bench, name, job, data, memory, ranks=1):
    command = bench.quern("run", job, data, "--memory", memory)
    if ranks > 1:
        command = bench.ranks(ranks, command)
    return Case(name, Side("quern", command), budget=planned(bench, job, data, memory, ranks))


def cases(bench):
    mib = 1 << 20
    memory = bench.pick(32, 128) * mib
    frame = 256 * 256 * 2
    file_frames = bench.pick(16, 64)
    few = make_data.scan(bench, 10, file_frames)
    yield case(bench, f"10 files of {file_frames * frame // mib} MiB", "scan-bin.yaml",
               few, memory)
    many = bench.pick(500, 10_000)
    yield case(bench, f"{many:,} files of 4 KiB", "small.yaml",
               make_data.small(bench, many), memory)
    yield case(bench, f"{many:,} files of 4 KiB, 2 ranks", "small.yaml",
               make_data.small(bench, many), memory, ranks=2)
    large = 10 * memory // frame
    yield case(bench, f"one file of {10 * memory // mib} MiB, ten budgets", "scan-bin.yaml",
               make_data.scan(bench, 1, large), memory)
