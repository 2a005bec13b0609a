/* Filling in the words of a program, asking a worker to run it, and the keys
 * beside what it leaves.
 *
 * The program runs in a worker (worker/exec.c); whether it and its files are
 * there, exec_check.c asks. */
#include "engine/exec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/system.h"
#include "engine/exec_check.h"
#include "engine/look.h"
#include "engine/program.h"
#include "engine/stage.h"
#include "engine/tell.h"
#include "model/command.h"
#include "model/json.h"
#include "model/key.h"

enum { GRACE = 10 }; /* s that a worker has to end a program and report */

/* ---- paths ------------------------------------------------------------ */

/* OUT/.quern/FOLDER/STAGE/NAME.SUFFIX for a result; a name that no file system
 * takes is cut and told apart by a hash. */
static char *
beside(const struct qn_run *run, const char *folder,
       const struct qn_plan_stage *st, const struct qn_target *t,
       const char *suffix)
{
    const char *name = t->name ? strchr(t->name, '/') + 1 : "";
    char hash[QN_KEY_HEX] = "", *path = NULL;
    struct qn_fingerprint print;
    struct qn_key k;
    int n = (int)strlen(name);

    if (n > 200 && !qn_key_open(&k, NULL)) {
        qn_key_text(&k, name);
        qn_key_finish(&k, &print);
        qn_key_hex(hash, &print);
        n = 150;
    }
    if (asprintf(&path, "%s/.quern/%s/%s/%.*s%s.%s", run->options->output,
                 folder, st->stage->name, n, name, hash, suffix) < 0)
        return NULL;
    return path;
}

char *
qn_exec_key_path(const struct qn_run *run, const struct qn_plan_stage *st,
                 const struct qn_target *t)
{
    return beside(run, "keys", st, t, "key");
}

/* OUT/NAME of output k; NULL without memory. */
static char *
final_path(const struct qn_run *run, const struct qn_plan_stage *st,
           const struct qn_target *t, size_t k)
{
    char *name = NULL, *path = NULL;

    if (qn_plan_output(&name, st, t, k, NULL) || !name ||
        asprintf(&path, "%s/%s", run->options->output, name) < 0)
        path = NULL;
    free(name);
    return path;
}

/* ---- what is there ---------------------------------------------------- */

bool
qn_exec_is_there(const struct qn_run *run, const struct qn_plan_stage *st,
                 const struct qn_target *t)
{
    size_t n = st->stage->command.writes.n;
    bool there = true;

    for (size_t k = 0; k < (n ? n : 1) && there; k++) {
        char *path = n ? final_path(run, st, t, k)
                       : qn_exec_key_path(run, st, t);

        there = path && !access(path, F_OK);
        free(path);
    }
    return there;
}

bool
qn_exec_holds(const struct qn_run *run, const struct qn_plan_stage *st,
              const struct qn_target *t)
{
    char *path = qn_exec_key_path(run, st, t), *text = NULL, line[128];
    char hex[QN_KEY_HEX];
    char *first = final_path(run, st, t, 0);
    struct stat s = {0};
    size_t n;
    bool same = qn_exec_is_there(run, st, t) && path && first &&
                !qn_system_slurp(&text, &n, path, NULL) &&
                (!st->stage->command.writes.n || !stat(first, &s));

    if (same) {
        qn_exec_key_line(line, sizeof line, qn_key_hex(hex, t->key),
                         st->stage->command.writes.n ? &s : NULL);
        same = !strcmp(line, text);
    }
    free(text);
    free(path);
    free(first);
    return same;
}

void
qn_exec_key_line(char *buf, size_t size, const char *key,
                 const struct stat *first)
{
    snprintf(buf, size, "%s %lld %lld.%09ld\n", key,
             first ? (long long)first->st_size : 0LL,
             first ? (long long)first->st_mtim.tv_sec : 0LL,
             first ? first->st_mtim.tv_nsec : 0L);
}

/* ---- words ------------------------------------------------------------ */

/* What a task's words are filled in with. */
struct filling {
    struct qn_strings outputs; /* owned: where the program is to write */
    char *input;               /* owned; NULL: a row                   */
    struct qn_lookup fields;
    struct qn_command_facts facts;
};

static void
clear_filling(struct filling *f)
{
    qn_command_drop(&f->outputs);
    free(f->input);
    *f = (struct filling){0};
}

static int
no_memory(struct qn_error *err)
{
    return qn_fail(err, QN_ENOMEM, "no memory for a command");
}

