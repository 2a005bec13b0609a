/* A team's grid into a file that is there already, without any rank having the
 * whole of it. */
#ifndef QN_ENGINE_GATHER_FILE_H
#define QN_ENGINE_GATHER_FILE_H

#include "engine/block.h"

/* Where in a file a grid goes. */
struct qn_gather_file {
    const char *path;   /* the same on all ranks; made if it is not there */
    int64_t at;         /* byte of the first sample                       */
    enum qn_dtype type; /* in the file, as in memory                      */
    int64_t memory;     /* bytes that a rank may fill                     */
    bool sync;
};

/* Collective over the team.  The grid, row-major.  QN_EOUTPUT, QN_ENOMEM. */
int
qn_gather_file_write(
    struct qn_block *b, const struct qn_gather_file *f, struct qn_error *err);

#endif
