#!/usr/bin/env bash
# Files ten times what a rank may fill: whatever the steps, the bytes are those
# of a run that has the file in memory, and no more is held than was said.
. "$(dirname "$0")/lib.sh"

[ "$(df --output=avail -k . | tail -1)" -gt 600000 ] ||
    skip "less than 600 MB are free here"

/usr/bin/python3 - <<'END' || fail "the data could not be made"
import h5py
import numpy as np
rng = np.random.default_rng(5)
x = rng.integers(0, 60000, (3001, 2053), dtype="u2")
np.save("u.npy", x)
y = x[:2000].astype("f4")
y[::97, ::89] = np.nan
np.save("f.npy", y)
np.save("s.npy", x[:3000].reshape(60, 50, 2053))
with h5py.File("two.h5", "w") as file:
    file["a"] = x
    file["b"] = x[::-1]
with open("big.raw", "wb") as file:
    for i in range(15):
        x[:2048, :2048].tofile(file)
END

cat >job.yaml <<'END'
name: stream
threads: 2
concurrency: 1
stages:
  gauss: {input: {files: "[uf].npy"}, steps: [{add: 1}, {gaussian: 2}, {multiply: 0.5}]}
  conv: {input: {files: "f.npy"}, steps: [{convolve: {weights: [1, 2, 1, 2, 4, 2, 1, 2, 1]}}]}
  median: {input: {files: "u.npy"}, steps: [{median: 5}]}
  lap: {input: {files: "f.npy"}, steps: [laplacian, {gradient: {edge: nearest}}]}
  chain:
    input: {files: "[uf].npy"}
    steps: [{fill: {value: 3}}, {gaussian: 3}, {bin: 2}, {normalize: {by: median}}, {gaussian: 1}, {subtract: 1}]
  heat: {input: {files: "u.npy"}, steps: [{heat: {alpha: 0.1, steps: 20, boundary: insulated}}]}
  rays: {input: {files: "u.npy"}, steps: [cosmic-rays]}
  norm: {input: {files: "f.npy"}, steps: [{normalize: {by: mean}}]}
  part: {input: {files: "u.npy"}, steps: [{normalize: {by: max, region: ["100:2000:7", "5:900"]}}]}
  fill: {input: {files: "f.npy"}, steps: [{fill: {method: median}}]}
  crop: {input: {files: "u.npy"}, steps: [{median: 3}, {crop: ["11:2990:3", "7:1999"]}, {gaussian: 1}]}
  over:
    input: {files: "[uf].npy"}
    steps: [{overscan: {region: [":", "2000:2053"], trim: ["20:1990", "0:1990"], per: row}}]
  frames:
    input: {files: "s.npy"}
    steps: [{overscan: {region: [":", "2000:2053"], trim: ["2:48", "0:1990"], per: frame, method: mean}}]
  before: {input: {files: "f.npy"}, steps: [{moving-mean: {window: 9, axis: 0}}]}
  stack: {input: {files: "s.npy"}, steps: [{gaussian: {sigma: 2, axes: [1, 2]}}]}
  fits: {input: {files: "[uf].npy"}, steps: [{gaussian: 2}], output: {format: fits, dtype: float64}}
  two: {input: {files: "two.h5", dataset: [/a, /b]}, steps: [{add: 1}, {bin: 2}]}
  reduced:
    input: {files: "[uf].npy"}
    steps: [{fill: {value: 1}}, {gaussian: 1}, {bin: 2}]
    products:
      s: {reduce: {method: std}}
      m: {reduce: {method: median}}
      column: {reduce: {axis: 0, method: median}}
      row: {reduce: {axis: 1}}
      h: {histogram: 100}
      mo: moments
  passes:
    input: {files: "[uf].npy"}
    products:
      s: {reduce: {method: std}}
      m: {reduce: {method: median}}
      column: {reduce: {axis: 0, method: median}}
      row: {reduce: {axis: 1, method: median}}
      h: {histogram: 100}
  pca: {input: {files: "u.npy"}, steps: [{crop: [":", "0:300"]}, {bin: 2}], products: {p: {pca: 3}}}
  big-gauss: &big
    input: {files: big.raw, format: raw, dtype: uint16, shape: [30720, 2048]}
    steps: [{normalize: {by: median}}, {gaussian: 1}, {bin: 16}]
  big-products:
    input: {files: big.raw, format: raw, dtype: uint16, shape: [30720, 2048]}
    steps: [{gaussian: 1}]
    products: {s: {reduce: {method: std}}, m: {reduce: {method: median}}, h: {histogram: 100}}
