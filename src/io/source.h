/* What the job says about an input, as it travels to workers.  Local. */
#ifndef QN_IO_SOURCE_H
#define QN_IO_SOURCE_H

#include <jansson.h>

#include "io/reader.h"
#include "model/job.h"

/* The part of an input that decides how its files are read (new reference;
 * NULL when memory runs out).  Two stages with equal objects read alike. */
json_t *
qn_source_json(const struct qn_input *in);

/* Fill a source from such an object; texts are borrowed from it.  path is left
 * for the caller.  slice needs room for QN_MAX_DIMS texts. */
int
qn_source_load(
    struct qn_source *source, const char **slice, const json_t *object, struct qn_error *err);

#endif
