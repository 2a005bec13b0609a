/* Finding a file in a plan, and how what is found stands.
 *
 * What differs where a result is stale is explain_differs.c's. */
#include "engine/explain.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/folder.h"
#include "engine/lock.h"
#include "engine/program.h"
#include "engine/settle.h"

/* ---- the ways to name a file ------------------------------------------- */

enum { FORMS = 16 };

struct forms {
    char *v[FORMS]; /* owned */
    int n;
};

static int
add_form(struct forms *f, const char *path, struct qn_error *err)
{
    for (int i = 0; i < f->n; i++)
        if (!strcmp(f->v[i], path))
            return 0;
    if (f->n == FORMS)
        return 0;
    QN_TRY(qn_memory_copy(&f->v[f->n], path, err));
    f->n++;
    return 0;
}

/* Below folder: the rest of the path too. */
static int
add_below(struct forms *f, const char *folder, const char *path,
          struct qn_error *err)
{
    size_t n = strlen(folder);

    if (!n || strncmp(path, folder, n) != 0 || path[n] != '/')
        return 0;
    return add_form(f, path + n + 1, err);
}

static int
add_absolute(struct forms *f, const char *path, const char *folder,
             const char *real, struct qn_error *err)
{
    QN_TRY(add_form(f, path, err));
    QN_TRY(add_below(f, folder, path, err));
    return real ? add_below(f, real, path, err) : 0;
}

/* As it was typed, from the current folder, with links resolved, and each of
 * these from `folder`. */
static int
make_forms(struct forms *f, const char *file, const char *folder,
           struct qn_error *err)
{
    char *real = realpath(folder, NULL), *whole = realpath(file, NULL);
    char *here = getcwd(NULL, 0), *path = NULL;
    int rc = 0;

    while (!strncmp(file, "./", 2))
        file += 2;
    rc = add_form(f, file, err);
    if (!rc && *file == '/')
        rc = add_absolute(f, file, folder, real, err);
    else if (!rc && here && asprintf(&path, "%s/%s", here, file) >= 0)
        rc = add_absolute(f, path, folder, real, err);
    if (!rc && whole)
        rc = add_absolute(f, whole, folder, real, err);
    free(real);
    free(whole);
    free(here);
    free(path);
    return rc;
}

static bool
has_form(const struct forms *f, const char *path)
{
    for (int i = 0; i < f->n; i++)
        if (!strcmp(f->v[i], path))
            return true;
    return false;
}

static void
clear_forms(struct forms *f)
{
    for (int i = 0; i < f->n; i++)
        free(f->v[i]);
    *f = (struct forms){.n = 0};
}

/* ---- finding ----------------------------------------------------------- */

struct finding {
    struct qn_explain *e;
    struct forms data, output;
    int s;
    const struct qn_plan_stage *st;
};

static int
add_found(struct qn_explain *e, const struct qn_explain_found *found,
          struct qn_error *err)
{
    QN_TRY(qn_memory_grow((void **)&e->found, &e->cap, e->nfound + 1,
                          sizeof *e->found, err));
    e->found[e->nfound++] = *found;
    return 0;
}

/* Is an item the file, or the result that the file is? */
static bool
is_item(const struct finding *f, const struct qn_item *item)
{
    const struct qn_plan_stage *from;
    const struct qn_target *t;

    if (has_form(&f->data, item->path))
        return true;
    if (item->source < 0)
        return false;
    from = &f->e->run->plan.stage[f->st->stage->input.stage_index];
    t = &from->target[qn_plan_pack_source(&f->e->run->plan, f->st, item, NULL)];
    return t->name && has_form(&f->output, t->name);
}

static bool
is_made(const struct finding *f, const struct qn_target *t)
{
    return t->name && has_form(&f->output, t->name);
}

/* Items that are members, and results of several, have lines of their own. */
static bool
has_members(const struct qn_plan_stage *st)
{
    return qn_plan_has_members(st);
}

static int
add_task(struct finding *f, const struct qn_task *t, struct qn_error *err)
{
    const struct qn_target *target =
        t->target >= 0 ? &f->st->target[t->target] : NULL;
    const char *name = has_members(f->st) ? t->item->path
                       : target           ? target->name
                                          : NULL;
    struct qn_explain_found *last =
        f->e->nfound ? &f->e->found[f->e->nfound - 1] : NULL;

    if (last && last->role == QN_EXPLAIN_ITEM && last->stage == f->s &&
        last->target == target && t->item->frame >= 0) {
        last->ntasks++;
        return 0;
    }
    return add_found(f->e,
                     &(struct qn_explain_found){
                         .role = QN_EXPLAIN_ITEM, .stage = f->s,
                         .item = t->item, .task = t, .ntasks = 1,
                         .target = target,
                         .trace = {.stage = f->st->stage->name,
                                   .name = name ? name : ""}},
                     err);
}

