/* A plan in words: a line a fact, in the order in which people ask.
 *
 * What the facts are is plan_view.c's to know; plan_json.c tells the same to
 * other programs. */
#include "cli/plan_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "cli/cli.h"
#include "engine/exec.h"
#include "engine/single.h"
#include "model/command.h"
#include "model/dtype.h"
#include "model/shape.h"

/* ---- a stage ------------------------------------------------------------ */

static void
print_type(const char *what, const struct qn_type *t, const char *more)
{
    char shape[128];

    printf("  %-12s %s %s%s\n", what,
           qn_shape_text(shape, sizeof shape, &t->shape),
           qn_dtype_name(t->dtype), more);
}

static void
print_items_line(const struct qn_plan_stage *st)
{
    printf("  %-12s %" PRId64, "items", qn_plan_view_items(st));
    if (st->rejected)
        printf(" (%zu left out by `where`)", st->rejected);
    printf("\n");
}

static void
print_command(const struct qn_stage *stage)
{
    const struct qn_command *c = &stage->command;
    struct qn_text words = {0};

    for (size_t i = 0; i < c->words.n; i++) {
        qn_text_add(&words, " ");
        qn_command_quote(&words, c->words.v[i]);
    }
    printf("  %-12s%s\n", "exec", qn_text_get(&words));
    qn_text_clear(&words);
    for (size_t i = 0; i < c->writes.n; i++)
        printf("  %-12s %s%s\n", i ? "" : "writes", c->writes.v[i],
               c->folder ? "/" : "");
}

/* What comes out of each, a line each: "bin  128 x 128 float32". */
static void
print_typed_steps(const struct qn_stage *stage, int n,
                  const struct qn_type *types)
{
    char shape[128];

    for (int i = 0; i < n; i++)
        printf("  %-12s %-12s %s %s\n", "", stage->steps[i].kernel->name,
               qn_shape_text(shape, sizeof shape, &types[i].shape),
               qn_dtype_name(types[i].dtype));
}

/* t: whose types stand for all; NULL: none are known. */
static void
print_steps(const struct qn_plan_view *v, int s, const struct qn_task *t)
{
    const struct qn_plan_stage *st = &v->run->plan.stage[s];
    const struct qn_stage *stage = st->stage;
    const int n = stage->nsteps - stage->nproducts;
    struct qn_type *types;

    if (stage->command.given) {
        print_command(stage);
        return;
    }
    types = t ? qn_plan_view_steps(v, s, t) : NULL;
    printf("  %-12s", "steps");
    if (types)
        printf(" %d", n);
    for (int i = 0; i < n && !types; i++)
        printf("%s %s", i ? "," : "", stage->steps[i].kernel->name);
    printf("%s (precision %s)\n", n ? "" : " none",
           qn_dtype_name(st->precision));
    if (types)
        print_typed_steps(stage, n, types);
    free(types);
}

/* "product  sum: 48 x 50 uint64 (reduce)", a line each. */
static void
print_products(const struct qn_plan_view *v, int s, const struct qn_task *t)
{
    struct qn_reduced_type out[QN_MAX_RESULTS];
    const struct qn_step *step;
    char shape[128];

    for (int i = 0; i < v->run->plan.stage[s].stage->nproducts; i++) {
        const int n = qn_plan_view_product(v, s, t, i, &step, out);

        printf("  %-12s %s:", "product", step->product);
        for (int k = 0; k < n; k++)
            printf("%s%s%s %s %s", k ? ", " : "", k ? out[k].name : "",
                   k ? " is" : "",
                   qn_shape_text(shape, sizeof shape, &out[k].type.shape),
                   qn_dtype_name(out[k].type.dtype));
        printf(" (%s)\n", step->kernel->name);
    }
}

static void
print_results(const struct qn_plan_view *v, int s)
{
    const int ntargets = v->run->plan.stage[s].ntargets;
    int n[QN_PLAN_NSTATES] = {0};

    for (int i = 0; i < ntargets; i++)
        n[v->state[s][i]]++;
    printf("  %-12s %d (%d done, %d stale, %d to do", "results",
           ntargets - n[QN_PLAN_OUT],
           n[QN_PLAN_DONE], n[QN_PLAN_STALE], n[QN_PLAN_TODO]);
    if (n[QN_PLAN_BEFORE])
        printf(", %d failed before", n[QN_PLAN_BEFORE]);
    if (n[QN_PLAN_FAILED])
        printf(", %d cannot be made", n[QN_PLAN_FAILED]);
    printf(")\n");
}

/* "one file  night.out/science.h5 (to do)" */
static void
print_single(const struct qn_plan_view *v, int s)
{
    const struct qn_stage *stage = v->run->plan.stage[s].stage;
    enum qn_single_state state;

    if (stage->output.single && !qn_single_look(&state, v->run, s, NULL))
        printf("  %-12s %s/%s.h5 (%s)\n", "one file", v->run->options->output,
               stage->name, qn_single_word(state));
}

