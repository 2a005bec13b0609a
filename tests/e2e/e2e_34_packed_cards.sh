#!/usr/bin/env bash
# Packed results keep the header cards that differ from item to item, as
# columns: a merge of parts has the fields that one of a file an item has.
. "$(dirname "$0")/lib.sh"

# 40 frames, which make parts of 16, 16 and 8; one of them is cut short
/usr/bin/python3 - <<'END_PY' || fail "no data"
import os
import numpy as np
def card(k, v):
    return f"{k:<8}= {v}".ljust(80).encode()
os.makedirs("data/raw")
for i in range(40):
    cards = [card("SIMPLE", "T".rjust(20)), card("BITPIX", "%20d" % 8), card("NAXIS", "%20d" % 2),
             card("NAXIS1", "%20d" % 640), card("NAXIS2", "%20d" % 256),
             card("DATE-OBS", "'2020-01-%02dT00:00:00'" % (1 + (i * 7) % 28)),
             card("EXPTIME", "%20s" % (30 if i % 5 else 12.5)), card("SEQ", "%20d" % (i * i)),
             card("INSTRUME", "'cam'"), card("CODE", "'%03d'" % (i % 4)), card("LOT", "%20d" % (i // 16)),
             card("FLAG", "%20s" % ("T" if i % 2 else "F"))]
    if i % 3:
        cards.append(card("AIRMASS", "%20.3f" % (1 + i / 10)))
    if i == 20:
        cards += [card("ODD", "'x y'"), card("NOTHING", ""), card("HIERARCH ESO DET NAME", "'d'")]
    head = b"".join(cards + [b"COMMENT %d".ljust(80), b"END".ljust(80)])
    head = head.ljust(-(-len(head) // 2880) * 2880)
    data = np.full(640 * 256, i, np.uint8).tobytes()
    data = b"" if i == 9 else data.ljust(-(-len(data) // 2880) * 2880, b"\0")
    open(f"data/raw/f{i:02d}.fits", "wb").write(head + data)
END_PY
cat >job.yaml <<'END_JOB'
name: cards
stages:
  packed: {input: {files: "raw/*.fits"}, steps: [multiply: 2], output: {layout: packed}}
  plain: {input: {files: "raw/*.fits"}, steps: [multiply: 2]}
END_JOB
expect_quern 3 2 run job.yaml --data data --output o.out --sync off

say "cards that differ are columns of their own, the others stay in the header"
/usr/bin/python3 - <<'END_PY' >python.txt 2>&1 || { cat python.txt; fail "the columns are wrong"; }
import h5py
import numpy as np
f = h5py.File("o.out/packed/part-000000.h5")
t = f["entry/items_header"][()]
good = f["entry/items"]["status"] == b"done"
assert len(t) == 16 and good.sum() == 15
assert list(t.dtype.names) == ["DATE-OBS", "EXPTIME", "SEQ", "CODE", "FLAG", "AIRMASS"], t.dtype
assert (t["SEQ"][good] == np.arange(16)[good] ** 2).all() and t["SEQ"].dtype == np.int64
assert t["EXPTIME"][5] == 12.5 and t["EXPTIME"][6] == 30 and np.isnan(t["EXPTIME"][9])
assert np.isnan(t["AIRMASS"][3]) and t["AIRMASS"][4] == 1.4
assert t["CODE"][7] == b"003" and t["CODE"][9] == b"" and t["FLAG"][8] == b"F"
shared = f["entry/header"]["keyword"]
assert b"LOT" in shared and b"INSTRUME" in shared and b"SEQ" not in shared
END_PY
good

say "fields and order are those of a merge of a file an item"
fields=EXPTIME,DATE-OBS,seq,CODE,LOT,AIRMASS,ODD,FLAG,INSTRUME,"ESO DET NAME",stem
for sort in DATE-OBS AIRMASS ODD seq LOT; do
    for stage in packed plain; do
        expect_quern 0 0 merge o.out/$stage -o $stage.h5 --fields "$fields" --sort $sort
    done
    /usr/bin/python3 - <<'END_PY' >python.txt 2>&1 || { cat python.txt; fail "sorted by $sort they differ"; }
import h5py
import numpy as np
a, b = h5py.File("packed.h5")["entry"], h5py.File("plain.h5")["entry"]
assert set(b["items"]) - set(a["items"]) == set()
for name in set(b["items"]) - {"file", "key"}:
    x, y = a["items"][name], b["items"][name]
    same = x[()] == y[()]
    if x.dtype.kind == "f":
        same |= np.isnan(x[()]) & np.isnan(y[()])
    assert x.dtype == y.dtype and same.all(), (name, x.dtype, y.dtype, x[()], y[()])
assert np.array_equal(a["data/data"], b["data/data"], equal_nan=True)
END_PY
    good
done
expect_quern 0 0 merge o.out/packed -o packed.h5 --fields NOTHING,NOSUCH
expect_text err "no result has a field 'NOTHING'"
expect_text err "no result has a field 'NOSUCH'"
expect_quern 2 0 merge o.out/packed -o packed.h5 --sort NOSUCH
expect_text err "no result has a field 'NOSUCH' to sort by"

say "a part whose columns are damaged is broken, for those who ask for one"
cp -a o.out hurt.out
rm -r hurt.out/.quern/journal
/usr/bin/python3 - <<'END_PY' || fail "cannot damage it"
import h5py
f = h5py.File("hurt.out/packed/part-000001.h5", "r+")
t = f["entry/items_header"][()]
del f["entry/items_header"]
f["entry/items_header"] = t[:5]
END_PY
expect_quern 0 0 merge hurt.out/packed -o y.h5 --fields LOT
expect_quern 3 0 merge hurt.out/packed -o y.h5 --fields SEQ
expect_text err 'part-000001.h5: its table /entry/items_header is damaged; remove the file'

finish