/* Items without a task were left out; frames of a file are told once. */
static int
find_items(struct finding *f, struct qn_error *err)
{
    const struct qn_plan_stage *st = f->st;
    bool out = false;
    int t = 0;

    for (size_t i = 0; i < st->items.n; i++) {
        const struct qn_item *item = &st->items.v[i];
        bool task = t < st->ntasks && st->task[t].item == item;
        bool same = is_item(f, item) ||
                    (task && !has_members(st) && st->task[t].target >= 0 &&
                     is_made(f, &st->target[st->task[t].target]));

        if (same && task)
            QN_TRY(add_task(f, &st->task[t], err));
        else if (same && !out)
            QN_TRY(add_found(f->e,
                             &(struct qn_explain_found){
                                 .role = QN_EXPLAIN_OUT, .stage = f->s,
                                 .item = item},
                             err));
        out = out || (same && !task);
        t += task;
    }
    return 0;
}

static int
find_results(struct finding *f, struct qn_error *err)
{
    for (int i = 0; has_members(f->st) && i < f->st->ntargets; i++) {
        const struct qn_target *t = &f->st->target[i];

        if (is_made(f, t))
            QN_TRY(add_found(f->e,
                             &(struct qn_explain_found){
                                 .role = QN_EXPLAIN_RESULT, .stage = f->s,
                                 .target = t,
                                 .trace = {.stage = f->st->stage->name,
                                           .name = t->name}},
                             err));
    }
    return 0;
}

static int64_t
count_users(const struct qn_plan_stage *st, int file)
{
    int64_t n = 0;

    for (int i = 0; i < st->ntasks; i++)
        for (int k = 0; !st->task[i].code && k < st->nuses; k++)
            if (st->task[i].use[k].stage < 0 &&
                st->task[i].use[k].file == file) {
                n++;
                break;
            }
    return n;
}

static int
find_operands(struct finding *f, struct qn_error *err)
{
    for (size_t i = 0; i < f->st->files.n; i++)
        if (has_form(&f->data, f->st->files.v[i].path))
            QN_TRY(add_found(f->e,
                             &(struct qn_explain_found){
                                 .role = QN_EXPLAIN_OPERAND, .stage = f->s,
                                 .item = &f->st->files.v[i],
                                 .users = count_users(f->st, (int)i)},
                             err));
    return 0;
}

static int
find_file(struct qn_explain *e, const char *file, struct qn_error *err)
{
    struct finding f = {.e = e};
    int rc = make_forms(&f.data, file, e->run->options->data, err);

    if (!rc)
        rc = make_forms(&f.output, file, e->run->options->output, err);
    for (f.s = 0; f.s < e->run->job->nstages && !rc; f.s++) {
        f.st = &e->run->plan.stage[f.s];
        if (!f.st->wanted)
            continue;
        rc = find_items(&f, err);
        if (!rc)
            rc = find_results(&f, err);
        if (!rc)
            rc = find_operands(&f, err);
    }
    clear_forms(&f.data);
    clear_forms(&f.output);
    return rc;
}

/* ---- the journal ------------------------------------------------------- */

static void
trace_line(struct qn_explain_trace *t, const struct qn_record *r)
{
    if (r->kind == QN_RECORD_BEGIN) {
        t->begun++;
        t->begun_ns = r->time_ns;
    } else if (r->kind == QN_RECORD_FAILED) {
        t->failed++;
        t->failed_ns = r->time_ns;
    } else if (r->kind == QN_RECORD_DONE) {
        t->done++;
        t->done_ns = r->time_ns;
        t->input_bytes = r->input_bytes;
        t->seconds = r->read_s + r->decode_s + r->compute_s + r->write_s;
        snprintf(t->host, sizeof t->host, "%s", r->host);
    }
}

static int
take_line(void *ctx, const struct qn_record *r, struct qn_error *err)
{
    struct qn_explain *e = ctx;

    for (size_t i = 0; i < e->nfound; i++) {
        struct qn_explain_trace *t = &e->found[i].trace;

        if (t->name && !strcmp(t->name, r->name) &&
            !strcmp(t->stage, r->stage))
            trace_line(t, r);
    }
    return qn_past_add(&e->run->past, r, err);
}

