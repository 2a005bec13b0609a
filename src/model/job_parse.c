/* A job file: from bytes to a struct qn_job, or to all that is wrong with it.
 *
 * The main line is at the end: text, --set, variables, keys, order.  What
 * stands behind a key is read in job_input.c, job_step.c, job_combine.c and
 * job_output.c; nothing is opened. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/job_combine.h"
#include "model/job_command.h"
#include "model/job_input.h"
#include "model/job_later.h"
#include "model/job_order.h"
#include "model/job_output.h"
#include "model/job_step.h"
#include "model/job_value.h"
#include "model/job_vars.h"

/* ---- stages ------------------------------------------------------------- */

static void
read_input(struct qn_job_reader *r, const struct qn_yaml_node *node,
           void *target)
{
    struct qn_stage *stage = target;

    qn_job_input_read(r, node, &stage->input);
}

static void
read_steps(struct qn_job_reader *r, const struct qn_yaml_node *node,
           void *target)
{
    struct qn_stage *stage = target;

    qn_job_step_read(r, node, stage);
}

/* Read behind the steps, whatever the order in the file: see read_stage. */
static void
read_products(struct qn_job_reader *r, const struct qn_yaml_node *node,
              void *target)
{
    (void)r;
    (void)node;
    (void)target;
}

static void
read_combine(struct qn_job_reader *r, const struct qn_yaml_node *node,
             void *target)
{
    struct qn_stage *stage = target;

    qn_job_combine_read(r, node, &stage->combine);
}

static void
read_output(struct qn_job_reader *r, const struct qn_yaml_node *node,
            void *target)
{
    struct qn_stage *stage = target;

    qn_job_output_read(r, node, &stage->output);
}

static void
read_team(struct qn_job_reader *r, const struct qn_yaml_node *node,
          void *target)
{
    struct qn_stage *stage = target;
    int64_t team = 1;

    if (node->kind == QN_YAML_SCALAR && !strcmp(node->text, "auto"))
        return;
    if (node->kind == QN_YAML_SCALAR && !strcmp(node->text, "all")) {
        stage->team = -1;
        return;
    }
    if (node->kind == QN_YAML_SCALAR && !isdigit((unsigned char)*node->text)) {
        qn_job_read_wants(r, node, "team", "auto, all or a number of ranks");
        return;
    }
    qn_job_value_integer(r, node, "team", 1, INT32_MAX, &team);
    stage->team = (int)team;
}

static void
read_retries(struct qn_job_reader *r, const struct qn_yaml_node *node,
             void *target)
{
    struct qn_stage *stage = target;
    int64_t n = stage->retries;

    qn_job_value_integer(r, node, "retries", 0, 100, &n);
    stage->retries = (int)n;
}

/* "90", "10 min", "1.5 h" in seconds; NaN where it is none. */
static double
seconds(const char *text)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"", 1},        {"s", 1},        {"sec", 1},  {"second", 1},
                 {"seconds", 1}, {"m", 60},       {"min", 60}, {"mins", 60},
                 {"minute", 60}, {"minutes", 60}, {"h", 3600}, {"hour", 3600},
                 {"hours", 3600}};
    size_t n = strcspn(text, " smh");
    char *number = strndup(text, n);
    double value = NAN;
    const char *unit = text + n + strspn(text + n, " ");

    if (!number || !qn_fields_number(&value, number) || !isfinite(value) ||
        value <= 0)
        value = NAN;
    free(number);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (!strcmp(units[i].name, unit))
            return value * units[i].seconds;
    return NAN;
}

static void
read_timeout(struct qn_job_reader *r, const struct qn_yaml_node *node,
             void *target)
{
    struct qn_stage *stage = target;

    stage->timeout = NAN;
    if (node->kind == QN_YAML_SCALAR && !strcmp(node->text, "none"))
        stage->timeout = INFINITY;
    else if (node->kind == QN_YAML_SCALAR)
        stage->timeout = seconds(node->text);
    if (isnan(stage->timeout))
        qn_job_read_wants(r, node, "timeout",
                          "seconds, a time like 10 min, or none");
}

static void
read_stage_memory(struct qn_job_reader *r, const struct qn_yaml_node *node,
                  void *target)
{
    struct qn_stage *stage = target;

    qn_job_value_memory(r, node, "memory", &stage->memory);
}

static const struct qn_job_key stage_keys[] = {
    {"input", read_input},
    {"steps", read_steps},
    {"combine", read_combine},
    {"products", read_products},
    {"output", read_output},
    {"team", read_team},
    {"retries", read_retries},
    {"timeout", read_timeout},
    {"memory", read_stage_memory},
    {NULL, NULL},
};

