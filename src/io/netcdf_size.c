/* How long a classic NetCDF file must be: a walk over its header.
 *
 * The header (NetCDF classic format specification) is lists of names and
 * numbers; only lengths, types and offsets are looked at.  Every number is
 * checked against what is left of the file before it is believed.
 */
#include "io/netcdf_size.h"

#include <stdlib.h>

#include "base/memory.h"

#define TAG_DIM 10
#define TAG_VAR 11
#define TAG_ATT 12

struct walk {
    const struct qn_bytes *b;
    int64_t at;      /* bytes                                       */
    int count_bytes; /* of a count: 4, 8 in CDF-5                   */
    int begin_bytes; /* of an offset: 4 in CDF-1, else 8            */
    bool bad;        /* something was no header; numbers are then 0 */
};

struct dims {
    int64_t *n; /* owned: lengths, 0 for the record dimension */
    int64_t count;
};

struct var {
    int64_t begin; /* bytes                                      */
    int64_t bytes; /* of the whole variable, or of one record    */
    bool record;
};

static int64_t
read_number(struct walk *w, int bytes)
{
    unsigned char p[8];
    uint64_t v = 0;

    if (w->bad || qn_bytes_read(w->b, w->at, (size_t)bytes, p, NULL)) {
        w->bad = true;
        return 0;
    }
    for (int i = 0; i < bytes; i++)
        v = v << 8 | p[i];
    w->at += bytes;
    if (v > INT64_MAX) {
        w->bad = true;
        return 0;
    }
    return (int64_t)v;
}

static int64_t
read_count(struct walk *w)
{
    return read_number(w, w->count_bytes);
}

// n elements of size bytes, padded to four.
static void
skip(struct walk *w, int64_t n, int64_t size)
{
    if (n > w->b->size / size)
        w->bad = true;
    else
        w->at += (n * size + 3) / 4 * 4;
}

static void
skip_name(struct walk *w)
{
    skip(w, read_count(w), 1);
}

// Elements of a list, which is absent as two zeros.
static int64_t
read_list(struct walk *w, int64_t want)
{
    int64_t tag = read_number(w, 4), n = read_count(w);

    if ((tag != want && (tag || n)) || n > w->b->size)
        w->bad = true;
    return w->bad ? 0 : n;
}

static int64_t
type_size(struct walk *w, int64_t type)
{
    static const int size[] = {0, 1, 1, 2, 4, 4, 8, 1, 2, 4, 8, 8};

    if (type >= 1 && type <= 11)
        return size[type];
    w->bad = true;
    return 1;
}

static void
skip_attributes(struct walk *w)
{
    int64_t n = read_list(w, TAG_ATT), size;

    for (int64_t i = 0; i < n && !w->bad; i++) {
        skip_name(w);
        size = type_size(w, read_number(w, 4));
        skip(w, read_count(w), size);
    }
}

static int
load_dims(struct dims *d, struct walk *w, struct qn_error *err)
{
    d->count = read_list(w, TAG_DIM);
    QN_TRY(qn_memory_make((void **)&d->n, (size_t)d->count + 1, sizeof *d->n,
                          "dimensions", err));
    for (int64_t i = 0; i < d->count && !w->bad; i++) {
        skip_name(w);
        d->n[i] = read_count(w);
    }
    return 0;
}

static void
read_var(struct var *v, struct walk *w, const struct dims *d)
{
    int64_t ndims, id;

    *v = (struct var){.bytes = 1};
    skip_name(w);
    ndims = read_count(w);
    for (int64_t a = 0; a < ndims && !w->bad; a++) {
        id = read_count(w);
        if (id >= d->count)
            w->bad = true;
        else if (a == 0 && d->n[id] == 0)
            v->record = true;
        else if (__builtin_mul_overflow(v->bytes, d->n[id], &v->bytes))
            w->bad = true;
    }
    skip_attributes(w);
    if (__builtin_mul_overflow(v->bytes, type_size(w, read_number(w, 4)),
                               &v->bytes))
        w->bad = true;
    read_count(w); // vsize: derived from the above
    v->begin = read_number(w, w->begin_bytes);
}

// The one wanted (-1: none), and the bytes of a record: all record variables,
// each padded to four unless it is alone.
static void
read_vars(struct var *wanted, int64_t *record, struct walk *w,
          const struct dims *d, int var)
{
    int64_t n = read_list(w, TAG_VAR), nrecord = 0, alone = 0;
    struct var v;

    *record = 0;
    for (int64_t i = 0; i < n && !w->bad; i++) {
        read_var(&v, w, d);
        if (i == var)
            *wanted = v;
        if (!v.record)
            continue;
        nrecord++;
        alone = v.bytes;
        if (__builtin_add_overflow(*record, v.bytes, record) ||
            __builtin_add_overflow(*record, (4 - v.bytes % 4) % 4, record))
            w->bad = true;
    }
    if (nrecord == 1)
        *record = alone;
    w->bad |= var >= n;
}

static int
refuse(struct qn_error *err)
{
    return qn_fail(
        err, QN_EFORMAT,
        "the NetCDF header is truncated or damaged; copy the file again");
}

static int
walk_header(struct var *wanted, int64_t *record, const struct qn_bytes *b,
            int var, struct qn_error *err)
{
    struct walk w = {.b = b, .at = 4};
    struct dims dims = {0};
    unsigned char magic[4] = {0};
    int rc;

    QN_TRY(qn_bytes_read(b, 0, sizeof magic, magic, err));
    w.count_bytes = magic[3] == 5 ? 8 : 4;
    w.begin_bytes = magic[3] == 1 ? 4 : 8;
    read_count(&w); // records: the caller knows
    rc = load_dims(&dims, &w, err);
    if (!rc) {
        skip_attributes(&w);
        read_vars(wanted, record, &w, &dims, var);
        rc = w.bad ? refuse(err) : 0;
    }
    free(dims.n);
    return rc;
}

int
qn_netcdf_size_check(const struct qn_bytes *b, struct qn_error *err)
{
    struct var none;
    int64_t record;

    return walk_header(&none, &record, b, -1, err);
}

int
qn_netcdf_size(int64_t *need, const struct qn_bytes *b, int var,
               int64_t nrecords, struct qn_error *err)
{
    struct var v = {0};
    int64_t record = 0, before = 0;

    QN_TRY(walk_header(&v, &record, b, var, err));
    if (v.record && nrecords < 1)
        v.bytes = 0;
    else if (v.record && __builtin_mul_overflow(record, nrecords - 1, &before))
        return refuse(err);
    if (__builtin_add_overflow(v.begin, before, need) ||
        __builtin_add_overflow(*need, v.bytes, need))
        return refuse(err);
    return 0;
}
