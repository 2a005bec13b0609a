# shellcheck shell=bash
# What the tests on a make-believe SLURM cluster share; sourced behind
# e2e/lib.sh, from which it takes say, fail, good and skip.

# shellcheck disable=SC2154 # scratch: lib.sh
cluster=$(mktemp -d "${TMPDIR:-/tmp}/qs-XXXX") || exit 1
leave_cluster()
{
    local rc=$?
    "$QUERN_SOURCE/tests/slurm/cluster.sh" stop "$cluster/c"
    rm -rf "$cluster"
    (exit $rc)
    leave
}
trap leave_cluster EXIT

# start_cluster NODES CPUS, or the test is skipped
start_cluster()
{
    timeout 90 "$QUERN_SOURCE/tests/slurm/cluster.sh" start "$cluster/c" "$@"
    case $? in
    0) ;;
    77) skip "slurm-wlm or munge is not installed" ;;
    *) fail "no cluster" ;;
    esac
    # shellcheck disable=SC1091 # written by cluster.sh
    . "$cluster/c/env"
    # as scripts/mpirun.sh, for the ranks of all jobs
    [ "$(id -u)" -ne 0 ] ||
        export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
}

# wait_jobs SECONDS: until nothing is in the queue
wait_jobs()
{
    local i
    for ((i = 0; i < $1 * 5; i++)); do
        [ -n "$(squeue -h -a)" ] || return 0
        sleep 0.2
    done
    squeue -a
    show_logs
    fail "jobs are still there after $1 s"
}

# wait_state JOB STATE SECONDS
wait_state()
{
    local i
    for ((i = 0; i < $3 * 10; i++)); do
        scontrol show job "$1" 2>/dev/null | grep -q "JobState=$2" && return 0
        sleep 0.1
    done
    scontrol show job "$1"
    show_logs
    fail "job $1 is not $2"
}

# wait_text FILES PATTERN: until a line of them has it; FILES is a glob
wait_text()
{
    local i
    for ((i = 0; i < 300; i++)); do
        # shellcheck disable=SC2086 # a glob
        grep -qsP "$2" $1 && return 0
        sleep 0.1
    done
    show_logs
    fail "$1 does not say $2"
}

# rank_of ARRAY-JOB TASK: the pid of one of its ranks
rank_of()
{
    local file env
    for file in /proc/[0-9]*/environ; do
        env=$(tr '\0' '\n' 2>/dev/null <"$file") || continue
        case $env in
        *"SLURM_CONF=$cluster/c/slurm.conf"*) ;;
        *) continue ;;
        esac
        [ "$(cat "${file%environ}comm" 2>/dev/null)" = quern ] &&
            grep -qx "SLURM_ARRAY_JOB_ID=$1" <<<"$env" &&
            grep -qx "SLURM_ARRAY_TASK_ID=$2" <<<"$env" &&
            { basename "${file%/environ}"; return; }
    done
}

# job_of STAGE: its number, from what submit has said
job_of()
{
    sed -n "s/^$1: job \([0-9]*\).*/\1/p" sent
}

show_logs()
{
    tail -n 20 ./*.out/.quern/submit/*.log 2>/dev/null
}

# many_frames FOLDER N STEPS: a job whose items take about 0.2 s a step
many_frames()
{
    local i
    mkdir -p "$1/raw"
    head -c 524288 /dev/urandom >"$1/raw/noise.bin"
    for ((i = 0; i < $2; i++)); do
        { head -c $((i * 1000)) "$1/raw/noise.bin" | tail -c 1000
          tail -c +1001 "$1/raw/noise.bin"; } | head -c 524288 \
            >"$1/raw/$(printf 'a%03d.bin' "$i")"
        truncate -s 524288 "$1/raw/$(printf 'a%03d.bin' "$i")"
    done
    rm "$1/raw/noise.bin"
    {
        cat <<'END'
name: soft
stages:
  soft:
    input: {files: "raw/*.bin", format: raw, dtype: int16, shape: [512, 512], endian: little}
    steps:
END
        for ((i = 0; i < $3; i++)); do
            echo "      - gaussian: {sigma: 200}"
        done
        cat <<'END'
  mean:
    input: {stage: soft}
    combine: {method: mean}
END
    } >"$1/soft.yaml"
}
