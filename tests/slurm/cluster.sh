#!/usr/bin/env bash
# A SLURM cluster of make-believe nodes on this machine, for tests.
#
#     tests/slurm/cluster.sh start DIR NODES CPUS      munged, slurmctld, slurmd
#     . DIR/env                                        for sbatch, squeue ...
#     tests/slurm/cluster.sh stop DIR
#
# Debian's slurm-wlm and munge, without systemd and control groups; as root or
# as any user.  All ports are on loopback, all files in DIR, which must be a
# short path (sockets).  Exit code 77 where a program is missing.
#
# Nodes are n1 ... nN, each with CPUS cores whatever the machine has.  Waits are
# short: KILL comes 5 s after TERM, a requeued job starts again after 5 s.
set -u
PATH=$PATH:/usr/sbin:/sbin

die()
{
    echo "cluster.sh: $*" >&2
    exit 1
}

# A process is ours if its command line names the folder.
ours()
{
    [ -n "$1" ] && tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null |
        grep -qF -e "$dir/"
}

# What jobs left: their environment names our slurm.conf and a job.
job_pids()
{
    local file env
    for file in /proc/[0-9]*/environ; do
        env=$(tr '\0' '\n' 2>/dev/null <"$file") || continue
        case $env in
        *"SLURM_CONF=$dir/slurm.conf"*) ;;
        *) continue ;;
        esac
        case $env in
        *SLURM_JOB_ID=*) file=${file#/proc/} && echo "${file%/environ}" ;;
        esac
    done
}

# Job steps rename themselves; they hold files in the folder.
step_pids()
{
    local proc fd
    for proc in /proc/[0-9]*; do
        [ "$(cat "$proc/comm" 2>/dev/null)" = slurmstepd ] || continue
        for fd in "$proc"/fd/*; do
            case $(readlink "$fd" 2>/dev/null) in
            "$dir"/*) echo "${proc#/proc/}" && break ;;
            esac
        done
    done
}

end()
{
    local pid=$1 i
    ours "$pid" || return 0
    kill "$pid" 2>/dev/null
    for ((i = 0; i < 50; i++)); do
        ours "$pid" || return 0
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null
}

free_ports()
{
    /usr/bin/python3 - "$1" <<'END'
import socket, sys
held = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in held:
    s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in held))
END
}

write_conf()
{
    local host me i ports
    host=$(uname -n) && host=${host%%.*}
    me=$(id -un)
    read -r -a ports <<<"$(free_ports $((nodes + 1)))"
    cat <<END
ClusterName=quern
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=${ports[nodes]}
SlurmUser=$me
SlurmdUser=$me
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$dir/munge.socket,cred_expire=5
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/%n
TmpFS=$dir/%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/%n.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
MailProg=/bin/true
TaskProlog=$dir/prolog
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=64
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0
SlurmdParameters=config_overrides
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
JobRequeue=1
KillWait=5
MinJobAge=3600
ReturnToService=2
END
    for ((i = 1; i <= nodes; i++)); do
        echo "NodeName=n$i NodeHostname=$host NodeAddr=127.0.0.1" \
            "Port=${ports[i - 1]} CPUs=$cpus RealMemory=8192 State=UNKNOWN"
    done
    echo "PartitionName=debug Nodes=ALL Default=YES DefaultTime=5 State=UP"
}

# The nodes share a host name, and Open MPI names its shared memory by it.
write_prolog()
{
    cat <<END
#!/bin/sh
echo export OMPI_MCA_hwloc_base_binding_policy=none
echo export OMPI_MCA_btl_tcp_if_include=lo
echo export OMPI_MCA_oob_tcp_if_include=lo
echo export OMPI_MCA_rmaps_base_oversubscribe=1
[ -n "\$SLURM_STEP_ID" ] || exit 0
echo export OMPI_MCA_btl_vader_backing_directory=$dir/\$SLURMD_NODENAME
echo export OMPI_MCA_orte_tmpdir_base=$dir/\$SLURMD_NODENAME
END
}

# Daemons must not hold the pipes of a test runner.
daemon()
{
    "$@" </dev/null >>"$dir/boot.log" 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
}

boot()
{
    local i
    write_conf >"$dir/slurm.conf"
    daemon slurmctld -c -f "$dir/slurm.conf" || return 1
    for ((i = 1; i <= nodes; i++)); do
        daemon slurmd -N "n$i" -f "$dir/slurm.conf" || return 1
    done
    for ((i = 0; i < 200; i++)); do
        [ "$(sinfo -h -N -o %t 2>/dev/null | grep -cx idle)" = "$nodes" ] &&
            return 0
        sleep 0.1
    done
    return 1
}

start()
{
    local word i
    nodes=$1 cpus=$2
    for word in munged slurmctld slurmd sbatch srun scontrol; do
        command -v $word >/dev/null || {
            echo "cluster.sh: there is no $word (packages slurm-wlm, munge)" >&2
            exit 77
        }
    done
    [ ${#dir} -lt 60 ] || die "the path $dir is too long for sockets"
    mkdir -p "$dir/state" || exit 1
    chmod go-w "$dir"
    for ((i = 1; i <= nodes; i++)); do
        mkdir -p "$dir/n$i"
    done
    write_prolog >"$dir/prolog"
    chmod +x "$dir/prolog"
    (umask 077 && head -c 1024 /dev/urandom >"$dir/munge.key")
    echo "export SLURM_CONF=$dir/slurm.conf" >"$dir/env"
    export SLURM_CONF=$dir/slurm.conf
    daemon munged --force --key-file="$dir/munge.key" \
        --socket="$dir/munge.socket" --pid-file="$dir/munged.pid" \
        --log-file="$dir/munged.log" --seed-file="$dir/munge.seed" ||
        die "munged does not start: $(tail -n 3 "$dir/boot.log")"
    # a port may be taken between the look and the bind
    for i in 1 2 3; do
        boot && return
        stop_daemons
    done
    tail -n 5 "$dir"/*.log >&2
    stop
    die "the cluster does not come up"
}

stop_daemons()
{
    local file
    for file in "$dir"/n[0-9]*.pid "$dir/slurmctld.pid"; do
        [ -e "$file" ] && end "$(cat "$file")"
    done
}

stop()
{
    local i pid
    export SLURM_CONF=$dir/slurm.conf
    if ours "$(cat "$dir/slurmctld.pid" 2>/dev/null)"; then
        squeue -h -o %A 2>/dev/null | sort -u | xargs -r scancel 2>/dev/null
        for ((i = 0; i < 80; i++)); do
            [ -n "$(squeue -h -o %i 2>/dev/null)" ] || break
            sleep 0.1
        done
    fi
    stop_daemons
    for pid in $(job_pids) $(step_pids); do
        kill -KILL "$pid" 2>/dev/null
    done
    end "$(cat "$dir/munged.pid" 2>/dev/null)"
    rm -rf "$dir"
}

[ $# -ge 2 ] || die "usage: cluster.sh start DIR NODES CPUS | stop DIR"
dir=$(readlink -m "$2")
case $1 in
start) start "${3:-2}" "${4:-2}" ;;
stop) stop ;;
*) die "unknown word $1" ;;
esac
