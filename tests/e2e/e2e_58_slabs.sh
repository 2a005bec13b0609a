#!/usr/bin/env bash
# Items that go through their steps slab by slab become what they become at
# once, as --keep-steps has it: several slabs, rows left over, operands that
# are stretched, frames, and members of a combination.
. "$(dirname "$0")/lib.sh"

/usr/bin/python3 - <<'END' || fail "the data could not be made"
import os
import numpy as np
rng = np.random.default_rng(3)
os.mkdir("data")
for i, shape in enumerate([(1001, 307), (1, 1001, 307), (7, 143, 307)]):
    for k in range(2):
        x = rng.integers(0, 60000, shape, dtype="u2")
        np.save(f"data/s{i}-{k}.npy", x)
        np.save(f"data/r{i}-{k}.npy", x.astype(">f8") / 7)
np.save("data/line.npy", rng.random(307, dtype="f4") + 0.5)
np.save("data/part.npy", rng.random(102) + 0.5)
np.save("data/column.npy", rng.random((1001, 1)) + 0.5)
END

job()
{
    printf 'name: %s\nstages:\n  out:\n    input: {files: "%s"}\n    steps:\n%s\n' \
        "$1" "$2" "$3" >"$1.yaml"
}

samples()
{
    h5dump -d /entry/data/data -b -o "$2" "$1" >dump.txt || fail "h5dump $1"
}

points="      - subtract: 100
      - divide: {file: line.npy}"
job points "[sr]?-?.npy" "$points"
job bins "[sr]?-?.npy" "$points
      - bin: 3
      - divide: {file: part.npy}
      - bin: {factor: 2, method: sum}"
job stretched "[sr]0-?.npy" "      - divide: {file: column.npy}
      - bin: {factor: [4, 1]}
      - divide: {file: line.npy}"
job stack "[sr]0-?.npy" "$points
      - bin: 2
    combine: {method: mean}"

for name in points bins stretched; do
    say "$name"
    expect_quern 0 0 run $name.yaml --data data --output $name
    expect_quern 0 0 run $name.yaml --data data --output $name.kept --keep-steps
    for f in "$name"/out/*.h5; do
        samples "$f" slabs
        samples "$name.kept/out/$(basename "$f")" whole
        [ -s slabs ] || fail "$f holds no data"
        cmp slabs whole || fail "$f is not what --keep-steps gives"
    done
    good
done

say "members of a combination, alone and shared by ranks"
expect_quern 0 0 run stack.yaml --data data --output lone
expect_quern 0 3 run stack.yaml --data data --output three
compare lone three

finish
