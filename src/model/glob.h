/* Patterns for texts.  Local, pure. */
#ifndef QN_MODEL_GLOB_H
#define QN_MODEL_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/* Do the n bytes at s fit the pattern?  * any bytes, ? one, [a-z] one of a
 * set, [!a-z] one that is not; a [ that does not close is itself.  Cost: at
 * most the product of the lengths. */
bool
qn_glob_match(const char *pattern, const char *s, size_t n);

#endif
