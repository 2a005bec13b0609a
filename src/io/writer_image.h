/* Outputs that differ only in their data: written from the one before.
 *
 * Making some twenty objects costs HDF5 five times what reducing a small item
 * does.  So an output is described first, without the library: its form (all
 * names, types, lengths and texts that are the same for every item of a stage)
 * and its data.  If the last output had the same form, its bytes are written
 * again around the new data, which lie where they lay.  The bytes are those
 * that HDF5 would write.  All local. */
#ifndef QN_IO_WRITER_IMAGE_H
#define QN_IO_WRITER_IMAGE_H

#include <stdint.h>

#include "base/text.h"
#include "io/writer.h"
#include "io/writer_sink.h"

enum { QN_WRITER_HOLES = 64 }; /* datasets of an output that is remembered */

/* Data of an output, as they will lie in the file. */
struct qn_writer_data {
    const void *bytes; /* NULL: of product->source, row by row */
    size_t n;
    const struct qn_product *product;
    void *own; /* owned: bytes, or NULL where they are the caller's */
};

/* An output, described. */
struct qn_writer_form {
    struct qn_text text;
    struct qn_writer_data data[QN_WRITER_HOLES];
    size_t ndata;
    bool loose; /* its bytes do not follow from form and data: chunks */
};

/* Where such data lie in the file. */
struct qn_writer_hole {
    uint64_t at;
    size_t n;
};

struct qn_writer_image {
    struct qn_text form; /* of the file remembered; empty: none             */
    char *bytes;         /* owned: what lies around the data, in file order */
    uint64_t size;       /* of the whole file                               */
    struct qn_writer_hole hole[QN_WRITER_HOLES]; /* ascending               */
    size_t order[QN_WRITER_HOLES]; /* whose data goes there                 */
    size_t nholes;
};

/* Add data to a form: borrowed, or taken over where own. */
void
qn_writer_image_add(struct qn_writer_form *f, const void *bytes, size_t n, void *own);

/* The same for a product: its samples, or where they come from. */
void
qn_writer_image_product(struct qn_writer_form *f, const struct qn_product *p);

void
qn_writer_image_drop(struct qn_writer_form *f);

/* Was the last output of this form? */
bool
qn_writer_image_fits(const struct qn_writer_image *m, const struct qn_writer_form *f);

/* Write the output around its new data; what fails is remembered by the sink,
 * but for what a source of samples says. */
int
qn_writer_image_write(
    const struct qn_writer_image *m, const struct qn_writer_form *f, struct qn_writer_sink *s,
    struct qn_error *err);

/* Remember a file just written, complete and still open; hole i belongs to
 * data i of the form (whose text is taken over).  A file that cannot be
 * remembered is forgotten. */
void
qn_writer_image_keep(
    struct qn_writer_image *m, struct qn_writer_form *f, const struct qn_writer_sink *s,
    const struct qn_writer_hole *hole, size_t nholes);

void
qn_writer_image_clear(struct qn_writer_image *m);

#endif
