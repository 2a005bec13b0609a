/* Chunks of compressed datasets, made outside the library that writes them:
 * shuffled and deflated as HDF5's own filters do it, to the same bytes.
 *
 * A chunk is a run of samples in row-major order: whole trailing rows of about
 * 1 MiB.  The last along an axis is filled up with zeros.  All local. */
#ifndef QN_IO_CHUNK_H
#define QN_IO_CHUNK_H

#include <stdint.h>

#include "io/writer.h"

/* Is a dataset of this type cut into chunks?  Small ones are not, as the index
 * is larger than what compression saves. */
bool
qn_chunk_used(const struct qn_type *type, int compress);

/* Samples of a chunk along each axis. */
void
qn_chunk_cut(int64_t chunk[QN_MAX_DIMS], const struct qn_type *type);

/* How many there are; *samples of a full one. */
int64_t
qn_chunk_count(int64_t *samples, const struct qn_type *type);

/* Chunk i: the samples first ... first + n - 1 of the dataset, and where it
 * begins along each axis. */
void
qn_chunk_run(
    int64_t *first, int64_t *n, int64_t start[QN_MAX_DIMS], const struct qn_type *type,
    int64_t i);

/* Bytes that a packed chunk of so many may need. */
size_t
qn_chunk_bound(size_t bytes);

/* Pack a full chunk (padding included) into qn_chunk_bound(bytes) at to: fills
 * chunk->bytes and mask.  scratch: as many bytes as the chunk.  QN_ENOMEM. */
int
qn_chunk_pack(
    struct qn_writer_chunk *chunk, void *to, const void *from, size_t bytes, size_t sample,
    int level, void *scratch, struct qn_error *err);

#endif
