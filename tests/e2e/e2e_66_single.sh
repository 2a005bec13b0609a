#!/usr/bin/env bash
# layout: single.  One file over a stage's results, made when they are: the one
# that `quern merge` would make, on any number of ranks, made again when a
# result changed and not else.
. "$(dirname "$0")/lib.sh"

make_ramps data/raw 20
truncate -s 100 data/raw/f07.raw
cat >job.yaml <<'END_JOB'
name: one
stages:
  small:
    input: {files: "raw/*.raw", format: raw, dtype: uint8, shape: [320, 320]}
    steps: [bin: 4]
    output: {layout: single, compress: 1}
  large:
    input: {files: "raw/*.raw", format: raw, dtype: uint8, shape: [320, 320]}
    steps: [multiply: 2]
    output: {layout: single}
  reader:
    input: {stage: large}
    steps: [subtract: {stage: large}]
    output: {layout: single}
  rows:
    input: {files: "raw/*.raw", format: raw, dtype: uint8, shape: [320, 320], each: frame}
    output: {layout: single}
END_JOB
job=(run job.yaml --data data --sync off)

# holds OUT: each stage's one file is what merge makes of the results
holds()
{
    local s how
    for s in small large reader rows; do
        how=()
        [ $s = rows ] && how=(--concat)
        quern merge "$1/$s" -o again.h5 "${how[@]}" >out 2>err
        cmp again.h5 "$1/$s.h5" || fail "$1/$s.h5 is not what merge makes"
        good
    done
}

say "a file a stage, the same on any number of ranks"
expect_quern 0 0 plan job.yaml --data data --output o.out
expect_text out 'one file +.*o.out/small.h5 \(to do\)'
expect_quern 0 0 plan job.yaml --data data --output o.out --list-outputs
expect_text out '/o.out/reader.h5$'
expect_quern 3 0 "${job[@]}" --output o.out
expect_text err 'small: 19 items in .*o.out/small.h5'
holds o.out
/usr/bin/python3 - <<'END_PY' || fail "the files do not hold what they should"
import h5py
import numpy as np
small, large, reader, rows = (h5py.File(f"o.out/{s}.h5") for s in ("small", "large", "reader", "rows"))
for f in (small, large, reader):
    status = list(f["entry/items/status"].asstr()[()])
    assert len(status) == 20 and status.count("done") == 19, status
    assert f["entry/data/data"].shape[0] == 20
assert rows["entry/data/data"].shape == (19 * 320, 320)
at = 0
for i in range(20):
    raw = np.fromfile(f"data/raw/f{i:02d}.raw", np.uint8)
    if i == 7:
        assert np.isnan(large["entry/data/data"][i]).all()
        continue
    raw = raw.reshape(320, 320)
    assert (large["entry/data/data"][i] == 2.0 * raw).all()
    assert (rows["entry/data/data"][at:at + 320] == raw).all()
    assert not reader["entry/data/data"][i].any()
    assert np.allclose(small["entry/data/data"][i], raw.reshape(80, 4, 80, 4).mean((1, 3)))
    at += 320
END_PY
good
expect_file o.out/small/part-000000.h5
for ranks in 1 3; do
    expect_quern 3 $ranks "${job[@]}" --output "r$ranks.out"
    for s in small large reader rows; do
        cmp o.out/$s.h5 "r$ranks.out/$s.h5" || fail "$ranks ranks give another $s.h5"
        good
    done
done

say "what stands is not made again"
before=$(stat -c '%i %Y' o.out/*.h5)
expect_quern 3 0 "${job[@]}" --output o.out
refuse_text err 'items in'
[ "$before" = "$(stat -c '%i %Y' o.out/*.h5)" ] || fail "files were made again"
expect_quern 0 0 plan job.yaml --data data --output o.out
expect_text out 'small.h5 \(done\)'
expect_quern 0 0 clean o.out
expect_file o.out/small.h5
good

say "a result that changed, or a file that is gone or was touched, makes it again"
head -c 102400 /dev/zero >data/raw/f07.raw
expect_quern 0 0 plan job.yaml --data data --output o.out
expect_text out 'large.h5 \(stale\)'
expect_quern 0 0 "${job[@]}" --output o.out
expect_text err 'large: 20 items in'
holds o.out
rm o.out/large.h5
echo x >>o.out/rows.h5
expect_quern 0 2 "${job[@]}" --output o.out
expect_text err 'large: 20 items in'
expect_text err 'rows: 20 items in'
refuse_text err 'small: 20 items in'
holds o.out

say "a stage that is single no more"
sed 's/layout: single, //' job.yaml >other.yaml
expect_quern 0 0 run other.yaml --data data --output o.out
expect_quern 0 0 clean o.out
refuse_file o.out/small.h5
expect_file o.out/large.h5

say "shards leave it to the run that comes after them"
for i in 0 1; do
    expect_quern 0 0 "${job[@]}" --output shard.out --stage large --shard $i/2
done
refuse_file shard.out/large.h5
expect_quern 0 0 "${job[@]}" --output shard.out --stage large
expect_text err 'large: 20 items in'
cmp shard.out/large.h5 o.out/large.h5 || fail "shards give another file"

say "results of several shapes"
truncate -s 51200 data/raw/f03.raw
sed -n '1,2p;/large:/,/single/p' job.yaml | sed 's/\[320, 320\]/[-1, 320]/' >odd.yaml
expect_quern 3 0 run odd.yaml --data data --output odd.out
expect_text err 'f03.raw: its result is 160 x 320.*results in one file need one shape and type'
cat >>odd.yaml <<'END_JOB'
  more:
    input: {stage: large}
END_JOB
expect_quern 3 0 run odd.yaml --data data --output odd2.out
expect_text err 'large.h5 is not made: .*f03.h5: /entry/data/data is 160 x 320.*--skip-broken of .quern merge'
refuse_file odd2.out/large.h5
expect_file odd2.out/more/f04.h5

say "what cannot be one file is refused"
raw='{files: "raw/*.raw", format: raw, dtype: uint8, shape: [320, 320]}'
refuse_job "  a: {input: $raw, combine: {method: mean}, output: {layout: single}}" \
    'makes one file anyway'
refuse_job "  a: {input: $raw, output: {layout: single, format: fits}}" 'is HDF5'
refuse_job "  a: {input: $raw, steps: [exec: {command: [cp, '{input}', '{output}'], writes: x}], output: {layout: single}}" \
    'a program writes a file of its own'
expect_tidy o.out

finish
