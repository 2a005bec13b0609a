#!/usr/bin/env bash
# Many files: work and memory grow with their number and no faster, the stat
# calls are shared out over the ranks, and ranks change nothing.
. "$(dirname "$0")/lib.sh"

# files N: N files in folders of 1,000 below N/raw, and a job that reads them.
files()
{
    /usr/bin/python3 - "$1" <<'END' || fail "the files of $1"
import os, sys
n = int(sys.argv[1])
os.makedirs(f"{n}/raw")
for i in range(n):
    folder = f"{n}/raw/night-{i // 1000:03d}"
    name = f"{folder}/frame-{i:07d}.raw"
    if i % 1000:
        os.link(first, name)
        continue
    os.mkdir(folder)
    first = name
    with open(first, "wb") as f:
        f.write(bytes(32))
END
    cat >"$1/job.yaml" <<'END'
name: many
stages:
  a:
    input: {files: "raw/*/*.raw", format: raw, dtype: uint16, shape: [4, 4]}
    steps: [add: 1]
END
}

# peak CMD...: the most memory it had, in bytes.
peak()
{
    /usr/bin/python3 - "$@" <<'END'
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
END
}

files 1000
files 2000
files 4000
files 40000
files 20000

say "memory: at most 350 bytes a file, all that is planned for it included"
few=$(peak quern plan 20000/job.yaml) || fail "quern plan"
many=$(peak quern plan 40000/job.yaml) || fail "quern plan"
echo "$few bytes for 20,000 files, $many for 40,000"
[ $(((many - few) / 20000)) -le 350 ] || fail "too much memory a file"
good

say "work: the second thousand files cost what the first did"
# Instructions, which are the same however busy the machine is.
cost()
{
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 2>&1 |
        sed -n 's/.*Collected : //p'
}
if command -v valgrind >/dev/null; then
    a=$(cost quern plan 1000/job.yaml)
    b=$(cost quern plan 2000/job.yaml)
    c=$(cost quern plan 4000/job.yaml)
    echo "$a, $b, $c instructions for 1,000, 2,000, 4,000 files"
    [ "$a" -gt 0 ] || fail "nothing was counted"
    [ $((10 * (c - b))) -le $((25 * (b - a))) ] || fail "more than linear"
    good
else
    echo "skipped: there is no valgrind"
fi

say "the same list, the same plan and nothing more to do on any ranks"
expect_quern 0 0 run 1000/job.yaml --output r0 --only '*99.raw'
for n in 1 2 3; do
    expect_quern 0 $n run 1000/job.yaml --output "r$n" --only '*99.raw'
    cmp r0/.quern/outputs/a.txt "r$n/.quern/outputs/a.txt" || fail "the lists"
    compare r0 "r$n"
    expect_quern 0 $n run 1000/job.yaml --output r0 --only '*99.raw'
    expect_text err '10 of 1000 items done \(10 before\), 0 failed'
done
sort -c r0/.quern/outputs/a.txt || fail "the list is not in order"

say "where addresses are scarce every rank plans for itself"
on 2
(ulimit -v 6000000 && "${start[@]}" run 1000/job.yaml --output r6 \
    --only '*99.raw') >out 2>err </dev/null || { show; fail "few addresses"; }
compare r0 r6

say "every rank looks at its part of the files"
if command -v strace >/dev/null; then
    cat >traced <<'END'
#!/bin/sh
exec strace -qq -o "trace.$OMPI_COMM_WORLD_RANK" "$@"
END
    chmod +x traced
    expect_code 0 "$QUERN_SOURCE/scripts/mpirun.sh" -n 3 ./traced \
        quern run 2000/job.yaml --output t --limit 1
    for r in 0 1 2; do
        looked=$(grep -c 'stat.*frame-[0-9]*\.raw' "trace.$r")
        echo "rank $r: $looked"
        [ "$looked" -ge 600 ] && [ "$looked" -le 740 ] ||
            fail "rank $r looked at $looked of 2000 files"
        good
    done
else
    echo "skipped: there is no strace"
fi

say "what goes while it is looked for was never there"
mkdir -p few/raw
cp 1000/raw/night-000/frame-0000000.raw few/raw/a.raw
cp 1000/raw/night-000/frame-0000000.raw few/raw/b.raw
ln -s nowhere few/raw/c.raw
sed 's|raw/\*/|raw/|' 1000/job.yaml >few/job.yaml
for n in 0 2; do
    expect_quern 3 $n run few/job.yaml --output "f$n"
    expect_text err 'a: raw/c.raw: there is no such file'
    expect_text err '2 of 3 items done \(0 before\), 1 failed'
done
compare f0 f2

finish
