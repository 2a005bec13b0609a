"""Runs the sides of a case in turn and times them."""

import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import threading
import time

from bench import NotMeasured, missing

PATIENCE = 1800  # s a command may take
LATER = "is not available in this version"


# Peers bring their own processes; their libraries shall not multiply them.
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "NUMBA")}


class Failed(Exception):
    """A command ended badly; what it said last."""


def fill(command, out):
    return [str(word).replace("{out}", str(out)) for word in command]


def tail(text):
    """The line that tells most: quern's first, of others the last."""
    lines = [line for line in text.splitlines() if line.strip()]
    ours = [line for line in lines if line.startswith("quern: ")]
    return (ours[0] if ours else lines[-1])[:300] if lines else "it said nothing"


def environment(more):
    """Ours without a launcher around it, and the side's own variables."""
    env = {k: v for k, v in os.environ.items()
           if not k.startswith(("OMPI_", "PMIX_", "PMI_", "SLURM_"))}
    env.update(more or {})
    return env


class Watch(threading.Thread):
    """Peak memory of quern's processes below a process, sampled.

    pss: shared pages counted once, over all processes; rss: of the largest
    single process.  A launcher in between is not counted.
    """

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.pss, self.rss, self.over = pid, 0, 0, threading.Event()

    def run(self):
        while not self.over.wait(0.005):
            pss = 0
            for pid in family(self.pid):
                mine, resident = memory_of(pid)
                pss += mine
                self.rss = max(self.rss, resident)
            self.pss = max(self.pss, pss)

    def stop(self):
        self.over.set()
        self.join()
        return {"pss": self.pss, "rss": self.rss}


def family(pid):
    """The process and its descendants."""
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        for task in pathlib.Path(f"/proc/{one}/task").glob("*/children"):
            try:
                todo.extend(int(word) for word in task.read_text().split())
            except OSError:
                pass
    return found


def memory_of(pid):
    """Pss and high-water Rss of a process of quern, bytes; else 0, 0."""
    pss = rss = 0
    try:
        if not pathlib.Path(f"/proc/{pid}/comm").read_text().startswith("quern"):
            return 0, 0
        for line in open(f"/proc/{pid}/smaps_rollup"):
            if line.startswith("Pss:"):
                pss = int(line.split()[1]) * 1024
        for line in open(f"/proc/{pid}/status"):
            if line.startswith("VmHWM:"):
                rss = int(line.split()[1]) * 1024
    except OSError:
        pass
    return pss, rss


def run(command, more=None, watch=False):
    """(seconds, what it printed, memory or None); Failed if it fails."""
    begin = time.perf_counter()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, env=environment(more),
                             start_new_session=True)
    watcher = None
    if watch:
        watcher = Watch(child.pid)
        watcher.start()
    try:
        out, err = child.communicate(timeout=PATIENCE)
    except BaseException as why:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        if isinstance(why, subprocess.TimeoutExpired):
            raise Failed(f"still running after {PATIENCE} s") from None
        raise
    finally:
        memory = watcher.stop() if watcher else None
    seconds = time.perf_counter() - begin
    if child.returncode:
        said = next((line for line in err.splitlines() if LATER in line), None)
        if said:
            raise NotMeasured(said.strip())
        raise Failed(f"exit code {child.returncode}: {tail(err or out)}")
    return seconds, out, memory


