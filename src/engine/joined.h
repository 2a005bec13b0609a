/* What a result that is put together from the frames of one file holds, and
 * where its parts lie while it is.  All local. */
#ifndef QN_ENGINE_JOINED_H
#define QN_ENGINE_JOINED_H

#include <jansson.h>

#include "model/plan.h"

/* Members bring, for each dataset in this order, that of their frames one
 * behind the other. */
struct qn_joined {
    int n;
    struct qn_plan_dataset set[QN_PLAN_DATASETS];
    int64_t bytes[QN_PLAN_DATASETS]; /* of a frame                        */
    int64_t at[QN_PLAN_DATASETS];    /* of the first one in the result    */
    int64_t all;                     /* bytes of the result               */
    int64_t frames;
};

int
qn_joined_make(
    struct qn_joined *j, const struct qn_plan *p, const struct qn_plan_stage *st,
    const struct qn_target *t, struct qn_error *err);

/* Say it in a request to write the result: its products, and the bytes that
 * they take. */
int
qn_joined_describe(
    json_t *request, const struct qn_plan *p, const struct qn_plan_stage *st,
    const struct qn_target *t, struct qn_error *err);

#endif
