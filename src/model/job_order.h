/* The order of stages: each behind those it uses. */
#ifndef QN_MODEL_JOB_ORDER_H
#define QN_MODEL_JOB_ORDER_H

#include "model/job_read.h"

/* Call each with the index of every stage that a stage uses directly. */
void
qn_job_order_edges(
    const struct qn_stage *stage, void (*each)(void *ctx, int index),
    void *ctx);

/* Tell cycles and products that a stage does not have; without any, put the
 * stages in order. */
void
qn_job_order_make(struct qn_job_reader *r);

#endif
