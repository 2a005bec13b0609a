/* Quotes that were left out, put in afterwards.  Local, pure. */
#ifndef QN_MODEL_YAML_MEND_H
#define QN_MODEL_YAML_MEND_H

#include "model/yaml_hint.h"

#define QN_YAML_MENDS 32

/* Quotes around a part of a line. */
struct qn_yaml_mend {
    struct qn_yaml_span span; /* in the original               */
    int start, end;           /* the same as columns, from 1   */
    int grown;                /* characters the line grew by   */
};

/* Starts as {0}. */
struct qn_yaml_mends {
    struct qn_yaml_mend v[QN_YAML_MENDS]; /* in the order of the file */
    int n;
};

/* Add one; false where it overlaps another, is empty, or there is no room. */
bool
qn_yaml_mend_add(
    struct qn_yaml_mends *m, const struct qn_problems *p,
    const struct qn_yaml_span *span);

/* The source of p with all quotes put in. */
void
qn_yaml_mend_text(
    const struct qn_yaml_mends *m, const struct qn_problems *p,
    struct qn_text *out);

/* Where a place of the mended text was in the original. */
struct qn_mark
qn_yaml_mend_place(const struct qn_yaml_mends *m, struct qn_mark at);

#endif
