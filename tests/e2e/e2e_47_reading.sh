#!/usr/bin/env bash
# A system that fails under a run: stale handles and read errors of inputs,
# inputs that shrink or go away, an output folder that goes away, too few open
# files, no memory to share.  Never a hang and never a crash without words; the
# same command in a better world completes, with the same bytes.
. "$(dirname "$0")/lib.sh"

"${CC:-cc}" -O1 -shared -fPIC -o faulty.so "$QUERN_SOURCE/tests/e2e/faulty.c" \
    -ldl 2>err || { cat err; skip "no C compiler for the library to preload"; }
make_night data --size 64
cp -a data/raw kept
expect_quern 0 0 run "$NIGHT" --data data --output whole.out

# under RANKS CONDITION ARGUMENTS...: a run in a world that fails.
under()
{
    local condition=$2
    on "$1"
    shift 2
    run env LD_PRELOAD="$scratch/faulty.so" QUERN_FAULTY="$condition" \
        "${start[@]}" run "$NIGHT" --data data --output cut.out \
        --set concurrency=1 "$@"
    case $code in
    0) ;;
    1 | 2 | 3) [ -s err ] || fail "$condition: no sentence" ;;
    *) show; fail "$condition: exit code $code" ;;
    esac
    checks=$((checks + 1))
}

# The world is good again, and the inputs are as they were.
mended()
{
    rm -rf data/raw data/raw.away
    cp -a kept data/raw
    expect_quern 0 0 run "$NIGHT" --data data --output cut.out "$@"
    compare whole.out cut.out
    expect_tidy cut.out
    rm -rf cut.out cut.out.away
}

say "an input that cannot be read is a failed item, and tried again"
for how in "pread EIO 1 0" "fread ESTALE 1 0" "open EIO 1 0"; do
    under 0 "quern-worker $how raw/science-V-002"
    [ "$code" -eq 3 ] || { show; fail "exit code $code"; }
    expect_text err 'science-V-002.fits: cannot .* it: (Input/output|Stale)'
    mended
done
under 2 "quern-worker pread EIO 1 0 raw/science-V-002"
[ "$code" -eq 3 ] || { show; fail "exit code $code"; }
mended

say "once only: nobody notices"
for how in "pread EIO 1" "pread ESTALE 3" "fread EIO 2" "open EMFILE 3"; do
    under 0 "quern-worker $how 1 raw/"
    [ "$code" -eq 0 ] || { show; fail "exit code $code"; }
done
compare whole.out cut.out
mended

say "an input that shrinks while it is read"
for n in 1 2 4; do
    under 0 "quern-worker pread shrink $n 1 raw/science-B-003"
    [ "$code" -eq 3 ] || { show; fail "exit code $code"; }
    expect_text err 'science-B-003.fits: .*(shorter|truncated|cut off|needed)'
    mended --retry-failed
done

say "an input folder that goes away"
for n in 1 12 40; do
    under 0 "quern-worker open vanish $n 1 raw"
    [ "$code" -ne 0 ] || { show; fail "exit code $code"; }
    mended --retry-failed
done

say "an output folder that goes away"
for when in "pwrite vanish 1" "pwrite vanish 9" "open vanish 12"; do
    for ranks in 0 2; do
        [ $ranks -eq 0 ] || [ "$when" = "pwrite vanish 9" ] || continue
        under $ranks "quern-worker $when 1 cut.out"
        [ "$code" -eq 1 ] || { show; fail "exit code $code"; }
        expect_text err 'cut.out'
        mended
    done
done
for when in "fdatasync vanish 2" "rename vanish 14" "fsync vanish 21"; do
    under 0 "quern $when 1 cut.out"
    [ "$code" -eq 1 ] || { show; fail "$when: exit code $code"; }
    mended
done

say "each call of the run fails once"
for call in write fsync fdatasync rename unlink ftruncate flock mmap \
    memfd_create socketpair; do
    for n in 1 5; do
        under 0 "quern $call EIO $n 1 "
        [ "$code" -eq 0 ] || [ "$code" -eq 1 ] || { show; fail "code $code"; }
        [ $n -lt 5 ] || mended
    done
done

say "too few open files"
for files in 10 14 16 18 20 24 32; do
    expect_limits()
    {
        on "$1"
        run bash -c "ulimit -n $files; "'exec "$@"' - "${start[@]}" run "$NIGHT" \
            --data data --output cut.out --set concurrency=4
        [ "$code" -le 3 ] && { [ "$code" -eq 0 ] || [ -s err ]; } ||
            { show; fail "$files open files: exit code $code"; }
        [ "$code" -eq 0 ] ||
            expect_text err 'open files|shared libraries|cannot be started'
    }
    expect_limits 0
done
mended --retry-failed
on 2
head=("${start[@]:0:3}")
for files in 24 40; do
    run "${head[@]}" bash -c "ulimit -n $files; "'exec "$@"' - quern run "$NIGHT" \
        --data data --output cut.out --set concurrency=4
    [ "$code" -eq 0 ] || [ -s err ] || fail "no sentence"
    checks=$((checks + 1))
done
mended --retry-failed

finish
