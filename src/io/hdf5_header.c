/* The header cards that an output of ours carries, read back.
 *
 * writer.c puts them into /entry/header, a row a card; so a stage that reads
 * another one's results still has the header of the raw file.  What a file
 * says is not believed: any file may claim to be ours.
 */
#include "io/hdf5_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define TABLE      "/entry/header"
#define CARDS_MOST 100000
#define NCOLUMNS   4
#define WIDTH      72

static const char *const columns[NCOLUMNS] = {"keyword", "value", "comment",
                                              "kind"};

struct row {
    char cell[NCOLUMNS][WIDTH];
};

bool
qn_hdf5_header_ours(hid_t file)
{
    hid_t root = H5Gopen2(file, "/", H5P_DEFAULT);
    char creator[64] = "";

    if (root < 0)
        return false;
    qn_hdf5_value_text(root, "creator", creator, sizeof creator);
    H5Gclose(root);
    return strncmp(creator, "quern ", 6) == 0;
}

// HDF5 converts no character set into another, so the member says which.
static bool
add_member(hid_t mem, hid_t stored, int c)
{
    int i = H5Tget_member_index(stored, columns[c]);
    hid_t theirs = i < 0 ? -1 : H5Tget_member_type(stored, (unsigned)i);
    bool good = theirs >= 0 && H5Tget_class(theirs) == H5T_STRING &&
                H5Tis_variable_str(theirs) == 0;
    hid_t ours;

    if (good) {
        ours = H5Tcopy(H5T_C_S1);
        good = H5Tset_size(ours, WIDTH) >= 0 &&
               H5Tset_cset(ours, H5Tget_cset(theirs)) >= 0 &&
               H5Tinsert(mem, columns[c], (size_t)c * WIDTH, ours) >= 0;
        H5Tclose(ours);
    }
    if (theirs >= 0)
        H5Tclose(theirs);
    return good;
}

// The type of struct row, or -1 if the table is no such table.
static hid_t
row_type(hid_t dataset)
{
    hid_t stored = H5Dget_type(dataset), mem;
    bool good = stored >= 0 && H5Tget_class(stored) == H5T_COMPOUND;

    mem = H5Tcreate(H5T_COMPOUND, sizeof(struct row));
    for (int c = 0; c < NCOLUMNS && good; c++)
        good = add_member(mem, stored, c);
    if (stored >= 0)
        H5Tclose(stored);
    if (good)
        return mem;
    H5Tclose(mem);
    return -1;
}

// -1 unless it is one row of plausible length.
static int64_t
row_count(hid_t dataset)
{
    const int64_t n = qn_hdf5_value_rows(dataset);

    return n > CARDS_MOST ? -1 : n;
}

static int
refuse(struct qn_error *err)
{
    return qn_hdf5_value_fail(err, QN_EFORMAT,
                              "its table " TABLE " is damaged; the file says "
                              "that quern wrote it, so make it again");
}

static int
add_row(struct qn_cards *cards, const struct row *row, struct qn_error *err)
{
    static const struct {
        const char *word;
        char kind;
    } kinds[] = {
        {"text", 's'},      {"number", 'n'},     {"logical", 'b'},
        {"undefined", 'u'}, {"commentary", 'c'},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(row->cell[3], kinds[i].word) == 0)
            return qn_cards_add(cards, row->cell[0], row->cell[1],
                                row->cell[2], kinds[i].kind, err);
    return refuse(err);
}

static int
load_rows(struct qn_cards *cards, hid_t dataset, hid_t type, size_t n,
          struct qn_error *err)
{
    struct row *row;
    int rc = 0;

    QN_TRY(qn_memory_make((void **)&row, n, sizeof *row, "a header", err));
    if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, row) < 0)
        rc = refuse(err);
    for (size_t i = 0; i < n && !rc; i++)
        rc = add_row(cards, &row[i], err);
    free(row);
    return rc;
}

static int
load_table(struct qn_cards *cards, const struct qn_hdf5_place *place,
           enum qn_links links, struct qn_error *err)
{
    hid_t dataset = H5Dopen2(place->file, place->path, H5P_DEFAULT), type;
    int64_t n;
    int rc;

    if (dataset < 0)
        return refuse(err);
    n = row_count(dataset);
    type = row_type(dataset);
    if (n < 0 || type < 0)
        rc = refuse(err);
    else
        rc = qn_hdf5_path_storage(dataset, place->disk, links, err);
    if (!rc)
        rc = load_rows(cards, dataset, type, (size_t)n, err);
    if (type >= 0)
        H5Tclose(type);
    H5Dclose(dataset);
    return rc;
}

int
qn_hdf5_header_load(struct qn_cards *cards, hid_t file, const char *disk,
                    enum qn_links links, struct qn_error *err)
{
    struct qn_hdf5_place place;
    int rc;

    if (!qn_hdf5_header_ours(file))
        return 0;
    rc = qn_hdf5_path_follow(&place, file, disk, TABLE, links, NULL);
    if (rc) // a result without a header has none
        return rc == QN_EMISSING ? 0 : refuse(err);
    rc = load_table(cards, &place, links, err);
    qn_hdf5_path_clear(&place);
    return rc;
}

int
qn_hdf5_header_field(const struct qn_cards *cards, const char *name,
                     char *value, size_t size, bool *is_text,
                     struct qn_error *err)
{
    const struct qn_card *c = qn_cards_find(cards, name);

    if (cards->n == 0)
        return qn_fail(
            err, QN_EMISSING,
            "no field %s; in HDF5 write /path, /path@attribute or @attribute",
            name);
    if (!c)
        return qn_fail(err, QN_EMISSING, "no keyword %s in " TABLE, name);
    if (c->kind == 'u')
        return qn_fail(err, QN_EMISSING, "keyword %s has no value", name);
    *is_text = c->kind == 's' || c->kind == 'c';
    return qn_reader_text(value, size, c->value, strlen(c->value), err);
}
