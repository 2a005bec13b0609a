/* Combining items that all ranks make together: see team_combine.h.
 *
 * What a pixel becomes depends on its samples in item order alone, so neither
 * blocks nor tiles show in the result.  Knows neither headers nor results'
 * files: stack.c does. */
#include "engine/team_combine.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "engine/deliver.h"
#include "engine/harvest.h"
#include "engine/joined.h"
#include "engine/region.h"
#include "engine/stop.h"
#include "engine/team_parts.h"
#include "kernels/combine.h"
#include "model/array.h"
#include "model/dtype.h"
#include "model/params.h"
#include "model/shape.h"

enum { TILE = 1 << 13 }; /* pixels: of a few members, in the cache */

/* The cut that all members of a result end in. */
static struct qn_cut
cut_result(const struct qn_shape *shape, int ranks)
{
    const int64_t none[QN_MAX_DIMS] = {0};
    struct qn_cut cut;

    qn_grid_cut(&cut, shape, ranks, none);
    return cut;
}

static int64_t
largest_block(const struct qn_cut *cut)
{
    int64_t most = 0;

    for (int i = 0; i < cut->nblocks; i++) {
        struct qn_box box = qn_grid_block(cut, i);
        int64_t n = qn_region_samples(&box);

        most = n > most ? n : most;
    }
    return most;
}

/* ---- members ------------------------------------------------------------------ */

struct making {
    struct qn_team_members *m;
    int64_t offset;       /* of the member in hand                          */
    bool placed;          /* it has that                                    */
    json_t *reply;        /* owned, on rank 0: what is said of it           */
    struct qn_halos halos;
    bool measured;
    double halo_rate;
    struct qn_claims_count count;
};

/* A member is a file, or so many frames of one. */
static int64_t
frames_of(const struct qn_task *t)
{
    return t->item->frame < 0 ? 1 : t->item->nframes;
}

/* Which of them is in hand. */
static int64_t
frame_of(const struct qn_team_part *p)
{
    return p->frame < 0 ? 0 : p->frame - p->t->item->frame;
}

/* Bytes from a frame's block to the next one's. */
static int64_t
block_stride(const struct qn_cut *cut, enum qn_dtype type)
{
    return largest_block(cut) * (int64_t)qn_dtype_size(type);
}

static int
place_member(struct making *k, int64_t bytes, struct qn_error *err)
{
    if (!k->placed)
        QN_TRY(qn_arena_place(k->m->arena, bytes, &k->offset, err));
    k->placed = true;
    return 0;
}

/* Local.  The block to its place, which is as large on all ranks. */
static int
keep_block(struct making *k, const struct qn_team_part *p, enum qn_dtype type,
           struct qn_error *err)
{
    const struct qn_block *b = &p->block;
    const int64_t stride = block_stride(&b->cut, type);
    const int64_t n = b->team->rank < b->cut.nblocks
                          ? qn_region_samples(&b->own)
                          : 0;
    void *to;

    QN_TRY(place_member(k, frames_of(p->t) * stride, err));
    if (!n)
        return 0;
    QN_TRY(qn_arena_at(k->m->arena, k->offset + frame_of(p) * stride,
                       n * (int64_t)qn_dtype_size(type), &to, err));
    return qn_dtype_convert(to, type, b->array.data, b->array.type.dtype,
                            (size_t)n, err);
}

/* What is said of the member. */
static void
note_member(struct qn_team_part *p)
{
    struct making *k = p->ctx;

    if (p->block.team->rank)
        return;
    k->reply = json_pack("{s:O?,s:O*}", "cards", p->cards, "lost", p->lost);
}

/* Local, on rank 0.  What reductions of a frame gave: of each dataset all
 * frames lie one behind the other. */
static int
keep_products(struct qn_team_part *p, const struct qn_harvest *h,
              struct qn_error *err)
{
    struct making *k = p->ctx;
    const int64_t frames = frames_of(p->t);
    int64_t bytes;
    void *to;

    QN_TRY(qn_plan_pack_bytes(&p->run->plan, p->st, p->t, &bytes, err));
    QN_TRY(place_member(k, frames * bytes, err));
    QN_TRY(qn_arena_at(k->m->arena, k->offset, frames * bytes, &to, err));
    return qn_harvest_copy(h, p->st->stage->output.dtype, to, bytes,
                           frame_of(p), frames, err);
}

