#!/usr/bin/env bash
# `quern init`: what it writes, what it refuses; every job file that it writes
# is planned and run on data of its kind, and the numbers are right.
. "$(dirname "$0")/lib.sh"

python()
{
    /usr/bin/python3 - >numbers.txt 2>&1 || { cat numbers.txt; fail "numbers"; }
    good
}

say "words"
expect_code 0 quern init --help
for kind in night scan grid exec; do
    expect_text out "^  $kind "
done
refuse_text out '^  table '
expect_code 2 quern init
expect_text err 'quern init KIND'
expect_code 2 quern init nihgt
expect_text err "'night'"
expect_code 2 quern init table
expect_text err "\`init table\` is not available in this version"
refuse_file table.yaml
expect_code 2 quern init night a b
expect_code 2 quern init --nihgt
expect_code 2 quern init night no/such/folder.yaml
expect_text err 'no/such/folder.yaml'

say "what is there stays"
echo mine >night.yaml
expect_code 2 quern init night
expect_text err 'night.yaml is there already'
[ "$(cat night.yaml)" = mine ] || fail "night.yaml was overwritten"
rm night.yaml

say "- is standard output; a name gives the job its name"
expect_code 0 quern init night -
cp out night.text
refuse_file night.yaml ./-
expect_code 0 quern init night
expect_text out 'quern run night.yaml'
cmp night.text night.yaml || fail "night.yaml is not what - shows"
mkdir m67
expect_code 0 quern init night "m67/my night.yaml"
expect_text out "quern run 'm67/my night.yaml'"

say "night: as it stands on the demo's data"
make_night .
expect_code 0 quern plan night.yaml
expect_quern 0 0 run night.yaml
for name in bias flat/B flat/V science/M67/science-B-001 stack/M67-B \
    stack/M67-V; do
    expect_file "night.out/$name.h5"
done
# without its bin step the template is jobs/night.yaml
sed 's/^      # - bin:/      - bin:/' night.yaml >binned.yaml
expect_quern 0 2 run binned.yaml
expect_quern 0 0 run "$NIGHT" --data . --output job.out
compare binned.out job.out
# what the comments offer parses too, all of it
sed -E 's/^( *)# (dark:|  input:|  steps:|  +- |- |  combine:)/\1\2/' \
    night.yaml >all.yaml
grep -q '^  dark:' all.yaml || fail "the comments have changed"
expect_code 2 quern plan all.yaml
expect_text err "stage dark: where .* keeps none of"

say "scan: small"
mkdir -p scan/raw
/usr/bin/python3 - <<'END' || fail "no scans"
import h5py
import numpy as np

rng = np.random.default_rng(7)
for name, n in ("a", 5), ("b", 7):
    with h5py.File(f"scan/raw/{name}.h5", "w") as file:
        file["exchange/data"] = rng.integers(200, 900, (n, 6, 8), "u2")
        file["exchange/data_dark"] = rng.integers(90, 110, (3, 6, 8), "u2")
        file["exchange/data_white"] = rng.integers(1000, 1100, (4, 6, 8), "u2")
        file["exchange/theta"] = np.linspace(0, 180, n)
END
expect_code 0 quern init scan scan/scan.yaml
expect_code 0 quern plan scan/scan.yaml
expect_quern 0 0 run scan/scan.yaml
expect_quern 0 3 run scan/scan.yaml --output scan3.out
compare scan/scan.out scan3.out
python <<'END'
import h5py
import numpy as np

for name in "ab":
    with h5py.File(f"scan/raw/{name}.h5") as file:
        x, d, w = (file[f"exchange/data{s}"][()].astype(float)
                   for s in ("", "_dark", "_white"))
    d, w = d.mean(axis=0), w.mean(axis=0)
    with h5py.File(f"scan/scan.out/absorption/{name}.h5") as file:
        mine = file["entry/data/data"][()]
    np.testing.assert_allclose(mine, -np.log((x - d) / (w - d)), rtol=2e-5)
END

say "grid: small"
mkdir -p grid/raw
/usr/bin/python3 - <<'END' || fail "no grids"
import h5py
import numpy as np

rng = np.random.default_rng(8)
for year in 1990, 1991, 1992:
    t = rng.uniform(270, 300, (2, 180, 360)).astype("f4")
    t[rng.random(t.shape) < 0.3] = -9999
    t[:, :6, :6] = -1e34
    with h5py.File(f"grid/raw/{year}.nc", "w") as file:
        v = file.create_dataset("temperature", data=t)
        v.attrs["_FillValue"] = np.array([-1e34], "f4")
        file["latitude"] = np.linspace(89.5, -89.5, 180)
        file["longitude"] = np.linspace(0.5, 359.5, 360)
END
expect_code 0 quern init grid grid/grid.yaml
expect_code 0 quern plan grid/grid.yaml
expect_quern 0 0 run grid/grid.yaml
expect_quern 0 2 run grid/grid.yaml --output grid2.out
compare grid/grid.out grid2.out
python <<'END'
import warnings

import h5py
import numpy as np

warnings.simplefilter("ignore")  # means of blocks of NaN
written = []
for year in 1990, 1991, 1992:
    with h5py.File(f"grid/raw/{year}.nc") as file:
        t = file["temperature"][()].astype(float)
    t[t < -1000] = np.nan
    t = t[:, :90].reshape(2, 45, 2, 180, 2)
    t = np.nanmean(t, axis=(2, 4)) - 273.15
    with h5py.File(f"grid/grid.out/celsius/{year}.h5") as file:
        mine = file["entry/data/data"][()]
    assert np.isnan(mine).any()
    np.testing.assert_allclose(mine, t, rtol=1e-4, atol=1e-4)
    written.append(mine.astype(float))
with h5py.File("grid/grid.out/mean.h5") as file:
    mean = file["entry/data/data"][()]
np.testing.assert_allclose(mean, np.nanmean(written, axis=0), rtol=1e-5,
                           atol=1e-4)
END

say "scan: a tooth"
if [ -e "${QUERN_SHARED:-}/data/hdf5/tooth.h5" ]; then
    mkdir -p tooth/raw
    cp "$QUERN_SHARED/data/hdf5/tooth.h5" tooth/raw/
    expect_quern 0 0 run scan/scan.yaml --data tooth --output tooth.out
    python <<'END'
import h5py
import numpy as np

with h5py.File("tooth/raw/tooth.h5") as file:
    x, d, w = (file[f"exchange/data{s}"][()].astype(float)
               for s in ("", "_dark", "_white"))
d, w = d.mean(axis=0), w.mean(axis=0)
with h5py.File("tooth.out/absorption/tooth.h5") as file:
    mine = file["entry/data/data"][()]
assert mine.shape == (181, 2, 640)
np.testing.assert_allclose(mine, -np.log((x - d) / (w - d)), rtol=1e-4,
                           atol=1e-5)
END
else
    echo "not checked: QUERN_SHARED names no folder with data/hdf5/tooth.h5"
fi

finish
