/* Results as NeXus HDF5: what stands where in an output.
 *
 * The tree is in writer.h.  Knows nothing of temporaries and renames
 * (io/atomic.h).  Read writer_tables.c and writer_parts.c
 * next, then writer_sink.c. */
#include "io/writer.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/chunk.h"
#include "io/hdf5_native.h"
#include "io/writer_hollow.h"
#include "io/writer_parts.h"
#include "io/writer_tables.h"
#include "model/array.h"
#include "model/dtype.h"
#include "model/shape.h"

/* ---- products ----------------------------------------------------------- */

static bool
is_chunked(const struct qn_array *a, int compress)
{
    return qn_chunk_used(&a->type, compress);
}

static int
set_layout(struct qn_writer_parts *w, hid_t list, const struct qn_array *a,
           int compress)
{
    hsize_t chunk[QN_MAX_DIMS];
    int64_t n[QN_MAX_DIMS];

    if (!is_chunked(a, compress))
        return 0;
    qn_chunk_cut(n, &a->type);
    for (int i = 0; i < a->type.shape.ndims; i++)
        chunk[i] = (hsize_t)n[i];
    QN_TRY(qn_writer_parts_check(
        w, H5Pset_chunk(list, a->type.shape.ndims, chunk)));
    // Each chunk is written whole: no fill value need go before it.
    QN_TRY(qn_writer_parts_check(
        w, H5Pset_fill_time(list, H5D_FILL_TIME_NEVER)));
    QN_TRY(qn_writer_parts_check(w, H5Pset_shuffle(list)));
    return qn_writer_parts_check(w,
                                 H5Pset_deflate(list, (unsigned)compress));
}

static hid_t
product_space(const struct qn_shape *s)
{
    hsize_t n[QN_MAX_DIMS];

    if (s->ndims == 0)
        return H5Screate(H5S_SCALAR);
    for (int a = 0; a < s->ndims; a++)
        n[a] = (hsize_t)s->n[a];
    return H5Screate_simple(s->ndims, n, NULL);
}

/* n rows of a dataset, from first on. */
static int
write_rows(struct qn_writer_parts *w, hid_t dataset,
           const struct qn_type *type, int64_t first, int64_t n,
           const void *v)
{
    const int axis = qn_shape_row_axis(&type->shape);
    hsize_t start[QN_MAX_DIMS] = {0}, count[QN_MAX_DIMS];
    hid_t file = H5Dget_space(dataset), memory;
    herr_t bad;

    for (int a = 0; a < type->shape.ndims; a++)
        count[a] = (hsize_t)type->shape.n[a];
    start[axis] = (hsize_t)first;
    count[axis] = (hsize_t)n;
    memory = H5Screate_simple(type->shape.ndims, count, NULL);
    bad = H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, count, NULL);
    if (bad >= 0)
        bad = H5Dwrite(dataset, qn_hdf5_native(type->dtype), memory, file,
                       H5P_DEFAULT, v);
    H5Sclose(memory);
    H5Sclose(file);
    return qn_writer_parts_check(w, bad);
}

static int
write_source(struct qn_writer_parts *w, hid_t dataset,
             const struct qn_product *p)
{
    const struct qn_type *type = &p->data->type;
    const int64_t rows = type->shape.n[qn_shape_row_axis(&type->shape)];

    for (int64_t first = 0, n; first < rows; first += n) {
        const void *v;

        n = rows - first < p->source->rows ? rows - first : p->source->rows;
        QN_TRY(p->source->get(p->source->ctx, first, n, &v, w->err));
        QN_TRY(write_rows(w, dataset, type, first, n, v));
    }
    return 0;
}

static int
write_samples(struct qn_writer_parts *w, hid_t dataset,
              const struct qn_product *p)
{
    const struct qn_type *type = &p->data->type;

    if (type->shape.ndims > 0)
        QN_TRY(qn_writer_parts_word(
            w, dataset, "interpretation",
            type->shape.ndims == 1 ? "spectrum" : "image"));
    if (p->units)
        QN_TRY(qn_writer_parts_word(w, dataset, "units", p->units));
    if (qn_array_bytes(p->data) == 0)
        return 0;
    if (p->source)
        return write_source(w, dataset, p);
    if (p->chunk)
        return qn_writer_hollow_chunks(w, dataset, p);
    if (p->place)
        return qn_writer_hollow_leave(w, dataset, qn_hdf5_native(type->dtype), p);
    return qn_writer_parts_check(w, H5Dwrite(dataset, qn_hdf5_native(type->dtype),
                                             H5S_ALL, H5S_ALL, H5P_DEFAULT,
                                             p->data->data));
}

