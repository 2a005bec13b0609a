/* Item by item, each shared by a team of ranks.
 *
 * The ranks are parted into teams. A team's items are read block by block by
 * the workers of its ranks, the steps are taken in the rank processes, and what
 * becomes of the blocks is deliver.c's.
 * Which team has which item follows from the items' sizes alone: the largest
 * first, each to the team with the least to do. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "engine/arena.h"
#include "engine/block.h"
#include "engine/commit.h"
#include "engine/cut.h"
#include "engine/deliver.h"
#include "engine/harvest.h"
#include "engine/outcome.h"
#include "engine/overall.h"
#include "engine/program.h"
#include "engine/snapshot.h"
#include "engine/stage.h"
#include "engine/stop.h"
#include "kernels/points.h"
#include "model/array.h"
#include "model/dtype.h"
#include "model/shape.h"

struct sharing {
    struct qn_run *run;
    int s;
    struct qn_plan_stage *st;
    struct qn_comm team; /* owned: the ranks that share an item with this */
    int number, teams;
    int *order;          /* owned: this team's tasks */
    int n;
    struct qn_outcomes done;
    int64_t failed;      /* items of this team */
    struct qn_halos halos; /* of this rank */
    bool measured;       /* halo_rate: see block.h */
    double halo_rate;
    struct qn_progress *progress; /* borrowed, on the run's rank 0 */
    char label[600];     /* of it */
    struct qn_claims_count count;
    char *stop;          /* owned: the file that asks this team to stop */
};

/* A step made ready for an item. */
struct ready {
    void *params;                           /* owned */
    struct qn_array array[QN_MAX_OPERANDS]; /* in the arena, or own */
    const struct qn_array *operand[QN_MAX_OPERANDS];
    const char *names[QN_MAX_OPERANDS];
    int64_t offset[QN_MAX_OPERANDS];        /* in the arena; -1: none */
    double number;
};

/* One item and this rank's part in it. */
struct part {
    struct sharing *h;
    const struct qn_task *t;
    struct qn_block block;
    struct qn_arena arena; /* owned: block and operands                */
    int64_t offset;        /* of the block in it                       */
    struct ready *ready;   /* owned: [nsteps]                          */
    json_t *asked;         /* owned: what an item needs, see program.c */
    json_t *cards;         /* owned: rank 0 of the team                */
};

/* ---- who does what ---------------------------------------------------------- */

static int
larger_first(const void *a, const void *b, void *tasks)
{
    const struct qn_task *t = tasks;
    int x = *(const int *)a, y = *(const int *)b;
    int64_t p = t[x].item->bytes, q = t[y].item->bytes;

    return p != q ? (p < q) - (p > q) : x - y;
}

/* The tasks of this team, of n in the order of their size. */
static void
pick(struct sharing *h, const int *order, int n, double *load)
{
    for (int i = 0; i < n; i++) {
        const struct qn_task *t = &h->st->task[order[i]];
        int least = 0;

        for (int k = 1; k < h->teams; k++)
            if (load[k] < load[least])
                least = k;
        load[least] += 1 + (double)t->item->bytes;
        if (least == h->number)
            h->order[h->n++] = order[i];
    }
}

static int
share_out(struct sharing *h, struct qn_error *err)
{
    struct qn_plan_stage *st = h->st;
    double *load = NULL;
    int *order = NULL, n = 0;
    int rc = qn_memory_make((void **)&order, (size_t)st->ntasks + 1,
                            sizeof *order, "the order of items", err);

    if (!rc)
        rc = qn_memory_make((void **)&h->order, (size_t)st->ntasks + 1,
                            sizeof *h->order, "the order of items", err);
    if (!rc)
        rc = qn_memory_make((void **)&load, (size_t)h->teams, sizeof *load,
                            "teams", err);
    for (int i = 0; !rc && i < st->ntasks; i++)
        if (st->task[i].state == QN_TODO)
            order[n++] = i;
    if (!rc) {
        qsort_r(order, (size_t)n, sizeof *order, larger_first, st->task);
        pick(h, order, n, load);
    }
    free(load);
    free(order);
    return rc;
}

