#!/usr/bin/env bash
# exec with others: what follows it in a stage, rows, quern exec, and kills.
. "$(dirname "$0")/lib.sh"

say "steps and combine behind exec, rows of a table"
cat >make.py <<'X'
import sys
import numpy as np
np.save(sys.argv[2], np.full((4, 6), float(sys.argv[1])))
X
printf 'n,tag\n1,x\n2,x\n6,y\n' >runs.csv
cat >rows.yaml <<'X'
stages:
  mean:
    input: {rows: runs.csv}
    steps:
      - exec: {command: "/usr/bin/python3 make.py {n} {output}", uses: make.py, writes: "{tag}-{n}.npy"}
      - multiply: 2
    combine: {method: mean, per: tag}
X
expect_quern 0 0 plan rows.yaml --commands
expect_text out 'make.py 6 .*/rows.out/mean.exec/y-6.npy'
expect_quern 0 2 run rows.yaml
h5dump -d /entry/data/data rows.out/mean/x.h5 >dump.txt || fail "no x.h5"
expect_text dump.txt '\(3,0\): 3, 3, 3, 3, 3, 3'
expect_quern 0 0 run rows.yaml
expect_text err '\(6 before\)'
printf '4,y\n' >>runs.csv
expect_quern 0 0 run rows.yaml
expect_text err 'mean.exec: 4 of 4'
h5dump -d /entry/data/data rows.out/mean/y.h5 >dump.txt || fail "no y.h5"
expect_text dump.txt '\(3,0\): 10, 10'
echo 'import sys; open(sys.argv[2], "w").write("no array")' >make.py
expect_quern 3 0 run rows.yaml
expect_text err 'which a program wrote'

say "quern exec"
mkdir raw
echo one >raw/1.txt
echo two >'raw/2 b.txt'
expect_quern 0 0 exec --dry-run -- cp "{input}" "{output}" ::: raw/1.txt 'raw/2 b.txt'
expect_text out "^cp '/.*/raw/2 b.txt' .*/exec.out/exec/2%20b.out$"
refuse_file exec.out
expect_quern 0 0 exec -- cp "{input}" "{output}" ::: raw/1.txt 'raw/2 b.txt'
expect_text exec.out/exec/2%20b.out '^two$'
expect_quern 0 0 exec -- cp "{input}" "{output}" ::: raw/1.txt 'raw/2 b.txt'
expect_text err '\(2 before\)'
expect_quern 0 0 run exec.out/job.yaml --data .
expect_text err '\(2 before\)'
expect_quern 2 0 exec cp ::: raw/1.txt
expect_text err 'behind `--`'
expect_quern 2 0 exec -- cp "{input}"
expect_text err 'no files are named'

say "the job file of init"
mkdir init init/raw
seq 3 >'init/raw/a b.dat'
seq 4 >init/raw/c.dat
cd init || fail "init"
expect_quern 0 0 init exec
expect_quern 0 0 run exec.yaml
expect_text exec.out/count/c.txt '^4'
cd .. || fail "init"

say "killed in the middle: nothing of it is left running, and it carries on"
cat >slow.sh <<'X'
#!/bin/sh
case $1 in *1.txt) cp "$1" "$2"; exit ;; esac
[ -e "$3/go-on" ] && { cp "$1" "$2"; exit; }
sleep 73422 &
sleep 73422
X
chmod +x slow.sh
cat >slow.yaml <<'X'
concurrency: 1
stages:
  go:
    input: "raw/*"
    timeout: none
    retries: 0
    steps:
      - exec: {command: "./slow.sh {input} {output} {data}", writes: "{stem}.out"}
X
left()
{
    pgrep -f 'sleep 7342[2]' >/dev/null
}
none_left()
{
    ! left
}
# the first item is done, and its group of results committed
under_way()
{
    [ -e slow.out/go/1.out ] && [ "$(pgrep -fc 'sleep 7342[2]')" -ge 2 ]
}
# kill_it WHAT: once both sleeps run, kill the worker or the rank.
kill_it()
{
    local pid worker
    "$QUERN_BIN/quern" run slow.yaml >kill.txt 2>&1 &
    pid=$!
    wait_until under_way || fail "the program did not start"
    worker=$(pgrep -P $pid quern-worker | head -n 1)
    if [ "$1" = rank ]; then
        kill -9 $pid
    else
        kill -9 "$worker"
    fi
    wait $pid
    code=$?
    wait_until none_left || fail "killing the $1 left a program running"
    good
}
kill_it worker
[ $code -eq 3 ] || fail "exit code $code after the worker died"
expect_text kill.txt 'died: SIGKILL'
expect_quern 3 0 status --failed slow.out
rm -r slow.out
kill_it rank
expect_file slow.out/go/1.out
touch go-on
expect_quern 0 0 run slow.yaml
expect_text err '2 of 2 items done \(1 before\)'
expect_file slow.out/go/2%20b.out

finish
