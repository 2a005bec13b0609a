/* A dataset with one value for each place along an axis.  All local. */
#ifndef QN_IO_COLUMN_H
#define QN_IO_COLUMN_H

#include "base/text.h"
#include "io/reader_backend.h"
#include "model/fields.h"

/* A struct qn_column starts as {0}. */
struct qn_column {
    int64_t n;
    double *number;      /* owned, [n]; NULL where it holds texts          */
    struct qn_text pool; /* texts, a NUL behind each                       */
    size_t *at;          /* owned, [n]: where in pool each begins; NULL
                            where it holds numbers                         */
};

/* Load the dataset at path of a file.  QN_ESHAPE unless it has n values along
 * one axis, QN_EJOB for a format whose files hold only one dataset.  Whole
 * numbers from 2^53 on are rounded.  On failure c is cleared. */
int
qn_column_load(
    struct qn_column *c, const struct qn_backend *backend,
    const struct qn_source *source, const struct qn_bytes *bytes,
    const char *path, int64_t n, struct qn_error *err);

/* For a back-end that finds texts: make room for n, then add each, without
 * the blanks at its end. */
int
qn_column_texts(struct qn_column *c, int64_t n, struct qn_error *err);
void
qn_column_add(struct qn_column *c, const char *text, size_t len);

/* QN_ESHAPE with both numbers. */
int
qn_column_refuse(
    const char *path, const struct qn_shape *shape, int64_t n,
    struct qn_error *err);

/* The value at a place; borrows its text. */
void
qn_column_value(const struct qn_column *c, int64_t i, struct qn_value *value);

/* "0, 1, 2": the different values there are, the first few of them. */
void
qn_column_list(const struct qn_column *c, struct qn_text *list);

void
qn_column_clear(struct qn_column *c);

#endif
