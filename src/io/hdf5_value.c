/* HDF5 types, attributes and single values.
 *
 * Strings come in two kinds (fixed and variable length), numbers in any byte
 * order; HDF5 converts.  Whatever is neither is refused with its name.
 */
#include "io/hdf5_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/dtype.h"

#define VALUES_MOST 65536 // of an attribute that is looked at

/* ---- errors ------------------------------------------------------------- */

static herr_t
keep_first(unsigned n, const H5E_error2_t *e, void *ctx)
{
    (void)n;
    *(const char **)ctx = e->desc;
    return 1;
}

int
qn_hdf5_value_fail(struct qn_error *err, int code, const char *what)
{
    const char *says = NULL;

    // Upward: the innermost call comes first, and knows best.
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &says);
    if (says)
        qn_fail(err, code, "%s; HDF5 says: %s", what, says);
    else
        qn_fail(err, code, "%s", what);
    H5Eclear2(H5E_DEFAULT);
    return code;
}

/* ---- types -------------------------------------------------------------- */

bool
qn_hdf5_value_type(enum qn_dtype *t, hid_t type)
{
    static const enum qn_dtype of_signed[] = {QN_I8, QN_I16, QN_I32, QN_I64};
    static const enum qn_dtype of_unsigned[] = {QN_U8, QN_U16, QN_U32, QN_U64};
    H5T_class_t class = H5Tget_class(type);
    size_t size = H5Tget_size(type);
    bool is_signed = true;
    int k = size <= 1 ? 0 : size <= 2 ? 1 : size <= 4 ? 2 : 3;

    if (size == 0 || size > 8)
        return false;
    if (class == H5T_FLOAT) {
        *t = size <= 4 ? QN_F32 : QN_F64;
        return true;
    }
    if (class == H5T_INTEGER)
        is_signed = H5Tget_sign(type) != H5T_SGN_NONE;
    else if (class != H5T_ENUM) // h5py's bool is an enum of int8
        return false;
    *t = is_signed ? of_signed[k] : of_unsigned[k];
    return true;
}

/* ---- attributes and datasets alike -------------------------------------- */

struct holder {
    hid_t id, type, space;
    bool is_attribute;
    hssize_t n; /* values; 0 for an empty space */
};

static void
holder_clear(struct holder *h)
{
    if (h->type >= 0)
        H5Tclose(h->type);
    if (h->space >= 0)
        H5Sclose(h->space);
}

static bool
holder_make(struct holder *h, hid_t id)
{
    H5I_type_t kind = H5Iget_type(id);

    *h = (struct holder){.id = id, .type = -1, .space = -1};
    if (kind != H5I_ATTR && kind != H5I_DATASET)
        return false;
    h->is_attribute = kind == H5I_ATTR;
    h->type = h->is_attribute ? H5Aget_type(id) : H5Dget_type(id);
    h->space = h->is_attribute ? H5Aget_space(id) : H5Dget_space(id);
    h->n = h->space >= 0 ? H5Sget_simple_extent_npoints(h->space) : -1;
    return h->type >= 0 && h->n >= 0;
}

static herr_t
holder_read(const struct holder *h, hid_t mem, void *buf)
{
    if (h->is_attribute)
        return H5Aread(h->id, mem, buf);
    return H5Dread(h->id, mem, H5S_ALL, H5S_ALL, H5P_DEFAULT, buf);
}

// Its one text, as a new string, or NULL.
static char *
read_variable_text(const struct holder *h)
{
    hid_t mem = H5Tcopy(H5T_C_S1);
    char *theirs = NULL, *text = NULL;

    H5Tset_size(mem, H5T_VARIABLE);
    H5Tset_cset(mem, H5Tget_cset(h->type));
    if (holder_read(h, mem, &theirs) >= 0)
        text = strdup(theirs ? theirs : "");
    if (theirs)
        H5free_memory(theirs);
    H5Tclose(mem);
    return text;
}

