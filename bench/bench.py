"""What a row is made of, and what it may ask about the machine.

A row is a module in rows/ with TITLE, TARGET and cases(bench), which yields
Cases.  A Case is one amount of work; it is done by quern (its project Side) and
by peers (other Sides).  Nothing here runs anything: measure.py does.
"""

import dataclasses
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent
PYTHON = "/usr/bin/python3"

# Debian's package: what it is known by, a Python module or a program.
MODULES = {
    "python3-astropy": "astropy",
    "python3-bottleneck": "bottleneck",
    "python3-ccdproc": "ccdproc",
    "python3-h5py": "h5py",
    "python3-mpi4py": "mpi4py",
    "python3-numba": "numba",
    "python3-numpy": "numpy",
}
PROGRAMS = {
    "gnuastro": "astarithmetic",
    "parallel": "parallel",
    "findutils": "xargs",
}


class NotMeasured(Exception):
    """Why something is left out, as one sentence."""


@dataclasses.dataclass
class Side:
    """One way of doing the work of a case.

    {out} in a command is the folder for its results, empty at the start of
    every run unless keep is set.  A peer's last line is JSON with its own
    `seconds`; without own_clock the whole command is timed.
    """

    name: str
    command: list
    needs: tuple = ()          # Debian packages
    own_clock: bool = False    # the command tells its seconds itself
    work: float = 0            # units a run; 0: the case's
    target: float = 0          # the project is to be so many times as fast
    check: object = None       # check(project's out, own out): how they agree
    note: str = ""             # what a reader must know to be fair
    keep: bool = False         # results stay from run to run
    env: dict = None           # variables for the command
    prepare: list = None       # a command run once before, not timed


@dataclasses.dataclass
class Case:
    """One amount of work, done by all sides."""

    name: str
    project: Side
    work: float = 0            # units a run
    unit: str = ""             # of a rate: "GB/s"; with work in 1e9 bytes
    peers: list = dataclasses.field(default_factory=list)
    # what the machine could do: (name in limits, amount a run, target share)
    ceilings: list = dataclasses.field(default_factory=list)
    target_seconds: float = 0  # 0: none
    target_rate: float = 0     # units a second; 0: none
    on_disk: bool = False      # results go to the disk's folder
    shelf: str = ""            # results kept from run to run have this name
    budget: object = None      # budget(): bytes; then memory is what counts


class Bench:
    """Where things are, how large they are to be, and what is installed."""

    def __init__(self, work, disk, size, binaries):
        self.work = pathlib.Path(work)
        self.disk = pathlib.Path(disk)
        self.size = size
        self.bin = pathlib.Path(binaries)
        self.cores = len(os.sched_getaffinity(0))
        self.limits = {}
        self._kernels = None

    def pick(self, quick, full, long=None):
        """The value for the size that was asked for."""
        if self.size == "quick":
            return quick
        return long if self.size == "long" and long is not None else full

    def quern(self, command, job, data, *options):
        """A quern command over bench/jobs/JOB with results in {out}."""
        return [self.bin / "quern", command, HERE / "jobs" / job,
                "--data", data, "--output", "{out}", *options]

    def peer(self, script, *arguments):
        return [PYTHON, HERE / "peers" / script, *arguments]

    def ranks(self, n, command):
        return [SOURCE / "scripts" / "mpirun.sh", "-n", str(n), *command]

    def program(self, name):
        """One of the programs built from bench/*.c."""
        path = self.bin / name
        if not path.exists():
            raise NotMeasured(f"{name} is not built: configure with -DQN_BENCH=ON")
        return path

    def need_kernel(self, *names):
        """Rows for kernels that quern lacks say so instead of failing."""
        if self._kernels is None:
            said = subprocess.run([self.bin / "quern", "kernels"], check=True,
                                  capture_output=True, text=True).stdout
            self._kernels = {line.split()[0] for line in said.splitlines()
                             if line and not line.startswith(("`", " "))}
        for name in names:
            if name not in self._kernels:
                raise NotMeasured(f"quern does not have {name} yet")

    def need_room(self, path, size):
        """Refuse what would fill the folder of path, unless path is there."""
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(path.parent).free
        if size > 0.8 * free:
            raise NotMeasured(f"{size / 1e9:.1f} GB wanted for {path}, {free / 1e9:.1f} GB free")


def missing(packages):
    """The first of these Debian packages that is not here, or None."""
    for package in packages:
        if package in PROGRAMS:
            here = shutil.which(PROGRAMS[package])
        else:
            here = importlib.util.find_spec(MODULES[package])
        if not here:
            return package
    return None


def read_limits(bench):
    """The machine's ceilings from quern-limits, in GB/s and GFLOP/s."""
    try:
        program = bench.program("quern-limits")
    except NotMeasured:
        return {}
    bench.work.mkdir(parents=True, exist_ok=True)
    said = subprocess.run([program, bench.work, bench.pick("32", "512")],
                          check=True, capture_output=True, text=True).stdout
    return json.loads(said)


def describe(binaries):
    """The machine and the program, for the head of a report."""
    cpu, memory = "unknown", 0
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    for line in open("/proc/meminfo"):
        if line.startswith("MemTotal"):
            memory = int(line.split()[1]) * 1024
    version = subprocess.run([pathlib.Path(binaries) / "quern", "--version"],
                             capture_output=True, text=True).stdout.strip()
    commit = subprocess.run(["git", "-C", SOURCE, "describe", "--always", "--dirty"],
                            capture_output=True, text=True).stdout.strip()
    return {"quern": version, "commit": commit or None, "cpu": cpu,
            "cores": len(os.sched_getaffinity(0)), "memory": memory,
            "kernel": os.uname().release}
