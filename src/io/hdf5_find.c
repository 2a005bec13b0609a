/* Which dataset of an HDF5 file is the one, where the job names none.
 *
 * First as NeXus says: the root's @default (or its only NXentry), that group's
 * @default, and so on to an NXdata, whose @signal names it.  Else the only
 * dataset of numbers with at least one axis; the scales of axes (as NetCDF-4
 * writes them) are not counted.
 */
#include "io/hdf5_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/dtype.h"

#define HOPS_MOST   8
#define LISTED_MOST 12
#define NAME_MOST   1024

/* ---- NeXus -------------------------------------------------------------- */

struct only {
    const char *class; /* the NX_class looked for      */
    char name[NAME_MOST];
    int n;
};

static herr_t
count_class(hid_t group, const char *name, const H5L_info_t *info, void *ctx)
{
    struct only *o = ctx;
    char class[64];
    hid_t child;

    // Hard links only: the search must not leave the file.
    if (info->type != H5L_TYPE_HARD || strlen(name) >= sizeof o->name)
        return 0;
    child = H5Oopen(group, name, H5P_DEFAULT);
    if (child < 0)
        return 0;
    if (H5Iget_type(child) == H5I_GROUP &&
        qn_hdf5_value_text(child, "NX_class", class, sizeof class) &&
        strcmp(class, o->class) == 0) {
        o->n++;
        strcpy(o->name, name);
    }
    H5Oclose(child);
    return o->n > 1;
}

// The child that NeXus leads to next: a group, or the signal itself.
static bool
next_name(char name[NAME_MOST], hid_t group, bool *signal)
{
    struct only o = {.class = "NXdata"};
    char class[64] = "";

    qn_hdf5_value_text(group, "NX_class", class, sizeof class);
    *signal = qn_hdf5_value_text(group, "signal", name, NAME_MOST);
    if (*signal || qn_hdf5_value_text(group, "default", name, NAME_MOST))
        return true;
    if (class[0] == 0 || strcmp(class, "NXroot") == 0)
        o.class = "NXentry";
    else if (strcmp(class, "NXentry") != 0)
        return false;
    H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, count_class, &o);
    strcpy(name, o.name);
    return o.n == 1;
}

static hid_t
open_at(const char *path, hid_t file, const char *disk, enum qn_links links)
{
    struct qn_hdf5_place place;
    hid_t id;

    if (qn_hdf5_path_follow(&place, file, disk, path, links, NULL))
        return -1;
    id = H5Oopen(place.file, place.path, H5P_DEFAULT);
    qn_hdf5_path_clear(&place);
    return id;
}

// One step on from path; true once it is a dataset.
static bool
step(struct qn_text *path, bool *end, hid_t file, const char *disk,
     enum qn_links links)
{
    hid_t id = open_at(path->len ? path->s : "/", file, disk, links);
    char name[NAME_MOST];
    bool signal = false, found = false;

    *end = true;
    if (id < 0)
        return false;
    if (H5Iget_type(id) == H5I_DATASET) {
        found = true;
    } else if (H5Iget_type(id) == H5I_GROUP && next_name(name, id, &signal)) {
        if (name[0] == '/')
            qn_text_clear(path);
        qn_text_add(path, "%s%s", name[0] == '/' ? "" : "/", name);
        *end = path->failed;
    }
    H5Oclose(id);
    return found;
}

static bool
find_nexus(struct qn_text *path, hid_t file, const char *disk,
           enum qn_links links)
{
    bool found = false, end = false;

    for (int i = 0; i < HOPS_MOST && !end; i++)
        found = step(path, &end, file, disk, links);
    H5Eclear2(H5E_DEFAULT);
    return found;
}

/* ---- the only candidate ------------------------------------------------- */

struct search {
    struct qn_text list;
    char *first; /* owned */
    int n;
    bool failed;
};

// An array of numbers that is no scale of an axis.
static bool
is_candidate(struct qn_type *t, hid_t dataset)
{
    hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
    hsize_t n[H5S_MAX_RANK];
    char class[32] = "";
    bool yes = space >= 0 && type >= 0 && qn_hdf5_value_type(&t->dtype, type);

    t->shape.ndims = space >= 0 ? H5Sget_simple_extent_ndims(space) : 0;
    yes = yes && t->shape.ndims >= 1 && t->shape.ndims <= QN_MAX_DIMS &&
          H5Sget_simple_extent_dims(space, n, NULL) >= 0;
    for (int a = 0; yes && a < t->shape.ndims; a++)
        t->shape.n[a] = (int64_t)n[a];
    qn_hdf5_value_text(dataset, "CLASS", class, sizeof class);
    if (type >= 0)
        H5Tclose(type);
    if (space >= 0)
        H5Sclose(space);
    return yes && strcmp(class, "DIMENSION_SCALE") != 0;
}

static herr_t
visit(hid_t file, const char *name, const H5O_info_t *info, void *ctx)
{
    struct search *s = ctx;
    struct qn_type t;
    char shape[256];
    hid_t dataset;

    if (info->type != H5O_TYPE_DATASET)
        return 0;
    dataset = H5Dopen2(file, name, H5P_DEFAULT);
    if (dataset < 0)
        return 0;
    if (is_candidate(&t, dataset)) {
        if (s->n++ == 0)
            s->failed = qn_memory_copy(&s->first, name, NULL) != 0;
        if (s->n <= LISTED_MOST)
            qn_text_add(&s->list, "%s/%s (%s, %s)", s->n > 1 ? ", " : "", name,
                        qn_shape_text(shape, sizeof shape, &t.shape),
                        qn_dtype_name(t.dtype));
    }
    H5Dclose(dataset);
    return s->n > LISTED_MOST;
}

static int
judge(char **path, const struct search *s, herr_t visited, struct qn_error *err)
{
    struct qn_text text = {0};

    if (s->failed)
        return qn_fail(err, QN_ENOMEM, "no memory for a path");
    if (s->n > 1)
        return qn_fail(
            err, QN_EFORMAT,
            "holds several datasets that could be read; name one as dataset: "
            "%s%s",
            qn_text_get(&s->list), s->n > LISTED_MOST ? ", ..." : "");
    if (visited < 0)
        return qn_hdf5_value_fail(err, QN_EFORMAT, "its groups are damaged");
    if (s->n == 0)
        return qn_fail(err, QN_EFORMAT, "holds no dataset of numbers to read");
    qn_text_add(&text, "/%s", s->first);
    *path = text.s;
    return qn_text_check(&text, err);
}

int
qn_hdf5_find_default(char **path, hid_t file, const char *disk,
                     enum qn_links links, struct qn_error *err)
{
    struct qn_text nexus = {0};
    struct search s = {0};
    herr_t visited;
    int rc;

    *path = NULL;
    if (find_nexus(&nexus, file, disk, links)) {
        *path = nexus.s;
        return qn_text_check(&nexus, err);
    }
    qn_text_clear(&nexus);
    visited =
        H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_INC, visit, &s, H5O_INFO_BASIC);
    rc = judge(path, &s, visited, err);
    qn_text_clear(&s.list);
    free(s.first);
    return rc;
}
