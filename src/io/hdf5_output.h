/* An output of ours, read back for a merge: its products as they lie in the
 * file, not decoded.
 *
 * A file may be damaged or none of ours, whatever it says: only workers open
 * it.  Links out of the file are not followed.  All local.
 *
 *     struct qn_hdf5_output *o;
 *     QN_TRY(qn_hdf5_output_open(&o, path, err));
 *     qn_hdf5_output_sets(o, set, &n, err);
 *     qn_hdf5_output_close(o);
 */
#ifndef QN_IO_HDF5_OUTPUT_H
#define QN_IO_HDF5_OUTPUT_H

#include "model/key.h"
#include "quern/array.h"

/* Datasets in all products of an output, at most. */
enum { QN_HDF5_SETS = 64, QN_HDF5_NAME = 256 };

enum qn_hdf5_layout {
    QN_HDF5_CONTIGUOUS,
    QN_HDF5_CHUNKED,  /* with no filters but shuffle and deflate           */
    QN_HDF5_OTHERWISE /* none that may be copied as it is                  */
};

struct qn_hdf5_store {
    enum qn_hdf5_layout layout;
    int64_t chunk[QN_MAX_DIMS]; /* samples; CHUNKED                        */
    bool shuffle;
    int deflate;                /* 0: not compressed, 1..9                 */
};

/* One dataset of a product: "data", a further one, a column of a table. */
struct qn_hdf5_set {
    char product[QN_HDF5_NAME], name[QN_HDF5_NAME];
    struct qn_type type;
    bool table;      /* the product is a table: it has no "data"           */
    int axis;        /* of "data", whose places it names; -1: none         */
    char units[64], interpretation[32]; /* "": none                        */
    struct qn_hdf5_store store;
    int64_t offset;  /* of its samples in the file; CONTIGUOUS, else -1    */
    struct qn_fingerprint values; /* of an axis: of its samples            */
};

struct qn_hdf5_output;

/* QN_EFORMAT if it cannot be read, or quern did not write it; QN_EMISSING.
 * Sentences do not name the file. */
int
qn_hdf5_output_open(struct qn_hdf5_output **o, const char *path, struct qn_error *err);

/* All datasets of all products, in byte order of their paths; "data" first in
 * its product. */
int
qn_hdf5_output_sets(
    const struct qn_hdf5_output *o, struct qn_hdf5_set set[QN_HDF5_SETS], size_t *n,
    struct qn_error *err);

/* The text /entry/process/NAME, which is the caller's; NULL if it has none. */
int
qn_hdf5_output_text(
    const struct qn_hdf5_output *o, const char *name, char **text, struct qn_error *err);

/* The name of the default product; "" if it has none. */
void
qn_hdf5_output_default(
    const struct qn_hdf5_output *o, char *name, size_t size);

/* A card of the header that it carries; QN_EMISSING. */
int
qn_hdf5_output_field(
    struct qn_hdf5_output *o, const char *name, char *value, size_t size, bool *is_text,
    struct qn_error *err);

/* Call each with every row of an output that holds many items, in order;
 * reason: why it failed, NULL if it did not.  *n is their number, -1 if the
 * output is of one item. */
int
qn_hdf5_output_rows(
    const struct qn_hdf5_output *o, int64_t *n,
    int (*each)(void *ctx, const char *item, const char *path, const char *reason,
                struct qn_error *err),
    void *ctx, struct qn_error *err);

/* Call each with the value of a card in every row of an output that holds n
 * items, in order, as text; NULL: none.  QN_EMISSING where the card is in no
 * row, or is that of the header. */
int
qn_hdf5_output_row_field(
    const struct qn_hdf5_output *o, const char *name, int64_t n, bool *is_text,
    int (*each)(void *ctx, const char *value, struct qn_error *err),
    void *ctx, struct qn_error *err);

/* All samples, little-endian, into data: as many bytes as its type says. */
int
qn_hdf5_output_read(
    const struct qn_hdf5_output *o, const struct qn_hdf5_set *set, void *data,
    struct qn_error *err);

/* The same of n rows along the first axis, from row `first` on. */
int
qn_hdf5_output_read_rows(
    const struct qn_hdf5_output *o, const struct qn_hdf5_set *set, int64_t first,
    int64_t n, void *data, struct qn_error *err);

/* Call each with every chunk as it is stored, in row-major order, that begins
 * at row `first` of the first axis or behind it: at is its place in samples,
 * mask the filters that were left out.  QN_EFORMAT if one is missing or longer
 * than a chunk can be. */
int
qn_hdf5_output_chunks(
    const struct qn_hdf5_output *o, const struct qn_hdf5_set *set, int64_t first,
    int (*each)(void *ctx, const int64_t *at, uint32_t mask, const void *data, size_t n,
                struct qn_error *err),
    void *ctx, struct qn_error *err);

/* Safe on NULL. */
void
qn_hdf5_output_close(struct qn_hdf5_output *o);

#endif
