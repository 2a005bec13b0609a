#!/usr/bin/env bash
# The demo of the README, with the programs that are built already.
. "$(dirname "$0")/lib.sh"

export QUERN_BIN
expect_code 0 "$QUERN_SOURCE/scripts/demo.sh" "$scratch/demo"
expect_file demo/night.out/stack/M67-B.h5 demo/night.out/stack/M67-V.h5
expect_text out 'mpirun -n 2 .*quern run jobs/night.yaml'
cp out first

say "what it says to type next works as it stands"
sed -n '/^== Type next/,$s/^  \([^ ].*\)/\1/p' first >lines
[ "$(wc -l <lines)" -ge 5 ] || fail "the demo proposes too little"
while IFS= read -r line; do
    line=${line%%    *}
    line=${line/#mpirun/scripts/mpirun.sh}
    expect_code 0 bash -c "cd '$QUERN_SOURCE' && $line"
done <lines

say "a second time"
expect_code 0 "$QUERN_SOURCE/scripts/demo.sh" "$scratch/demo"

finish