/* Names become file names: of results, of the output folder. */
static void
check_name(struct qn_job_reader *r, const struct qn_yaml_node *node,
           const char *what, const char *name)
{
    if (!qn_job_read_is_name(name))
        QN_JOB_TELL(r, node,
                    "%s is named with letters, digits and _ - . "
                    "only, and begins with no '.' or '-', not "
                    "'%.60s'",
                    what, name);
    else if (strlen(name) > 200)
        QN_JOB_TELL(r, node, "the name of %s has at most 200 letters", what);
}

static void
read_stage(struct qn_job_reader *r, const struct qn_yaml_pair *pair)
{
    struct qn_stage *stage = &r->job->stages[r->job->nstages];

    stage->name = qn_job_read_copy(r, pair->key->text);
    if (!stage->name)
        return;
    r->job->nstages++;
    stage->mark = pair->key->mark;
    stage->input.stage_index = -1;
    stage->output.dtype = -1;
    stage->retries = 1;
    stage->timeout = NAN;
    check_name(r, pair->key, "a stage", stage->name);
    if (!qn_job_read_map(r, pair->value, "stage", stage_keys, stage))
        return;
    if (qn_yaml_find(pair->value, "products"))
        qn_job_step_products(r, qn_yaml_find(pair->value, "products"), stage);
    qn_job_step_check(r, stage);
    if (!qn_yaml_find(pair->value, "input"))
        QN_JOB_TELL(r, pair->key,
                    "stage '%.60s' has no input; add 'input: "
                    "\"raw/*.fits\"' or 'input: {stage: NAME}'",
                    stage->name);
    stage->input.unread = stage->command.given;
    qn_job_output_check(r, pair->value, stage);
    qn_job_command_check(r, pair->value, stage);
}

/* ---- the job ------------------------------------------------------------ */

static void
read_name(struct qn_job_reader *r, const struct qn_yaml_node *node,
          void *target)
{
    struct qn_job *job = target;

    if (qn_job_read_text(r, node, "name", &job->name))
        check_name(r, node, "a job", job->name);
}

static void
read_folder(struct qn_job_reader *r, const struct qn_yaml_node *node,
            void *target)
{
    struct qn_job *job = target;

    qn_job_read_path(r, node, "output", &job->output);
}

/* Read before all others, by qn_job_vars_fill. */
static void
read_vars(struct qn_job_reader *r, const struct qn_yaml_node *node,
          void *target)
{
    (void)r;
    (void)node;
    (void)target;
}

static void
read_precision(struct qn_job_reader *r, const struct qn_yaml_node *node,
               void *target)
{
    struct qn_job *job = target;

    qn_job_value_choice(r, node, "precision", "auto|float32|float64",
                        &job->precision);
}

static void
read_count(struct qn_job_reader *r, const struct qn_yaml_node *node,
           const char *key, int *out)
{
    int64_t n = 0;

    if (node->kind == QN_YAML_SCALAR && !strcmp(node->text, "auto"))
        return;
    if (qn_job_value_integer(r, node, key, 1, 4096, &n))
        *out = (int)n;
}

static void
read_threads(struct qn_job_reader *r, const struct qn_yaml_node *node,
             void *target)
{
    struct qn_job *job = target;

    read_count(r, node, "threads", &job->threads);
}

static void
read_concurrency(struct qn_job_reader *r, const struct qn_yaml_node *node,
                 void *target)
{
    struct qn_job *job = target;

    read_count(r, node, "concurrency", &job->concurrency);
}

static void
read_memory(struct qn_job_reader *r, const struct qn_yaml_node *node,
            void *target)
{
    struct qn_job *job = target;

    qn_job_value_memory(r, node, "memory", &job->memory);
}

static void
read_stages(struct qn_job_reader *r, const struct qn_yaml_node *node,
            void *target)
{
    struct qn_job *job = target;

    if (node->kind != QN_YAML_MAP || node->n == 0) {
        qn_job_read_wants(r, node, "stages",
                          "at least one stage: {NAME: {input: ...}}");
        return;
    }
    // the same limit as qn_yaml_load's, where --set may add to it
    if (node->n > QN_JOB_MAX_STAGES) {
        QN_JOB_TELL(r, node, "a job has at most %d stages; split it",
                    QN_JOB_MAX_STAGES);
        return;
    }
    // a program with steps behind it becomes two stages
    job->stages = calloc(2 * node->n, sizeof(*job->stages));
    r->names = calloc(node->n + 1, sizeof(*r->names));
    r->failed |= !job->stages || !r->names;
    if (r->failed)
        return;
    for (size_t i = 0; i < node->n; i++)
        r->names[i] = node->v[i].key->text;
    for (size_t i = 0; i < node->n && !r->failed; i++)
        read_stage(r, &node->v[i]);
    for (int i = 0; i < (int)node->n && !r->failed; i++)
        qn_job_command_part(r, i);
}

