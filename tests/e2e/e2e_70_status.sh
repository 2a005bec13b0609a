#!/usr/bin/env bash
# Looking at a run: status, stop, clean and explain, of runs that ended, that
# go on, that were stopped and that were killed.
. "$(dirname "$0")/lib.sh"

# few N: a job over N small files, one of them of zeros, which fails.
few()
{
    rm -rf few few.out
    make_sevens few/raw $(($1 - 1))
    head -c 8192 /dev/zero >few/raw/z.bin
    cat >few.yaml <<'END'
name: few
stages:
  norm:
    input: {files: "raw/*.bin", format: raw, dtype: uint16, shape: [64, 64]}
    steps: [normalize: {by: median}]
  mean:
    input: {stage: norm}
    combine: {method: mean, at-least: 2}
  whole:
    input: {files: "raw/*.bin", format: raw, dtype: uint16, shape: [64, 64]}
    steps: [normalize: {by: median}]
    combine: {method: mean, at-least: "100%"}
END
}

# expect_line FILE WORDS: a line begins with these, however many blanks between.
expect_line()
{
    expect_text "$1" "^ *$(sed 's/ \+/ +/g' <<<"$2")"
}

say "wrong words"
while read -r -a words; do
    expect_code 2 quern "${words[@]}"
    [ -s err ] && [ ! -s out ] || { show; fail "quern ${words[*]}"; }
done <<END
status
status a b
status . --faild
status no-such-folder
stop
stop no-such-folder
stop .
clean
clean . --dry
clean no-such-folder
explain $NIGHT
explain $NIGHT a b
explain no-such-job.yaml a
END
for word in status stop clean explain; do
    expect_code 0 quern $word --help
    expect_text out '[Uu]sage'
done

say "a run in which some items failed"
few 5
expect_quern 3 0 run few.yaml --data few --output few.out
find few.out -printf '%p %s %T@\n' | sort >before
expect_code 3 quern status few.out
expect_line out 'norm 5 4 1 0 0$'
expect_line out 'mean 5 4 0 1 0$'
expect_text out '3 failures'
expect_code 3 quern status few.out --failed
[ "$(wc -l <out)" -eq 3 ] || { show; fail "not three failures"; }
expect_text out '^norm: raw/z.bin: normalize: the median is 0'
expect_text out '^whole: whole.h5: 4 of 5 members are good'
expect_code 3 quern status few.out --json
expect_json "j['state'] == 'failed' and j['total']['left'] == 0 and j['journal']"
expect_json "stage['mean']['not_tried'] == 1 and not j['in_hand']"
expect_json "[f['item'] for f in j['failures']] == ['raw/z.bin', 'raw/z.bin', 'whole.h5']"
explain=(quern explain few.yaml --data few --output few.out)
expect_code 0 "${explain[@]}" raw/z.bin
expect_text out '^stage norm: failed'
expect_line out 'tried 1 time in vain'
expect_text out '^stage mean: not tried'
expect_code 0 "${explain[@]}" few.out/norm/a00001.h5
expect_text out '^stage norm: done'
expect_line out 'member of mean.h5 \(done\)'
expect_code 2 quern stop few.out
expect_text err 'no run is going on'
find few.out -printf '%p %s %T@\n' | sort | cmp - before ||
    fail "looking at a run has changed something"
good

say "repaired: what is stale and why"
head -c 8192 /dev/zero | tr '\0' '\7' >few/raw/z.bin
expect_code 0 "${explain[@]}" few/raw/z.bin
expect_line out 'because it failed at .* has changed since'
expect_text out '^stage mean: stale'
expect_code 0 "${explain[@]}" mean.h5
expect_line out 'because 1 of its 5 members are stale or to do'
expect_quern 0 2 run few.yaml --data few --output few.out
expect_code 0 quern status few.out --json
expect_json "j['state'] == 'done' and j['ranks'] == 2 and j['total']['done'] == 15"
sleep 0.1
touch few/raw/a00001.bin
expect_code 0 "${explain[@]}" raw/a00001.bin
expect_line out 'because raw/a00001.bin was changed at'
expect_code 0 "${explain[@]}" raw/a00002.bin \
    --set stages.norm.steps.0.normalize.by=mean
expect_line out 'because the job \('
expect_code 2 "${explain[@]}" a00002.bin
expect_text err 'did you mean raw/a00002.bin'
expect_code 2 "${explain[@]}" nothing.bin

say "members that are read twice count once; results are read but once"
mkdir twice
/usr/bin/python3 -c '
import gzip, io, numpy as np
for i in range(3):
    np.save("twice/%d.npy" % i, np.full((40, 50), i, "f4"))
    with gzip.open("twice/z%d.npy" % i, "wb") as f:
        np.save(f, np.full((40, 50), i, "f4"))'