/* Ranks in runs of st->team; what is left over joins the last team. */
static int
make_teams(struct sharing *h, struct qn_error *err)
{
    struct qn_comm *all = h->run->comm;

    h->teams = all->size / h->st->team;
    if (h->teams < 1)
        h->teams = 1;
    h->number = all->rank / h->st->team;
    if (h->number >= h->teams)
        h->number = h->teams - 1;
    return qn_comm_split(all, h->number, &h->team, err);
}

/* ---- reading ---------------------------------------------------------------- */

static json_t *
numbers(const int64_t *v, int n)
{
    json_t *a = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(a, json_integer((json_int_t)v[i]));
    return a;
}

/* Have a worker read a box of the item or (use) of an operand. */
static int
read_region(struct part *p, json_t *use, const struct qn_box *box,
            int64_t offset, json_t **cards, struct qn_error *err)
{
    const struct qn_block *b = &p->block;
    struct qn_answer a = {0};
    json_t *request = json_pack(
        "{s:s,s:O,s:O,s:o,s:o,s:I,s:s}", "op", "region", "program",
        json_object_get(p->asked, "program"), "path",
        json_object_get(p->asked, "path"), "start",
        numbers(box->start, box->ndims), "count",
        numbers(box->count, box->ndims), "offset", (json_int_t)offset,
        "dtype", qn_dtype_name(use ? p->h->st->precision : b->grid.dtype));

    if (json_object_get(p->asked, "hdu"))
        json_object_set(request, "hdu", json_object_get(p->asked, "hdu"));
    if (use)
        json_object_set(request, "use", use);
    QN_TRY(qn_farm_ask(&p->h->run->farm, request,
                       qn_stage_timeout(p->h->st->stage, p->t), &a, err));
    if (!a.reply)
        return qn_fail(err, a.why.code, "%s",
                       qn_program_reason(p->h->run, p->t->item->path,
                                         a.why.text));
    if (cards)
        *cards = json_incref(json_object_get(a.reply, "cards"));
    json_decref(a.reply);
    return 0;
}

/* What the own box of an operand of that shape has: an axis of length 1
 * serves all. */
static struct qn_shape
part_shape(const struct qn_block *b, const struct qn_shape *whole)
{
    struct qn_shape s = *whole;

    for (int a = 0; a < s.ndims; a++)
        if (s.n[a] != 1)
            s.n[a] = b->own.count[b->own.ndims - s.ndims + a];
    return s;
}

static const struct qn_type *
type_of(const struct part *p, const struct qn_use *u)
{
    const struct qn_run *run = p->h->run;

    return u->stage >= 0 ? run->plan.stage[u->stage].target[u->target].type
                         : p->h->st->files.v[u->file].type;
}

/* Places in the arena for operand i of a step that is read; a number has its
 * own.  Reductions have the whole of theirs, on the team's first rank. */
static int
place_operand(struct part *p, struct ready *r, int i,
              const struct qn_step *step, const struct qn_use *u,
              struct qn_error *err)
{
    const struct qn_operand *op = &step->operand[i];
    const struct qn_type *type;

    r->names[i] = op->name;
    r->operand[i] = &r->array[i];
    r->offset[i] = -1;
    if (op->kind == QN_OPERAND_NUMBER || op->kind == QN_OPERAND_HEADER) {
        struct qn_type one = {.dtype = p->h->st->precision};

        QN_TRY(qn_array_make(&r->array[i], &one, err));
        return qn_dtype_convert(r->array[i].data, one.dtype, &u->number,
                                QN_F64, 1, err);
    }
    type = type_of(p, u);
    r->array[i].type = (struct qn_type){p->h->st->precision, type->shape};
    if (step->product && p->block.team->rank)
        return 0;
    if (!step->product) {
        QN_TRY(qn_shape_fits(&p->block.grid.shape, &type->shape, err));
        r->array[i].type.shape = part_shape(&p->block, &type->shape);
    }
    return qn_arena_place(&p->arena, (int64_t)qn_array_bytes(&r->array[i]),
                          &r->offset[i], err);
}

