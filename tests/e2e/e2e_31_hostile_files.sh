#!/usr/bin/env bash
# Malformed files from the world, on which the HDF5 library itself crashes or
# hangs: each is a failed item or a result, and the good one beside them is done.
. "$(dirname "$0")/lib.sh"
need_shared data/bad data/hdf5/tooth.h5

mkdir -p data
cp "$QUERN_SHARED"/data/bad/hdf5/*.h5 data/
cp "$QUERN_SHARED"/data/bad/fits/*.fits data/
cp "$QUERN_SHARED/data/hdf5/tooth.h5" data/zz-good.h5
chmod u+w data/*
cat >hostile.yaml <<'END'
name: hostile
stages:
  bad:
    input: {files: ["*.h5", "*.fits"], exclude: "zz-good.h5"}
    output: {name: "{name}"}
    retries: 0
    timeout: 4
  good:
    # It holds several datasets, so the job says which.
    input: {files: "zz-good.h5", dataset: /exchange/data}
END

limit=280
expect_quern 3 2 run hostile.yaml --data data --output hostile.out
expect_file hostile.out/good/zz-good.h5
expect_tidy hostile.out
refuse_text err 'Segmentation|exited on signal'

finish
