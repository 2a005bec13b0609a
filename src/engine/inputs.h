/* Finding the inputs of a stage and looking at their headers. */
#ifndef QN_ENGINE_INPUTS_H
#define QN_ENGINE_INPUTS_H

#include "engine/run.h"

/* Collective.  The files of stage s, in byte order of their paths, each with
 * type and header values.  Rank 0 finds them; all workers look at them.  A
 * file that cannot be looked at is there with its reason. */
int
qn_inputs_gather(struct qn_run *run, int s, struct qn_items *items, struct qn_error *err);

/* Collective.  Look at operand files, each by its own format, for the header
 * fields in names. */
int
qn_inputs_look(
    struct qn_run *run, const struct qn_strings *names, struct qn_items *files,
    struct qn_error *err);

/* Local.  Path to open: relative ones lie in the data folder.  The caller
 * frees it; NULL when memory runs out. */
char *
qn_inputs_path(const struct qn_run *run, const char *path);

#endif