static int
place_all(struct part *p, struct qn_error *err)
{
    const struct qn_stage *stage = p->h->st->stage;
    int u = 0;

    QN_TRY(qn_arena_open(&p->arena, NULL, err));
    QN_TRY(qn_arena_place(&p->arena,
                          (int64_t)qn_array_bytes(&p->block.array),
                          &p->offset, err));
    for (int i = 0; i < stage->nsteps; i++)
        for (int k = 0; k < stage->steps[i].noperands; k++)
            QN_TRY(place_operand(p, &p->ready[i], k, &stage->steps[i],
                                 &p->t->use[u++], err));
    qn_farm_memory(&p->h->run->farm, 0, p->arena.fd);
    return 0;
}

static int
read_operand(struct part *p, int step, int i, json_t *use,
             struct qn_error *err)
{
    const struct ready *r = &p->ready[step];
    struct qn_box whole = qn_shape_box(&r->array[i].type.shape);

    if (r->offset[i] < 0)
        return 0;
    return read_region(p, use,
                       p->h->st->stage->steps[step].product ? &whole
                                                            : &p->block.own,
                       r->offset[i], NULL, err);
}

static int
read_all(struct part *p, struct qn_error *err)
{
    const struct qn_stage *stage = p->h->st->stage;
    json_t *uses = json_object_get(p->asked, "uses");
    size_t u = 0;
    void *at;

    QN_TRY(read_region(p, NULL, &p->block.own, p->offset, &p->cards, err));
    for (int i = 0; i < stage->nsteps; i++)
        for (int k = 0; k < stage->steps[i].noperands; k++)
            QN_TRY(read_operand(p, i, k, json_array_get(uses, u++), err));
    // mapped once all places are given out: from here on nothing moves
    QN_TRY(qn_arena_at(&p->arena, 0, p->arena.used, &at, err));
    p->block.array.data = (char *)at + p->offset;
    for (int i = 0; i < stage->nsteps; i++)
        for (int k = 0; k < stage->steps[i].noperands; k++)
            if (p->ready[i].offset[k] >= 0)
                p->ready[i].array[k].data =
                    (char *)at + p->ready[i].offset[k];
    return 0;
}

/* ---- the steps -------------------------------------------------------------- */

static int
ready_steps(struct part *p, struct qn_error *err)
{
    const struct qn_stage *stage = p->h->st->stage;
    struct qn_lookup fields = qn_item_lookup(p->t->item);

    QN_TRY(qn_memory_make((void **)&p->ready, (size_t)stage->nsteps + 1,
                          sizeof *p->ready, "the steps", err));
    for (int i = 0; i < stage->nsteps; i++)
        QN_TRY(qn_plan_params(&p->ready[i].params, &stage->steps[i], &fields,
                              err));
    return 0;
}

static int
cut_grid(struct part *p, struct qn_error *err)
{
    struct qn_block *b = &p->block;
    int64_t halo[QN_MAX_DIMS];

    b->grid = *p->t->item->type;
    QN_TRY(qn_cut_item(&b->cut, halo, p->h->st, p->t, b->team->size, err));
    b->own = qn_grid_block(&b->cut, b->team->rank);
    b->array.type.dtype = b->grid.dtype;
    b->array.type.shape.ndims = b->grid.shape.ndims;
    for (int a = 0; a < b->grid.shape.ndims; a++)
        b->array.type.shape.n[a] = b->own.count[a];
    return 0;
}

/* Point steps from i on that are taken together. */
static int
run_of_points(const struct qn_stage *stage, int i)
{
    int n = 0;

    while (i + n < stage->nsteps && stage->steps[i + n].kernel->point)
        n++;
    return n;
}

static int
take_points(struct part *p, int i, int n, struct qn_error *err)
{
    const struct qn_stage *stage = p->h->st->stage;
    struct qn_point *point;
    double t0;
    int rc;

    QN_TRY(qn_memory_make((void **)&point, (size_t)n, sizeof *point,
                          "the steps", err));
    for (int k = 0; k < n; k++)
        point[k] = (struct qn_point){
            .kernel = stage->steps[i + k].kernel,
            .params = p->ready[i + k].params,
            .noperands = stage->steps[i + k].noperands,
            .operand = p->ready[i + k].operand,
            .names = p->ready[i + k].names,
        };
    t0 = qn_clock_now();
    rc = qn_points_run(point, n, &p->block.array, p->block.threads, err);
    p->block.computed += qn_clock_now() - t0;
    free(point);
    return rc;
}