struct span {
    int64_t least, most;
};

static void
widen(struct span *s, int64_t n, bool first)
{
    if (first || n < s->least)
        s->least = n;
    if (first || n > s->most)
        s->most = n;
}

static void
print_span(const struct span *s)
{
    printf("%" PRId64, s->least);
    if (s->most > s->least)
        printf("-%" PRId64, s->most);
}

/* What a combination needs of what it has: "at least 3 of 6-8". */
static void
print_members(const struct qn_plan_stage *st)
{
    struct span need = {0}, have = {0};

    for (int i = 0; i < st->ntargets; i++) {
        widen(&need, qn_plan_required(st, &st->target[i]), i == 0);
        widen(&have, qn_plan_all_members(st, &st->target[i]), i == 0);
    }
    printf("  %-12s at least ", "members");
    print_span(&need);
    printf(" of ");
    print_span(&have);
    printf("\n");
}

/* "team  4 ranks an item: 2 x 2 blocks of at most 384 x 512, ..." */
static void
print_team(const struct qn_plan_view *v, int s)
{
    struct qn_plan_view_team t;
    char blocks[128], block[128], halo[128], bytes[32];
    int64_t widest = 0;

    if (!qn_plan_view_share(v, s, &t))
        return;
    for (int a = 0; a < t.halo.ndims; a++)
        widest = t.halo.n[a] > widest ? t.halo.n[a] : widest;
    printf("  %-12s %d ranks an item: %s blocks of at most %s, ", "team",
           v->run->plan.stage[s].team,
           qn_shape_text(blocks, sizeof blocks, &t.blocks),
           qn_shape_text(block, sizeof block, &t.block));
    if (widest)
        printf("halo %s, ", qn_shape_text(halo, sizeof halo, &t.halo));
    printf("%s a rank", qn_text_size(bytes, sizeof bytes, (double)t.bytes));
    if (t.idle)
        printf("; more ranks than blocks: %d idle", t.idle);
    printf("\n");
}

static void
print_bytes(const struct qn_plan_view *v, int s)
{
    double in, out;
    char a[32], b[32];

    qn_plan_view_bytes(v, s, &in, &out);
    printf("  %-12s %s in, %s out\n", "bytes",
           qn_text_size(a, sizeof a, in), qn_text_size(b, sizeof b, out));
}

static void
print_uses(const struct qn_run *run, const struct qn_plan_stage *st,
           const struct qn_task *t)
{
    const char *word = " with ";

    for (int i = 0; i < st->nuses; i++) {
        const struct qn_use *u = &t->use[i];
        char label[1200];

        if (u->stage >= 0)
            printf("%s%s", word,
                   qn_plan_pack_label(
                       label, sizeof label,
                       run->plan.stage[u->stage].target[u->target].name,
                       u->row));
        else if (u->file >= 0)
            printf("%s%s", word, st->files.v[u->file].path);
        else
            continue;
        word = ", ";
    }
}

/* The values that choose, group, match and name it: " (FILTER V, EXPTIME 60)" */
static void
print_fields(const struct qn_strings *names, const struct qn_item *item)
{
    int said = 0;

    for (size_t i = 0; i < names->n; i++) {
        struct qn_value v;
        char text[256];

        if (!qn_item_find(item, names->v[i], &v))
            continue;
        qn_fields_text(text, sizeof text, &v);
        printf("%s%s %s", said++ ? ", " : " (", names->v[i], text);
    }
    if (said)
        printf(")");
}

static void
print_items(const struct qn_run *run, const struct qn_plan_stage *st)
{
    struct qn_strings names = {0};

    // without memory for the names the fields are left out
    qn_plan_names(run->job, (int)(st - run->plan.stage), &names, NULL);
    for (int i = 0; i < st->ntasks; i++) {
        const struct qn_task *t = &st->task[i];
        char name[1200];

        if (t->state == QN_SKIPPED)
            continue;
        printf("  item         %s", qn_item_name(name, sizeof name, t->item));
        print_fields(&names, t->item);
        printf(" -> %s", t->target >= 0 && st->target[t->target].name
                             ? st->target[t->target].name
                             : "nothing");
        if (!t->code)
            print_uses(run, st, t);
        printf("\n");
    }
    qn_cli_drop(&names);
}

static void
print_problems(const struct qn_plan_stage *st)
{
    char name[1200];

    for (int i = 0; i < st->ntasks; i++)
        if (st->task[i].code && st->task[i].state != QN_SKIPPED)
            printf("  problem      %s: %s\n",
                   qn_item_name(name, sizeof name, st->task[i].item),
                   st->task[i].reason);
    for (int i = 0; qn_plan_view_joined(st) && i < st->ntargets; i++)
        if (st->target[i].code)
            printf("  problem      %s: %s\n", st->target[i].name,
                   st->target[i].reason);
}

