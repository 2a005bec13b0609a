/* Paths in HDF5 files, and where links, external storage and virtual datasets
 * may lead.
 *
 * A hostile or careless file can name any file of the machine.  So links are
 * followed here, component by component, and HDF5 only ever opens objects
 * that hard links lead to.  What is not there is said: HDF5 would read fill
 * values from a virtual dataset whose source is missing.
 */
#include "io/hdf5_parts.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/memory.h"

#define HOPS_MOST         32 // links followed for one path
#define NESTING_MOST      4  // virtual datasets of virtual datasets
#define SPARE_DESCRIPTORS 32

struct walk {
    hid_t file; /* owned                                  */
    char disk[PATH_MAX];
    char done[PATH_MAX]; /* hard links only; "" is the root        */
    char rest[PATH_MAX]; /* still to be followed                   */
    int hops;
    enum qn_links links;
};

static int check_storage(hid_t dataset, const char *disk, enum qn_links links,
                         int depth, struct qn_error *err);

/* ---- files -------------------------------------------------------------- */

int
qn_hdf5_path_file(hid_t *file, const char *disk, const struct qn_bytes *bytes,
                  struct qn_error *err)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    struct qn_text name = {0};
    int rc = 0;

    *file = -1;
#if H5_VERSION_GE(1, 10, 7)
    // Raw data often lies where locks do not work, and is not written to.
    H5Pset_file_locking(access, false, true);
#endif
    if (bytes && bytes->data) {
        H5Pset_fapl_core(access, 1 << 20, false);
        H5Pset_file_image(access, bytes->data, (size_t)bytes->size);
    }
    // An image in memory must have a name that no file can have.
    qn_text_add(&name, "%s%s", disk, bytes && bytes->data ? "/inflated" : "");
    rc = qn_text_check(&name, err);
    if (!rc)
        *file = H5Fopen(name.s, H5F_ACC_RDONLY, access);
    if (!rc && *file < 0)
        rc = qn_hdf5_value_fail(err, QN_EFORMAT, "cannot be opened as HDF5");
    H5Pclose(access);
    qn_text_clear(&name);
    return rc;
}

// The folder of a path, "." for a bare name.
static void
folder_of(char folder[PATH_MAX], const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 1;

    if (slash == path)
        n = 1;
    memcpy(folder, slash ? path : ".", n);
    folder[n] = 0;
}

static bool
is_below(const char *path, const char *folder)
{
    size_t n = strlen(folder);

    if (strncmp(path, folder, n) != 0)
        return false;
    return path[n] == '/' || path[n] == 0 || strcmp(folder, "/") == 0;
}

// Where name, written in the file at disk, really is, if that is allowed.
static int
find_beside(char found[PATH_MAX], const char *disk, const char *name,
            enum qn_links links, struct qn_error *err)
{
    char folder[PATH_MAX], home[PATH_MAX];
    struct qn_text path = {0};
    bool exists;

    folder_of(folder, disk);
    qn_text_add(&path, "%s%s%s", name[0] == '/' ? "" : folder,
                name[0] == '/' ? "" : "/", name);
    QN_TRY(qn_text_check(&path, err));
    exists = realpath(path.s, found) && realpath(folder, home);
    qn_text_clear(&path);
    if (!exists)
        return qn_fail(err, QN_EMISSING, "it links to '%s', which is not there",
                       name);
    if (links == QN_LINKS_OWN_FOLDER && !is_below(found, home))
        return qn_fail(
            err, QN_EFORMAT,
            "it links to '%s', outside its own folder; say links: any if that "
            "is meant",
            name);
    return 0;
}

static int
open_beside(hid_t *file, char found[PATH_MAX], const char *disk,
            const char *name, enum qn_links links, struct qn_error *err)
{
    struct stat st;

    QN_TRY(find_beside(found, disk, name, links, err));
    if (stat(found, &st) || !S_ISREG(st.st_mode))
        return qn_fail(err, QN_EFORMAT,
                       "it links to '%s', which is no regular file", name);
    return qn_hdf5_path_file(file, found, NULL, err);
}

/* ---- links -------------------------------------------------------------- */

static int
refuse_long(struct qn_error *err)
{
    return qn_fail(err, QN_EFORMAT, "a path in it is longer than %d bytes",
                   PATH_MAX - 1);
}

// What is left becomes target, then what was left before.
static int
put_before(struct walk *w, const char *target, struct qn_error *err)
{
    size_t n = strlen(target), rest = strlen(w->rest);

    if (n + 1 + rest >= sizeof w->rest)
        return refuse_long(err);
    memmove(w->rest + n + 1, w->rest, rest + 1);
    memcpy(w->rest, target, n);
    w->rest[n] = '/';
    return 0;
}

