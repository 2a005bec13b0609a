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
x = rng.integers(0, 60000, (1501, 1027), dtype="u2")
np.save("u.npy", x)
y = x[:1400].astype("f4")
y[::97, ::89] = np.nan
np.save("f.npy", y)
np.save("s.npy", x[:1500].reshape(30, 50, 1027))
with h5py.File("two.h5", "w") as file:
    file["a"] = x
    file["b"] = x[::-1]
with open("big.raw", "wb") as file:
    for i in range(20):
        x[:1024, :1024].tofile(file)
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
  part: {input: {files: "u.npy"}, steps: [{normalize: {by: max, region: ["100:1000:7", "5:500"]}}]}
  fill: {input: {files: "f.npy"}, steps: [{fill: {method: median}}]}
  crop: {input: {files: "u.npy"}, steps: [{median: 3}, {crop: ["11:1490:3", "7:999"]}, {gaussian: 1}]}
  over:
    input: {files: "[uf].npy"}
    steps: [{overscan: {region: [":", "1000:1027"], trim: ["20:1390", "0:990"], per: row}}]
  frames:
    input: {files: "s.npy"}
    steps: [{overscan: {region: [":", "1000:1027"], trim: ["2:48", "0:990"], per: frame, method: mean}}]
  level:
    input: {files: "[uf].npy"}
    steps: [{median: 3}, {overscan: {region: ["9:1380", "1000:1027"], trim: ["20:1390", "0:990"], per: frame}}, {bin: 3}]
  column:
    input: {files: "u.npy"}
    steps: [{overscan: {region: ["1400:1490", ":"], trim: ["20:1390", "5:990"], per: column, method: mean}}]
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
END
cat >big.yaml <<'END'
name: big
threads: 2
concurrency: 1
stages:
  big-gauss:
    input: {files: big.raw, format: raw, dtype: uint16, shape: [20480, 1024]}
    steps: [{normalize: {by: median}}, {gaussian: 1}, {bin: 2}]
  big-products:
    input: {files: big.raw, format: raw, dtype: uint16, shape: [20480, 1024]}
    steps: [{gaussian: 1}]
    products: {s: {reduce: {method: std}}, m: {reduce: {method: median}}, h: {histogram: 100}}
END

# held OUT N: what was held in the N stages of a run, against what was said and
# against what was given
held()
{
    expect_python "$1/.quern/run.json" "$2" <<'END'
import json
import sys

found = need = 0
for p in json.load(open(sys.argv[1]))["phases"]:
    m = p["memory"]
    if "need" not in m:
        continue
    print(p["phase"], m)
    found += 1
    assert m["need"] <= m["budget"], "the plan is above the budget"
    # what each process ever held, in stages before too; pages of libraries
    # count in each of them
    need = max(need, m["need"])
    most = need + m["processes"] + (16 << 20)
    assert 0 < m["most"] <= most, f"held {m['most']}, not {most}"
assert found == int(sys.argv[2]), f"{found} stages"
END
}

same()
{
    expect_code 0 /usr/bin/python3 "$QUERN_SOURCE/tests/e2e/same.py" whole slabs
    expect_text out "^[1-9][0-9]* compared in $1 files, 0 differ"
    rm -rf whole slabs
}

say "more than fits, of every kind"
expect_quern 0 0 plan job.yaml --memory 8MiB --json
[ "$(grep -c '"slabs": true' out)" = 21 ] || fail "not all go slab by slab"
expect_quern 0 0 run job.yaml --output whole
expect_quern 0 0 run job.yaml --memory 8MiB --output slabs
held slabs 22
same 29

say "each step is kept"
for stage in chain two; do
    expect_quern 0 0 run job.yaml --stage $stage --keep-steps --output whole
    expect_quern 0 0 run job.yaml --stage $stage --keep-steps --output slabs \
        --memory 8MiB
    held slabs 1
done
same 3

say "ten times the budget"
for stage in big-gauss big-products; do
    expect_quern 0 0 plan big.yaml --stage $stage --memory 4MiB
    expect_text out "memory .* a rank of 4.0 MB, .* slab by slab"
    expect_quern 0 0 run big.yaml --stage $stage --memory 4MiB --output slabs
    held slabs 1
done
expect_quern 0 0 run big.yaml --output whole
same 2

say "what still must be in one place is refused, with the figure"
for steps in "{heat: {alpha: 0.1, steps: 2, boundary: periodic}}" \
    "{gaussian: {sigma: 1, edge: periodic}}"; do
    expect_quern 2 0 run job.yaml --stage conv --memory 3MiB --output none \
        --set "stages.conv.steps=[$steps]"
    expect_text err 'stage conv: f.npy needs [0-9.]+ MB of memory, and a rank may fill 3.0 MB; raise .memory:.'
    refuse_file none
done

finish
