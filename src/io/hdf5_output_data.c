/* The datasets of an output of ours: how they are stored, and their bytes.
 *
 * Chunks are handed on as they lie in the file.  What the whole is made of is
 * hdf5_output.c's to know. */
#include "io/hdf5_output_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/dtype.h"
#include "model/shape.h"

/* An axis longer than this is none of ours. */
#define AXIS_MOST ((int64_t)16 << 20)

static hid_t
open_set(const struct qn_hdf5_output *o, const struct qn_hdf5_set *s,
         struct qn_error *err)
{
    char path[2 * QN_HDF5_NAME + 2];
    hid_t d;

    snprintf(path, sizeof path, "%s/%s", s->product, s->name);
    d = H5Dopen2(o->entry, path, H5P_DEFAULT);
    if (d < 0)
        qn_hdf5_value_fail(err, QN_EFORMAT, "a dataset cannot be opened");
    return d;
}

static int
damaged(const struct qn_hdf5_set *s, const char *what, struct qn_error *err)
{
    return qn_fail(err, QN_EFORMAT,
                   "/entry/%s/%s: %s; remove the file, and "
                   "the next run makes it again",
                   s->product, s->name, what);
}

/* ---- how it is stored ---------------------------------------------------- */

static int
load_shape(struct qn_shape *shape, hid_t dataset)
{
    hid_t space = H5Dget_space(dataset);
    hsize_t n[H5S_MAX_RANK];
    int ndims = space < 0 ? -1 : H5Sget_simple_extent_dims(space, n, NULL);

    if (space >= 0 && H5Sget_simple_extent_type(space) == H5S_NULL)
        ndims = -1;
    if (space >= 0)
        H5Sclose(space);
    if (ndims < 0 || ndims > QN_MAX_DIMS)
        return QN_EFORMAT;
    shape->ndims = ndims;
    for (int a = 0; a < ndims; a++)
        shape->n[a] = (int64_t)n[a];
    return 0;
}

static bool
load_filters(struct qn_hdf5_store *store, hid_t list)
{
    int n = H5Pget_nfilters(list);

    for (int i = 0; i < n; i++) {
        unsigned flags, values[8] = {0}, config;
        size_t nvalues = 8;
        H5Z_filter_t f = H5Pget_filter2(list, (unsigned)i, &flags, &nvalues,
                                        values, 0, NULL, &config);

        if (f == H5Z_FILTER_SHUFFLE && i == 0)
            store->shuffle = true;
        else if (f == H5Z_FILTER_DEFLATE && i == n - 1)
            store->deflate = (int)values[0];
        else
            return false;
    }
    return n >= 0;
}

static void
load_store(struct qn_hdf5_set *s, hid_t dataset)
{
    hid_t list = H5Dget_create_plist(dataset);
    H5D_layout_t layout = list < 0 ? H5D_LAYOUT_ERROR : H5Pget_layout(list);
    hsize_t chunk[QN_MAX_DIMS];

    s->store = (struct qn_hdf5_store){.layout = QN_HDF5_OTHERWISE};
    if (layout == H5D_CHUNKED && s->type.shape.ndims > 0 &&
        H5Pget_chunk(list, s->type.shape.ndims, chunk) == s->type.shape.ndims &&
        load_filters(&s->store, list)) {
        s->store.layout = QN_HDF5_CHUNKED;
        for (int a = 0; a < s->type.shape.ndims; a++)
            s->store.chunk[a] = (int64_t)chunk[a];
    }
    if (layout == H5D_CONTIGUOUS && H5Pget_external_count(list) == 0)
        s->store.layout = QN_HDF5_CONTIGUOUS;
    if (list >= 0)
        H5Pclose(list);
}

static int
load_offset(const struct qn_hdf5_output *o, struct qn_hdf5_set *s,
            hid_t dataset, struct qn_error *err)
{
    int64_t bytes;
    haddr_t at;

    QN_TRY(qn_shape_size(&bytes, &s->type.shape, err));
    if (__builtin_mul_overflow(bytes, (int64_t)qn_dtype_size(s->type.dtype),
                               &bytes))
        return damaged(s, "it is too large", err);
    if (s->store.layout != QN_HDF5_CONTIGUOUS || bytes == 0)
        return 0;
    at = H5Dget_offset(dataset);
    if (at == HADDR_UNDEF || at > (haddr_t)o->size ||
        bytes > o->size - (int64_t)at)
        return damaged(s, "its samples are not all in the file", err);
    s->offset = (int64_t)at;
    return 0;
}

