#!/usr/bin/env bash
# Results of teams: rows written by their owners, chunks packed by them, and
# whole files that are the same for every number of ranks.
. "$(dirname "$0")/lib.sh"

/usr/bin/python3 - <<'PY' || fail "no grids"
import numpy as np
r = np.random.default_rng(5)
np.save("plane.npy", r.normal(size=(700, 901)))
np.save("wide.npy", r.integers(0, 60000, size=(5, 300001)).astype("u2"))
np.save("cube.npy", r.normal(size=(41, 70, 93)).astype("f4"))
np.save("line.npy", r.normal(size=500001))
np.save("tiny.npy", r.normal(size=(20, 15)))
PY

cat >job.yaml <<'END'
name: grids
stages:
  plane: {input: plane.npy, team: all, steps: [gaussian: {sigma: 3}]}
  packed:
    input: [plane.npy, cube.npy, line.npy, tiny.npy]
    team: all
    steps: [gaussian: {sigma: 1}]
    output: {compress: 4, dtype: float32}
  wide:
    input: wide.npy
    team: all
    steps: [median: {size: 3}]
    output: {compress: 1}
  rest:
    input: [cube.npy, line.npy, tiny.npy]
    team: all
    steps: [multiply: 2, gaussian: {sigma: 1}]
    output: {dtype: int16}
  fits:
    input: cube.npy
    team: all
    steps: [laplacian]
    output: {format: fits}
END

# Every file of both folders, byte for byte.
same_files()
{
    diff -r --exclude=.quern "$1" "$2" || fail "$1 and $2 differ"
    good
}

say "alone"
expect_code 0 quern run job.yaml --output alone

for n in 2 3 7; do
    say "$n ranks"
    expect_quern 0 $n run job.yaml --output res
    same_files alone res
    rm -r res
done

say "without a sync, and with two threads a rank: the job's text says so"
expect_quern 0 4 run job.yaml --output res --sync off --threads 2
compare alone res

say "a grid that no rank has as a whole: of 48 MB 16 a rank, with all copies"
/usr/bin/python3 -c '
import numpy as np
np.save("large.npy", np.random.default_rng(1).normal(size=(2000, 3000)))'
cat >large.yaml <<'JOB'
name: large
stages:
  plain: {input: large.npy, team: all, steps: [gaussian: {sigma: 2}]}
  packed:
    input: large.npy
    team: all
    steps: [gaussian: {sigma: 2}]
    output: {compress: 1}
JOB
expect_code 0 quern run large.yaml --output alone2
expect_quern 0 4 run large.yaml --output res2 --memory 38MiB
compare alone2 res2
expect_tidy res2

finish
