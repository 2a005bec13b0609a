/* Chunks of a compressed dataset, packed where their samples are gathered and
 * brought to the team's first rank.
 *
 * Knows neither the file nor who writes it; how a chunk is packed says
 * io/chunk.h. */
#include "engine/gather_chunks.h"

#include <stdlib.h>
#include <string.h>

#include "base/least.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "engine/gather.h"
#include "io/chunk.h"
#include "model/dtype.h"
#include "model/shape.h"

enum { TAG_CHUNK = 23 }; /* chunks on their way to rank 0 */

/* Chunks of one round. */
struct packing {
    struct qn_gather *g;
    struct qn_type dataset;
    int level;
    int64_t count, full;           /* chunks; samples of a full one           */
    int64_t each;                  /* chunks a rank has in a round            */
    int64_t first, n;              /* of this rank in this round              */
    struct qn_writer_chunk *chunk; /* owned, [each]                           */
    char *packed;                  /* owned: [each] with room for the largest */
    char *scratch;                 /* owned: [each] chunks, twice             */
};

/* The chunks of rank i in a round that begins with chunk `begin`. */
static void
chunks_of_rank(const struct packing *p, int64_t begin, int i, int64_t *first,
               int64_t *n)
{
    *first = qn_least(begin + i * p->each, p->count);
    *n = qn_least(p->each, p->count - *first);
}

static struct qn_gather_run
run_of_chunks(const struct packing *p, int64_t first, int64_t n)
{
    int64_t from, last, count, start[QN_MAX_DIMS];

    if (!n)
        return (struct qn_gather_run){0, 0};
    qn_chunk_run(&from, &count, start, &p->dataset, first);
    qn_chunk_run(&last, &count, start, &p->dataset, first + n - 1);
    return (struct qn_gather_run){from, last + count - from};
}

static int
pack_chunk(void *ctx, size_t tile, int thread, struct qn_error *err)
{
    const struct packing *p = ctx;
    const size_t size = qn_dtype_size(p->dataset.dtype);
    const size_t bytes = (size_t)p->full * size;
    char *full = p->scratch + 2 * tile * bytes;
    int64_t begin, first, n, start[QN_MAX_DIMS];

    (void)thread;
    qn_chunk_run(&begin, &n, start, &p->dataset, p->first);
    qn_chunk_run(&first, &n, start, &p->dataset, p->first + (int64_t)tile);
    memset(full, 0, bytes);
    memcpy(full, p->g->mine + (size_t)(first - begin) * size,
           (size_t)n * size);
    return qn_chunk_pack(&p->chunk[tile], p->packed + tile * qn_chunk_bound(bytes),
                         full, bytes, size, p->level, full + bytes, err);
}

/* Packed chunks one behind the other; *n bytes of them all. */
static void
close_ranks(const struct packing *p, size_t *n)
{
    const size_t bound = qn_chunk_bound(
        (size_t)p->full * qn_dtype_size(p->dataset.dtype));

    *n = 0;
    for (int64_t i = 0; i < p->n; i++) {
        memmove(p->packed + *n, p->packed + (size_t)i * bound,
                (size_t)p->chunk[i].bytes);
        *n += (size_t)p->chunk[i].bytes;
    }
}

/* Local, rank 0: places for all ranks' chunks of a round, in their order. */
static int
place_chunks(struct packing *p, struct qn_writer_chunk *chunk,
             const struct qn_writer_chunk *all, const size_t *sizes,
             struct qn_arena *a, char **to, struct qn_error *err)
{
    struct qn_gather_parcel *in = p->g->in;
    int64_t total = 0, offset, n = 0;
    void *at;

    for (int i = 0; i < p->g->b->team->size; i++) {
        in[i].n = 0;
        for (size_t k = 0; k < sizes[i] / sizeof *all; k++, n++) {
            in[i].n += (size_t)all[n].bytes;
            total += all[n].bytes;
        }
    }
    QN_TRY(qn_arena_place(a, total, &offset, err));
    QN_TRY(qn_arena_at(a, offset, total, &at, err));
    for (int64_t k = 0; k < n; k++) {
        chunk[k] = all[k];
        chunk[k].at = offset;
        offset += all[k].bytes;
    }
    *to = at;
    return 0;
}

