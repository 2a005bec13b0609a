/* The order of stages: each behind those it uses, else as written.
 *
 * A walk along the uses, deepest first.  There are at most as many stages as
 * a mapping of the job file may have keys, which bounds the recursion. */
#include "model/job_order.h"

#include "model/job_output.h"

#include <stdlib.h>
#include <string.h>

void
qn_job_order_edges(const struct qn_stage *stage,
                   void (*each)(void *ctx, int index), void *ctx)
{
    if (stage->input.stage_index >= 0)
        each(ctx, stage->input.stage_index);
    for (int i = 0; i < stage->nsteps; i++)
        for (int k = 0; k < stage->steps[i].noperands; k++) {
            const struct qn_operand *op = &stage->steps[i].operand[k];

            if (op->kind == QN_OPERAND_STAGE && op->stage_index >= 0)
                each(ctx, op->stage_index);
        }
}

/* ---- the walk ----------------------------------------------------------- */

enum state { UNSEEN, OPEN, PLACED };

struct walk {
    struct qn_job_reader *r;
    const struct qn_job *job;
    enum state *state; // owned, [nstages]
    int *path;         // owned, [nstages]: the stages that are open
    int depth;
    int *order; // owned, [nstages]: old indices in new order
    int norder;
};

static void
tell_cycle(struct walk *w, int stage)
{
    struct qn_text t = {0};
    int from = w->depth - 1;
    const struct qn_stage *first = &w->job->stages[stage];

    while (from > 0 && w->path[from] != stage)
        from--;
    qn_text_add(&t, "stages form a cycle: ");
    for (int i = from; i < w->depth; i++)
        qn_text_add(&t, "%s -> ", w->job->stages[w->path[i]].name);
    qn_text_add(&t, "%s; each uses the next, so none can be first",
                first->name);
    qn_problem_add(w->r->problems, first->mark, (int)strlen(first->name), "%s",
                   qn_text_get(&t));
    w->r->failed |= t.failed;
    qn_text_clear(&t);
}

static void
visit(void *ctx, int stage)
{
    struct walk *w = ctx;

    if (w->state[stage] == OPEN)
        tell_cycle(w, stage);
    if (w->state[stage] != UNSEEN)
        return;
    w->state[stage] = OPEN;
    w->path[w->depth++] = stage;
    qn_job_order_edges(&w->job->stages[stage], visit, w);
    w->depth--;
    w->state[stage] = PLACED;
    w->order[w->norder++] = stage;
}

/* ---- products ----------------------------------------------------------- */

static void
check_product(struct qn_job_reader *r, struct qn_mark mark, int stage,
              const char *product)
{
    const struct qn_stage *s = stage >= 0 ? &r->job->stages[stage] : NULL;
    bool combines = s && s->combine.given;
    char has[256] = "";

    if (!s || !product)
        return;
    if (!s->nproducts && s->input.dataset.n > 1) {
        qn_problem_add(r->problems, mark, 1,
                       "stage '%s' has a product of each of several datasets, "
                       "of which only the first is read on, without 'product'; "
                       "make a stage for each",
                       s->name);
        return;
    }
    for (int i = s->nsteps - s->nproducts; i < s->nsteps; i++) {
        size_t n = strlen(has);

        if (!strcmp(product, s->steps[i].product))
            return;
        snprintf(has + n, sizeof has - n, "%s%.40s", n ? ", " : "",
                 s->steps[i].product);
    }
    if (!s->nproducts && (!strcmp(product, "data") ||
                          (combines && !strcmp(product, "count"))))
        return;
    if (!s->nproducts)
        snprintf(has, sizeof has, "%s", combines ? "data and count"
                                                 : "data only");
    qn_problem_add(r->problems, mark, 1,
                   "stage '%s' has no product '%.40s'; it has %s", s->name,
                   product, has);
}

static void
check_products(struct qn_job_reader *r, const struct qn_stage *s)
{
    check_product(r, s->input.mark, s->input.stage_index, s->input.product);
    for (int i = 0; i < s->nsteps; i++)
        for (int k = 0; k < s->steps[i].noperands; k++) {
            const struct qn_operand *op = &s->steps[i].operand[k];

            check_product(r, op->mark, op->stage_index, op->product);
        }
}

/* ---- packed results ------------------------------------------------------- */

static const struct qn_stage *
packed_stage(const struct qn_job_reader *r, int stage)
{
    const struct qn_stage *s = stage < 0 ? NULL : &r->job->stages[stage];

    return s && s->output.packed ? s : NULL;
}

/* Who reads rows one by one takes each as an item. */
static void
check_packed_input(struct qn_job_reader *r, const struct qn_stage *stage)
{
    const struct qn_input *in = &stage->input;
    const struct qn_stage *s = packed_stage(r, in->stage_index);
    const char *what = stage->command.given       ? "give them to a program"
                       : in->each != QN_EACH_FILE ? "read them with `each`"
                                                  : NULL;

    if (s && what)
        qn_problem_add(r->problems, in->mark, 1,
                       "the results of stage '%s' are packed, many in a file: "
                       "a stage cannot %s; leave its `layout: packed` out, or "
                       "make it `layout: single`",
                       s->name, what);
}

