#!/usr/bin/env bash
# Deadlines, given and from SLURM; signals, one and two; progress on a terminal
# and in a log; runs that end early because items fail.
. "$(dirname "$0")/lib.sh"

# few N: a job over N small files.
few()
{
    rm -rf few few.out
    make_sevens few/raw "$1"
    cat >few.yaml <<'END'
name: few
stages:
  norm:
    input: {files: "raw/*.bin", format: raw, dtype: uint16, shape: [64, 64]}
    steps: [normalize: {by: median}]
END
}
job=(run few.yaml --data few --output few.out)

say "wrong words"
for word in always Auto ""; do
    expect_code 2 quern "${job[@]}" --progress "$word"
    expect_text err "--progress is auto, plain or none, not '$word'"
done
for word in 0 -1 soon; do
    expect_code 2 quern "${job[@]}" "--deadline=$word"
    expect_text err '--deadline needs seconds'
done

# fake CODE: a squeue that does that, and notes how it was called
mkdir fake
fake()
{
    printf '#!/bin/sh\necho "$SLURM_TIME_FORMAT $*" >>%s/called\n%s\n' \
        "$scratch" "$1" >fake/squeue
    chmod +x fake/squeue
    rm -f called
}
slurm=(env "PATH=$scratch/fake:$PATH" SLURM_JOB_ID=17)
few 4

say "the end of the allocation is the deadline"
fake 'date -d "1 hour" +%Y-%m-%dT%H:%M:%S'
expect_code 0 "${slurm[@]}" quern "${job[@]}"
expect_text err 'deadline of this SLURM job: nothing new is begun after 5[89] m'
grep -qx 'standard -h -j 17 -O EndTime' called || fail "squeue: $(cat called)"
good
expect_code 0 "${slurm[@]}" SLURM_ARRAY_JOB_ID=9 SLURM_ARRAY_TASK_ID=3 \
    quern "${job[@]}"
grep -qx 'standard -h -j 9_3 -O EndTime' called || fail "squeue: $(cat called)"
good
rm called
expect_code 0 "${slurm[@]}" quern "${job[@]}" --deadline 100
refuse_text err SLURM
refuse_file called
rm -rf few.out
on 2
expect_code 0 "${start[@]:0:3}" "${slurm[@]}" "${start[@]:3}" "${job[@]}"
expect_text err 'deadline of this SLURM job'
[ "$(wc -l <called)" -eq 1 ] || fail "squeue was asked more than once"
good

say "a squeue that cannot tell is no trouble"
for code in 'exit 1' 'echo N/A' 'echo nonsense >&2; exit 2' 'kill -9 $$'; do
    fake "$code"
    expect_code 0 "${slurm[@]}" quern "${job[@]}"
    refuse_text err SLURM
    expect_file called
done
rm fake/squeue
expect_code 0 env PATH="$scratch/fake:$QUERN_BIN" SLURM_JOB_ID=17 \
    quern "${job[@]}"
refuse_text err SLURM
fake 'sleep 60'
limit=20 expect_code 0 "${slurm[@]}" quern "${job[@]}"
refuse_text err SLURM

