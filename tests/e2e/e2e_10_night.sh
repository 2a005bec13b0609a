#!/usr/bin/env bash
# The night of jobs/night.yaml: a lone process and every number of ranks give
# the same bytes; a second run has nothing to do; viewers can draw the result.
. "$(dirname "$0")/lib.sh"

make_night data
ranks=$(sed -n '1s/.*np=\([0-9,]*\).*/\1/p' "$NIGHT")
[ -n "$ranks" ] || fail "the first line of $NIGHT names no ranks"

say "a lone process"
expect_quern 0 0 run "$NIGHT" --data data --output lone.out
expect_file lone.out/bias.h5 lone.out/flat/B.h5 lone.out/flat/V.h5 \
    lone.out/science/M67/science-B-001.h5 lone.out/science/M67/science-V-006.h5 \
    lone.out/stack/M67-B.h5 lone.out/stack/M67-V.h5
expect_tidy lone.out

for n in ${ranks//,/ }; do
    say "$n ranks"
    expect_quern 0 "$n" run "$NIGHT" --data data --output "$n.out"
    expect_tidy "$n.out"
    compare lone.out "$n.out"
done

say "a second run finds everything done"
find lone.out -name '*.h5' -printf '%P %s %T@\n' | sort >before
expect_quern 0 0 run "$NIGHT" --data data --output lone.out
find lone.out -name '*.h5' -printf '%P %s %T@\n' | sort >after
cmp before after || fail "the second run wrote again"
good

say "a result that was lost is made again"
cp -a lone.out lost.out
rm lost.out/science/M67/science-V-003.h5
expect_quern 0 2 run "$NIGHT" --data data --output lost.out
compare lone.out lost.out

say "the numbers are right, and NeXus viewers find them"
/usr/bin/python3 - >numbers.txt 2>&1 <<'END' || { cat numbers.txt; fail "numbers"; }
import glob

import h5py
import numpy as np
from astropy.io import fits
from silx.io.nxdata import NXdata


def frames(word):
    return np.array([fits.getdata(name).astype(float)
                     for name in sorted(glob.glob(f"data/raw/{word}-*.fits"))])


def result(name):
    with h5py.File(f"lone.out/{name}.h5") as file:
        entry = file["entry"]
        group = entry[entry.attrs["default"]]
        assert NXdata(group).is_valid, name
        return group[group.attrs["signal"]][()]


def clipped(stack, sigma):
    """Median and MAD, five passes at most, then the mean."""
    x = np.array(stack, dtype=float)
    for _ in range(5):
        centre = np.nanmedian(x, axis=0)
        dev = 1.482602218505602 * np.nanmedian(abs(x - centre), axis=0)
        out = (x < centre - sigma * dev) | (x > centre + sigma * dev)
        if not out.any():
            break
        x[out] = np.nan
    return np.nanmean(x, axis=0)


bias = result("bias")
np.testing.assert_allclose(bias, clipped(frames("bias"), 4), rtol=1e-6)
for band in "BV":
    flats = frames(f"flat-{band}") - bias
    flats /= np.median(flats, axis=(1, 2), keepdims=True)
    flat = result(f"flat/{band}")
    np.testing.assert_allclose(flat, np.median(flats, axis=0), rtol=1e-5)
    science = (frames(f"science-{band}") - bias) / flat
    n, ny, nx = science.shape
    binned = science.reshape(n, ny // 2, 2, nx // 2, 2).mean(axis=(2, 4))
    for i in range(n):
        mine = result(f"science/M67/science-{band}-{i + 1:03d}")
        assert mine.shape == (ny // 2, nx // 2)
        np.testing.assert_allclose(mine, binned[i], rtol=1e-4, atol=1e-2)
    written = np.array([result(f"science/M67/science-{band}-{i + 1:03d}")
                        for i in range(n)])
    np.testing.assert_allclose(
        result(f"stack/M67-{band}"), clipped(written, 4), rtol=1e-4, atol=1e-2)
END
good

say "nothing of the machine is in a result"
h5dump lone.out/stack/M67-B.h5 >dump.txt || fail "h5dump"
refuse_text dump.txt "$scratch"

finish
