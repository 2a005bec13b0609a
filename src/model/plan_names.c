/* Which header fields a stage's items must bring.
 *
 * A stage asks for what it names itself, and for what those name that read
 * its results or match them: headers are looked at once, at the source. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/command.h"
#include "model/plan.h"

struct names {
    struct qn_strings *out;
    struct qn_error *err;
    int rc;
};

static void
add(void *ctx, const char *name)
{
    struct names *n = ctx;
    struct qn_strings *s = n->out;
    char **v;

    if (n->rc || qn_item_builtin(name))
        return;
    for (size_t i = 0; i < s->n; i++)
        if (!strcmp(s->v[i], name))
            return;
    v = realloc(s->v, (s->n + 1) * sizeof *v);
    if (!v) {
        n->rc = qn_fail(n->err, QN_ENOMEM, "no memory for the field names");
        return;
    }
    s->v = v;
    n->rc = qn_memory_copy(&v[s->n], name, n->err);
    s->n += !n->rc;
}

static void
add_pattern(struct names *n, const char *pattern)
{
    if (pattern && !n->rc)
        n->rc = qn_fields_names(pattern, add, n, n->err);
}

/* Every {"header": NAME} in a value. */
static void
add_params(struct names *n, const json_t *value)
{
    const char *key;
    json_t *child;
    size_t i;

    if (json_is_array(value))
        json_array_foreach(value, i, child)
            add_params(n, child);
    if (!json_is_object(value))
        return;
    child = json_object_get(value, "header");
    if (json_is_string(child))
        add(n, json_string_value(child));
    json_object_foreach((json_t *)(uintptr_t)value, key, child)
        add_params(n, child);
}

static void
add_per(struct names *n, const struct qn_group *g)
{
    for (size_t i = 0; i < g->per.n; i++)
        qn_expr_names(&g->per_expr[i], add, n);
}

static void
add_operand(struct names *n, const struct qn_job *job,
            const struct qn_operand *op)
{
    if (op->kind == QN_OPERAND_HEADER)
        add(n, op->text);
    if (op->kind == QN_OPERAND_FILE)
        add_pattern(n, op->text);
    if (op->scale_header)
        add(n, op->scale_header);
    for (size_t i = 0; i < op->nmatch; i++)
        add(n, op->match[i].field);
    if (op->kind == QN_OPERAND_STAGE && !op->nmatch)
        add_per(n, &job->stages[op->stage_index].combine);
}

/* What another stage's operand needs to know of this stage's results. */
static void
add_as_partner(struct names *n, const struct qn_operand *op)
{
    if (op->scale_header)
        add(n, op->scale_header);
    for (size_t i = 0; i < op->nmatch; i++)
        add(n, op->match[i].field);
}

static void
add_own(struct names *n, const struct qn_job *job,
        const struct qn_stage *st)
{
    if (st->input.where)
        qn_expr_names(&st->input.where_expr, add, n);
    add_pattern(n, st->output.name);
    add_per(n, &st->combine);
    if (!n->rc)
        n->rc = qn_command_names(&st->command, add, n, n->err);
    if (st->combine.weights)
        add(n, st->combine.weights);
    for (int i = 0; i < st->nsteps; i++) {
        add_params(n, st->steps[i].params);
        for (int k = 0; k < st->steps[i].noperands; k++)
            add_operand(n, job, &st->steps[i].operand[k]);
    }
}

static void
add_users(struct names *n, const struct qn_job *job, int s)
{
    for (int t = 0; t < job->nstages; t++) {
        const struct qn_stage *st = &job->stages[t];

        for (int i = 0; i < st->nsteps; i++)
            for (int k = 0; k < st->steps[i].noperands; k++) {
                const struct qn_operand *op = &st->steps[i].operand[k];

                if (op->kind == QN_OPERAND_STAGE && op->stage_index == s)
                    add_as_partner(n, op);
            }
    }
}

static void
add_stage(struct names *n, const struct qn_job *job, int s)
{
    add_own(n, job, &job->stages[s]);
    add_users(n, job, s);
    // stages that read this one's results stand behind it: this ends
    for (int t = s + 1; t < job->nstages; t++)
        if (job->stages[t].input.stage_index == s)
            add_stage(n, job, t);
}

int
qn_plan_names(const struct qn_job *job, int s, struct qn_strings *names,
              struct qn_error *err)
{
    struct names n = {.out = names, .err = err};

    add_stage(&n, job, s);
    return n.rc;
}
