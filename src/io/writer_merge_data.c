/* One dataset of a merged file.
 *
 * Contiguous samples go from file to file without HDF5, into room that it has
 * given; chunks are read and written as they are stored, a chunk (c, ...) of a
 * source being the chunk (1, c, ...) of a stack.  What is stored otherwise than
 * in the first source is decoded, and compressed again. */
#include "io/writer_merge_parts.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "model/dtype.h"
#include "model/shape.h"

enum { DIMS = QN_MAX_DIMS + 1 };

/* Chunks that are filled by pieces are kept until they are whole. */
#define CACHE_BYTES ((size_t)32 << 20)

static int
ndims_of(const struct qn_merge_target *t)
{
    int n = t->set.like.type.shape.ndims;

    if (t->set.way == QN_MERGE_ONCE)
        return n;
    return t->set.way == QN_MERGE_STACK || n == 0 ? n + 1 : n;
}

/* Is there an axis in front of those of a source? */
static bool
has_lead(const struct qn_merge_target *t)
{
    return ndims_of(t) > t->set.like.type.shape.ndims;
}

/* A source's shape, of which `rows` of a JOIN's first axis. */
static struct qn_shape
shape_of(const struct qn_merge_target *t, int64_t rows)
{
    struct qn_shape s = t->set.like.type.shape;

    if (t->set.way == QN_MERGE_JOIN && s.ndims > 0)
        s.n[0] = rows;
    return s;
}

int64_t
qn_writer_merge_data_items(const struct qn_merge_source *s)
{
    return s->nrows ? s->count : 1;
}

static int64_t
deep_of(const struct qn_merge_target *t)
{
    return t->set.deep > 1 ? t->set.deep : 1;
}

int64_t
qn_writer_merge_data_bytes(const struct qn_merge_target *t, int64_t rows)
{
    struct qn_shape s = shape_of(t, rows);

    return qn_shape_count(&s) * (int64_t)qn_dtype_size(t->set.like.type.dtype);
}

static bool
is_chunked(const struct qn_merge_target *t)
{
    return t->set.like.store.layout == QN_HDF5_CHUNKED;
}

static bool
is_float(const struct qn_merge_target *t)
{
    return t->set.like.type.dtype == QN_F32 || t->set.like.type.dtype == QN_F64;
}

/* ---- creating ------------------------------------------------------------ */

static int
set_storage(struct qn_writer_merge *m, const struct qn_merge_target *t,
            hid_t list)
{
    const struct qn_hdf5_store *store = &t->set.like.store;
    hsize_t chunk[DIMS];
    int n = 0;

    if (!is_chunked(t)) {
        // its place must be known, and all of it is written by us
        QN_TRY(qn_writer_parts_check(
            &m->w, H5Pset_alloc_time(list, H5D_ALLOC_TIME_EARLY)));
        return qn_writer_parts_check(
            &m->w, H5Pset_fill_time(list, H5D_FILL_TIME_NEVER));
    }
    if (has_lead(t))
        chunk[n++] = 1;
    for (int a = 0; a < t->set.like.type.shape.ndims; a++)
        chunk[n++] = (hsize_t)store->chunk[a];
    // items of one chunk lie one behind the other in it
    chunk[0] *= (hsize_t)deep_of(t);
    QN_TRY(qn_writer_parts_check(&m->w, H5Pset_chunk(list, n, chunk)));
    if (store->shuffle)
        QN_TRY(qn_writer_parts_check(&m->w, H5Pset_shuffle(list)));
    if (!store->deflate)
        return 0;
    return qn_writer_parts_check(
        &m->w, H5Pset_deflate(list, (unsigned)store->deflate));
}

/* What items without a result show. */
static int
set_fill(struct qn_writer_merge *m, const struct qn_merge_target *t, hid_t list)
{
    const double nan = NAN;

    if (!is_float(t) || t->set.way != QN_MERGE_STACK)
        return 0;
    return qn_writer_parts_check(
        &m->w, H5Pset_fill_value(list, H5T_NATIVE_DOUBLE, &nan));
}