/* As we write them: other byte orders must be converted. */
static bool
is_our_type(hid_t type, enum qn_dtype *t)
{
    return qn_hdf5_value_type(t, type) && H5Tget_class(type) != H5T_ENUM &&
           (H5Tget_size(type) == 1 || H5Tget_order(type) == H5T_ORDER_LE) &&
           H5Tget_size(type) == qn_dtype_size(*t);
}

static int
load_values(const struct qn_hdf5_output *o, struct qn_hdf5_set *s,
            struct qn_error *err)
{
    int64_t n = qn_shape_count(&s->type.shape);
    size_t bytes = (size_t)n * qn_dtype_size(s->type.dtype);
    struct qn_key k;
    void *data;
    int rc;

    if (n > AXIS_MOST)
        return damaged(s, "it is too long for an axis", err);
    QN_TRY(qn_memory_make(&data, bytes + 1, 1, "an axis", err));
    rc = qn_hdf5_output_read(o, s, data, err);
    if (!rc)
        rc = qn_key_open(&k, err);
    if (!rc) {
        qn_key_bytes(&k, data, bytes);
        qn_key_finish(&k, &s->values);
    }
    free(data);
    return rc;
}

static int
describe(const struct qn_hdf5_output *o, struct qn_hdf5_set *s, hid_t dataset,
         struct qn_error *err)
{
    hid_t type = H5Dget_type(dataset);
    bool ours = type >= 0 && is_our_type(type, &s->type.dtype);

    if (type >= 0)
        H5Tclose(type);
    if (!ours)
        return damaged(s, "its type is none that quern writes", err);
    if (load_shape(&s->type.shape, dataset))
        return damaged(s, "its shape is none that quern writes", err);
    qn_hdf5_value_text(dataset, "units", s->units, sizeof s->units);
    qn_hdf5_value_text(dataset, "interpretation", s->interpretation,
                       sizeof s->interpretation);
    load_store(s, dataset);
    QN_TRY(load_offset(o, s, dataset, err));
    return s->axis >= 0 ? load_values(o, s, err) : 0;
}

int
qn_hdf5_output_data_describe(const struct qn_hdf5_output *o,
                             struct qn_hdf5_set *s, struct qn_error *err)
{
    hid_t dataset = open_set(o, s, err);
    int rc;

    if (dataset < 0)
        return QN_EFORMAT;
    rc = describe(o, s, dataset, err);
    H5Dclose(dataset);
    return rc;
}

/* ---- samples ------------------------------------------------------------- */

/* Does it hold as many as it is said to? */
static bool
has_samples(hid_t dataset, const struct qn_hdf5_set *s)
{
    hid_t space = H5Dget_space(dataset);
    hssize_t n = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);

    if (space >= 0)
        H5Sclose(space);
    return n == qn_shape_count(&s->type.shape);
}

/* Samples that `space` selects (H5S_ALL: all), as in the file: nothing is
 * converted. */
static int
read_selected(hid_t dataset, const struct qn_hdf5_set *set, hid_t space,
              void *data, struct qn_error *err)
{
    hid_t type = H5Dget_type(dataset), memory = H5S_ALL;
    hsize_t n;
    int rc = 0;

    if (space != H5S_ALL) {
        n = (hsize_t)H5Sget_select_npoints(space);
        memory = H5Screate_simple(1, &n, NULL);
    }
    if (H5Dread(dataset, type, memory, space, H5P_DEFAULT, data) < 0)
        rc = damaged(set, "its samples cannot be read", err);
    if (memory != H5S_ALL && memory >= 0)
        H5Sclose(memory);
    if (type >= 0)
        H5Tclose(type);
    return rc;
}

int
qn_hdf5_output_read(const struct qn_hdf5_output *o,
                    const struct qn_hdf5_set *set, void *data,
                    struct qn_error *err)
{
    hid_t dataset = open_set(o, set, err);
    int rc = 0;

    if (dataset < 0)
        return QN_EFORMAT;
    if (!has_samples(dataset, set))
        rc = damaged(set, "its shape has changed", err);
    else if (qn_shape_count(&set->type.shape) > 0)
        rc = read_selected(dataset, set, H5S_ALL, data, err);
    H5Dclose(dataset);
    return rc;
}

