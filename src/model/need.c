/* Adding up buffers.
 *
 * An item is followed through its steps: at each moment what is there before
 * the step and what comes out of it.  Items of one type need the same, so
 * that a million of them cost a comparison each.  Knows neither files nor
 * processes; plan_product.c knows what reductions take. */
#include "model/need.h"

#include "base/least.h"
#include "model/dtype.h"
#include "model/plan_parts.h"
#include "model/shape.h"

/* The most that a worker keeps of operands, where there is room. */
#define OPERANDS_MOST ((int64_t)256 << 20)
/* Bytes of real samples that go through reductions at a time. */
#define PRODUCT_SLAB ((int64_t)8 << 20)

struct counting {
    const struct qn_plan *p;
    const struct qn_plan_stage *st;
    bool keep_steps;
};

static int64_t
bytes_of(const struct qn_type *t)
{
    return qn_shape_count(&t->shape) * (int64_t)qn_dtype_size(t->dtype);
}

static int64_t
real_bytes(const struct counting *c, const struct qn_shape *s)
{
    return qn_shape_count(s) * (int64_t)qn_dtype_size(c->st->precision);
}

/* ---- operands --------------------------------------------------------------- */

struct operand_bytes {
    int64_t all;     /* of all operands of an item, as they are kept  */
    int64_t shared;  /* of those that other items may use, too        */
    int64_t loading; /* beside them while the largest is loaded       */
};

static void
add_operand(struct operand_bytes *b, const struct counting *c,
            const struct qn_operand *op, const struct qn_use *u,
            const struct qn_task *t)
{
    struct qn_type type = *t->item->type;
    int64_t stored, kept;
    bool known;

    if (op->kind == QN_OPERAND_NUMBER || op->kind == QN_OPERAND_HEADER)
        return;
    if (qn_plan_product_use(c->p, c->st, op, u, &type, &known, NULL))
        return;
    if (u->stage < 0 && u->file < 0) {
        // a dataset of the item's file: it spreads over the item, and is read
        // from no more than there is
        stored = op->reduce ? t->item->bytes : bytes_of(&type);
        kept = real_bytes(c, &type.shape);
    } else {
        stored = bytes_of(&type);
        kept = real_bytes(c, &type.shape);
        if (op->reduce && type.shape.ndims && type.shape.n[0] > 0)
            kept /= type.shape.n[0];
    }
    b->all += kept;
    b->shared += u->stage < 0 && u->file < 0 ? 0 : kept;
    b->loading = qn_most(b->loading, stored);
}

static struct operand_bytes
count_operands(const struct counting *c, const struct qn_task *t)
{
    const struct qn_stage *stage = c->st->stage;
    struct operand_bytes b = {0};
    int u = 0;

    for (int i = 0; i < stage->nsteps; i++)
        for (int k = 0; k < stage->steps[i].noperands; k++, u++)
            if (t->use)
                add_operand(&b, c, &stage->steps[i].operand[k], &t->use[u],
                            t);
    return b;
}

/* Of all that the items of a stage use: each operand file and each result of
 * another stage once, or as many as are kept where each item scales them. */
static int64_t
all_operands(const struct counting *c)
{
    const struct qn_stage *stage = c->st->stage;
    int64_t bytes = 0;
    bool scaled = false;

    for (size_t i = 0; i < c->st->files.n; i++)
        if (c->st->files.v[i].probed)
            bytes += real_bytes(c, &c->st->files.v[i].type->shape);
    for (int i = 0; i < stage->nsteps; i++)
        for (int k = 0; k < stage->steps[i].noperands; k++) {
            const struct qn_operand *op = &stage->steps[i].operand[k];
            const struct qn_plan_stage *from;

            scaled = scaled || op->scale_header;
            if (op->kind != QN_OPERAND_STAGE)
                continue;
            from = &c->p->stage[op->stage_index];
            for (int g = 0; g < from->ntargets; g++)
                if (from->target[g].type && !from->target[g].code)
                    bytes += real_bytes(c, &from->target[g].type->shape);
        }
    return scaled && bytes ? qn_most(bytes, OPERANDS_MOST) : bytes;
}

/* ---- an item ----------------------------------------------------------------- */

/* Can the steps be taken on some rows at a time? */
static bool
goes_by_rows(const struct counting *c)
{
    const struct qn_stage *stage = c->st->stage;

    for (int i = 0; i < stage->nsteps; i++)
        if (!stage->steps[i].product && !stage->steps[i].kernel->point &&
            (stage->nproducts || !stage->steps[i].kernel->unit ||
             !stage->steps[i].kernel->real))
            return false;
    return !c->keep_steps;
}

