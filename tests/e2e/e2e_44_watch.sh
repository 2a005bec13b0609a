#!/usr/bin/env bash
# --watch: new files are taken in as they come, until somebody asks to stop.
. "$(dirname "$0")/lib.sh"

make_night all --size 32
find all/raw -type f -exec touch -d '1 hour ago' {} +

say "wrong use"
expect_code 2 quern run "$NIGHT" --data all --watch --keep-steps
expect_text err 'do not go together'
sed 's/input: {files: [^,]*,/input: {files: "@-",/' "$NIGHT" >stdin.yaml
expect_code 2 quern run stdin.yaml --data all --watch
expect_text err 'standard input'

# watch RANKS OPTIONS...: in the background, its pid in $pid
watch()
{
    on "$1"
    shift
    rm -rf night night.out
    mkdir -p night/raw
    "${start[@]}" run "$NIGHT" --data night --output night.out --watch "$@" \
        >watch.txt 2>&1 </dev/null &
    pid=$!
}

# await TEXT N: until watch.txt says it N times
await()
{
    for _ in {1..300}; do
        [ "$(grep -cE "$1" watch.txt)" -lt "$2" ] || { good; return; }
        kill -0 $pid 2>/dev/null || break
        sleep 0.1
    done
    cat watch.txt
    fail "it never said: $1"
}

# ends CODE
ends()
{
    wait $pid
    local code=$?
    [ $code -eq "$1" ] || { cat watch.txt; fail "exit code $code, not $1"; }
    good
}

for n in 0 2; do
    say "$n ranks: nothing, some files, the others; then quern stop"
    watch $n --settle 1
    await 'no file matches .* yet' 1
    await 'watching for new files' 1
    expect_code 0 quern status night.out
    expect_text out 'watching for new files'
    expect_code 1 quern run "$NIGHT" --data all --output night.out
    expect_text err 'is in use by a run'
    cp -p all/raw/bias* all/raw/flat* all/raw/science-B* night/raw
    await 'items done .* 0 failed' 2
    expect_file night.out/stack/M67-B.h5
    cp all/raw/science-V* night/raw # just written: they have to settle
    await 'science: 12 of 12 items done' 1
    await '^quern: 41 of 41 items done' 1
    expect_code 0 quern stop night.out
    ends 0
    expect_code 0 quern status night.out
    expect_text out ': done'
    expect_quern 0 0 run "$NIGHT" --data night --output whole$n.out
    compare whole$n.out night.out
done

say "a file that fails, repaired; a signal"
watch 0 --settle 0
await 'watching' 1
cp -p all/raw/* night/raw/
head -c 4000 all/raw/science-V-001.fits >night/raw/.new
mv night/raw/.new night/raw/science-V-001.fits
await 'science-V-001.fits: truncated' 1
for _ in {1..50}; do
    quern status night.out >status.txt
    [ $? -ne 3 ] || break
    sleep 0.1
done
grep -q 'watching' status.txt || { cat status.txt; fail "no code 3"; }
good
cp -p all/raw/science-V-001.fits night/raw/.new
mv night/raw/.new night/raw/science-V-001.fits
await '^quern: 41 of 41 items done .* 0 failed' 1
kill -TERM $pid
ends 0
expect_quern 0 0 run "$NIGHT" --data all --output whole.out
compare whole.out night.out

say "the deadline ends it too; killed while it waits, the lock is free"
watch 2 --deadline 1.5
await 'watching' 1
ends 0
watch 0
await 'watching' 1
kill -KILL $pid
wait $pid 2>/dev/null
expect_code 75 quern status night.out
cp -p all/raw/* night/raw/
expect_quern 0 2 run "$NIGHT" --data night --output night.out
compare whole.out night.out

finish
