/* The header cards of one item of packed results, read back.
 *
 * What all items share is in /entry/header (hdf5_header.c); the cards in which
 * they differ are a table, /entry/items_header, with a column a card.  It stays
 * open, and a row of it is read when its turn comes.  What the file says is not
 * believed. */
#include "io/hdf5_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define TABLE "/entry/items_header"

enum { MOST_COLUMNS = 4096, MOST_TEXT = 4096 };

struct qn_hdf5_rowcards_column {
    char *keyword; /* owned                                  */
    char kind;     /* 's' text, 'i' whole numbers, 'n' others */
    size_t at;     /* bytes, in a row                        */
    size_t width;  /* of a text, with its NUL                */
};

static int
refuse(struct qn_error *err)
{
    return qn_hdf5_value_fail(err, QN_EFORMAT,
                              "its table " TABLE " is damaged; the file says "
                              "that quern wrote it, so make it again");
}

/* ---- the table --------------------------------------------------------- */

/* Texts with room for a NUL; HDF5 converts no character set into another. */
static hid_t
text_type(hid_t stored, struct qn_hdf5_rowcards_column *c)
{
    size_t size = H5Tget_size(stored);
    hid_t text;

    if (H5Tis_variable_str(stored) != 0 || size == 0 || size > MOST_TEXT)
        return -1;
    c->kind = 's';
    c->width = size + 1;
    text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, c->width);
    H5Tset_cset(text, H5Tget_cset(stored));
    return text;
}

static hid_t
column_type(hid_t stored, struct qn_hdf5_rowcards_column *c)
{
    switch (H5Tget_class(stored)) {
    case H5T_STRING: return text_type(stored, c);
    case H5T_INTEGER:
        c->kind = 'i';
        c->width = 8;
        return H5Tcopy(H5T_NATIVE_INT64);
    case H5T_FLOAT:
        c->kind = 'n';
        c->width = 8;
        return H5Tcopy(H5T_NATIVE_DOUBLE);
    default: return -1;
    }
}

/* Name and type in memory of column i. */
static int
look_at_column(struct qn_hdf5_rowcards *r, hid_t stored, size_t i, hid_t *type,
               struct qn_error *err)
{
    struct qn_hdf5_rowcards_column *c = &r->column[i];
    char *name = H5Tget_member_name(stored, (unsigned)i);
    hid_t theirs = H5Tget_member_type(stored, (unsigned)i);
    int rc = name ? qn_memory_copy(&c->keyword, name, err) : refuse(err);

    *type = theirs < 0 ? -1 : column_type(theirs, c);
    c->at = r->bytes;
    r->bytes += c->width;
    if (theirs >= 0)
        H5Tclose(theirs);
    H5free_memory(name);
    return rc ? rc : *type < 0 ? refuse(err) : 0;
}

static int
make_type(struct qn_hdf5_rowcards *r, hid_t stored, struct qn_error *err)
{
    int n = H5Tget_class(stored) == H5T_COMPOUND ? H5Tget_nmembers(stored) : 0;
    hid_t type[MOST_COLUMNS];
    int rc = 0, made = 0;

    if (n < 1 || n > MOST_COLUMNS)
        return refuse(err);
    QN_TRY(qn_memory_make((void **)&r->column, (size_t)n, sizeof *r->column,
                          "a header", err));
    r->n = (size_t)n;
    while (made < n && !rc)
        rc = look_at_column(r, stored, (size_t)made, &type[made], err), made++;
    if (!rc)
        r->type = H5Tcreate(H5T_COMPOUND, r->bytes);
    for (int i = 0; i < made; i++) {
        if (!rc && H5Tinsert(r->type, r->column[i].keyword, r->column[i].at,
                             type[i]) < 0)
            rc = refuse(err);
        if (type[i] >= 0)
            H5Tclose(type[i]);
    }
    if (!rc)
        rc = qn_memory_make((void **)&r->row, r->bytes, 1, "a header", err);
    return rc;
}

static int
open_table(struct qn_hdf5_rowcards *r, const struct qn_hdf5_place *place,
           enum qn_links links, struct qn_error *err)
{
    hid_t stored;
    int rc;

