/* Items: the units of input, and what is known of each.  All local, pure.
 *
 * A set of items is shared by the stages that read the same files the same
 * way, so a header is looked at once.  Sets travel between ranks as one piece
 * of bytes. */
#ifndef QN_MODEL_ITEM_H
#define QN_MODEL_ITEM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/pool.h"
#include "base/text.h"
#include "model/cards.h"
#include "model/fields.h"
#include "quern/array.h"

/* There may be a million, so it is kept at 64 bytes: what a pointer leads to
 * is in a pool, the set's or that of the plan. */
struct qn_item {
    const char *path;   /* relative to the data folder, or absolute       */
    char *fields;       /* "name=value\0" ... "\0": captures, list columns,
                           then header values; '$' in place of '=' where the
                           value is text whatever it looks like; NULL: none */
    const char *reason; /* why it cannot be read, or NULL                 */
    const struct qn_type *type; /* of a run of frames that of one; never
                                   NULL; equal types are kept once        */
    int64_t bytes;      /* -1: could not be looked at                     */
    int64_t mtime_ns;   /* since 1970                                     */
    int32_t frame, nframes; /* first frame and how many; -1, 0: whole file */
    int32_t source;     /* result of the input stage that it is; where those
                           are packed its task (see qn_plan_pack_source); -1:
                           a file; never packed                           */
    int16_t code;       /* not 0: the item cannot be read                 */
    uint8_t stored;     /* enum qn_dtype                                  */
    bool probed;        /* type and stored are known                      */
};

/* Starts as {0}, or with a pool that has a source. */
struct qn_items {
    struct qn_item *v;   /* in the pool, or borrowed with all that it holds */
    size_t n, cap;
    bool told;           /* an earlier stage, which has the same items, has
                            recorded which of them cannot be read; never
                            packed                                        */
    struct qn_pool pool; /* owned                                         */
};

/* Room for n items in all: what is added one by one without it leaves holes. */
int
qn_item_reserve(struct qn_items *items, size_t n, struct qn_error *err);

/* Append an item (frame and source -1, else zero) with a copy of path; *item
 * is borrowed until the next one is added. */
int
qn_item_add(
    struct qn_items *items, const char *path, struct qn_item **item, struct qn_error *err);

/* Append one field. */
int
qn_item_field(
    struct qn_pool *pool, struct qn_item *item, const char *name, const char *value,
    bool is_text, struct qn_error *err);

/* Append fields given as lines "name=value\n"; NULL: none. */
int
qn_item_fields(
    struct qn_pool *pool, struct qn_item *item, const char *lines, struct qn_error *err);

/* Append the fields of another item. */
int
qn_item_append(
    struct qn_pool *pool, struct qn_item *to, const struct qn_item *from,
    struct qn_error *err);

/* Append a copy of an item, its facts and its fields. */
int
qn_item_copy(
    struct qn_items *items, const struct qn_item *from, struct qn_item **item,
    struct qn_error *err);

/* A view of items that stay where they are, with a pool of its own. */
struct qn_items
qn_item_borrow(const struct qn_items *items);

/* What was seen in it: it is probed then. */
int
qn_item_type(
    struct qn_pool *pool, struct qn_item *item, enum qn_dtype stored,
    const struct qn_type *type, struct qn_error *err);

/* The pool's one copy of a type. */
int
qn_item_intern(
    struct qn_pool *pool, const struct qn_type **one, const struct qn_type *type,
    struct qn_error *err);

/* "scan.h5", "scan.h5[0:64]" for a run of frames: for people and records. */
const char *
qn_item_name(char *buf, size_t size, const struct qn_item *item);

/* "scan.h5[7]" for frame i of a run, from 0: what is said of it alone. */
const char *
qn_item_frame_name(char *buf, size_t size, const struct qn_item *item, int64_t i);

/* Record why it cannot be read (the first reason stays). */
int
qn_item_fail(
    struct qn_pool *pool, struct qn_item *item, int code, const char *reason,
    struct qn_error *err);

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

/* Items first ... first + n - 1 as bytes, and appended to a set (QN_EMPI if the
 * bytes are no items). */
int
qn_item_pack(
    struct qn_text *out, const struct qn_items *items, size_t first, size_t n,
    struct qn_error *err);
int
qn_item_unpack(
    struct qn_items *items, const void *data, size_t n, struct qn_error *err);

/* The pool's source remains. */
void
qn_item_clear(struct qn_items *items);

#endif
