#!/usr/bin/env bash
# Hosts that differ and hosts that go, one after another; e2e_83_hosts.sh has
# what is most likely.  Minutes.
. "$(dirname "$0")/hosts.sh"

make_night data --size 64
make_work
expect_quern 0 0 run "$NIGHT" --data data --output lone.out
expect_quern 0 0 run work.yaml --output lone-work.out

# same HOSTS NODES: both jobs give the bytes of the lone run
same()
{
    rm -rf night.out work.out
    expect_hosts 0 "$1" run "$NIGHT" --data data --output night.out
    compare lone.out night.out
    expect_hosts 0 "$1" run work.yaml --output work.out
    compare lone-work.out work.out
    expect_text work.out/.quern/run.json "^ \"nodes\": $2,"
    expect_tidy night.out
    expect_tidy work.out
    expect_quiet
}

say "three hosts, any number of ranks on each"
host a
host b
host c
for hosts in a:1,b:1,c:1 a:1,b:3,c:2 c:4,a:1; do
    nodes=${hosts//[^:]/}
    same $hosts ${#nodes}
done

say "hosts of one name, where pids are the same too"
host d node
host e node
same d:2,e:2 2

say "one core on one host, two on the other"
sed -i "s/^before=.*/before='taskset -c 0'/" hosts/b
same a:2,b:1 2
expect_hosts 0 a:1,b:1 run "$NIGHT" --data data --output threads.out --threads 2
expect_text err 'may run on 1 processor \(0\) \(on 1 of 2 ranks, first on 1\)'
sed -i "s/^before=.*/before=/" hosts/b

say "a host without its folder for temporaries"
sed -i "s/^before=.*/before='env TMPDIR=\/nowhere'/" hosts/b
same a:1,b:2 2
sed -i "s/^before=.*/before=/" hosts/b

say "a host with little shared memory: it works, or somebody says why not"
for size in 1m 4200k 6m 9m; do
    host "f$size" "f$size" $size
    same "a:1,f$size:3" 2
done

say "a host on which workers do not start, or lack a library"
printf '#!/bin/sh\nexit 1\n' >ends
printf '#!/bin/sh\ncat <&3 >/dev/null &\nsleep 0.2\nexit 127\n' >lacks
chmod +x ends lacks
: >nothing
for worker in nothing ends lacks; do
    at b mount --bind "$scratch/$worker" "$QUERN_BIN/quern-worker" ||
        fail "no mount"
    expect_hosts 1 a:1,b:2 run "$NIGHT" --data data --output bad.out
    expect_text err '^quern: host b: .*quern-worker (cannot be|ends as soon as it is) started: '
    at b umount "$QUERN_BIN/quern-worker"
done
refuse_file bad.out

say "asked to stop"
slowly
kill -TERM "$launcher"
ended 1 'stopped before the end'
for how in USR2 stop; do
    slowly
    if [ $how = stop ]; then
        expect_code 0 quern stop cut.out
    else
        kill -$how "$launcher"
    fi
    ended 75 'stopped before the end'
done

for at in a b; do
    say "host $at loses its rank"
    slowly
    kill -9 "$(pids_at $at quern)"
    ended 137 'exited on signal 9'
    say "host $at loses what started its rank"
    slowly
    kill -9 "$(pids_at $at orted)"
    ended 205 'lost communication with a remote daemon'
done

say "the launcher is killed"
slowly
kill -9 "$launcher"
ended 137 ''

launch=(--mca oob_tcp_keepalive_time 1 --mca oob_tcp_keepalive_intvl 1
    --mca oob_tcp_keepalive_probes 2)
for at in a b; do
    say "host $at vanishes"
    slowly
    ip link set to-$at down
    wait_until gone "$launcher"
    ip link set to-$at up
    ended 205 'lost communication with a remote daemon'
done

finish
