/* What a back-end of the reader is, and what it may ask of the front end.
 *
 * A back-end finds an array in a file, says what it is (struct qn_held), and
 * reads boxes of it as they are stored, in this machine's byte order.  The
 * front end (reader.c) does the rest: `slice`, missing samples, scaling, and
 * the path in front of every sentence.  All local.
 */
#ifndef QN_IO_READER_BACKEND_H
#define QN_IO_READER_BACKEND_H

#include "io/bytes.h"
#include "io/decode.h"
#include "io/names.h"
#include "io/reader.h"

/* What a back-end holds open; pointers are borrowed from its state. */
struct qn_held {
    const char *where;            /* dataset path or HDU, for messages    */
    struct qn_shape shape;
    struct qn_decode decode;      /* what the file says about its samples */
    const struct qn_cards *cards; /* NULL: none                           */
    bool by_rows;                 /* see struct qn_info                   */
    const int64_t *chunk;         /* NULL, or along each axis: what is
                                     unpacked together, and by itself      */
    int64_t window, unpacks;      /* see struct qn_info                    */
};

struct qn_column;
struct qn_listing;

struct qn_backend {
    const char *name;
    bool hdus; /* source->hdu names one of its arrays */

    /* On failure *state is NULL and nothing is left open.  bytes is open and
     * outlives the state; a back-end that goes by path finds it there. */
    int (*open)(
        void **state, struct qn_held *held, const struct qn_source *source,
        const struct qn_bytes *bytes, struct qn_error *err);

    /* The datasets that a pattern of source->dataset's kind names, in natural
     * order, at the end of found; QN_EMISSING if there is none.  NULL: this
     * format names no datasets. */
    int (*match)(
        struct qn_names *found, const struct qn_source *source,
        const char *pattern, const struct qn_bytes *bytes,
        struct qn_error *err);

    /* n texts along one axis, into c; c stays empty where the dataset at path
     * holds no texts.  NULL: the format has none. */
    int (*texts)(
        struct qn_column *c, const struct qn_source *source, const char *path,
        int64_t n, const struct qn_bytes *bytes, struct qn_error *err);

    /* See qn_reader_field; NULL: the format has none. */
    int (*field)(
        void *state, const char *name, char *value, size_t size, bool *is_text,
        struct qn_error *err);

    /* Add what the file holds: see listing.h.  NULL: one array, no more. */
    int (*list)(
        struct qn_listing *listing, const struct qn_source *source,
        const struct qn_bytes *bytes, struct qn_error *err);

    /* The cards of an item of packed results, and those that all have, take
     * the place of what held.cards leads to.  NULL: the format has none. */
    int (*row)(void *state, int64_t row, struct qn_error *err);

    /* The box lies within held.shape and is not empty; dst gets samples of
     * held.decode.stored. */
    int (*read)(
        void *state, const struct qn_box *box, void *dst, struct qn_error *err);

    void (*close)(void *state); /* NULL is fine */
};

extern const struct qn_backend qn_fits_backend;
extern const struct qn_backend qn_hdf5_backend;
extern const struct qn_backend qn_netcdf_backend;
extern const struct qn_backend qn_npy_backend;
extern const struct qn_backend qn_raw_backend;
extern const struct qn_backend qn_grid_backend; /* without a file */

/* The back-end for a file.  QN_EFORMAT where it is of no known format, or not
 * of the one that the job names; QN_EJOB where that is none. */
int
qn_reader_pick(
    const struct qn_backend **backend, const struct qn_source *source,
    const struct qn_bytes *bytes, struct qn_error *err);

/* QN_EFORMAT unless every axis has samples, and all together at most 2^40. */
int
qn_reader_plausible(const struct qn_shape *shape, struct qn_error *err);

/* Put len bytes of text, trailing blanks removed, into a field's value;
 * QN_EVALUE if they are more than it holds. */
int
qn_reader_text(
    char *value, size_t size, const char *text, size_t len,
    struct qn_error *err);

/* Put a question mark for each byte that is no UTF-8 or controls a terminal. */
void
qn_reader_text_clean(char *text);

/* The shortest text that reads back as that number. */
void
qn_reader_number(char *value, size_t size, enum qn_dtype type, const void *v);

#endif
