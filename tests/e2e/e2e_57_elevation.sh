#!/usr/bin/env bash
# Stencils on real data: jobs/heat-elevation.yaml from four formats, a gaussian
# over a long line, medians of raw files, as peers have them; alone, on ranks
# and on teams of 3 and 4.
. "$(dirname "$0")/lib.sh"

need_shared data/reference.json data/npy data/hdf5 data/raw
shared=$QUERN_SHARED/data

# same_data A B: the samples of all results are the same to the last bit; what
# is said of the run may differ.
same_data()
{
    /usr/bin/python3 - "$1" "$2" <<'END' || fail "other samples in $1 and $2"
import glob, sys, h5py
names = sorted(p[len(sys.argv[2]):] for p in glob.glob(sys.argv[2] + "/*/*.h5"))
for name in names:
    a, b = (h5py.File(d + name)["/entry/data/data"][()] for d in sys.argv[1:])
    if a.dtype != b.dtype or a.shape != b.shape or a.tobytes() != b.tobytes():
        sys.exit(name)
sys.exit(not names)
END
    good
}

say "the ready job, on ranks and on teams"
land=$QUERN_SOURCE/jobs/heat-elevation.yaml
expect_quern 0 0 run "$land" --data "$shared/npy" --output land
expect_peers land/held/jacksboro_fault_dem.h5 grid/dem_diffuse_fixed_100 \
    land/worn/jacksboro_fault_dem.h5 grid/dem_diffuse_insulated_100
expect_file land/{moved,steep,gentle}/jacksboro_fault_dem.h5
expect_quern 0 2 run "$land" --data "$shared/npy" --output land2
compare land land2
for team in 3 4; do
    expect_quern 0 $team run "$land" --data "$shared/npy" \
        --output land.team$team --team $team
    same_data land land.team$team
done
expect_quern 0 0 run "$land" --data "$shared/npy" --output ten \
    --set vars.steps=10
expect_peers ten/held/jacksboro_fault_dem.h5 grid/dem_diffuse_fixed_10 \
    ten/worn/jacksboro_fault_dem.h5 grid/dem_diffuse_insulated_10

say "the model in HDF5, as netCDF has it, and in FITS"
/usr/bin/python3 - "$shared" <<'END' || fail "no copies of the model"
import sys, h5py, numpy as np
from astropy.io import fits
dem = np.load(sys.argv[1] + "/npy/jacksboro_fault_dem.npy")
with h5py.File("dem.h5", "w") as f:
    f["elevation"] = dem
with h5py.File("dem.nc", "w") as f:
    z = f.create_dataset("elevation", data=dem, chunks=True, compression=4)
    for i, name in enumerate("yx"):
        d = f.create_dataset(name, data=np.arange(dem.shape[i], dtype="f8"))
        d.make_scale()
        z.dims[i].attach_scale(d)
fits.writeto("dem.fits", dem)
END
for file in dem.h5 dem.nc dem.fits; do
    input="{files: $file, dataset: /elevation}"
    [ $file != dem.fits ] || input=$file
    expect_quern 0 0 run "$land" --data . --output "of-$file" --stage worn \
        --set "stages.worn.input=$input"
    expect_peers of-$file/worn/dem.h5 grid/dem_diffuse_insulated_100
done

say "a line of 131,072 samples, and raw images"
cat >lines.yaml <<'END'
precision: float64
stages:
  line: {input: {files: "hdf5/H-H1*.hdf5", dataset: /strain/Strain}, steps: [gaussian: {sigma: 8, edge: nearest}]}
  raw: {input: {files: "raw/*i16be.raw", format: raw, dtype: int16, endian: big, shape: [500, 650]}, steps: [median: {size: 5, edge: nearest}]}
  slice: {input: {files: "raw/s1045.ima.gz", format: raw, dtype: uint16, endian: big, shape: [256, 256]}, steps: [median: {size: 5, edge: nearest}]}
END
expect_quern 0 0 run lines.yaml --data "$shared" --output lines
expect_peers lines/line/H-H1_LOSC_4_V2-1126259446-32.h5 hdf5_strain_H1/gauss8 \
    lines/raw/hatp32_171220043012_650x500_i16be.h5 raw/hatp32_median5 \
    lines/slice/s1045.h5 raw/s1045_median5
expect_quern 0 3 run lines.yaml --data "$shared" --output lines3
compare lines lines3
for team in 3 4; do
    expect_quern 0 $team run lines.yaml --data "$shared" \
        --output lines.team$team --team $team
    same_data lines lines.team$team
done

finish
