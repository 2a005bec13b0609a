#!/usr/bin/env bash
# --sync: what is synced and when, the same bytes in any case, and a killed run
# that carries on.
. "$(dirname "$0")/lib.sh"

make_night data --size 32
night=(run "$NIGHT" --data data --set concurrency=1)

# synced FILE: calls that wait for the disk
synced()
{
    grep -cE '^[0-9]+ +(fsync|fdatasync|sync|syncfs)\(' "$1"
}

say "wrong words"
for word in none Group "" 1; do
    expect_code 2 quern "${night[@]}" --sync "$word"
    expect_text err "--sync is group, item or off, not '$word'"
done

say "how often the disk is waited for"
for sync in group item off; do
    expect_code 0 strace -f -qq -o $sync.trace \
        -e trace=fsync,fdatasync,sync,syncfs,rename \
        quern "${night[@]}" --output $sync.out --sync $sync
    expect_tidy $sync.out
    compare group.out $sync.out
done
[ "$(synced off.trace)" -eq 0 ] || fail "--sync off waits for the disk"
good
[ "$(synced item.trace)" -gt "$(synced group.trace)" ] ||
    fail "--sync item waits no more often than group"
good
# each result is synced between its rename and the next one's
awk '/rename\(.*\/science\// { n++; if (open) bad = 1; open = 1 }
     /fdatasync\(/ { open = 0 }
     END { exit bad || n != 12 }' item.trace ||
    fail "--sync item commits several results together"
good

say "nothing is done twice, and a killed run carries on"
expect_quern 0 2 run "$NIGHT" --data data --output off.out --sync off
expect_text err '41 of 41 items done \(41 before\)'
rm -rf cut.out
timeout -s KILL 0.1 "$QUERN_BIN/quern" "${night[@]}" --output cut.out \
    --sync off >out 2>err </dev/null
expect_quern 0 0 run "$NIGHT" --data data --output cut.out --sync item
compare group.out cut.out

finish
