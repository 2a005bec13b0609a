/* What a worker says of the cores it gets and of the libraries it has.  Local. */
#ifndef QN_ENGINE_MEASURE_H
#define QN_ENGINE_MEASURE_H

#include "engine/farm.h"

struct qn_measured {
    int threads;       /* that were asked to compute; 0: not measured      */
    double loop, gemm; /* cores delivered; NaN: not measured               */
    double gflops;     /* of all threads; NaN                              */
    json_t *libraries; /* owned: [{kind, name, build, core, version,
                          threads}]; NULL                                  */
    json_t *hdf5;      /* owned: as qn_hdf5_about_json; NULL               */
};

/* Have a worker compute on so many threads for about seconds.  load: it is to
 * do so once more with the BLAS that kernels use, and to tell of HDF5.  A
 * worker that cannot do it leaves m unmeasured: that is no error. */
int
qn_measure_run(
    struct qn_measured *m, struct qn_farm *farm, int threads, double seconds,
    bool load, struct qn_error *err);

/* The cores that count: the fewer of the two measured. */
double
qn_measure_cores(const struct qn_measured *m);

/* Are these far too few for the threads? */
bool
qn_measure_poor(const struct qn_measured *m);

void
qn_measure_clear(struct qn_measured *m);

#endif