/* Outputs in folder, or where they are to be in the end (NULL). */
static int
add_outputs(struct filling *f, const struct qn_run *run,
            const struct qn_plan_stage *st, const struct qn_task *t,
            const char *folder, struct qn_error *err)
{
    const struct qn_command *c = &st->stage->command;
    struct qn_strings *o = &f->outputs;

    QN_TRY(qn_memory_make((void **)&o->v, c->writes.n, sizeof *o->v,
                          "the outputs", err));
    for (; o->n < c->writes.n; o->n++) {
        char *name = NULL, *path = NULL;

        if (!folder) {
            path = final_path(run, st, &st->target[t->target], o->n);
        } else {
            QN_TRY(qn_command_output(&name, c, o->n, &f->fields, err));
            if (asprintf(&path, "%s/%s", folder, name) < 0)
                path = NULL;
        }
        free(name);
        o->v[o->n] = path;
        if (!path)
            return no_memory(err);
    }
    return 0;
}

static int
make_filling(struct filling *f, const struct qn_run *run, int s,
             const struct qn_task *t, const char *folder,
             struct qn_error *err)
{
    const struct qn_plan_stage *st = &run->plan.stage[s];

    *f = (struct filling){.fields = qn_item_lookup(t->item)};
    if (!st->stage->input.rows && !(f->input = qn_program_input(run, s, t)))
        return no_memory(err);
    QN_TRY(add_outputs(f, run, st, t, folder, err));
    f->facts = (struct qn_command_facts){
        .input = f->input,
        .outputs = (const char *const *)f->outputs.v,
        .noutputs = f->outputs.n,
        .threads = run->split.threads > 1 ? run->split.threads : 1,
        .data = run->options->data,
        .fields = &f->fields,
    };
    return 0;
}

int
qn_exec_words(const struct qn_run *run, int s, const struct qn_task *t,
              struct qn_strings *words, struct qn_error *err)
{
    struct filling f;
    int rc = make_filling(&f, run, s, t, NULL, err);

    if (!rc)
        rc = qn_command_words(words, &run->plan.stage[s].stage->command,
                              &f.facts, err);
    clear_filling(&f);
    return rc;
}

/* ---- the request ------------------------------------------------------ */

/* Where the worker is to put each output: the first under a temporary name,
 * which is committed with its group; the others at once, since nothing is
 * taken for done before the first. */
static int
add_targets(json_t *request, const struct qn_run *run,
            const struct qn_plan_stage *st, const struct qn_target *t,
            struct qn_error *err)
{
    json_t *to = json_array();
    size_t n = st->stage->command.writes.n;
    char *tmp = NULL;
    int rc = 0;

    json_object_set_new(request, "to", to);
    if (n)
        rc = qn_stage_temporary(run, t, &tmp, err);
    if (tmp)
        json_array_append_new(to, json_string(tmp));
    free(tmp);
    for (size_t k = 1; k < n && !rc; k++) {
        char *path = final_path(run, st, t, k);

        json_array_append_new(to, json_string(path ? path : ""));
        rc = path ? 0 : no_memory(err);
        free(path);
    }
    if (!rc && st->stage->command.folder) {
        char *path = final_path(run, st, t, 0);

        json_object_set_new(request, "replaces", json_string(path));
        free(path);
    }
    return rc;
}

static int
add_words(json_t *request, const struct qn_command *c,
          const struct filling *f, struct qn_error *err)
{
    struct qn_strings words = {0}, env = {0};
    char *cwd = NULL, *full = NULL;
    int rc = qn_command_words(&words, c, &f->facts, err);

    if (!rc)
        rc = qn_command_env(&env, c, &f->facts, err);
    if (!rc && c->cwd)
        rc = qn_command_fill(&cwd, c->cwd, &f->facts, err);
    if (!rc && cwd && cwd[0] != '/' &&
        asprintf(&full, "%s/%s", f->facts.data, cwd) < 0)
        rc = no_memory(err);
    json_object_set_new(request, "argv", qn_json_strings(&words));
    json_object_set_new(request, "env", qn_json_strings(&env));
    json_object_set_new(request, "from", qn_json_strings(&f->outputs));
    if (cwd)
        json_object_set_new(request, "cwd", json_string(full ? full : cwd));
    qn_command_drop(&words);
    qn_command_drop(&env);
    free(cwd);
    free(full);
    return rc;
}

int
qn_exec_request(const struct qn_run *run, int s, const struct qn_task *t,
                json_t **request, double *timeout, struct qn_error *err)
{
    const struct qn_plan_stage *st = &run->plan.stage[s];
    const struct qn_target *target = &st->target[t->target];
    char *log = beside(run, "logs", st, target, "log"), *folder = NULL;
    double limit = qn_stage_timeout(st->stage, t);
    struct filling f = {0};
    int rc = log && asprintf(&folder, "%s/.quern/scratch/%s-%d",
                             run->options->output, st->stage->name,
                             (int)(t - st->task)) >= 0
                 ? 0
                 : no_memory(err);

    if (!rc)
        rc = make_filling(&f, run, s, t, folder, err);
    if (!rc)
        *request = json_pack("{s:s,s:s,s:s,s:b,s:b,s:i,s:f}", "op", "exec",
                             "folder", folder, "log", log, "fills",
                             st->stage->command.folder, "catches",
                             st->stage->command.catches, "threads",
                             f.facts.threads, "timeout",
                             isinf(limit) ? 0.0 : limit);
    if (!rc && !*request)
        rc = no_memory(err);
    if (!rc)
        rc = add_words(*request, &st->stage->command, &f, err);
    if (!rc)
        rc = add_targets(*request, run, st, target, err);
    *timeout = limit + GRACE;
    clear_filling(&f);
    free(folder);
    free(log);
    return rc;
}

