/* NetCDF classic files (CDF-1, 2 and 5), by libnetcdf.
 *
 * NetCDF-4 files are HDF5 and go to hdf5.c.  The CF attributes are understood
 * by decode.c, the same for both.  Whether the file is whole is checked here,
 * because libnetcdf does not (netcdf_size.c).
 */
#include "io/reader_backend.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "io/listing.h"
#include "io/netcdf_load.h"
#include "io/netcdf_size.h"
#include "model/dtype.h"
#include "model/glob.h"
#include "model/json.h"

#define LISTED_MOST 12

struct netcdf {
    const struct qn_bytes *bytes; /* borrowed */
    bool is_open;
    int file; /* libnetcdf's number */
    int var;
    char name[NC_MAX_NAME + 1];
    struct qn_type type;
};

static const struct qn_netcdf_calls *
nc(void)
{
    return qn_netcdf_load_calls();
}

static int
fail_nc(int rc, const char *what, struct qn_error *err)
{
    return qn_fail(err, QN_EFORMAT, "%s; libnetcdf says: %s", what,
                   nc()->strerror(rc));
}

static bool
map_type(enum qn_dtype *t, nc_type type)
{
    switch (type) {
    case NC_BYTE: *t = QN_I8; return true;
    case NC_UBYTE: *t = QN_U8; return true;
    case NC_SHORT: *t = QN_I16; return true;
    case NC_USHORT: *t = QN_U16; return true;
    case NC_INT: *t = QN_I32; return true;
    case NC_UINT: *t = QN_U32; return true;
    case NC_INT64: *t = QN_I64; return true;
    case NC_UINT64: *t = QN_U64; return true;
    case NC_FLOAT: *t = QN_F32; return true;
    case NC_DOUBLE: *t = QN_F64; return true;
    default: return false;
    }
}

/* ---- which variable ----------------------------------------------------- */

// Its type and shape; false where it is no array of numbers that fits.
static bool
describe(struct qn_type *t, int file, int var)
{
    int ndims, ids[NC_MAX_VAR_DIMS];
    nc_type type;
    size_t n;

    if (nc()->inq_var(file, var, NULL, &type, &ndims, ids, NULL) ||
        ndims > QN_MAX_DIMS || !map_type(&t->dtype, type))
        return false;
    t->shape.ndims = ndims;
    for (int a = 0; a < ndims; a++) {
        if (nc()->inq_dimlen(file, ids[a], &n))
            return false;
        t->shape.n[a] = (int64_t)n;
    }
    return true;
}

// A coordinate variable has the name of a dimension.
static bool
is_candidate(int file, int var, struct qn_type *t, char *name)
{
    int dim;

    return describe(t, file, var) && t->shape.ndims > 0 &&
           !nc()->inq_varname(file, var, name) && nc()->inq_dimid(file, name, &dim);
}

static int
find_only(struct netcdf *s, struct qn_error *err)
{
    char name[NC_MAX_NAME + 1], shape[256];
    struct qn_text list = {0};
    struct qn_type t;
    int nvars = 0, found = 0;

    nc()->inq_nvars(s->file, &nvars);
    for (int v = 0; v < nvars; v++) {
        if (!is_candidate(s->file, v, &t, name))
            continue;
        if (found++ == 0)
            s->var = v;
        if (found <= LISTED_MOST)
            qn_text_add(&list, "%s%s (%s, %s)", found > 1 ? ", " : "", name,
                        qn_shape_text(shape, sizeof shape, &t.shape),
                        qn_dtype_name(t.dtype));
    }
    if (found == 0)
        qn_fail(err, QN_EFORMAT, "holds no variable of numbers to read");
    else if (found > 1)
        qn_fail(
            err, QN_EFORMAT,
            "holds %d variables that could be read; name one as dataset: %s%s",
            found, qn_text_get(&list), found > LISTED_MOST ? ", ..." : "");
    qn_text_clear(&list);
    return found == 1 ? 0 : QN_EFORMAT;
}

static const char *
bare(const char *name)
{
    return *name == '/' ? name + 1 : name;
}

static int
find_variable(struct netcdf *s, const char *dataset, struct qn_error *err)
{
    int rc;

    if (!dataset)
        QN_TRY(find_only(s, err));
    else if ((rc = nc()->inq_varid(s->file, bare(dataset), &s->var)))
        return qn_fail(err, QN_EMISSING, "there is no variable '%s'",
                       bare(dataset));
    if ((rc = nc()->inq_varname(s->file, s->var, s->name)))
        return fail_nc(rc, "a variable cannot be read", err);
    if (!describe(&s->type, s->file, s->var))
        return qn_fail(err, QN_EFORMAT,
                       "variable %s holds no numbers, or has more than %d axes",
                       s->name, QN_MAX_DIMS);
    return qn_reader_plausible(&s->type.shape, err);
}

static int
match_names(struct qn_names *found, int file, const char *pattern,
            struct qn_error *err)
{
    char name[NC_MAX_NAME + 1];
    size_t first = found->n;
    int nvars = 0;

