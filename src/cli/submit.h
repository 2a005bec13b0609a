/* What `quern submit` asks of SLURM, and the scripts it writes.  All local. */
#ifndef QN_CLI_SUBMIT_H
#define QN_CLI_SUBMIT_H

#include <stdint.h>

#include "base/text.h"
#include "model/job.h"

/* key, and whether sbatch knows it by that name */
#define QN_SUBMIT_SETTINGS(X)                                                \
    X(ARRAY, "array", false)         /* tasks of an item-by-item stage     */ \
    X(NODES, "nodes", true)                                                  \
    X(NTASKS, "ntasks", true)        /* ranks of a task                    */ \
    X(CPUS, "cpus-per-task", true)   /* cores of a rank                    */ \
    X(TIME, "time", true)                                                    \
    X(MEM, "mem", true)              /* of a node                          */ \
    X(PARTITION, "partition", true)                                          \
    X(ACCOUNT, "account", true)                                              \
    X(QOS, "qos", true)                                                      \
    X(LAUNCHER, "launcher", false)   /* auto, srun, mpirun, none           */ \
    X(REQUEUES, "requeues", false)   /* how often a task may be            */ \
    X(SETUP, "setup", false)         /* shell lines before the run         */

#define QN_SUBMIT_ENUM(name, key, known) QN_SUBMIT_##name,
enum qn_submit_setting { QN_SUBMIT_SETTINGS(QN_SUBMIT_ENUM) QN_NSUBMIT };
#undef QN_SUBMIT_ENUM

/* Texts as given; NULL: not given. */
struct qn_submit_settings {
    char *v[QN_NSUBMIT]; /* owned */
};

/* The key of a setting; ends with NULL. */
extern const char *const qn_submit_keys[];

/* Set one and check it.  from names where it comes from.  QN_EUSAGE. */
int
qn_submit_set(
    struct qn_submit_settings *s, enum qn_submit_setting which,
    const char *value, const char *from, struct qn_error *err);

/* Take from `other` what is not given in s. */
int
qn_submit_fill(
    struct qn_submit_settings *s, const struct qn_submit_settings *other,
    struct qn_error *err);

void
qn_submit_clear(struct qn_submit_settings *s);

/* ---- the site's and the user's own ------------------------------------- */

/* Fill in /etc/quern/submit.yaml, and over it ~/.config/quern/submit.yaml: a
 * mapping of the keys above.  QN_EUSAGE: what is wrong was printed. */
int
qn_submit_site_load(struct qn_submit_settings *s, struct qn_error *err);

/* The template: QUERN_SBATCH_TEMPLATE, ~/.config/quern/sbatch,
 * /etc/quern/sbatch, or the one in this program; the caller frees it. */
int
qn_submit_site_template(char **text, struct qn_error *err);

/* ---- the script of a stage ---------------------------------------------- */

struct qn_submit_script {
    const struct qn_submit_settings *settings; /* all that matter given  */
    const char *job, *stage, *output, *quern;
    const char *name;                          /* of the job and its log */
    const char *path;                          /* of the script          */
    const struct qn_strings *run;              /* words behind quern run */
    int shards;
};

/* Fill the template's @WORDS@.  QN_EUSAGE: it has one that is not known. */
int
qn_submit_script_make(
    struct qn_text *out, const char *template_text,
    const struct qn_submit_script *script, struct qn_error *err);

/* SLURM's forms of a time ("30", "1:00:00", "2-12") in seconds; -1: none of
 * them.  Of memory ("4G", "500") in bytes; -1. */
double
qn_submit_script_seconds(const char *time);
int64_t
qn_submit_script_bytes(const char *mem);

/* ---- handing it over ------------------------------------------------------ */

/* Run sbatch, whose words end with NULL; its job's number into id.
 * QN_EIO: what it said. */
int
qn_submit_send(
    char *id, size_t size, char *const words[], struct qn_error *err);

/* Run scancel, whose words end with NULL.  Did it do so? */
bool
qn_submit_cancel(char *const words[]);

/* The template of a job that merges a stage's results: one process. */
extern const char qn_submit_merge_template[];

/* The template in this program. */
extern const unsigned char qn_submit_template[];
extern const size_t qn_submit_template_size;

#endif
