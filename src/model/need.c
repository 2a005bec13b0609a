/* Adding up buffers.
 *
 * An item is followed through its steps: at each moment what is there before
 * the step and what comes out of it.  Items of one type need the same, so
 * that a million of them cost a comparison each.  Knows neither files nor
 * processes; plan_product.c knows what reductions take. */
#include "model/need.h"

#include <string.h>

#include "base/least.h"
#include "model/dtype.h"
#include "model/flow.h"
#include "model/grid.h"
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
    const struct qn_need_ask *ask; /* NULL: no team is asked about */
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

/* As what is kept of an operand of so many samples; in a stage with weights
 * of a reduction all operands count as wide as these. */
static int64_t
kept_bytes(const struct counting *c, const struct qn_shape *s)
{
    const struct qn_stage *stage = c->st->stage;

    for (int i = 0; i < stage->nsteps; i++)
        if (stage->steps[i].noperands && stage->steps[i].kernel->integer_exact)
            return qn_shape_count(s) * (int64_t)sizeof(double);
    return real_bytes(c, s);
}

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
        kept = kept_bytes(c, &type.shape);
    } else {
        stored = bytes_of(&type);
        kept = kept_bytes(c, &type.shape);
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
            bytes += kept_bytes(c, &c->st->files.v[i].type->shape);
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
                    bytes += kept_bytes(c, &from->target[g].type->shape);
        }
    return scaled && bytes ? qn_most(bytes, OPERANDS_MOST) : bytes;
}

/* ---- an item ----------------------------------------------------------------- */

/* Do the steps work on rows by themselves, so that slabs cost nothing? */
static bool
reads_once(const struct counting *c, bool units)
{
    const struct qn_stage *stage = c->st->stage;

    for (int i = 0; i < stage->nsteps; i++)
        if (!stage->steps[i].product && !stage->steps[i].kernel->point &&
            !(units && stage->steps[i].kernel->regrid &&
              stage->steps[i].kernel->regrid->apart))
            return false;
    return !c->keep_steps;
}

