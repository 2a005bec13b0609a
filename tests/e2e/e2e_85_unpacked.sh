#!/usr/bin/env bash
# What is packed together is unpacked once, however it is asked for: frame by
# frame, frames as items, slab by slab, image by image.
. "$(dirname "$0")/lib.sh"

"${CC:-cc}" -O1 -shared -fPIC -o counted.so "$QUERN_SOURCE/tests/e2e/counted.c" \
    -ldl || skip "no compiler for what counts"
/usr/bin/python3 - <<'END' || fail "the data could not be made"
import gzip
import h5py
import numpy as np
from astropy.io import fits
rng = np.random.default_rng(1)
x = rng.integers(0, 50, (96, 40, 60)).astype("u2")
wide = np.repeat(np.repeat(x[:64, :32, :32], 16, 1), 16, 2)   # 32 MiB
def put(name, v, chunk, **more):
    with h5py.File(name, "w") as file:
        file.create_dataset("x", data=v, chunks=chunk, compression=1, **more)
put("sixteen.h5", x, (16, 40, 60), shuffle=True)              # 6 chunks
put("checked.h5", x, (10, 40, 60), fletcher32=True)           # 10, the last in part
put("columns.h5", x, (96, 10, 20))                            # 12
put("wide.h5", np.concatenate([wide, wide[:8]]), (72, 128, 128)) # 16; a frame meets 36 MiB
put("tall.h5", wide[0], (128, 512))                           # 4
hdus = fits.HDUList([fits.PrimaryHDU()] + [fits.ImageHDU(x[i].astype("i2")) for i in range(8)])
hdus.writeto("m.fits")
with open("m.fits", "rb") as file:
    gzip.open("m.fits.gz", "wb").write(file.read())
np.save("s.npy", x)
with open("s.npy", "rb") as file:
    gzip.open("s.npy.gz", "wb").write(file.read())
END

# counted KIND MOST INPUT REST [OPTIONS...]: at most that many are unpacked, and
# at least one.
counted()
{
    local kind=$1 most=$2 n
    printf 'stages: {s: {input: {%s}, %s}}\n' "$3" "$4" >job.yaml
    shift 4
    rm -rf out.d log
    expect_code 0 env LD_PRELOAD="$scratch/counted.so" \
        QUERN_COUNTED="$scratch/log" quern run job.yaml --output out.d \
        --threads 1 --sync off "$@"
    n=$(grep -c "$kind" log)
    [ "$n" -ge 1 ] && [ "$n" -le "$most" ] ||
        fail "$n times $kind, not at most $most: $(cat job.yaml)"
    good
}

say "frames that share chunks"
for file in "sixteen 6" "checked 10" "columns 12"; do
    read -r name chunks <<<"$file"
    counted chunk "$chunks" "files: $name.h5, each: frame" "steps: [{add: 1}]"
    counted chunk "$chunks" "files: $name.h5, each: frame" "combine: {method: median}"
    counted chunk "$chunks" "files: $name.h5, each: frame" "products: {m: moments}"
    counted chunk "$chunks" "files: $name.h5, frames: 'frame % 3 == 1'" "steps: [{reduce: {axis: [1, 2]}}]"
    counted chunk "$chunks" "files: $name.h5, each: frame, slice: ['::2']" "combine: {method: max}"
    counted chunk "$chunks" "files: $name.h5, each: frame" \
        "steps: [{add: 1}], output: {name: '{stem}-{frame}'}"
done
counted chunk 16 "files: wide.h5, each: frame" "combine: {method: mean}"

say "rows of an item that does not fit"
counted chunk 4 "files: tall.h5" "steps: [{add: 1}]" --memory 2M
counted chunk 8 "files: tall.h5" "steps: [{gaussian: 1}]" --memory 4M

say "images and datasets of a gzipped file: looked at once, read once"
counted gzip 3 "files: m.fits.gz, each: hdu" "steps: [{add: 1}]"
counted gzip 3 "files: m.fits.gz, each: hdu" "combine: {method: mean}"
counted gzip 3 "files: s.npy.gz, each: frame" "steps: [{add: 1}], output: {name: '{stem}-{frame}'}"

say "a virtual dataset, read twice at a time; locks are no matter"
/usr/bin/python3 - <<'END' || fail "the data could not be made"
import h5py
import numpy as np
layout = h5py.VirtualLayout((5, 3), "f8")
for i, (first, end) in enumerate([(0, 2), (2, 5)]):
    with h5py.File(f"part{i}.h5", "w") as file:
        file["v"] = np.arange(3.0 * first, 3.0 * end).reshape(-1, 3)
    layout[first:end] = h5py.VirtualSource(f"part{i}.h5", "v", (end - first, 3))
with h5py.File("virtual.h5", "w") as file:
    file.create_virtual_dataset("x", layout)
    file["t"] = np.arange(5) * 2
END
cat >job.yaml <<'END'
stages:
  s: {input: {files: virtual.h5, dataset: x, frames: "frame > 0"}, steps: [{subtract: {dataset: x, reduce: mean}}], output: {carry: [/x, /t]}}
  kept: {input: {files: virtual.h5, dataset: x, missing: 4}, steps: [{add: 1}], output: {carry: [/t]}}
  env: {input: {files: virtual.h5}, steps: [{exec: {command: env, stdout: "{stem}.txt"}}]}
END
expect_code 0 env -u HDF5_USE_FILE_LOCKING quern run job.yaml --output out.v
/usr/bin/python3 - <<'END' || fail "the virtual dataset was not read"
import h5py
with h5py.File("out.v/s/virtual.h5") as file:
    assert file["entry/data/data"][:].tolist() == [[v] * 3 for v in (-3, 0, 3, 6)]
    assert file["entry/x/data"][0].tolist() == [3, 4, 5]
    assert file["entry/t/data"][:].tolist() == [2, 4, 6, 8]
with h5py.File("out.v/kept/virtual.h5") as file: # missing is of the samples
    assert file["entry/data/data"][1, 1] != file["entry/data/data"][1, 1]
    assert file["entry/t/data"][:].tolist() == [0, 2, 4, 6, 8]
assert "HDF5_USE" not in open("out.v/env/virtual.txt").read()
END
good

say "memory has room for it, or it is unpacked again; the results are the same"
cat >job.yaml <<'END'
stages:
  s: {input: {files: wide.h5, each: frame}, combine: {method: max}}
  t: {input: {files: wide.h5}, steps: [{add: 1}]}
END
expect_code 0 quern run job.yaml --output roomy --stage t
expect_code 0 quern run job.yaml --output tight --stage t --memory 12M
expect_code 0 /usr/bin/python3 "$QUERN_SOURCE/tests/e2e/same.py" roomy tight
expect_code 0 quern plan job.yaml --output none --json --stage t
/usr/bin/python3 - out <<'END' || fail "what is unpacked is not counted"
import json, sys
need = json.load(open(sys.argv[1]))["stages"][-1]["memory"]
x = 72 * 512 * 512
assert need["item"] >= x * 2 + x * 4 + 72 * 128 * 128 * 2, need
END
good
finish
