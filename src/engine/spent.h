/* What the phases of an item took: bytes and seconds, over all workers of a
 * rank, and from them to the record.  All local. */
#ifndef QN_ENGINE_SPENT_H
#define QN_ENGINE_SPENT_H

#include <jansson.h>
#include <stdint.h>

struct qn_spent {
    double read, compute, write; /* s in workers; reading decodes too       */
    double exchange;             /* s that ranks waited for each other      */
    int64_t stored;              /* bytes of files that were read           */
    int64_t decoded;             /* bytes of samples that this gave         */
    int64_t written;             /* bytes of outputs                        */
    int64_t moved;               /* bytes received from other ranks         */
};

/* What a worker's answer says. */
void
qn_spent_take(struct qn_spent *s, const json_t *reply);

/* s += sign * other. */
void
qn_spent_add(struct qn_spent *s, const struct qn_spent *other, int sign);

/* {"read": {"bytes", "seconds", "rate"}, ...}; wait: s that workers had
 * nothing to do.  ceilings: {"read": bytes/s, ...}, each phase's beside it;
 * NULL: not known. */
json_t *
qn_spent_json(const struct qn_spent *s, double wait, const json_t *ceilings);

#endif
