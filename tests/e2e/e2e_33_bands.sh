#!/usr/bin/env bash
# Combinations whose bands read the files themselves: the same bytes as where
# members are kept first, on any number of ranks and with little memory; and a
# file that fails once bands read it is its own failure, not the result's.
. "$(dirname "$0")/lib.sh"

cc=${CC:-cc}
"$cc" -O1 -shared -fPIC -o faulty.so "$QUERN_SOURCE/tests/e2e/faulty.c" -ldl \
    2>err || { cat err; skip "no C compiler for the library to preload"; }

mkdir -p data/raw data/real
/usr/bin/python3 - <<'END' || fail "no data"
import h5py
import numpy as np

rng = np.random.default_rng(4)
cube = np.empty((40, 61, 45), "u2")


def write(path, data, bitpix, zero):
    cards = [f"SIMPLE  = {'T':>20}", f"BITPIX  = {bitpix:>20}",
             f"NAXIS   = {data.ndim:>20}"]
    cards += [f"NAXIS{i + 1}  = {n:>20}" for i, n in enumerate(data.shape[::-1])]
    cards += [f"BZERO   = {zero:>20}"] if zero else []
    head = "".join(c.ljust(80) for c in cards + ["END"])
    body = (data - zero).astype({16: ">i2", -32: ">f4"}[bitpix]).tobytes()
    with open(path, "wb") as f:
        f.write(head.ljust(-len(head) % 2880 + len(head)).encode() + body)
        f.write(b"\0" * (-len(body) % 2880))


for i in range(40):
    x = rng.normal(1000, 14, (61, 45))
    x[rng.random(x.shape) < 0.01] += 5000
    cube[i] = x
    write(f"data/raw/f{i:02}.fits", x.astype("u2").astype("i4"), 16, 32768)
    x[rng.random(x.shape) < 0.02] = np.nan
    x[rng.random(x.shape) < 0.001] = np.inf
    write(f"data/real/f{i:02}.fits", x[None], -32, 0)
for name, chunks in {"rows": (1, 16, 45), "tiles": (1, 7, 20),
                     "many": (3, 16, 45), "plain": None}.items():
    with h5py.File(f"data/{name}.h5", "w") as f:
        packed = {"compression": "gzip", "shuffle": True} if chunks else {}
        f.create_dataset("frames", data=cube, chunks=chunks, **packed)
END
cat >job.yaml <<'END'
name: bands
stages:
  clip:
    input: {files: "raw/*.fits"}
    combine: {reject: sigma-clip, sigma: 3}
  real:
    input: {files: "real/*.fits"}
    combine: {method: median, reject: sigma-clip, sigma: 2.5, iterations: 0}
  middle:
    input: {files: "raw/*.fits"}
    combine: {method: std}
  rows:
    input: {files: rows.h5, each: frame}
    combine: {reject: sigma-clip, sigma: 3}
  tiles:
    input: {files: tiles.h5, each: frame}
    combine: {reject: sigma-clip, sigma: 3}
  many:
    input: {files: many.h5, each: frame}
    combine: {reject: sigma-clip, sigma: 3}
  plain:
    input: {files: plain.h5, each: frame}
    combine: {reject: sigma-clip, sigma: 3}
END

# few_files N ARGUMENTS...: with so few descriptors that members are kept.
few_files()
{
    on "$1"
    shift
    expect_code 0 bash -c 'ulimit -n 70; exec "$@"' - "${start[@]}" "$@"
}

say "as where members are kept"
few_files 0 run job.yaml --data data --output kept.out
expect_quern 0 0 run job.yaml --data data --output one.out
compare kept.out one.out
expect_text err '280 of 280 items done'

say "on any number of ranks, with any memory"
for ranks in 2 3 7; do
    expect_quern 0 $ranks run job.yaml --data data --output "on-$ranks.out"
    compare kept.out "on-$ranks.out"
done
few_files 3 run job.yaml --data data --output kept-3.out
compare kept.out kept-3.out
expect_quern 0 2 run job.yaml --data data --output less.out --memory 200M
compare kept.out less.out
expect_quern 0 0 run job.yaml --data data --output threads.out --threads 2 \
    --set concurrency=1
compare kept.out threads.out

say "frames in chunks give what the same frames give in files"
/usr/bin/python3 - one.out <<'END' || fail "the results differ"
import sys

import h5py


def bits(name):
    with h5py.File(f"{sys.argv[1]}/{name}.h5") as f:
        return [f[k][()].tobytes() for k in ("entry/data/data", "entry/count/data")]


sys.exit(any(bits(name) != bits("clip")
             for name in ("rows", "tiles", "many", "plain")))
END
good

# fails HOW WHICH RANKS
fails()
{
    rm -rf bad.out
    cp -a data bad
    on "$3"
    run env LD_PRELOAD="$scratch/faulty.so" QUERN_FAULTY="quern-worker $1 $2" \
        "${start[@]}" run job.yaml --data bad --output bad.out --stage clip \
        --set concurrency=1
    [ "$code" -eq 3 ] || { show; fail "$1 $2 on $3: exit code $code"; }
    good
    expect_text err 'f11.fits'
    rm -rf bad
}

say "a file that bands cannot read is left out, and named"
mkdir -p without/raw
cp data/raw/* without/raw
rm without/raw/f11.fits
expect_quern 0 0 run job.yaml --data without --output without.out --stage clip
for ranks in 0 2; do
    fails "pread EIO 1 0" raw/f11 $ranks
    /usr/bin/python3 - bad.out/clip.h5 without.out/clip.h5 <<'END' ||
import sys

import h5py

a, b = (h5py.File(p)["entry"] for p in sys.argv[1:])
sys.exit(any(a[k][()].tobytes() != b[k][()].tobytes()
             for k in ("data/data", "count/data")))
END
        fail "the result is not that of the other files"
    good
done
fails "pread shrink 2 1" raw/f11 0
fails "pread crash 1 0" raw/f11 0

say "files that only look plain are kept first"
cp -a data packed
gzip -n packed/raw/f0?.fits
for f in packed/raw/*.gz; do mv "$f" "${f%.gz}"; done
expect_quern 0 2 run job.yaml --data packed --output packed.out
expect_text err '280 of 280 items done'
/usr/bin/python3 - packed.out/clip.h5 one.out/clip.h5 <<'END' ||
import sys

import h5py

a, b = (h5py.File(p)["entry/data/data"][()].tobytes() for p in sys.argv[1:])
sys.exit(a != b)
END
    fail "gzipped files give something else"
good

finish
