"""Makes the data of the rows, once each; what is there is used again.

Every function returns the folder.  Values come from seeded generators, so that
two machines measure the same work.  A folder has its name only when complete.
"""

import contextlib
import os
import pathlib
import shutil

import numpy as np


def card(key, value):
    return f"{key:<8}= {value:>20}".ljust(80).encode()


def write_fits(path, data):
    """A FITS image, float32 or uint16 (by BZERO, as the standard has it)."""
    cards = [card("SIMPLE", "T"), card("BITPIX", -32 if data.dtype == "f4" else 16),
             card("NAXIS", data.ndim)]
    cards += [card(f"NAXIS{i + 1}", n) for i, n in enumerate(reversed(data.shape))]
    if data.dtype == "u2":
        cards += [card("BZERO", 32768), card("BSCALE", 1)]
        stored = (data.astype("i4") - 32768).astype(">i2")
    else:
        stored = data.astype(">f4")
    head = b"".join(cards) + b"END".ljust(80)
    body = stored.tobytes()
    pad = -len(head) % 2880
    with open(path, "wb") as f:
        f.write(head + b" " * pad + body + b"\0" * (-len(body) % 2880))


@contextlib.contextmanager
def once(folder):
    """Yields a folder to fill, or None where it was filled before."""
    folder = pathlib.Path(folder)
    if folder.exists():
        yield None
        return
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    yield part
    os.rename(part, folder)


def ccd_frame(i, bias, flat):
    """A frame of noise on a flat sky with 200 hits in a million pixels."""
    rng = np.random.default_rng((7, i))
    frame = bias + flat * (200 + 14 * rng.standard_normal(bias.shape, dtype="f4"))
    hits = rng.integers(0, frame.size, max(1, frame.size // 5000))
    frame.reshape(-1)[hits] += 5000
    return frame.clip(0, 65535).astype("u2")


def frames(bench, n, side):
    """n uint16 frames, bias.fits, flat.fits and lists first-N.txt."""
    folder = bench.work / f"frames-{side}"
    bench.need_room(folder / f"f{n - 1:04d}.fits", n * side * side * 2)
    rng = np.random.default_rng(7)
    bias = rng.normal(1000, 2, (side, side)).astype("f4")
    flat = (1 + 0.05 * rng.standard_normal((side, side))).astype("f4")
    flat = flat.clip(0.5, 1.5)
    write_fits(folder / "bias.fits", bias)
    write_fits(folder / "flat.fits", flat)
    for i in range(n):
        path = folder / f"f{i:04d}.fits"
        if not path.exists():
            write_fits(folder / "part", ccd_frame(i, bias, flat))
            os.rename(folder / "part", path)
    names = "".join(f"f{i:04d}.fits\n" for i in range(n))
    (folder / f"first-{n}.txt").write_text(names)
    return folder


def raw_files(folder, n, shape):
    """n files of uint16 of this shape, without any header."""
    with once(folder) as part:
        if part:
            rng = np.random.default_rng(5)
            for i in range(n):
                rng.integers(0, 4096, shape, dtype="u2").tofile(part / f"{i:06d}.raw")
    return folder


def small(bench, n, on_disk=False):
    """Small detector files: 64 x 32 samples, 4 KiB each."""
    folder = (bench.disk if on_disk else bench.work) / f"small-{n}"
    bench.need_room(folder, n * 4096 * 5)
    return raw_files(folder, n, (64, 32))


def tiny(bench, n):
    """Files of 4 x 4 samples: nothing to read, nothing to compute."""
    folder = bench.work / f"tiny-{n}"
    bench.need_room(folder, n * 4096 * 4)
    return raw_files(folder, n, (4, 4))


def scan(bench, files, frames_each, side=256):
    """A detector scan: frames of side x side in so many files."""
    folder = bench.work / f"scan-{side}-{files}x{frames_each}"
    bench.need_room(folder, files * frames_each * side * side * 2)
    return raw_files(folder, files, (frames_each, side, side))


def masks(folder, k, side=256):
    """k masks as masks-K.npy beside a scan."""
    path = folder / f"masks-{k}.npy"
    if not path.exists():
        values = np.random.default_rng(4).random((k, side, side), dtype="f4")
        np.save(folder / "part.npy", values)
        os.rename(folder / "part.npy", path)
    return path


def grid(bench, side):
    """grid.npy: one float64 grid of random values."""
    folder = bench.work / f"grid-{side}"
    bench.need_room(folder, 4 * side * side * 8)
    with once(folder) as part:
        if part:
            np.save(part / "grid.npy", np.random.default_rng(1).random((side, side)))
    return folder


def gzip_stack(bench, n, side):
    """stack.h5: n CCD frames, shuffled and deflated in row bands."""
    import h5py

    folder = bench.work / f"gzip-{side}-{n}"
    bench.need_room(folder, n * side * side * 2)
    bias, flat = np.full((side, side), 1000, "f4"), np.ones((side, side), "f4")
    with once(folder) as part:
        if part:
            with h5py.File(part / "stack.h5", "w") as h:
                ds = h.create_dataset("frames", (n, side, side), "u2",
                                      chunks=(1, max(1, side // 8), side),
                                      compression="gzip", compression_opts=4,
                                      shuffle=True)
                for i in range(n):
                    ds[i] = ccd_frame(i, bias, flat)
    return folder


def runs(bench, n):
    """runs.csv: a row an item; words.txt: the same for xargs."""
    folder = bench.work / f"runs-{n}"
    with once(folder) as part:
        if part:
            words = "".join(f"r{i:06d}\n" for i in range(n))
            (part / "words.txt").write_text(words)
            (part / "runs.csv").write_text("run\n" + words)
    return folder
