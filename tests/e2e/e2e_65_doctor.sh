#!/usr/bin/env bash
# The doctor: what it knows, what it finds wrong, and how that is mended.
. "$(dirname "$0")/lib.sh"

unset OMP_NUM_THREADS QUERN_THREADS
make_night .
cp "$NIGHT" job.yaml

# fact FILE EXPRESSION VALUE: of the facts in FILE, as Python sees them in d
fact()
{
    local got
    got=$(/usr/bin/python3 -c "import json; d = json.load(open('$1')); print(($2))") ||
        { show; fail "$1 is no JSON, or has no $2"; }
    [ "$got" = "$3" ] || { show; fail "$2 is $got, not $3"; }
    good
}

# look RANKS ARGUMENTS...: 0 or 1 are both no failure, for other processes on
# this machine may be something to be warned of
look()
{
    on "$1"
    shift
    run "${start[@]}" doctor "$@"
    [ $code -le 1 ] || { show; fail "exit code $code: doctor $*"; }
    good
}

say "in words"
look 0
for words in '^host ' '[0-9]+ cores?, [0-9]+ processor' 'ranks: #' 'HDF5 +1\.' \
    'deflate' 'library +Open MPI' 'no launcher' 'file system' 'open files'; do
    expect_text out "$words"
done
if [ $code -eq 0 ]; then
    expect_text out '^nothing is wrong'
else
    expect_text out '^     use: '
fi

say "in JSON, and the exit code says what it says"
look 0 --json --threads 1
cp out facts
fact facts '(len(d["warnings"]) > 0) == bool('$code')' True
fact facts 'len(d["hosts"]), len(d["ranks"]), d["mpi"]["started"]' '(1, 1, False)'
fact facts 'd["ranks"][0]["measured_threads"]' 1
fact facts 'all(w["text"] and w["fix"] for w in d["warnings"])' True
fact facts 'd["ranks"][0]["libraries"] == [] or any(l["threads"] == 1
    for l in d["ranks"][0]["libraries"])' True
fact facts 'd["output"]["exists"], d["output"]["locks"]' "(True, 'work')"

say "both builds of OpenBLAS"
found=0
for build in openmp pthread; do
    folder=$(echo /usr/lib/*/openblas-$build)
    [ -e "$folder/libopenblas.so.0" ] || continue
    found=$((found + 1))
    LD_LIBRARY_PATH=$folder look 0 --json
    cp out facts
    fact facts '[l["build"].lower()[:6] for l in d["ranks"][0]["libraries"]
        if l["kind"] == "OPENBLAS"]' "['${build:0:6}']"
    fact facts '[l["threads"] for l in d["ranks"][0]["libraries"]]' \
        "$([ $build = openmp ] && echo '[1, 1]' || echo '[1]')"
    fact facts 'd["ranks"][0]["gemm"] > 0' True
done
[ $found -gt 0 ] || echo "no OpenBLAS is installed: its builds were not tried"

say "a mask that is too small"
expect_code 1 taskset -c 0 quern doctor --threads 8
expect_text out '8 threads asked.*may run on 1 processor \(0\)'
expect_text out '8 threads asked, [01]\.[0-9]+ cores delivered'
expect_text out 'use: start quern without taskset'
expect_code 1 taskset -c 0 quern doctor --threads 8 --json
cp out facts
fact facts 'd["ranks"][0]["processors"], d["ranks"][0]["threads"]' "('0', 1)"
fact facts 'd["ranks"][0]["loop"] < 1.5' True

say "an environment that holds quern back"
expect_code 1 env QUERN_FAULT=seed=1,every=1000000 quern doctor
expect_text out 'use: unset QUERN_FAULT'
if [ "$(nproc)" -gt 1 ]; then
    expect_code 1 env OMP_NUM_THREADS=1 quern doctor
    expect_text out 'use: export QUERN_THREADS=auto'
fi
expect_code 1 env -C / bash -c "ulimit -n 200; exec '$QUERN_BIN/quern' doctor"
expect_text out 'only 200 files'
expect_text out 'use: ulimit -n'
expect_code 1 env SLURM_JOB_ID=7 SLURM_CPUS_PER_TASK=1 quern doctor
expect_text out 'SLURM_JOB_ID=7'
expect_text out 'export SRUN_CPUS_PER_TASK'

say "a folder that cannot be had"
expect_code 1 quern doctor --output /proc/nothing
expect_text out '/proc cannot be written to'

say "a job, its inputs, and what is wrong with it"
look 0 job.yaml --json --threads 1
cp out facts
fact facts 'd["job"]["name"], d["job"]["failing"]' "('night', 0)"
fact facts 'd["hosts"][0]["inputs"]["missing"]' 0
fact facts 'd["output"]["exists"]' False
refuse_file night.out
printf 'SIMPLE' >raw/bias-001.fits
expect_code 1 quern doctor job.yaml
expect_text out 'items of the job cannot be done'
expect_text out 'use: quern plan JOB'
expect_code 2 quern doctor no-such-job.yaml
printf 'stages: {a: {inptu: x}}\n' >wrong.yaml
expect_code 2 quern doctor wrong.yaml
expect_text err "did you mean 'input'"
expect_code 2 quern doctor --set a=b
expect_code 2 quern doctor --no-such-option

say "under a launcher every rank is shown"
look 2 --json --threads 1
cp out facts
fact facts '[r["rank"] for r in d["ranks"]], len(d["hosts"])' '([0, 1], 1)'
fact facts 'd["mpi"]["started"], d["mpi"]["thread_level"]' "(True, 'funneled')"
if [ "$(nproc)" -gt 1 ]; then
    on 2
    run taskset -c 0 "${start[@]}" doctor
    expect_text out '[0-9]+ ranks.* are bound to core 0 \(on 2 of 2 ranks\)'
    expect_text out '^ +1 .*\[x\.*\] +0 '
fi

finish