END

# held STAGE: what was held, against what was said and against what was given
held()
{
    expect_code 0 python3 - slabs/.quern/run.json "$1" <<'END'
import json
import sys

for p in json.load(open(sys.argv[1]))["phases"]:
    m = p["memory"]
    if p["phase"] != sys.argv[2]:
        continue
    print(m)
    assert m["need"] <= m["budget"], "the plan is above the budget"
    most = m["need"] + m["processes"]
    assert 0 < m["most"] <= most, f"held {m['most']}, not {most}"
    break
else:
    sys.exit("no such stage")
END
}

# both STAGE MEMORY: with all there is and with so little
both()
{
    expect_quern 0 0 plan job.yaml --stage "$1" --memory "$2"
    expect_text out "memory .* a rank of .*, .* slab by slab"
    expect_quern 0 0 run job.yaml --stage "$1" --memory "$2" --output slabs
    held "$1"
    expect_quern 0 0 run job.yaml --stage "$1" --output whole
}

same()
{
    expect_code 0 /usr/bin/python3 "$QUERN_SOURCE/tests/e2e/same.py" whole slabs
    expect_text out '^[1-9][0-9]* compared in [1-9][0-9]* files, 0 differ'
    rm -rf whole slabs
}

say "stencils, alone and one behind the other"
for stage in gauss conv median lap heat rays; do
    both $stage 12MiB
done
both chain 10MiB
same

say "numbers of the whole item"
for stage in norm part fill; do
    both $stage 6MiB
done
same

say "geometry, and a window"
both crop 8MiB
for stage in over frames before stack; do
    both $stage 10MiB
done
same

say "FITS, and several datasets"
both fits 8MiB
both two 4MiB
same

say "reductions that go over the item more than once"
both reduced 12MiB
both pca 6MiB
expect_quern 0 0 run job.yaml --stage passes --memory 20MiB --output slabs
held passes
expect_quern 0 0 run job.yaml --stage passes --output whole
same

say "each step is kept"
for out in whole slabs; do
    expect_quern 0 0 run job.yaml --stage chain --keep-steps --output $out \
        $([ $out = slabs ] && echo --memory 10MiB)
    expect_quern 0 0 run job.yaml --stage two --keep-steps --output $out \
        $([ $out = slabs ] && echo --memory 4MiB)
done
held two
same

say "ten times the budget"
both big-gauss 12MiB
both big-products 12MiB
same

say "what still must be in one place is refused, with the figure"
for steps in "{heat: {alpha: 0.1, steps: 2, boundary: periodic}}" \
    "{overscan: {region: [':', '2000:2053'], trim: [':', '0:1990'], per: frame}}"; do
    expect_quern 2 0 run job.yaml --stage conv --memory 20MiB --output none \
        --set "stages.conv.steps=[$steps]"
    expect_text err 'stage conv: f.npy needs [0-9.]+ MB of memory, and a rank may fill 20.0 MB; raise .memory:.'
    refuse_file none
done

say "a file that breaks off fails alone, by its rows"
head -c 20000000 big.raw >cut.raw
cat >cut.yaml <<'END'
name: cut
stages:
  out:
    input: {files: "cut.raw", format: raw, dtype: uint16, shape: [-1, 2048]}
    steps: [{gaussian: 1}]
END
expect_quern 0 0 run cut.yaml --memory 6MiB --output broken

finish
