/* What the files of the HDF5 reader share.  Included by hdf5*.c only.
 *
 *     hdf5.c        the back-end: opens, describes and reads a dataset
 *     hdf5_chunks.c chunks of common files, inflated on several threads
 *     hdf5_find.c   which dataset, where the job names none
 *     hdf5_header.c header cards of our own outputs
 *     hdf5_list.c   what a file holds
 *     hdf5_match.c  which datasets a pattern names
 *     hdf5_native.c types in memory; the writers use it too
 *     hdf5_path.c   paths and links: what may be opened at all
 *     hdf5_rowcards.c  header cards of the items of packed results
 *     hdf5_text.c   texts in datasets
 *     hdf5_value.c  types, attributes, single values
 *
 * All local.  Identifiers of HDF5 are -1 where nothing is open. */
#ifndef QN_IO_HDF5_PARTS_H
#define QN_IO_HDF5_PARTS_H

#include <hdf5.h>

#include "base/text.h"
#include "io/hdf5_native.h"
#include "io/reader_backend.h"

/* Where an object really is, all links followed. */
struct qn_hdf5_place {
    hid_t file; /* owned */
    char *disk; /* owned: the path of that file    */
    char *path; /* owned: of hard links only       */
};

/* Fail with code, and with what HDF5 says about it: before any other call,
 * since each clears what the one before said. */
int
qn_hdf5_value_fail(struct qn_error *err, int code, const char *what);

/* ---- hdf5_path.c -------------------------------------------------------- */

/* Open a file for reading; bytes is not NULL where it was inflated. */
int
qn_hdf5_path_file(
    hid_t *file, const char *disk, const struct qn_bytes *bytes,
    struct qn_error *err);

/* Follow path from the root of file, which lies at disk.  External links lead
 * only to files beside or below the one that links, unless links says any.
 * QN_EMISSING where there is nothing. */
int
qn_hdf5_path_follow(
    struct qn_hdf5_place *place, hid_t file, const char *disk,
    const char *path, enum qn_links links, struct qn_error *err);

void
qn_hdf5_path_clear(struct qn_hdf5_place *place);

/* May a dataset's external storage and virtual sources be read, by the same
 * rule, and are they there?  (HDF5 reads fill values where they are not.) */
int
qn_hdf5_path_storage(
    hid_t dataset, const char *disk, enum qn_links links, struct qn_error *err);

/* ---- hdf5_value.c ------------------------------------------------------- */

/* The sample type for an HDF5 type; false if it is no number. */
bool
qn_hdf5_value_type(enum qn_dtype *t, hid_t type);

/* The one value of an attribute or a dataset, as text. */
int
qn_hdf5_value_get(
    hid_t id, const char *name, char *value, size_t size, bool *is_text,
    struct qn_error *err);

/* qn_decode_lookup; ctx is a hid_t *. */
bool
qn_hdf5_value_lookup(void *ctx, const char *name, struct qn_attribute *a);

/* A text attribute; false if there is none. */
bool
qn_hdf5_value_text(hid_t object, const char *name, char *text, size_t size);

/* Samples of a dataset of one axis; -1: it is none. */
int64_t
qn_hdf5_value_rows(hid_t dataset);

/* ---- hdf5_find.c -------------------------------------------------------- */

/* The path of the default dataset, by NeXus or because it is the only one. */
int
qn_hdf5_find_default(
    char **path, hid_t file, const char *disk, enum qn_links links,
    struct qn_error *err);

/* ---- hdf5_list.c -------------------------------------------------------- */

/* list of struct qn_backend. */
int
qn_hdf5_list(
    struct qn_listing *listing, const struct qn_source *source,
    const struct qn_bytes *bytes, struct qn_error *err);

/* ---- hdf5_match.c ------------------------------------------------------- */

/* match of struct qn_backend. */
int
qn_hdf5_match(
    struct qn_names *found, const struct qn_source *source,
    const char *pattern, const struct qn_bytes *bytes, struct qn_error *err);

/* ---- hdf5_text.c -------------------------------------------------------- */

/* texts of struct qn_backend. */
int
qn_hdf5_text(
    struct qn_column *c, const struct qn_source *source, const char *path,
    int64_t n, const struct qn_bytes *bytes, struct qn_error *err);

/* ---- hdf5_header.c ------------------------------------------------------ */

/* Does the file say that quern wrote it? */
bool
qn_hdf5_header_ours(hid_t file);

/* The cards of a file that quern wrote; none of any other.  QN_EFORMAT where
 * their table is damaged. */
int
qn_hdf5_header_load(
    struct qn_cards *cards, hid_t file, const char *disk, enum qn_links links,
    struct qn_error *err);

/* A keyword of these; see qn_reader_field. */
int
qn_hdf5_header_field(
    const struct qn_cards *cards, const char *name, char *value, size_t size,
    bool *is_text, struct qn_error *err);

/* ---- hdf5_rowcards.c ---------------------------------------------------- */

/* The table of cards in which the items of packed results differ; none where
 * the file has no such table, or is not ours.  All zero is closed. */
struct qn_hdf5_rowcards_column;
struct qn_hdf5_rowcards {
    struct qn_hdf5_rowcards_column *column; /* owned; NULL: no table      */
    size_t n, bytes;   /* columns; of a row in memory                     */
    hid_t table, type; /* owned; type: of a row in memory                 */
    char *row;         /* owned, [bytes]                                  */
};

/* QN_EFORMAT where it is damaged; *r is then closed. */
int
qn_hdf5_rowcards_open(
    struct qn_hdf5_rowcards *r, hid_t file, const char *disk,
    enum qn_links links, struct qn_error *err);

/* Append those of an item: numbers as they are, all else as text. */
int
qn_hdf5_rowcards_add(
    struct qn_cards *cards, const struct qn_hdf5_rowcards *r, int64_t row,
    struct qn_error *err);

void
qn_hdf5_rowcards_close(struct qn_hdf5_rowcards *r);

#endif