cat >twice.yaml <<'END'
stages:
  part: {input: "twice/?.npy", steps: [add: 1]}
  mean: {input: {stage: part}, combine: {method: mean}}
  zipped: {input: "twice/z*.npy", combine: {method: mean}}
END
expect_code 0 quern run twice.yaml
expect_code 0 quern status twice.out --json
expect_json "[s['done'] for s in j['stages']] == [3, 3, 3]"
expect_json "j['total']['done'] == 9"
[ "$(cat twice.out/.quern/journal/* | grep -c '^[^ ]*	begin.*stage=mean')" -eq 3 ] ||
    fail "results of a stage were looked at before they were read"
good

say "partners, and what a condition left out"
make_night data --size 32
expect_quern 0 0 run "$NIGHT" --data data --output night.out
night=(quern explain "$NIGHT" --data data --output night.out)
expect_code 0 "${night[@]}" raw/science-V-001.fits
expect_text out "^stage bias: left out by where \"IMAGETYP in"
expect_line out "IMAGETYP is 'object'"
expect_line out 'divide flat/V.h5 \(done\)'
expect_line out 'member of stack/M67-V.h5 \(done\)'
rm data/raw/flat-V-001.fits
expect_code 0 "${night[@]}" flat/V.h5
expect_line out 'because 1 item that the stage had then is in the job no more'
expect_code 0 "${night[@]}" raw/science-V-001.fits
expect_line out 'because flat/V.h5, which it is made with, is stale itself'
cp night.out/flat/B.h5 night.out/bias.h5
expect_code 0 "${night[@]}" bias.h5
expect_line out 'because it was changed or replaced at'

