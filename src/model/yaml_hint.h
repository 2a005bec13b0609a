/* What a person can do about text that YAML does not read.
 *
 * libyaml says where it stopped and what it expected; this module says what
 * was probably meant, and where quotes would mend it.  Local, pure. */
#ifndef QN_MODEL_YAML_HINT_H
#define QN_MODEL_YAML_HINT_H

#include "model/problem.h"

/* Where and why reading stopped. */
struct qn_yaml_fault {
    const char *problem; /* libyaml's words; NULL: none                  */
    const char *context; /* what it was doing; NULL: nothing in particular */
    struct qn_mark at;   /* where it stopped                             */
    struct qn_mark from; /* where what it was doing began                */
};

/* Bytes of one line of the source. */
struct qn_yaml_span {
    int line;
    size_t start, end; /* offsets in the line; equal: none */
};

/* Add the problem.  *mend is what to put in quotes, empty where that would
 * not help. */
void
qn_yaml_hint_add(
    struct qn_problems *p, const struct qn_yaml_fault *fault,
    struct qn_yaml_span *mend);

/* The span of the value that begins at a place, as a person sees it: to the
 * end of the line, or inside brackets to the comma or bracket. */
struct qn_yaml_span
qn_yaml_hint_value(struct qn_problems *p, struct qn_mark at);

/* The bytes of the span in quotes. */
void
qn_yaml_hint_quote(struct qn_text *out, const char *s, size_t n);

/* "; put it in quotes: files: "*.fits"" */
void
qn_yaml_hint_show(
    struct qn_text *out, const struct qn_problems *p,
    const struct qn_yaml_span *span);

#endif
