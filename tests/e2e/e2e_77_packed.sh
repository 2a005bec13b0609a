#!/usr/bin/env bash
# layout: packed.  Many results a file, cut by the job: the same bytes on any
# number of ranks, after a kill and beside bad items; what fails costs its row,
# also if it crashes or hangs; a part is made again when one of its items may
# be had by then.
. "$(dirname "$0")/lib.sh"

cc -shared -fPIC -o faulty.so "$QUERN_SOURCE/tests/e2e/faulty.c" ||
    fail "faulty.c does not compile"

# 40 items of 410 kB: 16 to a part, so three parts
make_ramps data/raw 40
cat >job.yaml <<'END_JOB'
name: packed
stages:
  double:
    input: {files: "raw/*.raw", format: raw, dtype: uint8, shape: [320, 320]}
    steps: [multiply: 2]
    output: {layout: packed}
    timeout: 20
END_JOB
job=(run job.yaml --data data --sync off)

expect_quern 0 0 plan job.yaml --data data
expect_text out 'results +3 \(0 done, 0 stale, 3 to do\)'
expect_text out 'result +16 x 320 x 320 float32'
expect_quern 0 0 plan job.yaml --data data --list-outputs
expect_text out '/double/part-000002.h5$'

say "the same bytes on any number of ranks"
expect_quern 0 0 "${job[@]}" --output whole.out
for ranks in 1 2 3; do
    expect_quern 0 $ranks "${job[@]}" --output "r$ranks.out"
    compare whole.out "r$ranks.out"
done
expect_tidy whole.out
expect_quern 0 0 "${job[@]}" --output whole.out
expect_text err '40 of 40 items done \(40 before\)'

say "what is in a part"
/usr/bin/python3 - <<'END_PY' || fail "a part does not hold what it should"
import h5py
import numpy as np
at = 0
for part in range(3):
    with h5py.File(f"whole.out/double/part-{part:06d}.h5") as f:
        data, items = f["entry/data/data"], f["entry/items"][...]
        assert data.shape == ((16, 16, 8)[part], 320, 320), data.shape
        assert items.dtype.names == ("item", "path", "row", "status")
        assert len(f["entry/process/inputs"]) == len(items)
        for i, (item, path, row, status) in enumerate(items):
            raw = np.fromfile(f"data/{path.decode()}", np.uint8)
            assert item.decode() == f"f{at:02d}" and status == b"done", items[i]
            assert row == i and (data[row].ravel() == 2.0 * raw).all()
            at += 1
assert at == 40
END_PY
good

# rows FOLDER PART ROWS...: exactly these rows of a part have failed; all other
# rows of the folder are those of whole.out
rows()
{
    /usr/bin/python3 - "$@" <<'END_PY' || fail "rows of $1 are not as they should be"
import sys
import h5py
import numpy as np
folder, bad = sys.argv[1], (int(sys.argv[2]), [int(r) for r in sys.argv[3:]])
for part in range(3):
    name = f"double/part-{part:06d}.h5"
    with h5py.File(f"{folder}/{name}") as f, h5py.File(f"whole.out/{name}") as g:
        failed = f["entry/items"]["status"] == b"failed"
        assert list(np.flatnonzero(failed)) == (bad[1] if part == bad[0] else []), failed
        x, y = f["entry/data/data"][...], g["entry/data/data"][...]
        assert np.isnan(x[failed]).all() and (x[~failed] == y[~failed]).all()
END_PY
    good
}

say "items that fail cost their rows"
mkdir bad && cp -r data/raw bad/raw
truncate -s 100 bad/raw/f17.raw
truncate -s 0 bad/raw/f20.raw
for ranks in 0 2; do
    expect_quern 3 $ranks run job.yaml --data bad --output "bad$ranks.out"
    expect_text err 'f17.raw: has 100 bytes'
    rows "bad$ranks.out" 1 1 4
