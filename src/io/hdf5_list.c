/* The datasets of an HDF5 file, for a listing.
 *
 * Every link is looked at once.  One that leads away is followed by the rules
 * of hdf5_path.c, and not further: what stands behind it belongs to another
 * place, and may lead back.
 */
#include "io/hdf5_parts.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "io/listing.h"
#include "model/dtype.h"

#define VALUE_MOST 4096 // bytes of a link that are shown

struct walk {
    struct qn_listing *listing;
    hid_t file;
    const char *disk;
    enum qn_links links;
    struct qn_error *err;
    int rc;
};

/* ---- one dataset -------------------------------------------------------- */

static const char *
type_name(hid_t type)
{
    enum qn_dtype t;

    if (qn_hdf5_value_type(&t, type))
        return qn_dtype_name(t);
    switch (H5Tget_class(type)) {
    case H5T_STRING: return "text";
    case H5T_COMPOUND: return "record";
    case H5T_REFERENCE: return "reference";
    case H5T_VLEN: return "list";
    case H5T_ARRAY: return "array";
    default: return "other";
    }
}

static json_t *
type_json(hid_t dataset)
{
    hid_t type = H5Dget_type(dataset);
    json_t *made;

    if (type < 0)
        return json_null();
    made = json_string(type_name(type));
    H5Tclose(type);
    return made;
}

static json_t *
lengths_json(int ndims, const hsize_t *n)
{
    json_t *a = json_array();

    for (int i = 0; a && i < ndims; i++)
        json_array_append_new(
            a, json_integer(n[i] > INT64_MAX ? INT64_MAX : (json_int_t)n[i]));
    return a;
}

// A null space has no shape.
static json_t *
shape_json(hid_t dataset)
{
    hid_t space = H5Dget_space(dataset);
    hsize_t n[H5S_MAX_RANK];
    json_t *made = NULL;

    if (space >= 0 && H5Sget_simple_extent_type(space) != H5S_NULL) {
        int ndims = H5Sget_simple_extent_dims(space, n, NULL);

        if (ndims >= 0)
            made = lengths_json(ndims, n);
    }
    if (space >= 0)
        H5Sclose(space);
    return made ? made : json_null();
}

static json_t *
chunks_json(hid_t dcpl)
{
    hsize_t n[H5S_MAX_RANK];
    int ndims;

    if (dcpl < 0 || H5Pget_layout(dcpl) != H5D_CHUNKED)
        return json_null();
    ndims = H5Pget_chunk(dcpl, H5S_MAX_RANK, n);
    return ndims < 0 ? json_null() : lengths_json(ndims, n);
}

static json_t *
filter_json(hid_t dcpl, unsigned i)
{
    char name[64] = "", text[128];
    unsigned flags, config, value[8] = {0};
    size_t nvalues = 8;
    H5Z_filter_t id = H5Pget_filter2(dcpl, i, &flags, &nvalues, value,
                                     sizeof name, name, &config);

    name[sizeof name - 1] = 0;
    if (id == H5Z_FILTER_DEFLATE)
        snprintf(text, sizeof text, "deflate %u", value[0]);
    else if (name[0])
        snprintf(text, sizeof text, "%s", name);
    else
        snprintf(text, sizeof text, "filter %d", (int)id);
    if (id < 0 || H5Zfilter_avail(id) <= 0)
        strcat(text, " (not installed)");
    return qn_listing_text(text);
}

static json_t *
filters_json(hid_t dcpl)
{
    int n = dcpl < 0 ? 0 : H5Pget_nfilters(dcpl);
    json_t *a = json_array();

    for (int i = 0; a && i < n; i++)
        json_array_append_new(a, filter_json(dcpl, (unsigned)i));
    return a;
}

static json_t *
dataset_entry(const char *path, hid_t dataset, const char *link)
{
    hid_t dcpl = H5Dget_create_plist(dataset);
    H5O_info_t info = {0};
    json_t *made;

    H5Oget_info(dataset, &info);
    made = json_pack("{s:o,s:s,s:o,s:o,s:o,s:o,s:I,s:o}", "path",
                     qn_listing_text(path), "kind", "dataset", "dtype",
                     type_json(dataset), "shape", shape_json(dataset),
                     "chunks", chunks_json(dcpl), "filters",
                     filters_json(dcpl), "attributes",
                     (json_int_t)info.num_attrs, "link",
                     qn_listing_text(link));
    if (dcpl >= 0)
        H5Pclose(dcpl);
    return made;
}