static int
follow_external(struct walk *w, const void *value, size_t n,
                struct qn_error *err)
{
    const char *name, *target;
    char found[PATH_MAX];
    unsigned flags;
    hid_t file;

    if (H5Lunpack_elink_val(value, n, &flags, &name, &target) < 0)
        return qn_hdf5_value_fail(err, QN_EFORMAT,
                                  "an external link is damaged");
    QN_TRY(open_beside(&file, found, w->disk, name, w->links, err));
    H5Fclose(w->file);
    w->file = file;
    memcpy(w->disk, found, sizeof w->disk);
    w->done[0] = 0;
    return put_before(w, target, err);
}

static int
follow_link(struct walk *w, const char *at, const H5L_info_t *info,
            struct qn_error *err)
{
    char value[2 * PATH_MAX] = "";
    size_t n = info->u.val_size;

    if (++w->hops > HOPS_MOST)
        return qn_fail(err, QN_EFORMAT, "its links lead in circles (%s)", at);
    if (n >= sizeof value)
        return refuse_long(err);
    if (H5Lget_val(w->file, at, value, n, H5P_DEFAULT) < 0)
        return qn_hdf5_value_fail(err, QN_EFORMAT, "a link is damaged");
    if (info->type == H5L_TYPE_EXTERNAL)
        return follow_external(w, value, n, err);
    if (info->type != H5L_TYPE_SOFT)
        return qn_fail(err, QN_EFORMAT,
                       "%s is a link of a kind that is not followed", at);
    if (value[0] == '/')
        w->done[0] = 0;
    return put_before(w, value, err);
}

// The next component of rest, which must not be empty.
static int
follow_one(struct walk *w, struct qn_error *err)
{
    size_t n = strcspn(w->rest, "/"), done = strlen(w->done);
    size_t slashes = strspn(w->rest + n, "/");
    char at[PATH_MAX];
    H5L_info_t info;

    if (done + 1 + n >= sizeof at)
        return refuse_long(err);
    memcpy(at, w->done, done);
    at[done] = '/';
    memcpy(at + done + 1, w->rest, n);
    at[done + 1 + n] = 0;
    memmove(w->rest, w->rest + n + slashes, strlen(w->rest + n + slashes) + 1);
    if (n == 0 || (n == 1 && at[done + 1] == '.'))
        return 0;
    if (H5Lget_info(w->file, at, &info, H5P_DEFAULT) < 0) {
        H5Eclear2(H5E_DEFAULT);
        return qn_fail(err, QN_EMISSING, "there is no %s in it", at);
    }
    if (info.type != H5L_TYPE_HARD)
        return follow_link(w, at, &info, err);
    memcpy(w->done, at, sizeof w->done);
    return 0;
}

static int
keep_place(struct qn_hdf5_place *place, struct walk *w, struct qn_error *err)
{
    QN_TRY(qn_memory_copy(&place->disk, w->disk, err));
    QN_TRY(qn_memory_copy(&place->path, w->done[0] ? w->done : "/", err));
    place->file = w->file;
    w->file = -1;
    return 0;
}

int
qn_hdf5_path_follow(struct qn_hdf5_place *place, hid_t file, const char *disk,
                    const char *path, enum qn_links links, struct qn_error *err)
{
    struct walk w = {.file = -1, .links = links};
    int rc = 0;

    *place = (struct qn_hdf5_place){.file = -1};
    if (strlen(disk) >= PATH_MAX || strlen(path) >= PATH_MAX)
        return refuse_long(err);
    strcpy(w.disk, disk);
    strcpy(w.rest, path);
    H5Iinc_ref(file);
    w.file = file;
    while (!rc && w.rest[0])
        rc = follow_one(&w, err);
    if (!rc)
        rc = keep_place(place, &w, err);
    if (w.file >= 0)
        H5Idec_ref(w.file);
    if (rc)
        qn_hdf5_path_clear(place);
    return rc;
}

void
qn_hdf5_path_clear(struct qn_hdf5_place *place)
{
    if (place->file > 0)
        H5Idec_ref(place->file);
    free(place->disk);
    free(place->path);
    *place = (struct qn_hdf5_place){.file = -1};
}

/* ---- storage outside the file ------------------------------------------- */

static int
check_external(hid_t dcpl, const char *disk, enum qn_links links,
               struct qn_error *err)
{
    char name[PATH_MAX], found[PATH_MAX];
    int n = H5Pget_external_count(dcpl);