static char *
read_text(const struct holder *h)
{
    size_t n = H5Tget_size(h->type);
    char *text;

    if (h->n != 1 || H5Tget_class(h->type) != H5T_STRING)
        return NULL;
    if (H5Tis_variable_str(h->type) > 0)
        return read_variable_text(h);
    text = n < (1 << 24) ? calloc(n + 1, 1) : NULL;
    if (text && holder_read(h, h->type, text) < 0) {
        free(text);
        text = NULL;
    }
    return text;
}

static int
give(const struct holder *h, const char *name, char *value, size_t size,
     bool *is_text, struct qn_error *err)
{
    unsigned char one[8];
    enum qn_dtype t;
    char *text;
    int rc;

    if (h->n != 1)
        return qn_fail(err, QN_EVALUE,
                       "%s holds %lld values where one is needed", name,
                       (long long)h->n);
    if ((text = read_text(h))) {
        *is_text = true;
        rc = qn_reader_text(value, size, text, strlen(text), err);
        free(text);
        return rc;
    }
    if (!qn_hdf5_value_type(&t, h->type))
        return qn_fail(err, QN_EVALUE,
                       "%s is neither a number nor a readable text", name);
    if (holder_read(h, qn_hdf5_native(t), one) < 0)
        return qn_hdf5_value_fail(err, QN_EFORMAT, name);
    qn_reader_number(value, size, t, one);
    return 0;
}

int
qn_hdf5_value_get(hid_t id, const char *name, char *value, size_t size,
                  bool *is_text, struct qn_error *err)
{
    struct holder h;
    int rc;

    if (holder_make(&h, id))
        rc = give(&h, name, value, size, is_text, err);
    else
        rc = qn_fail(err, QN_EVALUE, "%s is not a single value", name);
    holder_clear(&h);
    return rc;
}

/* ---- attributes --------------------------------------------------------- */

static void
load_numbers(struct qn_attribute *a, const struct holder *h)
{
    unsigned char *all;

    if (h->n > VALUES_MOST || !qn_hdf5_value_type(&a->type, h->type))
        return;
    all = calloc((size_t)h->n + 1, 8);
    if (all && holder_read(h, qn_hdf5_native(a->type), all) >= 0) {
        a->n = h->n < QN_MAX_MISSING ? (int)h->n : QN_MAX_MISSING;
        memcpy(a->v, all, (size_t)a->n * qn_dtype_size(a->type));
    }
    free(all);
}

bool
qn_hdf5_value_lookup(void *ctx, const char *name, struct qn_attribute *a)
{
    hid_t object = *(hid_t *)ctx, id;
    struct holder h;
    char *text;

    *a = (struct qn_attribute){0};
    if (H5Aexists(object, name) <= 0 ||
        (id = H5Aopen(object, name, H5P_DEFAULT)) < 0)
        return false;
    if (holder_make(&h, id)) {
        if ((text = read_text(&h)))
            strncat(a->text, text, sizeof a->text - 1);
        else
            load_numbers(a, &h);
        free(text);
    }
    holder_clear(&h);
    H5Aclose(id);
    return true;
}

bool
qn_hdf5_value_text(hid_t object, const char *name, char *text, size_t size)
{
    struct holder h;
    char *all = NULL;
    hid_t id;

    if (H5Aexists(object, name) <= 0 ||
        (id = H5Aopen(object, name, H5P_DEFAULT)) < 0)
        return false;
    if (holder_make(&h, id))
        all = read_text(&h);
    holder_clear(&h);
    H5Aclose(id);
    if (!all || strlen(all) >= size) {
        free(all);
        return false;
    }
    memcpy(text, all, strlen(all) + 1);
    free(all);
    return true;
}

int64_t
qn_hdf5_value_rows(hid_t dataset)
{
    hid_t space = H5Dget_space(dataset);
    hssize_t n = -1;

    if (space >= 0 && H5Sget_simple_extent_ndims(space) == 1)
        n = H5Sget_simple_extent_npoints(space);
    if (space >= 0)
        H5Sclose(space);
    return n;
}
