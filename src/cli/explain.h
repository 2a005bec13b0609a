/* What `quern explain` says, on stdout. */
#ifndef QN_CLI_EXPLAIN_H
#define QN_CLI_EXPLAIN_H

#include "engine/explain.h"

/* A paragraph for each stage in which the file was found. */
void
qn_explain_print(const struct qn_explain *e);

#endif