    nc()->inq_nvars(file, &nvars);
    for (int v = 0; v < nvars; v++)
        if (!nc()->inq_varname(file, v, name) &&
            qn_glob_match(pattern, name, strlen(name)))
            QN_TRY(qn_names_add(found, name, err));
    qn_names_sort(found, first);
    if (found->n == first)
        return qn_fail(err, QN_EMISSING, "no variable matches '%s'", pattern);
    return 0;
}

static int
check_size(struct netcdf *s, int var, struct qn_error *err)
{
    size_t nrecords = 0;
    int64_t need = 0;
    int unlimited = -1;

    if (!nc()->inq_unlimdim(s->file, &unlimited) && unlimited >= 0)
        nc()->inq_dimlen(s->file, unlimited, &nrecords);
    QN_TRY(qn_netcdf_size(&need, s->bytes, var, (int64_t)nrecords, err));
    return qn_bytes_need(s->bytes, need, err);
}

/* ---- attributes --------------------------------------------------------- */

// One attribute; var may be NC_GLOBAL.
static bool
load_attribute(struct qn_attribute *a, int file, int var, const char *name)
{
    nc_type type;
    size_t len;
    char *all;

    if (nc()->inq_att(file, var, name, &type, &len) || len > (1 << 24))
        return false;
    all = calloc(len + 1, 8);
    if (!all || nc()->get_att(file, var, name, all)) {
        free(all);
        return false;
    }
    *a = (struct qn_attribute){0};
    if (type == NC_CHAR) {
        len = len < sizeof a->text ? len : sizeof a->text - 1;
        memcpy(a->text, all, len);
    } else if (map_type(&a->type, type)) {
        a->n = len < QN_MAX_MISSING ? (int)len : QN_MAX_MISSING;
        memcpy(a->v, all, (size_t)a->n * qn_dtype_size(a->type));
    }
    free(all);
    return true;
}

static bool
lookup_attribute(void *ctx, const char *name, struct qn_attribute *a)
{
    const struct netcdf *s = ctx;

    return load_attribute(a, s->file, s->var, name);
}

/* ---- opening ------------------------------------------------------------ */

static void
netcdf_close(void *state)
{
    struct netcdf *s = state;

    if (!s)
        return;
    if (s->is_open)
        nc()->close(s->file);
    free(s);
}

// "./" keeps a name from being taken for an address ("http://...").
static int
open_file(struct netcdf *s, struct qn_error *err)
{
    struct qn_text path = {0};
    int rc;

    QN_TRY(qn_netcdf_load(err));
    if (s->bytes->data) {
        rc = nc()->open_mem("memory", NC_NOWRITE, (size_t)s->bytes->size,
                         s->bytes->data, &s->file);
    } else {
        qn_text_add(&path, "%s%s", s->bytes->path[0] == '/' ? "" : "./",
                    s->bytes->path);
        QN_TRY(qn_text_check(&path, err));
        rc = nc()->open(path.s, NC_NOWRITE, &s->file);
        qn_text_clear(&path);
    }
    if (rc)
        return fail_nc(rc, "its header cannot be read", err);
    s->is_open = true;
    return 0;
}

static int
netcdf_match(struct qn_names *found, const struct qn_source *source,
             const char *pattern, const struct qn_bytes *bytes,
             struct qn_error *err)
{
    struct netcdf s = {.bytes = bytes};
    int rc;

    (void)source;
    QN_TRY(qn_netcdf_size_check(bytes, err));
    QN_TRY(open_file(&s, err));
    rc = match_names(found, s.file, bare(pattern), err);
    nc()->close(s.file);
    return rc;
}

static json_t *
variable_entry(int file, int var)
{
    char name[NC_MAX_NAME + 1] = "";
    struct qn_type t = {0};
    nc_type type = NC_NAT;
    bool numbers = describe(&t, file, var);
    int nattributes = 0;

    nc()->inq_varname(file, var, name);
    nc()->inq_vartype(file, var, &type);
    nc()->inq_varnatts(file, var, &nattributes);
    return json_pack("{s:o,s:s,s:s,s:o,s:n,s:[],s:i,s:n}", "path",
                     qn_listing_text(name), "kind", "dataset", "dtype",
                     numbers           ? qn_dtype_name(t.dtype)
                     : type == NC_CHAR ? "text"
                                       : "other",
                     "shape", numbers ? qn_json_shape(&t.shape) : json_null(),
                     "chunks", "filters", "attributes", nattributes, "link");
}

static int
netcdf_list(struct qn_listing *listing, const struct qn_source *source,
            const struct qn_bytes *bytes, struct qn_error *err)
{
    struct netcdf s = {.bytes = bytes};
    int nvars = 0, rc = 0;

    (void)source;
    QN_TRY(qn_netcdf_size_check(bytes, err));
    QN_TRY(open_file(&s, err));
    nc()->inq_nvars(s.file, &nvars);
    for (int v = 0; v < nvars && !rc; v++)
        rc = qn_listing_add(listing, variable_entry(s.file, v), err);
    nc()->close(s.file);
    return rc;
}

static int
open_variable(struct netcdf *s, const struct qn_source *source,
              struct qn_error *err)
{
    QN_TRY(qn_netcdf_size_check(s->bytes, err));
    QN_TRY(open_file(s, err));
    QN_TRY(find_variable(s, source->dataset, err));
    return check_size(s, s->var, err);
}

