/* OUT/.quern: who works in this output folder, and what was done before. */
#ifndef QN_ENGINE_FOLDER_H
#define QN_ENGINE_FOLDER_H

#include "engine/run.h"

/* Local.  OUTPUT/.quern/NAME, the caller's to free; NULL and QN_ENOMEM without
 * memory. */
int
qn_folder_path(
    char **path, const char *output, const char *name, struct qn_error *err);

/* Local.  The file that lists the results of a stage, likewise. */
int
qn_folder_results(
    char **path, const char *output, const char *stage, struct qn_error *err);

/* Collective.  Make the folder, take its lock (QN_EIO names the holder if
 * another run has it), forget an old stop request, list the results that the
 * job has, load the journal (rank 0) and agree on the run's id. */
int
qn_folder_open(struct qn_run *run, struct qn_error *err);

/* Local.  Let the lock go.  Safe where none was taken. */
void
qn_folder_close(struct qn_run *run);

#endif