static int
load_journal(struct qn_explain *e, struct qn_error *err)
{
    char *folder;
    int rc;

    QN_TRY(qn_folder_path(&folder, e->run->options->output, "journal", err));
    rc = qn_journal_load(folder, take_line, e, &e->damaged, err);
    qn_past_settle(&e->run->past);
    free(folder);
    return rc;
}

int
qn_explain_open(struct qn_explain *e, struct qn_run *run, const char *file,
                struct qn_error *err)
{
    struct qn_lock_holder holder;
    int rc;

    *e = (struct qn_explain){.run = run};
    rc = find_file(e, file, err);
    if (!rc && e->nfound) {
        e->running =
            qn_lock_look(run->options->output, &holder) == QN_LOCK_HELD;
        e->running_ns = holder.started_ns;
        rc = load_journal(e, err);
        if (!rc)
            rc = qn_settle_plan(run, err);
    }
    if (rc)
        qn_explain_close(e);
    return rc;
}

/* ---- how it stands ----------------------------------------------------- */

/* When was the file of a result written?  0: there is none. */
static int64_t
written(const struct qn_run *run, const struct qn_target *t)
{
    char *path = t->name ? qn_program_output(run, t) : NULL;
    int64_t ns = 0;
    struct stat st;

    if (path && !stat(path, &st))
        ns = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
    free(path);
    return ns;
}

static bool
in_hand(const struct qn_explain *e, const struct qn_past_item *p)
{
    return p && e->running && p->kind == QN_RECORD_BEGIN &&
           p->time_ns >= e->running_ns;
}

static enum qn_explain_state
known_state(enum qn_state state)
{
    switch (state) {
    case QN_FINISHED: return QN_EXPLAIN_DONE;
    case QN_FAILED: return QN_EXPLAIN_FAILED;
    case QN_UPSTREAM:
    case QN_BLOCKED: return QN_EXPLAIN_BLOCKED;
    case QN_TODO:
    case QN_SKIPPED: break;
    }
    return QN_EXPLAIN_PENDING;
}

enum qn_explain_state
qn_explain_target(const struct qn_explain *e, int stage,
                  const struct qn_target *t, int64_t *when)
{
    const char *name = e->run->job->stages[stage].name;
    const struct qn_past_item *p =
        t->name ? qn_past_find(&e->run->past, name, t->name) : NULL;
    enum qn_explain_state state = known_state(t->state);

    *when = written(e->run, t);
    if (*when && p && p->kind == QN_RECORD_DONE)
        *when = p->time_ns;
    if (state != QN_EXPLAIN_PENDING)
        return state;
    if (in_hand(e, p))
        return QN_EXPLAIN_HAND;
    return *when ? QN_EXPLAIN_STALE : QN_EXPLAIN_PENDING;
}

enum qn_explain_state
qn_explain_state(const struct qn_explain *e, const struct qn_explain_found *f)
{
    const struct qn_plan_stage *st = &e->run->plan.stage[f->stage];
    enum qn_explain_state state;
    int64_t when;

    // a member that failed is left out of a result that may well be done
    if (f->task && f->task->state != QN_TODO &&
        f->task->state != QN_FINISHED)
        return known_state(f->task->state);
    if (!f->target)
        return QN_EXPLAIN_PENDING;
    state = qn_explain_target(e, f->stage, f->target, &when);
    if (f->task && has_members(st) && state != QN_EXPLAIN_DONE &&
        in_hand(e, qn_past_find(&e->run->past, st->stage->name,
                                f->task->item->path)))
        return QN_EXPLAIN_HAND;
    return state;
}

/* ---- what may have been meant ------------------------------------------ */

static const char *
last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

const char *
qn_explain_near(const struct qn_explain *e, const char *file)
{
    for (int s = 0; s < e->run->job->nstages; s++) {
        const struct qn_plan_stage *st = &e->run->plan.stage[s];

        for (size_t i = 0; i < st->items.n; i++)
            if (!strcmp(last_part(st->items.v[i].path), last_part(file)))
                return st->items.v[i].path;
        for (int i = 0; i < st->ntargets; i++)
            if (st->target[i].name &&
                !strcmp(last_part(st->target[i].name), last_part(file)))
                return st->target[i].name;
    }
    return NULL;
}

void
qn_explain_close(struct qn_explain *e)
{
    free(e->found);
    *e = (struct qn_explain){.run = NULL};
}
