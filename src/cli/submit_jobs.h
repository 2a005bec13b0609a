/* The jobs that `quern submit` sends: one a stage, and maybe one that merges
 * its results.  All local.
 *
 *     struct qn_submit_jobs jobs = {...};     words, template, prepared run
 *     QN_TRY(qn_submit_jobs_look(&jobs, err));
 *     QN_TRY(qn_submit_jobs_send(&jobs, err));
 *     qn_submit_jobs_clear(&jobs); */
#ifndef QN_CLI_SUBMIT_JOBS_H
#define QN_CLI_SUBMIT_JOBS_H

#include "cli/submit.h"
#include "cli/submit_size.h"
#include "engine/run.h"

struct qn_submit_jobs {
    struct qn_submit_settings given; /* owned                               */
    char **behind;                   /* borrowed, [nbehind]: for sbatch     */
    int nbehind;
    bool dry;                        /* print, and send nothing             */
    bool strict, retry, merge;       /* options of that name                */
    const char *allowed;             /* borrowed: --allow-failures; NULL    */
    const struct qn_strings *sets;   /* borrowed: --set                     */
    struct qn_run run;               /* prepared; cleared by its owner      */
    struct qn_submit_cost *cost;     /* owned, [nstages]                    */
    char (*id)[24];                  /* owned, [nstages]; "": not sent      */
    char (*merged)[24];              /* owned, likewise: of what merges     */
    char *template_text;             /* owned                               */
    char *file, *quern;              /* owned: JOB, this program; absolute  */
};

/* How the stages stand, as `run` would find them; nothing is written. */
int
qn_submit_jobs_look(struct qn_submit_jobs *s, struct qn_error *err);

/* Send what is due, and say so.  QN_EIO: sbatch refused; what was sent before
 * is taken back. */
int
qn_submit_jobs_send(struct qn_submit_jobs *s, struct qn_error *err);

/* The job of a stage, or (merging) the one behind it; *shards: its tasks.
 * (submit_job.c) */
int
qn_submit_job(
    struct qn_submit_jobs *s, int stage, bool merging, int *shards,
    struct qn_error *err);

/* Words for sbatch that quern cannot leave to it.  QN_EUSAGE.
 * (submit_behind.c) */
int
qn_submit_behind_check(char *const words[], int n, struct qn_error *err);

/* Add them to sbatch's words; a --dependency is joined to what the job waits
 * for ("--dependency=..."), if it does.  Returns how many were added. */
size_t
qn_submit_behind_add(
    char **out, char *const words[], int n, struct qn_text *waits);

void
qn_submit_jobs_clear(struct qn_submit_jobs *s);

#endif
