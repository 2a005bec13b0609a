#!/usr/bin/env bash
# Items of several parts, on teams: operands of their own file, several datasets,
# what is carried along, what comes out of each step.  The same files for every
# number of ranks; QUERN_SWEEP tries more of them (soak_same.sh).
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
    team: all
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
    team: all
    input: {files: "[ab].h5", dataset: /sci}
    products: {m: {reduce: {axis: 1, method: mean, weights: {dataset: /flat}}}}
  stack:
    team: all
    input: {files: "[ab].h5", dataset: /sci}
    steps: [subtract: {dataset: /dark, reduce: mean}, bin: 2]
    combine: {method: mean}
  wrong:
    team: all
    input: {files: "[ab].h5", dataset: /sci}
    steps: [subtract: {dataset: /line}]
  missing:
    team: all
    input: {files: a.h5, dataset: /sci}
    steps: [bin: 2, subtract: {dataset: /nope, reduce: mean}]
END

counts=(3 4)
[ -z "${QUERN_SWEEP:-}" ] || counts=(2 3 4 7)

# on_teams CODE JOB ALONE OPTIONS...: the same by teams of all ranks, and of 2
# of 4; the job says `team: all`, which is refused where it cannot be
on_teams()
{
    local want=$1 job=$2 alone=$3 n
    shift 3
    for n in "${counts[@]}"; do
        [ $n -ne 4 ] || sed -i 's/team: all/team: 2/' "$job"
        expect_quern "$want" $n run "$job" --output res "$@"
        compare "$alone" res
        expect_tidy res
        rm -r res
        sed -i 's/team: 2/team: all/' "$job"
    done
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

cat >several.yaml <<'END'
name: several
stages:
  grids:
    team: all
    input: {files: "[ab].h5", dataset: [/sci, /flat]}
    steps: [add: 1, multiply: {dataset: /column}, bin: {factor: [1, 2]}, gaussian: {sigma: 1}]
    output: {carry: [/number, /white]}
  packed:
    team: all
    input: {files: "[ab].h5.gz", dataset: [/sci, /dark, /number]}
    steps: [add: 1, clip: {min: 5}]
    output: {dtype: float32, compress: 2}
  products:
    team: all
    input: {files: "[ab].h5", dataset: [/sci, /flat]}
    steps: [add: 1, gaussian: {sigma: 1}, add: 1]
    products: {sum: {reduce: {axis: 0, method: sum}}, m: {moments: {}}}
  states:
    team: all
    input: {files: a.h5, dataset: [/sci, /dark]}
    steps: [add: 1, heat: {alpha: 0.1, steps: 6, every: 2}]
    output: {dtype: float32}
  fits:
    team: all
    input: {files: "[ab].h5", dataset: /sci}
    steps: [add: 1, gaussian: 1]
    output: {format: fits}
  one:
    team: all
    input: {files: "[ab].h5", dataset: /sci}
    steps: [add: 1, cast: float64, crop: ["3:", "::2"], median: {size: 3}]
    output: {dtype: float32, carry: [/number]}
  kept:
    team: all
    input: {files: a.h5, dataset: /sci}
    steps: [heat: {alpha: 0.2, steps: 12, every: 4}]
    output: {carry: [/white]}
  members:
    team: all
    input: {files: "[ab].h5", dataset: /sci}
    steps: [add: 1, bin: 2]
    combine: {method: mean}
  absent:
    team: all
    input: {files: a.h5, dataset: [/sci, /nope]}
END
gzip -k a.h5

say "several datasets, and what is carried along"
expect_code 3 quern run several.yaml --output several.1
on_teams 3 several.yaml several.1
expect_text err 'absent: a.h5: there is no /nope in it'

say "what comes out of each step"
expect_code 3 quern run several.yaml --output steps.1 --keep-steps
/usr/bin/python3 - <<'END' || fail "not what the steps say"
import h5py
d = h5py.File("steps.1/grids/a.h5")["entry"]
for name in "sci-1-add", "flat-3-bin", "sci", "flat", "number":
    assert name in d, (name, list(d))
assert "1-add" not in h5py.File("steps.1/members.h5")["entry"]
END
good
on_teams 3 several.yaml steps.1 --keep-steps
expect_quern 3 3 run several.yaml --output res --keep-steps --memory 6MiB
compare steps.1 res

finish
