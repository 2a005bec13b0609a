#!/usr/bin/env bash
# One file over a stage's results: the same samples, in the order that is asked
# for; what failed is marked, what is wrong is said.
. "$(dirname "$0")/lib.sh"

make_night data --size 64
head -c 3000 data/raw/science-B-002.fits >short
mv short data/raw/science-B-002.fits
cat >night.yaml <<'END'
name: night
stages:
  plain:
    input: {files: "raw/science-*.fits"}
    steps: [multiply: 0.5]
  packed:
    input: {files: "raw/science-*.fits"}
    steps: [multiply: 0.5]
    output: {compress: 4}
  counts:
    input: {files: "raw/science-*.fits"}
    steps: [cast: {dtype: int32}]
  filter:
    input: {files: "raw/flat-*.fits"}
    combine: {method: mean, per: FILTER}
  sums:
    input: {files: "raw/flat-*.fits"}
    products: {sum: {reduce: {axis: 0, method: sum}}, mean: {reduce: {method: mean}}}
END
expect_quern 3 0 run night.yaml --data data --output n.out

# python CODE: with f, the merged file in $1, and one(name), its source.
python()
{
    /usr/bin/python3 - "$1" >python.txt 2>&1 <<END || { cat python.txt; fail "$1"; }
import sys
import h5py
import numpy as np
from silx.io.nxdata import NXdata

f = h5py.File(sys.argv[1])
items = f["entry/items"]
text = lambda name: list(items[name].asstr()[()])
one = lambda name: h5py.File("n.out/" + name)
status, files = text("status"), text("file")
$2
END
    good
}

say "wrong words"
for words in "" "n.out" "n.out/none -o x.h5" "n.out/plain" "n.out/plain n.out/packed -o x.h5" \
    "no/plain -o x.h5" "n.out/plain -o n.out/plain.h5" "n.out/plain -o n.out/plain/x.h5" \
    "n.out/plain -o no/x.h5" "n.out/plain -o ." "n.out/plain -o x.h5 --sort NONE" \
    "n.out/plain -o x.h5 --product none" "n.out/plain -o x.h5 --fields a,,b" \
    "n.out/plain -o x.h5 --fields /a" "n.out/plain -o x.h5 --fields key"; do
    # shellcheck disable=SC2086 # words
    expect_code 2 quern merge $words
    [ "$(grep -c . err)" -eq 1 ] || { show; fail "quern merge $words"; }
    refuse_file x.h5
done

say "a place an item, failed ones marked"
for stage in plain packed counts; do
    expect_quern 0 0 merge n.out/$stage -o $stage.h5
    expect_text err '11 of 12 items merged, 1 failed in the run'
    python $stage.h5 '
data = f["entry/data/data"]
assert data.shape[0] == 12 and status.count("done") == 11, status
for i, name in enumerate(files):
    if status[i] == "done":
        source = one(name)
        assert np.array_equal(data[i], source["entry/data/data"])
        assert items["key"][i] == source["entry/process/key"][()]
    else:
        assert text("path")[i] == "raw/science-B-002.fits" and status[i] == "failed"
        assert np.isnan(data[i]).all() if data.dtype.kind == "f" else not data[i].any()
        assert "truncated" in text("reason")[i], text("reason")
        assert items["key"][i] == b""
assert text("path") == sorted(text("path"))
assert NXdata(f["entry/data"]).is_valid
assert f["entry/process/job"][()] == one(files[0])["entry/process/job"][()]'
done
python packed.h5 'assert f["entry/data/data"].chunks[0] == 1, f["entry/data/data"].chunks
assert f["entry/data/data"].compression_opts == 4'

say "the same bytes again, and on three ranks"
cp packed.h5 first.h5
expect_quern 0 3 merge n.out/packed -o packed.h5
[ "$(grep -c 'items merged' err)" -eq 1 ] || { show; fail "not one rank"; }
cmp packed.h5 first.h5 || fail "the second merge differs"
good

say "columns and order"
expect_quern 0 0 merge n.out/plain -o x.h5 --fields DATE-OBS,EXPTIME,FILTER,stem,NONE \
    --sort DATE-OBS
