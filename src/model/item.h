/* Items: the units of input, and what is known of each.  All local, pure.
 *
 * A set of items is shared by the stages that read the same files the same
 * way, so a header is looked at once.  Sets travel between ranks as one piece
 * of bytes. */
#ifndef QN_MODEL_ITEM_H
#define QN_MODEL_ITEM_H

#include "base/text.h"
#include "model/cards.h"
#include "model/fields.h"
#include "quern/array.h"

struct qn_item {
    char *path;       /* owned; relative to the data folder, or absolute  */
    char *fields;     /* owned or NULL: "name=value\0" ... "\0": captures,
                         list columns, then header values; '$' in place of
                         '=' where the value is text whatever it looks like */
    int64_t bytes;    /* -1: could not be looked at                       */
    int64_t mtime_ns; /* since 1970                                       */
    int64_t frame, nframes; /* first frame and how many; -1, 0: whole file.
                         type is then that of one frame                   */
    int source;       /* result of the input stage that it is; -1: a file;
                         never packed                                     */
    bool probed;      /* type and stored are known                        */
    enum qn_dtype stored;
    struct qn_type type;
    int code;         /* not 0: the item cannot be read                   */
    char *reason;     /* owned or NULL: why not                           */
    bool told;        /* an earlier stage has recorded that it cannot be
                         read; never packed                               */
};

struct qn_items {
    struct qn_item *v; /* owned */
    size_t n, cap;
};

/* Append a zeroed item (frame -1) with a copy of path; *item is borrowed. */
int
qn_item_add(
    struct qn_items *items, const char *path, struct qn_item **item, struct qn_error *err);

/* Append one field. */
int
qn_item_field(
    struct qn_item *item, const char *name, const char *value, bool is_text,
    struct qn_error *err);

/* Append a copy of an item, its facts and its fields. */
int
qn_item_copy(
    struct qn_items *items, const struct qn_item *from, struct qn_item **item,
    struct qn_error *err);

/* Append the fields of another item. */
int
qn_item_append(struct qn_item *to, const struct qn_item *from, struct qn_error *err);

/* Free what one item holds. */
void
qn_item_drop(struct qn_item *item);

/* "scan.h5", "scan.h5[0:64]" for a run of frames: for people and records. */
const char *
qn_item_name(char *buf, size_t size, const struct qn_item *item);

/* Record why it cannot be read (the first reason stays). */
int
qn_item_fail(struct qn_item *item, int code, const char *reason, struct qn_error *err);

/* Its named values: path dir name stem ext frame, then its fields.  The text
 * of a value is borrowed from the item or from value->storage. */
bool
qn_item_find(const struct qn_item *item, const char *name, struct qn_value *value);
struct qn_lookup
qn_item_lookup(const struct qn_item *item);

/* Is that a name every item has without looking into its file? */
bool
qn_item_builtin(const char *name);

/* Length of the stem of a file name: without its format suffixes, ".fits.gz"
 * and the like whole. */
size_t
qn_item_stem(const char *name);

/* The whole set as bytes, and back (QN_EMPI if the bytes are no set). */
int
qn_item_pack(struct qn_text *out, const struct qn_items *items, struct qn_error *err);
int
qn_item_unpack(
    struct qn_items *items, const void *data, size_t n, struct qn_error *err);

void
qn_item_clear(struct qn_items *items);

#endif