/* Collective. */
static int
keep_member(struct qn_team_part *p, struct qn_error *err)
{
    struct making *k = p->ctx;
    struct qn_block *b = &p->block;
    const struct qn_cut cut = cut_result(&b->grid.shape, b->team->size);
    const int member = p->st->target[p->t->target].member;

    QN_TRY(qn_regrid_recut(b, &cut, err));
    return qn_comm_agree(b->team, keep_block(k, p, (enum qn_dtype)member, err),
                         err);
}

static int
make_member(struct making *k, int task, struct qn_error *err)
{
    struct qn_run *run = k->m->run;
    const struct qn_task *t = &run->plan.stage[k->m->s].task[task];
    struct qn_team_part p = qn_team_part(run, k->m->s, t, run->comm);
    int rc;

    p.finish = keep_member;
    p.made = note_member;
    p.reduced = t->item->frame < 0 ? NULL : keep_products;
    p.ctx = k;
    k->placed = false;
    p.block.measured = k->measured;
    p.block.halo_rate = k->halo_rate;
    rc = qn_team_item(&p, err);
    k->measured = p.block.measured;
    k->halo_rate = p.block.halo_rate;
    qn_team_count(&k->halos, &p.block);
    return rc;
}

static void
show(struct making *k, int64_t unit, int code)
{
    const struct qn_work *w = k->m->work;

    k->count.done += code == 0;
    k->count.failed += code != 0;
    k->count.bytes += code || !w->bytes ? 0 : w->bytes(w->ctx, unit);
    if (w->progress && qn_progress_due(w->progress, qn_clock_now()))
        qn_progress_show(w->progress, &k->count, qn_clock_now());
    // nothing new is begun then
    if (code && k->count.failed == w->most_failed)
        qn_stop_ask();
}

/* Local, on rank 0: what became of it. */
static int
tell(struct making *k, int64_t unit, const struct qn_error *why, int code,
     struct qn_error *err)
{
    const struct qn_work *w = k->m->work;

    show(k, unit, code);
    return w->finish(w->ctx, unit, code ? NULL : k->reply, why, err);
}

/* Collective; *stop: asked to stop, nothing was made. */
static int
do_member(struct making *k, int64_t unit, bool *stop, struct qn_error *err)
{
    struct qn_comm *comm = k->m->run->comm;
    const struct qn_work *w = k->m->work;
    const int task = k->m->task[unit];
    struct qn_error why = {0};
    int rc = qn_team_asked_to_stop() ? qn_fail(&why, QN_ESTOPPED, "stopped")
                                     : 0;

    if (!rc && !comm->rank)
        rc = w->begin(w->ctx, unit, &why);
    rc = qn_comm_agree(comm, rc, &why);
    if (!rc)
        rc = make_member(k, task, &why);
    *stop = rc == QN_ESTOPPED;
    if (*stop)
        return 0;
    if (rc && !qn_team_is_own(rc))
        return qn_fail(err, rc, "%s", why.text);
    k->m->offset[task] = rc ? 0 : k->offset;
    rc = comm->rank ? 0 : tell(k, unit, &why, rc, err);
    json_decref(k->reply);
    k->reply = NULL;
    return qn_comm_agree(comm, rc, err);
}

int
qn_team_combine_members(struct qn_team_members *m, struct qn_error *err)
{
    struct making k = {.m = m};
    bool stop = false;
    int rc = 0;

    for (int64_t u = 0; u < m->work->total && !rc && !stop; u++)
        rc = do_member(&k, u, &stop, err);
    if (m->work->progress)
        qn_progress_wipe(m->work->progress);
    m->run->stopped = m->run->stopped || stop;
    k.halos.alone = k.halo_rate * (double)k.halos.bytes;
    return rc ? rc : qn_team_share_halos(m->run, m->s, &k.halos, err);
}

/* ---- combining ------------------------------------------------------------------ */

struct combining {
    struct qn_bands *b;
    struct qn_combine how;
    enum qn_dtype in, natural, out; /* samples of members; as they come out; of
                                       the result                           */
    const void **member;            /* owned, [n]                           */
    size_t n;
    struct qn_block block;          /* of the result                        */
    struct qn_array data, count;    /* owned: of this rank's block          */
    int threads;
    const void **at;                /* owned, [threads][n]                  */
    char *made;                     /* owned, [threads] tiles               */
};