static hid_t
space_of(const struct qn_merge_target *t)
{
    struct qn_shape s = shape_of(t, t->set.rows);
    hsize_t n[DIMS];
    int k = 0;

    if (has_lead(t))
        n[k++] = (hsize_t)t->set.rows;
    for (int a = 0; a < s.ndims; a++)
        n[k++] = (hsize_t)s.n[a];
    return k ? H5Screate_simple(k, n, NULL) : H5Screate(H5S_SCALAR);
}

static int
make_with(struct qn_writer_merge *m, struct qn_merge_target *t, hid_t group,
          hid_t space, hid_t list)
{
    hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
    int rc = qn_writer_parts_check(&m->w, access);

    if (!rc)
        rc = qn_writer_parts_check(
            &m->w, H5Pset_chunk_cache(access, 521, CACHE_BYTES, 1.0));
    if (!rc) {
        t->dataset = H5Dcreate2(group, t->set.like.name,
                                qn_writer_parts_type(t->set.like.type.dtype),
                                space, H5P_DEFAULT, list, access);
        rc = qn_writer_parts_check(&m->w, t->dataset);
    }
    if (access >= 0)
        H5Pclose(access);
    return rc;
}

static int
put_words(struct qn_writer_merge *m, const struct qn_merge_target *t)
{
    const struct qn_hdf5_set *like = &t->set.like;

    if (like->interpretation[0])
        QN_TRY(qn_writer_parts_word(&m->w, t->dataset, "interpretation",
                                    like->interpretation));
    return like->units[0]
               ? qn_writer_parts_word(&m->w, t->dataset, "units", like->units)
               : 0;
}

int
qn_writer_merge_data_make(struct qn_writer_merge *m, struct qn_merge_target *t,
                          hid_t group)
{
    hid_t space = space_of(t), list = t->list;
    int rc = qn_writer_parts_check(&m->w, space);

    if (!rc && list < 0) {
        rc = qn_writer_parts_list(&m->w, &list, H5P_DATASET_CREATE);
        if (!rc)
            rc = set_storage(m, t, list);
        if (!rc)
            rc = set_fill(m, t, list);
    }
    if (!rc)
        rc = make_with(m, t, group, space, list);
    if (!rc)
        rc = put_words(m, t);
    if (!rc && t->list < 0 && !is_chunked(t))
        t->at = H5Dget_offset(t->dataset);
    if (list >= 0 && list != t->list)
        H5Pclose(list);
    if (space >= 0)
        H5Sclose(space);
    return rc;
}

void
qn_writer_merge_data_close(struct qn_merge_target *t)
{
    if (t->dataset >= 0)
        H5Dclose(t->dataset);
    if (t->list >= 0)
        H5Pclose(t->list);
    t->dataset = t->list = -1;
}

/* ---- as it is stored ----------------------------------------------------- */

/* Where the samples from row `start` on lie in the merged file. */
static haddr_t
place_of(const struct qn_merge_target *t, int64_t start)
{
    int64_t row = qn_writer_merge_data_bytes(t, 1);

    if (t->set.way == QN_MERGE_ONCE)
        row = 0;
    return t->at + (haddr_t)(start * row);
}

static int
copy_bytes(struct qn_writer_merge *m, haddr_t to, int fd, int64_t from,
           int64_t n, struct qn_error *err)
{
    while (n > 0) {
        size_t piece = n < QN_MERGE_BUFFER ? (size_t)n : QN_MERGE_BUFFER;
        ssize_t got = pread(fd, m->buffer, piece, (off_t)from);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return qn_fail(err, QN_EFORMAT, "it cannot be read: %s",
                           got ? strerror(errno) : "it became shorter");
        qn_writer_sink_put(&m->w.sink, to, m->buffer, (size_t)got);
        to += (haddr_t)got;
        from += got;
        n -= got;
    }
    return qn_writer_parts_check(&m->w, 0);
}

