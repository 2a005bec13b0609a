/* Chunks as HDF5 would make them: see chunk.h.
 *
 * The filters are those of the file format: shuffle puts the first bytes of
 * all samples in front of the second ones and so on; deflate is zlib's
 * compress2.  Knows nothing of files. */
#include "io/chunk.h"

#include <string.h>
#include <zlib.h>

#include "model/dtype.h"
#include "model/shape.h"

enum {
    CHUNK_BYTES = 1 << 20,
    COMPRESS_MIN = 4096,
    DEFLATE_LEFT_OUT = 2 /* bit 1: the second filter */
};

bool
qn_chunk_used(const struct qn_type *type, int compress)
{
    return compress && qn_shape_bytes(type) >= COMPRESS_MIN;
}

void
qn_chunk_cut(int64_t chunk[QN_MAX_DIMS], const struct qn_type *type)
{
    int64_t room = CHUNK_BYTES / (int64_t)qn_dtype_size(type->dtype);

    for (int a = type->shape.ndims - 1; a >= 0; a--) {
        int64_t n = type->shape.n[a];

        chunk[a] = n < room ? n : room;
        room /= chunk[a];
        if (room == 0 || chunk[a] < n)
            room = 1;
    }
}

/* The first axis along which a chunk has more than one sample: along those in
 * front of it it has one, along those behind it all. */
static int
cut_axis(const int64_t *chunk, int ndims)
{
    int a = 0;

    while (a < ndims - 1 && chunk[a] == 1)
        a++;
    return a;
}

int64_t
qn_chunk_count(int64_t *samples, const struct qn_type *type)
{
    int64_t chunk[QN_MAX_DIMS], n = 1;

    qn_chunk_cut(chunk, type);
    *samples = 1;
    for (int a = 0; a < type->shape.ndims; a++) {
        *samples *= chunk[a];
        n *= (type->shape.n[a] + chunk[a] - 1) / chunk[a];
    }
    return n;
}

void
qn_chunk_run(int64_t *first, int64_t *n, int64_t start[QN_MAX_DIMS],
             const struct qn_type *type, int64_t i)
{
    const struct qn_shape *s = &type->shape;
    int64_t chunk[QN_MAX_DIMS], row = 1;
    int axis;

    qn_chunk_cut(chunk, type);
    axis = cut_axis(chunk, s->ndims);
    *first = 0;
    *n = 1;
    for (int a = s->ndims - 1; a >= 0; a--) {
        const int64_t along = (s->n[a] + chunk[a] - 1) / chunk[a];

        start[a] = i % along * chunk[a];
        i /= along;
        *first += start[a] * row;
        if (a > axis)
            *n *= s->n[a];
        else if (a == axis)
            *n *= s->n[a] - start[a] < chunk[a] ? s->n[a] - start[a] : chunk[a];
        row *= s->n[a];
    }
}

/* The room that HDF5 gives zlib: what does not fit is stored as it is. */
size_t
qn_chunk_bound(size_t bytes)
{
    return bytes + (bytes + 999) / 1000 + 12;
}

static void
shuffle(unsigned char *to, const unsigned char *from, size_t bytes,
        size_t sample)
{
    const size_t n = bytes / sample;

    for (size_t k = 0; k < sample; k++)
        for (size_t i = 0; i < n; i++)
            to[k * n + i] = from[i * sample + k];
}

int
qn_chunk_pack(struct qn_writer_chunk *chunk, void *to, const void *from,
              size_t bytes, size_t sample, int level, void *scratch,
              struct qn_error *err)
{
    uLongf room = (uLongf)qn_chunk_bound(bytes);
    int rc;

    shuffle(scratch, from, bytes, sample);
    rc = compress2(to, &room, scratch, (uLong)bytes, level);
    if (rc == Z_MEM_ERROR)
        return qn_fail(err, QN_ENOMEM, "no memory to compress a chunk");
    chunk->mask = rc ? DEFLATE_LEFT_OUT : 0;
    chunk->bytes = rc ? (int64_t)bytes : (int64_t)room;
    if (rc)
        memcpy(to, scratch, bytes);
    return 0;
}
