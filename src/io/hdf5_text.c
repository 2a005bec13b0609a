/* Texts in an HDF5 dataset: one for each place along its axis.
 *
 * Of fixed length they lie in the dataset, of variable length in the heap of
 * the file; either way they become a column.
 */
#include "io/hdf5_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/column.h"

#define WIDTH_MOST (1 << 20)

static int
check_shape(hid_t space, const char *path, int64_t n, struct qn_error *err)
{
    struct qn_shape shape = {0};
    hsize_t dims[H5S_MAX_RANK];
    int ndims = H5Sget_simple_extent_dims(space, dims, NULL);

    if (ndims < 0)
        return qn_hdf5_value_fail(err, QN_EFORMAT, "its shape is damaged");
    shape.ndims = ndims < QN_MAX_DIMS ? ndims : QN_MAX_DIMS;
    for (int a = 0; a < shape.ndims; a++)
        shape.n[a] = dims[a] > INT64_MAX ? INT64_MAX : (int64_t)dims[a];
    if (ndims != 1 || shape.n[0] != n)
        return qn_column_refuse(path, &shape, n, err);
    return 0;
}

static int
refuse(const char *path, struct qn_error *err)
{
    qn_hdf5_value_fail(err, QN_EFORMAT, "its texts cannot be read");
    qn_wrap(err, "%s", path);
    return QN_EFORMAT;
}

static int
read_fixed(struct qn_column *c, hid_t dataset, hid_t type, const char *path,
           int64_t n, struct qn_error *err)
{
    size_t width = H5Tget_size(type);
    char *all = NULL;
    int rc = 0;

    if (width > WIDTH_MOST)
        return refuse(path, err);
    QN_TRY(qn_memory_make((void **)&all, (size_t)n, width, "texts", err));
    if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, all) < 0)
        rc = refuse(path, err);
    for (int64_t i = 0; i < n && !rc; i++)
        qn_column_add(c, all + (size_t)i * width, width);
    free(all);
    return rc;
}

static int
read_variable(struct qn_column *c, hid_t dataset, hid_t type, hid_t space,
              const char *path, int64_t n, struct qn_error *err)
{
    char **all = NULL;
    int rc = 0;

    QN_TRY(qn_memory_make((void **)&all, (size_t)n, sizeof *all, "texts", err));
    if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, all) < 0)
        rc = refuse(path, err);
    for (int64_t i = 0; i < n && !rc; i++) {
        const char *text = all[i] ? all[i] : "";

        qn_column_add(c, text, strlen(text));
    }
    H5Dvlen_reclaim(type, space, H5P_DEFAULT, all);
    free(all);
    return rc;
}

static int
read_texts(struct qn_column *c, const struct qn_hdf5_place *place,
           hid_t dataset, hid_t type, enum qn_links links, const char *path,
           int64_t n, struct qn_error *err)
{
    hid_t space = H5Dget_space(dataset);
    int rc;

    if (space < 0)
        return refuse(path, err);
    rc = check_shape(space, path, n, err);
    if (!rc)
        rc = qn_hdf5_path_storage(dataset, place->disk, links, err);
    if (!rc)
        rc = qn_column_texts(c, n, err);
    if (!rc && H5Tis_variable_str(type) > 0)
        rc = read_variable(c, dataset, type, space, path, n, err);
    else if (!rc)
        rc = read_fixed(c, dataset, type, path, n, err);
    H5Sclose(space);
    return rc;
}

static int
look_at(struct qn_column *c, const struct qn_hdf5_place *place,
        enum qn_links links, const char *path, int64_t n, struct qn_error *err)
{
    hid_t id = H5Oopen(place->file, place->path, H5P_DEFAULT), type = -1;
    int rc = 0;

    if (id >= 0 && H5Iget_type(id) == H5I_DATASET)
        type = H5Dget_type(id);
    if (type >= 0 && H5Tget_class(type) == H5T_STRING)
        rc = read_texts(c, place, id, type, links, path, n, err);
    if (type >= 0)
        H5Tclose(type);
    if (id >= 0)
        H5Oclose(id);
    return rc;
}

int
qn_hdf5_text(struct qn_column *c, const struct qn_source *source,
             const char *path, int64_t n, const struct qn_bytes *bytes,
             struct qn_error *err)
{
    struct qn_hdf5_place place;
    hid_t file;
    int rc;

    QN_TRY(qn_hdf5_path_file(&file, bytes->path, bytes, err));
    rc = qn_hdf5_path_follow(&place, file, bytes->path, path, source->links,
                             err);
    if (!rc)
        rc = look_at(c, &place, source->links, path, n, err);
    qn_hdf5_path_clear(&place);
    H5Fclose(file);
    H5Eclear2(H5E_DEFAULT);
    return rc;
}
