/* What the three files of hdf5_output.h share.  All local. */
#ifndef QN_IO_HDF5_OUTPUT_PARTS_H
#define QN_IO_HDF5_OUTPUT_PARTS_H

#include "io/hdf5_output.h"
#include "io/hdf5_parts.h"
#include "model/cards.h"

struct qn_hdf5_output {
    hid_t file, entry;     /* owned; -1                  */
    char *path;            /* owned                      */
    int64_t size;          /* bytes of the file          */
    struct qn_cards cards; /* owned; once they were read */
    bool have_cards;
};

/* Fill in type, store, offset, units and values of a set that has its product,
 * name and axis. */
int
qn_hdf5_output_data_describe(
    const struct qn_hdf5_output *o, struct qn_hdf5_set *s, struct qn_error *err);

#endif
