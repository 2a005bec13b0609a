/* A team's grid as compressed chunks, without any rank having the whole of it
 * in memory. */
#ifndef QN_ENGINE_GATHER_CHUNKS_H
#define QN_ENGINE_GATHER_CHUNKS_H

#include "engine/arena.h"
#include "engine/block.h"
#include "io/writer.h"

/* Collective over the team.  Each rank packs chunks (io/chunk.h) of the grid,
 * converted to type; rank 0 gets all their bytes in arena a, and where they
 * are in chunk, [qn_chunk_count].  Meanwhile a rank has few chunks of its own.
 * QN_ENOMEM, and what the arena says. */
int
qn_gather_chunks_make(
    struct qn_block *b, enum qn_dtype type, int level, struct qn_arena *a,
    struct qn_writer_chunk *chunk, struct qn_error *err);

#endif
