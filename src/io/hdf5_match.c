/* Which datasets of an HDF5 file a pattern names.
 *
 * A pattern is matched component by component, as a shell does it, so no
 * group is looked into that it does not lead to.  Links are matched by their
 * own names: a master file's data_000001 is one, whatever it leads to.
 */
#include "io/hdf5_parts.h"

#include <string.h>

#include "model/glob.h"

#define MATCHES_MOST 100000
#define WILD         "*?["

struct match {
    hid_t file;
    const char *disk;
    enum qn_links links;
    struct qn_names *found;
};

/* ---- one group ---------------------------------------------------------- */

struct choice {
    const char *pattern; /* of one component */
    bool last;           /* datasets are wanted, not groups */
    struct qn_names names;
    struct qn_error *err;
    int rc;
};

// A hard link that leads to the wrong kind of thing is passed over.
static bool
is_wanted(hid_t group, const char *name, const H5L_info_t *info, bool last)
{
    H5O_info_t object;

    if (info->type != H5L_TYPE_HARD)
        return true;
    if (H5Oget_info_by_name(group, name, &object, H5P_DEFAULT) < 0)
        return true; // damaged: whoever opens it says so
    return (object.type == H5O_TYPE_DATASET) == last;
}

static herr_t
choose(hid_t group, const char *name, const H5L_info_t *info, void *ctx)
{
    struct choice *c = ctx;

    if (!qn_glob_match(c->pattern, name, strlen(name)) ||
        !is_wanted(group, name, info, c->last))
        return 0;
    c->rc = qn_names_add(&c->names, name, c->err);
    return c->rc || c->names.n > MATCHES_MOST;
}

static int
choose_all(struct choice *c, const struct match *m, const char *path,
           struct qn_error *err)
{
    struct qn_hdf5_place place;
    hid_t group;
    herr_t done = 0;

    QN_TRY(qn_hdf5_path_follow(&place, m->file, m->disk, *path ? path : "/",
                               m->links, err));
    group = H5Oopen(place.file, place.path, H5P_DEFAULT);
    if (group < 0)
        c->rc = qn_hdf5_value_fail(err, QN_EFORMAT, "a group is damaged");
    else if (H5Iget_type(group) == H5I_GROUP)
        done = H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, choose, c);
    if (!c->rc && done < 0)
        c->rc = qn_hdf5_value_fail(err, QN_EFORMAT, "a group is damaged");
    if (group >= 0)
        H5Oclose(group);
    qn_hdf5_path_clear(&place);
    qn_names_sort(&c->names, 0);
    return c->rc;
}

/* ---- components --------------------------------------------------------- */

static int match_from(struct match *m, const char *path, const char *rest,
                      struct qn_error *err);

// path and name, then the rest of the pattern.
static int
go_on(struct match *m, const char *path, const char *name, size_t n,
      const char *rest, struct qn_error *err)
{
    struct qn_text t = {0};
    int rc;

    qn_text_add(&t, "%s/", path);
    qn_text_bytes(&t, name, n);
    rc = qn_text_check(&t, err);
    if (!rc)
        rc = match_from(m, t.s, rest, err);
    qn_text_clear(&t);
    return rc;
}

static int
match_wild(struct match *m, const char *path, const char *rest, size_t n,
           struct qn_error *err)
{
    struct qn_text pattern = {0};
    struct choice c = {.err = err};
    int rc;

    qn_text_bytes(&pattern, rest, n);
    rc = qn_text_check(&pattern, err);
    c.pattern = pattern.s;
    rest += n + strspn(rest + n, "/");
    c.last = !*rest;
    if (!rc)
        rc = choose_all(&c, m, path, err);
    for (size_t i = 0; i < c.names.n && !rc; i++)
        rc = go_on(m, path, c.names.v[i], strlen(c.names.v[i]), rest, err);
    qn_names_clear(&c.names);
    qn_text_clear(&pattern);
    return rc;
}

static bool
is_there(const struct match *m, const char *path)
{
    struct qn_hdf5_place place;
    int rc =
        qn_hdf5_path_follow(&place, m->file, m->disk, path, m->links, NULL);

    qn_hdf5_path_clear(&place);
    return rc != QN_EMISSING;
}

// Names without a wildcard.  Behind one, a group may lack what others have;
// a link that leads nowhere stays, and is told when it is opened.
static int
match_plain(struct match *m, const char *path, const char *rest, size_t n,
            struct qn_error *err)
{
    struct qn_text full = {0};
    bool lacks;
    int rc;

    qn_text_add(&full, "%s/", path);
    qn_text_bytes(&full, rest, n);
    rc = qn_text_check(&full, err);
    lacks = !rc && *path && is_there(m, path) && !is_there(m, full.s);
    qn_text_clear(&full);
    if (rc || lacks)
        return rc;
    return go_on(m, path, rest, n, rest + n + strspn(rest + n, "/"), err);
}

static int
match_from(struct match *m, const char *path, const char *rest,
           struct qn_error *err)
{
    size_t n = strcspn(rest, "/"), wild = strcspn(rest, WILD);

    if (!*rest) {
        if (m->found->n >= MATCHES_MOST)
            return qn_fail(err, QN_EFORMAT,
                           "more than %d datasets match; name fewer",
                           MATCHES_MOST);
        return qn_names_add(m->found, path, err);
    }
    if (wild < n)
        return match_wild(m, path, rest, n, err);
    if (rest[wild])
        while (rest[wild] != '/')
            wild--;
    return match_plain(m, path, rest, wild, err);
}

/* ---- the pattern -------------------------------------------------------- */

static int
match_all(struct match *m, const char *pattern, struct qn_error *err)
{
    pattern += strspn(pattern, "/");
    if (is_there(m, pattern)) // a name may hold a "["
        return qn_names_add(m->found, pattern, err);
    QN_TRY(match_from(m, "", pattern, err));
    if (m->found->n == 0)
        return qn_fail(err, QN_EMISSING, "no dataset matches /%s", pattern);
    return 0;
}

int
qn_hdf5_match(struct qn_names *found, const struct qn_source *source,
              const char *pattern, const struct qn_bytes *bytes,
              struct qn_error *err)
{
    struct match m = {.disk = bytes->path, .links = source->links,
                      .found = found};
    int rc;

    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    QN_TRY(qn_hdf5_path_file(&m.file, m.disk, bytes, err));
    rc = match_all(&m, pattern, err);
    H5Fclose(m.file);
    H5Eclear2(H5E_DEFAULT);
    return rc;
}
