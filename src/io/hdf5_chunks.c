/* Chunks of HDF5 datasets, inflated here: see hdf5_chunks.h.
 *
 * The library is asked for the bytes of some chunks, one after the other,
 * since it is for one thread at a time; then these are inflated on all
 * threads.  Anything out of the ordinary is left to the library. */
#include "io/hdf5_chunks.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "io/unshuffle.h"

enum {
    MOST_BYTES = 64 << 20, /* of a chunk: of larger ones few are read */
    AT_ONCE = 16 << 20     /* bytes of chunks, but at least one       */
};

/* A chunk in hand. */
struct piece {
    int64_t start[QN_MAX_DIMS]; /* of its first sample in the dataset */
    unsigned char *packed;      /* owned, with room for `room` bytes  */
    size_t bytes, room;
    unsigned char *plain;       /* owned: a whole chunk               */
    struct libdeflate_decompressor *inflater; /* owned                */
};

struct job {
    const struct qn_hdf5_chunks *c;
    const struct qn_box *box;
    char *dst;
    size_t plain;        /* bytes of a chunk                  */
    struct piece *piece; /* owned, [npieces]: as many at once */
    int npieces;
};

/* ---- what can be read ------------------------------------------------------ */

/* Shuffle and deflate, or deflate alone. */
static bool
know_filters(struct qn_hdf5_chunks *c, hid_t dcpl)
{
    int n = H5Pget_nfilters(dcpl);

    if (n < 1 || n > 2)
        return false; // without filters the library is as fast
    for (int i = 0; i < n; i++) {
        unsigned value[4] = {0}, flags, config;
        size_t nvalues = 4;
        H5Z_filter_t id = H5Pget_filter2(dcpl, (unsigned)i, &flags, &nvalues,
                                         value, 0, NULL, &config);

        if (i == n - 1) {
            if (id != H5Z_FILTER_DEFLATE)
                return false;
        } else {
            c->shuffled = id == H5Z_FILTER_SHUFFLE && nvalues > 0 &&
                          value[0] == c->size;
            if (!c->shuffled)
                return false;
        }
    }
    return true;
}

static bool
know_layout(struct qn_hdf5_chunks *c, hid_t dcpl)
{
    hsize_t chunk[QN_MAX_DIMS];
    unsigned options = 0;
    double bytes = (double)c->size;
    int nd = c->shape.ndims;

    if (H5Pget_layout(dcpl) != H5D_CHUNKED || nd < 1 ||
        H5Pget_chunk(dcpl, nd, chunk) != nd ||
        H5Pget_chunk_opts(dcpl, &options) < 0 || options)
        return false;
    for (int a = 0; a < nd; a++) {
        c->chunk[a] = (int64_t)chunk[a];
        bytes *= (double)chunk[a];
    }
    return bytes <= MOST_BYTES;
}

void
qn_hdf5_chunks_look(struct qn_hdf5_chunks *c, hid_t dataset,
                    const struct qn_type *type, hid_t native, int threads)
{
    hid_t stored = H5Dget_type(dataset);
    hid_t dcpl = H5Dget_create_plist(dataset);

    *c = (struct qn_hdf5_chunks){.dataset = dataset, .shape = type->shape,
                                 .size = H5Tget_size(native),
                                 .threads = threads < 1 ? 1 : threads};
    c->use = stored >= 0 && dcpl >= 0 && H5Tequal(stored, native) > 0 &&
             know_layout(c, dcpl) && know_filters(c, dcpl);
    if (stored >= 0)
        H5Tclose(stored);
    if (dcpl >= 0)
        H5Pclose(dcpl);
    H5Eclear2(H5E_DEFAULT);
}

/* ---- which chunks ---------------------------------------------------------- */

static bool
has_steps(const struct qn_box *box)
{
    for (int a = 0; a < box->ndims; a++)
        if (box->step[a] != 1 && box->count[a] > 1)
            return true;
    return false;
}

static void
first_chunk(const struct job *j, int64_t at[QN_MAX_DIMS])
{
    for (int a = 0; a < j->box->ndims; a++)
        at[a] = j->box->start[a] / j->c->chunk[a] * j->c->chunk[a];
}

/* False behind the last one. */
static bool
next_chunk(const struct job *j, int64_t at[QN_MAX_DIMS])
{
    for (int a = j->box->ndims - 1; a >= 0; a--) {
        at[a] += j->c->chunk[a];
        if (at[a] < j->box->start[a] + j->box->count[a])
            return true;
        at[a] = j->box->start[a] / j->c->chunk[a] * j->c->chunk[a];
    }
    return false;
}

/* ---- one chunk ------------------------------------------------------------- */

static bool
fetch(const struct job *j, struct piece *p, const int64_t *at)
{
    hsize_t offset[QN_MAX_DIMS], bytes = 0;
    uint32_t skipped = 0;

    for (int a = 0; a < j->box->ndims; a++)
        offset[a] = (hsize_t)at[a];
    // of one that was never written there are no bytes
    if (H5Dget_chunk_storage_size(j->c->dataset, offset, &bytes) < 0 ||
        bytes == 0 || bytes > 2 * (hsize_t)j->plain + 4096)
        return false;
    if (bytes > p->room) {
        free(p->packed);
        p->room = 0;
        p->packed = malloc((size_t)bytes);
        if (!p->packed)
            return false;
        p->room = (size_t)bytes;
    }
    p->bytes = (size_t)bytes;
    memcpy(p->start, at, sizeof p->start);
    return H5Dread_chunk(j->c->dataset, H5P_DEFAULT, offset, &skipped,
                         p->packed) >= 0 &&
           !skipped;
}