/* And can what comes out be written so? */
static bool
is_written_by_rows(const struct counting *c, const struct qn_task *t)
{
    const struct qn_stage *stage = c->st->stage;

    return goes_by_rows(c) && t->item->type->shape.ndims &&
           qn_shape_row_axis(&t->item->type->shape) ==
               qn_shape_row_axis(&t->result->shape) && !stage->nproducts && !stage->combine.given &&
           !qn_plan_joins(c->st) && stage->output.format == QN_FORMAT_HDF5 &&
           stage->input.dataset.n < 2;
}

struct walk {
    struct qn_type type; /* as it is now                     */
    int64_t kept;        /* what came out of steps, kept     */
    int64_t peak;
};

/* From what is there now to type: both are there for a while. */
static void
turn_into(struct walk *w, const struct qn_type *type, int copies)
{
    const int64_t both = bytes_of(&w->type) + copies * bytes_of(type);

    w->peak = qn_most(w->peak, w->kept + both);
    w->type = *type;
}

static void
take_step(struct walk *w, const struct counting *c,
          const struct qn_step *step, const struct qn_task *t)
{
    const struct qn_kernel *k = step->kernel;
    struct qn_lookup fields = qn_item_lookup(t->item);
    struct qn_type next = w->type;
    void *params = NULL;

    if (k->real && w->type.dtype != c->st->precision) {
        next.dtype = c->st->precision;
        turn_into(w, &next, 1);
    }
    if (k->point)
        return;
    // what cannot be had now fails when the item is worked on
    if (k->type && !qn_plan_params(&params, step, &fields, NULL) &&
        k->type(params, &w->type, &next, NULL))
        next = w->type;
    qn_plan_params_clear(&params, step);
    // a stencil of many steps goes to and fro between two grids
    turn_into(w, &next, k->stencil ? 2 : 1);
}

/* An item that is read as a whole, up to its result. */
static int64_t
whole_bytes(const struct counting *c, const struct qn_task *t)
{
    const struct qn_stage *stage = c->st->stage;
    struct walk w = {.type = *t->item->type};
    int64_t several = stage->input.dataset.n > 1
                          ? (int64_t)stage->input.dataset.n - 1
                          : 0;
    struct qn_type out;

    w.peak = bytes_of(&w.type);
    for (int i = 0; i < stage->nsteps; i++) {
        if (stage->steps[i].product)
            continue;
        take_step(&w, c, &stage->steps[i], t);
        if (c->keep_steps)
            w.kept += bytes_of(&w.type);
    }
    out = w.type;
    if (stage->output.dtype >= 0 && !stage->combine.given &&
        !stage->nproducts) {
        out.dtype = (enum qn_dtype)stage->output.dtype;
        if (out.dtype != w.type.dtype)
            turn_into(&w, &out, 1);
    }
    return qn_most(w.peak, w.kept + bytes_of(&out)) +
           (stage->nproducts ? 0 : several * bytes_of(&out));
}

/* A run of rows of an item, as it is read, between the steps and as it is
 * written. */
static int64_t
slab_bytes(const struct counting *c, const struct qn_type *type,
           int64_t least)
{
    const int64_t real = (int64_t)qn_dtype_size(c->st->precision);
    const int64_t stored = (int64_t)qn_dtype_size(type->dtype);
    const struct qn_stage *stage = c->st->stage;
    int64_t all = qn_shape_count(&type->shape);

    // without steps it is reduced as it is read
    if (stage->nproducts == stage->nsteps && stage->nproducts)
        return qn_least(qn_most(PRODUCT_SLAB / stored, least), all) * stored;
    if (stage->nproducts)
        return qn_least(qn_most(PRODUCT_SLAB / real, least), all) *
               (stored + real);
    return qn_least(qn_most(QN_NEED_SLAB, least), all) * (stored + 3 * real);
}

/* Samples of the rows that the steps need together. */
static int64_t
row_samples(const struct counting *c, const struct qn_task *t)
{
    const struct qn_shape *s = &t->item->type->shape;
    const int axis = qn_shape_row_axis(s);
    struct qn_lookup fields = qn_item_lookup(t->item);
    int64_t rows = 1;

    for (int i = 0; i < c->st->stage->nsteps; i++) {
        const struct qn_step *step = &c->st->stage->steps[i];
        void *params = NULL;

        if (!step->kernel->unit)
            continue;
        if (!qn_plan_params(&params, step, &fields, NULL))
            rows *= step->kernel->unit(params, s, axis);
        qn_plan_params_clear(&params, step);
    }
    return s->ndims && s->n[axis] ? rows * (qn_shape_count(s) / s->n[axis])
                                  : 1;
}

