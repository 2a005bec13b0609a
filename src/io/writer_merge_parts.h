/* What the files of writer_merge.h share.  Included by writer_merge*.c only.
 *
 *     writer_merge.c        the tree, and when what is written
 *     writer_merge_data.c   one dataset: created, copied into
 *     writer_merge_index.c  /entry/items
 */
#ifndef QN_IO_WRITER_MERGE_PARTS_H
#define QN_IO_WRITER_MERGE_PARTS_H

#include "base/pool.h"
#include "io/unnamed.h"
#include "io/writer_merge.h"
#include "io/writer_parts.h"

/* A dataset being written. */
struct qn_merge_target {
    struct qn_merge_set set;
    hid_t dataset;   /* owned; -1                                          */
    hid_t list;      /* owned: of a virtual one, with its sources so far   */
    haddr_t at;      /* of its samples; CONTIGUOUS                         */
    bool filled;     /* ONCE: it has been                                  */
};

struct qn_merge_index {
    char **name;          /* owned, [n], each owned       */
    enum qn_dtype *type;  /* owned                        */
    bool *is_text;        /* owned                        */
    size_t n;
    const char **cell;    /* owned, a row after the other */
    size_t rows, cap;
    struct qn_pool pool;  /* owned                        */
};

struct qn_writer_merge {
    struct qn_writer_parts w;
    struct qn_unnamed file;
    hid_t entry;                    /* owned                              */
    struct qn_merge_target *target; /* owned, [n]                         */
    size_t n;
    struct qn_merge_index index;
    bool is_virtual;
    char *buffer;                   /* owned: BUFFER bytes                */
    int64_t row;                    /* items so far                       */
};

enum { QN_MERGE_BUFFER = 1 << 20 };

/* ---- writer_merge_data.c ------------------------------------------------- */

/* How many items a source brings. */
int64_t
qn_writer_merge_data_items(const struct qn_merge_source *s);

/* The bytes of all samples of an item's dataset. */
int64_t
qn_writer_merge_data_bytes(const struct qn_merge_target *t, int64_t rows);

/* Create a dataset in its product's group; with t->list, if there is one, in
 * place of what its set says. */
int
qn_writer_merge_data_make(
    struct qn_writer_merge *m, struct qn_merge_target *t, hid_t group);

/* Copy set i of a source: as it is stored from fd, chunk by chunk, or
 * decoded.  o is opened where it is needed. */
int
qn_writer_merge_data_copy(
    struct qn_writer_merge *m, size_t i, const struct qn_merge_source *s, int fd,
    struct qn_hdf5_output **o, struct qn_error *err);

/* The place of an item without a result. */
int
qn_writer_merge_data_skip(struct qn_writer_merge *m, struct qn_merge_target *t);

/* Have a virtual dataset show set i of a source. */
int
qn_writer_merge_data_link(
    struct qn_writer_merge *m, size_t i, const struct qn_merge_source *s);

void
qn_writer_merge_data_close(struct qn_merge_target *t);

/* ---- writer_merge_index.c ------------------------------------------------ */

int
qn_writer_merge_index_open(
    struct qn_merge_index *x, const struct qn_merge_form *form, struct qn_error *err);
int
qn_writer_merge_index_add(
    struct qn_merge_index *x, const char *const *cells, struct qn_error *err);
int
qn_writer_merge_index_write(const struct qn_merge_index *x, struct qn_writer_merge *m);
void
qn_writer_merge_index_close(struct qn_merge_index *x);

#endif
