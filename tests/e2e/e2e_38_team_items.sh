#!/usr/bin/env bash
# Items of several parts, on teams: operands of their own file.  The same files
# for every number of ranks.
. "$(dirname "$0")/lib.sh"

/usr/bin/python3 - <<'END' || fail "no items"
import h5py, numpy as np
r = np.random.default_rng(7)
for name, how in ("a.h5", {}), ("b.h5", {"compression": 4}):
    with h5py.File(name, "w") as f:
        def add(at, data, chunks=None):
            f.create_dataset(at, data=data, **(dict(how, chunks=chunks) if how and chunks else {}))
        add("sci", r.integers(0, 60000, (311, 283)).astype("u2"), (64, 64))
        add("dark", r.normal(100, 3, (9, 311, 283)).astype("f4"), (1, 100, 283))
        add("idark", r.integers(0, 500, (5, 311, 283)).astype("i4"))
        add("white", r.normal(1000, 3, (4, 1, 283)))
        add("flat", r.uniform(0.5, 2, (311, 283)), (100, 100))
        add("column", r.uniform(1, 2, (311, 1)))
        add("number", 3.25)
        add("line", r.uniform(size=17))
np.save("stack.npy", r.normal(5, 1, (6, 311, 283)))
END

cat >own.yaml <<'END'
name: own
stages:
  steps:
    input: {files: "[ab].h5", dataset: /sci}
    steps:
      - subtract: {dataset: /dark, reduce: median}
      - calculate: {expr: "-log((x + 300) / w)", w: {dataset: /white, reduce: mean}}
      - divide: {dataset: /flat, scale: 2}
      - multiply: {dataset: /column}
      - gaussian: {sigma: 1}
      - add: {dataset: /number}
      - subtract: {dataset: /idark, reduce: mean, scale: 0.1}
      - subtract: {file: stack.npy, reduce: std}
  # weights are as wide as what comes out of integers
  weights:
    input: {files: "[ab].h5", dataset: /sci}
    products: {m: {reduce: {axis: 1, method: mean, weights: {dataset: /flat}}}}
  stack:
    input: {files: "[ab].h5", dataset: /sci}
    steps: [subtract: {dataset: /dark, reduce: mean}, bin: 2]
    combine: {method: mean}
  wrong:
    input: {files: "[ab].h5", dataset: /sci}
    steps: [subtract: {dataset: /line}]
  missing:
    input: {files: a.h5, dataset: /sci}
    steps: [bin: 2, subtract: {dataset: /nope, reduce: mean}]
END

# on_teams CODE JOB ALONE OPTIONS...: the same on 2, 3, 4 and 7 ranks
on_teams()
{
    local want=$1 job=$2 alone=$3 n
    shift 3
    for n in 2 3 4 7; do
        expect_quern "$want" $n run "$job" --output res --team all "$@"
        compare "$alone" res
        expect_tidy res
        rm -r res
    done
    expect_quern "$want" 4 run "$job" --output res --team 2 "$@"
    compare "$alone" res
    rm -r res
}

say "operands of the item's own file"
expect_code 3 quern run own.yaml --output own.1
/usr/bin/python3 - <<'END' || fail "not what the steps say"
import h5py, numpy as np
f = h5py.File("b.h5")
want = np.average(f["sci"][()].astype("f8"), axis=1, weights=f["flat"][()])
got = h5py.File("own.1/weights/b.h5")["entry/m/data"][()]
assert np.allclose(got, want, rtol=1e-12)
END
good
on_teams 3 own.yaml own.1
expect_text err 'wrong: a.h5: subtract: the operand is 17 but the item is 311 x 283'
expect_text err 'missing: a.h5: subtract: operand: .*/a.h5: there is no /nope in it'

finish
