/* Reading an output of ours back: see hdf5_output.h.
 *
 * Nothing that the file says is believed: sizes are held against the file's
 * own before memory is asked for.  Read hdf5_output_data.c next. */
#include "io/hdf5_output_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "model/dtype.h"
#include "model/shape.h"

#define NOT_OURS "it is not an HDF5 file that quern wrote"

/* ---- the file ------------------------------------------------------------ */

static bool
is_ours(hid_t file)
{
    char creator[64] = "";
    hid_t root = H5Gopen2(file, "/", H5P_DEFAULT);

    if (root < 0)
        return false;
    qn_hdf5_value_text(root, "creator", creator, sizeof creator);
    H5Gclose(root);
    return !strncmp(creator, "quern ", 6);
}

static int
open_parts(struct qn_hdf5_output *o, const char *path, struct qn_error *err)
{
    struct stat st;

    // a FIFO would be waited for
    if (stat(path, &st) < 0)
        return qn_fail(err, errno == ENOENT ? QN_EMISSING : QN_EFORMAT,
                       "it cannot be read: %s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return qn_fail(err, QN_EFORMAT, "it is no regular file");
    o->size = st.st_size;
    QN_TRY(qn_memory_copy(&o->path, path, err));
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    o->file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (o->file < 0 || !is_ours(o->file))
        return qn_fail(err, QN_EFORMAT, NOT_OURS);
    o->entry = H5Gopen2(o->file, "/entry", H5P_DEFAULT);
    return o->entry < 0 ? qn_fail(err, QN_EFORMAT, "it has no /entry") : 0;
}

int
qn_hdf5_output_open(struct qn_hdf5_output **out, const char *path,
                    struct qn_error *err)
{
    struct qn_hdf5_output *o;
    int rc;

    *out = NULL;
    QN_TRY(qn_memory_make((void **)&o, 1, sizeof *o, "an output", err));
    o->file = o->entry = -1;
    rc = open_parts(o, path, err);
    if (rc)
        qn_hdf5_output_close(o);
    else
        *out = o;
    return rc;
}

void
qn_hdf5_output_close(struct qn_hdf5_output *o)
{
    if (!o)
        return;
    if (o->entry >= 0)
        H5Gclose(o->entry);
    if (o->file >= 0)
        H5Fclose(o->file);
    qn_cards_clear(&o->cards);
    free(o->path);
    free(o);
}

/* ---- texts --------------------------------------------------------------- */

static int
read_text(hid_t dataset, hid_t type, char **text, struct qn_error *err)
{
    hid_t space = H5Dget_space(dataset);
    size_t n = H5Tget_size(type);
    int rc = 0;

    if (space < 0 || H5Sget_simple_extent_type(space) != H5S_SCALAR ||
        H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) != 0 ||
        n > (64u << 20))
        rc = qn_fail(err, QN_EFORMAT, "a text in /entry/process is none");
    if (!rc)
        rc = qn_memory_make((void **)text, n + 1, 1, "a text", err);
    if (!rc && H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, *text) < 0)
        rc = qn_hdf5_value_fail(err, QN_EFORMAT,
                                "a text in /entry/process cannot be read");
    if (space >= 0)
        H5Sclose(space);
    return rc;
}

int
qn_hdf5_output_text(const struct qn_hdf5_output *o, const char *name,
                    char **text, struct qn_error *err)
{
    char path[300];
    hid_t dataset, type;
    int rc = 0;

    *text = NULL;
    snprintf(path, sizeof path, "process/%s", name);
    dataset = H5Dopen2(o->entry, path, H5P_DEFAULT);
    if (dataset < 0)
        return 0;
    type = H5Dget_type(dataset);
    rc = read_text(dataset, type, text, err);
    if (type >= 0)
        H5Tclose(type);
    H5Dclose(dataset);
    if (rc) {
        free(*text);
        *text = NULL;
    }
    return rc;
}

void
qn_hdf5_output_default(const struct qn_hdf5_output *o, char *name, size_t size)
{
    *name = '\0';
    qn_hdf5_value_text(o->entry, "default", name, size);
}

int
qn_hdf5_output_field(struct qn_hdf5_output *o, const char *name, char *value,
                     size_t size, bool *is_text, struct qn_error *err)
{
    if (!o->have_cards)
        QN_TRY(qn_hdf5_header_load(&o->cards, o->file, o->path,
                                   QN_LINKS_OWN_FOLDER, err));
    o->have_cards = true;
    return qn_hdf5_header_field(&o->cards, name, value, size, is_text, err);
}

/* ---- products ------------------------------------------------------------ */