/* "memory  1.2 GB a rank (3 workers, 4 did not fit) of 2.0 GB; ..." */
static void
print_memory(const struct qn_plan_stage *st)
{
    const struct qn_need *n = &st->need;
    char need[32], have[32], beside[32], peak[32];

    if (st->stage->command.given) {
        printf("  %-12s what its program takes is not known\n", "memory");
        return;
    }
    printf("  %-12s %s a rank of %s, %d worker%s at a time", "memory",
           qn_text_size(need, sizeof need, (double)n->total),
           qn_text_size(have, sizeof have, (double)n->memory), n->workers,
           n->workers == 1 ? "" : "s");
    if (n->fewer)
        printf(" (%d more would not fit)", n->fewer);
    if (st->team > 1)
        printf(" (%d ranks share an item)", st->team);
    if (n->slabs)
        printf(", large items slab by slab");
    printf("; processes %s, so at most %s\n",
           qn_text_size(beside, sizeof beside,
                        (double)qn_need_processes(n->workers)),
           qn_text_size(peak, sizeof peak,
                        (double)(n->total + qn_need_processes(n->workers))));
}

static void
print_stage(const struct qn_plan_view *v, int s, bool items)
{
    const struct qn_plan_stage *st = &v->run->plan.stage[s];
    const struct qn_task *t =
        qn_plan_view_typed(st) ? qn_plan_view_sample(st) : NULL;
    char advice[160];

    printf("stage %s\n", st->stage->name);
    print_items_line(st);
    if (t)
        print_type("each", t->item->type,
                   qn_plan_view_alike(st, t) ? ""
                                             : " (the first; others differ)");
    print_steps(v, s, t);
    if (t)
        print_products(v, s, t);
    print_results(v, s);
    print_single(v, s);
    if (st->stage->combine.given && st->ntargets)
        print_members(st);
    if (t && t->target >= 0 && !st->stage->nproducts)
        print_type("result", st->target[t->target].type, "");
    if (!t && st->late)
        printf("  %-12s known when a program has written what it reads\n",
               "types");
    print_team(v, s);
    if (!st->late)
        print_bytes(v, s);
    if (!st->late)
        print_memory(st);
    if (!st->late && qn_plan_view_advice(v, s, advice, sizeof advice))
        printf("  %-12s %s\n", "advice", advice);
    if (items)
        print_items(v->run, st);
    print_problems(st);
}

/* ---- the plan ----------------------------------------------------------- */

void
qn_plan_print(const struct qn_plan_view *v, bool items)
{
    const struct qn_run *run = v->run;

    printf("job %s\n  %-12s %s\n  %-12s %s\n  %-12s %d here, %d thread%s in "
           "all\n",
           run->job->name, "data", run->options->data, "output",
           run->options->output, "workers", run->farm.n,
           run->threads.budget.threads,
           run->threads.budget.threads == 1 ? "" : "s");
    for (int s = 0; s < run->job->nstages; s++)
        if (run->plan.stage[s].wanted)
            print_stage(v, s, items);
}

void
qn_plan_print_outputs(const struct qn_plan_view *v)
{
    const struct qn_run *run = v->run;

    for (int s = 0; s < run->job->nstages; s++) {
        const struct qn_plan_stage *st = &run->plan.stage[s];

        if (st->wanted && st->stage->output.single)
            printf("%s/%s.h5\n", run->options->output, st->stage->name);
        for (int i = 0; st->wanted && i < st->ntargets; i++)
            if (v->state[s][i] != QN_PLAN_FAILED &&
                v->state[s][i] != QN_PLAN_OUT &&
                (!st->stage->command.given || st->stage->command.writes.n))
                printf("%s/%s\n", run->options->output, st->target[i].name);
    }
}

static int
print_words(const struct qn_run *run, int s, const struct qn_task *t,
            struct qn_error *err)
{
    struct qn_strings words = {0};
    struct qn_text line = {0};
    int rc = qn_exec_words(run, s, t, &words, err);

    for (size_t i = 0; i < words.n && !rc; i++) {
        qn_text_add(&line, "%s", i ? " " : "");
        qn_command_quote(&line, words.v[i]);
    }
    if (!rc)
        printf("%s\n", qn_text_get(&line));
    qn_text_clear(&line);
    qn_command_drop(&words);
    return rc;
}

int
qn_plan_print_commands(const struct qn_plan_view *v)
{
    const struct qn_run *run = v->run;
    struct qn_error err = {0};

    for (int s = 0; s < run->job->nstages; s++) {
        const struct qn_plan_stage *st = &run->plan.stage[s];

        for (int i = 0; st->wanted && st->stage->command.given &&
                        i < st->ntargets; i++)
            if ((v->state[s][i] == QN_PLAN_TODO ||
                 v->state[s][i] == QN_PLAN_STALE) &&
                print_words(run, s, &st->task[st->target[i].task[0]], &err))
                return qn_cli_exit(&err, true);
    }
    return QN_EXIT_DONE;
}