class Runner:
    """Times one side again and again; keeps what came out for checks."""

    def __init__(self, side, out, watch=False, defaults=None):
        self.side, self.out, self.watch = side, out, watch
        self.env = dict(defaults or {}, **(side.env or {}))
        self.seconds, self.memory, self.said = [], [], {}
        package = missing(side.needs)
        if package:
            raise NotMeasured(f"package {package} missing")

    def prepare(self):
        if not self.side.keep:
            shutil.rmtree(self.out, ignore_errors=True)
        self.out.parent.mkdir(parents=True, exist_ok=True)
        if self.side.prepare:
            run(fill(self.side.prepare, self.out), self.env)

    def once(self):
        if not self.side.keep:
            shutil.rmtree(self.out, ignore_errors=True)
            self.out.mkdir()
        seconds, said, memory = run(fill(self.side.command, self.out),
                                    self.env, self.watch)
        if self.side.own_clock:
            self.said = json.loads(tail(said))
            seconds = self.said["seconds"]
        self.seconds.append(seconds)
        if memory:
            self.memory.append(memory)

    def result(self, case):
        work = self.side.work or case.work
        median = statistics.median(self.seconds)
        result = {"name": self.side.name, "state": "measured",
                  "seconds": self.seconds, "median_seconds": median}
        if work:
            result.update(work=work, unit=case.unit, rate=work / median)
        if self.side.note:
            result["note"] = self.side.note
        if self.said:
            result["said"] = self.said
        return result


def left_out(side, why, state="not measured"):
    return {"name": side.name, "state": state, "reason": str(why)}


def compare(project, peer, case, result):
    """Adds the pairs' ratios: how many times as fast the project is."""
    ours, theirs = (s.side.work or case.work or 1 for s in (project, peer))
    pairs = list(zip(project.seconds[-len(peer.seconds):], peer.seconds))
    ratios = [(ours / a) / (theirs / b) for a, b in pairs]
    result["ratios"] = ratios
    result["ratio"] = {"median": statistics.median(ratios),
                       "min": min(ratios), "max": max(ratios)}
    if peer.side.target:
        result["target"] = peer.side.target


def measure_peer(project, side, case, out, pairs):
    """Project, peer, project, peer ...: each pair has its own ratio."""
    try:
        peer = Runner(side, out, defaults=ONE_THREAD)
        peer.prepare()
        for _ in range(pairs):
            project.once()
            peer.once()
        result = peer.result(case)
        compare(project, peer, case, result)
        if side.check:
            result["agreement"] = agreement(side, project.out, out)
    except (Failed, NotMeasured) as why:
        return left_out(side, why)
    finally:
        if not side.keep:
            shutil.rmtree(out, ignore_errors=True)
    return result


def agreement(side, ours, theirs):
    """What the check found; a difference is an answer, not a failure."""
    package = missing(("python3-h5py", "python3-numpy"))
    if package:
        return {"agrees": None, "text": f"not compared: package {package} missing"}
    agrees, text = side.check(ours, theirs)
    return {"agrees": bool(agrees), "text": text}


def hold_ceilings(case, bench, median):
    held = []
    for name, amount, target in case.ceilings:
        if name in bench.limits:
            held.append({"limit": name, "value": bench.limits[name],
                         "share": amount / median / bench.limits[name],
                         "target": target})
    return held


def measure_case(bench, case, pairs):
    """One case as a dictionary for the table and for JSON."""
    out = (bench.disk if case.on_disk else bench.work) / (case.shelf or f"out-{os.getpid()}")
    result = {"name": case.name, "load_before": os.getloadavg()[0],
              "judged": bench.size != "quick"}
    watch = case.budget is not None
    try:
        project = Runner(case.project, out / "quern", watch)
        project.prepare()
        peers = [measure_peer(project, side, case, out / f"peer-{i}", pairs)
                 for i, side in enumerate(case.peers)]
        while len(project.seconds) < (1 if watch else pairs):
            project.once()
        result["project"] = project.result(case)
        result["peers"] = peers
        result["ceilings"] = hold_ceilings(
            case, bench, result["project"]["median_seconds"])
        for name in ("target_seconds", "target_rate"):
            if getattr(case, name):
                result[name] = getattr(case, name)
        if watch:
            result["memory"] = {**project.memory[-1], **case.budget()}
    except (Failed, NotMeasured) as why:
        refused = watch and isinstance(why, Failed)
        result["project"] = left_out(case.project, why,
                                     "refused" if refused else "not measured")
        result["peers"] = []
    finally:
        if not case.project.keep:
            shutil.rmtree(out, ignore_errors=True)
    result["load_after"] = os.getloadavg()[0]
    return result
