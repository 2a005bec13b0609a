/* Tiles of the lattice, dealt out to the ranks that have a block: those of a
 * row in turn, and each row begins with another rank, so that neither columns
 * nor rows of dear tiles fall to one.  Within a rank threads take them as they
 * become free.  Who has a tile and where it goes follows from the cut alone, so
 * nothing but samples is sent. */
#include "engine/generate.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "engine/gather.h"
#include "engine/region.h"
#include "model/array.h"
#include "model/dtype.h"

enum { TAG_TILES = 26 }; /* tiles on their way to their block */

struct generating {
    struct qn_block *b;
    const struct qn_kernel *k;
    const void *params;
    int64_t *mine;  // owned: tiles of this rank, in ascending order
    size_t n;
    char **data;    // owned, [n]: where each is
    char **from;    // owned, [team]: the next tile of each rank
    struct qn_gather_parcel *out, *in; // owned, [team]
};

/* The rank that makes tile i. */
static int
maker_of(const struct qn_cut *cut, int64_t i)
{
    const struct qn_lattice *l = &cut->lattice;
    const int last = l->shape.ndims - 1;
    const int64_t row = last < 0 ? 1 : l->tiles[last];

    return (int)((i + i / row) % cut->nblocks);
}

/* Tile i as far as it lies in block j: all of it, or nothing. */
static struct qn_box
part_of(const struct qn_cut *cut, int64_t i, int j)
{
    const struct qn_box tile = qn_grid_tile(&cut->lattice, i);
    const struct qn_box block = qn_grid_block(cut, j);

    return qn_region_common(&tile, &block);
}

static size_t
bytes_of(const struct generating *g, const struct qn_box *box)
{
    return (size_t)qn_region_samples(box) * qn_dtype_size(g->b->grid.dtype);
}

/* Local.  The parcels of this rank's tiles, one for each block. */
static int
open_outgoing(struct generating *g, struct qn_error *err)
{
    const struct qn_cut *cut = &g->b->cut;

    for (int j = 0; j < cut->nblocks; j++) {
        size_t n = 0;

        for (size_t i = 0; i < g->n; i++) {
            const struct qn_box box = part_of(cut, g->mine[i], j);

            n += bytes_of(g, &box);
        }
        g->out[j].n = n;
        if (!n)
            continue;
        QN_TRY(qn_memory_make((void **)&g->out[j].data, n, 1, "tiles", err));
        n = 0;
        for (size_t i = 0; i < g->n; i++) {
            const struct qn_box box = part_of(cut, g->mine[i], j);

            if (qn_region_samples(&box))
                g->data[i] = g->out[j].data + n;
            n += bytes_of(g, &box);
        }
    }
    return 0;
}

/* Local.  Which tiles are this rank's, and room for them. */
static int
open_all(struct generating *g, struct qn_error *err)
{
    const struct qn_cut *cut = &g->b->cut;
    const size_t team = (size_t)g->b->team->size;
    const size_t most = (size_t)cut->lattice.ntiles;

    QN_TRY(qn_memory_make((void **)&g->in, team, sizeof *g->in, "tiles", err));
    QN_TRY(qn_memory_make((void **)&g->out, team, sizeof *g->out, "tiles",
                          err));
    QN_TRY(qn_memory_make((void **)&g->mine, most + 1, sizeof *g->mine,
                          "tiles", err));
    for (int64_t i = 0; i < cut->lattice.ntiles; i++)
        if (maker_of(cut, i) == g->b->team->rank)
            g->mine[g->n++] = i;
    QN_TRY(qn_memory_make((void **)&g->data, g->n + 1, sizeof *g->data,
                          "tiles", err));
    return open_outgoing(g, err);
}

static int
make_tile(void *ctx, size_t i, int thread, struct qn_error *err)
{
    const struct generating *g = ctx;
    struct qn_block *b = g->b;
    const struct qn_box tile = qn_grid_tile(&b->cut.lattice, g->mine[i]);
    const struct qn_region out =
        qn_region_of(&b->grid, &tile, &tile, g->data[i]);

    QN_TRY(g->k->stencil(g->params, &out, &out, NULL, err));
    if (thread == 0 && b->poll)
        b->poll(b->whom);
    return 0;
}