/* An earlier step may have made integers. */
static int
make_real(struct part *p, const struct qn_kernel *k, struct qn_error *err)
{
    struct qn_array real = {0}, *a = &p->block.array;

    if (!k->real || a->type.dtype == p->h->st->precision)
        return 0;
    QN_TRY(qn_array_convert(&real, a, p->h->st->precision, err));
    qn_array_clear(a);
    *a = real;
    return 0;
}

/* Collective over the team. */
static int
take_steps(struct part *p, struct qn_error *err)
{
    const struct qn_stage *stage = p->h->st->stage;
    bool has = p->block.team->rank < p->block.cut.nblocks;
    const int nsteps = stage->nsteps - stage->nproducts;
    int rc = 0;

    // states that were kept are those of the last step
    for (int i = p->block.taken ? nsteps - 1 : 0; i < nsteps && !rc;) {
        int n = run_of_points(stage, i);

        rc = has ? make_real(p, stage->steps[i].kernel, err) : 0;
        rc = qn_comm_agree(p->block.team, rc, err);
        if (rc)
            break;
        if (stage->steps[i].kernel->real)
            p->block.grid.dtype = p->h->st->precision;

        if (n) {
            rc = has ? take_points(p, i, n, err) : 0;
            rc = qn_comm_agree(p->block.team, rc, err);
        } else if (stage->steps[i].kernel->overall) {
            rc = qn_overall_run(&p->block, stage->steps[i].kernel,
                                p->ready[i].params, err);
            n = 1;
        } else {
            rc = qn_block_sweep(&p->block, stage->steps[i].kernel,
                                p->ready[i].params, err);
            n = 1;
        }
        if (rc)
            qn_wrap(err, "%s", stage->steps[i].kernel->name);
        i += n;
    }
    return rc;
}

/* ---- products --------------------------------------------------------------- */

enum { GATHER_BYTES = 256 << 20 }; /* of samples, in one reduction, at most */

/* The reductions behind the steps. */
static int
ready_products(struct part *p, struct qn_harvest *h, struct qn_error *err)
{
    const struct qn_stage *stage = p->h->st->stage;
    const int first = stage->nsteps - stage->nproducts;
    int64_t memory = stage->memory ? stage->memory : p->h->run->memory;

    h->precision = p->h->st->precision;
    h->memory = memory / 8 < GATHER_BYTES ? memory / 8 : GATHER_BYTES;
    h->n = stage->nproducts;
    QN_TRY(qn_memory_make((void **)&h->product, (size_t)h->n,
                          sizeof *h->product, "the products", err));
    for (int i = 0; i < h->n; i++) {
        const struct qn_step *step = &stage->steps[first + i];
        const struct ready *r = &p->ready[first + i];

        h->product[i] = (struct qn_harvest_product){
            .name = step->product,
            .kernel = step->kernel,
            .params = r->params,
            .noperands = step->noperands,
            .operand = r->operand,
            .names = r->names,
        };
    }
    return 0;
}

static struct qn_delivery
delivery_of(struct part *p)
{
    return (struct qn_delivery){.run = p->h->run, .s = p->h->s, .t = p->t,
                                .block = &p->block, .asked = p->asked,
                                .cards = p->cards};
}

static int
write_products(struct part *p, const struct qn_harvest *h,
               struct qn_error *err)
{
    struct qn_delivery d = delivery_of(p);
    json_t *all = json_array();
    struct qn_arena a = {.fd = -1};
    int rc = qn_arena_open(&a, NULL, err);

    if (!rc)
        rc = qn_harvest_place(h, p->h->st->stage->output.dtype, &a, all, err);
    if (!rc)
        rc = qn_deliver_products(&d, &a, all, err);
    qn_arena_close(&a);
    json_decref(all);
    return rc;
}

