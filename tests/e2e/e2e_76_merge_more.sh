#!/usr/bin/env bash
# Merging where something is in the way: too many files for a virtual dataset,
# other compression, a kill, a full disk, damage that shows only on the way.
. "$(dirname "$0")/apart.sh"
. "$(dirname "$0")/lib.sh"

# 600 items of 2 kB, a name of which is percent-encoded
mkdir -p data/raw
head -c $((600 * 2048)) /dev/urandom |
    split -b 2048 -a 3 --numeric-suffixes=0 --additional-suffix=.bin - data/raw/a
mv data/raw/a007.bin "data/raw/a 07%b.bin"
cat >many.yaml <<'END'
name: many
stages:
  s:
    input: {files: "raw/*.bin", format: raw, dtype: uint16, shape: [-1, 32]}
    steps: [multiply: 0.5]
END
expect_quern 0 0 run many.yaml --data data --output many.out --sync off
sed -i 's/"\*/"/; s|raw/\*.bin|raw/a*[05].bin|' many.yaml
cp "data/raw/a 07%b.bin" data/raw/ax0.bin && mv data/raw/ax0.bin "data/raw/a %b0.bin"
expect_quern 0 0 run many.yaml --data data --output few.out --sync off

say "results of shards, whose records are apart: the same bytes"
head -c 100 /dev/zero >data/raw/a000.bin
mkdir part && mv data/raw/a[1-5]*.bin part
for i in 1 0; do
    run quern run many.yaml --data data --output shards.out --sync off --shard $i/2
done
run quern run many.yaml --data data --output whole.out --sync off
for of in shards whole; do
    expect_quern 0 0 merge $of.out/s -o $of.h5
    expect_text err '20 of 21 items merged, 1 failed'
