#!/usr/bin/env bash
# `quern plan`: what it says to people, to Makefiles and to other programs; it
# opens no output and writes nothing.
. "$(dirname "$0")/lib.sh"

make_night data --size 32
plan=(quern plan "$NIGHT" --data data --output night.out)

say "before the run: everything is to do, nothing is written"
expect_code 0 "${plan[@]}"
expect_text out '^  results +12 \(0 done, 0 stale, 12 to do\)$'
expect_text out '^  members +at least 3 of 6$'
expect_text out '^  steps +3 \(precision float32\)$'
expect_text out '^ +divide +32 x 32 float32$'
expect_text out '^ +bin +16 x 16 float32$'
refuse_file night.out
expect_code 0 "${plan[@]}" --list-outputs
cp out outputs
[ "$(wc -l <outputs)" -eq 17 ] || { show; fail "not 17 outputs"; }
expect_text outputs "^$scratch/night.out/science/M67/science-B-001.h5$"

say "after it: what is listed is there, and nothing else"
expect_quern 0 0 run "$NIGHT" --data data --output night.out
find "$scratch/night.out" -name '*.h5' | sort >found
sort outputs | cmp - found || fail "other outputs than were listed"
good
rm night.out/science/M67/science-V-00[12].h5
expect_code 0 "${plan[@]}"
expect_text out '^  results +12 \(10 done, 0 stale, 2 to do\)$'
expect_text out '^  results +1 \(1 done, 0 stale, 0 to do\)$'

say "what has changed is stale, and what failed is not tried again"
expect_code 0 "${plan[@]}" --set stages.flat.steps.1.normalize.by=mean
expect_text out '^  results +2 \(0 done, 2 stale, 0 to do\)$'
expect_text out '^  results +12 \(0 done, 10 stale, 2 to do\)$'

say "for other programs"
expect_code 0 "${plan[@]}" --json
expect_json "j['job'] == 'night' and list(stage) == ['bias', 'flat', 'science', 'stack']"
expect_json "stage['bias']['items'] == 7 and stage['bias']['rejected'] == 22"
expect_json "stage['flat']['precision'] == 'float32'"
expect_json "stage['flat']['steps'] == ['subtract', 'normalize']"
expect_json "stage['science']['types']['item'] == {'shape': [32, 32], 'dtype': 'uint16'}"
expect_json "stage['science']['types']['steps'] == [
    {'kernel': 'subtract', 'shape': [32, 32], 'dtype': 'float32'},
    {'kernel': 'divide', 'shape': [32, 32], 'dtype': 'float32'},
    {'kernel': 'bin', 'shape': [16, 16], 'dtype': 'float32'}]"
expect_json "stage['bias']['types']['steps'] == []"
expect_json "stage['science']['types']['result'] == {'shape': [16, 16], 'dtype': 'float32'}"
expect_json "[t['state'] for t in stage['science']['targets']].count('todo') == 2"
expect_json "stage['stack']['targets'][0]['name'] == 'stack/M67-B.h5'"
expect_json "stage['stack']['targets'][0]['members'] == 6"
expect_json "stage['stack']['targets'][0]['at_least'] == 3"
expect_json "not any(s['problems'] for s in j['stages'])"
expect_json "'item_list' not in stage['bias']"
expect_code 0 "${plan[@]}" --json --items --stage science
expect_json "list(stage) == ['bias', 'flat', 'science']"
expect_json "len(stage['science']['item_list']) == 12"
expect_json "stage['science']['item_list'][-1]['path'] == 'raw/science-V-006.fits'"
expect_json "stage['science']['item_list'][-1]['fields']['FILTER'] == 'V'"
expect_json "stage['science']['item_list'][-1]['operands'][1]['target'] == 'flat/V.h5'"
expect_json "stage['science']['item_list'][-1]['operands'][1]['step'] == 'divide'"

say "problems"
head -c 4000 data/raw/science-B-002.fits >short
mv short data/raw/science-B-002.fits
rm data/raw/flat-V-*
expect_code 0 "${plan[@]}"
expect_text out '^  problem +raw/science-B-002.fits: truncated'
expect_text out 'cannot be made\)$'
expect_code 0 "${plan[@]}" --list-outputs
refuse_text out 'science-V-001|stack/M67-V'
expect_code 0 "${plan[@]}" --json
expect_json "all(p['reason'] and p['code'] for s in j['stages'] for p in s['problems'])"
expect_json "'raw/science-V-001.fits' in [p['item'] for p in stage['science']['problems']]"
expect_json "[t['state'] for t in stage['science']['targets']].count('failed') == 6"
expect_json "stage['science']['types']['alike']"

say "items of several shapes: the first is shown as what it is"
make_night other --size 48
cat >shapes.yaml <<'END'
stages:
  a: {input: "{kind}/raw/flat-B-001.fits", steps: [bin: 2, add: 1], output: {name: "{kind}"}}
END
expect_code 0 quern plan shapes.yaml
expect_text out '^  each +32 x 32 uint16 \(the first; others differ\)$'
expect_text out '^ +bin +16 x 16 float32$'
expect_code 0 quern plan shapes.yaml --json
expect_json "not stage['a']['types']['alike']"

finish