# begun: how many items have been given to a worker in all runs
begun()
{
    cat few.out/.quern/journal/*.log | grep -cP '\tbegin\t'
}

# start_frozen RANKS COMMAND...: in the background, with its workers stopped
# while they have items in hand; $pid, $workers, $ranks
start_frozen()
{
    local n=$1
    shift
    for files in 500 4000; do
        few $files
        "$@" >run.txt 2>&1 </dev/null &
        pid=$!
        while kill -0 $pid 2>/dev/null; do
            sleep 0.01
            grep -qsP '\tbegin\t' few.out/.quern/journal/0.log && break
        done
        mapfile -t ranks < <(pgrep -x quern -P "$pid")
        [ "$n" -gt 0 ] || ranks=("$pid")
        # by name: one that is just being started holds up its rank
        mapfile -t workers < <(pgrep -x quern-worker \
            -P "$(IFS=,; echo "${ranks[*]}")")
        if [ ${#workers[@]} -gt 0 ] &&
            kill -STOP "${workers[@]}" 2>/dev/null; then
            sleep 0.3
            kill -0 $pid 2>/dev/null && return
        fi
        wait $pid
    done
    fail "every run was over before it could be looked at"
}

# None is on its way to a rank: two that wait at the same time are one.
heard()
{
    local rank
    for rank in "${ranks[@]}"; do
        ! grep -Eqs '^(Shd|Sig)Pnd:.*[1-9a-f]' "/proc/$rank/status" || return
    done
}

# one_is_not_enough SIGNAL: what is in hand is waited for.
one_is_not_enough()
{
    kill "-$1" $pid
    sleep 0.4
    wait_until heard || fail "no rank takes $1"
    kill -0 $pid || fail "one $1 did not wait for what was in hand"
}

# ends CODE
ends()
{
    local code
    wait $pid
    code=$?
    [ $code -eq "$1" ] || { cat run.txt; fail "exit code $code, not $1"; }
    good
}

few 400
expect_quern 0 0 "${job[@]}" --output whole.out
was_stopped()
{
    expect_code 75 quern status few.out
    expect_text out ': stopped'
}
carry_on()
{
    ! grep -q 'Segmentation\|stack smashing' run.txt || fail "it crashed"
    # nothing half-written: what has a name can be read
    find few.out/norm -name 'a*.h5' -size 0 | grep . && fail "an empty result"
    expect_quern 0 "$1" "${job[@]}"
    expect_text err "$(wc -l < <(ls few/raw)) of .* items done .* 0 failed"
    expect_tidy few.out
    h5diff few.out/norm/a00001.h5 whole.out/norm/a00001.h5 /entry/data/data ||
        fail "a result differs"
}

# TERM and INT here, USR2 below; USR1 goes the same way.
say "a second signal ends a run whose workers hang, at once"
for signal in TERM INT; do
    start_frozen 0 quern "${job[@]}" --set concurrency=2 --progress none
    one_is_not_enough $signal
    kill -$signal $pid
    ends 75
done
expect_text run.txt 'stopped before the end'
was_stopped
carry_on 2

say "the same under mpirun, which forwards USR2"
start_frozen 2 "$QUERN_SOURCE/scripts/mpirun.sh" -n 2 "$QUERN_BIN/quern" \
    "${job[@]}" --set concurrency=1
one_is_not_enough USR2
kill -USR2 $pid
ends 75
was_stopped
carry_on 0

say "TERM to mpirun, which kills a second later: what is whole has its name"
few 2000
"$QUERN_SOURCE/scripts/mpirun.sh" -n 2 "$QUERN_BIN/quern" "${job[@]}" \
    --progress none >run.txt 2>&1 </dev/null &
pid=$!
while kill -0 $pid 2>/dev/null; do
    [ ! -e few.out/norm/a00020.h5 ] || break
done
kill -TERM $pid 2>/dev/null
wait $pid
carry_on 2

say "workers hang, and the launcher will kill: the record says stopped all the same"
start_frozen 2 "$QUERN_SOURCE/scripts/mpirun.sh" \
    --mca odls_base_sigkill_timeout 3 -n 2 "$QUERN_BIN/quern" "${job[@]}" \
    --set concurrency=1
kill -INT $pid
ends 1
was_stopped
carry_on 2

say "nothing is begun that would not be finished; long deadlines starve nobody"
few 300
for n in 0 2; do
    rm -rf few.out
    expect_quern 0 $n "${job[@]}" --deadline 1000000
done

say "failures end a run when there are so many, on all ranks together"
few 60
for n in 0 2; do
    for i in {1..40}; do # failures are what is largest, so what comes first
        head -c 8192 /dev/zero >"$(printf 'few/raw/a%05d.bin' "$i")"
    done
    rm -rf few.out
    one=("${job[@]}" --set concurrency=1)
    expect_quern 75 $n "${one[@]}" --max-failures 10
    failed=$(sed -n 's/.* done (0 before), \([0-9]*\) failed.*/\1/p' err)
    # what is begun when the tenth fails is finished
    [ "$failed" -ge 10 ] || fail "it ended after $failed failures of 10"
    [ $n -ne 0 ] || [ "$failed" -le 12 ] || fail "$failed failures, not 10"
    good
    expect_quern 75 $n "${one[@]}" --fail-fast
    expect_quern 3 $n "${one[@]}" --max-failures 60
    expect_quern 0 $n "${one[@]}" --allow-failures 40
    expect_quern 3 $n "${one[@]}" --allow-failures 39
    expect_quern 0 $n "${one[@]}" --allow-failures 70%
    expect_quern 3 $n "${one[@]}" --allow-failures 60%
done
make_night bad --size 32
echo text >bad/raw/bias-003.fits
expect_quern 75 2 run "$NIGHT" --data bad --output bad.out --fail-fast
refuse_file bad.out/bias.h5
expect_quern 75 0 run "$NIGHT" --data bad --output bad.out --max-failures 1
expect_quern 3 2 run "$NIGHT" --data bad --output bad.out --max-failures 2

say "progress on a terminal, and none"
make_night data --size 1024
cat >slow.yaml <<'END'
name: slow
stages:
  norm:
    input: {files: "raw/science*.fits"}
    steps: [normalize: {by: median}]
    output: {compress: 9}
END
# typed RANKS OPTIONS...: what a terminal shows, a line for each time it is drawn
typed()
{
    on "$1"
    shift
    rm -rf slow.out
    timeout 60 script -qec "${start[*]} run slow.yaml --data data \
        --output slow.out --set concurrency=1 $*" /dev/null </dev/null |
        tr '\r' '\n' >lines
}
if command -v script >/dev/null; then
    for n in 0 2; do
        typed $n
        expect_text lines '^norm: [0-9]+ of 12 items, .*/s, .* to go'
        expect_text lines '^.\[Kquern: norm: 12 of 12 items done'
    done
    typed 0 --progress none
    expect_text lines '12 of 12 items done'
    refuse_text lines ' to go'
else
    echo "not tried on a terminal: there is no script"
fi

finish
