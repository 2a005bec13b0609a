/* What a program of `exec` needs to be there.  Local, for rank 0. */
#ifndef QN_ENGINE_EXEC_CHECK_H
#define QN_ENGINE_EXEC_CHECK_H

#include "engine/run.h"

/* The program of a stage can be started and the files it uses are there: they
 * are appended to uses, with size and time.  QN_EMISSING.  A word that looks
 * like a file the program will not find is warned of. */
int
qn_exec_check(
    const struct qn_run *run, const struct qn_stage *stage,
    struct qn_items *uses, struct qn_error *err);

#endif
