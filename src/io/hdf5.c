/* HDF5 datasets, NetCDF-4 included.
 *
 * Opens the dataset that the job names, or the default one (hdf5_find.c), by
 * a path whose links have been followed and checked (hdf5_path.c), and reads
 * boxes of it as hyperslabs in this machine's own types.  What the CF
 * attributes mean is known to decode.c.
 */
#include "io/hdf5_chunks.h"
#include "io/hdf5_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/unpacked.h"
#include "model/dtype.h"

// Of unpacked rows, where nobody says how much memory there is.
#define WINDOW_LEAST ((int64_t)1 << 20)
#define CHUNK_MOST   0x1p40 // bytes; larger ones are nobody's

struct hdf5 {
    hid_t file, dataset, space; /* owned, -1: not open                    */
    const char *disk;           /* borrowed: the path of file             */
    bool inflated;              /* it was gzipped, and is in memory       */
    char *where;                /* owned: the dataset as the job names it */
    enum qn_links links;
    struct qn_type type;
    struct qn_hdf5_chunks chunks;
    struct qn_unpacked window;
    struct qn_cards cards;      /* of an output of ours                   */
    size_t shared;              /* of these those that all items have     */
    struct qn_hdf5_rowcards rowcards;
};

static void
hdf5_close(void *state)
{
    struct hdf5 *s = state;

    if (!s)
        return;
    qn_hdf5_rowcards_close(&s->rowcards);
    if (s->space >= 0)
        H5Sclose(s->space);
    if (s->dataset >= 0)
        H5Dclose(s->dataset);
    if (s->file >= 0)
        H5Fclose(s->file);
    H5Eclear2(H5E_DEFAULT);
    qn_cards_clear(&s->cards);
    qn_unpacked_clear(&s->window);
    free(s->where);
    free(s);
}

/* ---- describing --------------------------------------------------------- */

static const char *
class_name(hid_t type)
{
    switch (H5Tget_class(type)) {
    case H5T_STRING: return "texts";
    case H5T_COMPOUND: return "records (a compound type)";
    case H5T_REFERENCE: return "references";
    case H5T_VLEN: return "lists of varying length";
    case H5T_ARRAY: return "arrays in each element";
    case H5T_OPAQUE:
    case H5T_BITFIELD: return "opaque bytes";
    default: return "numbers of more than 64 bits";
    }
}

static int
set_dtype(struct hdf5 *s, struct qn_error *err)
{
    hid_t type = H5Dget_type(s->dataset);
    int rc = 0;

    if (type < 0)
        return qn_hdf5_value_fail(err, QN_EFORMAT, "its type is damaged");
    if (!qn_hdf5_value_type(&s->type.dtype, type))
        rc = qn_fail(err, QN_EFORMAT,
                     "dataset %s holds %s; name one that holds numbers",
                     s->where, class_name(type));
    H5Tclose(type);
    return rc;
}

static int
set_shape(struct hdf5 *s, struct qn_error *err)
{
    hsize_t n[H5S_MAX_RANK];
    int ndims, rc;

    s->space = H5Dget_space(s->dataset);
    ndims = s->space >= 0 ? H5Sget_simple_extent_ndims(s->space) : -1;
    if (ndims < 0 || H5Sget_simple_extent_dims(s->space, n, NULL) < 0)
        return qn_hdf5_value_fail(err, QN_EFORMAT, "its shape is damaged");
    if (H5Sget_simple_extent_type(s->space) == H5S_NULL)
        return qn_fail(err, QN_EFORMAT, "dataset %s is empty (a null space)",
                       s->where);
    if (ndims > QN_MAX_DIMS)
        return qn_fail(err, QN_EFORMAT,
                       "dataset %s has %d axes; %d are the most", s->where,
                       ndims, QN_MAX_DIMS);
    s->type.shape.ndims = ndims;
    for (int a = 0; a < ndims; a++)
        s->type.shape.n[a] = n[a] > INT64_MAX ? INT64_MAX : (int64_t)n[a];
    if ((rc = qn_reader_plausible(&s->type.shape, err)))
        qn_wrap(err, "%s", s->where);
    return rc;
}