static int
netcdf_open(void **state, struct qn_held *held, const struct qn_source *source,
            const struct qn_bytes *bytes, struct qn_error *err)
{
    struct netcdf *s = NULL;
    int rc;

    *state = NULL;
    QN_TRY(qn_memory_make((void **)&s, 1, sizeof *s, "a reader", err));
    s->bytes = bytes;
    rc = open_variable(s, source, err);
    if (rc) {
        netcdf_close(s);
        return rc;
    }
    held->where = s->name;
    held->shape = s->type.shape;
    held->decode = qn_decode_plain(s->type.dtype);
    if (!source->undecoded)
        qn_decode_cf(&held->decode, lookup_attribute, s);
    *state = s;
    return 0;
}

/* ---- fields ------------------------------------------------------------- */

static int
give_text(struct netcdf *s, int var, const char *name, char *value, size_t size,
          struct qn_error *err)
{
    size_t len = 0;
    char *text = NULL;
    int rc;

    nc()->inq_attlen(s->file, var, name, &len);
    QN_TRY(qn_memory_make((void **)&text, len + 1, 1, "a text", err));
    rc = nc()->get_att_text(s->file, var, name, text)
             ? qn_fail(err, QN_EFORMAT, "attribute %s cannot be read", name)
             : qn_reader_text(value, size, text, len, err);
    free(text);
    return rc;
}

static int
attribute_field(struct netcdf *s, int var, const char *name, char *value,
                size_t size, bool *is_text, struct qn_error *err)
{
    struct qn_attribute a = {0};
    nc_type type;

    if (nc()->inq_atttype(s->file, var, name, &type))
        return qn_fail(err, QN_EMISSING, "there is no attribute @%s", name);
    if (type == NC_CHAR) {
        *is_text = true;
        return give_text(s, var, name, value, size, err);
    }
    if (!load_attribute(&a, s->file, var, name) || a.n != 1)
        return qn_fail(err, QN_EVALUE, "attribute @%s is not a single value",
                       name);
    qn_reader_number(value, size, a.type, a.v);
    return 0;
}

static int
variable_field(struct netcdf *s, int var, const char *name, char *value,
               size_t size, struct qn_error *err)
{
    size_t zero[QN_MAX_DIMS] = {0};
    unsigned char one[8];
    struct qn_type t;
    int rc;

    if (!describe(&t, s->file, var) || qn_shape_count(&t.shape) != 1)
        return qn_fail(err, QN_EVALUE, "variable %s is not a single number",
                       name);
    QN_TRY(check_size(s, var, err));
    if ((rc = nc()->get_var1(s->file, var, zero, one)))
        return fail_nc(rc, name, err);
    qn_reader_number(value, size, t.dtype, one);
    return 0;
}

static int
netcdf_field(void *state, const char *name, char *value, size_t size,
             bool *is_text, struct qn_error *err)
{
    struct netcdf *s = state;
    const char *at = strchr(name, '@');
    char owner[NC_MAX_NAME + 2] = "";
    int var = s->var;

    if (*name != '/' && *name != '@')
        return qn_fail(
            err, QN_EMISSING,
            "no field %s; in NetCDF write /variable, /variable@attribute or "
            "@attribute",
            name);
    if ((at ? (size_t)(at - name) : strlen(name)) >= sizeof owner)
        return qn_fail(err, QN_EMISSING, "no field %s", name);
    memcpy(owner, name, at ? (size_t)(at - name) : strlen(name));
    if (strcmp(owner, "/") == 0)
        var = NC_GLOBAL;
    else if (*owner && nc()->inq_varid(s->file, owner + 1, &var))
        return qn_fail(err, QN_EMISSING, "there is no variable %s", owner + 1);
    if (at)
        return attribute_field(s, var, at + 1, value, size, is_text, err);
    return variable_field(s, var, owner + 1, value, size, err);
}

/* ---- samples ------------------------------------------------------------ */

static int
netcdf_read(void *state, const struct qn_box *box, void *dst,
            struct qn_error *err)
{
    const struct netcdf *s = state;
    size_t start[QN_MAX_DIMS], count[QN_MAX_DIMS];
    ptrdiff_t step[QN_MAX_DIMS];
    bool strided = false;
    int rc;

    for (int a = 0; a < box->ndims; a++) {
        start[a] = (size_t)box->start[a];
        count[a] = (size_t)box->count[a];
        step[a] = (ptrdiff_t)box->step[a];
        strided |= box->step[a] != 1;
    }
    rc = strided ? nc()->get_vars(s->file, s->var, start, count, step, dst)
                 : nc()->get_vara(s->file, s->var, start, count, dst);
    return rc ? fail_nc(rc, "its samples cannot be read", err) : 0;
}

const struct qn_backend qn_netcdf_backend = {
    .name = "netcdf",
    .open = netcdf_open,
    .match = netcdf_match,
    .list = netcdf_list,
    .field = netcdf_field,
    .read = netcdf_read,
    .close = netcdf_close,
};