/* Of the part that packed results are put together in. */
static int64_t
part_bytes(const struct counting *c, const struct qn_task *t)
{
    int64_t row;

    if (!qn_plan_packs(c->st) || qn_plan_pack_bytes(c->p, c->st, t, &row, NULL))
        return 0;
    return row * qn_least(qn_plan_pack_rows(row), c->st->ntasks);
}

/* The least that an item takes of `share` bytes, and whether slab by slab. */
static int64_t
item_bytes(const struct counting *c, const struct qn_task *t, int64_t share,
           bool *slabs)
{
    const struct operand_bytes o = count_operands(c, t);
    const int64_t real = real_bytes(c, &t->item->type->shape);
    int64_t beside = o.all + part_bytes(c, t), least = row_samples(c, t);
    int64_t whole, pieces, together;

    *slabs = false;
    if (c->st->stage->nproducts) {
        beside += qn_plan_product_need(c->p, c->st, t, share, &together);
        least = qn_most(least, together);
    }
    pieces = beside + qn_most(slab_bytes(c, t->item->type, least), o.loading);
    if (c->st->stage->nproducts && goes_by_rows(c))
        return pieces;
    whole = beside + qn_most(whole_bytes(c, t), real + o.loading);
    *slabs = whole > share && pieces < whole && !qn_plan_packs(c->st) &&
             is_written_by_rows(c, t);
    return *slabs ? pieces : whole;
}

bool
qn_need_slabs(const struct qn_plan *p, const struct qn_plan_stage *st,
              const struct qn_task *t, int64_t share, bool keep_steps)
{
    const struct counting c = {p, st, keep_steps};
    bool slabs = false;

    if (share > 0 && t->item->probed && t->item->frame < 0)
        item_bytes(&c, t, share, &slabs);
    return slabs;
}

/* The item that takes most, of those that can be made. */
static void
find_largest(struct qn_need *n, const struct counting *c, int64_t share)
{
    const struct qn_type *last = NULL;
    int64_t size = 0;

    n->item = 0;
    n->slabs = false;
    n->largest = NULL;
    for (int i = 0; i < c->st->ntasks; i++) {
        const struct qn_task *t = &c->st->task[i];
        int64_t bytes;
        bool slabs;

        // equal types lie in one place
        if (t->code || !t->item->probed ||
            (t->item->type == last && t->item->bytes <= size))
            continue;
        last = t->item->type;
        size = t->item->bytes;
        bytes = item_bytes(c, t, share, &slabs);
        n->slabs = n->slabs || slabs;
        if (bytes > n->item || !n->largest) {
            n->item = bytes;
            n->largest = t;
        }
    }
}

/* ---- a stage ------------------------------------------------------------------ */

static int64_t
member_bytes(const struct counting *c, const struct qn_task *t)
{
    const struct qn_target *to = &c->st->target[t->target];
    int64_t frames = t->item->frame < 0 ? 1 : t->item->nframes;

    return frames * qn_shape_count(&t->result->shape) *
           (int64_t)qn_dtype_size((enum qn_dtype)to->member);
}

/* Members are kept in half of the memory; what is more goes to the disk. */
static void
count_members(struct qn_need *n, const struct counting *c, int ranks)
{
    int64_t all = 0, result = 0;

    for (int i = 0; i < c->st->ntasks; i++) {
        const struct qn_task *t = &c->st->task[i];

        if (!t->code && t->target >= 0 && t->result)
            all += member_bytes(c, t);
    }
    for (int i = 0; i < c->st->ntargets; i++) {
        const struct qn_target *t = &c->st->target[i];

        if (!t->code && t->type)
            result = qn_most(result, bytes_of(t->type) +
                                         4 * qn_shape_count(&t->type->shape));
    }
    n->held = qn_least(all / ranks, n->memory / 2);
    n->after = result;
    if (ranks > 1)
        n->after += qn_least(all / ranks, n->memory / 8);
}

/* Is the result of a team brought to its first rank?  Where it is contiguous
 * HDF5 every rank writes its own rows. */