/* Does a stage read results of stage i? */
static bool
is_read(const struct qn_job *job, int i)
{
    bool read = false;

    for (int s = 0; s < job->nstages; s++) {
        const struct qn_stage *stage = &job->stages[s];

        read = read || stage->input.stage_index == i;
        for (int k = 0; k < stage->nsteps; k++)
            for (int n = 0; n < stage->steps[k].noperands; n++)
                read = read || stage->steps[k].operand[n].stage_index == i;
    }
    return read;
}

static const char *
last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* Each of several datasets is a product with its own name. */
static void
check_datasets(struct qn_job_reader *r, const struct qn_stage *s)
{
    const struct qn_strings *d = &s->input.dataset;

    for (size_t i = 0; i < d->n; i++)
        for (size_t k = 0; k < i; k++)
            if (!strcmp(last_part(d->v[i]), last_part(d->v[k]))) {
                qn_problem_add(r->problems, s->input.mark, 1,
                               "datasets '%.80s' and '%.80s' would both be the "
                               "product '%.80s'; make a stage for each",
                               d->v[k], d->v[i], last_part(d->v[i]));
                return;
            }
}

/* Does an output have a group of that name before the carried dataset i? */
static bool
is_taken(const struct qn_stage *s, const char *name, size_t i)
{
    const struct qn_strings *d = &s->input.dataset;
    bool taken = !strcmp(name, "process") || !strcmp(name, "header");

    for (size_t k = 0; d->n > 1 && k < d->n; k++)
        taken = taken || !strcmp(name, last_part(d->v[k]));
    for (int k = s->nsteps - s->nproducts; k < s->nsteps; k++)
        taken = taken || !strcmp(name, s->steps[k].product);
    if (d->n < 2 && !s->nproducts)
        taken = taken || !strcmp(name, "data");
    for (size_t k = 0; k < i; k++)
        taken = taken || !strcmp(name, last_part(s->output.carry.v[k]));
    return taken;
}

static void
check_carried(struct qn_job_reader *r, const struct qn_stage *s)
{
    for (size_t i = 0; i < s->output.carry.n; i++) {
        const char *path = s->output.carry.v[i], *name = last_part(path);

        if (is_taken(s, name, i))
            qn_problem_add(r->problems, s->output.mark, 1,
                           "'%.80s' would be carried along as '%.80s', which "
                           "the output has already; leave it out of 'carry', "
                           "or give the other one another name",
                           path, name);
    }
}

static void
check_readers(struct qn_job_reader *r, const struct qn_stage *s)
{
    check_carried(r, s);
    check_datasets(r, s);
    check_packed_input(r, s);
}

/* ---- the new order ------------------------------------------------------ */

static void
renumber(struct qn_stage *s, const int *place)
{
    if (s->input.stage_index >= 0)
        s->input.stage_index = place[s->input.stage_index];
    for (int i = 0; i < s->nsteps; i++)
        for (int k = 0; k < s->steps[i].noperands; k++) {
            struct qn_operand *op = &s->steps[i].operand[k];

            if (op->stage_index >= 0)
                op->stage_index = place[op->stage_index];
        }
}

static void
permute(struct walk *w, struct qn_job *job)
{
    size_t n = (size_t)job->nstages;
    struct qn_stage *stages = calloc(n + 1, sizeof(*stages));
    int *place = calloc(n + 1, sizeof(*place));

    w->r->failed |= !stages || !place;
    if (w->r->failed) {
        free(stages);
        free(place);
        return;
    }
    for (int i = 0; i < job->nstages; i++) {
        stages[i] = job->stages[w->order[i]];
        place[w->order[i]] = i;
    }
    for (int i = 0; i < job->nstages; i++)
        renumber(&stages[i], place);
    free(job->stages);
    free(place);
    job->stages = stages;
}

void
qn_job_order_make(struct qn_job_reader *r)
{
    size_t n = (size_t)r->job->nstages + 1;
    struct walk w = {.r = r, .job = r->job};

    w.state = calloc(n, sizeof(*w.state));
    w.path = calloc(n, sizeof(*w.path));
    w.order = calloc(n, sizeof(*w.order));
    r->failed |= !w.state || !w.path || !w.order;
    for (int i = 0; i < r->job->nstages; i++)
        qn_job_output_settle(&r->job->stages[i], is_read(r->job, i));
    for (int i = 0; i < r->job->nstages && !r->failed; i++) {
        check_products(r, &r->job->stages[i]);
        check_readers(r, &r->job->stages[i]);
        visit(&w, i);
    }
    if (!r->failed && r->problems->told == 0)
        permute(&w, r->job);
    free(w.state);
    free(w.path);
    free(w.order);
}