// What is no dataset, or cannot be looked into.
static json_t *
other_entry(const char *path, const char *kind, const char *link,
            const char *note)
{
    json_t *made = json_pack("{s:o,s:s,s:n,s:n,s:n,s:[],s:n,s:o}", "path",
                             qn_listing_text(path), "kind", kind, "dtype",
                             "shape", "chunks", "filters", "attributes",
                             "link", qn_listing_text(link));

    if (made && note)
        json_object_set_new(made, "note", qn_listing_text(note));
    return made;
}

/* ---- links -------------------------------------------------------------- */

// "/path", or "file.h5:/path".
static void
link_text(char text[VALUE_MOST], hid_t file, const char *path,
          const H5L_info_t *info)
{
    char value[VALUE_MOST] = "";
    const char *target = NULL, *name = NULL;
    unsigned flags;

    text[0] = 0;
    if (info->u.val_size >= sizeof value ||
        H5Lget_val(file, path, value, sizeof value - 1, H5P_DEFAULT) < 0)
        return;
    if (info->type == H5L_TYPE_SOFT)
        snprintf(text, VALUE_MOST, "%s", value);
    else if (info->type == H5L_TYPE_EXTERNAL &&
             H5Lunpack_elink_val(value, info->u.val_size, &flags, &name,
                                 &target) >= 0)
        snprintf(text, VALUE_MOST, "%s:%s", name, target);
}

static json_t *
open_entry(const char *path, hid_t file, const char *at, const char *link)
{
    hid_t id = H5Oopen(file, at, H5P_DEFAULT);
    struct qn_error why = {0};
    json_t *made = NULL;

    if (id < 0) {
        qn_hdf5_value_fail(&why, QN_EFORMAT, "it cannot be opened");
        return other_entry(path, "link", link, why.text);
    }
    if (H5Iget_type(id) == H5I_DATASET)
        made = dataset_entry(path, id, link);
    else
        made = other_entry(path, H5Iget_type(id) == H5I_GROUP ? "group"
                                                               : "link",
                           link, NULL);
    H5Oclose(id);
    return made;
}

static json_t *
link_entry(const struct walk *w, const char *path, const H5L_info_t *info)
{
    struct qn_hdf5_place place;
    struct qn_error why = {0};
    char link[VALUE_MOST];
    json_t *made;

    link_text(link, w->file, path, info);
    if (qn_hdf5_path_follow(&place, w->file, w->disk, path, w->links, &why))
        return other_entry(path, "link", link, why.text);
    made = open_entry(path, place.file, place.path, link);
    qn_hdf5_path_clear(&place);
    return made;
}

static bool
is_group(hid_t file, const char *path)
{
    H5O_info_t info;

    return H5Oget_info_by_name(file, path, &info, H5P_DEFAULT) >= 0 &&
           info.type != H5O_TYPE_DATASET;
}

static herr_t
visit(hid_t root, const char *name, const H5L_info_t *info, void *ctx)
{
    struct walk *w = ctx;
    struct qn_text path = {0};
    json_t *entry;

    (void)root;
    if (info->type == H5L_TYPE_HARD && is_group(w->file, name))
        return 0;
    qn_text_add(&path, "/%s", name);
    w->rc = qn_text_check(&path, w->err);
    if (!w->rc) {
        entry = info->type == H5L_TYPE_HARD
                    ? open_entry(path.s, w->file, path.s, NULL)
                    : link_entry(w, path.s, info);
        w->rc = qn_listing_add(w->listing, entry, w->err);
    }
    qn_text_clear(&path);
    return w->rc != 0;
}

/* ---- the file ----------------------------------------------------------- */

int
qn_hdf5_list(struct qn_listing *listing, const struct qn_source *source,
             const struct qn_bytes *bytes, struct qn_error *err)
{
    struct walk w = {.listing = listing, .disk = bytes->path,
                     .links = source->links, .err = err};
    herr_t done;

    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    QN_TRY(qn_hdf5_path_file(&w.file, w.disk, bytes, err));
    done = H5Lvisit(w.file, H5_INDEX_NAME, H5_ITER_INC, visit, &w);
    if (!w.rc && done < 0)
        w.rc = qn_hdf5_value_fail(err, QN_EFORMAT, "its groups are damaged");
    H5Fclose(w.file);
    H5Eclear2(H5E_DEFAULT);
    return w.rc;
}