/* In memory as in the file? */
static bool
is_little_endian(void)
{
    const uint16_t one = 1;

    return *(const unsigned char *)&one == 1;
}

static void
describe_data(struct qn_writer_form *f, const struct qn_product *p,
              int compress)
{
    char shape[256];

    qn_text_add(&f->text, "%s %s %s %s\n", p->within ? p->name : "data",
                qn_dtype_name(p->data->type.dtype),
                qn_shape_text(shape, sizeof shape, &p->data->type.shape),
                p->units ? p->units : "");
    f->loose = f->loose || is_chunked(p->data, compress) ||
               (p->source && !p->data->type.shape.ndims) ||
               !is_little_endian();
    qn_writer_image_product(f, p);
}

static int
put_data(struct qn_writer_parts *w, hid_t group, const struct qn_product *p,
         int compress)
{
    const struct qn_type *type = &p->data->type;
    hid_t list = -1, space = product_space(&type->shape), dataset = -1;
    int rc = qn_writer_parts_check(w, space);

    if (!rc)
        rc = qn_writer_parts_list(w, &list, H5P_DATASET_CREATE);
    if (!rc)
        rc = set_layout(w, list, p->data, compress);
    if (!rc) {
        dataset = H5Dcreate2(group, p->within ? p->name : "data",
                             qn_writer_parts_type(type->dtype), space,
                             H5P_DEFAULT, list, H5P_DEFAULT);
        rc = qn_writer_parts_check(w, dataset);
    }
    if (!rc)
        rc = write_samples(w, dataset, p);
    if (!rc && !is_chunked(p->data, compress))
        qn_writer_parts_placed(w, dataset, (size_t)qn_array_bytes(p->data));
    // Compressed chunks may be written no earlier than here.
    if (dataset >= 0 && H5Dclose(dataset) < 0 && !rc)
        rc = qn_writer_parts_check(w, -1);
    if (list >= 0)
        H5Pclose(list);
    if (space >= 0)
        H5Sclose(space);
    return rc;
}

/* The axes of a product's data: "." is one without values of its own, it is
 * counted. */
static int
put_axes(struct qn_writer_parts *w, hid_t group, const struct qn_product *p,
         size_t n)
{
    const char *names[QN_MAX_DIMS];
    int ndims = p->data->type.shape.ndims;

    for (int a = 0; a < ndims; a++)
        names[a] = ".";
    for (size_t i = 1; i < n; i++)
        if (p[i].axis >= 0 && p[i].axis < ndims)
            names[p[i].axis] = p[i].name;
    return ndims ? qn_writer_parts_words(w, group, "axes", names,
                                         (size_t)ndims)
                 : 0;
}

/* A product and the n - 1 further datasets of its group. */
static int
put_product(struct qn_writer_parts *w, hid_t entry,
            const struct qn_product *p, size_t n, int compress)
{
    hid_t group = -1;
    int rc = qn_writer_parts_group(w, &group, entry, p->name, "NXdata");

    if (!rc)
        rc = qn_writer_parts_word(w, group, "signal", "data");
    if (!rc)
        rc = put_axes(w, group, p, n);
    for (size_t i = 0; i < n && !rc; i++) {
        if (w->form)
            describe_data(w->form, &p[i], compress);
        else
            rc = put_data(w, group, &p[i], compress);
    }
    if (group >= 0)
        H5Gclose(group);
    return rc;
}

static int
put_products(struct qn_writer_parts *w, hid_t entry,
             const struct qn_output *out)
{
    for (size_t i = 0, n; i < out->nproducts; i += n) {
        for (n = 1; i + n < out->nproducts && out->products[i + n].within;)
            n++;
        QN_TRY(put_product(w, entry, &out->products[i], n, out->compress));
    }
    return 0;
}

