#!/usr/bin/env bash
# Which inputs count as new: --settle, files that somebody may still be writing
# wait for the next run; --verify-content, files are known by what is in them.
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

say "--verify-content: what runs without it have done stays done"
rm -rf night.out
expect_quern 0 0 "${night[@]}"
verified=("${night[@]}" --verify-content)
before='41 of 41 items done \(41 before\)'
expect_quern 0 2 "${verified[@]}"
expect_text err "$before"
expect_file night.out/.quern/contents
[ "$(tr -cd '\0' <night.out/.quern/contents | wc -c)" -eq 29 ] ||
    fail "not every input is remembered"
good

say "nothing is read again, unless it was touched; then it is not done again"
if command -v xxhsum >/dev/null; then
    xxhsum -H2 data/raw/bias-001.fits | cut -c 1-32 >sum.txt
    grep -qaf sum.txt night.out/.quern/contents || fail "not XXH3: $(cat sum.txt)"
    good
fi
cp night.out/.quern/contents contents
expect_quern 0 0 "${verified[@]}"
cmp contents night.out/.quern/contents || fail "something was read again"
good
touch data/raw/*
for n in 0 2; do
    expect_quern 0 $n "${verified[@]}"
    expect_text err "$before"
done
cp -r data/raw data/copy && rm -r data/raw && mv data/copy data/raw
expect_quern 0 0 "${verified[@]}"
expect_text err "$before"
expect_code 0 quern explain "$NIGHT" --data data --output night.out \
    --verify-content raw/bias-001.fits
expect_text out 'stage bias: done'
expect_code 0 quern explain "$NIGHT" --data data --output night.out \
    raw/bias-001.fits
expect_text out 'stage bias: stale'

# replace FILE OTHER: the contents of OTHER, with size and time of FILE
replace()
{
    [ "$(stat -c %s "$1")" -eq "$(stat -c %s "$2")" ] || fail "sizes of $1, $2"
    touch -r "$1" stamp
    cp "$2" replacement
    touch -r stamp replacement
    mv replacement "$1"
}

say "replaced behind size and time: done anew, and once only"
cp data/raw/science-B-001.fits old.fits
replace data/raw/science-B-001.fits data/raw/science-V-001.fits
expect_quern 0 0 "${night[@]}" --output blind.out
rm -rf blind.out
expect_quern 0 2 "${verified[@]}"
refuse_text err "$before"
expect_quern 0 0 "${verified[@]}"
expect_text err "$before"
expect_quern 0 0 run "$NIGHT" --data data --output whole2.out --verify-content
for file in science/M67/science-B-001.h5 stack/M67-V.h5; do
    h5diff night.out/$file whole2.out/$file /entry/data/data ||
        fail "$file is not made of what is there now"
    good
done
replace data/raw/science-B-001.fits old.fits
expect_quern 0 0 "${verified[@]}"
refuse_text err "$before"

say "a memory that is damaged, a file that cannot be read"
head -c 1000 night.out/.quern/contents >part
cp part night.out/.quern/contents
expect_quern 0 2 "${verified[@]}"
printf 'nonsense\0more' >night.out/.quern/contents
expect_quern 0 0 "${verified[@]}"
rm data/raw/science-B-002.fits
mkdir data/raw/science-B-002.fits
ln -s nowhere data/raw/science-B-009.fits
expect_quern 3 2 "${verified[@]}"
expect_text err 'science-B-009.fits: there is no such file'

finish