/* The rows of a dataset that are asked for; -1 where it has none of them. */
static hid_t
select_rows(hid_t dataset, const struct qn_hdf5_set *set, int64_t first,
            int64_t n)
{
    const struct qn_shape *s = &set->type.shape;
    hsize_t start[QN_MAX_DIMS] = {0}, count[QN_MAX_DIMS];
    hid_t space = H5Dget_space(dataset);

    for (int a = 0; a < s->ndims; a++)
        count[a] = (hsize_t)s->n[a];
    start[0] = (hsize_t)first;
    count[0] = (hsize_t)n;
    if (space >= 0 &&
        H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >=
            0)
        return space;
    if (space >= 0)
        H5Sclose(space);
    return -1;
}

int
qn_hdf5_output_read_rows(const struct qn_hdf5_output *o,
                         const struct qn_hdf5_set *set, int64_t first,
                         int64_t n, void *data, struct qn_error *err)
{
    hid_t dataset = open_set(o, set, err), space = -1;
    int rc = 0;

    if (dataset < 0)
        return QN_EFORMAT;
    if (!has_samples(dataset, set) || set->type.shape.ndims < 1)
        rc = damaged(set, "its shape has changed", err);
    else if (n > 0 && qn_shape_count(&set->type.shape) > 0) {
        space = select_rows(dataset, set, first, n);
        rc = space < 0 ? damaged(set, "it has not all its rows", err)
                       : read_selected(dataset, set, space, data, err);
    }
    if (space >= 0)
        H5Sclose(space);
    H5Dclose(dataset);
    return rc;
}

/* The bytes of a chunk that is not compressed. */
static int
chunk_bytes(const struct qn_hdf5_set *s, size_t *bytes, struct qn_error *err)
{
    *bytes = qn_dtype_size(s->type.dtype);
    for (int a = 0; a < s->type.shape.ndims; a++)
        QN_TRY(qn_memory_mul(bytes, *bytes, (size_t)s->store.chunk[a],
                             "a chunk", err));
    return 0;
}

/* The next place in row-major order; false behind the last. */
static bool
advance(const struct qn_hdf5_set *s, int64_t *at)
{
    for (int a = s->type.shape.ndims - 1; a >= 0; a--) {
        at[a] += s->store.chunk[a];
        if (at[a] < s->type.shape.n[a])
            return true;
        at[a] = 0;
    }
    return false;
}

struct chunks {
    const struct qn_hdf5_output *o;
    const struct qn_hdf5_set *set;
    hid_t dataset;
    char *data; /* owned */
    size_t cap, most;
};

static int
read_chunk(struct chunks *c, const int64_t *at, uint32_t *mask, size_t *n,
           struct qn_error *err)
{
    hsize_t place[QN_MAX_DIMS], bytes = 0;

    for (int a = 0; a < c->set->type.shape.ndims; a++)
        place[a] = (hsize_t)at[a];
    if (H5Dget_chunk_storage_size(c->dataset, place, &bytes) < 0)
        return damaged(c->set, "a chunk of it cannot be found", err);
    if (bytes == 0)
        return damaged(c->set, "a part of it was never written", err);
    if (bytes > c->most || (int64_t)bytes > c->o->size)
        return damaged(c->set, "a chunk of it is too long", err);
    QN_TRY(qn_memory_grow((void **)&c->data, &c->cap, (size_t)bytes, 1, err));
    if (H5Dread_chunk(c->dataset, H5P_DEFAULT, place, mask, c->data) < 0)
        return damaged(c->set, "a chunk of it cannot be read", err);
    *n = (size_t)bytes;
    return 0;
}

int
qn_hdf5_output_chunks(const struct qn_hdf5_output *o,
                      const struct qn_hdf5_set *set, int64_t first,
                      int (*each)(void *ctx, const int64_t *at, uint32_t mask,
                                  const void *data, size_t n,
                                  struct qn_error *err),
                      void *ctx, struct qn_error *err)
{
    struct chunks c = {.o = o, .set = set};
    int64_t at[QN_MAX_DIMS] = {first};
    uint32_t mask;
    size_t n = 0;
    int rc;

    QN_TRY(chunk_bytes(set, &c.most, err));
    // what deflate makes of bytes that it cannot shorten
    c.most += c.most / 8 + 1024;
    if (qn_shape_count(&set->type.shape) == 0 || first >= set->type.shape.n[0])
        return 0;
    if ((c.dataset = open_set(o, set, err)) < 0)
        return QN_EFORMAT;
    do {
        mask = 0;
        rc = read_chunk(&c, at, &mask, &n, err);
        if (!rc && each)
            rc = each(ctx, at, mask, c.data, n, err);
    } while (!rc && advance(set, at));
    free(c.data);
    H5Dclose(c.dataset);
    return rc;
}
