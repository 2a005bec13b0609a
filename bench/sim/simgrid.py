"""Building and running a simulation: quern's own sources under SimGrid's SMPI."""

import json
import pathlib
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent

CORES = 128              # of a node
BANDWIDTH = "12.5GBps"   # of a node's link: 100 Gbit/s
LATENCY = "0.5us"        # of a link, two of which are between nodes

# What a program needs of quern's sources.
PARTS = ["comm/claims", "comm/comm", "comm/comm_collective", "comm/comm_meet",
         "comm/comm_mpi", "comm/launch", "base/clock", "base/error",
         "base/memory", "base/message", "base/system", "base/text"]

# The defaults of SMPI are for other uses: collectives by linear exchange, a
# transfer that starts when its receiver looks, the host's own time counted, and
# 100 us and more for a test; test.h has our own.
SETTINGS = {
    "smpi/coll-selector": "ompi",
    "smpi/async-small-thresh": 65536,
    "smpi/simulate-computation": "no",
    "smpi/test": 0,
    "smpi/grow-injected-times": "no",
    "network/crosstraffic": "no",
    "contexts/stack-size": 128,  # KiB
}


class Failed(Exception):
    """Why there is no figure, as one sentence."""


def lacks():
    """What is missing here, or None."""
    for program in ("smpicc", "smpirun"):
        if not shutil.which(program):
            return f"{program} is missing: package libsimgrid-dev"
    return None


def build(name, folder):
    """Compiles NAME.c of this folder with quern's sources; its path."""
    program = pathlib.Path(folder) / name
    sources = [HERE / f"{name}.c"]
    sources += [SOURCE / "src" / f"{part}.c" for part in PARTS]
    # smpicc renames functions by macros, which -w need not hear of
    done = subprocess.run(["smpicc", "-O2", "-w", "-std=gnu11", "-include", HERE / "test.h", "-I", SOURCE / "src",
                           "-I", SOURCE / "include", *sources, "-o", program, "-lm"],
                          capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"{name}.c does not compile: {done.stderr[:2000]}")
    return program


def write_platform(folder, ranks, cores=CORES):
    """Nodes behind one switch that is not what is short; (platform, hosts)."""
    nodes = -(-ranks // cores)
    platform, hosts = folder / "platform.xml", folder / "hosts"
    platform.write_text(f"""<?xml version='1.0'?>
<!DOCTYPE platform SYSTEM "https://simgrid.org/simgrid.dtd">
<platform version="4.1">
  <cluster id="c" prefix="n" suffix="" radical="0-{nodes - 1}" speed="1Gf" core="{cores}"
           bw="{BANDWIDTH}" lat="{LATENCY}" sharing_policy="SPLITDUPLEX"
           bb_bw="1TBps" bb_lat="0.2us" loopback_bw="20GBps" loopback_lat="0.2us"/>
</platform>
""")
    hosts.write_text("".join(f"n{i}:{cores}\n" for i in range(nodes)))
    return platform, hosts


def run(program, ranks, arguments, folder, message_us=1.0, cores=CORES):
    """What rank 0 printed.  message_us: a core's time for sending one
    message, and for receiving one."""
    platform, hosts = write_platform(pathlib.Path(folder), ranks, cores)
    cost = f"0:{message_us}e-6:0"
    settings = dict(SETTINGS, **{"smpi/os": cost, "smpi/ois": cost, "smpi/or": cost})
    done = subprocess.run(
        ["smpirun", "-no-privatize", "-np", str(ranks), "-platform", platform,
         "-hostfile", hosts, "--log=root.thresh:error",
         *(f"--cfg={k}:{v}" for k, v in settings.items()), program, *map(str, arguments)],
        capture_output=True, text=True)
    lines = [x for x in done.stdout.splitlines() if x.startswith("{")]
    if done.returncode or not lines:
        raise Failed(f"{program} on {ranks} ranks failed: {(done.stderr or done.stdout)[-600:]}")
    return json.loads(lines[-1])
