#!/usr/bin/python3
"""Are the results in two output folders the same, bit for bit?

    same.py FOLDER FOLDER     0 same; 1 they differ, or there was nothing

Compared: the names of the files; in each HDF5 file everything under
/entry/<product>/ with its attributes, the header's table, and in
/entry/process the steps, parameters and key; other files byte by byte.
Hidden folders (the journal) are not compared.  Files that are the same to the
last byte count as one thing compared.
"""
import os
import sys

PROMISED = ("steps", "parameters", "key")


def files_of(folder):
    found = set()
    for here, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if not f.startswith(".")]
        for name in names:
            if not name.startswith("."):
                found.add(os.path.relpath(os.path.join(here, name), folder))
    return found


def bits(value):
    """Something that is equal exactly where all bits are."""
    import numpy as np

    array = np.asarray(value)
    if array.dtype == object:
        return ("text", array.shape, [str(v) for v in array.ravel()])
    return (array.dtype.str, array.shape, array.tobytes())


def contents(path):
    """What is promised of a file: name -> bits."""
    import h5py  # here, as most files need none of it, and it loads slowly

    found = {}

    def keep(name, node):
        if isinstance(node, h5py.Dataset):
            found[name] = bits(node[()])
        for key, value in node.attrs.items():
            found[name + "@" + key] = bits(value)

    with h5py.File(path, "r") as file:
        entry = file["entry"]
        for name, node in entry.items():
            if name != "process":
                keep(name, node)
                if isinstance(node, h5py.Group):
                    node.visititems(lambda n, o: keep(name + "/" + n, o))
                continue
            for word in PROMISED:
                if word in node:
                    keep("process/" + word, node[word])
    return found


def compare_file(first, second):
    """Names that differ, and how many were compared."""
    with open(first, "rb") as a, open(second, "rb") as b:
        same = a.read() == b.read()
    if same or not first.endswith(".h5"):
        return ([] if same else ["bytes"]), 1
    a, b = contents(first), contents(second)
    names = sorted(set(a) | set(b))
    return [n for n in names if a.get(n) != b.get(n)], len(names)


def main(first, second):
    a, b = files_of(first), files_of(second)
    wrong = len(a ^ b)
    for name in sorted(a ^ b):
        print(f"{name}: only in {first if name in a else second}")
    compared = 0
    for name in sorted(a & b):
        differ, count = compare_file(
            os.path.join(first, name), os.path.join(second, name)
        )
        compared += count
        wrong += len(differ)
        for what in differ:
            print(f"{name}: {what} differs")
    print(f"{compared} compared in {len(a & b)} files, {wrong} differ")
    return 1 if wrong or not compared else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: same.py FOLDER FOLDER")
    sys.exit(main(sys.argv[1], sys.argv[2]))