    r->table = H5Dopen2(place->file, place->path, H5P_DEFAULT);
    if (r->table < 0)
        return refuse(err);
    QN_TRY(qn_hdf5_path_storage(r->table, place->disk, links, err));
    stored = H5Dget_type(r->table);
    if (stored < 0)
        return refuse(err);
    rc = make_type(r, stored, err);
    H5Tclose(stored);
    return rc;
}

int
qn_hdf5_rowcards_open(struct qn_hdf5_rowcards *r, hid_t file, const char *disk,
                      enum qn_links links, struct qn_error *err)
{
    struct qn_hdf5_place place;
    int rc;

    *r = (struct qn_hdf5_rowcards){.table = -1, .type = -1};
    if (!qn_hdf5_header_ours(file))
        return 0;
    rc = qn_hdf5_path_follow(&place, file, disk, TABLE, links, NULL);
    if (rc) // items whose headers are equal have none
        return rc == QN_EMISSING ? 0 : refuse(err);
    rc = open_table(r, &place, links, err);
    qn_hdf5_path_clear(&place);
    if (rc)
        qn_hdf5_rowcards_close(r);
    return rc;
}

void
qn_hdf5_rowcards_close(struct qn_hdf5_rowcards *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->column[i].keyword);
    free(r->column);
    free(r->row);
    if (r->type > 0)
        H5Tclose(r->type);
    if (r->table > 0)
        H5Dclose(r->table);
    *r = (struct qn_hdf5_rowcards){0};
}

/* ---- a row ------------------------------------------------------------- */

static int
read_row(const struct qn_hdf5_rowcards *r, int64_t row, struct qn_error *err)
{
    const hsize_t start = (hsize_t)row, one = 1;
    hid_t space = H5Dget_space(r->table), memory;
    bool good = space >= 0 && H5Sget_simple_extent_ndims(space) == 1 &&
                row < H5Sget_simple_extent_npoints(space);

    memory = H5Screate_simple(1, &one, NULL);
    good = good &&
           H5Sselect_hyperslab(space, H5S_SELECT_SET, &start, NULL, &one,
                               NULL) >= 0 &&
           H5Dread(r->table, r->type, memory, space, H5P_DEFAULT, r->row) >= 0;
    if (!good)
        refuse(err);
    H5Sclose(memory);
    if (space >= 0)
        H5Sclose(space);
    return good ? 0 : QN_EFORMAT;
}

static int
add_number(struct qn_cards *cards, const char *keyword, double x,
           struct qn_error *err)
{
    char text[40];

    if (isnan(x)) // this item has none
        return 0;
    qn_reader_number(text, sizeof text, QN_F64, &x);
    // so that it does not read as a whole one
    if (!text[strspn(text, "+-0123456789")])
        strncat(text, ".0", sizeof text - strlen(text) - 1);
    return qn_cards_add(cards, keyword, text, NULL, 'n', err);
}

static int
add_card(struct qn_cards *cards, const struct qn_hdf5_rowcards_column *c,
         char *cell, struct qn_error *err)
{
    char text[32];
    int64_t whole;
    double real;

    switch (c->kind) {
    case 'i':
        memcpy(&whole, cell, sizeof whole);
        snprintf(text, sizeof text, "%lld", (long long)whole);
        return qn_cards_add(cards, c->keyword, text, NULL, 'n', err);
    case 'n':
        memcpy(&real, cell, sizeof real);
        return add_number(cards, c->keyword, real, err);
    default:
        cell[c->width - 1] = '\0';
        return *cell ? qn_cards_add(cards, c->keyword, cell, NULL, 's', err)
                     : 0;
    }
}

int
qn_hdf5_rowcards_add(struct qn_cards *cards, const struct qn_hdf5_rowcards *r,
                     int64_t row, struct qn_error *err)
{
    if (!r->column)
        return 0;
    QN_TRY(read_row(r, row, err));
    for (size_t i = 0; i < r->n; i++)
        QN_TRY(add_card(cards, &r->column[i], r->row + r->column[i].at, err));
    return 0;
}
