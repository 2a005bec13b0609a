#!/usr/bin/env bash
# Several hosts: the bytes of the lone run, nothing left on any of them, and an
# end when one of them goes.
. "$(dirname "$0")/hosts.sh"

host a
host b
make_night data --size 64
make_work
# told OUT WORD NUMBER: the record says so
told()
{
    expect_text "$1/.quern/run.json" "^ \"$2\": $3,"
}

say "one process"
expect_quern 0 0 run "$NIGHT" --data data --output lone.out
expect_quern 0 0 run work.yaml --output lone-work.out

say "two hosts"
expect_hosts 0 a:2,b:2 run "$NIGHT" --data data --output night.out
compare lone.out night.out
told night.out nodes 2
told night.out ranks 4
expect_quiet

say "three ranks here, one there"
expect_hosts 0 a:3,b:1 run work.yaml --output work.out
compare lone-work.out work.out
told work.out nodes 2
expect_tidy work.out
expect_quiet

say "a host that reaches the files by another path"
mkdir hub there
cp -a data there/data
at b mount -t tmpfs none "$scratch/hub"
at b ln -s "$scratch/there" "$scratch/hub/link"
mkdir hub/link
at a mount --bind there hub/link
expect_hosts 0 a:1,b:2 run "$NIGHT" --data "$scratch/hub/link/data" \
    --output "$scratch/hub/link/out"
compare lone.out there/out

say "a host whose output folder is its own"
expect_hosts 1 a:1,b:2 run "$NIGHT" --data data --output hub/own
expect_text err '^quern: host b does not see what rank 0 on a has written to '
at b test ! -e "$scratch/hub/own/bias.h5" || fail "b kept results to itself"

say "a host without the data"
cp -a data hub/data
expect_hosts 1 a:1,b:2 run "$NIGHT" --data hub/data --output fresh.out
expect_text err '^quern: host b does not see .*hub/data/raw/.*, which is there on a'
refuse_file fresh.out

say "hosts that the launcher reaches, but not each other"
bridge link set dev to-a isolated on && bridge link set dev to-b isolated on ||
    fail "no firewall"
launch=(-x QUERN_CONNECT_SECONDS=1)
expect_hosts 1 a:1,b:1 run "$NIGHT" --data data --output fresh.out
expect_text err '^quern: no word from rank 1 within 1 s, .* firewall'
refuse_file fresh.out
launch=()
bridge link set dev to-a isolated off
expect_quiet

say "a rank is killed on the far host"
slowly
kill -9 "$(pids_at b quern)"
ended 137 'exited on signal 9'

say "the far host vanishes: the launcher notices, by words that do not come"
launch=(--mca oob_tcp_keepalive_time 1 --mca oob_tcp_keepalive_intvl 1
    --mca oob_tcp_keepalive_probes 1)
slowly
ip link set to-b down
wait_until gone "$launcher"
ip link set to-b up
ended 205 'lost communication with a remote daemon'

finish
