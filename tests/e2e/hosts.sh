# shellcheck shell=bash
# Several hosts on this machine, for tests across nodes; sourced in place of
# lib.sh, which it sources.
#
# A host has a name, a network, processes, mounts, and a /dev/shm and /var/tmp of
# its own; files are common, as on a cluster.  All of it lives in namespaces of
# the script: nothing is seen from outside, nothing outlives the script, however
# that ends.  mpirun itself runs beside the hosts, as on a login node.
#
#     . "$(dirname "$0")/hosts.sh"
#     host a; host b
#     expect_hosts 0 a:3,b:1 run job.yaml

if [ -z "${QUERN_HOSTS:-}" ]; then
    export QUERN_HOSTS=none
    for how in -mnupf -rmnupf; do
        if unshare $how --mount-proc ip link add sw type bridge 2>/dev/null
        then
            QUERN_HOSTS=here \
                exec unshare $how --mount-proc --kill-child "$0" "$@"
        fi
    done
fi
. "$(dirname "$0")/lib.sh"
[ "$QUERN_HOSTS" = here ] ||
    skip "no networks can be made here: not allowed, or iproute2 is missing"

network=10.83.0
nhosts=0
mkdir hosts
cp /etc/hosts hosts/names
mount --bind hosts/names /etc/hosts || fail "no names for hosts"
mount -t tmpfs none /var/tmp && hostname login &&
    ip link set lo up && ip link add sw type bridge &&
    ip addr add $network.254/24 dev sw && ip link set sw up ||
    fail "no network"
# a pid of one host is none of another's: what starts ranks enters the host
cat >hosts/agent <<'END'
#!/bin/sh
to=$1
shift
. "$(dirname "$0")/$to"
exec $before nsenter -t "$pid" -n -u -m -p -- sh -c "$*"
END
chmod +x hosts/agent
# of each host its own
export TMPDIR=/var/tmp

# host ADDRESS [NAME [SIZE]]: NAME is what it calls itself, SIZE its /dev/shm
host()
{
    local pid
    nhosts=$((nhosts + 1))
    echo "$network.$nhosts $1" >>hosts/names
    unshare -mnupf --mount-proc --kill-child bash -c "
        hostname ${2:-$1} &&
        mount -t tmpfs -o size=${3:-64m} none /dev/shm &&
        mount -t tmpfs none /var/tmp && : >$scratch/hosts/up.$1
        while :; do sleep 1000 & wait; done" &
    wait_until [ -e "hosts/up.$1" ] || fail "host $1 does not start"
    pid=$(pgrep -P $!)
    printf 'pid=%s\nbefore=\n' "$pid" >"hosts/$1"
    ip link add "to-$1" type veth peer name net netns "$pid" &&
        ip link set "to-$1" master sw up &&
        at "$1" ip link set lo up &&
        at "$1" ip addr add "$network.$nhosts/24" dev net &&
        at "$1" ip link set net up || fail "no network for host $1"
}

# at ADDRESS CMD...: on that host, in this folder
at()
{
    local pid
    pid=$(sed -n 's/^pid=//p' "$scratch/hosts/$1")
    # shellcheck disable=SC2016 # for that shell
    nsenter -t "$pid" -n -u -m -p -- sh -c 'cd "$0" && "$@"' "$PWD" "${@:2}"
}

# pids_at ADDRESS PROGRAM: as this script sees them
pids_at()
{
    local pid space
    space=$(readlink "/proc/$(sed -n 's/^pid=//p' "hosts/$1")/ns/net")
    for pid in $(pgrep -x "$2"); do
        [ "$(readlink "/proc/$pid/ns/net")" != "$space" ] || echo "$pid"
    done
}

# across HOSTS ARGUMENTS...: the words that start quern there, in the array start
across()
{
    start=("$QUERN_SOURCE/scripts/mpirun.sh"
        --mca plm_rsh_agent "$scratch/hosts/agent" --host "$1"
        "${launch[@]}" "$QUERN_BIN/quern" "${@:2}")
}
launch=() # further options for mpirun

# expect_hosts CODE HOSTS ARGUMENTS...
expect_hosts()
{
    across "${@:2}"
    expect_code "$1" "${start[@]}"
}

no_process()
{
    ! pgrep 'quern|orted' >/dev/null
}

# No process and no memory is left on any host.
expect_quiet()
{
    local name left
    wait_until no_process || fail "still there: $(pgrep -a 'quern|orted')"
    for name in hosts/up.*; do
        left=$(at "${name#hosts/up.}" ls /dev/shm)
        [ -z "$left" ] || fail "left on ${name#hosts/up.}: $left"
    done
    good
}

# work.yaml and its data: operands, packed results, a grid on all ranks
make_work()
{
    /usr/bin/python3 - <<'END' || fail "no data"
import numpy as np
r = np.random.default_rng(3)
np.save("dark.npy", r.normal(size=(40, 50)))
np.save("masks.npy", r.uniform(size=(3, 40, 50)))
for i in range(9):
    np.save(f"scan{i}.npy", r.integers(0, 999, size=(20, 40, 50)).astype("u2"))
END
    cat >work.yaml <<'END'
name: work
stages:
  scan:
    input: scan*.npy
    steps: [subtract: {file: dark.npy}]
    products:
      signal: {masks: {file: masks.npy}}
      mean: {reduce: {axis: 0, method: mean}}
    output: {layout: packed}
  plate:
    input: {grid: {shape: [300, 400]}}
    team: all
    steps:
      - formula: "exp(-((i0 - 150)**2 + (i1 - 300)**2) / 500)"
      - heat: {alpha: 0.2, steps: 60, boundary: periodic}
END
}

# A run that would take hours is at work on both hosts; its launcher is $launcher.
slowly()
{
    rm -rf cut.out
    across a:1,b:1 run work.yaml --output cut.out \
        --set stages.plate.steps.1.heat.steps=100000000
    timeout -k 5 60 "${start[@]}" >out 2>err </dev/null &
    running=$!
    wait_until grep -q 'scan: 9 of 9' err || { show; fail "it does not begin"; }
    # shellcheck disable=SC2034 # for the tests
    launcher=$(pgrep -P $running)
}

gone()
{
    ! kill -0 "$1" 2>/dev/null
}

# ended CODE TEXT: with that code mpirun is gone soon, having said so; nothing is
# left, and the run carries on.
ended()
{
    wait $running
    code=$?
    [ $code -eq "$1" ] || { show; fail "exit code $code instead of $1"; }
    expect_text err "$2"
    expect_quiet
    expect_code 75 quern status cut.out
    expect_hosts 0 a:1,b:1 run work.yaml --output cut.out
    compare lone-work.out cut.out
}