    for (int i = 0; i < n; i++) {
        if (H5Pget_external(dcpl, (unsigned)i, sizeof name - 1, name, NULL,
                            NULL) < 0)
            return qn_hdf5_value_fail(err, QN_EFORMAT,
                                      "its external storage cannot be read");
        name[sizeof name - 1] = 0;
        QN_TRY(find_beside(found, disk, name, links, err));
    }
    return 0;
}

// "scan_%b.h5" stands for as many files as there are: only their folder can
// be checked.
static int
check_pattern(const char *disk, const char *name, enum qn_links links,
              struct qn_error *err)
{
    char folder[PATH_MAX], found[PATH_MAX];

    folder_of(folder, name);
    return find_beside(found, disk, folder, links, err);
}

static int
check_source(const char *disk, const char *name, const char *dataset,
             enum qn_links links, int depth, struct qn_error *err)
{
    struct qn_hdf5_place place = {.file = -1};
    char found[PATH_MAX];
    hid_t file = -1, source;
    int rc;

    if (strchr(name, '%'))
        return check_pattern(disk, name, links, err);
    if (strcmp(name, ".") == 0)
        name = strrchr(disk, '/') ? strrchr(disk, '/') + 1 : disk;
    QN_TRY(open_beside(&file, found, disk, name, links, err));
    rc = strchr(dataset, '%')
             ? 0
             : qn_hdf5_path_follow(&place, file, found, dataset, links, err);
    if (!rc && place.file >= 0) {
        source = H5Dopen2(place.file, place.path, H5P_DEFAULT);
        if (source < 0)
            rc = qn_hdf5_value_fail(
                err, QN_EFORMAT, "a source of the virtual dataset is damaged");
        else
            rc = check_storage(source, place.disk, links, depth + 1, err);
        if (source >= 0)
            H5Dclose(source);
    }
    qn_hdf5_path_clear(&place);
    H5Fclose(file);
    return rc;
}

// HDF5 keeps every source open, and reads fill values when it no longer can.
static int
check_descriptors(size_t files, struct qn_error *err)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) ||
        files + SPARE_DESCRIPTORS < limit.rlim_cur)
        return 0;
    return qn_fail(
        err, QN_EFORMAT,
        "the virtual dataset has %zu source files but only %llu files may be "
        "open; raise ulimit -n",
        files, (unsigned long long)limit.rlim_cur);
}

static int
check_virtual(hid_t dcpl, const char *disk, enum qn_links links, int depth,
              struct qn_error *err)
{
    char name[2][PATH_MAX] = {"", ""}, set[2][PATH_MAX] = {"", ""};
    size_t n = 0, files = 0;

    if (H5Pget_virtual_count(dcpl, &n) < 0)
        return qn_hdf5_value_fail(err, QN_EFORMAT,
                                  "the virtual dataset is damaged");
    for (size_t i = 0; i < n; i++) {
        char *file = name[i % 2], *dataset = set[i % 2];

        if (H5Pget_virtual_filename(dcpl, i, file, PATH_MAX) < 0 ||
            H5Pget_virtual_dsetname(dcpl, i, dataset, PATH_MAX) < 0)
            return qn_hdf5_value_fail(err, QN_EFORMAT,
                                      "the virtual dataset is damaged");
        files += strcmp(name[0], name[1]) != 0;
        if (strcmp(name[0], name[1]) != 0 || strcmp(set[0], set[1]) != 0)
            QN_TRY(check_source(disk, file, dataset, links, depth, err));
    }
    return check_descriptors(files, err);
}

static int
check_storage(hid_t dataset, const char *disk, enum qn_links links, int depth,
              struct qn_error *err)
{
    hid_t dcpl = H5Dget_create_plist(dataset);
    int rc = 0;

    if (dcpl < 0)
        return qn_hdf5_value_fail(err, QN_EFORMAT,
                                  "the layout of a dataset is damaged");
    if (depth > NESTING_MOST)
        rc = qn_fail(err, QN_EFORMAT,
                     "virtual datasets are nested more than %d deep",
                     NESTING_MOST);
    else if (H5Pget_layout(dcpl) == H5D_VIRTUAL)
        rc = check_virtual(dcpl, disk, links, depth, err);
    else if (H5Pget_external_count(dcpl) > 0)
        rc = check_external(dcpl, disk, links, err);
    H5Pclose(dcpl);
    return rc;
}

int
qn_hdf5_path_storage(hid_t dataset, const char *disk, enum qn_links links,
                     struct qn_error *err)
{
    return check_storage(dataset, disk, links, 0, err);
}