done
compare bad0.out bad2.out
expect_quern 3 0 status bad0.out --failed
expect_text out 'f17.raw: has 100 bytes'
expect_text out 'f20.raw'
expect_quern 3 0 run job.yaml --data bad --output bad0.out
expect_text err '\(38 before\), 2 failed'
expect_quern 0 0 explain job.yaml bad/raw/f17.raw --data bad --output bad0.out
expect_text out 'failed'
# with the journal the knowledge of failures is gone: that part alone is made anew
rm -r bad0.out/.quern/journal
expect_quern 3 0 run job.yaml --data bad --output bad0.out
expect_text err '\(24 before\), 2 failed'
compare bad0.out bad2.out
say "repaired, its part is made anew and no other"
cp -p data/raw/f17.raw data/raw/f20.raw bad/raw/
expect_quern 0 0 run job.yaml --data bad --output bad2.out
expect_text err '\(24 before\)'
rows bad2.out 9 # none
expect_text err '40 of 40'

say "a crash in a part costs one row"
for retries in 0 1; do
    sed "s/timeout: 20/retries: $retries/" job.yaml >crash.yaml
    LD_PRELOAD=$PWD/faulty.so QUERN_FAULTY='quern-worker pread crash 1 0 raw/f21.raw' \
        expect_quern 3 0 run crash.yaml --data data --output "crash$retries.out"
    expect_text err 'raw/f21.raw: the process that read it died: killed by SIGSEGV'
    expect_text err '39 of 40 items done \(0 before\), 1 failed'
    rows "crash$retries.out" 1 5
done
expect_quern 3 0 run crash.yaml --data data --output crash1.out
expect_text err '\(39 before\), 1 failed'
expect_quern 0 2 run crash.yaml --data data --output crash1.out --retry-failed
expect_text err '\(24 before\)'
compare whole.out crash1.out
expect_quern 0 0 run crash.yaml --data data --output crash1.out
expect_text err '\(40 before\)'

say "an item that hangs costs one row"
sed "s/timeout: 20/timeout: 1/" job.yaml >hang.yaml
LD_PRELOAD=$PWD/faulty.so QUERN_FAULTY='quern-worker pread hang 1 0 raw/f02.raw' \
    expect_quern 3 0 run hang.yaml --data data --output hang.out
expect_text err 'raw/f02.raw: it took longer than its time limit of 1 s'
rows hang.out 0 2

say "a read that fails is tried again, now and next time"
LD_PRELOAD=$PWD/faulty.so QUERN_FAULTY='quern-worker pread EIO 1 1 raw/f02.raw' \
    expect_quern 0 0 "${job[@]}" --output eio.out
compare whole.out eio.out
LD_PRELOAD=$PWD/faulty.so QUERN_FAULTY='quern-worker pread EIO 1 0 raw/f02.raw' \
    expect_quern 3 0 "${job[@]}" --output eio2.out
rows eio2.out 0 2
expect_quern 0 0 "${job[@]}" --output eio2.out
expect_text err '\(24 before\)'
compare whole.out eio2.out

say "killed in the middle, carried on"
sed "s/timeout: 20/timeout: none/" job.yaml >slow.yaml
export LD_PRELOAD=$PWD/faulty.so QUERN_FAULTY='quern-worker pread hang 1 0 raw/f39.raw'
"$QUERN_BIN/quern" run slow.yaml --data data --output kill.out >out 2>err &
pid=$!
two_done()
{
    [ "$(grep -c '	done	' kill.out/.quern/journal/0.log 2>/dev/null)" = 2 ]
}
wait_until two_done || fail "it got to no second part: $(cat err)"
kill -9 $pid
wait $pid 2>/dev/null
unset LD_PRELOAD QUERN_FAULTY
expect_file kill.out/double/part-000001.h5
refuse_file kill.out/double/part-000002.h5
expect_quern 75 0 status kill.out
expect_text out 'double +40 +32'
expect_quern 0 2 run slow.yaml --data data --output kill.out
expect_text err '\(32 before\)'
compare whole.out kill.out
expect_tidy kill.out

