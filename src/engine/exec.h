/* Stages that run a program for each item: what the rank has to do with it.
 *
 * The words are filled in here, the program runs in a worker (worker/exec.c),
 * which leaves what was written under temporary names.  A key file beside each
 * result says what it is. */
#ifndef QN_ENGINE_EXEC_H
#define QN_ENGINE_EXEC_H

#include "engine/run.h"

/* Collective.  Look at the files that stage s uses and at the program; items
 * whose words cannot be filled in fail.  QN_EMISSING, QN_EJOB: what is wrong
 * for all of them. */
int
qn_exec_prepare(struct qn_run *run, int s, struct qn_error *err);

/* Local.  The words for task t, outputs given by their final paths: what
 * `quern plan --commands` shows. */
int
qn_exec_words(
    const struct qn_run *run, int s, const struct qn_task *t,
    struct qn_strings *words, struct qn_error *err);

/* Local.  The request to run it; *timeout is the worker's, a little more than
 * the program's own. */
int
qn_exec_request(
    const struct qn_run *run, int s, const struct qn_task *t,
    json_t **request, double *timeout, struct qn_error *err);

/* Local.  Where the key of a result is kept; the caller frees it, NULL without
 * memory. */
char *
qn_exec_key_path(
    const struct qn_run *run, const struct qn_plan_stage *st,
    const struct qn_target *t);

/* Local.  Are the files of a result there, whatever is in them?  Of a result
 * that is no file its key. */
bool
qn_exec_is_there(
    const struct qn_run *run, const struct qn_plan_stage *st,
    const struct qn_target *t);

/* Local.  What a key file holds: the key, size and time of the first output
 * (NULL: there is none). */
struct stat;
void
qn_exec_key_line(char *buf, size_t size, const char *key, const struct stat *first);

/* Local.  Does the key beside it say that it is what is wanted? */
bool
qn_exec_holds(
    const struct qn_run *run, const struct qn_plan_stage *st,
    const struct qn_target *t);

/* Collective.  Look at what stage s has written, for the stages that read it:
 * its results' types, or why they cannot be read. */
int
qn_exec_look(struct qn_run *run, int s, struct qn_error *err);

#endif