/* Do reductions always get an item slab by slab? */
static bool
always_streams(const struct counting *c)
{
    return c->st->stage->nproducts && reads_once(c, false);
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

/* An item on its way through the steps some rows at a time. */
struct route {
    int axis;            /* along which rows are counted                  */
    int64_t unit, reach; /* rows of it that become one; and beside those  */
    struct qn_type type; /* of the item, as it goes on                    */
    int64_t bytes;       /* of slabs                                      */
};

static int64_t
row_of(const struct qn_type *type, int axis)
{
    int64_t n = 1;

    for (int a = axis + 1; a < type->shape.ndims; a++)
        n *= type->shape.n[a];
    return n;
}

/* Bytes of slabs of `rows` rows of what will come out, where there are still
 * that unit and reach to go. */
static int64_t
slab_of(const struct route *r, int64_t rows)
{
    const int64_t all = r->type.shape.ndims ? r->type.shape.n[r->axis] : 1;

    return qn_least(rows * r->unit + r->reach, all) *
           row_of(&r->type, r->axis) * (int64_t)qn_dtype_size(r->type.dtype);
}

/* Bytes that a step keeps for all rows. */
static int64_t
beside_of(const struct qn_flow *f)
{
    int64_t n = (int64_t)qn_dtype_size(f->in.dtype);

    for (int a = 0; a < f->in.shape.ndims; a++)
        n *= f->beside.count[a];
    return f->level ? n : 0;
}

/* One step further; rows 0: only unit and reach are added up. */
static bool
go_on(struct route *r, const struct counting *c, const struct qn_step *step,
      const struct qn_task *t, int64_t rows)
{
    const struct qn_kernel *k = step->kernel;
    struct qn_lookup fields = qn_item_lookup(t->item);
    void *params = NULL;
    struct qn_type next;
    struct qn_flow f;
    bool can;

    if (k->real && r->type.dtype != c->st->precision) {
        r->type.dtype = c->st->precision;
        r->bytes += rows ? slab_of(r, rows) : 0;
    }
    next = r->type;
    can = !qn_plan_params(&params, step, &fields, NULL) &&
          qn_flow_make(&f, k, params, &r->type, r->axis) &&
          (!k->type || !k->type(params, &r->type, &next, NULL));
    qn_plan_params_clear(&params, step);
    if (!can)
        return false;
    if (!rows) {
        r->reach += r->unit * f.reach;
        r->unit *= f.unit;
    } else {
        r->bytes += f.spare * slab_of(r, rows) + beside_of(&f);
        r->reach = qn_most(0, (r->reach - f.reach) / f.unit);
        r->unit /= f.unit;
    }
    r->type = next;
    r->bytes += rows && !k->point ? slab_of(r, rows) : 0;
    return true;
}

static bool
go_through(struct route *r, const struct counting *c, const struct qn_task *t,
           int64_t rows)
{
    const struct qn_stage *stage = c->st->stage;

    r->type = *t->item->type;
    r->bytes = rows ? slab_of(r, rows) : 0;
    for (int i = 0; i < stage->nsteps; i++)
        if (!stage->steps[i].product &&
            !go_on(r, c, &stage->steps[i], t, rows))
            return false;
    return true;
}

/* Rows of a slab that reductions are given; together: samples that they must
 * be given in one. */
static int64_t
product_rows(const struct counting *c, const struct qn_type *type, int axis,
             int64_t rows, int64_t together)
{
    const int64_t row = row_of(type, axis);
    const int64_t fit = PRODUCT_SLAB / (int64_t)qn_dtype_size(type->dtype);

    if (!row)
        return 1;
    return qn_most(always_streams(c) ? fit / row : rows, together / row);
}

/* Bytes of the slab that the first rank of a team gives to reductions. */
static int64_t
product_slab(const struct counting *c, const struct qn_type *type,
             int64_t together)
{
    const int64_t real = (int64_t)qn_dtype_size(c->st->precision);
    const int64_t all = qn_shape_count(&type->shape);

    return qn_least(qn_most(PRODUCT_SLAB / real, together), all) *
           (real + (int64_t)qn_dtype_size(type->dtype));
}

/* Can an item go through some rows at a time?  *bytes of the slabs. */
static bool
goes_by_rows(const struct counting *c, const struct qn_task *t,
             int64_t together, int64_t *bytes)
{
    const struct qn_type *in = t->item->type;
    struct route r = {.axis = qn_shape_row_axis(&in->shape), .unit = 1};
    int64_t rows;

    if (!in->shape.ndims || !go_through(&r, c, t, 0) ||
        qn_shape_row_axis(&r.type.shape) != r.axis)
        return false;
    rows = qn_flow_slab(row_of(in, r.axis), r.unit, r.reach,
                        r.type.shape.n[r.axis]);
    if (c->st->stage->nproducts)
        rows = qn_least(product_rows(c, &r.type, r.axis, rows, together),
                       r.type.shape.n[r.axis]);
    (void)go_through(&r, c, t, qn_most(rows, 1));
    *bytes = r.bytes;
    if (c->st->stage->output.dtype >= 0 && !c->st->stage->nproducts) {
        r.type.dtype = (enum qn_dtype)c->st->stage->output.dtype;
        *bytes += slab_of(&r, qn_most(rows, 1));
    }
    return true;
}

/* And may it? */
static bool
may_stream(const struct counting *c)
{
    const struct qn_stage *stage = c->st->stage;

    // what is kept of steps is no reduction
    return !(c->keep_steps && stage->nproducts) && !qn_plan_packs(c->st) &&
           !qn_plan_joins(c->st) && !stage->combine.given;
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
    int64_t beside = o.all + part_bytes(c, t), together = 1;
    int64_t whole, pieces;
    bool can;

    *slabs = false;
    if (c->st->stage->nproducts)
        beside += qn_plan_product_need(c->p, c->st, t, share, &together);
    can = goes_by_rows(c, t, together, &pieces);
    pieces = beside + (can ? qn_most(pieces, o.loading) : 0);
    if (can && always_streams(c))
        return pieces;
    whole = beside + qn_most(whole_bytes(c, t), real + o.loading);
    *slabs = can && whole > share && pieces < whole && may_stream(c);
    return *slabs ? pieces : whole;
}

bool
qn_need_slabs(const struct qn_plan *p, const struct qn_plan_stage *st,
              const struct qn_task *t, int64_t share, bool keep_steps)
{
    const struct counting c = {p, st, keep_steps, NULL};
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
    int64_t frames = t->item->frame < 0 ? 1 : t->item->nframes, bytes;

    if (c->st->stage->nproducts)
        return qn_plan_pack_bytes(c->p, c->st, t, &bytes, NULL)
                   ? 0
                   : frames * bytes;
    return frames * qn_shape_count(&t->result->shape) *
           (int64_t)qn_dtype_size((enum qn_dtype)to->member);
}

/* A result while it is put together: with counts, or the frames of a file. */
static int64_t
target_bytes(const struct counting *c, const struct qn_target *t)
{
    const int64_t n = qn_shape_count(&t->type->shape);
    int64_t bytes = 0;

    if (!c->st->stage->nproducts)
        return bytes_of(t->type) + 4 * n;
    for (int i = 0; i < t->ntasks; i++)
        bytes += member_bytes(c, &c->st->task[t->task[i]]);
    return bytes;
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
            result = qn_most(result, target_bytes(c, t));
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

/* Bytes of what a file has inflated, with its own while that is done: no part
 * of it can be had by itself. */
static int64_t
inflated_bytes(const struct qn_item *item)
{
    const size_t n = strlen(item->path);

    return n > 3 && !strcmp(item->path + n - 3, ".gz")
               ? bytes_of(item->type) + item->bytes
               : 0;
}

/* A rank's part of operands: what has the axes of the grid is cut like it, of
 * others it may have the whole. */
static int64_t
block_operands(const struct counting *c, const struct qn_task *t, double part)
{
    const struct qn_stage *stage = c->st->stage;
    int64_t bytes = 0;
    int u = 0;

    for (int i = 0; i < stage->nsteps; i++)
        for (int k = 0; k < stage->steps[i].noperands; k++, u++) {
            struct operand_bytes one = {0};
            struct qn_type type = *t->item->type;
            bool cut = !stage->steps[i].product, known;

            if (!t->use)
                continue;
            add_operand(&one, c, &stage->steps[i].operand[k], &t->use[u], t);
            if (!one.all || qn_plan_product_use(c->p, c->st,
                                                &stage->steps[i].operand[k],
                                                &t->use[u], &type, &known, NULL))
                continue;
            cut = cut && type.shape.ndims == t->item->type->shape.ndims;
            for (int a = 0; a < type.shape.ndims; a++)
                cut = cut && (type.shape.n[a] > 1 ||
                              t->item->type->shape.n[a] == 1);
            bytes += cut ? (int64_t)((double)one.all * part) + 1 : one.all;
        }
    return bytes;
}

/* Bytes of the runs of rows in which a result goes to its file: see
 * engine/gather_file.c. */
static int64_t
run_bytes(int64_t memory, int64_t last)
{
    const int64_t mib = 1 << 20;

    return qn_least(last + mib,
                    qn_most(1, qn_least(8, memory / 32 / mib)) * mib);
}

struct block_bytes {
    int64_t held;     /* by the rank that holds most   */
    int64_t gathered; /* that it may gather beside it */
};

/* The block on its way through the steps; before, where no part of the file
 * can be read by itself, the first rank's worker has all of it; then the result
 * on its way to its file, or to the first rank, which gathers it in memory if
 * there is room, else on the disk. */
static struct block_bytes
block_bytes(const struct qn_need *n, const struct counting *c,
            const struct qn_task *t, int team)
{
    const int64_t inflated = inflated_bytes(t->item);
    const int64_t whole = real_bytes(c, &t->item->type->shape);
    struct qn_need_block b;
    struct block_bytes sum;
    int64_t beside, behind, least;

    c->ask->block(&b, c->st, t, team);
    beside = block_operands(c, t, b.part);
    behind = 3 * b.last;
    sum.held = beside + b.bytes;
    if (inflated)
        sum.held = qn_most(sum.held, beside + 2 * b.first + inflated);
    sum.gathered = n->memory - beside -
                   qn_most(behind, inflated ? 2 * b.first + inflated : 0);
    if (c->st->stage->nproducts)
        // the first rank has a block beside what reductions take
        behind = 2 * b.last +
                 qn_plan_product_need(c->p, c->st, t, n->memory, &least) +
                 product_slab(c, t->item->type, least);
    else if (!is_gathered(c->st) && !c->st->stage->combine.given)
        behind = 2 * b.last + 2 * run_bytes(n->memory, b.last);
    else if (!c->st->stage->combine.given && whole <= sum.gathered)
        behind += whole;
    sum.held = qn_most(sum.held, beside + behind);
    return sum;
}

static void
count_block(struct qn_need *n, const struct counting *c, int team)
{
    const struct qn_type *last = NULL;
    int64_t size = 0;

    n->gathered = n->memory;
    for (int i = 0; i < c->st->ntasks; i++) {
        const struct qn_task *t = &c->st->task[i];
        struct block_bytes b;

        // equal types lie in one place
        if (t->code || !t->item->probed ||
            (t->item->type == last && t->item->bytes <= size))
            continue;
        last = t->item->type;
        size = t->item->bytes;
        b = block_bytes(n, c, t, team);
        n->gathered = qn_most(0, qn_least(n->gathered, b.gathered));
        if (b.held <= n->held && n->largest)
            continue;
        n->held = b.held;
        n->largest = t;
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
    const int64_t kept = n->apart ? workers * n->every : shelf;

    return n->held + qn_most(workers * n->item + qn_most(0, shelf - n->own),
                            n->after + kept);
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
    n->again = n->slabs && !reads_once(c, true);
    if (n->largest)
        n->own = count_operands(c, n->largest).shared;
}

/* Two workers have read operands each for itself, into large pages, before
 * they have put them where both find them.  It takes no more than was counted:
 * every item has all of them in hand. */
static bool
is_apart(const struct qn_need *n, const struct qn_need_ask *ask)
{
    return ask->ranks == 1 && n->workers <= 2 && n->every <= n->own &&
           n->item <= qn_need_share(n, n->workers);
}

void
qn_need_stage(struct qn_need *n, const struct qn_plan *p,
              const struct qn_plan_stage *st, const struct qn_need_ask *ask,
              int team)
{
    const struct counting c = {p, st, ask->keep_steps, ask};
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
        n->apart = is_apart(n, ask);
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

    return n->apart ? 0 : qn_least(n->every, n->own + workers * room);
}