static int
combine_tile(void *ctx, size_t tile, int thread, struct qn_error *err)
{
    const struct combining *c = ctx;
    const size_t all = (size_t)qn_region_samples(&c->block.own);
    const size_t first = tile * TILE;
    const size_t n = all - first < TILE ? all - first : TILE;
    const void **at = c->at + (size_t)thread * c->n;
    char *made = c->made + (size_t)thread * TILE * sizeof(double);

    for (size_t i = 0; i < c->n; i++)
        at[i] = (const char *)c->member[i] + first * qn_dtype_size(c->in);
    QN_TRY(qn_combine_band(&c->how, c->in, at, c->b->weight, c->n, n, made,
                           (int32_t *)c->count.data + first, err));
    return qn_dtype_convert((char *)c->data.data +
                                first * qn_dtype_size(c->out),
                            c->out, made, c->natural, n, err);
}

/* The blocks of a task's frames, as far as they have not failed. */
static void
find_frames(struct combining *c, const struct qn_task *t, const char *at)
{
    const int64_t stride = block_stride(&c->block.cut, c->in);
    int64_t lost = 0;

    for (int64_t i = 0; i < frames_of(t) && qn_plan_frames(t); i++) {
        if (t->lost && lost < t->lost->n && t->lost->frame[lost] == i)
            lost++;
        else
            c->member[c->n++] = at + i * stride;
    }
}

static int
find_members(struct combining *c, struct qn_error *err)
{
    const struct qn_bands *b = c->b;
    size_t n = (size_t)qn_plan_members(b->st, b->target);
    void *base = NULL;

    QN_TRY(qn_memory_make((void **)&c->member, n, sizeof *c->member,
                          "members", err));
    if (b->arena->used)
        QN_TRY(qn_arena_at(b->arena, 0, b->arena->used, &base, err));
    for (int i = 0; i < b->target->ntasks; i++)
        find_frames(c, &b->st->task[b->target->task[i]],
                    (char *)base + b->offset[b->target->task[i]]);
    return 0;
}

/* Local.  How, and memory for this rank's part. */
static int
open_part(struct combining *c, struct qn_error *err)
{
    const struct qn_bands *b = c->b;
    struct qn_comm *comm = b->run->comm;
    struct qn_type own = *b->target->type;
    struct qn_block *blk = &c->block;

    QN_TRY(qn_params_fill(&c->how, &qn_kernel_combine,
                          b->st->stage->combine.params, NULL, err));
    if (qn_kernel_combine.prepare)
        QN_TRY(qn_kernel_combine.prepare(&c->how, err));
    c->in = (enum qn_dtype)b->target->member;
    c->out = b->target->type->dtype;
    c->natural = qn_combine_dtype(&c->how, c->in);
    blk->team = comm;
    blk->grid = *b->target->type;
    blk->cut = cut_result(&blk->grid.shape, comm->size);
    blk->own = qn_grid_block(&blk->cut, comm->rank);
    for (int a = 0; a < own.shape.ndims; a++)
        own.shape.n[a] = blk->own.count[a];
    QN_TRY(qn_array_make(&c->data, &own, err));
    own.dtype = QN_I32;
    QN_TRY(qn_array_make(&c->count, &own, err));
    QN_TRY(find_members(c, err));
    c->threads = b->run->threads.budget.threads;
    c->threads = c->threads < 1 ? 1 : c->threads;
    QN_TRY(qn_memory_make((void **)&c->at, c->n,
                          (size_t)c->threads * sizeof *c->at, "a band", err));
    return qn_memory_make((void **)&c->made, (size_t)c->threads,
                          TILE * sizeof(double), "a band", err);
}

/* Local. */
static int
combine_part(struct combining *c, struct qn_error *err)
{
    struct qn_spent *spent = &c->b->run->farm.spent;
    const double t0 = qn_clock_now();
    size_t n = 0;
    int rc;

    if (c->block.team->rank < c->block.cut.nblocks)
        n = (size_t)qn_region_samples(&c->block.own);
    rc = qn_parallel_for(c->threads, n / TILE + (n % TILE != 0), combine_tile,
                         c, err);
    spent->compute += qn_clock_now() - t0;
    return rc;
}

/* Local, on the leader: memory for the whole. */
static int
open_result(struct qn_bands *b, int s, char **whole, struct qn_error *err)
{
    const int64_t bytes = qn_bands_layout(b->target).bytes;
    int64_t at;

    if (b->run->comm->rank != b->leader)
        return 0;
    QN_TRY(qn_deliver_arena(b->run, s, &b->result, bytes, err));
    QN_TRY(qn_arena_place(&b->result, bytes, &at, err));
    QN_TRY(qn_arena_at(&b->result, at, bytes, (void **)whole, err));
    qn_farm_memory(&b->run->farm, 1, b->result.fd);
    return 0;
}

