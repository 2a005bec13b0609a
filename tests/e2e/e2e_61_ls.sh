#!/usr/bin/env bash
# `quern ls`: what is in the inputs, for people and for programs; a bad file is
# named, the others are listed.
. "$(dirname "$0")/lib.sh"

make_night data --size 32

say "words"
expect_code 0 quern ls --help
expect_text out '\-\-where'
expect_code 2 quern ls
expect_text err 'quern ls PATH'
expect_code 2 quern ls data/raw --fileds A
expect_text err '\-\-fields'
expect_code 2 quern ls data/raw --where 'A ==='
expect_text err '\-\-where: column'
expect_code 2 quern ls data/raw --fields A,,B
expect_code 2 quern ls no-such-file.fits
expect_text err 'no-such-file.fits'

say "a line a file: of a folder, of a pattern"
expect_code 0 quern ls data/raw
[ "$(wc -l <out)" -eq 29 ] || { show; fail "not 29 lines"; }
expect_text out '^data/raw/bias-001.fits +fits +32 x 32 +uint16$'
expect_code 0 quern ls 'data/**/flat-?-001.fits'
[ "$(wc -l <out)" -eq 2 ] || { show; fail "not 2 lines"; }

say "fields, conditions, counts"
expect_code 0 quern ls data/raw --fields IMAGETYP,FILTER,stem
expect_text out '^path +format +shape +type +IMAGETYP +FILTER +stem$'
expect_text out '^data/raw/bias-001.fits .* bias +- +bias-001$'
expect_text out '^data/raw/flat-V-002.fits .* flat +V +flat-V-002$'
expect_code 0 quern ls data/raw --where "IMAGETYP == 'flat' and FILTER == 'B'"
[ "$(wc -l <out)" -eq 5 ] || { show; fail "not 5 flats"; }
refuse_text out 'flat-V|bias|science'
expect_code 0 quern ls data/raw --count IMAGETYP
printf '%s\n' "IMAGETYP  files" "bias      7" "flat      10" "object    12" >want
cmp out want || { show; fail "the counts differ"; }
expect_code 0 quern ls 'data/raw/{kind}-*.fits' --count kind,FILTER
expect_text out '^science +V +6$'
expect_text out '^bias +- +7$'
expect_code 0 quern ls data/raw --fields NOSUCH
expect_text err "no file has a field 'NOSUCH'"
expect_code 0 quern ls data/raw --where "IMAGETYP == 'dark'"
[ ! -s out ] || fail "something passes"
expect_text err 'none of 29 files'
expect_code 3 quern ls data/raw --where "FILTER == 'B'"
expect_text err "bias-001.fits: .*FILTER"
[ "$(wc -l <out)" -eq 11 ] || { show; fail "not 11 files of B"; }

say "the same for programs"
expect_code 0 quern ls data/raw --json --fields IMAGETYP,EXPTIME
expect_json "len(j) == 29 and j[0]['path'] == 'data/raw/bias-001.fits'"
expect_json "j[0]['shape'] == [32, 32] and j[0]['dtype'] == 'uint16'"
expect_json "j[0]['format'] == 'fits' and j[0]['fields']['IMAGETYP'] == 'bias'"
expect_json "isinstance(j[0]['fields']['EXPTIME'], (int, float))"
expect_code 0 quern ls data/raw --json --count IMAGETYP,FILTER
expect_json "{'values': {'IMAGETYP': 'bias', 'FILTER': None}, 'files': 7} in j"
expect_json "sum(g['files'] for g in j) == 29"

say "all that is in one file"
/usr/bin/python3 - <<'END' || fail "no files"
import h5py
import numpy as np
from astropy.io import fits

with h5py.File("one.h5", "w") as file:
    file["entry/only"] = np.zeros((4, 5), "f4")
with h5py.File("two.h5", "w") as file:
    file["a/data"] = np.zeros((3, 4), "u2")
    file["a/white"] = np.ones((2, 4), "f8")
    file["a/title"] = "a title"
fits.HDUList([
    fits.PrimaryHDU(),
    fits.BinTableHDU.from_columns(
        [fits.Column("RA", "D", array=np.zeros(7))], name="STARS"),
    fits.ImageHDU(np.zeros((6, 8), ">i2"), name="SCI"),
]).writeto("parts.fits")
np.save("plain.npy", np.zeros((2, 3, 4), "i4"))
END
expect_code 0 quern ls one.h5
expect_text out '^one.h5 +hdf5$'
expect_text out '^  /entry/only .*4 x 5 +float32.*<- read$'
expect_code 0 quern ls parts.fits
expect_text out '^  1 +STARS '
expect_text out '^  2 +SCI .*6 x 8 +int16.*<- read$'
expect_code 0 quern ls parts.fits --json
expect_json "[e['hdu'] for e in j[0]['entries']] == [0, 1, 2]"
expect_json "j[0]['default']['where'] == 'HDU 2 SCI'"
expect_code 0 quern ls plain.npy
expect_text out '2 x 3 x 4 +int32'

say "what would be read is not clear: it is listed, and said"
expect_code 0 quern ls two.h5
expect_text out '^  /a/data .*3 x 4 +uint16'
expect_text out '^  /a/white .*2 x 4 +float64'
refuse_text out '<- read'
expect_text err 'two.h5: holds several datasets'
expect_code 0 quern ls two.h5 --dataset /a/white
expect_text out '/a/white .*<- read$'
[ ! -s err ] || { show; fail "something is wrong with /a/white"; }
expect_code 0 quern ls one.h5 two.h5
expect_text out '^one.h5 +hdf5 +4 x 5 +float32$'
expect_text out '^two.h5 +hdf5 +- +-$'
expect_code 0 quern ls two.h5 --json
expect_json "j[0]['default'] is None and 'several' in j[0]['unclear']['reason']"
expect_code 0 quern ls two.h5 --dataset /a/data --fields /a/title
expect_text out 'a title'

say "bad files are named, and nothing else is lost"
mkdir mixed
cp data/raw/bias-001.fits mixed/good.fits
head -c 4000 mixed/good.fits >mixed/short.fits
echo "some text" >mixed/notes.txt
expect_code 3 quern ls mixed
expect_text out '^mixed/good.fits .*32 x 32'
expect_text err 'mixed/short.fits: truncated'
expect_text err 'mixed/notes.txt: '
[ "$(wc -l <out)" -eq 1 ] || { show; fail "a bad file among the good"; }
expect_code 3 quern ls mixed --json
expect_json "len(j) == 3 and sum('error' in f for f in j) == 2"
expect_code 3 quern ls mixed/short.fits
expect_text out '^  0 +image +32 x 32'
refuse_text out '<- read'
expect_code 3 quern ls two.h5 --dataset /a/nothing
expect_text out '^  /a/data '
expect_text err '/a/nothing'
expect_code 0 quern ls one.h5 --where "stem == 'two'"
[ ! -s out ] || fail "one.h5 passes"

say "a file that crashes its reader"
if [ -e "${QUERN_SHARED:-}/data/bad/hdf5/cve-2018-13867.h5" ]; then
    mkdir hostile
    for name in 2018-13867 2018-13869 2018-14031 2019-9152 2018-11205; do
        cp "$QUERN_SHARED/data/bad/hdf5/cve-$name.h5" hostile/
    done
    expect_code 3 quern ls hostile one.h5
    expect_text out '^one.h5 +hdf5'
    expect_text err 'hostile/cve-.*: the worker that processed it died: SIG'
    expect_text err 'hostile/cve-2018-13867.h5: '
else
    echo "not checked: QUERN_SHARED names no folder with data/bad"
fi

finish
