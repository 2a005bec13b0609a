/* The job parser against any bytes: a job or problems, never a crash.
 *
 * The bytes behind the first NUL are a word of --set. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/job.h"

struct params {
    double min;
    int by;
    struct qn_numbers factor;
    struct qn_section region;
    const char *expr;
    bool keep;
};

static const struct qn_option options[] = {
    {"by", QN_OPTION_CHOICE, offsetof(struct params, by), "mean", "mean|median",
     NULL, "How."},
    {"min", QN_OPTION_NUMBER, offsetof(struct params, min), "", NULL, NULL,
     "A bound."},
    {"factor", QN_OPTION_NUMBERS, offsetof(struct params, factor), "1", NULL,
     "samples", "How many."},
    {"region", QN_OPTION_SECTION, offsetof(struct params, region), "", NULL,
     NULL, "Where."},
    {"expr", QN_OPTION_TEXT, offsetof(struct params, expr), "", NULL, NULL,
     "What."},
    {"keep", QN_OPTION_BOOL, offsetof(struct params, keep), "no", NULL, NULL,
     "Whether."},
    {.name = NULL},
};

static const struct qn_kernel subtract = {
    .name = "subtract", .version = 1, .operands = QN_OPERANDS_ONE};
static const struct qn_kernel bin = {.name = "bin",
                                     .version = 1,
                                     .params_size = sizeof(struct params),
                                     .options = options,
                                     .shorthand = "factor"};
static const struct qn_kernel bad = {.name = "bad-pixels",
                                     .version = 1,
                                     .operands = QN_OPERANDS_OPTIONAL,
                                     .params_size = sizeof(struct params),
                                     .options = options};
static const struct qn_kernel calculate = {.name = "calculate",
                                           .version = 1,
                                           .operands = QN_OPERANDS_NAMED,
                                           .params_size = sizeof(struct params),
                                           .options = options,
                                           .shorthand = "expr"};
static const struct qn_kernel combine = {.name = "combine",
                                         .kind = QN_KIND_COMBINE,
                                         .version = 1,
                                         .params_size = sizeof(struct params),
                                         .options = options,
                                         .shorthand = "by"};

static const struct qn_kernel *const catalog[] = {&subtract,  &bin,     &bad,
                                                  &calculate, &combine, NULL};

/* What a run would ask of the job. */
static void
use(const struct qn_job *job)
{
    for (int i = 0; i < job->nstages; i++) {
        const struct qn_stage *s = &job->stages[i];

        assert(qn_job_stage(job, s->name) == i);
        assert(s->input.stage_index < i);
        qn_job_uses(job, i, 0);
        for (int k = 0; k < s->nsteps; k++)
            json_decref(qn_job_step_json(&s->steps[k]));
        if (s->combine.given)
            json_decref(qn_job_combine_json(&s->combine, s->combine.kernel));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct qn_text problems = {0};
    struct qn_error err = {0};
    struct qn_job job;
    size_t len;

    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    len = strlen(text);
    const char *sets[] = {text + len + 1};
    int rc = qn_job_parse(&job, "job.yaml", text, len, sets, len < size,
                          catalog, &problems, &err);

    assert(rc == 0 || rc == QN_EJOB);
    assert((rc == 0) == (problems.len == 0));
    if (!rc)
        use(&job);
    qn_job_clear(&job);
    qn_text_clear(&problems);
    free(text);
    return 0;
}
