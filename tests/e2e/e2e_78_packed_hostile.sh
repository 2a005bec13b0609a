#!/usr/bin/env bash
# Malformed HDF5 files among good ones in a part: each is a failed row at most,
# and the good ones are what they are alone.
. "$(dirname "$0")/lib.sh"
need_shared data/bad/hdf5

mkdir data
cp "$QUERN_SHARED"/data/bad/hdf5/*.h5 data/
chmod u+w data/*
/usr/bin/python3 - <<'END_PY' || fail "no data"
import h5py
import numpy as np
for i in range(20):
    for name in (f"data/aa-{i:02d}.h5", f"data/cve-2018-{i:02d}.h5", f"data/zz-{i:02d}.h5"):
        with h5py.File(name, "w") as f:
            f["data"] = np.arange(96, dtype=np.float32).reshape(8, 12) * (i + 1)
END_PY
cat >hostile.yaml <<'END_JOB'
name: hostile
stages:
  all:
    input: {files: "*.h5"}
    output: {layout: packed}
    retries: 0
    timeout: 3
END_JOB

for ranks in 1 2; do
    limit=280 expect_quern 3 $ranks run hostile.yaml --data data --output "$ranks.out" --sync off
    refuse_text err 'Segmentation|exited on signal'
    expect_tidy $ranks.out
done
compare 1.out 2.out
/usr/bin/python3 - <<'END_PY' || fail "good items were not packed as they are"
import h5py
import numpy as np
good = 0
with h5py.File("1.out/all/part-000000.h5") as f:
    for item, path, row, status in f["entry/items"][...]:
        word = item.decode().rsplit("-", 1)[1]
        if len(word) == 2:
            assert status == b"done", path
            want = np.arange(96, dtype=np.float32).reshape(8, 12) * (int(word) + 1)
            assert (f["entry/data/data"][row] == want).all()
            good += 1
assert good == 60
END_PY
good

finish
