"""Row 2: a sigma-clipped stack, and how its time grows with the frames."""

import make_data
from bench import Case, Side
from check import mostly_same, same_file

TITLE = "sigma-clipped mean of frames (median, standard deviation, 5 passes)"
TARGET = "40x ccdproc, 12x gnuastro; time linear in the number of frames (8 to 512)"


def peers(bench, data, names, n):
    def python(engine, package, **more):
        return Side(engine, bench.peer("stack.py", engine, data, names, "{out}"),
                    ("python3-astropy", package), own_clock=True, **more)

    frames = [data / f"f{i:04d}.fits" for i in range(n)]
    return [
        python("bottleneck", "python3-bottleneck", note="the median alone: less work"),
        python("astropy", "python3-astropy",
               check=same_file("stack.h5", "stack.npy", 1e-5)),
        python("ccdproc", "python3-ccdproc", target=40,
               check=mostly_same("stack.h5", "stack.npy", 1e-5, 0.9),
               note="one pass of clipping: less work"),
        Side("gnuastro, all cores",
             ["astarithmetic", *frames, n, 3, 5, "sigclip-mean", "-g0", "--quiet",
              f"--numthreads={bench.cores}", "--output={out}/stack.fits"],
             ("gnuastro",), target=12,
             check=mostly_same("stack.h5", "stack.fits", 1e-5, 0.9)),
    ]


def cases(bench):
    side = bench.pick(256, 2048)
    for n in bench.pick((4, 8), (8, 32, 128), (8, 32, 128, 512)):
        data = make_data.frames(bench, n, side)
        names = f"first-{n}.txt"
        samples = n * side * side
        yield Case(
            f"{n} frames of {side} x {side}",
            Side("quern", bench.quern("run", "stack.yaml", data,
                                      "--set", f"vars.list={names}")),
            work=samples / 1e6, unit="M samples/s",
            peers=peers(bench, data, names, n) if n == bench.pick(8, 32) else [],
            ceilings=[("memory_read_all", 2e-9 * samples, 0)])


def remarks(cases):
    """Time a frame: flat where the time is linear."""
    done = [c for c in cases if c["project"]["state"] == "measured"]
    text = ", ".join(f"{1e3 * c['project']['median_seconds'] / int(c['name'].split()[0]):.1f}"
                     f" ({c['name'].split()[0]})" for c in done)
    return [f"linearity: ms a frame (frames): {text}"] if done else []
