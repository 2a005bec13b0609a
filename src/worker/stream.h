/* Steps that are applied to an item some rows at a time.  Local.
 *
 * A row is an index of the first axis of the item that has more than one.
 * What comes out does not depend on how many rows are taken at a time. */
#ifndef QN_WORKER_STREAM_H
#define QN_WORKER_STREAM_H

#include "worker/pass.h"

struct qn_stream;

/* Where rows of the item as it is read come from: n of them, from row `first`
 * on; *v stays theirs until the next call. */
struct qn_stream_source {
    int (*get)(
        void *ctx, int64_t first, int64_t n, struct qn_array *v, struct qn_error *err);
    void *ctx;
};

/* *type: of the item, replaced by what comes out.  QN_EUNAVAILABLE: a step
 * must see all of an item; plans do not ask for that. */
int
qn_stream_open(
    struct qn_stream **s, const struct qn_pass *pass, struct qn_type *type,
    struct qn_error *err);

/* Rows of the item that become one row, and rows beside those that have a
 * part in it. */
int64_t
qn_stream_unit(const struct qn_stream *s);
int64_t
qn_stream_reach(const struct qn_stream *s);

/* Which rows of the item decide rows first ... first + n - 1 of what comes
 * out. */
void
qn_stream_rows(
    const struct qn_stream *s, int64_t first, int64_t n, int64_t *from, int64_t *count);

/* Before the first slab, where steps need numbers of the whole item or some of
 * its samples for all rows: they are found in passes over it, so many rows at a
 * time. */
int
qn_stream_settle(
    struct qn_stream *s, const struct qn_stream_source *source, int64_t rows,
    struct qn_error *err);

/* Rows first ... first + n - 1 of what comes out, of the rows that
 * qn_stream_rows says, which begin with row `from`: from what was read to the
 * last sample nothing leaves the cache, if the slab fits. */
int
qn_stream_slab(
    struct qn_stream *s, void *out, int64_t first, int64_t n,
    const struct qn_array *in, int64_t from, struct qn_error *err);

void
qn_stream_close(struct qn_stream *s); /* NULL is fine */

#endif