/* What box and chunk have in common, as the walk over its runs needs it. */
struct common {
    int64_t count[QN_MAX_DIMS];
    size_t from[QN_MAX_DIMS], to[QN_MAX_DIMS]; /* samples to the next index */
    size_t first, at;                          /* samples: in chunk, in dst */
};

static struct common
find_common(const struct job *j, const struct piece *p)
{
    struct common m = {.first = 0};
    size_t from = 1, to = 1;

    for (int a = j->box->ndims - 1; a >= 0; a--) {
        int64_t low = p->start[a], high = low + j->c->chunk[a];
        const int64_t end = j->box->start[a] + j->box->count[a];

        low = low > j->box->start[a] ? low : j->box->start[a];
        high = high < end ? high : end;
        m.count[a] = high - low;
        m.from[a] = from;
        m.to[a] = to;
        m.first += (size_t)(low - p->start[a]) * from;
        m.at += (size_t)(low - j->box->start[a]) * to;
        from *= (size_t)j->c->chunk[a];
        to *= (size_t)j->box->count[a];
    }
    return m;
}

static void
put_run(const struct job *j, const struct piece *p, size_t from, size_t to,
        size_t n)
{
    const size_t size = j->c->size;

    if (j->c->shuffled)
        qn_unshuffle(j->dst + to * size, p->plain + from, n, size,
                     j->plain / size);
    else
        memcpy(j->dst + to * size, p->plain + from * size, n * size);
}

/* Axes from `axis` on; a run goes as far as both lie in one piece. */
static void
put(const struct job *j, const struct piece *p, const struct common *m,
    int axis, size_t from, size_t to)
{
    const int last = j->box->ndims - 1;
    bool one = true;

    for (int a = axis + 1; a <= last; a++)
        one = one && m->count[a] == j->c->chunk[a] &&
              m->count[a] == j->box->count[a];
    if (one) {
        put_run(j, p, from, to, (size_t)m->count[axis] * m->to[axis]);
        return;
    }
    for (int64_t i = 0; i < m->count[axis]; i++)
        put(j, p, m, axis + 1, from + (size_t)i * m->from[axis],
            to + (size_t)i * m->to[axis]);
}

static int
unpack(void *ctx, size_t i, int thread, struct qn_error *err)
{
    const struct job *j = ctx;
    struct piece *p = &j->piece[i];
    struct common m = find_common(j, p);

    (void)thread;
    if (libdeflate_zlib_decompress(p->inflater, p->packed, p->bytes, p->plain,
                                   j->plain, NULL) != LIBDEFLATE_SUCCESS)
        return qn_fail(err, QN_EFORMAT, "a chunk cannot be inflated");
    put(j, p, &m, 0, m.first, m.at);
    return 0;
}

/* ---- all of them ------------------------------------------------------------ */

static bool
make_pieces(struct job *j)
{
    int most;

    j->plain = j->c->size;
    for (int a = 0; a < j->box->ndims; a++)
        j->plain *= (size_t)j->c->chunk[a];
    most = j->plain < AT_ONCE ? (int)(AT_ONCE / j->plain) : 1;
    if (most > j->c->threads)
        most = j->c->threads;
    j->piece = calloc((size_t)most, sizeof *j->piece);
    for (; j->piece && j->npieces < most; j->npieces++) {
        struct piece *p = &j->piece[j->npieces];

        p->plain = malloc(j->plain);
        p->inflater = libdeflate_alloc_decompressor();
        if (!p->plain || !p->inflater) {
            j->npieces++;
            return false;
        }
    }
    return j->piece != NULL;
}

static void
free_pieces(struct job *j)
{
    for (int i = 0; i < j->npieces; i++) {
        free(j->piece[i].packed);
        free(j->piece[i].plain);
        libdeflate_free_decompressor(j->piece[i].inflater);
    }
    free(j->piece);
}

static bool
go(const struct job *j)
{
    int64_t at[QN_MAX_DIMS] = {0};
    bool more = true;

    first_chunk(j, at);
    while (more) {
        size_t n = 0;

        for (; more && n < (size_t)j->npieces; n++) {
            if (!fetch(j, &j->piece[n], at))
                return false;
            more = next_chunk(j, at);
        }
        if (qn_parallel_for(j->c->threads, n, unpack, (void *)(uintptr_t)j,
                            NULL))
            return false;
    }
    return true;
}

bool
qn_hdf5_chunks_read(const struct qn_hdf5_chunks *c, const struct qn_box *box,
                    void *dst)
{
    struct job j = {.c = c, .box = box, .dst = dst};
    bool done;

    if (!c->use || has_steps(box))
        return false;
    done = make_pieces(&j) && go(&j);
    free_pieces(&j);
    H5Eclear2(H5E_DEFAULT);
    return done;
}
