/* Options of a step: the canonical JSON form, and the params struct.
 *
 * The job parser checks what a person wrote against the kernel's table and
 * makes a JSON object with every option, defaults filled in: that object is
 * key, provenance and what travels to workers.  Its values:
 *
 *     NUMBER   real; "inf", "-inf", "nan" as text
 *     INTEGER  integer
 *     BOOL     true, false
 *     CHOICE, TEXT, DTYPE, SECTION  text
 *     NUMBERS  list of NUMBER
 *     CHOICES  list of CHOICE
 *     {"header": NAME} in place of a NUMBER, INTEGER or SECTION
 *
 * An option that was not given and has no default is left out.  Local.
 */
#ifndef QN_MODEL_PARAMS_H
#define QN_MODEL_PARAMS_H

#include "model/fields.h"
#include "model/shape.h"
#include "quern/kernel.h"

/* Fill a zeroed params struct of k->params_size bytes from the canonical
 * object; {"header": X} is looked up in fields (QN_EMISSING names it; fields
 * may be NULL where there are none).  Texts are borrowed from object.  Does
 * not call prepare. */
int
qn_params_fill(
    void *params, const struct qn_kernel *k, json_t *object,
    const struct qn_lookup *fields, struct qn_error *err);

/* "[x1:x2, y1:y2]" (FITS order, from 1, inclusive; * is a whole axis, x one
 * sample, x1:x2:n every n-th; blanks allowed; reversed ranges refused) or
 * "a:b", "a:b:c", "a" items separated by commas without brackets (C order,
 * from 0, half open; a and b may be left out) into a section.  QN_EVALUE. */
int
qn_params_section(struct qn_section *s, const char *text, struct qn_error *err);

/* The part of shape that s names.  A section with fewer axes than the shape
 * has applies to the trailing ones, the others are taken whole.  QN_ESHAPE
 * for more axes, or samples beyond the end, counted both ways. */
int
qn_params_section_fit(
    struct qn_box *box, const struct qn_section *s,
    const struct qn_shape *shape, struct qn_error *err);

/* Turn a scalar as written into the option's canonical JSON value, checking
 * type and choices; QN_EJOB with the nearest known choice.  A NUMBERS option
 * takes "1, 2" and "[1, 2]" too, and "{header: NAME}" makes the reference. */
int
qn_params_scalar(
    json_t **value, const struct qn_option *o, const char *text,
    struct qn_error *err);

/* The same for a list as written: NUMBERS, CHOICES, and SECTION ("a:b" an axis). */
int
qn_params_list(
    json_t **value, const struct qn_option *o, const char *const *texts,
    size_t n, struct qn_error *err);

/* The default of an option as a canonical value, or NULL where it has none. */
json_t *
qn_params_preset(const struct qn_option *o);

#endif
