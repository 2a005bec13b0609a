/* Named values of an item, and how they are looked up.  Local. */
#ifndef QN_MODEL_FIELDS_H
#define QN_MODEL_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "quern/error.h"

/* A value of the expression language. */
enum qn_value_kind {
    QN_VALUE_NONE, QN_VALUE_NUMBER, QN_VALUE_TEXT, QN_VALUE_BOOL
};
struct qn_value {
    enum qn_value_kind kind;
    double number;    /* NUMBER; BOOL: 0 or 1                         */
    const char *text; /* TEXT: borrowed from the fields, the expression or
                         this value's own storage                       */
    char storage[1024]; /* room for a text made on the way (stem, lower):
                         copy with care                                 */
};

/* Where names get their values: returns false if there is no such field. */
struct qn_lookup {
    bool (*find)(void *ctx, const char *name, struct qn_value *value);
    void *ctx; /* borrowed */
};

/* The value of a name.  False if there is none, or fields is NULL or empty. */
bool
qn_fields_find(
    const struct qn_lookup *fields, const char *name, struct qn_value *value);

/* A lookup over a JSON object {name: number or string or bool}. */
struct qn_lookup
qn_fields_lookup(json_t *object);

/* Does text read as a decimal number?  Blanks around it do not count; FITS's
 * "1.5D3", "inf" and "nan" are numbers, "0x10" and "1e999" are not. */
bool
qn_fields_number(double *number, const char *text);

/* Text that reads as a finite number is a number, and T and F are yes and no:
 * what a header or a path says.  Text stays what a number would falsify (007,
 * whole numbers from 2^53), and all of it if is_text (a quoted FITS string;
 * trailing blanks go).  Bytes that are no UTF-8 are read as Latin-1.  A new
 * reference; NULL: no memory. */
json_t *
qn_fields_value(const char *text, bool is_text);

/* The same as a value, which borrows text. */
void
qn_fields_read(struct qn_value *value, const char *text, bool is_text);

/* A value as text, for names and messages: numbers as shortest that reads
 * back the same, integers without a point; true, false; text without trailing
 * blanks, cut to size - 1 bytes. */
void
qn_fields_text(char *buf, size_t size, const struct qn_value *v);

/* Fill "{night}/{stem}-{FILTER}" in; {{ and }} are braces.  encode: every byte
 * of a value outside A-Za-z0-9._+- is percent-encoded, and so that no value
 * hides a file or leaves its folder, a dot that begins a path segment; an empty
 * value becomes "%20", a blank.  QN_EMISSING names the field that is
 * not there, QN_EJOB a brace without partner.  *out is the caller's. */
int
qn_fields_fill(
    char **out, const char *pattern, const struct qn_lookup *fields,
    bool encode, struct qn_error *err);

/* Call each with every name in a pattern, as often as it is there; QN_EJOB for
 * a brace that does not close or holds no name. */
int
qn_fields_names(
    const char *pattern, void (*each)(void *ctx, const char *name), void *ctx,
    struct qn_error *err);

#endif
