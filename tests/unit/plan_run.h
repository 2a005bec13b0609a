/* A plan of a job that is a text.  For the tests of plans only. */
#ifndef QN_TEST_PLAN_RUN_H
#define QN_TEST_PLAN_RUN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "kernels/catalog.h"
#include "model/plan.h"

struct fixture {
    struct qn_job job;
    struct qn_plan plan;
    struct qn_items items; /* for the test to fill in */
};

static inline void
open_job(struct fixture *f, const char *text)
{
    struct qn_text problems = {0};
    struct qn_error err = {0};

    *f = (struct fixture){.items = {0}};
    if (qn_job_parse(&f->job, "t.yaml", text, strlen(text), NULL, 0,
                     qn_catalog(), &problems, &err))
        fail_msg("%s%s", qn_text_get(&problems), err.text);
    qn_text_clear(&problems);
    assert_int_equal(qn_plan_open(&f->plan, &f->job, NULL), 0);
}

static inline void
close_job(struct fixture *f)
{
    qn_item_clear(&f->items);
    qn_plan_clear(&f->plan);
    qn_job_clear(&f->job);
}

#endif
