#!/usr/bin/env bash
# --settle: files that somebody may still be writing wait for the next run.
. "$(dirname "$0")/lib.sh"

make_night data --size 32
find data/raw -type f -exec touch -d '1 hour ago' {} +
night=(run "$NIGHT" --data data --output night.out)

say "wrong words"
for word in soon -1 "" nan 1e10; do
    expect_code 2 quern "${night[@]}" "--settle=$word"
    expect_text err '--settle needs seconds, not'
done

say "nothing is young"
for n in 0 2; do
    expect_quern 0 $n "${night[@]}" --settle 60
    refuse_text err younger
done
rm -rf night.out

say "a file that is being copied: not opened, not failed, not a member"
cp data/raw/science-V-001.fits whole.fits
head -c 4000 whole.fits >data/raw/science-V-001.fits
for n in 0 2; do
    expect_quern 0 $n "${night[@]}" --settle 60
    expect_text err \
        '^quern: 1 file younger than 60 s left for the next run: raw/science-V-001.fits$'
    expect_text err '39 of 39 items done .* 0 failed'
done
refuse_file night.out/science/M67/science-V-001.h5
expect_file night.out/science/M67/science-V-002.h5 night.out/stack/M67-V.h5
expect_quern 3 0 "${night[@]}"

say "the next run takes it in, and what depends on it is made again"
cp whole.fits data/raw/science-V-001.fits
touch -d '61 seconds ago' data/raw/science-V-001.fits
expect_quern 0 2 "${night[@]}" --settle 60
refuse_text err younger
expect_text err '41 of 41 items done'
expect_quern 0 0 run "$NIGHT" --data data --output whole.out
compare whole.out night.out

say "many, counted and named; a clock that is wrong"
touch data/raw/science-*
touch -d '1 hour' data/raw/bias-001.fits
expect_quern 0 0 "${night[@]}" --settle 60
expect_text err ' 12 files younger than 60 s left .*: raw/science-B-001.fits, [^ ]+, [^ ]+ and 9 more'
expect_text err '^quern: bias: 7 of 7 items done'

say "nothing has settled, or nothing is chosen: no error while files are young"
touch data/raw/*
expect_quern 0 2 run "$NIGHT" --data data --output none.out --settle 60
expect_text err '29 files younger'
expect_text err '0 of 0 items done'
expect_quern 0 0 run "$NIGHT" --data data --output none.out --settle 0
expect_quern 2 0 run "$NIGHT" --data nowhere --output no.out --settle 60
expect_text err 'no file matches'

finish
