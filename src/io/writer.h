/* Writing results: one file of NeXus HDF5, or FITS.  All local.
 *
 * The writer writes to the path it is given (a temporary name), flushes and
 * syncs; the rename is the caller's (io/atomic.h).
 *
 * /entry (NXentry, @default) holds one NXdata a product, with @signal and
 * axes; /entry/process (NXprocess) says how it was made; /entry/header is the
 * table of the raw file's cards; /entry/items is the table of rows where an
 * output holds many items: item, path, row, status; then /entry/items_header
 * has the cards that differ, one a column.  No time stamp and no path of the
 * machine is written into any dataset.
 */
#ifndef QN_IO_WRITER_H
#define QN_IO_WRITER_H

#include <stdint.h>

#include "model/cards.h"
#include "quern/array.h"

/* Samples that are made while they are written. */
struct qn_writer_source {
    /* Rows first ... first + n - 1 along the axis of rows (model/shape.h), as
     * they are written; *v stays the source's until the next call. */
    int (*get)(
        void *ctx, int64_t first, int64_t n, const void **v, struct qn_error *err);
    void *ctx;
    int64_t rows; /* at a time, at most */
};

/* A chunk of a dataset as the file has it: see io/chunk.h. */
struct qn_writer_chunk {
    int64_t at;   /* of its bytes */
    int64_t bytes;
    int64_t mask; /* bits of filters that were left out, as HDF5 counts them */
};

struct qn_product {
    const char *name;            /* "data", "count"                    */
    const struct qn_array *data; /* already of the type to be written  */
    const struct qn_writer_source *source; /* of its samples, data has
                                    none; NULL: they are in data       */
    const char *units;           /* NULL: none                         */
    const char *within;          /* NULL; or the product in front of this
                                    one: then this is a further dataset of
                                    its group, called name              */
    int axis;                    /* of that product's data, whose places
                                    this dataset names; -1: none        */
    int64_t *place;              /* NULL; or the samples are not there: room
                                    is left for them in the file, which begins
                                    at byte *place (out), and the caller
                                    writes them, little-endian.  Not with
                                    compress                            */
    const struct qn_writer_chunk *chunk; /* NULL; or all chunks, in row-major
                                    order, deflated already; data has their
                                    bytes                               */
};

struct qn_used {       /* an input file of an output */
    const char *path;   /* relative to the data folder              */
    int64_t bytes;      /* -1: unknown                              */
    int64_t mtime_ns;   /* since 1970                               */
    const char *status; /* "used", or the reason it was left out    */
};

struct qn_row {       /* of an output that holds many items, each in its place
                         along the leading axis of every product          */
    const char *item;  /* what its own output would be called           */
    const char *path;  /* of the file, as in the table of inputs        */
    bool failed;       /* the row holds NaN, or 0 where there is no NaN */
};

/* A header card that differs from row to row: one of the three, [nrows]. */
struct qn_row_column {
    const char *keyword;
    const char **text; /* "": none       */
    int64_t *whole;    /* failed rows: 0 */
    double *real;      /* NaN: none      */
};

/* What an output says about itself; all borrowed. */
struct qn_provenance {
    const char *version; /* of quern                                  */
    const char *job;     /* the text of the job, --set included       */
    const char *stage;
    const char *steps;   /* canonical JSON of steps and combine       */
    const char *key;     /* hex                                       */
    const char *coretype; /* OpenBLAS core; NULL where BLAS had no part */
    const struct qn_used *used;
    size_t nused;
    int64_t members, members_used; /* of a combination; 0: an item    */
};

struct qn_writer_image;

struct qn_output {
    const char *path; /* where to write */
    const struct qn_product *products; /* the first is the default one */
    size_t nproducts;
    int compress;     /* 0 none, 1..9 deflate with shuffle */
    bool nosync;      /* leave it to the system when it reaches the disk */
    const struct qn_cards *cards; /* NULL: none */
    struct qn_provenance provenance;
    const struct qn_row *rows; /* NULL: the output is of one item */
    size_t nrows;
    const struct qn_row_column *columns; /* with rows */
    size_t ncolumns;
    struct qn_writer_image *image; /* how the last output looked: one that
                         differs in its data only is written without HDF5;
                         starts zeroed, kept by the caller; NULL: none  */
};

/* Write and fsync.  QN_EIO with path and cause; on failure the file is
 * unlinked.  The same input gives the same bytes, of the whole file. */
int
qn_writer_hdf5(const struct qn_output *out, struct qn_error *err);

/* The same as FITS: the first product is the primary image, further ones are
 * IMAGE extensions named after the product; cards kept, HISTORY lines say the
 * steps.  The data unit is the same bytes on every run. */
int
qn_writer_fits(const struct qn_output *out, struct qn_error *err);

/* The key inside an output of ours: QN_EMISSING if path does not exist,
 * QN_EFORMAT if it is not an output of ours.  Only workers call this. */
int
qn_writer_key(const char *path, char key[65], struct qn_error *err);

#endif
