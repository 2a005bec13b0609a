#!/usr/bin/python3
"""Hold results against the peers' figures of reference.json.

usage: reference.py REFERENCE.json [--rtol R] FILE.h5 KEY[/KEY...] [FILE KEY]...

The figures are a statistical summary and samples of the array; where the
reference holds kept_count_histogram, the product `count` must match it exactly.
Prints a line a file; exits 1 where anything differs, or nothing was compared.
"""
import json
import sys

import h5py
import numpy as np


def summary_matches(a, want, rtol):
    bad, n = [], 0
    a = np.asarray(a)
    if list(a.shape) != want["shape"]:
        return ["shape %s, not %s" % (a.shape, want["shape"])], 1
    x = a.astype("f8")
    finite = x[np.isfinite(x)]
    have = {"sum": finite.sum(), "mean": finite.mean(), "std0": finite.std(),
            "min": finite.min(), "max": finite.max()}
    span = np.abs(finite).max()
    for name, value in have.items():
        n += 1
        # sums of both signs cancel: their error is that of the terms
        scale = span * finite.size if name == "sum" else span
        if abs(value - want[name]) > rtol * max(abs(want[name]), scale * 1e-3):
            bad.append("%s %.17g, not %.17g" % (name, value, want[name]))
    if x.size - finite.size != want["n_nonfinite"]:
        bad.append("%d non-finite, not %d" % (x.size - finite.size,
                                              want["n_nonfinite"]))
    flat = x.ravel()[want["sample_flat_index"]]
    sample = np.array([np.nan if v is None else v for v in want["sample"]], "f8")
    n += sample.size
    if not np.allclose(flat, sample, rtol=rtol, atol=rtol * span * 1e-3,
                       equal_nan=True):
        worst = np.nanargmax(np.abs(flat - sample))
        bad.append("sample %d is %.17g, not %.17g" % (
            want["sample_flat_index"][worst], flat[worst], sample[worst]))
    return bad, n


def agrees(want, path, key, rtol):
    """One result against its figures."""
    for part in key.split("/"):
        want = want[part]
    with h5py.File(path, "r") as h:
        data = h["/entry/data/data"][()]
        count = h["/entry/count/data"][()] if "/entry/count" in h else None
    histogram = want.get("kept_count_histogram")
    bad, n = summary_matches(data, want.get("mean", want)
                             if isinstance(want.get("mean"), dict) else want,
                             rtol)
    if histogram:
        values, times = np.unique(count, return_counts=True)
        have = {str(v): int(t) for v, t in zip(values, times)}
        n += len(histogram)
        if have != histogram:
            bad.append("kept counts %s, not %s" % (have, histogram))
    print("%s %s: %s" % (path.split("/")[-1], key,
                         "; ".join(bad) if bad else "%d figures agree" % n))
    return not bad and n > 0


def main():
    args = sys.argv[1:]
    rtol = 1e-12
    if "--rtol" in args:
        at = args.index("--rtol")
        rtol = float(args[at + 1])
        del args[at:at + 2]
    want = json.load(open(args[0]))
    paths, keys = args[1::2], args[2::2]
    if not paths or len(paths) != len(keys):
        sys.exit(__doc__)
    good = [agrees(want, path, key, rtol) for path, key in zip(paths, keys)]
    return 0 if all(good) else 1


sys.exit(main())