/* ---- preparing -------------------------------------------------------- */

/* Words that cannot be filled in fail their item; if that is so for all, it is
 * the job that is wrong. */
static int
check_words(struct qn_run *run, int s, struct qn_error *err)
{
    struct qn_plan_stage *st = &run->plan.stage[s];
    struct qn_error first = {0};
    int good = 0;

    for (int i = 0; i < st->ntasks; i++) {
        struct qn_task *t = &st->task[i];
        struct qn_error why = {0};
        json_t *request = NULL;
        struct filling f = {0};
        int bad = t->code || t->target < 0 ? t->code
                                           : make_filling(&f, run, s, t, "/",
                                                          &why);

        if (!bad && !t->code)
            bad = add_words(request = json_object(),
                            &st->stage->command, &f, &why);
        if (!bad && json_array_size(json_object_get(request, "argv")) <
                        st->stage->command.words.n)
            bad = qn_fail(&why, QN_EFORMAT,
                          "its name or a field of it is no UTF-8; rename it");
        json_decref(request);
        clear_filling(&f);
        good += !bad;
        if (!bad || t->code)
            continue;
        if (!first.code)
            first = why;
        QN_TRY(qn_plan_fail_task(st, t, QN_FAILED, bad, why.text, err));
        QN_TRY(qn_plan_fail_target(st, &st->target[t->target], QN_FAILED, bad,
                                   why.text, err));
    }
    if (good || !first.code)
        return 0;
    return qn_fail(err, QN_EJOB, "stage %s: %s", st->stage->name, first.text);
}

int
qn_exec_prepare(struct qn_run *run, int s, struct qn_error *err)
{
    struct qn_plan_stage *st = &run->plan.stage[s];
    struct qn_items uses = {.pool.source = qn_commons_source(&run->commons)};
    int rc = 0;

    if (run->comm->rank == 0)
        rc = qn_exec_check(run, st->stage, &uses, err);
    rc = qn_tell_all(run, &uses, rc, err);
    st->uses = uses;
    if (!rc && run->commons.leads)
        rc = check_words(run, s, err);
    return qn_tell_plan(run, s, rc, err);
}

/* ---- what was written, for others ------------------------------------- */

/* A result that stands but cannot be read has a reason and no code. */
static int
take_look(struct qn_plan_stage *st, struct qn_target *t,
          const struct qn_item *seen, struct qn_error *err)
{
    struct qn_text why = {0};
    char *reason;
    int rc;

    if (seen->probed)
        return qn_item_intern(&st->pool, &t->type, seen->type, err);
    qn_text_add(&why, "%s, which a program wrote: %s", t->name,
                seen->reason ? seen->reason : "it cannot be read");
    rc = qn_text_check(&why, err);
    if (!rc)
        rc = qn_pool_text(&st->pool, &reason, qn_text_get(&why), err);
    if (!rc)
        t->reason = reason;
    qn_text_clear(&why);
    return rc;
}

/* The files that it has written. */
static int
list_written(const struct qn_run *run, const struct qn_plan_stage *st,
             struct qn_items *seen, struct qn_error *err)
{
    for (int i = 0; i < st->ntargets; i++) {
        char *path;
        struct qn_item *item;
        int rc;

        if (st->target[i].state != QN_FINISHED)
            continue;
        path = qn_program_output(run, &st->target[i]);
        rc = path ? qn_item_add(seen, path, &item, err) : no_memory(err);
        free(path);
        QN_TRY(rc);
    }
    return 0;
}

int
qn_exec_look(struct qn_run *run, int s, struct qn_error *err)
{
    struct qn_plan_stage *st = &run->plan.stage[s];
    struct qn_strings names = {0};
    struct qn_items seen = {.pool.source = qn_commons_source(&run->commons)};
    size_t next = 0;
    int rc = 0;

    if (run->commons.leads)
        rc = list_written(run, st, &seen, err);
    rc = qn_tell_items(run, &seen, rc, err);
    if (!rc)
        rc = qn_look_run(run, -1, false, &names, &seen, err);
    for (int i = 0; run->commons.leads && i < st->ntargets && !rc; i++)
        if (st->target[i].state == QN_FINISHED)
            rc = take_look(st, &st->target[i], &seen.v[next++], err);
    qn_item_clear(&seen);
    return qn_tell_plan(run, s, rc, err);
}
