/* The pieces of an HDF5 output: groups, attributes, texts, tables.
 *
 * Every piece is closed again before its function returns, except a group
 * that is asked for.  Strings are of fixed length, UTF-8, NUL at the end:
 * any reader takes them, and none needs a heap of 4 kB.  No object carries a
 * time.  The first failure fills err with path and cause.  All local. */
#ifndef QN_IO_WRITER_PARTS_H
#define QN_IO_WRITER_PARTS_H

#include <hdf5.h>

#include "io/writer.h"
#include "io/writer_image.h"
#include "io/writer_sink.h"

struct qn_writer_parts {
    struct qn_writer_sink sink;
    hid_t file;           /* owned; -1: not open   */
    struct qn_error *err; /* borrowed; may be NULL */
    struct qn_writer_form *form; /* borrowed; not NULL: HDF5 is not called,
                                    what would be written is described    */
    struct qn_writer_hole hole[QN_WRITER_HOLES]; /* where data were written */
    size_t nholes;
};

/* Rows and columns that lie in the caller's structs. */
struct qn_writer_parts_table {
    const char *const *names; /* [ncolumns] */
    int ncolumns;
    const void *source; /* [n], for text and number */
    size_t n;
    /* A cell's text, or NULL where the column is one of numbers; those of
     * float64 are the ones for which real, if it is not NULL, says yes. */
    const char *(*text)(const void *source, size_t row, int column);
    int64_t (*number)(const void *source, size_t row, int column);
    bool (*real)(const void *source, size_t row, int column, double *value);
};

/* 0 if result >= 0 and nothing was lost on the way to the disk; else QN_EIO,
 * and err says why. */
int
qn_writer_parts_check(struct qn_writer_parts *w, int64_t result);

/* Create the file that the sink has opened, in a format that is read
 * everywhere. */
int
qn_writer_parts_open(struct qn_writer_parts *w);

/* Types in the file are little-endian on every machine. */
hid_t
qn_writer_parts_type(enum qn_dtype t);

/* A creation list of class (H5P_DATASET_CREATE...) without times. */
int
qn_writer_parts_list(struct qn_writer_parts *w, hid_t *list, hid_t of);

/* A group with @NX_class; *group is the caller's to H5Gclose, also after a
 * failure if it is >= 0. */
int
qn_writer_parts_group(
    struct qn_writer_parts *w, hid_t *group, hid_t parent, const char *name,
    const char *nx_class);

/* A scalar text attribute. */
int
qn_writer_parts_word(
    struct qn_writer_parts *w, hid_t object, const char *name,
    const char *text);

/* An attribute of n texts. */
int
qn_writer_parts_words(
    struct qn_writer_parts *w, hid_t object, const char *name,
    const char *const *words, size_t n);

/* Note where the data of a contiguous dataset lie, once they are written. */
void
qn_writer_parts_placed(struct qn_writer_parts *w, hid_t dataset, size_t bytes);

/* Scalar datasets.  A mark is a text that differs from item to item: like the
 * rows of a table it is data, with a place of its own in the file. */
int
qn_writer_parts_mark(
    struct qn_writer_parts *w, hid_t group, const char *name, const char *text);
int
qn_writer_parts_text(
    struct qn_writer_parts *w, hid_t group, const char *name, const char *text);
int
qn_writer_parts_number(
    struct qn_writer_parts *w, hid_t group, const char *name, int64_t number);

/* A dataset of n texts, n > 0; of n samples, little-endian. */
int
qn_writer_parts_texts(
    struct qn_writer_parts *w, hid_t group, const char *name, const char *const *texts,
    size_t n);
int
qn_writer_parts_samples(
    struct qn_writer_parts *w, hid_t group, const char *name, enum qn_dtype t,
    const void *data, size_t n);

/* A dataset of one compound a row. */
int
qn_writer_parts_rows(
    struct qn_writer_parts *w, hid_t group, const char *name,
    const struct qn_writer_parts_table *table);

#endif
