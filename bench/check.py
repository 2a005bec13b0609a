"""Do two sides come to the same numbers?  Each returns (agrees, sentence)."""

import pathlib

import numpy as np


def read_quern(path):
    import h5py

    with h5py.File(path) as h:
        return h["/entry/data/data"][()]


def read_peer(path):
    import h5py

    path = pathlib.Path(path)
    if path.suffix == ".npy":
        return np.load(path)
    if path.suffix == ".fits":
        from astropy.io import fits
        return fits.getdata(path)
    with h5py.File(path) as h:
        return h["data"][()]


def difference(ours, theirs, tolerance):
    """Relative to the larger of 1 and the value; NaN equals NaN."""
    if ours.shape != theirs.shape:
        return False, f"shapes {ours.shape} and {theirs.shape}"
    a, b = ours.astype("f8"), theirs.astype("f8")
    off = np.abs(a - b) / np.maximum(1, np.abs(a))
    off[np.isnan(a) & np.isnan(b)] = 0
    worst = float(np.max(off, initial=0))
    return worst <= tolerance, f"largest relative difference {worst:.1e}"


def same_file(ours, theirs, tolerance):
    """One result a side, by path inside its folder."""
    def check(our_folder, their_folder):
        return difference(read_quern(our_folder / ours),
                          read_peer(their_folder / theirs), tolerance)
    return check


def same_folder(ours, tolerance, sample=8):
    """A result an input: a few of them are compared, and their number."""
    def check(our_folder, their_folder):
        a = sorted((our_folder / ours).glob("*.h5"))
        b = sorted(their_folder.glob("*.h5"))
        if [p.name for p in a] != [p.name for p in b] or not a:
            return False, f"{len(a)} and {len(b)} results"
        worst = []
        for i in range(0, len(a), max(1, len(a) // sample)):
            agrees, text = difference(read_quern(a[i]), read_peer(b[i]), tolerance)
            worst.append((not agrees, text))
        bad, text = max(worst)
        return not bad, f"{len(a)} results, {len(worst)} compared: {text}"
    return check


def mostly_same(ours, theirs, tolerance, share):
    """Sides that clip by slightly different rules: most pixels are equal."""
    def check(our_folder, their_folder):
        a = read_quern(our_folder / ours).astype("f8")
        b = read_peer(their_folder / theirs).astype("f8")
        if a.shape != b.shape:
            return False, f"shapes {a.shape} and {b.shape}"
        equal = float(np.mean(np.abs(a - b) <= tolerance * np.maximum(1, np.abs(a))))
        return equal >= share, f"{equal:.2%} of the pixels equal to {tolerance:.0e}"
    return check