# start_frozen FILES: a run in the background, its pid in $pid, whose workers,
# in $workers, do not go on; false where it was too fast for that.
start_frozen()
{
    few "$1"
    "$QUERN_BIN/quern" run few.yaml --data few --output few.out \
        --set concurrency=2 >run.txt 2>&1 </dev/null &
    pid=$!
    while kill -0 $pid 2>/dev/null; do
        grep -qsP '\tbegin\t' few.out/.quern/journal/0.log && break
    done
    mapfile -t workers < <(pgrep -x quern-worker -P $pid)
    [ ${#workers[@]} -gt 0 ] || return
    kill -STOP "${workers[@]}" 2>/dev/null
    # what they have answered is still to be journaled, a group at a time
    local before=-1 now=0
    while [ $now -ne $before ]; do
        before=$now
        sleep 1.5
        now=$(cat few.out/.quern/journal/*.log | wc -c)
    done
    kill -0 $pid 2>/dev/null
}

freeze()
{
    local n
    for n in 1000 4000 16000; do
        start_frozen $n && return
        wait $pid
    done
    fail "every run was over before it could be looked at"
}

say "a run that goes on"
freeze
expect_code 0 quern status few.out
expect_text out ': running for .* s on .*, pid '$pid', 1 rank$'
expect_line out 'in hand$'
expect_code 0 quern status few.out --json
expect_json "j['state'] == 'running' and len(j['in_hand']) >= 1 and j['total']['left'] > 0"
expect_json "j['in_hand'][0]['stage'] == 'norm' and j['in_hand'][0]['seconds'] > 0.2"
item=$(/usr/bin/python3 -c "
import json; print(json.load(open('out'))['in_hand'][0]['item'])")
expect_code 0 "${explain[@]}" "$item"
expect_text out '^stage norm: in hand'
for dry in '' --dry-run; do
    # shellcheck disable=SC2086 # one word or none
    expect_code 2 quern clean few.out $dry
    expect_text err 'in use by a run'
done

say "asked to stop"
expect_code 0 quern stop few.out
expect_text out 'is asked to stop'
expect_code 0 quern stop few.out
expect_text out 'was asked before'
expect_code 0 quern status few.out
expect_text out 'asked to stop$'
kill -CONT "${workers[@]}"
wait $pid
[ $? -eq 75 ] || fail "the run that was asked to stop did not leave with 75"
good
expect_code 75 quern status few.out
expect_text out ': stopped after .* run the same command again'
expect_code 2 quern stop few.out

say "a run that was killed"
freeze
kill -9 $pid
wait $pid 2>/dev/null
kill -9 "${workers[@]}"
expect_code 75 quern status few.out
expect_text out ': died after .* run the same command again'
expect_line out 'in hand when it died$'
expect_code 0 "${explain[@]}" "$item"
mv few.out/.quern/journal few.out/.quern/elsewhere
expect_code 75 quern status few.out
expect_text err 'has no line of this run'
mv few.out/.quern/elsewhere few.out/.quern/journal
printf 'torn' >>few.out/.quern/journal/0.log
expect_code 75 quern status few.out
expect_quern 3 0 run few.yaml --data few --output few.out
expect_code 3 quern status few.out

say "clean: what does not belong to the job, and nothing else"
few 5
expect_quern 3 0 run few.yaml --data few --output few.out
expect_code 0 quern clean few.out
expect_text out 'nothing to remove'
rm few/raw/a00004.bin few/raw/z.bin
sed -i '/^  whole/,$d' few.yaml
cat >>few.yaml <<'END'
  other:
    input: {stage: norm}
END
expect_quern 0 0 run few.yaml --data few --output few.out
mkdir -p few.out/norm/deep/empty few.out/.quern/scratch/x few.out/mine
echo orphan >few.out/norm/deep/b.h5
echo temporary >few.out/norm/.a00001.h5.4711.tmp
echo temporary >few.out/.mean.h5.4711.tmp
echo temporary >few.out/.quern/.run.json.4711.tmp
echo scratch >few.out/.quern/scratch/x/y
echo gone >few.out/whole.h5
mkdir few.out/whole
echo gone >few.out/whole/a.fits
# none of these is quern's
echo mine | tee few.out/mine/a.h5 few.out/a.h5 few.out/.mine.h5.1.tmp \
    few.out/norm/notes.txt few.out/norm/.hidden.h5 >few.out/mine/.a.h5.1.tmp
ln -s ../norm/a00001.h5 few.out/norm/link.h5
ln -s ../mine few.out/norm/linked
mkdir few.out/norm/.git
echo mine >few.out/norm/.git/a.h5
find few.out | sort >before
expect_code 0 quern clean few.out --dry-run
cp out dry
expect_text out '^would remove 8 files .* and [0-9]+ empty folders in few.out$'
find few.out | sort | cmp - before || fail "--dry-run has changed something"
expect_code 0 quern clean few.out
expect_text out '^removed 8 files .* and [0-9]+ empty folders in few.out$'
find few.out | sort >after
# what was listed went, but for the list of the stage that is gone
comm -23 before after | grep -v '/whole.txt$' >went
sed '$d; s/  .*//; s,^,few.out/,' dry | sort | cmp - went ||
    { diff dry went; fail "not what --dry-run said"; }
good
refuse_file few.out/norm/a00004.h5 few.out/norm/deep few.out/whole few.out/whole.h5 \
    few.out/.quern/scratch few.out/.quern/outputs/whole.txt
expect_file few.out/mine/a.h5 few.out/a.h5 few.out/.mine.h5.1.tmp \
    few.out/norm/notes.txt few.out/norm/.hidden.h5 few.out/mine/.a.h5.1.tmp \
    few.out/norm/link.h5 few.out/norm/.git/a.h5 few.out/norm/a00001.h5
expect_quern 0 0 run few.yaml --data few --output few.out
expect_text err '0 failed'
expect_code 0 quern clean few.out
expect_text out 'nothing to remove'

say "clean: folders that somebody has damaged"
mkdir -p victim few.out/norm
echo precious >victim/a.h5
echo >few.out/.quern/outputs/...txt
echo ../victim >>few.out/.quern/outputs/STAGES
: >few.out/.quern/outputs/norm.txt
expect_code 0 quern clean few.out
expect_file victim/a.h5 few.out/norm/a00001.h5
rm few.out/.quern/run.json
expect_code 2 quern clean few.out
expect_code 2 quern status few.out
expect_file few.out/norm/a00001.h5

say "records by hand"
record()
{
    mkdir -p hand/.quern
    printf '%s\n' "$1" >hand/.quern/run.json
}
record '{"state": "running", "job": "x", "stages": [{"name": "a", "items": 9, "done": 4, "failed": 1}]}'
expect_code 75 quern status hand
expect_line out 'a 9 4 1 4$'
record '{"state": "done", "stages": []}'
expect_code 0 quern status hand
record '{"state": "odd"}'
expect_code 1 quern status hand
expect_text err "state of the run is 'odd'"
record '{"state": "do'
expect_code 1 quern status hand
expect_text err 'cannot be read'
record '[1, 2]'
expect_code 1 quern status hand
record '{"state": "failed", "stages": [{"name": 3}, 4], "failures": [{"stage": "b"}, 7], "run": []}'
expect_code 3 quern status hand
expect_code 3 quern status hand --json

finish
