#!/usr/bin/env bash
# Frames that fail by themselves: status and explain say of them what the run
# did, and the next run knows them.
. "$(dirname "$0")/lib.sh"

/usr/bin/python3 - <<'END' || fail "the data could not be made"
import numpy as np
x = np.arange(20 * 6 * 8, dtype="f4").reshape(20, 6, 8) + 1
np.save("good.npy", x)
np.save("a.npy", x[1])
x[[0, 7]] = np.nan
np.save("bad.npy", x)
np.save("none.npy", x[7])
END
cat >job.yaml <<'END'
name: frames
stages:
  join: {input: {files: [bad.npy, good.npy], each: frame}, steps: [normalize: {by: median}]}
  mean: {input: {files: [bad.npy, good.npy], each: frame}, steps: [normalize: {by: median}], combine: {method: mean}}
  named: {input: {files: bad.npy, each: frame}, steps: [normalize: {by: median}], output: {name: "{stem}-{frame}"}}
  rows: {input: {files: [a.npy, none.npy]}, steps: [normalize: {by: median}], output: {layout: packed}}
END

# look DIR: its status says what the run did.
look()
{
    expect_code 3 quern status "$1"
    expect_text out '^ +join +40 +38 +3 +0$'
    expect_text out '^ +mean +40 +38 +2 +0$'
    expect_text out '^ +named +20 +18 +2 +0$'
    expect_text out '^ +rows +2 +1 +1 +0$'
    expect_text out '8 failures'
    expect_code 3 quern status "$1" --json
    expect_json "j['total']['done'] == 95 and j['total']['failed'] == 8"
    expect_json "[f['stage'] + ' ' + f['item'] for f in j['failures']] == ['join bad.npy[0]', 'join bad.npy[7]', 'join join/bad.h5', 'mean bad.npy[0]', 'mean bad.npy[7]', 'named bad.npy[0]', 'named bad.npy[7]', 'rows none.npy']"
    expect_code 3 quern status "$1" --failed
    [ "$(grep -c 'normalize: no finite sample' out)" = 7 ] || { show; fail "not seven reasons"; }
    expect_text out '^join: join/bad.h5: 18 of 20 members are good, 20 are needed'
}

say "alone, and on two ranks"
expect_quern 3 0 run job.yaml --output one
expect_text err '95 of 102 items done \(0 before\), 8 failed'
refuse_text err '0 of 1 members'
look one
expect_quern 3 2 run job.yaml --output two
look two

say "a line a failed frame, before that of its run"
cat one/.quern/journal/*.log | sed -nE 's/^[0-9a-f]+\t([a-z]+)\t.*\tstage=mean\tname=(bad[^\t]*)\t.*/\1 \2/p' >lines
printf '%s\n' 'begin bad.npy[0:20]' 'failed bad.npy[0]' 'failed bad.npy[7]' 'done bad.npy[0:20]' |
    cmp - lines || { cat lines; fail "other lines"; }
good

say "a run that died before it said so in its record"
cp -r one dead
/usr/bin/python3 - <<'END' || fail "the record could not be changed"
import json
r = json.load(open("dead/.quern/run.json"))
r["state"], r["failures"] = "running", []
for s in r["stages"]:
    s["done"] = s["failed"] = 0
json.dump(r, open("dead/.quern/run.json", "w"))
END
expect_code 75 quern status dead
expect_text out '^ +join +40 +38 +3 +0$'
expect_text out '^ +named +20 +18 +2 +0$'
expect_code 75 quern status dead --failed
[ "$(wc -l <out)" = 8 ] || { show; fail "not eight failures"; }
good

say "what was made of the others is not made anew"
stamp=$(stat -c %y one/mean.h5)
expect_quern 3 2 run job.yaml --output one
expect_text err 'mean: 38 of 40 items done, 1 combined result, 2 failed'
[ "$stamp" = "$(stat -c %y one/mean.h5)" ] || fail "the mean was made anew"
look one
expect_quern 3 0 run job.yaml --output one --retry-failed
look one
compare one two

say "explain names them"
expect_code 0 quern explain job.yaml --output one bad.npy
expect_text out '^ +lost frame +7: normalize: no finite sample'
expect_text out '^stage join: failed'
expect_text out '^stage mean: done'
expect_text out '^ +members +38 good of 40, 1 needed'

say "a journal in which frames have no lines yet"
cp -r two old
/usr/bin/python3 - <<'END' || fail "the journal could not be changed"
import glob
import zlib
for name in glob.glob("old/.quern/journal/*.log"):
    lines = []
    for line in open(name):
        body = line.rstrip("\n").split("\t")[1:]
        if body[0] == "failed" and any(f.startswith("item=bad.npy[") for f in body):
            continue
        if "stage=rows" not in body:
            body = [f for f in body if not f.startswith(("items=", "lost="))]
        text = "\t".join(body)
        lines.append("%08x\t%s\n" % (zlib.crc32(text.encode()), text))
    open(name, "w").writelines(lines)
END
expect_code 3 quern status old
refuse_text err damaged
expect_quern 3 0 run job.yaml --output old
look old

finish