static const struct qn_job_key job_keys[] = {
    {"name", read_name},
    {"output", read_folder},
    {"vars", read_vars},
    {"precision", read_precision},
    {"threads", read_threads},
    {"concurrency", read_concurrency},
    {"memory", read_memory},
    {"stages", read_stages},
    {NULL, NULL},
};

/* The job file's name without folder and suffix, made fit for a name. */
static void
default_name(struct qn_job_reader *r, const char *file)
{
    const char *slash = strrchr(file, '/');
    char *name = qn_job_read_copy(r, slash ? slash + 1 : file);
    char *point = name ? strrchr(name, '.') : NULL;

    if (point && point > name)
        *point = '\0';
    for (char *s = name; s && *s; s++)
        if (!isalnum((unsigned char)*s) && !strchr("._-", *s))
            *s = '-';
    if (name && !qn_job_read_is_name(name)) {
        free(name);
        name = qn_job_read_copy(r, "job");
    }
    r->job->name = name;
}

static void
read_job(struct qn_job_reader *r, const struct qn_yaml_node *root)
{
    static const struct qn_mark nowhere = {0};

    if (root->kind != QN_YAML_MAP) {
        QN_JOB_TELL(r, root,
                    "a job file begins with keys, like 'name: night' "
                    "and 'stages:'; see `quern init night`");
        return;
    }
    qn_job_read_map(r, root, "job", job_keys, r->job);
    if (!qn_yaml_find(root, "stages"))
        qn_problem_add(r->problems, nowhere, 1,
                       "there are no stages; add 'stages: {NAME: {input: "
                       "...}}'");
    qn_job_order_make(r);
}

/* ---- the main line ------------------------------------------------------ */

/* The text as read, with a line for each --set. */
static int
keep_text(struct qn_job *job, const char *text, size_t len,
          const char *const *sets, size_t nsets, struct qn_error *err)
{
    struct qn_text t = {0};

    qn_text_bytes(&t, text, len);
    if (nsets && len && text[len - 1] != '\n')
        qn_text_bytes(&t, "\n", 1);
    for (size_t i = 0; i < nsets; i++)
        qn_text_add(&t, "# --set %s\n", sets[i]);
    job->text = t.s;
    return qn_text_check(&t, err);
}

/* Into r->job and r->problems. */
static int
parse(struct qn_job_reader *r, const char *file, size_t nsets,
      struct qn_error *err)
{
    struct qn_problems *p = r->problems;
    struct qn_yaml_node *root = NULL;
    int rc = qn_yaml_load(&root, p, err);

    for (size_t i = 0; root && i < nsets && !rc; i++)
        rc = qn_yaml_set(&root, p->sets[i], (int)i + 1, p, err);
    if (!rc && root) {
        qn_job_vars_fill(r, root);
        read_job(r, root);
    }
    if (!r->job->name)
        default_name(r, file);
    free(r->names);
    qn_yaml_clear(root);
    if (!rc)
        rc = qn_problem_check(p, err);
    if (!rc && r->failed)
        rc = qn_fail(err, QN_ENOMEM, "%s: no memory for the job", file);
    return rc;
}

static int
count_problems(struct qn_problems *p, struct qn_error *err)
{
    size_t n = qn_problem_count(p);

    if (n == 0)
        return 0;
    return qn_fail(err, QN_EJOB, "%s has %zu problem%s; mend %s and run again",
                   p->file, n, n == 1 ? "" : "s", n == 1 ? "it" : "them");
}

int
qn_job_parse(struct qn_job *job, const char *file, const char *text, size_t len,
             const char *const *sets, size_t nsets,
             const struct qn_kernel *const *catalog, struct qn_text *problems,
             struct qn_error *err)
{
    struct qn_problems p = {.file = file, .sets = sets, .nsets = nsets};
    struct qn_job_reader r = {.problems = &p, .catalog = catalog, .job = job};
    int rc;

    *job = (struct qn_job){0};
    rc = keep_text(job, text, len, sets, nsets, err);
    if (rc)
        goto out;
    p.source = job->text;
    p.len = len;
    rc = parse(&r, file, nsets, err);
    if (rc)
        goto out;
    qn_problem_print(&p, problems);
    rc = qn_text_check(problems, err);
    if (!rc)
        rc = count_problems(&p, err);
out:
    qn_problem_clear(&p);
    if (rc)
        qn_job_clear(job);
    return rc;
}