done
cmp shards.h5 whole.h5 || fail "shards merge to other bytes"
good
mv part/* data/raw

say "nothing copied: at most 512 files"
expect_quern 2 0 merge many.out/s -o v.h5 --virtual
expect_text err 'at most 512 files and s has 600.*descriptors.*fill values'
refuse_file v.h5
mkdir -p far/away
expect_quern 0 0 merge few.out/s -o far/away/v.h5 --virtual
expect_quern 0 0 merge few.out/s -o far/copy.h5
[ "$(stat -c %s far/away/v.h5)" -lt "$(stat -c %s far/copy.h5)" ] || fail "nothing is virtual"
[ -n "$(find few.out/s -name "*%*")" ] || fail "no name with a percent sign"
for from in . / far; do
    (cd $from && /usr/bin/python3 - "$scratch" <<'END') || fail "virtual, read in $from"
import sys
import h5py
import numpy as np
v = h5py.File(sys.argv[1] + "/far/away/v.h5")["entry/data/data"]
c = h5py.File(sys.argv[1] + "/far/copy.h5")["entry/data/data"]
assert v.is_virtual and all(s.file_name.startswith("../../few.out/s/") for s in v.virtual_sources())
assert np.array_equal(v, c) and np.any(c)
END
    good
done

say "other compression, and rows that cut through chunks: stored anew, and said"
cat >long.yaml <<'END'
name: long
stages:
  s:
    input: {files: "rows/*.bin", format: raw, dtype: uint16, shape: [-1, 1000]}
    steps: [multiply: 0.5]
    output: {compress: 1}
END
mkdir -p data/rows
# chunks have 262 rows: those of the first file end where one ends
/usr/bin/python3 -c "
import numpy as np
for n, rows in (1, 262), (2, 300), (3, 900):
    (np.arange(rows * 1000) % 251).astype('<u2').tofile(f'data/rows/r{n}.bin')"
expect_quern 0 0 run long.yaml --data data --output long.out
expect_quern 0 0 merge long.out/s -o long.h5 --concat
expect_text err '2 of 3 results were stored anew'
/usr/bin/python3 - <<'END' || fail "stored anew"
import h5py
import numpy as np
f = h5py.File("long.h5")["entry/data/data"]
want = [h5py.File(f"long.out/s/r{n}.h5")["entry/data/data"] for n in (1, 2, 3)]
assert np.array_equal(f, np.concatenate(want)) and f.compression == "gzip"
assert f.chunks == want[0].chunks and f.shape[0] == 1462
END
good

say "a merge that was killed leaves nothing, and one that is asked to stop"
mkdir -p kill
early=0
for signal in KILL TERM; do
    for nap in 0.05 0.15 0.25 0.4; do
        rm -f kill/m.h5
        "$QUERN_BIN/quern" merge many.out/s -o kill/m.h5 >out 2>err &
        pid=$!
        sleep $nap
        kill -s $signal $pid 2>/dev/null
        wait $pid 2>/dev/null
        code=$?
        [ $code -eq 0 ] || early=$((early + 1))
        left=$(ls -A kill)
        # it may have been done before, or just have put the whole file there
        [ "$left" != m.h5 ] || mv kill/m.h5 "late-$signal-$nap.h5"
        if [ $code -ne 0 ] && [ -n "$left" ] && [ "$left" != m.h5 ]; then
            fail "SIG$signal after $nap s left $left"
        fi
        [ $signal = KILL ] || [ $code -eq 0 ] || [ $code -eq 75 ] || [ $code -eq 143 ] ||
            { show; fail "exit code $code"; }
        good
    done
done
[ $early -gt 0 ] || fail "none was interrupted"
expect_quern 0 0 merge many.out/s -o kill/m.h5
expect_tidy kill
for late in late-*.h5; do
    [ ! -e "$late" ] || cmp "$late" kill/m.h5 || fail "$late is not whole"
done

say "what is there already is replaced as a whole, or stays"
cp kill/m.h5 before.h5
printf 'old' >kill/m.h5
expect_quern 0 0 merge many.out/s -o kill/m.h5
cmp kill/m.h5 before.h5 || fail "not replaced"
expect_tidy kill
printf 'old' >kill/m.h5
expect_quern 2 0 merge many.out/s -o kill/m.h5 --virtual
[ "$(cat kill/m.h5)" = old ] || fail "a merge that failed replaced it"
good

say "damage that shows only when chunks are copied"
/usr/bin/python3 - <<'END' || fail "damage"
import glob
import os
import h5py
for name in sorted(glob.glob("long.out/s/r2.h5")):
    st = os.stat(name)
    with h5py.File(name) as f:
        d = f["entry/data/data"].id
        at = min(d.get_chunk_info(i).byte_offset for i in range(d.get_num_chunks()))
    whole = bytearray(open(name, "rb").read())
    # the tree that says where chunks lie
    tree = whole.find(b"TREE\x01")
    whole[tree:tree + 4] = b"EERT"
    open(name, "wb").write(whole)
    os.utime(name, ns=(st.st_atime_ns, st.st_mtime_ns))
END
expect_quern 3 0 merge long.out/s -o long.h5 --concat
expect_text err 'long.out/s/r2.h5: .*--skip-broken'
expect_quern 3 0 merge long.out/s -o long.h5 --concat --skip-broken
expect_text err '2 of 3 items merged'
/usr/bin/python3 - <<'END' || fail "skipped"
import h5py
import numpy as np
f = h5py.File("long.h5")
want = [h5py.File(f"long.out/s/r{n}.h5")["entry/data/data"] for n in (1, 3)]
assert np.array_equal(f["entry/data/data"], np.concatenate(want))
assert list(f["entry/items/status"].asstr()) == ["done", "broken", "done"]
END
good

say "a full disk: one sentence, nothing left"
mkdir -p disk
if [ "$QUERN_APART" = yes ] && mount -t tmpfs -o size=500k none disk; then
    expect_quern 1 0 merge many.out/s -o disk/m.h5
    expect_text err 'disk/m.h5.*[Nn]o space left'
    [ "$(grep -c '^quern: ' err)" -eq 1 ] || { show; fail "not one sentence"; }
    [ -z "$(ls -A disk)" ] || fail "left: $(ls -A disk)"
    good
    umount disk
else
    echo "skipped: no file system may be mounted here"
fi

finish
