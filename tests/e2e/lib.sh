# shellcheck shell=bash
# What the end-to-end tests share; sourced first by each e2e_NN_*.sh.
#
# Given by ctest: QUERN_BIN, the folder of the built programs; QUERN_SOURCE, the
# checkout; QUERN_SHARED, a folder with real data, perhaps empty.  By hand:
#
#     QUERN_BIN=build/test/bin tests/e2e/e2e_10_night.sh
#
# The test runs in a scratch folder that is removed at the end, unless
# QUERN_KEEP is set.  It must end with `finish`: a script that stops early
# without a failed check has failed too.

set -u
export LC_ALL=C.UTF-8

QUERN_SOURCE=${QUERN_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
QUERN_BIN=$(cd "${QUERN_BIN:-$QUERN_SOURCE/build/test/bin}" && pwd) || exit 1
PATH=$QUERN_BIN:$PATH

# A launcher around the test must not look like one around quern.
for name in ${!OMPI_@} ${!PMIX_@} ${!PMI_@} ${!SLURM_@}; do
    unset "$name"
done

scratch=$(mktemp -d "${TMPDIR:-/tmp}/quern-e2e-XXXXXX") || exit 1
cd "$scratch" || exit 1
# What is kept of this host is kept for the test alone.
export XDG_CACHE_HOME=$scratch/.cache
checks=0
state=running

leave()
{
    local rc=$?
    local running
    running=$(jobs -pr)
    # shellcheck disable=SC2086 # one word a process
    [ -z "$running" ] || kill $running 2>/dev/null
    if [ -n "${QUERN_KEEP:-}" ]; then
        echo "kept: $scratch"
    else
        rm -rf "$scratch"
    fi
    if [ $state = running ] && [ $rc -eq 0 ]; then
        echo "the script ended before its end, after $checks checks"
        exit 1
    fi
    exit $rc
}
trap leave EXIT

say()
{
    printf '== %s\n' "$*"
}

fail()
{
    printf 'FAILED: %s\n' "$*"
    state=failed
    exit 1
}

skip()
{
    printf 'skipped: %s\n' "$*"
    state=skipped
    exit 77
}

finish()
{
    [ $checks -gt 0 ] || fail "nothing was checked"
    echo "$checks checks passed"
    state=finished
    exit 0
}

good()
{
    checks=$((checks + 1))
}

# Folders of real data, or the test is skipped: need_shared data/bad ...
need_shared()
{
    local folder
    for folder in "$@"; do
        [ -n "${QUERN_SHARED:-}" ] && [ -e "$QUERN_SHARED/$folder" ] ||
            skip "QUERN_SHARED names no folder with $folder"
    done
}

# run CMD...: its exit code in $code, what it said in the files out and err.
# It has nothing to read.  A hang is a failure.
run()
{
    timeout -k 5 "${limit:-120}" "$@" >out 2>err </dev/null
    code=$?
    [ $code -ne 124 ] && [ $code -ne 137 ] ||
        fail "still running after ${limit:-120} s: $*"
}

show()
{
    sed 's/^/  out: /' out | tail -n 40
    sed 's/^/  err: /' err | tail -n 40
}

# wait_until CMD...: asks again until the command is true; false when that took
# two minutes, which is long on any machine.
wait_until()
{
    local end=$((SECONDS + 120))
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.02
    done
}

# expect_code CODE CMD...
expect_code()
{
    local want=$1
    shift
    run "$@"
    if [ $code -ne "$want" ]; then
        show
        fail "exit code $code instead of $want: $*"
    fi
    good
}

# expect_python ARGUMENT... <<'END': the program on standard input, which
# expect_code would not see, ends well.
expect_python()
{
    cat >expect.py
    expect_code 0 /usr/bin/python3 expect.py "$@"
}

# on N: the words that start quern on N ranks, 0 for a lone process, are in the
# array start.
on()
{
    local n=$1
    start=()
    [ "$n" -eq 0 ] || start=("$QUERN_SOURCE/scripts/mpirun.sh" -n "$n")
    start+=("$QUERN_BIN/quern")
}

# expect_quern CODE RANKS ARGUMENTS...
expect_quern()
{
    local want=$1
    on "$2"
    shift 2
    expect_code "$want" "${start[@]}" "$@"
}

# expect_text FILE PATTERN: an extended regular expression.
expect_text()
{
    if ! grep -qE -e "$2" "$1"; then
        sed "s/^/  $1: /" "$1" | tail -n 40
        fail "$1 does not say: $2"
    fi
    good
}

refuse_text()
{
    if grep -qE -e "$2" "$1"; then
        sed "s/^/  $1: /" "$1" | tail -n 40
        fail "$1 says: $2"
    fi
    good
}

# expect_json ASSERTION: of what was said, j, and of its stages by name.
expect_json()
{
    /usr/bin/python3 -c "
import json
j = json.load(open('out'))
stage = {s['name']: s for s in j['stages']} if 'stages' in j else {}
assert $1, j" || { show; fail "not so: $1"; }
    good
}

expect_file()
{
    local file
    for file in "$@"; do
        [ -e "$file" ] || fail "$file is not there"
        good
    done
}

refuse_file()
{
    local file
    for file in "$@"; do
        [ ! -e "$file" ] && [ ! -L "$file" ] || fail "$file is there"
        good
    done
}

# No temporary is left in a folder.
expect_tidy()
{
    local left
    left=$(find "$1" -name '.*.tmp')
    [ -z "$left" ] || fail "left over in $1: $left"
    good
}

# compare A B: every dataset that is promised to be the same is, bit for bit.
compare()
{
    /usr/bin/python3 "$QUERN_SOURCE/tests/e2e/same.py" "$1" "$2" >same.txt ||
        { cat same.txt; fail "$1 and $2 differ"; }
    good
}

# expect_peers [--rtol R] FILE KEY [FILE KEY]...: the figures that other programs
# got from the same data.
expect_peers()
{
    /usr/bin/python3 "$QUERN_SOURCE/tests/e2e/reference.py" \
        "$QUERN_SHARED/data/reference.json" "$@" >figures 2>&1 ||
        { cat figures; fail "not what peers make of it"; }
    good
}

# refuse_job STAGES PATTERN: a job of these stages is wrong, and why.
refuse_job()
{
    printf 'name: no\nstages:\n%s\n' "$1" >no.yaml
    expect_quern 2 0 plan no.yaml --data data
    expect_text err "$2"
}

# make_night FOLDER [OPTIONS]: frames in FOLDER/raw.
make_night()
{
    local folder=$1
    shift
    run "$QUERN_BIN/quern-night" "$folder/raw" "$@"
    [ $code -eq 0 ] || { show; fail "quern-night $folder"; }
}

# make_ramps FOLDER N: f00.raw and so on, 320 x 320 bytes, no two alike.
make_ramps()
{
    /usr/bin/python3 - "$@" <<'END_PY' || fail "no data"
import os
import sys
import numpy as np
os.makedirs(sys.argv[1])
for i in range(int(sys.argv[2])):
    a = np.arange(320 * 320, dtype=np.uint32) * (i + 7) % 251
    a.astype(np.uint8).tofile(f"{sys.argv[1]}/f{i:02d}.raw")
END_PY
}

# make_sevens FOLDER N: a00001.bin and so on, of 8 kB.
make_sevens()
{
    mkdir -p "$1"
    head -c $((8192 * $2)) /dev/zero | tr '\0' '\7' |
        split -b 8192 -a 5 --numeric-suffixes=1 --additional-suffix=.bin \
            - "$1/a"
}

# A stand-in for sbatch that writes down in $SENT what it was given; the call of
# number $REFUSED fails.  One for scancel does nothing.
make_sbatch()
{
    mkdir -p programs
    cat >programs/sbatch <<'END'
#!/bin/sh
echo "$*" >>"$SENT"
n=$(wc -l <"$SENT")
[ "$n" != "${REFUSED:-}" ] || { echo "sbatch: error: no such partition" >&2; exit 1; }
echo "$((100 + n));here"
END
    printf '#!/bin/sh\n' >programs/scancel
    chmod +x programs/sbatch programs/scancel
    export SENT=$scratch/sent
    PATH=$scratch/programs:$PATH
}

# shellcheck disable=SC2034 # for the tests
NIGHT=$QUERN_SOURCE/jobs/night.yaml
