#!/usr/bin/env bash
# Two runs on one output folder: the second names the host, the pid and the age
# of the first, and harms nothing.  The lock of a dead run is free.  Where the
# file system has no locks, the name in the lock file decides.
. "$(dirname "$0")/lib.sh"

make_night data --size 64
expect_quern 0 0 run "$NIGHT" --data data --output whole.out
host=$(hostname)

# hold HOST PID: the lock file of a run that began 75 s ago.
hold()
{
    mkdir -p two.out/.quern
    printf '%s %d %d\n' "$1" "$2" "$(($(date +%s) - 75))000000000" \
        >two.out/.quern/lock
}

for ranks in 0 2; do
    say "a lock that is held, $ranks ranks"
    rm -rf two.out
    hold "$host" $$
    exec 9<two.out/.quern/lock
    flock -x 9
    expect_quern 1 $ranks run "$NIGHT" --data data --output two.out
    expect_text err "two.out is in use by a run on $host, pid $$, since 7[0-9] s"
    expect_text err 'wait for it, stop it with `quern stop`, or give another'
    [ "$(grep -c 'in use' err)" -eq 1 ] || { show; fail "said by many"; }
    refuse_file two.out/bias.h5 two.out/.quern/run.json
    flock -u 9
    exec 9<&-
    say "the same lock, its run dead"
    expect_quern 0 $ranks run "$NIGHT" --data data --output two.out
    compare whole.out two.out
done

say "two at once: one of them does it all"
for delay in 0 0.02 0.05; do
    rm -rf two.out
    quern run "$NIGHT" --data data --output two.out >one.txt 2>&1 &
    first=$!
    sleep $delay
    run quern run "$NIGHT" --data data --output two.out
    wait $first
    both="$? $code"
    case $both in
    "0 1") expect_text err 'is in use by a run on' ;;
    "1 0") expect_text one.txt 'is in use by a run on' ;;
    "0 0") ;; # one after the other
    *) show; cat one.txt; fail "exit codes $both" ;;
    esac
    compare whole.out two.out
    expect_tidy two.out
done

say "a file system without locks"
if "${CC:-cc}" -O1 -shared -fPIC -o faulty.so \
    "$QUERN_SOURCE/tests/e2e/faulty.c" -ldl 2>err; then
    # unlocked CODE HOST
    unlocked()
    {
        expect_code "$1" env LD_PRELOAD="$scratch/faulty.so" \
            QUERN_FAULTY="quern flock ENOLCK 1 0 lock" QUERN_FAULTY_HOST="$2" \
            "$QUERN_BIN/quern" run "$NIGHT" --data data --output two.out
    }
    sleep 60 &
    other=$!
    rm -rf two.out
    hold here $other
    unlocked 1 here
    expect_text err "two.out is in use by a run on here, pid $other"
    unlocked 1 elsewhere
    expect_text err "may be in use by a run on here, pid $other, which cannot be"
    expect_text err 'if it is dead, remove two.out/.quern/lock|/two.out/.quern/lock'
    kill $other
    wait $other 2>/dev/null
    unlocked 0 here
    compare whole.out two.out
    # its record says that it came to its end
    unlocked 0 elsewhere
    # an older one was killed there
    sed -i 's/"state": "done"/"state": "running"/' two.out/.quern/run.json
    unlocked 1 nowhere
    rm two.out/.quern/lock
    unlocked 0 nowhere
    compare whole.out two.out
else
    say "no C compiler: not tried"
fi

finish