struct moving {
    struct qn_writer_merge *m;
    const struct qn_merge_target *t;
    const struct qn_merge_source *s;
    int64_t start, rows;
};

static int
move_chunk(void *ctx, const int64_t *at, uint32_t mask, const void *data,
           size_t n, struct qn_error *err)
{
    struct moving *v = ctx;
    hsize_t place[DIMS];
    const struct qn_shape *shape = &v->t->set.like.type.shape;
    int64_t item = v->s->nrows ? *at++ - v->s->row : 0;
    bool lead = has_lead(v->t);
    int k = 0;

    (void)err;
    if (lead)
        place[k++] = (hsize_t)(v->start + item);
    for (int a = 0; a < shape->ndims; a++)
        place[k++] = (hsize_t)at[a];
    if (v->t->set.way == QN_MERGE_JOIN && !lead)
        place[0] += (hsize_t)(v->start + item * v->rows);
    return qn_writer_parts_check(
        &v->m->w,
        H5Dwrite_chunk(v->t->dataset, H5P_DEFAULT, mask, place, n, data));
}

/* ---- decoded ------------------------------------------------------------- */

/* The place of n items in the merged dataset: space, of which that is
 * selected. */
static hid_t
select_items(const struct qn_merge_target *t, hid_t space, int64_t start,
             int64_t rows, int64_t n)
{
    struct qn_shape s = shape_of(t, rows);
    hsize_t first[DIMS] = {0}, count[DIMS] = {1};
    int k = 0;

    if (t->set.way == QN_MERGE_ONCE || space < 0)
        return space;
    if (has_lead(t))
        count[k++] = 1;
    for (int a = 0; a < s.ndims; a++)
        count[k++] = (hsize_t)s.n[a];
    first[0] = (hsize_t)start;
    count[0] *= (hsize_t)n;
    if (H5Sselect_hyperslab(space, H5S_SELECT_SET, first, NULL, count, NULL) >=
        0)
        return space;
    H5Sclose(space);
    return -1;
}

static int
write_decoded(struct qn_writer_merge *m, const struct qn_merge_target *t,
              int64_t start, int64_t rows, int64_t items, const void *data,
              size_t bytes)
{
    hsize_t n = bytes / qn_dtype_size(t->set.like.type.dtype);
    hid_t in, to;
    int rc;

    if (bytes == 0)
        return 0;
    if (!is_chunked(t)) {
        qn_writer_sink_put(&m->w.sink, place_of(t, start), data, bytes);
        return qn_writer_parts_check(&m->w, 0);
    }
    in = H5Screate_simple(1, &n, NULL);
    to = select_items(t, H5Dget_space(t->dataset), start, rows, items);
    rc = qn_writer_parts_check(
        &m->w,
        in < 0 || to < 0
            ? -1
            : H5Dwrite(t->dataset, qn_writer_parts_type(t->set.like.type.dtype),
                       in, to, H5P_DEFAULT, data));
    if (in >= 0)
        H5Sclose(in);
    if (to >= 0)
        H5Sclose(to);
    return rc;
}

static int
copy_decoded(struct qn_writer_merge *m, const struct qn_merge_target *t,
             const struct qn_hdf5_set *set, int64_t start, int64_t rows,
             const struct qn_hdf5_output *o, struct qn_error *err)
{
    size_t bytes = (size_t)qn_writer_merge_data_bytes(t, rows);
    void *data;
    int rc;

    QN_TRY(qn_memory_make(&data, bytes + 1, 1, "a dataset to be stored anew",
                          err));
    rc = qn_hdf5_output_read(o, set, data, err);
    if (!rc)
        rc = write_decoded(m, t, start, rows, 1, data, bytes);
    free(data);
    return rc;
}

