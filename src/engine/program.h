/* Messages to workers: what a stage is, what an item needs.  Local. */
#ifndef QN_ENGINE_PROGRAM_H
#define QN_ENGINE_PROGRAM_H

#include "engine/run.h"

/* A program that only looks at stage s's inputs, or (s < 0) at operands. */
json_t *
qn_program_look(const struct qn_run *run, int s);

/* The program of stage s once it is planned. */
json_t *
qn_program_stage(const struct qn_run *run, int s);

/* The request for task t of stage s: path, fields, operands.  What becomes of
 * the samples is added by the caller. */
int
qn_program_item(
    const struct qn_run *run, int s, const struct qn_task *t, json_t **request,
    struct qn_error *err);

/* The path of the file that task t reads; the caller frees it. */
char *
qn_program_input(const struct qn_run *run, int s, const struct qn_task *t);

/* The frame of that file, or the row, with which its item begins; -1: it is all
 * of the file. */
int64_t
qn_program_frame(const struct qn_run *run, int s, const struct qn_task *t);

/* Add the path of the file that task t reads. */
void
qn_program_path(
    json_t *request, const struct qn_run *run, int s, const struct qn_task *t);

/* The folder that the paths of the rows of stage s are relative to. */
const char *
qn_program_folder(const struct qn_run *run, int s);

/* The operands of task t. */
json_t *
qn_program_uses(const struct qn_run *run, int s, const struct qn_task *t);

/* Task t as one of many in a request: [path, bytes, time, extras].  extras is
 * an object, left out where empty, of what is this item's alone: fields, name,
 * hdu, of packed results the path of the part and the row, "failed" with the
 * reason of one that has failed already, and uses where they are not those of
 * `first`. */
int
qn_program_row(
    const struct qn_run *run, int s, const struct qn_task *t, const struct qn_use *first,
    json_t **row, struct qn_error *err);

/* Path, bytes, time and status of task t, as a row of the table of inputs. */
json_t *
qn_program_used(const struct qn_run *run, int s, const struct qn_task *t);

/* A worker's sentence without the full path of the item in front: who reports
 * it names the item already. */
const char *
qn_program_reason(const struct qn_run *run, const char *path, const char *text);

/* OUT/NAME of a target; the caller frees it. */
char *
qn_program_output(const struct qn_run *run, const struct qn_target *t);

#endif