/* Local.  Room for what others have made of this rank's block. */
static int
open_incoming(struct generating *g, struct qn_error *err)
{
    const struct qn_cut *cut = &g->b->cut;
    const int me = g->b->team->rank;

    for (int64_t t = 0; me < cut->nblocks && t < cut->lattice.ntiles; t++) {
        const struct qn_box box = part_of(cut, t, me);

        if (maker_of(cut, t) != me)
            g->in[maker_of(cut, t)].n += bytes_of(g, &box);
    }
    for (int i = 0; i < cut->nblocks; i++)
        if (g->in[i].n)
            QN_TRY(qn_memory_make((void **)&g->in[i].data, g->in[i].n, 1,
                                  "tiles", err));
    return qn_memory_make((void **)&g->from, (size_t)g->b->team->size,
                          sizeof *g->from, "tiles", err);
}

static int
start(struct generating *g, struct qn_error *err)
{
    struct qn_comm *team = g->b->team;

    for (int i = 0; i < team->size; i++) {
        if (i == team->rank)
            continue;
        if (g->in[i].n)
            QN_TRY(qn_comm_receive(team, i, TAG_TILES, g->in[i].data,
                                   g->in[i].n, &g->in[i].transfer, err));
        if (g->out[i].n)
            QN_TRY(qn_comm_send(team, i, TAG_TILES, g->out[i].data,
                                g->out[i].n, &g->out[i].transfer, err));
    }
    return 0;
}

/* Collective.  Every tile to its block. */
static int
bring(struct generating *g, struct qn_error *err)
{
    struct qn_comm *team = g->b->team;
    int bad, rc = start(g, err);

    bad = qn_gather_wait(team, g->in, team->size, rc ? NULL : err);
    rc = rc ? rc : bad;
    bad = qn_gather_wait(team, g->out, team->size, rc ? NULL : err);
    return rc ? rc : bad;
}

/* Local. */
static void
unpack(struct generating *g)
{
    struct qn_block *b = g->b;
    const int me = b->team->rank;

    for (int i = 0; i < b->cut.nblocks; i++)
        g->from[i] = i == me ? g->out[i].data : g->in[i].data;
    for (int64_t t = 0; t < b->cut.lattice.ntiles; t++) {
        const struct qn_box box = part_of(&b->cut, t, me);
        char **from = &g->from[maker_of(&b->cut, t)];
        struct qn_region to, part;

        if (!qn_region_samples(&box))
            continue;
        to = qn_region_of(&b->grid, &b->own, &box, b->array.data);
        part = qn_region_of(&b->grid, &box, &box, *from);
        qn_region_copy(&to, &part);
        *from += bytes_of(g, &box);
    }
}

static void
close_all(struct generating *g)
{
    for (int i = 0; i < g->b->team->size; i++) {
        if (g->in)
            free(g->in[i].data);
        if (g->out)
            free(g->out[i].data);
    }
    free(g->in);
    free(g->out);
    free(g->mine);
    free(g->data);
    free(g->from);
}

bool
qn_generate_can(const struct qn_kernel *k)
{
    return k->kind == QN_KIND_GENERATOR && k->stencil && !k->scratch &&
           !k->halo;
}

int
qn_generate_run(struct qn_block *b, const struct qn_kernel *k,
                const void *params, struct qn_error *err)
{
    struct generating g = {.b = b, .k = k, .params = params};
    int rc = open_all(&g, err);
    double t0;

    rc = qn_comm_agree(b->team, rc, err);
    if (!rc) {
        t0 = qn_clock_now();
        rc = qn_parallel_for(b->threads, g.n, make_tile, &g, err);
        b->computed += qn_clock_now() - t0;
        rc = rc ? rc : open_incoming(&g, err);
        rc = qn_comm_agree(b->team, rc, err);
    }
    if (!rc)
        rc = bring(&g, err);
    if (!rc && b->team->rank < b->cut.nblocks)
        unpack(&g);
    close_all(&g);
    return qn_comm_agree(b->team, rc, err);
}