struct listing {
    const struct qn_hdf5_output *o;
    struct qn_hdf5_set *set;
    size_t n;
    hid_t group;         /* the product's */
    const char *product; /* its name      */
    bool table;
    char axes[QN_MAX_DIMS][QN_HDF5_NAME];
    int naxes;
    struct qn_error *err;
    int rc;
};

/* The names in @axes of a product. */
static void
load_axes(struct listing *l)
{
    hid_t a = H5Aopen(l->group, "axes", H5P_DEFAULT), type, space;
    hssize_t n;
    size_t width;
    char *all;

    l->naxes = 0;
    if (a < 0)
        return;
    type = H5Aget_type(a);
    space = H5Aget_space(a);
    n = H5Sget_simple_extent_npoints(space);
    width = H5Tget_size(type);
    all = n > 0 && n <= QN_MAX_DIMS && width < QN_HDF5_NAME &&
                  H5Tget_class(type) == H5T_STRING &&
                  H5Tis_variable_str(type) == 0
              ? calloc((size_t)n, width)
              : NULL;
    if (all && H5Aread(a, type, all) >= 0)
        for (; l->naxes < (int)n; l->naxes++)
            snprintf(l->axes[l->naxes], QN_HDF5_NAME, "%.*s", (int)width,
                     all + (size_t)l->naxes * width);
    free(all);
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(a);
}

static int
axis_of(const struct listing *l, const char *name)
{
    for (int a = 0; a < l->naxes; a++)
        if (!strcmp(l->axes[a], name))
            return a;
    return -1;
}

static int
add_set(struct listing *l, const char *name)
{
    struct qn_hdf5_set *s = &l->set[l->n];

    if (l->n == QN_HDF5_SETS)
        return qn_fail(l->err, QN_EUNAVAILABLE,
                       "it has more than %d datasets in its products",
                       QN_HDF5_SETS);
    *s = (struct qn_hdf5_set){.table = l->table, .offset = -1};
    snprintf(s->product, sizeof s->product, "%s", l->product);
    snprintf(s->name, sizeof s->name, "%s", name);
    s->axis = axis_of(l, name);
    QN_TRY(qn_hdf5_output_data_describe(l->o, s, l->err));
    l->n++;
    return 0;
}

/* A member of a product; "data" came first. */
static herr_t
take_member(hid_t group, const char *name, const H5L_info_t *info, void *ctx)
{
    struct listing *l = ctx;

    (void)group;
    if (info->type != H5L_TYPE_HARD || strlen(name) >= QN_HDF5_NAME ||
        !strcmp(name, "data"))
        return 0;
    l->rc = add_set(l, name);
    return l->rc ? -1 : 0;
}

static int
take_datasets(struct listing *l)
{
    H5L_info_t info;

    l->table = H5Lexists(l->group, "data", H5P_DEFAULT) <= 0;
    load_axes(l);
    if (!l->table) {
        if (H5Lget_info(l->group, "data", &info, H5P_DEFAULT) < 0 ||
            info.type != H5L_TYPE_HARD)
            return qn_fail(l->err, QN_EFORMAT,
                           "/entry/%s/data leads out of the file", l->product);
        QN_TRY(add_set(l, "data"));
    }
    if (H5Literate(l->group, H5_INDEX_NAME, H5_ITER_INC, NULL, take_member, l) <
            0 &&
        !l->rc)
        return qn_hdf5_value_fail(l->err, QN_EFORMAT,
                                  "a product cannot be listed");
    return l->rc;
}

static herr_t
take_product(hid_t entry, const char *name, const H5L_info_t *info, void *ctx)
{
    struct listing *l = ctx;
    char class[32] = "";

    if (info->type != H5L_TYPE_HARD || strlen(name) >= QN_HDF5_NAME)
        return 0;
    l->group = H5Gopen2(entry, name, H5P_DEFAULT);
    if (l->group < 0)
        return 0; // a dataset
    qn_hdf5_value_text(l->group, "NX_class", class, sizeof class);
    l->product = name;
    if (!strcmp(class, "NXdata"))
        l->rc = take_datasets(l);
    H5Gclose(l->group);
    return l->rc ? -1 : 0;
}

int
qn_hdf5_output_sets(const struct qn_hdf5_output *o,
                    struct qn_hdf5_set set[QN_HDF5_SETS], size_t *n,
                    struct qn_error *err)
{
    struct listing l = {.o = o, .set = set, .err = err};

    *n = 0;
    if (H5Literate(o->entry, H5_INDEX_NAME, H5_ITER_INC, NULL, take_product,
                   &l) < 0 &&
        !l.rc)
        return qn_hdf5_value_fail(err, QN_EFORMAT, "/entry cannot be listed");
    *n = l.n;
    return l.rc;
}
