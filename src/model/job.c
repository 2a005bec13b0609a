/* A job: what is asked of it once it is there, and its end.
 *
 * How it comes about is in job_parse.c. */
#include "model/job.h"

#include <stdlib.h>
#include <string.h>

#include "model/command.h"
#include "model/job_combine.h"
#include "model/job_input.h"
#include "model/job_operand.h"
#include "model/job_order.h"
#include "model/job_output.h"
#include "model/job_step.h"

int
qn_job_stage(const struct qn_job *job, const char *name)
{
    for (int i = 0; i < job->nstages; i++)
        if (!strcmp(job->stages[i].name, name))
            return i;
    return -1;
}

/* ---- who uses whom ------------------------------------------------------ */

static void
mark_used(void *ctx, int index)
{
    bool *used = ctx;

    used[index] = true;
}

bool
qn_job_uses(const struct qn_job *job, int a, int b)
{
    bool used[QN_JOB_MAX_STAGES] = {false};

    // a stage stands behind those it uses: one pass back is enough
    used[a] = true;
    for (int i = a; i > b; i--)
        if (used[i])
            qn_job_order_edges(&job->stages[i], mark_used, used);
    return a != b && used[b];
}

bool
qn_job_reads(const struct qn_job *job, int a, int b)
{
    bool used[QN_JOB_MAX_STAGES] = {false};

    qn_job_order_edges(&job->stages[a], mark_used, used);
    return used[b];
}

/* ---- canonical form ----------------------------------------------------- */

json_t *
qn_job_step_json(const struct qn_step *step)
{
    json_t *operands = json_array();

    for (int i = 0; i < step->noperands; i++)
        json_array_append_new(operands, qn_job_operand_json(&step->operand[i]));
    return json_pack("{s:s, s:i, s:O, s:o, s:s*}", "kernel",
                     step->kernel->name, "version", step->kernel->version,
                     "params", step->params, "operands", operands, "product",
                     step->product);
}

static json_t *
per_json(const struct qn_group *g)
{
    json_t *list = json_array();

    if (g->per_file)
        json_array_append_new(list, json_string("file"));
    for (size_t i = 0; i < g->per.n; i++)
        json_array_append_new(list, json_string(g->per.v[i]));
    return list;
}

json_t *
qn_job_combine_json(const struct qn_group *g, const struct qn_kernel *k)
{
    json_t *json = json_pack("{s:s, s:i, s:O, s:o, s:f, s:b}", "kernel",
                             k->name, "version", k->version, "params",
                             g->params, "per", per_json(g), "at-least",
                             g->at_least, "share", g->at_least_fraction);

    if (g->weights)
        json_object_set_new(json, "weights", json_string(g->weights));
    return json;
}

/* ---- the end ------------------------------------------------------------ */

static void
clear_stage(struct qn_stage *s)
{
    for (int i = 0; i < s->nsteps; i++)
        qn_job_step_clear(&s->steps[i]);
    free(s->steps);
    free(s->name);
    qn_job_input_clear(&s->input);
    qn_command_clear(&s->command);
    qn_job_combine_clear(&s->combine);
    qn_job_output_clear(&s->output);
}

void
qn_job_clear(struct qn_job *job)
{
    for (int i = 0; i < job->nstages; i++)
        clear_stage(&job->stages[i]);
    free(job->stages);
    free(job->name);
    free(job->text);
    free(job->output);
    *job = (struct qn_job){0};
}
