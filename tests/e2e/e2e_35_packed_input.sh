#!/usr/bin/env bash
# A combination reads packed results row by row: the same samples, members and
# groups as over a file an item; what failed, is left out or was made again.
. "$(dirname "$0")/lib.sh"

# 40 items in parts of 16, 16 and 8: one fails before the run, one in it
/usr/bin/python3 - <<'END_PY' || fail "no data"
import os
import h5py
import numpy as np
os.makedirs("data/raw")
for i in range(40):
    with h5py.File(f"data/raw/f{i:02d}.h5", "w") as f:
        d = f.create_dataset("d", chunks=(256, 320), compression=1,
                             data=(np.arange(320 * 256) * (i + 3) % 30011).astype("<i2").reshape(256, 320))
        d.attrs["SEQ"] = i
        d.attrs["CODE"] = "abc"[i % 3]
        chunk = d.id.get_chunk_info(0)
    if i == 20:
        open("whole.h5", "wb").write(open("data/raw/f20.h5", "rb").read())
        with open("data/raw/f20.h5", "r+b") as f:
            f.seek(chunk.byte_offset + 20)
            f.write(bytes(1000))
END_PY
truncate -s 10 data/raw/f33.h5
for kind in packed plain; do
    layout=$kind
    [ $kind = packed ] || layout=per-item
    cat >$kind.yaml <<END_JOB
name: rows
stages:
  items: {input: {files: "raw/*.h5"}, steps: [bin: 2], products: {data: {reduce: {axis: 0, method: max}}, all: {reduce: {axis: 1, method: sum}}}, output: {layout: $layout}}
  small: {input: {files: "raw/*.h5"}, steps: [multiply: 2], output: {layout: $layout}}
  mean: {input: {stage: small}, combine: {method: mean, reject: sigma-clip, sigma: 2}}
  sums: {input: {stage: items, product: all}, steps: [multiply: {header: "/d@SEQ"}], combine: {method: median}}
  codes: {input: {stage: small}, steps: [bin: 4], combine: {method: sum, per: "/d@CODE"}}
  some: {input: {stage: small, where: "/d@SEQ > 5 and /d@SEQ < 19"}, combine: {method: max}}
END_JOB
done

# same DIR: results and members are those over files
same()
{
    /usr/bin/python3 - "$1" <<'END_PY' >python.txt 2>&1 || { cat python.txt; fail "$1 is wrong"; }
import sys
import h5py
import numpy as np
for name in ["mean", "sums", "codes/a", "codes/b", "codes/c", "some"]:
    a, b = (h5py.File(f"{d}/{name}.h5")["entry"] for d in (sys.argv[1], "plain.out"))
    for product in ("data", "count"):
        x, y = a[product]["data"], b[product]["data"]
        assert x.dtype == y.dtype and np.array_equal(x[()], y[()], equal_nan=True), (name, product)
    for count in ("members", "members_used"):
        assert a["process"][count][()] == b["process"][count][()], (name, count)
inputs = h5py.File(f"{sys.argv[1]}/mean.h5")["entry/process/inputs"]
assert inputs["path"][17] == b"small/part-000001.h5[1:2]" and inputs["status"][17] == b"used"
END_PY
    good
}

say "the same as over a file an item, on one rank, on two, and where memory is short"
expect_quern 3 2 run plain.yaml --data data --output plain.out --sync off
expect_quern 0 0 plan packed.yaml --data data --output p.out
expect_text out '^ *members *at least 1 of 40'
expect_quern 3 2 run packed.yaml --data data --output p.out --sync off
expect_text err 'mean: 38 of 40 items done, 1 combined result, 2 failed upstream'
same p.out
expect_quern 3 1 run packed.yaml --data data --output one.out --sync off
same one.out
expect_quern 3 1 run packed.yaml --data data --output tight.out --sync off --memory 8M
same tight.out
for f in mean.h5 sums.h5 codes/a.h5 some.h5; do
    cmp p.out/$f one.out/$f || fail "$f depends on the ranks"
done
good

say "a second run does nothing; a mended item makes its users anew, no others"
expect_quern 3 1 run packed.yaml --data data --output p.out --sync off
expect_quern 0 0 explain packed.yaml raw/f00.h5 --data data --output p.out
expect_text out 'reads *small/part-000000.h5'
cp whole.h5 data/raw/f20.h5
expect_quern 0 0 plan packed.yaml --data data --output p.out
expect_text out '^ *results *1 \(0 done, 1 stale'
expect_quern 3 2 run packed.yaml --data data --output p.out --sync off
expect_text err 'mean: 39 of 40 items done'
expect_quern 3 2 run plain.yaml --data data --output plain.out --sync off
same p.out

say "a part that is gone is made again, and shards make parts before the rest"
rm p.out/small/part-000001.h5
expect_quern 3 1 run packed.yaml --data data --output p.out --sync off
same p.out
expect_quern 3 1 run packed.yaml --data data --output s.out --sync off --shard 0/2
expect_quern 0 1 run packed.yaml --data data --output s.out --sync off --shard 1/2
expect_quern 3 1 run packed.yaml --data data --output s.out --sync off
same s.out

say "what cannot be had"
expect_quern 3 1 run packed.yaml --data data --output few.out --sync off --stage some --only '*f06*'
expect_text err 'some.h5 is made of [0-9]* of 13 members'
sed 's/stage: small, where: .*}, comb/stage: small, each: frame}, comb/' packed.yaml >each.yaml
expect_quern 2 0 plan each.yaml --data data
expect_text err "results of stage 'small' are packed, many in a file: a stage cannot read them with .each."
sed 's/combine: {method: max}/combine: {method: max}, team: 2/' packed.yaml >team.yaml
expect_quern 2 2 run team.yaml --data data --output t.out
expect_text err 'rows of packed results'

finish
