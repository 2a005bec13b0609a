/* Cautions: what a kernel has to say of results that are there but hold less
 * than they seem to.  All local.
 *
 *     {NAME: {"text", "path", "items"}, ...}
 *
 * NAME is the product's.  Of many items with one there stands how many they
 * are, and the text of the first in the order of their paths, so that the same
 * comes out however they are gathered. */
#ifndef QN_MODEL_CAUTION_H
#define QN_MODEL_CAUTION_H

#include <jansson.h>
#include <stdint.h>

/* One item's; what there is no memory for is not said. */
void
qn_caution_add(
    json_t *all, const char *name, const char *kernel, const char *text,
    const char *path);

/* Those of others too; NULL: none. */
void
qn_caution_merge(json_t *all, const json_t *others);

#endif