/* Collective over the team. */
static int
reduce_and_write(struct part *p, struct qn_error *err)
{
    bool first = p->block.team->rank == 0;
    struct qn_harvest h = {0};
    int rc = first ? ready_products(p, &h, err) : 0;

    rc = qn_comm_agree(p->block.team, rc, err);
    if (!rc)
        rc = qn_harvest_take(&h, &p->block, err);
    if (!rc && first)
        rc = write_products(p, &h, err);
    qn_harvest_clear(&h);
    free(h.product);
    return qn_comm_agree(p->block.team, rc, err);
}

/* Collective over the team. */
static int
write_grid(struct part *p, struct qn_error *err)
{
    struct qn_delivery d = delivery_of(p);

    return qn_deliver(&d, err);
}

/* ---- states ------------------------------------------------------------------ */

/* Collective over the team.  Go on from what there is. */
static int
take_up(struct part *p, const struct qn_snapshot *s, struct qn_error *err)
{
    int rc = s->done ? qn_snapshot_load(s, err) : 0;

    rc = qn_comm_agree(p->block.team, rc, err);
    return rc ? rc : take_steps(p, err);
}

/* Collective over the team.  The last step's states are the result. */
static int
make_states(struct part *p, struct qn_error *err)
{
    const struct qn_stage *stage = p->h->st->stage;
    struct qn_delivery d = delivery_of(p);
    struct qn_snapshot s = {0};
    int64_t every = 0;
    int rc = qn_block_every(&every, stage->steps[stage->nsteps - 1].kernel,
                            p->ready[stage->nsteps - 1].params,
                            &p->block.grid, err);

    d.frames = qn_snapshot_count(p->t);
    rc = qn_comm_agree(p->block.team, rc, err);
    if (!rc)
        rc = qn_snapshot_open(&s, &d, every, err);
    p->block.keep = qn_snapshot_keep;
    p->block.ctx = &s;
    if (!rc)
        rc = s.done < d.frames ? take_up(p, &s, err) : 0;
    if (!rc)
        rc = qn_snapshot_finish(&s, err);
    qn_snapshot_close(&s);
    return rc;
}

/* ---- one item --------------------------------------------------------------- */

/* What the item took in this rank, beside what its worker said. */
static void
count_spent(const struct part *p)
{
    struct qn_spent *s = &p->h->run->farm.spent;
    const struct qn_block *b = &p->block;
    int64_t n = b->own.ndims ? 1 : 0;

    for (int a = 0; a < b->own.ndims; a++)
        n *= b->own.count[a];
    n *= (int64_t)qn_dtype_size(p->t->item->type->dtype);
    s->stored += n;
    s->decoded += n;
    s->compute += b->computed;
    s->exchange += b->waited;
    s->moved += b->exchanged;
}

static void
clear_part(struct part *p)
{
    const struct qn_stage *stage = p->h->st->stage;

    count_spent(p);

    for (int i = 0; p->ready && i < stage->nsteps; i++) {
        qn_plan_params_clear(&p->ready[i].params, &stage->steps[i]);
        for (int k = 0; k < stage->steps[i].noperands; k++)
            qn_array_clear(&p->ready[i].array[k]);
    }
    free(p->ready);
    qn_array_clear(&p->block.array);
    qn_farm_memory(&p->h->run->farm, 0, -1);
    qn_arena_close(&p->arena);
    json_decref(p->asked);
    json_decref(p->cards);
}

/* Local: what a rank with a block does before the team works on it. */
static int
prepare(struct part *p, struct qn_error *err)
{
    QN_TRY(qn_program_item(p->h->run, p->h->s, p->t, &p->asked, err));
    QN_TRY(ready_steps(p, err));
    QN_TRY(cut_grid(p, err));
    if (p->block.team->rank >= p->block.cut.nblocks)
        return 0;
    QN_TRY(place_all(p, err));
    return read_all(p, err);
}

static bool
asked_to_stop(void)
{
    return qn_stop_asked() > 0;
}

