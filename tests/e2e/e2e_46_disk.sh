#!/usr/bin/env bash
# Results that cannot be written: a full disk, limits, a read-only file system,
# a folder that is not ours, is no folder, or goes away.  The run stops with 1
# and one sentence that says what to do; no item is blamed; and the same command
# in a better world completes, with the same bytes.
. "$(dirname "$0")/apart.sh"
. "$(dirname "$0")/lib.sh"

make_night data --size 64
expect_quern 0 0 run "$NIGHT" --data data --output whole.out

# mended FOLDER RANKS: the same command, now that nothing is in its way.
mended()
{
    expect_quern 0 "$2" run "$NIGHT" --data data --output "$1"
    compare whole.out "$1"
    expect_tidy "$1"
}

# stops FOLDER RANKS PATTERN: with 1, and one line that says so.
stops()
{
    expect_quern 1 "$2" run "$NIGHT" --data data --output "$1"
    expect_text err "$3"
    refuse_text err 'failed \('
    [ "$(grep -c '^quern: ' err)" -le 5 ] || { show; fail "not one sentence"; }
}

# full KBYTES RANKS: that much is free, less than the 400 or so that a run needs.
full()
{
    rm -rf disk/*
    head -c "$((1024 * (1024 - $1)))" /dev/zero >disk/ballast
    stops disk/night.out "$2" \
        'No space left on device; .* free in .*; make room or choose another'
    rm disk/ballast
    mended disk/night.out "$2"
}

if [ $QUERN_APART = yes ]; then
    mkdir disk
    mount -t tmpfs -o size=1m none disk || fail "no tmpfs"
    for kbytes in 12 80 200 300; do
        say "$kbytes kB are free, a lone process"
        full $kbytes 0
    done
    for kbytes in 30 280; do
        say "$kbytes kB are free, two ranks"
        full $kbytes 2
    done
    umount disk

    say "a read-only file system"
    for ranks in 0 2; do
        mkdir -p fixed
        mount -t tmpfs none fixed
        mount -o remount,ro fixed
        stops fixed/night.out $ranks 'Read-only file system; choose another'
        mount -o remount,rw fixed
        expect_quern 0 0 run "$NIGHT" --data data --output fixed/night.out \
            --stage bias
        mount -o remount,ro fixed
        stops fixed/night.out $ranks 'Read-only file system; choose another'
        mount -o remount,rw fixed
        mended fixed/night.out $ranks
        umount fixed
    done
else
    say "no mounts are allowed here: full and read-only disks are not tried"
fi

say "a limit on file sizes"
for blocks in 4 40; do
    rm -rf small.out
    expect_code 1 bash -c "ulimit -f $blocks; "'exec "$@"' - quern run "$NIGHT" \
        --data data --output small.out
    expect_text err 'File too large; raise the limit of file sizes'
    mended small.out 0
done

say "folders that may not be written"
if [ "$(id -u)" -eq 0 ]; then
    as=(setpriv --reuid 65534 --regid 65534 --clear-groups env HOME="$scratch")
    chmod 755 "$scratch"
else
    as=(env)
fi
mkdir -m 555 closed
if "${as[@]}" quern --version >out 2>&1 && ! "${as[@]}" touch closed/x 2>err
then
    for ranks in 0 2; do
        on $ranks
        start=("${as[@]}" "${start[@]}")
        expect_code 1 "${start[@]}" run "$NIGHT" --data data --output closed/out
        expect_text err 'cannot make folder .*closed/out: Permission denied'
        # a stage's folder, and the journal
        for what in science .quern/journal/0.log .quern/run.json .quern; do
            [ $ranks -eq 0 ] || [ $what = science ] || continue
            rm -rf mine.out
            cp -a whole.out mine.out
            rm -r mine.out/science
            mkdir mine.out/science
            [ "$(id -u)" -ne 0 ] || chown -R 65534:65534 mine.out
            chmod a-rwx "mine.out/$what"
            run "${start[@]}" run "$NIGHT" --data data --output mine.out
            case $what:$code in
            # replaced as a whole, not opened
            .quern/run.json:0) ;;
            *:1) expect_text err 'Permission denied' ;;
            *) show; fail "$what: exit code $code" ;;
            esac
            chmod u+rwx "mine.out/$what"
            expect_code 0 "${start[@]}" run "$NIGHT" --data data --output mine.out
            compare whole.out mine.out
            expect_tidy mine.out
        done
    done
else
    say "permissions do not bite here: they are not tried"
fi
chmod 755 closed

say "something else stands where a folder should"
echo text >odd.out
stops odd.out 0 'Not a directory'
rm odd.out
mkdir odd.out
echo text >odd.out/flat
stops odd.out 2 'odd.out/flat.*Not a directory'
rm odd.out/flat
mended odd.out 2
rm -r odd.out
mkdir -p odd.out/.quern/journal/0.log
stops odd.out 0 'journal/0.log: Is a directory'
rmdir odd.out/.quern/journal/0.log
mkdir odd.out/bias.h5
stops odd.out 0 'bias.h5: Is a directory'
rmdir odd.out/bias.h5
mended odd.out 0

finish
