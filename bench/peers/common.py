"""What the peers share: how they tell their seconds, and their files."""

import json
import os
import pathlib
import sys
import time


class Clock:
    """Seconds of the work alone: imports and compilation lie outside."""

    def __enter__(self):
        self.begin = time.perf_counter()
        return self

    def __exit__(self, *_):
        self.seconds = time.perf_counter() - self.begin


def tell(seconds, **more):
    print(json.dumps({"seconds": seconds, **more}))


def listed(data, name):
    """The files of a list, with their folder."""
    data = pathlib.Path(data)
    return [str(data / line) for line in (data / name).read_text().split()]


def folder(path):
    os.makedirs(path, exist_ok=True)
    return path


def result(out, source):
    """A result's path: the name of its source with .h5."""
    return os.path.join(out, os.path.splitext(os.path.basename(source))[0] + ".h5")


def arguments(usage, n):
    if len(sys.argv) != n + 1:
        sys.exit(f"usage: {sys.argv[0]} {usage}")
    return sys.argv[1:]