static int
check_filters(struct hdf5 *s, hid_t dcpl, struct qn_error *err)
{
    int n = H5Pget_nfilters(dcpl);

    for (int i = 0; i < n; i++) {
        char name[64] = "";
        size_t nvalues = 0;
        unsigned flags, config;
        H5Z_filter_t id = H5Pget_filter2(dcpl, (unsigned)i, &flags, &nvalues,
                                         NULL, sizeof name, name, &config);

        name[sizeof name - 1] = 0;
        if (id >= 0 && H5Zfilter_avail(id) > 0)
            continue;
        H5Eclear2(H5E_DEFAULT);
        return qn_fail(
            err, QN_EFORMAT,
            "dataset %s is compressed with filter %d (%s), which HDF5 does not "
            "find; install its plugin or set HDF5_PLUGIN_PATH",
            s->where, (int)id, name);
    }
    return 0;
}

/* ---- opening ------------------------------------------------------------ */

/* Samples that are unpacked together, along each axis; false: they lie there
 * as they are. */
static bool
find_packing(const struct hdf5 *s, int64_t chunk[QN_MAX_DIMS])
{
    hid_t dcpl = H5Dget_create_plist(s->dataset);
    hsize_t n[QN_MAX_DIMS];
    const int nd = s->type.shape.ndims;
    bool packed = nd > 0 && H5Pget_layout(dcpl) == H5D_CHUNKED &&
                  H5Pget_nfilters(dcpl) > 0 && H5Pget_chunk(dcpl, nd, n) == nd;

    for (int a = 0; packed && a < nd; a++)
        chunk[a] = (int64_t)n[a];
    H5Pclose(dcpl);
    return packed;
}

/* What is unpacked in vain is kept by a window: the library need not. */
static void
keep_rows(struct hdf5 *s, struct qn_held *held, int64_t memory)
{
    double bytes = 2 * (double)qn_dtype_size(s->type.dtype);
    int64_t chunk[QN_MAX_DIMS];

    if (!find_packing(s, chunk)) {
        qn_unpacked_make(&s->window, &(struct qn_type){0}, NULL, 0);
        return;
    }
    held->window = qn_unpacked_wish(&s->type, chunk);
    qn_unpacked_make(&s->window, &s->type, chunk,
                   memory > WINDOW_LEAST ? memory : WINDOW_LEAST);
    for (int a = 0; a < s->type.shape.ndims; a++)
        bytes *= (double)chunk[a];
    // one, packed and not
    held->unpacks = bytes < CHUNK_MOST ? (int64_t)bytes : (int64_t)CHUNK_MOST;
}

// Again, with what only the first look could tell.
static int
reopen(struct hdf5 *s, const struct qn_hdf5_place *place, struct qn_error *err)
{
    hid_t dcpl = H5Dget_create_plist(s->dataset);
    hid_t dapl = H5Pcreate(H5P_DATASET_ACCESS);
    bool outside = false;
    int rc = check_filters(s, dcpl, err);

    // Storage outside the file is beside the file, not where we stand.
    if (H5Pget_external_count(dcpl) > 0)
        outside = H5Pset_efile_prefix(dapl, "${ORIGIN}") >= 0;
    if (H5Pget_layout(dcpl) == H5D_VIRTUAL)
        outside = H5Pset_virtual_prefix(dapl, "${ORIGIN}") >= 0;
    H5Pclose(dcpl);
    if (!rc && outside && s->inflated)
        rc = qn_fail(
            err, QN_EFORMAT,
            "dataset %s lies in other files, which is not followed from a "
            "gzipped one; unpack it",
            s->where);
    if (!rc) {
        H5Sclose(s->space);
        H5Dclose(s->dataset);
        s->dataset = H5Dopen2(place->file, place->path, dapl);
        s->space = s->dataset >= 0 ? H5Dget_space(s->dataset) : -1;
        if (s->space < 0)
            rc = qn_hdf5_value_fail(err, QN_EFORMAT,
                                    "the dataset cannot be opened");
    }
    H5Pclose(dapl);
    return rc;
}

