/* Reading the values of a job file: the parts of the parser share this.
 *
 * What does not fit is told to the person and left at its default, so reading
 * always goes on to the end.  Local. */
#ifndef QN_MODEL_JOB_READ_H
#define QN_MODEL_JOB_READ_H

#include "model/job.h"
#include "model/yaml.h"

/* What every part needs; nothing of it is owned but the list of names. */
struct qn_job_reader {
    struct qn_problems *problems;
    const struct qn_kernel *const *catalog;
    struct qn_job *job;
    const char **names; /* owned: of all stages as written, ends with NULL */
    bool failed;        /* memory ran out */
};

/* Say that something is wrong with a node. */
#define QN_JOB_TELL(r, node, ...)                                            \
    qn_problem_add((r)->problems, (node)->mark, (node)->width, __VA_ARGS__)

/* A key of a mapping and what reads its value. */
struct qn_job_key {
    const char *name;
    void (*read)(
        struct qn_job_reader *r, const struct qn_yaml_node *value,
        void *target);
};

/* Read each key of a mapping by its row; keys ends with name NULL.  where
 * ("stage", "input", ...) names the mapping in messages and in the table of
 * what is not available.  False if node is no mapping. */
bool
qn_job_read_map(
    struct qn_job_reader *r, const struct qn_yaml_node *node,
    const char *where, const struct qn_job_key *keys, void *target);

/* "unknown KIND 'WORD'; did you mean 'NEAREST'?", or the list of words. */
void
qn_job_read_unknown(
    struct qn_job_reader *r, const struct qn_yaml_node *node, const char *kind,
    const char *word, const char *const *words);

/* "'KEY' wants EXPECTED, not ...". */
void
qn_job_read_wants(
    struct qn_job_reader *r, const struct qn_yaml_node *node, const char *key,
    const char *expected);

/* The functions below return false after telling; *out is then unchanged. */

/* A text; replaces *out, which is owned. */
bool
qn_job_read_text(
    struct qn_job_reader *r, const struct qn_yaml_node *node, const char *key,
    char **out);

/* A text in which ${NAME} is an environment variable. */
bool
qn_job_read_path(
    struct qn_job_reader *r, const struct qn_yaml_node *node, const char *key,
    char **out);

/* A path with {fields}, whose braces are checked. */
bool
qn_job_read_pattern(
    struct qn_job_reader *r, const struct qn_yaml_node *node, const char *key,
    char **out);

/* One or a list of what read reads. */
bool
qn_job_read_list(
    struct qn_job_reader *r, const struct qn_yaml_node *node, const char *key,
    bool (*read)(
        struct qn_job_reader *r, const struct qn_yaml_node *node,
        const char *key, char **out),
    struct qn_strings *out);

/* A copy; NULL and r->failed without memory. */
char *
qn_job_read_copy(struct qn_job_reader *r, const char *s);

/* Is that a letter or digit followed by more, "_", "-" or "."? */
bool
qn_job_read_is_name(const char *s);

/* Can {WORD} be a field: letters, digits and _ - . / @? */
bool
qn_job_read_is_field(const char *s);

/* Is that a yes or no of a person: yes, on, True...? */
bool
qn_job_read_is_bool(const char *s, bool *yes);

/* Append a text that is owned; NULL is r->failed. */
void
qn_job_read_add(struct qn_job_reader *r, struct qn_strings *to, char *owned);

#endif
