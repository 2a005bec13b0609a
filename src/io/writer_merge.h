/* Writing one file over many outputs of ours: what was stored is copied as it
 * is stored, wherever it fits.
 *
 * /entry holds the products of the sources, each dataset with a leading axis of
 * items or joined along its first; /entry/items (NXcollection) says what each
 * item is, a dataset a column; /entry/process how they were made.  The file
 * appears whole, when it is closed (io/unnamed.h).  The same sources give the
 * same bytes.  All local.
 *
 *     QN_TRY(qn_writer_merge_open(&m, &form, err));
 *     for every item, in order:
 *         QN_TRY(qn_writer_merge_add(m, &source, cells, err));
 *     rc = qn_writer_merge_finish(m, &bytes, err);
 *     qn_writer_merge_close(m);
 *
 * What is wrong with the file written is QN_EOUTPUT, any other code is a fault
 * of the source. */
#ifndef QN_IO_WRITER_MERGE_H
#define QN_IO_WRITER_MERGE_H

#include "io/hdf5_output.h"

enum qn_merge_way {
    QN_MERGE_STACK, /* a leading axis: a place an item                      */
    QN_MERGE_JOIN,  /* along the first axis; one value of a scalar          */
    QN_MERGE_ONCE   /* the same in all sources: as it is in the first       */
};

struct qn_merge_set {
    struct qn_hdf5_set like; /* in a source; JOIN: the first length counts
                                for nothing                                */
    enum qn_merge_way way;
    int64_t rows;            /* of the first axis of the merged dataset    */
    int64_t deep;            /* items that share a chunk; 0 is 1           */
};

struct qn_merge_column {
    const char *name;
    enum qn_dtype type; /* I64 or F64 */
    bool is_text;
};

/* All borrowed until the merge is open. */
struct qn_merge_form {
    const char *path;
    const struct qn_merge_set *set; /* sets of one product are neighbours  */
    size_t nsets;                   /* at most QN_HDF5_SETS                */
    const struct qn_merge_column *column;
    size_t ncolumns;                /* at most QN_MERGE_COLUMNS            */
    const char *first;              /* path of the first source: its job   */
    const char *stage;
    bool is_virtual;                /* nothing is copied                   */
};

enum { QN_MERGE_COLUMNS = 256 };

struct qn_merge_source {
    const char *path;         /* NULL: an item without a result            */
    const char *link;         /* its path from the merged file's folder    */
    int64_t bytes, mtime_ns;  /* as it was looked at                       */
    int64_t nrows;            /* of a file that holds many items, each in a
                                 row of all its datasets; 0: it holds one  */
    int64_t row, count;       /* of those: which                           */
    int64_t start[QN_HDF5_SETS], rows[QN_HDF5_SETS]; /* its place, that of
                                 the first; and the length of one item     */
    int64_t offset[QN_HDF5_SETS]; /* of its samples; CONTIGUOUS            */
    bool plain[QN_HDF5_SETS];     /* may be copied as it is stored         */
};

struct qn_writer_merge;

int
qn_writer_merge_open(
    struct qn_writer_merge **m, const struct qn_merge_form *form, struct qn_error *err);

/* The next item, or the next `count`; cells has a text a column ("": none), and
 * as many rows as there are items. */
int
qn_writer_merge_add(
    struct qn_writer_merge *m, const struct qn_merge_source *source,
    const char *const *cells, struct qn_error *err);

/* Write what is left, and have the file appear. */
int
qn_writer_merge_finish(struct qn_writer_merge *m, int64_t *bytes, struct qn_error *err);

/* The temporary that has to be removed should this process die; NULL: none. */
const char *
qn_writer_merge_temporary(const struct qn_writer_merge *m);

/* What is not finished leaves nothing.  Safe on NULL. */
void
qn_writer_merge_close(struct qn_writer_merge *m);

#endif
