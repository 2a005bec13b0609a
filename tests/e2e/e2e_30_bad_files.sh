#!/usr/bin/env bash
# Bad files among good ones cost themselves and no others.
. "$(dirname "$0")/lib.sh"

make_night good --size 64
expect_quern 0 0 run "$NIGHT" --data good --output good.out

cp -a good data
say "one truncated, one of text, one empty"
head -c 5000 good/raw/science-B-002.fits >data/raw/science-B-002.fits
echo "version: a pointer, not the file" >data/raw/science-V-001.fits
: >data/raw/bias-003.fits

for n in 0 2 4; do
    say "$n ranks"
    expect_quern 3 $n run "$NIGHT" --data data --output "bad$n.out"
    expect_text err 'science-B-002\.fits'
    expect_text err 'science-V-001\.fits'
    expect_text err 'bias-003\.fits'
    expect_file "bad$n.out/stack/M67-B.h5" "bad$n.out/science/M67/science-B-001.h5"
    refuse_file "bad$n.out/science/M67/science-B-002.h5" \
        "bad$n.out/science/M67/science-V-001.h5"
    expect_tidy "bad$n.out"
done
compare bad0.out bad2.out
compare bad0.out bad4.out

say "the run again: still failed, nothing computed again"
find bad2.out -name '*.h5' -printf '%P %s %T@\n' | sort >before
expect_quern 3 2 run "$NIGHT" --data data --output bad2.out
find bad2.out -name '*.h5' -printf '%P %s %T@\n' | sort >after
cmp before after || fail "good results were written again"
good

say "repaired: the run carries on, to what an undisturbed run gives"
for name in science-B-002 science-V-001 bias-003; do
    cp -p "good/raw/$name.fits" data/raw/
done
expect_quern 0 2 run "$NIGHT" --data data --output bad2.out
compare good.out bad2.out

say "failures that are allowed, and failures that end a run"
for name in science-B-002 science-V-001 bias-003; do
    echo broken >"data/raw/$name.fits"
done
expect_quern 0 2 run "$NIGHT" --data data --output ok.out --allow-failures 3
expect_quern 3 0 run "$NIGHT" --data data --output ok.out --allow-failures 2
expect_quern 0 0 run "$NIGHT" --data data --output ok.out --allow-failures '10%'
expect_quern 2 0 run "$NIGHT" --data data --output ok.out --allow-failures some
cat >crop.yaml <<'END'
stages: {s: {input: "raw/*.fits", retries: 0, steps: [calculate: "log(0 - x)", normalize: {by: mean}]}}
END
expect_quern 75 0 run crop.yaml --data data --output crop.out --fail-fast
expect_quern 75 2 run crop.yaml --data data --output crop.out --fresh --max-failures 4
expect_quern 3 0 run crop.yaml --data data --output crop.out
for name in science-B-002 science-V-001 bias-003; do
    cp -p "good/raw/$name.fits" data/raw/
done

say "a file that may not be read"
if [ "$(id -u)" -ne 0 ]; then
    chmod 0 data/raw/science-B-001.fits
    expect_quern 3 0 run "$NIGHT" --data data --output closed.out
    expect_text err 'science-B-001\.fits'
fi

say "a file that vanished between two runs, a link that leads nowhere"
rm data/raw/science-B-003.fits
ln -s nowhere data/raw/science-B-003.fits
expect_quern 3 0 run "$NIGHT" --data data --output link.out
expect_text err 'science-B-003\.fits'
expect_file link.out/stack/M67-B.h5

finish
