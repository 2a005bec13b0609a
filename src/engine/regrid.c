/* From the blocks of one grid to the blocks of another.
 *
 * What a block is made of follows from the kernel and the cut alone, so both
 * ends of a message know what is in it, and nothing but samples is sent.  Knows
 * neither files nor which steps a stage has. */
#include "engine/regrid.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "engine/gather.h"
#include "engine/region.h"
#include "kernels/part.h"
#include "model/array.h"
#include "model/dtype.h"
#include "model/shape.h"

enum { TAG_SOURCE = 24 }; /* samples on their way to who needs them */

struct qn_box
qn_regrid_box(const struct qn_region *source)
{
    struct qn_box box = qn_shape_box(&source->grid.shape);

    for (int a = 0; a < box.ndims; a++) {
        box.start[a] = source->start[a];
        box.count[a] = source->count[a];
    }
    return box;
}

struct qn_regrid_part
qn_regrid_part(const struct qn_kernel *k, const void *params,
               const struct qn_type *in, const struct qn_cut *cut, int i)
{
    struct qn_type to = {in->dtype, cut->lattice.shape};
    struct qn_regrid_part p = {.own = qn_grid_block(cut, i)};
    struct qn_region out = qn_region_of(&to, &p.own, &p.own, NULL);

    p.own.ndims = to.shape.ndims;
    if (i >= cut->nblocks || !qn_region_samples(&p.own))
        return p;
    p.n = k->regrid->sources(params, &in->shape, &out, p.source);
    for (int j = 0; j < p.n; j++) {
        struct qn_box box;

        p.source[j].grid = *in;
        box = qn_regrid_box(&p.source[j]);
        p.source[j] = qn_region_of(in, &box, &box, NULL);
    }
    return p;
}

/* ---- bringing the samples ---------------------------------------------------- */

struct moving {
    struct qn_block *b;
    const struct qn_kernel *k;
    const void *params;
    const struct qn_cut *cut;
    struct qn_regrid_part *mine;
    struct qn_gather_parcel *out, *in; /* owned, [team] */
};

/* What a source needs of a block. */
static struct qn_box
common(const struct qn_region *source, const struct qn_box *block)
{
    struct qn_box box = qn_regrid_box(source);

    return qn_region_common(&box, block);
}

static size_t
bytes_between(const struct moving *m, const struct qn_regrid_part *to,
              const struct qn_box *block)
{
    int64_t n = 0;

    for (int j = 0; j < to->n; j++) {
        struct qn_box box = common(&to->source[j], block);

        n += qn_region_samples(&box);
    }
    return (size_t)n * qn_dtype_size(m->b->grid.dtype);
}

/* Samples of a box from one memory to another. */
static void
copy(const struct moving *m, const struct qn_box *box,
     const struct qn_box *to_box, void *to, const struct qn_box *from_box,
     void *from)
{
    const struct qn_type *grid = &m->b->grid;
    struct qn_region out = qn_region_of(grid, to_box, box, to);
    struct qn_region in = qn_region_of(grid, from_box, box, from);

    if (qn_region_samples(box))
        qn_region_copy(&out, &in);
}

/* What the parcel of another rank has, box behind box; out: to the parcel,
 * else from it. */
static void
go_through(const struct moving *m, const struct qn_regrid_part *to,
           const struct qn_box *block, char *parcel, bool out)
{
    for (int j = 0; j < to->n; j++) {
        struct qn_box box = common(&to->source[j], block);
        struct qn_box all = qn_regrid_box(&to->source[j]);

        if (out)
            copy(m, &box, &box, parcel, block, m->b->array.data);
        else
            copy(m, &box, &all, to->source[j].data, &box, parcel);
        parcel += (size_t)qn_region_samples(&box) *
                  qn_dtype_size(m->b->grid.dtype);
    }
}

static int
open_parcel(struct qn_gather_parcel *p, size_t n, struct qn_error *err)
{
    p->n = n;
    return n ? qn_memory_make((void **)&p->data, n, 1, "samples on their way",
                              err)
             : 0;
}

/* Local.  The sources' memory, what is here already in it, and what goes. */
static int
pack_all(struct moving *m, struct qn_error *err)
{
    struct qn_block *b = m->b;

    for (int j = 0; j < m->mine->n; j++) {
        struct qn_region *s = &m->mine->source[j];
        struct qn_box all = qn_regrid_box(s), here = common(s, &b->own);

        QN_TRY(qn_memory_make(&s->data, (size_t)qn_region_samples(&all),
                              qn_dtype_size(b->grid.dtype),
                              "a part of a grid", err));
        copy(m, &here, &all, s->data, &b->own, b->array.data);
    }
    for (int i = 0; i < b->team->size; i++) {
        struct qn_regrid_part to =
            qn_regrid_part(m->k, m->params, &b->grid, m->cut, i);

        if (i == b->team->rank)
            continue;
        QN_TRY(open_parcel(&m->out[i], bytes_between(m, &to, &b->own), err));
        go_through(m, &to, &b->own, m->out[i].data, true);
    }
    return 0;
}

