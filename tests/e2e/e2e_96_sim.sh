#!/usr/bin/env bash
# bench/sim: the models of scaling have their form and keep to what is possible;
# where SimGrid is installed, claims.c itself agrees with the farm's model.
. "$(dirname "$0")/lib.sh"

[ -x /usr/bin/python3 ] || skip "python3 is missing"
sim=$QUERN_SOURCE/bench/sim

cat >sane.py <<'END_PYTHON'
import json
import sys

said = [json.loads(line) for line in open(sys.argv[1])]
assert said, "nothing was said"
for one in said:
    for name in ("efficiency", "weak", "strong", "smpi_efficiency"):
        assert 0 < one.get(name, 1) <= 1 + 1e-9, one
    if "seconds" in one:
        assert one["seconds"] >= one["ideal"] * (1 - 1e-9), one
        assert abs(one["work"] - 50) < 1e-6, one
    if "smpi_efficiency" in one:
        assert abs(one["smpi_efficiency"] - one["efficiency"]) < 0.02, one
if sys.argv[2:] == ["better"]:
    assert all(one["efficiency"] > 0.95 for one in said), said
END_PYTHON

say "the farm: never faster than its work divided by the ranks"
expect_code 0 "$sim/farm.py" --json --items 1000 --ranks 2 16 200 2000 --service 1 50
cp out farm.json
expect_code 0 /usr/bin/python3 sane.py farm.json
[ "$(wc -l <farm.json)" -eq 8 ] || fail "not a line a case"
expect_code 0 "$sim/farm.py" --json --items 1000 --ranks 8 16
cp out farm.json
expect_code 0 /usr/bin/python3 sane.py farm.json better

say "halo stages: a rank is never more than a rank"
expect_code 0 "$sim/halo.py" --json --ranks 1 128 1024 8192 1000000
cp out halo.json
expect_code 0 /usr/bin/python3 sane.py halo.json

say "what is asked wrongly"
expect_code 2 "$sim/farm.py" --ranks 1
expect_code 2 "$sim/halo.py" --block-steps 0

command -v smpicc >/dev/null ||
    skip "libsimgrid-dev is missing: claims.c was not run under SimGrid"
say "claims.c itself, under SimGrid"
expect_code 0 timeout 60 "$sim/farm.py" --json --smpi --items 1000 --ranks 8 16 --service 2
cp out smpi.json
expect_code 0 /usr/bin/python3 sane.py smpi.json
finish
