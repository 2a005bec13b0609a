/* Members of a combination that are not kept: their bands read the files. */
#ifndef QN_ENGINE_UNKEPT_H
#define QN_ENGINE_UNKEPT_H

#include "engine/run.h"

/* Collective, the same on all ranks.  Is it worth trying for results first ...
 * last - 1 of stage s?  No step changes their members, which seem to lie in
 * their files row by row or chunk by chunk, and a rank has the memory for so many
 * rows of all of them, and the descriptors. */
bool
qn_unkept_can(struct qn_run *run, int s, int first, int last, int64_t rows);

#endif