/* Local.  The old block is not needed any more. */
static int
open_incoming(struct moving *m, struct qn_error *err)
{
    struct qn_block *b = m->b;

    qn_block_drop(b);
    for (int i = 0; i < b->team->size; i++) {
        struct qn_box block = qn_grid_block(&b->cut, i);

        if (i != b->team->rank)
            QN_TRY(open_parcel(&m->in[i], bytes_between(m, m->mine, &block),
                               err));
    }
    return 0;
}

static int
start(struct moving *m, struct qn_error *err)
{
    struct qn_comm *team = m->b->team;
    int rc = 0;

    for (int i = 0; i < team->size && !rc; i++) {
        if (m->in[i].n)
            rc = qn_comm_receive(team, i, TAG_SOURCE, m->in[i].data,
                                 m->in[i].n, &m->in[i].transfer, err);
        if (!rc && m->out[i].n)
            rc = qn_comm_send(team, i, TAG_SOURCE, m->out[i].data,
                              m->out[i].n, &m->out[i].transfer, err);
    }
    return rc;
}

static void
unpack_all(struct moving *m)
{
    for (int i = 0; i < m->b->team->size; i++) {
        struct qn_box block = qn_grid_block(&m->b->cut, i);

        if (m->in[i].n)
            go_through(m, m->mine, &block, m->in[i].data, false);
    }
}

static void
free_parcels(struct qn_gather_parcel *p, int n)
{
    for (int i = 0; p && i < n; i++)
        free(p[i].data);
    free(p);
}

/* Collective.  The samples of all sources to where they are needed. */
static int
bring(struct moving *m, struct qn_error *err)
{
    struct qn_comm *team = m->b->team;
    const size_t n = (size_t)team->size;
    int bad, rc = qn_memory_make((void **)&m->out, n, sizeof *m->out,
                                 "samples on their way", err);

    if (!rc)
        rc = qn_memory_make((void **)&m->in, n, sizeof *m->in,
                            "samples on their way", err);
    if (!rc)
        rc = pack_all(m, err);
    if (!rc)
        rc = open_incoming(m, err);
    rc = qn_comm_agree(team, rc, err);
    if (!rc) {
        rc = start(m, err);
        bad = qn_gather_wait(team, m->in, team->size, rc ? NULL : err);
        rc = rc ? rc : bad;
        bad = qn_gather_wait(team, m->out, team->size, rc ? NULL : err);
        rc = rc ? rc : bad;
    }
    if (!rc)
        unpack_all(m);
    free_parcels(m->in, team->size);
    free_parcels(m->out, team->size);
    return rc;
}

/* ---- the step ------------------------------------------------------------------ */

/* Local.  The block of the new grid. */
static int
make(struct qn_block *b, const struct qn_kernel *k, const void *params,
     const struct qn_regrid_part *part, struct qn_error *err)
{
    struct qn_type own = b->grid;
    struct qn_region out;
    double t0 = qn_clock_now();
    int rc;

    qn_block_drop(b);
    for (int a = 0; a < own.shape.ndims; a++)
        own.shape.n[a] = part->own.count[a];
    b->array.type = own;
    if (!part->n)
        return 0;
    QN_TRY(qn_array_make(&b->array, &own, err));
    out = qn_region_of(&b->grid, &part->own, &part->own, b->array.data);
    rc = k->regrid->make(params, part->source, &out, err);
    b->computed += qn_clock_now() - t0;
    return rc;
}

int
qn_regrid_run(struct qn_block *b, const struct qn_kernel *k,
              const void *params, const struct qn_cut_grid *next,
              struct qn_regrid_part *part, bool there, struct qn_error *err)
{
    struct moving m = {.b = b, .k = k, .params = params, .cut = &next->cut,
                       .mine = part};
    int rc = there ? 0 : bring(&m, err);

    rc = qn_comm_agree(b->team, rc, err);
    if (!rc) {
        b->grid = next->type;
        b->cut = next->cut;
        b->own = part->own;
        rc = make(b, k, params, part, err);
    }
    for (int j = 0; !there && j < part->n; j++)
        free(part->source[j].data);
    return qn_comm_agree(b->team, rc, err);
}

/* ---- another cut ---------------------------------------------------------------- */

static int
same_samples(const void *params, const struct qn_region source[QN_MAX_SOURCES],
             const struct qn_region *out, struct qn_error *err)
{
    struct qn_box box = qn_regrid_box(out);
    struct qn_region from =
        qn_region_of(&out->grid, &box, &box, source[0].data);

    (void)params, (void)err;
    qn_region_copy(out, &from);
    return 0;
}

int
qn_regrid_recut(struct qn_block *b, const struct qn_cut *cut,
                struct qn_error *err)
{
    static const struct qn_regrid how = {.sources = qn_part_same,
                                         .make = same_samples};
    const struct qn_kernel same = {.name = "recut", .regrid = &how};
    const struct qn_cut_grid next = {.type = b->grid, .cut = *cut};
    struct qn_regrid_part part;

    if (!memcmp(b->cut.parts, cut->parts, sizeof cut->parts))
        return 0;
    part = qn_regrid_part(&same, NULL, &b->grid, cut, b->team->rank);
    return qn_regrid_run(b, &same, NULL, &next, &part, false, err);
}