say "parts are whole"
expect_quern 0 0 "${job[@]}" --output limit.out --limit 20
expect_text err '32 of 40 items done'
expect_quern 0 0 "${job[@]}" --output only.out --only '*f39*'
expect_text err '8 of 40 items done'
refuse_file only.out/double/part-000000.h5

say "shards take whole parts"
for i in 0 1; do
    expect_quern 0 0 "${job[@]}" --output shard.out --shard $i/2
done
compare whole.out shard.out
cat >two.yaml <<'END_JOB'
name: two
stages:
  one:
    input: {files: "raw/*.raw", format: raw, dtype: uint8, shape: [320, 320]}
  double:
    input: {stage: one}
    steps: [multiply: 2]
    output: {layout: packed}
END_JOB
expect_quern 2 0 run two.yaml --data data --output two.out --shard 0/2
expect_text err 'stage double packs results of stage one, which are spread over the shards'
expect_quern 0 2 run two.yaml --data data --output two.out --sync off
expect_file two.out/double/part-000002.h5

say "merged to one dataset"
expect_quern 0 0 merge whole.out/double -o whole.h5
/usr/bin/python3 -c 'import h5py; assert h5py.File("whole.h5")["entry/data/data"].shape == (40, 320, 320)' ||
    fail "the parts are not joined"
good

say "products, names, integers"
cat >sums.yaml <<'END_JOB'
name: sums
stages:
  sums:
    input: {files: "raw/{n}.raw", format: raw, dtype: uint8, shape: [320, 320]}
    products: {total: {reduce: {axis: [0, 1], method: sum}}, most: {reduce: {axis: 1, method: max}}}
    output: {layout: packed, name: "item-{n}", compress: 1}
END_JOB
truncate -s 100 bad/raw/f17.raw
expect_quern 3 0 run sums.yaml --data bad --output sums.out
/usr/bin/python3 - <<'END_PY' || fail "sums are wrong"
import h5py
import numpy as np
with h5py.File("sums.out/sums/part-000000.h5") as f:
    total, most = f["entry/total/data"], f["entry/most/data"]
    items = f["entry/items"][...]
    assert total.shape == (40,) and total.dtype == np.uint64, total
    assert most.shape == (40, 320) and most.dtype == np.uint8, most
    for i, item in enumerate(items):
        raw = np.fromfile(f"bad/{item['path'].decode()}", np.uint8)
        assert item["item"].decode() == f"item-f{i:02d}"
        if i == 17:
            assert item["status"] == b"failed" and total[i] == 0 and not most[i].any()
        else:
            assert total[i] == raw.sum(dtype=np.uint64)
            assert (most[i] == raw.reshape(320, 320).max(1)).all()
END_PY
good

say "what cannot be packed is refused"
raw='{files: "raw/*.raw", format: raw, dtype: uint8, shape: [320, 320]}'
refuse_job "  a: {input: $raw, combine: {method: mean}, output: {layout: packed}}" \
    'a combination makes one result'
refuse_job "  a: {input: $raw, output: {layout: packed, format: fits}}" 'a FITS file holds one result'
refuse_job "  a: {input: $raw, output: {layout: packed}}
  b: {input: {stage: a, each: frame}}" "results of stage 'a' are packed"
mkdir odd && cp data/raw/f0* odd/
for i in 3 4; do truncate -s 51200 odd/f0$i.raw; done
odd='{files: "f*.raw", format: raw, dtype: uint8, shape: [-1, 320]}'
printf 'name: odd\nstages:\n  a: {input: %s, output: {layout: packed}}\n' "$odd" >odd.yaml
expect_quern 3 0 run odd.yaml --data odd
expect_text err 'f03.raw: its result is 160 x 320 uint8, but that of f00.raw, the first, is'
expect_text err '8 of 10 items done'
for i in 0 1 2 5 6; do truncate -s 51200 odd/f0$i.raw; done
truncate -s 102400 odd/f00.raw
expect_quern 2 0 run odd.yaml --data odd
expect_text err 'packed results need one shape and type, but f00.raw gives 320 x 320 uint8'

finish
