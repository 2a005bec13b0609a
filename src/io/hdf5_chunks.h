/* Reading the chunks of an HDF5 dataset without the library's filters, where
 * they are deflated, or shuffled and deflated, as in most compressed files:
 * inflated by libdeflate, on several threads, and put straight where they
 * belong.  Local. */
#ifndef QN_IO_HDF5_CHUNKS_H
#define QN_IO_HDF5_CHUNKS_H

#include <hdf5.h>

#include "model/shape.h"
#include "quern/array.h"

struct qn_hdf5_chunks {
    bool use;                   /* false: only the library can read them  */
    hid_t dataset;              /* borrowed                               */
    struct qn_shape shape;
    int64_t chunk[QN_MAX_DIMS]; /* samples of a chunk along each axis     */
    size_t size;                /* bytes of a sample                      */
    bool shuffled;
    int threads;
};

/* Look at a dataset whose samples are native in memory. */
void
qn_hdf5_chunks_look(
    struct qn_hdf5_chunks *c, hid_t dataset, const struct qn_type *type,
    hid_t native, int threads);

/* True: the box is in dst, row-major.  False: the library is to be asked,
 * which also says what is wrong with the file: the box has steps, or there is
 * something uncommon about one of the chunks. */
bool
qn_hdf5_chunks_read(
    const struct qn_hdf5_chunks *c, const struct qn_box *box, void *dst);

#endif