/* The dataset of a file that holds many items. */
static void
put_rows_in_front(struct qn_hdf5_set *set, const struct qn_merge_target *t,
                  const struct qn_merge_source *s, int64_t rows)
{
    const struct qn_shape one = shape_of(t, rows);

    set->type.shape.ndims = one.ndims + 1;
    set->type.shape.n[0] = s->nrows;
    set->store.chunk[0] = deep_of(t);
    for (int a = 0; a < one.ndims; a++) {
        set->type.shape.n[a + 1] = one.n[a];
        set->store.chunk[a + 1] = t->set.like.store.chunk[a];
    }
}

/* As many rows at a time as fill a buffer, or one. */
static int
copy_rows(struct qn_writer_merge *m, const struct qn_merge_target *t,
          const struct qn_hdf5_set *set, const struct qn_merge_source *s,
          size_t i, const struct qn_hdf5_output *o, struct qn_error *err)
{
    int64_t rows = s->rows[i], bytes = qn_writer_merge_data_bytes(t, rows),
            most = bytes ? QN_MERGE_BUFFER * 8 / bytes : s->count,
            place = has_lead(t) ? 1 : rows;
    void *data;
    int rc;

    most = most < 1 ? 1 : most < s->count ? most : s->count;
    QN_TRY(qn_memory_make(&data, (size_t)(most * bytes) + 1, 1,
                          "rows to be stored anew", err));
    rc = 0;
    for (int64_t k = 0, n; k < s->count && !rc; k += n) {
        n = s->count - k < most ? s->count - k : most;
        rc = qn_hdf5_output_read_rows(o, set, s->row + k, n, data, err);
        if (!rc)
            rc = write_decoded(m, t, s->start[i] + k * place, rows, n, data,
                               (size_t)(n * bytes));
    }
    free(data);
    return rc;
}

/* ---- one source ---------------------------------------------------------- */

int
qn_writer_merge_data_copy(struct qn_writer_merge *m, size_t i,
                          const struct qn_merge_source *s, int fd,
                          struct qn_hdf5_output **o, struct qn_error *err)
{
    struct qn_merge_target *t = &m->target[i];
    struct moving v = {.m = m, .t = t, .s = s, .start = s->start[i],
                       .rows = s->rows[i]};
    struct qn_hdf5_set set = t->set.like;
    int64_t bytes = qn_writer_merge_data_bytes(t, s->rows[i]),
            n = qn_writer_merge_data_items(s);

    if (t->set.way == QN_MERGE_ONCE && t->filled)
        return 0;
    t->filled = true;
    if (s->plain[i] && !is_chunked(t))
        return copy_bytes(m, place_of(t, s->start[i]), fd,
                          s->offset[i] + s->row * bytes, n * bytes, err);
    if (!*o)
        QN_TRY(qn_hdf5_output_open(o, s->path, err));
    set.type.shape = shape_of(t, s->rows[i]);
    if (s->nrows)
        put_rows_in_front(&set, t, s, s->rows[i]);
    if (s->plain[i]) {
        if (s->nrows)
            set.type.shape.n[0] = s->row + s->count;
        return qn_hdf5_output_chunks(*o, &set, s->row, move_chunk, &v, err);
    }
    if (s->nrows)
        return copy_rows(m, t, &set, s, i, *o, err);
    return copy_decoded(m, t, &set, s->start[i], s->rows[i], *o, err);
}

/* Not a number, little-endian.  Whole numbers are 0 there already: what was
 * never written to a fresh file reads as zeros. */