expect_text err "no result has a field 'NONE'"
python x.h5 '
dates = text("DATE-OBS")
assert dates[:11] == sorted(dates[:11]) and dates[11] == "", dates
assert status[11] == "failed" and np.isnan(items["EXPTIME"][11])
assert set(text("FILTER")) == {"B", "V", ""} and text("stem")[11] == "science-B-002"
assert (items["EXPTIME"][:11] == 60).all(), items["EXPTIME"][()]
for i in range(11):
    assert np.array_equal(f["entry/data/data"][i], one(files[i])["entry/data/data"])'

say "joined along the first axis, with the products that are asked for"
expect_quern 0 0 merge n.out/packed -o x.h5 --concat
python x.h5 '
data = f["entry/data/data"]
start, count = items["start_data"], items["count_data"]
assert data.shape[1:] == one(files[0])["entry/data/data"].shape[1:]
assert count[()].sum() == data.shape[0] and count[status.index("failed")] == 0
for i in range(12):
    if status[i] == "done":
        assert np.array_equal(data[start[i]:start[i] + count[i]], one(files[i])["entry/data/data"])'
expect_quern 0 0 merge n.out/filter -o x.h5
python x.h5 '
assert files == ["filter/B.h5", "filter/V.h5"] == text("path")
assert np.array_equal(f["entry/data/data"][1], one(files[1])["entry/data/data"])
assert np.array_equal(f["entry/count/data"][1], one(files[1])["entry/count/data"])'
expect_quern 0 0 merge n.out/sums -o x.h5
python x.h5 '
assert f["entry/mean/data"].shape == (len(files),)
for i, name in enumerate(files):
    assert f["entry/mean/data"][i] == one(name)["entry/mean/data"][()]
    assert np.array_equal(f["entry/sum/data"][i], one(name)["entry/sum/data"])'
expect_quern 0 0 merge n.out/sums -o x.h5 --product mean
python x.h5 'assert "sum" not in f["entry"] and "mean" in f["entry"]'

say "results of another shape or of other steps, damaged or gone"
cp -a n.out hurt.out
rm hurt.out/plain/science-V-001.h5
printf 'no HDF5' >hurt.out/plain/science-V-002.h5
expect_quern 3 0 merge hurt.out/plain -o x.h5
expect_text err 'science-V-001.h5: it is not there any more.*and 1 more.*--skip-broken'
expect_quern 3 0 merge hurt.out/plain -o x.h5 --skip-broken
expect_text err '2 results are broken'
python x.h5 'assert status.count("broken") == 2 and status.count("done") == 9, status'
cp -r n.out copied.out
rm -f x.h5
expect_quern 3 0 merge copied.out/plain -o x.h5 --skip-broken
expect_text err 'no result of .*plain can be merged; .* broken is plain/.*copied without its time .*cp -a'
refuse_file x.h5
# as a run would leave them: with their sizes and times in the journal
mkdir -p shapes/raw
for n in 8 8 4 8; do
    i=$((${i:-0} + 1))
    head -c $((n * n * 2)) /dev/zero >shapes/raw/a$i.bin
done
cat >shapes.yaml <<'END'
name: shapes
stages:
  s:
    input: {files: "raw/*.bin", format: raw, dtype: uint16, shape: [-1, 4]}
    steps: [multiply: 2]
END
expect_quern 0 0 run shapes.yaml --data shapes --output shapes.out
rm -f x.h5
expect_quern 3 0 merge shapes.out/s -o x.h5
expect_text err 's/a3.h5: /entry/data/data is 4 x 4 of float32 where that of s/a1.h5 is 16 x 4'
refuse_file x.h5
expect_quern 3 0 merge shapes.out/s -o x.h5 --skip-broken
python x.h5 'assert status == ["done", "done", "broken", "done"], status
assert np.isnan(f["entry/data/data"][2]).all() and (f["entry/data/data"][3] == 0).all()'
expect_quern 0 0 merge shapes.out/s -o x.h5 --concat
python x.h5 'assert list(items["start_data"]) == [0, 16, 32, 36]
assert f["entry/data/data"].shape == (52, 4)'

finish
