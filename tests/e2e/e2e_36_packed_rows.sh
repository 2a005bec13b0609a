#!/usr/bin/env bash
# Stages that take packed results item by item, as input and as operands: what
# they write is what they would have written over a file an item.
. "$(dirname "$0")/lib.sh"

# 40 frames, 16 to a part; one has no samples
/usr/bin/python3 - <<'END_PY' || fail "no data"
import os
import numpy as np
def card(k, v):
    return f"{k:<8}= {v}".ljust(80).encode()
os.makedirs("data/raw")
os.makedirs("data/again")
for i in range(40):
    cards = [card("SIMPLE", "T".rjust(20)), card("BITPIX", "%20d" % 8), card("NAXIS", "%20d" % 2),
             card("NAXIS1", "%20d" % 256), card("NAXIS2", "%20d" % 256),
             card("EXPTIME", "%20s" % (30 if i % 5 else 12.5)), card("SEQ", "%20d" % i),
             card("NAME", "'n%02d'" % i), card("LOT", "%20d" % (i // 8)), card("INSTRUME", "'cam'"),
             card("CRPIX1", "%20.1f" % (100 + i % 2))]
    if i % 3:
        cards.append(card("AIRMASS", "%20.3f" % (1 + i / 10)))
    head = b"".join(cards + [b"END".ljust(80)])
    head = head.ljust(-(-len(head) // 2880) * 2880)
    data = (np.arange(65536) * (i + 3) % 241).astype(np.uint8).tobytes()
    data = data.ljust(-(-len(data) // 2880) * 2880, b"\0")
    open(f"data/again/f{i:02d}.fits", "wb").write(head + data)
    open(f"data/raw/f{i:02d}.fits", "wb").write(head + (b"" if i == 20 else data))
END_PY
for layout in packed per-item; do
    cat >$layout.yaml <<END_JOB
name: rows
stages:
  pre: {input: {files: "raw/*.fits"}, steps: [multiply: 2], output: {layout: $layout, name: "of-{stem}"}}
  sums: {input: {files: "raw/*.fits"}, steps: [add: 1], products: {x: {reduce: {axis: 0, method: sum}}, y: {reduce: {axis: 1, method: max}}}, output: {layout: $layout, compress: 1}}
  each: {input: {stage: pre}, steps: [divide: {header: EXPTIME}, gaussian: {sigma: 1}, bin: 2], output: {name: "{LOT}/{NAME}"}}
  some: {input: {stage: sums, product: y, where: "SEQ > 12 and SEQ < 23"}, steps: [add: {dataset: /entry/x/data}]}
  pairs: {input: {files: "raw/*.fits"}, steps: [subtract: {stage: pre, scale: {header: EXPTIME}}, add: {stage: sums, product: x}], products: {m: {reduce: {axis: 0, method: mean}}}}
  near: {input: {files: "again/*.fits", where: "SEQ % 7 == 3"}, steps: [subtract: {stage: pre, match: [LOT, {nearest: SEQ}]}]}
  again: {input: {stage: pre}, steps: [add: {stage: sums, product: x}, multiply: {dataset: /entry/data/data}], output: {layout: $layout}}
  last: {input: {stage: again}, steps: [bin: 8]}
  mean: {input: {stage: again}, combine: {method: mean, per: LOT}}
END_JOB
    sed -i 's/SEQ % 7 == 3/SEQ in [3, 10, 17, 24, 31]/' $layout.yaml
done

# same DIR: as over files, but for the tables of inputs; header cards in any order
same()
{
    /usr/bin/python3 - "$1" <<'END_PY' >python.txt 2>&1 || { cat python.txt; fail "$1 is wrong"; }
import glob
import os
import sys
import h5py
def cards(f):
    # numbers that differ from item to item are kept as such, not as they were written
    value = lambda r: float(r["value"]) if r["kind"] == b"number" else r["value"]
    return sorted((r["keyword"], value(r), r["kind"]) for r in f["entry/header"][()]) if "header" in f["entry"] else []
def sets(f):
    found = {}
    f.visititems(lambda name, o: found.update({name: o}) if isinstance(o, h5py.Dataset)
                 and not name.startswith(("entry/process", "entry/header")) else None)
    return found
n = 0
for stage in ("each", "some", "pairs", "near", "last", "mean"):
    names = [{os.path.relpath(p, d) for p in glob.glob(f"{d}/{stage}/**/*.h5", recursive=True)} for d in (sys.argv[1], "plain.out")]
    assert names[0] == names[1] and names[0], (stage, names)
    for name in names[0]:
        with h5py.File(f"{sys.argv[1]}/{name}") as f, h5py.File(f"plain.out/{name}") as g:
            a, b = sets(f), sets(g)
            assert a.keys() == b.keys(), (name, a.keys(), b.keys())
            for k in a:
                assert a[k].dtype == b[k].dtype and a[k].shape == b[k].shape, (name, k)
                assert a[k][()].tobytes() == b[k][()].tobytes(), (name, k)
            assert cards(f) == cards(g), (name, cards(f), cards(g))
            n += 1
assert n == 39 + 9 + 39 + 5 + 39 + 5, n
END_PY
    good
}

say "the same bytes as over a file an item, on one rank and on two"
expect_quern 3 0 run per-item.yaml --data data --output plain.out --sync off
for ranks in 0 2; do
    expect_quern 3 $ranks run packed.yaml --data data --output "p$ranks.out" --sync off
    same "p$ranks.out"
done
expect_text err 'last: 39 of 40 items done, 1 failed upstream'
cmp p0.out/again/part-000001.h5 p2.out/again/part-000001.h5 || fail "a part over rows depends on the ranks"
expect_quern 3 0 run packed.yaml --data data --output p0.out --sync off
expect_text err '287 of 295 items done \(287 before\)'

say "what a row that failed costs, and what the rest is called"
/usr/bin/python3 - <<'END_PY' >python.txt 2>&1 || { cat python.txt; fail "tables are wrong"; }
import h5py
f = h5py.File("p0.out/each/0/n05.h5")
assert f["entry/process/inputs"]["path"][0] == b"pre/part-000000.h5[5:6]"
for part, rows in ((0, 16), (1, 16), (2, 8)):
    f = h5py.File(f"p0.out/again/part-{part:06d}.h5")
    items = f["entry/items"][()]
    for r in range(rows):
        assert items["item"][r] == b"f%02d" % (16 * part + r), items[r]
        assert items["path"][r] == b"pre/part-%06d.h5[%d:%d]" % (part, r, r + 1), items[r]
        assert (items["status"][r] == b"failed") == (16 * part + r == 20), items[r]
END_PY
good
expect_quern 3 0 status p0.out --failed
expect_text out 'f20.fits'
expect_quern 0 0 explain packed.yaml raw/f05.fits --data data --output p0.out
expect_text out 'reads *pre/part-000000.h5\[5:6\] \(done\)'
expect_text out 'add *sums/part-0000[0-9]*.h5\[5:6\] \(done\)'
expect_quern 0 0 explain packed.yaml raw/f20.fits --data data --output p0.out
expect_text out 'the item it comes from failed'
expect_quern 0 0 plan packed.yaml --data data --output p0.out --items
expect_text out 'f03.fits .* with pre/part-000000.h5\[3:4\]'
expect_quern 0 0 plan packed.yaml --data data --output p0.out --items --json
expect_text out '"row": 3'
expect_quern 0 0 clean p0.out --dry-run
refuse_text out '\.h5'

# planned STAGE WHAT: what plan says of the results of a stage
planned()
{
    expect_quern 0 0 plan packed.yaml --data data --output p0.out
    awk -v stage="$1" '/^stage / {on = $2 == stage} on && /^ *results/' out >one
    expect_text one "$2"
}

say "a row that changes makes its own users anew, one that is mended too"
touch -d '2020-01-01' data/raw/f07.fits
planned pre '3 \(2 done, 1 stale, 0 to do\)'
planned each '40 \(38 done, 1 stale, 0 to do, 1 (cannot be made|failed before)\)'
planned pairs '40 \(38 done, 1 stale, 0 to do, 1 (cannot be made|failed before)\)'
planned near '5 \(5 done, 0 stale, 0 to do\)'
planned last '40 \(38 done, 1 stale, 0 to do, 1 (cannot be made|failed before)\)'
expect_quern 0 0 explain packed.yaml raw/f07.fits --data data --output p0.out
expect_text out 'pre/part-000000.h5, which it is made with, is stale itself'
expect_quern 3 0 run packed.yaml --data data --output p0.out --sync off
# beside it the other rows of its parts, and the others of its group
expect_text err '287 of 295 items done \(205 before\)'
planned each '40 \(39 done, 0 stale, 0 to do, 1 (cannot be made|failed before)\)'
cp -p data/again/f20.fits data/raw/
expect_quern 0 2 run packed.yaml --data data --output p0.out --sync off
expect_quern 0 2 run packed.yaml --data data --output new.out --sync off
for f in again/part-000001.h5 last/f20.h5 each/2/n20.h5 mean/2.h5; do
    cmp p0.out/$f new.out/$f || fail "$f is not as if it was made at once"
done
good
rm p0.out/pre/part-000001.h5
planned each '40 \(40 done'
expect_quern 0 2 run packed.yaml --data data --output p0.out --sync off
expect_text err '295 of 295 items done \(279 before\)'

say "a row that fails while it is made"
cc -shared -fPIC -o faulty.so "$QUERN_SOURCE/tests/e2e/faulty.c" || fail "faulty.c does not compile"
mkdir data/bare
for i in 0 1 2 3 4; do head -c 4096 /dev/zero >data/bare/f$i.raw; done
raw='{files: "bare/*.raw", format: raw, dtype: uint8, shape: [64, 64]}'
cat >bare.yaml <<END_JOB
stages:
  one: {input: $raw, steps: [add: 1], output: {layout: packed}}
  two: {input: {stage: one}, steps: [add: 1]}
  with: {input: $raw, steps: [add: {stage: one}], output: {layout: packed}}
END_JOB
LD_PRELOAD=$PWD/faulty.so QUERN_FAULTY='quern-worker pread crash 1 1 bare/f3.raw' \
    expect_quern 3 0 run bare.yaml --data data --output bare.out --sync off
expect_text err 'two: 4 of 5 items done, 1 failed upstream'
expect_text err 'with: 4 of 5 items done, 1 blocked'
refuse_file bare.out/two/f3.h5
expect_quern 0 0 explain bare.yaml bare/f3.raw --data data --output bare.out
expect_text out 'one/part-000000.h5\[3:4\], which it uses, failed'
expect_quern 3 0 run bare.yaml --data data --output bare.out --sync off
expect_text err '\(12 before\)'
expect_quern 0 0 run bare.yaml --data data --output bare.out --sync off --retry-failed
expect_text err '15 of 15 items done \(4 before\)'

say "part of it: --limit, --only, --stage, shards"
grep -E '^[ns]|^  (pre|sums|again|last):' packed.yaml >few.yaml
expect_quern 0 0 run few.yaml --data data --output few.out --sync off --limit 17
expect_text err 'again: 32 of 40 items done'
expect_text err 'last: 17 of 40 items done'
expect_quern 0 0 run few.yaml --data data --output only.out --sync off --only '*f39*' --stage last
expect_text err 'last: 1 of 40 items done'
expect_file only.out/again/part-000002.h5
refuse_file only.out/again/part-000001.h5
expect_quern 0 2 run few.yaml --data data --output few.out --sync off
cmp only.out/last/f39.h5 few.out/last/f39.h5 || fail "one item alone is another"
grep -E '^[ns]|^  (pre|sums|each|pairs|near|again|last):' packed.yaml >shard.yaml
expect_quern 2 0 run shard.yaml --data data --output shard.out --shard 0/2
expect_text err 'stage pairs uses results of stage (pre|sums), whose parts are spread over the shards; give --stage pairs'
for stage in pre sums; do
    expect_quern 0 0 run shard.yaml --data data --output shard.out --sync off --shard 0/2 --stage $stage
done
expect_quern 75 0 run shard.yaml --data data --output shard.out --sync off --shard 1/2 --stage pairs
expect_text err 'pairs needs pre, of which 1 of 3 results is not there yet'
for stage in pre sums each pairs near again last; do
    for i in 1 0; do
        expect_quern 0 0 run shard.yaml --data data --output shard.out --sync off --shard $i/2 --stage $stage
    done
done
expect_quern 0 0 run shard.yaml --data data --output shard.out --sync off
expect_text err '245 of 245 items done \(245 before\)'
grep -E '^[ns]|^  (pre|each):' packed.yaml >both.yaml
for i in 0 1; do
    expect_quern 0 0 run both.yaml --data data --output both.out --sync off --shard $i/2
    expect_text err "each: $((24 - 8 * i)) of $((24 - 8 * i)) items done"
done
expect_quern 0 2 run shard.yaml --data data --output all.out --sync off
for f in each/0/n05.h5 each/3/n31.h5 pairs/f39.h5 near/f17.h5 again/part-000002.h5; do
    cmp shard.out/$f all.out/$f || fail "shards make another $f"
done
good

say "a part is opened once for its rows"
rm -r few.out/again
expect_code 0 strace -f -qq -e trace=openat -o trace.txt \
    quern run few.yaml --data data --output few.out --sync off --threads 1 --stage again
# as input and for a dataset of its own, by quern and by HDF5 each
n=$(grep -c 'openat(.*pre/part-000000.h5", O_RDONLY' trace.txt)
[ "$n" = 4 ] || fail "the part was opened $n times"
good

say "what cannot be had"
sed 's/  last: .*/  last: {input: {stage: again}, steps: [exec: {command: "cp {input} {output}"}]}/' few.yaml >exec.yaml
expect_quern 2 0 plan exec.yaml --data data
expect_text err "results of stage 'again' are packed, many in a file: a stage cannot give them to a program"
sed 's/  last: .*/  last: {input: {stage: again, each: frame}}/' few.yaml >each.yaml
expect_quern 2 0 plan each.yaml --data data
expect_text err 'a stage cannot read them with .each.'
expect_quern 2 0 run few.yaml --data data --output no.out --shard 0/2
expect_text err 'again packs results of stage pre'

finish