/* Local, rank 0: the chunks to their places. */
static int
take_chunks(struct packing *p, char *to, struct qn_error *err)
{
    struct qn_gather_parcel *in = p->g->in;
    struct qn_comm *team = p->g->b->team;
    int rc = 0, bad;

    memcpy(to, p->packed, in[0].n);
    for (int i = 1; i < team->size && !rc; i++) {
        to += in[i - 1].n;
        if (in[i].n)
            rc = qn_comm_receive(team, i, TAG_CHUNK, to, in[i].n,
                                 &in[i].transfer, err);
    }
    bad = qn_gather_wait(team, in, team->size, rc ? NULL : err);
    return rc ? rc : bad;
}

static int
send_chunks(struct packing *p, size_t n, struct qn_error *err)
{
    struct qn_comm *team = p->g->b->team;
    struct qn_gather_parcel mine = {.n = n};

    if (!n)
        return 0;
    QN_TRY(qn_comm_send(team, 0, TAG_CHUNK, p->packed, n, &mine.transfer,
                        err));
    return qn_gather_wait(team, &mine, 1, err);
}

/* Collective.  The chunks of a round to rank 0. */
static int
bring_chunks(struct packing *p, int64_t begin, struct qn_writer_chunk *chunk,
             struct qn_arena *a, int rc, struct qn_error *err)
{
    struct qn_comm *team = p->g->b->team;
    size_t *sizes = NULL, n = 0;
    void *all = NULL;
    char *to = NULL;

    if (!rc)
        rc = qn_memory_make((void **)&sizes, (size_t)team->size, sizeof *sizes,
                            "chunks", err);
    rc = qn_comm_agree(team, rc, err);
    if (!rc) {
        close_ranks(p, &n);
        rc = qn_comm_gather(team, p->chunk, (size_t)p->n * sizeof *p->chunk,
                            &all, sizes, err);
    }
    if (!rc && team->rank == 0)
        rc = place_chunks(p, chunk + begin, all, sizes, a, &to, err);
    rc = qn_comm_agree(team, rc, err);
    if (!rc)
        rc = team->rank ? send_chunks(p, n, err) : take_chunks(p, to, err);
    free(all);
    free(sizes);
    return rc;
}

static int
pack_rounds(struct packing *p, struct qn_arena *a,
            struct qn_writer_chunk *chunk, int rc, struct qn_error *err)
{
    struct qn_gather *g = p->g;
    const int ranks = g->b->team->size;

    for (int64_t begin = 0; begin < p->count; begin += ranks * p->each) {
        for (int i = 0; !rc && i < ranks; i++) {
            int64_t first, n;

            chunks_of_rank(p, begin, i, &first, &n);
            g->run[i] = run_of_chunks(p, first, n);
        }
        chunks_of_rank(p, begin, g->b->team->rank, &p->first, &p->n);
        rc = qn_gather_round(g, rc, err);
        if (!rc)
            rc = qn_parallel_for(g->b->threads, (size_t)p->n, pack_chunk, p,
                                 err);
        rc = bring_chunks(p, begin, chunk, a, rc, err);
    }
    return rc;
}

static int
open_packing(struct packing *p, struct qn_error *err)
{
    const size_t bytes = (size_t)p->full * qn_dtype_size(p->dataset.dtype);
    const size_t n = (size_t)p->each;

    QN_TRY(qn_gather_open(p->g, p->each * p->full, err));
    QN_TRY(qn_memory_make((void **)&p->chunk, n, sizeof *p->chunk, "chunks",
                          err));
    QN_TRY(qn_memory_make((void **)&p->packed, n, qn_chunk_bound(bytes),
                          "chunks", err));
    return qn_memory_make((void **)&p->scratch, n, 2 * bytes, "chunks", err);
}

int
qn_gather_chunks_make(struct qn_block *b, enum qn_dtype type, int level,
                 struct qn_arena *a, struct qn_writer_chunk *chunk,
                 struct qn_error *err)
{
    struct qn_gather g = {.b = b, .type = type};
    struct packing p = {.g = &g, .dataset = {type, b->grid.shape},
                        .level = level,
                        .each = b->threads > 1 ? b->threads : 1};
    int rc;

    p.count = qn_chunk_count(&p.full, &p.dataset);
    rc = open_packing(&p, err);
    rc = pack_rounds(&p, a, chunk, rc, err);
    qn_gather_close(&g);
    free(p.chunk);
    free(p.packed);
    free(p.scratch);
    return qn_comm_agree(b->team, rc, err);
}
