/* A band of a combination: some pixels of all members.
 *
 *   {program, dtype, members: [byte offset of each], pixels, out, count}
 *
 * Members lie in shared memory, in item order, or are read from their files
 * (direct.h); the result and the counts go to shared memory, already of the
 * type that is written.  A band is combined
 * in tiles, on as many threads as the program says: what a pixel becomes never
 * depends on the tile it lies in. */
#include <stdlib.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "model/dtype.h"
#include "model/json.h"
#include "worker/direct.h"

enum { TILE = 1 << 13 }; /* pixels: of a few members, in the cache */

struct band {
    const void **member; /* owned; NULL: they are read from files */
    double *weight;      /* owned or NULL */
    size_t n, pixels;
    enum qn_dtype dtype;
    const struct qn_combine *how; /* borrowed */
    int threads;
    enum qn_dtype natural, written; /* what comes out, and into the file */
    const void **at;     /* owned: [threads][n] members of a tile         */
    char *made;          /* owned: [threads] tiles of natural samples     */
    char *out;           /* borrowed: [pixels] of written                 */
    int32_t *count;      /* borrowed: [pixels]                            */
};

static int
find_members(struct qn_worker *w, const json_t *request, struct band *b,
             struct qn_error *err)
{
    json_t *offsets = json_object_get(request, "members");
    json_t *files = json_object_get(request, "files");
    int64_t bytes = (int64_t)(b->pixels * qn_dtype_size(b->dtype)), last = 0;
    void *base;

    b->n = json_array_size(files ? json_object_get(request, "frames")
                                 : offsets);
    if (files)
        return 0;
    QN_TRY(qn_memory_make((void **)&b->member, b->n, sizeof *b->member,
                          "a band", err));
    for (size_t i = 0; i < b->n; i++) {
        int64_t at = json_integer_value(json_array_get(offsets, i));

        last = at > last ? at : last;
    }
    // mapped once as a whole: a second mapping would move the first
    QN_TRY(qn_worker_map(w, QN_SLOT_MEMBERS, 0, last + bytes, &base, err));
    for (size_t i = 0; i < b->n; i++)
        b->member[i] = (char *)base + json_integer_value(
                                          json_array_get(offsets, i));
    return 0;
}

static int
find_weights(const json_t *request, struct band *b, struct qn_error *err)
{
    json_t *weights = json_object_get(request, "weights");

    if (!json_is_array(weights))
        return 0;
    QN_TRY(qn_memory_make((void **)&b->weight, b->n, sizeof *b->weight,
                          "weights", err));
    for (size_t i = 0; i < b->n; i++)
        b->weight[i] = json_number_value(json_array_get(weights, i));
    return 0;
}

/* n pixels from `first` on of the band; their samples are `skip` behind the
 * beginnings of members. */
static int
combine_some(const struct band *b, const void *const *member, size_t skip,
             size_t first, size_t n, int thread, struct qn_error *err)
{
    const void **at = b->at + (size_t)thread * b->n;
    char *made = b->made + (size_t)thread * TILE * sizeof(double);

    for (size_t i = 0; i < b->n; i++)
        at[i] = (const char *)member[i] + skip * qn_dtype_size(b->dtype);
    QN_TRY(qn_combine_band(b->how, b->dtype, at, b->weight, b->n, n, made,
                           b->count + first, err));
    return qn_dtype_convert(b->out + first * qn_dtype_size(b->written),
                            b->written, made, b->natural, n, err);
}

static int
combine_tile(void *ctx, size_t tile, int thread, struct qn_error *err)
{
    const struct band *b = ctx;
    size_t first = tile * TILE, left = b->pixels - first;

    return combine_some(b, b->member, first, first, left < TILE ? left : TILE,
                        thread, err);
}

/* Rows that have just been read. */
static int
combine_rows(void *ctx, const void *const *at, size_t first, size_t n,
             int thread, struct qn_error *err)
{
    const struct band *b = ctx;

    for (size_t done = 0; done < n; done += TILE)
        QN_TRY(combine_some(b, at, done, first + done,
                            n - done < TILE ? n - done : TILE, thread, err));
    return 0;
}

static int
combine(struct band *b, const struct qn_program *p, const json_t *request,
        struct qn_error *err)
{
    const struct qn_direct_sink sink = {combine_rows, b};
    size_t tiles = b->pixels / TILE + (b->pixels % TILE != 0);

    if ((size_t)b->threads > tiles)
        b->threads = (int)tiles;
    if (b->threads < 1)
        b->threads = 1;
    QN_TRY(qn_memory_make((void **)&b->at, b->n,
                          (size_t)b->threads * sizeof *b->at, "a band", err));
    QN_TRY(qn_memory_make((void **)&b->made, (size_t)b->threads,
                          TILE * sizeof(double), "a band", err));
    if (!b->member)
        return qn_direct_run(p, request, b->dtype, b->threads, &sink, err);
    return qn_parallel_for(b->threads, tiles, combine_tile, b, err);
}

/* Where the result and the counts go. */
static int
find_result(struct qn_worker *w, const struct qn_program *p,
            const json_t *request, struct band *b, struct qn_error *err)
{
    int64_t out_at = qn_json_integer(request, "out"),
            count_at = qn_json_integer(request, "count");
    int64_t end = count_at + (int64_t)(b->pixels * sizeof(int32_t));
    int64_t out_end;
    void *base;

    b->natural = qn_combine_dtype(&p->combine, b->dtype);
    b->written = p->dtype < 0 ? b->natural : (enum qn_dtype)p->dtype;
    out_end = out_at + (int64_t)(b->pixels * qn_dtype_size(b->written));
    QN_TRY(qn_worker_map(w, QN_SLOT_RESULT, 0, out_end > end ? out_end : end,
                         &base, err));
    b->out = (char *)base + out_at;
    b->count = (int32_t *)(void *)((char *)base + count_at);
    return 0;
}

int
qn_band_run(struct qn_worker *w, const json_t *request, json_t *reply,
            struct qn_error *err)
{
    const char *dtype = qn_json_text(request, "dtype");
    const struct qn_program *p;
    struct band b = {.pixels = (size_t)qn_json_integer(request, "pixels")};
    int rc;

    (void)reply;
    QN_TRY(qn_worker_program(w, request, &p, err));
    QN_TRY(qn_dtype_parse(&b.dtype, NULL, dtype ? dtype : "", err));
    rc = find_members(w, request, &b, err);
    if (!rc)
        rc = find_weights(request, &b, err);
    if (!rc)
        rc = find_result(w, p, request, &b, err);
    b.how = &p->combine;
    b.threads = p->threads;
    if (!rc)
        rc = combine(&b, p, request, err);
    free(b.member);
    free(b.weight);
    free(b.at);
    free(b.made);
    return rc;
}