int
qn_writer_merge_data_skip(struct qn_writer_merge *m, struct qn_merge_target *t)
{
    static const unsigned char nan32[] = {0, 0, 0xc0, 0x7f};
    static const unsigned char nan64[] = {0, 0, 0, 0, 0, 0, 0xf8, 0x7f};
    size_t size = qn_dtype_size(t->set.like.type.dtype);
    int64_t left = qn_writer_merge_data_bytes(t, 1);
    haddr_t to;

    if (t->set.way != QN_MERGE_STACK || is_chunked(t) || !is_float(t))
        return 0;
    to = place_of(t, m->row);
    for (size_t k = 0; k < QN_MERGE_BUFFER; k += size)
        memcpy(m->buffer + k, size == 4 ? nan32 : nan64, size);
    while (left > 0) {
        size_t n = left < QN_MERGE_BUFFER ? (size_t)left : QN_MERGE_BUFFER;

        qn_writer_sink_put(&m->w.sink, to, m->buffer, n);
        to += n;
        left -= (int64_t)n;
    }
    return qn_writer_parts_check(&m->w, 0);
}

/* ---- virtual ------------------------------------------------------------- */

/* HDF5 reads "%b" in a name as the number of a block. */
static int
escape(char **out, const char *path, struct qn_error *err)
{
    char *p;

    QN_TRY(
        qn_memory_make((void **)out, 2 * strlen(path) + 1, 1, "a path", err));
    for (p = *out; *path; path++) {
        if (*path == '%')
            *p++ = '%';
        *p++ = *path;
    }
    return 0;
}

/* The dataset of a source, with the rows selected that are shown. */
static hid_t
select_source(const struct qn_merge_target *t, const struct qn_merge_source *s,
              int64_t rows)
{
    struct qn_shape one = shape_of(t, rows);
    hsize_t n[DIMS], first[DIMS] = {0};
    int k = 0;
    hid_t space;

    if (s->nrows)
        n[k++] = (hsize_t)s->nrows;
    for (int a = 0; a < one.ndims; a++)
        n[k++] = (hsize_t)one.n[a];
    space = k ? H5Screate_simple(k, n, NULL) : H5Screate(H5S_SCALAR);
    if (space < 0 || !s->nrows)
        return space;
    first[0] = (hsize_t)s->row;
    n[0] = (hsize_t)s->count;
    if (H5Sselect_hyperslab(space, H5S_SELECT_SET, first, NULL, n, NULL) >= 0)
        return space;
    H5Sclose(space);
    return -1;
}

static int
map(struct qn_writer_merge *m, struct qn_merge_target *t, hid_t to,
    const char *path, const struct qn_merge_source *s, int64_t rows)
{
    hid_t from = select_source(t, s, rows);
    char where[2 * QN_HDF5_NAME + 16];
    int rc;

    snprintf(where, sizeof where, "/entry/%s/%s", t->set.like.product,
             t->set.like.name);
    rc = qn_writer_parts_check(
        &m->w, from < 0 ? -1 : H5Pset_virtual(t->list, to, path, where, from));
    if (from >= 0)
        H5Sclose(from);
    return rc;
}

int
qn_writer_merge_data_link(struct qn_writer_merge *m, size_t i,
                          const struct qn_merge_source *s)
{
    struct qn_merge_target *t = &m->target[i];
    char *path = NULL;
    hid_t to = -1;
    int rc = 0;

    if ((t->set.way == QN_MERGE_ONCE && t->filled) ||
        qn_writer_merge_data_bytes(t, s->rows[i]) == 0)
        return 0;
    t->filled = true;
    if (t->list < 0) {
        rc = qn_writer_parts_list(&m->w, &t->list, H5P_DATASET_CREATE);
        if (!rc)
            rc = set_fill(m, t, t->list);
    }
    if (!rc)
        rc = escape(&path, s->link, m->w.err);
    if (!rc) {
        // which is not made yet
        to = select_items(t, space_of(t), s->start[i], s->rows[i],
                          qn_writer_merge_data_items(s));
        rc = qn_writer_parts_check(&m->w, to);
    }
    if (!rc)
        rc = map(m, t, to, path, s, s->rows[i]);
    if (to >= 0)
        H5Sclose(to);
    free(path);
    return rc;
}