static int
open_place(struct hdf5 *s, const struct qn_hdf5_place *place,
           struct qn_error *err)
{
    hid_t id = H5Oopen(place->file, place->path, H5P_DEFAULT);

    if (id < 0)
        return qn_hdf5_value_fail(err, QN_EFORMAT,
                                  "the dataset cannot be opened");
    if (H5Iget_type(id) != H5I_DATASET) {
        H5Oclose(id);
        return qn_fail(err, QN_EFORMAT,
                       "%s is a group, not a dataset; name one in it",
                       s->where);
    }
    s->dataset = id;
    QN_TRY(set_dtype(s, err));
    QN_TRY(set_shape(s, err));
    QN_TRY(qn_hdf5_path_storage(s->dataset, place->disk, s->links, err));
    return reopen(s, place, err);
}

static int
open_dataset(struct hdf5 *s, const struct qn_source *source,
             const struct qn_bytes *bytes, struct qn_error *err)
{
    struct qn_hdf5_place place;
    struct qn_text where = {0};
    int rc;

    QN_TRY(qn_hdf5_path_file(&s->file, s->disk, bytes, err));
    if (source->dataset) {
        qn_text_add(&where, "%s%s", source->dataset[0] == '/' ? "" : "/",
                    source->dataset);
        s->where = where.s;
        QN_TRY(qn_text_check(&where, err));
    } else {
        QN_TRY(
            qn_hdf5_find_default(&s->where, s->file, s->disk, s->links, err));
    }
    QN_TRY(
        qn_hdf5_path_follow(&place, s->file, s->disk, s->where, s->links, err));
    rc = open_place(s, &place, err);
    qn_hdf5_path_clear(&place);
    if (rc)
        return rc;
    QN_TRY(
        qn_hdf5_header_load(&s->cards, s->file, s->disk, s->links, err));
    s->shared = s->cards.n;
    return source->one_row ? qn_hdf5_rowcards_open(&s->rowcards, s->file,
                                                   s->disk, s->links, err)
                           : 0;
}

static int
hdf5_open(void **state, struct qn_held *held, const struct qn_source *source,
          const struct qn_bytes *bytes, struct qn_error *err)
{
    struct hdf5 *s = NULL;
    int rc;

    *state = NULL;
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    QN_TRY(qn_memory_make((void **)&s, 1, sizeof *s, "a reader", err));
    s->file = s->dataset = s->space = -1;
    s->disk = bytes->path;
    s->inflated = bytes->data != NULL;
    s->links = source->links;
    rc = open_dataset(s, source, bytes, err);
    if (rc) {
        hdf5_close(s);
        return rc;
    }
    held->where = s->where;
    held->shape = s->type.shape;
    held->cards = &s->cards;
    held->decode = qn_decode_plain(s->type.dtype);
    if (!source->undecoded)
        qn_decode_cf(&held->decode, qn_hdf5_value_lookup, &s->dataset);
    qn_hdf5_chunks_look(&s->chunks, s->dataset, &s->type,
                        qn_hdf5_native(s->type.dtype), source->threads);
    if (s->chunks.use)
        held->chunk = s->chunks.chunk;
    keep_rows(s, held, source->window);
    *state = s;
    return 0;
}

/* ---- fields ------------------------------------------------------------- */

// By name: the object itself need not be opened for one of its attributes.
static int
attribute_field(hid_t at, const char *path, const char *attribute, char *value,
                size_t size, bool *is_text, struct qn_error *err)
{
    hid_t id;
    int rc;

    if (H5Aexists_by_name(at, path, attribute, H5P_DEFAULT) <= 0)
        return qn_fail(err, QN_EMISSING, "there is no attribute @%s",
                       attribute);
    id = H5Aopen_by_name(at, path, attribute, H5P_DEFAULT, H5P_DEFAULT);
    if (id < 0)
        return qn_hdf5_value_fail(err, QN_EFORMAT, "an attribute is damaged");
    rc = qn_hdf5_value_get(id, attribute, value, size, is_text, err);
    H5Aclose(id);
    return rc;
}