static bool
is_gathered(const struct qn_plan_stage *st)
{
    const struct qn_result *out = &st->stage->output;

    return out->format != QN_FORMAT_HDF5 || out->compress;
}

/* The block as it is read, and the two grids between which steps are taken;
 * then two of them beside the whole, where the first rank gathers it, in
 * memory if there is room, else on the disk. */
static void
count_block(struct qn_need *n, const struct counting *c, int team)
{
    for (int i = 0; i < c->st->ntasks; i++) {
        const struct qn_task *t = &c->st->task[i];
        int64_t whole, block, beside, bytes, least;

        if (t->code || !t->item->probed)
            continue;
        whole = real_bytes(c, &t->item->type->shape);
        block = (whole + team - 1) / team;
        beside = count_operands(c, t).all / team;
        bytes = beside + 3 * block;
        if (c->st->stage->nproducts) {
            // the first rank has a block beside what reductions take
            bytes += qn_plan_product_need(c->p, c->st, t, n->memory, &least);
            bytes += slab_bytes(c, t->item->type, least);
        } else if (is_gathered(c->st) && !c->st->stage->combine.given &&
                   beside + 2 * block + whole <= n->memory)
            bytes = qn_most(bytes, beside + 2 * block + whole);
        if (bytes <= n->held && n->largest)
            continue;
        n->held = bytes;
        n->largest = t;
        n->gathered = qn_most(0, n->memory - beside - 2 * block);
    }
}

/* Beside the block of a member that a team makes: its part of those before, as
 * far as they are kept in memory; later its part of the result. */
static void
add_team_members(struct qn_need *n, const struct counting *c, int team)
{
    const struct qn_task *largest = n->largest;
    const int64_t block = n->held;

    count_members(n, c, team);
    n->after = (n->after + team - 1) / team;
    n->held += block;
    n->largest = largest;
    n->gathered = n->memory / 8;
}

/* What workers keep together is beside what their items have in hand, but for
 * what one of these uses of it. */
static int64_t
total_of(const struct qn_need *n, int workers)
{
    const int64_t shelf = qn_need_shelf(n, workers);

    return n->held + qn_most(workers * n->item + qn_most(0, shelf - n->own),
                            n->after + shelf);
}

/* As many workers as fit side by side. */
static void
fit_workers(struct qn_need *n, const struct counting *c, int most)
{
    n->every = all_operands(c);
    n->workers = most + 1;
    do {
        n->workers--;
        find_largest(n, c, qn_need_share(n, n->workers));
    } while (n->workers > 1 && n->item > qn_need_share(n, n->workers));
    n->fewer = most - n->workers;
    if (n->largest)
        n->own = count_operands(c, n->largest).shared;
}

void
qn_need_stage(struct qn_need *n, const struct qn_plan *p,
              const struct qn_plan_stage *st, const struct qn_need_ask *ask,
              int team)
{
    const struct counting c = {p, st, ask->keep_steps};
    int64_t each = (st->ntasks + ask->ranks - 1) / ask->ranks;
    int most = each < ask->workers ? (int)each : ask->workers;

    *n = (struct qn_need){.memory = ask->memory, .workers = 1};
    if (st->stage->command.given || st->late)
        n->workers = ask->workers;
    else if (team > 1) {
        count_block(n, &c, team);
        if (st->stage->combine.given)
            add_team_members(n, &c, team);
    } else {
        if (st->stage->combine.given || qn_plan_joins(st))
            count_members(n, &c, ask->ranks);
        fit_workers(n, &c, most > 1 ? most : 1);
    }
    n->total = total_of(n, n->workers);
}

int64_t
qn_need_processes(int workers)
{
    return QN_NEED_RANK + workers * QN_NEED_WORKER;
}

int64_t
qn_need_share(const struct qn_need *n, int workers)
{
    int64_t left = n->memory - n->held;

    return left > 0 ? left / workers : 0;
}

int64_t
qn_need_operands(const struct qn_need *n, int workers)
{
    const int64_t room = qn_most(0, qn_need_share(n, workers) - n->item);
    const int64_t most = qn_most(OPERANDS_MOST, n->every);

    // where others take their place, those of the item before are still there
    // while they are read
    return qn_least(most, n->every <= n->own + room ? n->own + room : room);
}

int64_t
qn_need_shelf(const struct qn_need *n, int workers)
{
    const int64_t room = qn_most(0, qn_need_share(n, workers) - n->item);

    return qn_least(n->every, n->own + workers * room);
}
