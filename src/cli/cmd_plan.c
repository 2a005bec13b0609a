/* quern plan JOB: what `run` would do.  Writes nothing, starts no MPI. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"
#include "model/dtype.h"
#include "model/shape.h"

static const struct argp_option options[] = {
    {"data", 'd', "DIR", 0,
     "Base of relative inputs (default: the job file's folder)", 0},
    {"output", 'o', "DIR", 0,
     "Where results would go (default: the job's `output`, else NAME.out "
     "beside the job file)",
     0},
    {"stage", 's', "NAME", 0, "Only that stage and what it needs", 0},
    {"set", 'S', "PATH=VALUE", 0, "Change the job; may be repeated", 0},
    {"items", 'i', NULL, 0, "Name every item, its result and its partners",
     0},
    {"help", 'h', NULL, 0, "Show this text", 0},
    {0},
};

static const char doc[] =
    "Say what `quern run JOB` would do: items, shapes and types after each "
    "step, results, problems. Writes nothing.";

static void
print_type(const char *what, const struct qn_type *t)
{
    char shape[128];

    printf("  %-12s %s %s\n", what,
           qn_shape_text(shape, sizeof shape, &t->shape),
           qn_dtype_name(t->dtype));
}

static const struct qn_task *
first_good(const struct qn_plan_stage *st)
{
    for (int i = 0; i < st->ntasks; i++)
        if (!st->task[i].code)
            return &st->task[i];
    return NULL;
}

static int64_t
target_bytes(const struct qn_target *t)
{
    return qn_shape_count(&t->type.shape) *
           (int64_t)qn_dtype_size(t->type.dtype);
}

static void
print_bytes(const struct qn_plan_stage *st)
{
    double in = 0, out = 0;
    char a[32], b[32];

    for (int i = 0; i < st->ntasks; i++)
        if (st->task[i].item->bytes > 0)
            in += (double)st->task[i].item->bytes;
    for (int i = 0; i < st->ntargets; i++)
        if (!st->target[i].code)
            out += (double)target_bytes(&st->target[i]);
    printf("  %-12s %s in, %s out\n", "bytes",
           qn_text_size(a, sizeof a, in), qn_text_size(b, sizeof b, out));
}

static void
print_steps(const struct qn_plan_stage *st)
{
    const struct qn_stage *stage = st->stage;

    printf("  %-12s", "steps");
    for (int i = 0; i < stage->nsteps; i++)
        printf("%s %s", i ? "," : "", stage->steps[i].kernel->name);
    printf("%s (precision %s)\n", stage->nsteps ? "" : " none",
           qn_dtype_name(st->precision));
}

static void
print_problems(const struct qn_plan_stage *st)
{
    for (int i = 0; i < st->ntasks; i++)
        if (st->task[i].code)
            printf("  problem      %s: %s\n", st->task[i].item->path,
                   st->task[i].reason);
    for (int i = 0; st->stage->combine.given && i < st->ntargets; i++)
        if (st->target[i].code)
            printf("  problem      %s: %s\n", st->target[i].name,
                   st->target[i].reason);
}

static void
print_uses(const struct qn_run *run, const struct qn_plan_stage *st,
           const struct qn_task *t)
{
    for (int i = 0; i < st->nuses; i++) {
        const struct qn_use *u = &t->use[i];

        if (u->stage >= 0)
            printf(" with %s",
                   run->plan.stage[u->stage].target[u->target].name);
        else if (u->file >= 0)
            printf(" with %s", st->files.v[u->file].path);
    }
}

static void
print_items(const struct qn_run *run, const struct qn_plan_stage *st)
{
    for (int i = 0; i < st->ntasks; i++) {
        const struct qn_task *t = &st->task[i];

        printf("  item         %s -> %s", t->item->path,
               t->target >= 0 && st->target[t->target].name
                   ? st->target[t->target].name
                   : "nothing");
        if (!t->code)
            print_uses(run, st, t);
        printf("\n");
    }
}

static void
print_stage(const struct qn_run *run, const struct qn_plan_stage *st,
            bool items)
{
    const struct qn_task *t = first_good(st);

    printf("stage %s\n", st->stage->name);
    printf("  %-12s %d", "items", st->ntasks);
    if (st->rejected)
        printf(" (%zu left out by `where`)", st->rejected);
    printf("\n");
    if (t)
        print_type("each", &t->item->type);
    print_steps(st);
    if (t && st->stage->nsteps)
        print_type("after steps", &t->result);
    if (st->stage->combine.given)
        printf("  %-12s %d\n", "results", st->ntargets);
    if (t && t->target >= 0)
        print_type("result", &st->target[t->target].type);
    print_bytes(st);
    if (items)
        print_items(run, st);
    print_problems(st);
}

static int
plan_job(const struct qn_cli_job *o)
{
    struct qn_comm alone = {.size = 1, .nodes = 1, .node_size = 1};
    struct qn_cli_loaded l = {0};
    struct qn_run run = {0};
    struct qn_error err = {0};
    int rc = qn_cli_load(&l, o, &alone, &err);

    if (!rc)
        rc = qn_run_prepare(&run, &l.job, &l.options, &alone, &err);
    if (!rc)
        printf("job %s\n  %-12s %s\n  %-12s %s\n  %-12s %d here\n",
               l.job.name, "data", l.data, "output", l.output, "workers",
               run.farm.n);
    for (int s = 0; !rc && s < l.job.nstages; s++)
        if (run.plan.stage[s].wanted)
            print_stage(&run, &run.plan.stage[s], o->items);
    qn_run_clear(&run);
    qn_cli_unload(&l);
    return rc ? qn_cli_exit(&err, true) : QN_EXIT_DONE;
}

int
qn_cmd_plan(int argc, char **argv)
{
    struct qn_cli_job o = {.speak = true};
    int code = QN_EXIT_DONE;

    if (qn_cli_parse(&o, options, doc, argc, argv))
        code = QN_EXIT_USAGE;
    else if (!o.help)
        code = plan_job(&o);
    qn_cli_free(&o);
    return code;
}
