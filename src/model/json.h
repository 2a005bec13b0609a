/* Plain data in and out of JSON objects: what requests, answers and records are
 * made of.  What is made is a new reference, NULL when memory runs out.  All
 * local. */
#ifndef QN_MODEL_JSON_H
#define QN_MODEL_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "model/job.h"
#include "quern/array.h"

/* The text or the number under a key.  No such text is NULL, of a word "";
 * no such number is 0.  Texts are borrowed from the object. */
const char *
qn_json_text(const json_t *object, const char *key);
const char *
qn_json_word(const json_t *object, const char *key);
int64_t
qn_json_integer(const json_t *object, const char *key);

/* Lists. */
json_t *
qn_json_strings(const struct qn_strings *s);
json_t *
qn_json_integers(const int64_t *v, int n);
json_t *
qn_json_shape(const struct qn_shape *s);

#endif
