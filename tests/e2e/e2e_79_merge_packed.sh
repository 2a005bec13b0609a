#!/usr/bin/env bash
# One file over packed results: a row an item again, in any order, joined,
# deflated or shown where it lies; failed rows, failed parts and damaged ones.
. "$(dirname "$0")/lib.sh"

# 52 items: parts of 16, 16, 16 and 4; the stems run across the folders
/usr/bin/python3 - <<'END_PY' || fail "no data"
import os
import numpy as np
for i in range(52):
    os.makedirs(f"data/raw/{'abcd'[i // 13]}", exist_ok=True)
    a = np.arange(320 * 320, dtype=np.uint32) * (i + 7) % 251
    a.astype(np.uint8).tofile(f"data/raw/{'abcd'[i // 13]}/f{(i * 29) % 52:02d}.raw")
END_PY
set -- data/raw/*/*.raw
truncate -s 100 "${17}" "${20}"
# all of the last part
shift 48
truncate -s 7 "$@"
cat >job.yaml <<'END_JOB'
name: packed
vars: {in: {files: "raw/*/*.raw", format: raw, dtype: uint8, shape: [320, 320]}}
stages:
  plain:
    input: {files: "raw/*/*.raw", format: raw, dtype: uint8, shape: [320, 320]}
    steps: [multiply: 2]
    output: {layout: packed}
  deflated:
    input: {files: "raw/*/*.raw", format: raw, dtype: uint8, shape: [320, 320]}
    steps: [multiply: 2]
    output: {layout: packed, compress: 1}
  sums:
    input: {files: "raw/*/*.raw", format: raw, dtype: uint8, shape: [320, 320]}
    products: {total: {reduce: {axis: [0, 1], method: sum}}, most: {reduce: {axis: 1, method: max}}}
    output: {layout: packed}
END_JOB
sed -i '/^vars/d' job.yaml
expect_quern 3 2 run job.yaml --data data --output o.out --sync off

# holds FILE [CODE]: all items are there in their order, and what they hold
holds()
{
    /usr/bin/python3 - "$@" <<'END_PY' >python.txt 2>&1 || { cat python.txt; fail "$1 is wrong"; }
import sys
import h5py
import numpy as np
f = h5py.File(sys.argv[1])
items = f["entry/items"]
text = lambda name: list(items[name].asstr()[()])
status, path, reason, row = text("status"), text("path"), text("reason"), items["row"][()]
d = f["entry/data/data"] if "data" in f["entry"] else None
joined = "start_data" in items
assert len(status) == 52 and status.count("failed") == 6, status
at = 0
for i in range(52):
    raw = np.fromfile(f"data/{path[i]}", np.uint8)
    assert (status[i] == "done") == (raw.size == 320 * 320), (i, status[i], raw.size)
    # the four of the last part have no file
    assert d is None or (row[i] == -1) == (raw.size == 7)
    assert text("item")[i] == ("" if row[i] < 0 else path[i][-7:-4])
    if status[i] == "done":
        if d is not None and joined:
            assert items["start_data"][i] == at and items["count_data"][i] == 320
            assert (d[at:at + 320] == 2.0 * raw.reshape(320, 320)).all()
            at += 320
        elif d is not None:
            assert (d[i] == 2.0 * raw.reshape(320, 320)).all(), i
        else:
            assert f["entry/total/data"][i] == raw.sum(dtype=np.uint64)
            assert (f["entry/most/data"][i] == raw.reshape(320, 320).max(1)).all()
    else:
        assert f"has {raw.size} bytes" in reason[i], reason[i]
        if d is not None and not joined:
            assert np.isnan(d[i]).all()
exec(sys.argv[2] if len(sys.argv) > 2 else "assert path == sorted(path)")
END_PY
    good
}

say "the same items and samples, whatever the way"
for stage in plain deflated; do
    for way in "" --concat --virtual "--virtual --concat"; do
        # shellcheck disable=SC2086 # words
        expect_quern 0 0 merge o.out/$stage -o x.h5 $way
        expect_text err '46 of 52 items merged, 6 failed in the run'
        holds x.h5
    done
done
for way in "" --concat --virtual; do
    for stage in plain deflated; do
        # shellcheck disable=SC2086 # words
        expect_quern 0 0 merge o.out/$stage -o x.h5 --sort stem --fields stem,dir $way
        holds x.h5 'stem = text("stem"); assert stem == sorted(stem)
assert text("dir") == [p.rsplit("/", 1)[0] for p in path]'
    done
done
expect_quern 0 0 merge o.out/sums -o x.h5
holds x.h5

say "deflated chunks are copied as they are stored"
expect_quern 0 0 merge o.out/deflated -o x.h5
refuse_text err 'stored anew'
/usr/bin/python3 - <<'END_PY' || fail "chunks were made anew"
import h5py
whole = h5py.File("x.h5")["entry/data/data"]
part = h5py.File("o.out/deflated/part-000001.h5")["entry/data/data"]
assert whole.chunks == part.chunks and whole.compression_opts == 1, whole.chunks
for i in range(0, 16, part.chunks[0]):
    assert whole.id.read_direct_chunk((16 + i, 0, 0)) == part.id.read_direct_chunk((i, 0, 0))
END_PY
good

say "the same bytes again, and on two ranks"
cp x.h5 first.h5
expect_quern 0 2 merge o.out/deflated -o x.h5
cmp x.h5 first.h5 || fail "the second merge differs"
good

say "parts that are gone, damaged, or not made yet"
cp -a o.out hurt.out
rm hurt.out/plain/part-000001.h5
expect_quern 3 0 merge hurt.out/plain -o y.h5
expect_text err 'part-000001.h5: it is not there any more.*--skip-broken'
refuse_file y.h5
expect_quern 3 0 merge hurt.out/plain -o y.h5 --skip-broken
expect_text err '32 of 37 items merged, 4 failed in the run'
expect_text err '1 result is broken'
cp o.out/plain/part-000000.h5 hurt.out/plain/part-000001.h5
dd if=/dev/urandom of=hurt.out/deflated/part-000001.h5 bs=1k seek=1 count=3 conv=notrunc 2>/dev/null
touch -r o.out/deflated/part-000001.h5 hurt.out/deflated/part-000001.h5
rm -f y.h5
expect_quern 3 0 merge hurt.out/deflated -o y.h5
expect_text err 'part-000001.h5: '
refuse_file y.h5
expect_quern 3 0 merge hurt.out/deflated -o y.h5 --skip-broken
expect_text err 'broken and left out'
# what was looked at and failed is known of the parts that were left out
expect_quern 3 0 run job.yaml --data data --output some.out --limit 32 --stage plain
expect_quern 3 0 merge some.out/plain -o y.h5
expect_text err '30 of 37 items merged, 6 failed in the run'
expect_text err '1 item has no result'

finish
