#!/usr/bin/env bash
# bench/run.py measures: the form of what it says on small data, never how fast.
. "$(dirname "$0")/lib.sh"

/usr/bin/python3 -c 'import numpy, h5py, astropy' 2>/dev/null ||
    skip "python3-numpy, python3-h5py or python3-astropy is missing"
[ -x "$QUERN_BIN/quern-copy" ] ||
    skip "quern-copy is not built: configure with -DQN_BENCH=ON"

bench=$QUERN_SOURCE/bench/run.py
export QUERN_BIN QUERN_BENCH_DIR=$scratch/memory QUERN_BENCH_DISK=$scratch/disk

say "what it is asked wrongly"
expect_code 2 "$bench"
expect_text err 'which row'
expect_code 2 "$bench" 99 --quick
expect_text err "there is no row '99'"
expect_code 2 "$bench" 1 --quick --pairs 0
QUERN_BIN=$scratch expect_code 2 "$bench" 1 --quick
expect_text err 'there is no quern in'
expect_code 0 "$bench" --list
expect_text out '^ *1 +\(raw - bias\)'
expect_text out '^ *13 +peak memory'

say "two rows, a pair each"
expect_code 0 "$bench" 1 7 --quick --pairs 1 --json rows.json
expect_text out '^row 1: '
expect_text out 'quern is [0-9.]+ times as fast'
expect_text out 'agrees: 4 results'
refuse_text out 'DIFFERS'
cat >form.py <<'END'
import json
import sys

said = json.load(open(sys.argv[1]))
assert said["pairs"] == 1 and said["size"] == "quick", said
assert said["machine"]["cores"] >= 1 and said["machine"]["quern"], said["machine"]
assert all(value > 0 for value in said["limits"].values()), said["limits"]
assert [row["row"] for row in said["rows"]] == [1, 7]
peers = {}
for row in said["rows"]:
    assert row["title"] and row["target"]
    for case in row["cases"]:
        for one in [case["project"], *case["peers"]]:
            assert one["state"] in ("measured", "not measured"), one
            assert (one["state"] == "measured") == ("reason" not in one), one
        for peer in case["peers"]:
            peers[row["row"], peer["name"]] = peer
            if peer["state"] == "measured":
                assert peer["seconds"] and all(s > 0 for s in peer["seconds"])
                ratio = peer["ratio"]
                assert 0 < ratio["min"] <= ratio["median"] <= ratio["max"]
                assert peer.get("agreement", {"agrees": True})["agrees"], peer
assert said["rows"][0]["cases"][0]["project"]["state"] == "measured"
assert peers[1, "numpy, 2 processes"]["state"] == "measured"
END
expect_code 0 /usr/bin/python3 form.py rows.json

say "nothing of it is left but the data"
refuse_file memory/out-* disk/out-*
expect_file memory/frames-256/first-4.txt disk/small-200/000199.raw

say "a side that is missing, fails, hangs or comes to other numbers"
cat >peers.py <<'END'
import pathlib
import sys

sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import bench
import measure
from bench import Case, Side

bench.PROGRAMS["nonesuch"] = "no-such-program"


def sleep(seconds):
    return [sys.executable, "-c", f'import json; print(json.dumps({{"seconds": {seconds}}}))']


here = bench.Bench("work", "disk", "quick", ".")
here.limits = {"memory_read_all": 4.0}
done = measure.measure_case(here, Case(
    "made up", Side("quern", sleep(0.5), own_clock=True), work=2, unit="u/s",
    ceilings=[("memory_read_all", 1, 0.5), ("unknown", 1, 1)],
    peers=[Side("missing", ["true"], ("nonesuch",)),
           Side("fails", ["sh", "-c", "echo because >&2; exit 3"]),
           Side("slow", sleep(1), own_clock=True, work=1, target=4),
           Side("wrong", sleep(1), own_clock=True, check=lambda a, b: (False, "no"))]), 3)
missing, fails, slow, wrong = done["peers"]
assert missing["reason"] == "package nonesuch missing", missing
assert fails["reason"] == "exit code 3: because", fails
assert slow["seconds"] == [1, 1, 1] and slow["ratio"]["median"] == 4.0, slow
assert wrong["agreement"] == {"agrees": False, "text": "no"}, wrong
assert done["ceilings"] == [{"limit": "memory_read_all", "value": 4.0,
                             "share": 0.5, "target": 0.5}], done["ceilings"]
later = [sys.executable, "-c", "import sys; sys.exit('job:1: x is not available in this version')"]
done = measure.measure_case(here, Case("later", Side("quern", later)), 1)
assert done["project"] == {"name": "quern", "state": "not measured", "reason":
                           "job:1: x is not available in this version"}, done
measure.PATIENCE = 0.2
done = measure.measure_case(here, Case("hangs", Side("quern", ["sleep", "60"])), 1)
assert done["project"]["reason"] == "still running after 0.2 s", done
measure.PATIENCE = 60
done = measure.measure_case(here, Case(
    "refused", Side("quern", ["sh", "-c", "echo 'quern: too large' >&2; exit 3"]),
    budget=dict), 1)
assert done["project"]["state"] == "refused", done
try:
    here.need_room(pathlib.Path("work/data"), 1e18)
    sys.exit("there is room for 10^18 bytes")
except bench.NotMeasured as why:
    assert "GB free" in str(why)
here.need_room(pathlib.Path("work"), 1e18)  # it is there
END
expect_code 0 /usr/bin/python3 peers.py "$QUERN_SOURCE/bench"

finish