/* Where the progress of the run is shown: so much of an item is done. */
static void
show_step(void *whom, int64_t done, int64_t steps)
{
    struct sharing *h = whom;
    struct qn_progress *p = h->progress;

    if (!p || !qn_progress_due(p, qn_clock_now()))
        return;
    snprintf(p->doing, sizeof p->doing,
             ", step %" PRId64 " of %" PRId64 " of one", done, steps);
    qn_progress_show(p, &h->count, qn_clock_now());
    p->doing[0] = '\0';
}

static void
show_item(struct sharing *h, const struct qn_task *t, int code)
{
    struct qn_progress *p = h->progress;

    h->count.done += code == 0;
    h->count.failed += code != 0;
    h->count.bytes += code ? 0 : qn_stage_bytes(t);
    if (p && qn_progress_due(p, qn_clock_now()))
        qn_progress_show(p, &h->count, qn_clock_now());
}

/* Add what an item's halos took. */
static void
count_halos(struct sharing *h, const struct qn_block *b)
{
    h->measured = b->measured;
    h->halo_rate = b->halo_rate;
    h->halos.waited += b->waited;
    h->halos.computed += b->computed;
    h->halos.bytes += b->exchanged;
}

/* Collective over the team. */
static int
make_item(struct sharing *h, const struct qn_task *t, struct qn_error *err)
{
    struct part p = {.h = h, .t = t, .arena.fd = -1};
    int rc;

    p.block.team = &h->team;
    p.block.threads = h->run->farm.n;
    p.block.asked_to_stop = asked_to_stop;
    p.block.no_overlap = h->run->options->no_overlap;
    p.block.measured = h->measured;
    p.block.halo_rate = h->halo_rate;
    p.block.tell = show_step;
    p.block.whom = h;
    rc = qn_comm_agree(&h->team, prepare(&p, err), err);
    if (!rc && qn_snapshot_count(t)) {
        rc = make_states(&p, err);
    } else if (!rc) {
        rc = take_steps(&p, err);
        if (!rc)
            rc = h->st->stage->nproducts ? reduce_and_write(&p, err)
                                         : write_grid(&p, err);
    }
    count_halos(h, &p.block);
    clear_part(&p);
    return rc;
}

/* A failure that is the item's own, not the run's. */
static bool
is_own(int code)
{
    return code == QN_EVALUE || code == QN_ESHAPE || code == QN_ECRASH ||
           code == QN_ETIMEOUT || code == QN_EMISSING || code == QN_EFORMAT ||
           code == QN_EIO;
}

/* What became of it: told by the team's first rank. */
static int
finish_item(struct sharing *h, int index, int code, const char *why,
            struct qn_error *err)
{
    const struct qn_task *t = &h->st->task[index];

    if (h->team.rank)
        return 0;
    qn_outcome_add(&h->done, index, code, 0, code ? why : NULL);
    show_item(h, t, code);
    if (!code)
        return 0;
    // how many other teams have is known when the stage is over
    if (++h->failed == qn_run_may_fail(h->run))
        qn_stop_ask();
    return qn_commit_note(h->run->commit, h->st->stage->name,
                          h->st->target[t->target].name, t->item, &t->key,
                          code, why, err);
}

/* Collective over the team; *stop: it was asked to stop, nothing was made. */
static int
do_item(struct sharing *h, int index, bool *stop, struct qn_error *err)
{
    const struct qn_task *t = &h->st->task[index];
    struct qn_error why = {0};
    int rc = asked_to_stop() ? qn_fail(&why, QN_ESTOPPED, "stopped") : 0;

    rc = qn_comm_agree(&h->team, rc, &why);
    if (!rc && h->team.rank == 0)
        rc = qn_commit_begin(h->run->commit, h->st->stage->name,
                             h->st->target[t->target].name, t, &why);
    if (rc != QN_ESTOPPED)
        rc = qn_comm_agree(&h->team, rc, &why);
    if (!rc)
        rc = make_item(h, t, &why);
    *stop = rc == QN_ESTOPPED;
    if (*stop)
        return 0;
    if (rc && !is_own(rc))
        return qn_fail(err, rc, "%s", why.text);
    return finish_item(h, index, rc, why.text, err);
}