/* ---- the file ----------------------------------------------------------- */

static int
put_root(struct qn_writer_parts *w, const struct qn_provenance *p)
{
    char creator[64];

    snprintf(creator, sizeof creator, "quern %s",
             p->version ? p->version : "");
    QN_TRY(qn_writer_parts_word(w, w->file, "NX_class", "NXroot"));
    QN_TRY(qn_writer_parts_word(w, w->file, "default", "entry"));
    return qn_writer_parts_word(w, w->file, "creator", creator);
}

static int
put_entry(struct qn_writer_parts *w, const struct qn_output *out)
{
    hid_t entry = -1;
    int rc = qn_writer_parts_group(w, &entry, w->file, "entry", "NXentry");

    if (!rc)
        rc = qn_writer_parts_word(w, entry, "default", out->products[0].name);
    if (!rc)
        rc = put_products(w, entry, out);
    if (!rc)
        rc = qn_writer_tables_items(w, entry, out);
    if (!rc)
        rc = qn_writer_tables_columns(w, entry, out);
    if (!rc)
        rc = qn_writer_tables_process(w, entry, &out->provenance);
    if (!rc)
        rc = qn_writer_tables_header(w, entry, out->cards);
    if (entry >= 0)
        H5Gclose(entry);
    return rc;
}

static int
put_all(struct qn_writer_parts *w, const struct qn_output *out)
{
    QN_TRY(put_root(w, &out->provenance));
    return put_entry(w, out);
}

static int
make_file(struct qn_writer_parts *w, const struct qn_output *out)
{
    int rc = qn_writer_parts_open(w);

    if (!rc)
        rc = put_all(w, out);
    if (w->file >= 0 && H5Fclose(w->file) < 0 && !rc)
        rc = qn_writer_parts_check(w, -1);
    return rc;
}

static bool
is_without_samples(const struct qn_output *out)
{
    for (size_t i = 0; i < out->nproducts; i++)
        if (out->products[i].place || out->products[i].chunk)
            return true;
    return false;
}

/* As the last output, around other data; or by HDF5, and then the next may be.
 */
static int
write_file(struct qn_writer_parts *w, const struct qn_output *out)
{
    struct qn_writer_parts describing = {.file = -1, .err = w->err};
    struct qn_writer_form form = {0};
    int rc;

    if (!out->image || is_without_samples(out))
        return make_file(w, out);
    describing.form = &form;
    rc = put_all(&describing, out);
    if (!rc && qn_writer_image_fits(out->image, &form)) {
        rc = qn_writer_image_write(out->image, &form, &w->sink, w->err);
    } else if (!rc) {
        rc = make_file(w, out);
        if (!rc)
            qn_writer_image_keep(out->image, &form, &w->sink, w->hole,
                                 w->nholes);
    }
    qn_writer_image_drop(&form);
    return rc;
}

/* A product stands beside process and header in /entry. */
static int
check_names(const struct qn_output *out, struct qn_error *err)
{
    if (out->nproducts == 0)
        return qn_fail(err, QN_EVALUE, "%s: there is no product to write",
                       out->path);
    for (size_t i = 0; i < out->nproducts; i++) {
        const char *name = out->products[i].name;
        if (!*name || strchr(name, '/') || !strcmp(name, ".") ||
            !strcmp(name, "process") || !strcmp(name, "header") ||
            (out->rows && (!strcmp(name, "items") ||
                           !strcmp(name, "items_header"))))
            return qn_fail(err, QN_EVALUE,
                           "%s: a product cannot be called '%s'; choose "
                           "another name",
                           out->path, name);
    }
    return 0;
}

int
qn_writer_hdf5(const struct qn_output *out, struct qn_error *err)
{
    struct qn_writer_parts w = {.file = -1, .err = err};
    int rc;

    QN_TRY(check_names(out, err));
    QN_TRY(qn_writer_sink_open(&w.sink, out->path, err));
    // Causes go into our sentence, not on stderr.
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    rc = write_file(&w, out);
    if (rc)
        w.err = NULL; // the first sentence stays
    if (qn_writer_sink_close(&w.sink, !rc && !out->nosync, w.err) && !rc)
        rc = QN_EIO;
    if (rc)
        unlink(out->path);
    return rc;
}
