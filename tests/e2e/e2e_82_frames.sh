#!/usr/bin/env bash
# Reductions of single frames: each product has the frames along its leading
# axis, whoever made them.
. "$(dirname "$0")/lib.sh"

/usr/bin/python3 - <<'END' || fail "the data could not be made"
import h5py
import numpy as np
rng = np.random.default_rng(1)
x = rng.integers(0, 60000, (150, 48, 64), dtype="u2")
with h5py.File("scan.h5", "w") as file:
    file["entry/data"] = x
np.save("b.npy", x[:70])
np.save("mask.npy", (rng.random((2, 48, 64)) > 0.5).astype("u1"))
END
cat >job.yaml <<'END'
name: frames
stages:
  red:
    input: {files: scan.h5, each: frame}
    steps: [{subtract: 1}]
    products:
      sum: {reduce: {method: sum}}
      column: {reduce: {axis: 0}}
      h: {histogram: {bins: 10}}
      mo: moments
      mk: {masks: {file: mask.npy}}
      rad: {radial: {center: [20, 20], bins: 7}}
  last: {input: {files: ["scan.h5", "b.npy"], each: frame}, steps: [{reduce: {method: max}}]}
  soft:
    input: {files: scan.h5, each: frame}
    steps: [{gaussian: 1}, {bin: 2}]
    products: {m: {reduce: {method: median}}}
    output: {dtype: float64}
  named: {input: {files: b.npy, each: frame}, products: {m: {reduce: {method: median}}}, output: {name: "{stem}-{frame}"}}
  next: {input: {stage: red, product: column}, steps: [{multiply: 2}]}
  fits: {input: {files: b.npy, each: frame}, products: {m: moments}, output: {format: fits}}
END

say "one rank, and three, give the same"
expect_quern 0 0 run job.yaml --output one
expect_quern 0 3 run job.yaml --output three
compare one three
expect_quern 0 0 run job.yaml --output one
expect_text err '\(.* before\)'

say "they are what each frame gives"
expect_python <<'END'
import h5py
import numpy as np
raw = h5py.File("scan.h5")["entry/data"][:].astype("f8")
x, mask = raw - 1, np.load("mask.npy")
red = h5py.File("one/red/scan.h5")["entry"]
for name, want in (("sum", x.sum((1, 2))), ("column", x.mean(1)),
                   ("mk", np.einsum("fyx,myx->fm", x, mask)),
                   ("mo", x.sum((1, 2)))):
    assert np.allclose(red[name]["data"][:], want, 1e-6), name
assert red["h/data"].shape == (150, 10) and red["h/edges"].shape == (150, 11)
assert (red["h/data"][:].sum(1) == 48 * 64).all()
assert red["mo/centre"].shape == (150, 2) and red["rad/radius"].shape == (150, 7)
last = h5py.File("one/last/scan.h5")["entry/data/data"]
assert last.dtype == "u2" and np.array_equal(last[:], raw.max((1, 2)))
assert h5py.File("one/soft/scan.h5")["entry/m/data"].dtype == "f8"
named = h5py.File("one/named/b-7.h5")["entry/m/data"]
assert named.shape == (1,) and named[0] == np.median(raw[7])
again = h5py.File("one/next/scan.h5")["entry/data/data"]
assert np.array_equal(again[:], red["column/data"][:] * 2)
END

say "plan tells what each frame gives, and what is written"
expect_quern 0 0 plan job.yaml --stage last --output none
expect_text out 'product +data: a number uint16'
expect_text out 'bytes .* in, 440 B out'

say "frames of a raw file whose shape the job says"
/usr/bin/python3 -c 'import numpy as np; np.arange(20, dtype="u1").tofile("f.raw")'
cat >raw.yaml <<'END'
stages:
  s:
    input: {files: f.raw, format: raw, dtype: uint8, shape: [5, 4], each: frame, frames: "frame % 2 == 1"}
  m:
    input: {files: f.raw, format: raw, dtype: uint8, shape: [5, 4], each: frame, frames: "frame % 2 == 1"}
    combine: {method: sum}
END
expect_quern 0 0 run raw.yaml --output raw
/usr/bin/python3 - <<'END' || fail "not the frames that were asked for"
import h5py
x = h5py.File("raw/s/f.h5")["entry/data/data"][:]
assert x.tolist() == [[4, 5, 6, 7], [12, 13, 14, 15]]
assert h5py.File("raw/m.h5")["entry/data/data"][:].tolist() == [16, 18, 20, 22]
END
good

say "a file whose frames are not known is named once, whatever its results are called"
for rest in "" ', output: {name: "{stem}-{frame}"}'; do
    printf 'stages: {s: {input: {files: b.npy, each: frame, slice: ["0:99"]}, steps: [{add: 1}]%s}}\n' "$rest" >bad.yaml
    rm -rf bad
    expect_code 3 quern run bad.yaml --output bad
    [ "$(grep -c "reaches beyond" err)" = 1 ] || fail "not told once: $(cat err)"
    expect_text err 's: b.npy: slice'
    good
done

finish