/* Collective.  One array of all blocks to the leader. */
static int
gather(struct combining *c, struct qn_array *a, char *to, struct qn_error *err)
{
    c->block.array = *a;
    c->block.grid.dtype = a->type.dtype;
    return qn_block_gather(&c->block, a->type.dtype, to, err);
}

int
qn_team_combine_bands(struct qn_bands *b, int s, struct qn_error *err)
{
    const struct qn_bands_layout l = qn_bands_layout(b->target);
    struct combining c = {.b = b};
    char *whole = NULL;
    int rc;

    b->result.fd = b->received.fd = -1;
    b->leader = 0;
    rc = open_part(&c, err);
    if (!rc)
        rc = combine_part(&c, err);
    if (!rc)
        rc = open_result(b, s, &whole, err);
    rc = qn_comm_agree(b->run->comm, rc, err);
    if (!rc)
        rc = gather(&c, &c.data, whole ? whole + l.data : NULL, err);
    if (!rc)
        rc = gather(&c, &c.count, whole ? whole + l.count : NULL, err);
    qn_array_clear(&c.data);
    qn_array_clear(&c.count);
    free(c.member);
    free(c.at);
    free(c.made);
    return rc;
}

/* ---- joining -------------------------------------------------------------------- */

struct joining {
    struct qn_bands *b;
    struct qn_joined all;  /* what the result holds */
    struct qn_block block; /* of a frame            */
    struct qn_type own;
    char *held;            /* this rank's blocks    */
    char *whole;           /* on the leader         */
};

/* Local. */
static int
open_join(struct joining *j, int s, struct qn_error *err)
{
    struct qn_bands *b = j->b;
    struct qn_comm *comm = b->run->comm;
    struct qn_block *blk = &j->block;
    int64_t at;

    QN_TRY(qn_joined_make(&j->all, &b->run->plan, b->st, b->target, err));
    blk->team = comm;
    blk->grid = j->own = j->all.set[0].type;
    blk->cut = cut_result(&blk->grid.shape, comm->size);
    blk->own = qn_grid_block(&blk->cut, comm->rank);
    for (int a = 0; a < j->own.shape.ndims; a++)
        j->own.shape.n[a] = blk->own.count[a];
    if (b->arena->used)
        QN_TRY(qn_arena_at(b->arena, 0, b->arena->used, (void **)&j->held,
                           err));
    if (comm->rank)
        return 0;
    QN_TRY(qn_deliver_arena(b->run, s, &b->result, j->all.all, err));
    QN_TRY(qn_arena_place(&b->result, j->all.all, &at, err));
    QN_TRY(qn_arena_at(&b->result, at, j->all.all, (void **)&j->whole, err));
    qn_farm_memory(&b->run->farm, 1, b->result.fd);
    return 0;
}

/* Collective.  The frames of a task, the first of which is number `first`. */
static int
join_frames(struct joining *j, int task, int64_t first, struct qn_error *err)
{
    const struct qn_task *t = &j->b->st->task[task];
    const enum qn_dtype type = j->own.dtype;
    const int64_t stride = block_stride(&j->block.cut, type);
    int rc = 0;

    for (int64_t i = 0; i < frames_of(t) && !rc; i++) {
        char *to = j->whole ? j->whole + (first + i) * j->all.bytes[0] : NULL;

        j->block.array = qn_array_view(
            &j->own, j->held ? j->held + j->b->offset[task] + i * stride : NULL);
        rc = qn_block_gather(&j->block, type, to, err);
    }
    return rc;
}

int
qn_team_combine_join(struct qn_bands *b, int s, struct qn_error *err)
{
    struct joining j = {.b = b};
    int64_t first = 0;
    int rc;

    // what reductions gave is on one rank already
    if (b->st->stage->nproducts)
        return qn_bands_join(b, err);
    b->result.fd = b->received.fd = -1;
    b->leader = 0;
    rc = qn_comm_agree(b->run->comm, open_join(&j, s, err), err);
    for (int i = 0; i < b->target->ntasks && !rc; i++) {
        rc = join_frames(&j, b->target->task[i], first, err);
        first += frames_of(&b->st->task[b->target->task[i]]);
    }
    return rc;
}
