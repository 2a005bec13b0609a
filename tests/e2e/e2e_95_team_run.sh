#!/usr/bin/env bash
# How a run with teams goes: what halos cost stands in the record, overlap can
# be switched off, every team hears that it is to stop.
. "$(dirname "$0")/lib.sh"

cat >job.yaml <<'END'
name: sweeps
stages:
  plate:
    input: {grid: {shape: [300, 700]}}
    team: all
    steps:
      - formula: "exp(-((i0 - 150)**2 + (i1 - 300)**2) / 500)"
      - heat: {alpha: 0.2, steps: 60, boundary: periodic}
END

mpi="$QUERN_SOURCE/scripts/mpirun.sh"

say "the same bytes with and without overlap, and both are told"
expect_code 0 "$mpi" -n 3 "$QUERN_BIN/quern" run job.yaml --output overlapped
expect_code 0 "$mpi" -n 3 "$QUERN_BIN/quern" run job.yaml --output waiting \
    --no-overlap
expect_code 0 /usr/bin/python3 "$QUERN_SOURCE/tests/e2e/same.py" \
    overlapped waiting
expect_text out ', 0 differ'
for out in overlapped waiting; do
    /usr/bin/python3 - $out <<'END' || fail "the record of $out"
import json
import sys
record = json.load(open(sys.argv[1] + "/.quern/run.json"))
halos = record["stages"][0]["halos"]
assert halos["bytes"] > 0 and halos["alone_seconds"] > 0, halos
assert halos["computed_seconds"] > 0 and halos["waited_seconds"] > 0, halos
want = 1 - halos["waited_seconds"] / halos["alone_seconds"]
assert abs(halos["hidden"] - want) < 1e-9, halos
END
done

say "nothing is told where nothing was exchanged"
expect_code 0 quern run job.yaml --output alone
grep -q halos alone/.quern/run.json && fail "halos of one rank"

say "a deadline in the middle of an item"
long=(--set 'stages.plate.steps.1.heat.steps=100000000')
expect_code 75 "$mpi" -n 2 "$QUERN_BIN/quern" run job.yaml --output late \
    "${long[@]}" --deadline 1
expect_text err 'plate: 0 of 1 items done'

say "teams that are all asked to stop"
/usr/bin/python3 - <<'END' || fail "no grids"
import numpy as np
for i in range(2):
    np.save(f"g{i}.npy", np.full((200, 300), i + 1.0))
END
"$mpi" -n 4 "$QUERN_BIN/quern" run job.yaml \
    --output stopped --progress plain --set 'stages.plate.input="g*.npy"' \
    --set 'stages.plate.steps=[{heat: {alpha: 0.2, steps: 100000000}}]' \
    --set stages.plate.team=2 >run.out 2>run.err &
pid=$!
wait_until [ -e stopped/.quern/run.json ] || fail "no run: $(cat run.err)"
expect_code 0 quern stop stopped
wait $pid
[ $? = 75 ] || fail "not stopped: $(cat run.err)"
grep -q 'plate: 0 of 2 items done' run.err || fail "$(cat run.err)"

say "teams claim: who is busy with a long item leaves the others to others"
/usr/bin/python3 - <<'END' || fail "no items"
import numpy as np
from astropy.io import fits
r = np.random.default_rng(7)
for i, ny in enumerate([400, 40, 90, 380, 64, 128, 33, 250]):
    head = fits.Header()
    head["NSTEPS"] = 40 if i == 0 else 1 + 9 * i
    head["FOREVER"] = 100000000 if i == 0 else 1
    fits.writeto(f"g{i}.fits", r.normal(size=(ny, 311)).astype("f4"), head)
END
cat >claims.yaml <<'END'
name: claims
stages:
  plates:
    input: "g*.fits"
    team: 2
    steps: [heat: {alpha: 0.2, steps: {header: NSTEPS}}]
END
expect_quern 0 0 run claims.yaml --output lone
for n in 4 6; do
    expect_quern 0 $n run claims.yaml --output shared$n
    compare lone shared$n
done
# The first item never ends here, so the others are done by the other team, or
# by nobody: then the wait below runs out.  The busy team may have asked for two
# ahead.
"$mpi" -n 4 "$QUERN_BIN/quern" run claims.yaml --output shared \
    --progress plain --set 'stages.plates.steps.0.heat.steps={header: FOREVER}' \
    >out 2>err </dev/null &
pid=$!
others_done()
{
    [ "$(cat shared/.quern/journal/*.log 2>/dev/null |
        grep -c '	done	.*stage=plates')" -ge 5 ]
}
wait_until others_done || fail "who had the others? $(cat err)"
expect_code 0 quern stop shared
wait $pid
[ $? = 75 ] || fail "not stopped: $(cat err)"
expect_text err 'plates: [5-7] of 8 items done'
good

say "a signal to a rank of one team stops all"
"$QUERN_SOURCE/scripts/mpirun.sh" -n 4 "$QUERN_BIN/quern" run claims.yaml \
    --output "$PWD/halted" --set \
    'stages.plates.steps=[{heat: {alpha: 0.2, steps: 100000000}}]' \
    >out 2>err </dev/null &
wait_until grep -qs stage=plates halted/.quern/journal/2.log ||
    fail "the second team has no item: $(cat err)"
kill -TERM "$(sed -n 's/.*stage=plates.*pid=//p' halted/.quern/journal/2.log |
    head -1)"
wait $!
expect_text err '0 of 8 items done .*0 failed'
expect_text err 'stopped before the end'

finish