/* Collective over the team: all its items. */
static int
do_items(struct sharing *h, bool *stop, struct qn_error *err)
{
    int rc = 0;

    for (int i = 0; i < h->n && !rc && !*stop; i++)
        rc = qn_comm_agree(&h->team, do_item(h, h->order[i], stop, err), err);
    return rc;
}

/* Collective over all ranks: did any team stop? */
static int
share_stop(struct qn_run *run, bool stop, struct qn_error *err)
{
    struct qn_error word = {0};
    int rc = stop ? qn_fail(&word, QN_ESTOPPED, "stopped") : 0;

    rc = qn_comm_agree(run->comm, rc, &word);
    run->stopped = run->stopped || rc == QN_ESTOPPED;
    return rc && rc != QN_ESTOPPED ? qn_fail(err, rc, "%s", word.text) : 0;
}

/* The run's rank 0 sees only its own team's items. */
static void
begin_progress(struct sharing *h)
{
    if (h->run->comm->rank)
        return;
    h->progress = qn_stage_progress(h->run, h->s);
    if (!h->progress || h->teams == 1)
        return;
    snprintf(h->label, sizeof h->label, "%s, team 1 of %d",
             h->st->stage->name, h->teams);
    qn_progress_begin(h->progress, h->label, 0, h->n, qn_clock_now());
}

/* Each team's first rank looks for the wish to stop; the others ask it, between
 * items and in the middle of one.  The run's rank 0 looks already. */
static void
watch_for_stop(struct sharing *h)
{
    if (!h->run->comm->rank || h->team.rank)
        return;
    // without memory the team hears of it when the stage is over
    if (asprintf(&h->stop, "%s/.quern/stop", h->run->options->output) < 0)
        h->stop = NULL;
    qn_stop_watch(h->stop, h->run->options->until);
}

static void
end_watch(struct sharing *h)
{
    if (h->stop)
        qn_stop_watch(NULL, h->run->options->until);
    free(h->stop);
}

/* Collective over all ranks: what their halos took together. */
static int
share_halos(struct sharing *h, struct qn_error *err)
{
    struct qn_comm *comm = h->run->comm;
    struct qn_halos *sum = &h->run->halos[h->s], *all = NULL;
    size_t *sizes = NULL;
    int rc = qn_memory_make((void **)&sizes, (size_t)comm->size, sizeof *sizes,
                            "sizes", err);

    h->halos.alone = h->halo_rate * (double)h->halos.bytes;
    rc = qn_comm_agree(comm, rc, err);
    if (!rc)
        rc = qn_comm_gather(comm, &h->halos, sizeof h->halos, (void **)&all,
                            sizes, err);
    for (int r = 0; !rc && r < comm->size; r++) {
        sum->waited += all[r].waited;
        sum->alone += all[r].alone;
        sum->computed += all[r].computed;
        sum->bytes += all[r].bytes;
    }
    free(all);
    free(sizes);
    return rc;
}

int
qn_team_run(struct qn_run *run, int s, struct qn_error *err)
{
    struct sharing h = {.run = run, .s = s, .st = &run->plan.stage[s]};
    bool stop = false;
    int rc = make_teams(&h, err);

    if (!rc)
        rc = qn_comm_agree(run->comm, share_out(&h, err), err);
    if (!rc) {
        begin_progress(&h);
        watch_for_stop(&h);
        rc = do_items(&h, &stop, err);
        end_watch(&h);
        if (h.progress)
            qn_progress_wipe(h.progress);
    }
    if (!rc)
        rc = qn_commit_flush(run->commit, true, err);
    rc = qn_comm_agree(run->comm, rc, err);
    if (!rc)
        rc = share_stop(run, stop, err);
    if (!rc)
        rc = qn_outcome_share(run->comm, &h.done, qn_stage_take,
                              &(struct qn_stage_done){run, s}, err);
    if (!rc)
        rc = share_halos(&h, err);
    qn_outcome_clear(&h.done);
    qn_comm_release(&h.team);
    free(h.order);
    return rc;
}
