/* What belongs into an output folder: the lists in OUT/.quern/outputs.
 *
 * STAGE.txt has the results of that stage, a line each, as the run planned
 * them that planned it last; STAGES the stages of the job that ran last.
 * Local. */
#ifndef QN_ENGINE_CLEAN_LIST_H
#define QN_ENGINE_CLEAN_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "quern/error.h"

/* A set of names, sorted. */
struct qn_clean_names {
    char **v; /* owned, each owned */
    size_t n, cap;
};

/* A stage that quern knows of. */
struct qn_clean_stage {
    char *name;  /* owned                                     */
    bool listed; /* there is a list of its results, not empty */
    bool gone;   /* the job has no such stage any more        */
};

struct qn_clean_list {
    struct qn_clean_stage *stage; /* owned */
    size_t nstages, stages_cap;
    struct qn_clean_names keep;   /* all results that belong here */
};

int
qn_clean_list_open(
    struct qn_clean_list *l, const char *output, struct qn_error *err);

void
qn_clean_list_close(struct qn_clean_list *l);

bool
qn_clean_list_has(const struct qn_clean_names *names, const char *name);

/* A set made name by name: sort it before it is asked. */
int
qn_clean_list_add(struct qn_clean_names *names, const char *name, struct qn_error *err);

void
qn_clean_list_sort(struct qn_clean_names *names);

/* Add the names in OUTPUT/FOLDER.  None where there is no such folder; a link
 * to one is none. */
int
qn_clean_list_folder(
    struct qn_clean_names *names, const char *output, const char *folder,
    struct qn_error *err);

void
qn_clean_list_drop(struct qn_clean_names *names);

/* "FOLDER/NAME", or NAME where folder is "": the caller's. */
int
qn_clean_list_join(
    char **out, const char *folder, const char *name, struct qn_error *err);

/* Does s end so, with something in front? */
bool
qn_clean_list_ends(const char *s, const char *end);

#endif