static int
dataset_field(const struct qn_hdf5_place *place, enum qn_links links,
              const char *name, char *value, size_t size, bool *is_text,
              struct qn_error *err)
{
    hid_t id = H5Oopen(place->file, place->path, H5P_DEFAULT);
    int rc;

    if (id < 0)
        return qn_hdf5_value_fail(err, QN_EFORMAT, name);
    if (H5Iget_type(id) != H5I_DATASET)
        rc = qn_fail(err, QN_EVALUE, "%s is a group, not a value", name);
    else
        rc = qn_hdf5_path_storage(id, place->disk, links, err);
    if (!rc)
        rc = qn_hdf5_value_get(id, name, value, size, is_text, err);
    H5Oclose(id);
    return rc;
}

static int
place_field(struct hdf5 *s, const char *path, const char *attribute,
            char *value, size_t size, bool *is_text, struct qn_error *err)
{
    struct qn_hdf5_place place;
    int rc;

    QN_TRY(qn_hdf5_path_follow(&place, s->file, s->disk, path, s->links, err));
    if (attribute)
        rc = attribute_field(place.file, place.path, attribute, value, size,
                             is_text, err);
    else
        rc = dataset_field(&place, s->links, path, value, size, is_text, err);
    qn_hdf5_path_clear(&place);
    return rc;
}

static int
hdf5_field(void *state, const char *name, char *value, size_t size,
           bool *is_text, struct qn_error *err)
{
    struct hdf5 *s = state;
    const char *at = strchr(name, '@');
    struct qn_text path = {0};
    int rc;

    if (*name == '@')
        return attribute_field(s->dataset, ".", name + 1, value, size, is_text,
                               err);
    if (*name != '/')
        return qn_hdf5_header_field(&s->cards, name, value, size, is_text,
                                    err);
    qn_text_bytes(&path, name, at ? (size_t)(at - name) : strlen(name));
    rc = qn_text_check(&path, err);
    if (!rc)
        rc = place_field(s, path.s, at ? at + 1 : NULL, value, size, is_text,
                         err);
    qn_text_clear(&path);
    return rc;
}

static int
hdf5_row(void *state, int64_t row, struct qn_error *err)
{
    struct hdf5 *s = state;

    s->cards.n = s->shared;
    return qn_hdf5_rowcards_add(&s->cards, &s->rowcards, row, err);
}

/* ---- samples ------------------------------------------------------------ */

static int
read_box(void *state, const struct qn_box *box, void *dst, struct qn_error *err)
{
    struct hdf5 *s = state;
    hsize_t start[QN_MAX_DIMS], step[QN_MAX_DIMS], count[QN_MAX_DIMS];
    hid_t native = qn_hdf5_native(s->type.dtype), mem = H5S_ALL;
    int rc = 0;

    if (qn_hdf5_chunks_read(&s->chunks, box, dst))
        return 0;
    for (int a = 0; a < box->ndims; a++) {
        start[a] = (hsize_t)box->start[a];
        step[a] = (hsize_t)box->step[a];
        count[a] = (hsize_t)box->count[a];
    }
    if (box->ndims) {
        H5Sselect_hyperslab(s->space, H5S_SELECT_SET, start, step, count, NULL);
        mem = H5Screate_simple(box->ndims, count, NULL);
    }
    if (H5Dread(s->dataset, native, mem, box->ndims ? s->space : H5S_ALL,
                H5P_DEFAULT, dst) < 0)
        rc = qn_hdf5_value_fail(err, QN_EFORMAT, "its samples cannot be read");
    if (box->ndims)
        H5Sclose(mem);
    return rc;
}

static int
hdf5_read(void *state, const struct qn_box *box, void *dst,
          struct qn_error *err)
{
    struct hdf5 *s = state;

    return qn_unpacked_get(&s->window, box, dst, read_box, s, err);
}

const struct qn_backend qn_hdf5_backend = {
    .name = "hdf5",
    .open = hdf5_open,
    .match = qn_hdf5_match,
    .texts = qn_hdf5_text,
    .list = qn_hdf5_list,
    .field = hdf5_field,
    .row = hdf5_row,
    .read = hdf5_read,
    .close = hdf5_close,
};
