/* How an item stands, in words: stage by stage, with its masters, and why.
 *
 * Why it is so was found out in engine/explain.c. */
#include "cli/explain.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "engine/single.h"

enum { REASONS = 6 }; /* shown; there may be more */

/* "2018-08-10 22:15:04 UTC" */
static const char *
time_text(char *buf, size_t size, int64_t ns)
{
    time_t seconds = (time_t)(ns / 1000000000);
    struct tm tm;

    if (!gmtime_r(&seconds, &tm) ||
        !strftime(buf, size, "%Y-%m-%d %H:%M:%S UTC", &tm))
        snprintf(buf, size, "an unknown time");
    return buf;
}

static const char *
state_word(enum qn_explain_state state)
{
    static const char *const words[] = {"done",      "stale",   "failed",
                                        "not tried", "in hand", "to do"};

    return words[state];
}

static void
line(const char *label, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
line(const char *label, const char *fmt, ...)
{
    va_list ap;

    printf("  %-12s ", label);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
}

/* ---- left out ---------------------------------------------------------- */

static void
print_field(void *ctx, const char *name)
{
    const struct qn_item *item = ctx;
    struct qn_value v;
    char text[1024];

    if (!qn_item_find(item, name, &v)) {
        line(name, "is not there");
        return;
    }
    qn_fields_text(text, sizeof text, &v);
    line(name, v.kind == QN_VALUE_TEXT ? "is '%s'" : "is %s", text);
}

static void
print_out(const struct qn_plan_stage *st, const struct qn_explain_found *f)
{
    const struct qn_input *in = &st->stage->input;

    if (f->item->code) {
        printf("left out: it cannot be read, as the stage says that meets it "
               "first\n");
        return;
    }
    printf("left out by where \"%s\"\n", in->where);
    qn_expr_names(&in->where_expr, print_field,
                  (struct qn_item *)(uintptr_t)f->item);
}

/* ---- partners ---------------------------------------------------------- */

/* "bias.h5 (done)" */
static void
print_result(const struct qn_explain *e, const char *label, int stage,
             int target, int row)
{
    const struct qn_target *t = &e->run->plan.stage[stage].target[target];
    char text[1200];
    int64_t when;

    line(label, "%s (%s)",
         t->name ? qn_plan_pack_label(text, sizeof text, t->name, row)
                 : "a result without a name",
         state_word(qn_explain_target(e, stage, t, &when)));
}

static void
print_file(const char *label, const struct qn_item *file)
{
    if (file->code)
        line(label, "%s (%s)", file->path, file->reason ? file->reason : "");
    else
        line(label, "%s", file->path);
}

static void
print_uses(const struct qn_explain *e, const struct qn_explain_found *f)
{
    const struct qn_plan_stage *st = &e->run->plan.stage[f->stage];
    const struct qn_task *t = f->task;
    int u = 0, row;
    int source = qn_plan_pack_source(&e->run->plan, st, t->item, &row);

    if (source >= 0)
        print_result(e, "reads", st->stage->input.stage_index, source, row);
    // of one that failed in the plan the partners are not known
    for (int i = 0; !qn_key_none(&t->key) && i < st->stage->nsteps; i++) {
        const struct qn_step *step = &st->stage->steps[i];

        for (int k = 0; k < step->noperands; k++, u++) {
            if (t->use[u].stage >= 0)
                print_result(e, step->kernel->name, t->use[u].stage,
                             t->use[u].target, t->use[u].row);
            else if (t->use[u].file >= 0)
                print_file(step->kernel->name,
                           &st->files.v[t->use[u].file]);
        }
    }
}

/* ---- why --------------------------------------------------------------- */

static void
print_cause(const struct qn_explain_reason *r)
{
    char text[64];

    switch (r->cause) {
    case QN_CAUSE_OUTPUT:
        line("because", "it was changed or replaced at %s, not by a run",
             time_text(text, sizeof text, r->a));
        break;
    case QN_CAUSE_TIME:
        line("because", "%s was changed at %s", r->name,
             time_text(text, sizeof text, r->a));
        break;
    case QN_CAUSE_SIZE:
        line("because", "%s has %" PRId64 " bytes; it had %" PRId64, r->name,
             r->a, r->b);
        break;
    case QN_CAUSE_PARTNER:
        line("because", "%s, which it is made with, is %s itself", r->name,
             state_word((enum qn_explain_state)r->a));
        break;
    case QN_CAUSE_NEWER:
        line("because", "%s, which it is made with, was made anew at %s",
             r->name, time_text(text, sizeof text, r->a));
        break;
    case QN_CAUSE_UNDONE:
        line("because",
             "%" PRId64 " of its %" PRId64
             " members are stale or to do themselves",
             r->a, r->b);
        break;
    case QN_CAUSE_MEMBERS:
        line("because",
             "%" PRId64 " of its %" PRId64 " members are new or changed",
             r->a, r->b);
        break;
    case QN_CAUSE_FAILED:
        line("because",
             "%" PRId64 " of its %" PRId64 " members failed since", r->a,
             r->b);
        break;
    case QN_CAUSE_GONE:
        line("because",
             "%" PRId64 " item%s that the stage had then %s in the job no "
             "more",
             r->a, r->a == 1 ? "" : "s", r->a == 1 ? "is" : "are");
        break;
    case QN_CAUSE_JOB:
        line("because", "the job (its steps, their parameters, the way it "
                        "reads) or the program has changed");
        break;
    }
}

static void
print_stale(const struct qn_explain *e, const struct qn_explain_found *f)
{
    struct qn_explain_reason reason[QN_EXPLAIN_REASONS];
    int n = qn_explain_differs(e, f, reason);

    for (int i = 0; i < n && i < REASONS; i++)
        print_cause(&reason[i]);
    if (n > REASONS)
        line("", "and %d more", n - REASONS);
    line("next", "`quern run` makes it anew");
}

/* The first line of a reason: frames have one each. */
static void
print_reason(const char *reason)
{
    size_t n = strcspn(reason, "\n");

    line("because", "%.*s", (int)n, n ? reason : "it failed");
}

static void
print_failed(const struct qn_explain_found *f)
{
    const struct qn_task *t = f->task;
    const char *reason = t && t->code ? t->reason
                         : f->target  ? f->target->reason
                                      : NULL;
    char text[64];

    print_reason(reason ? reason : "");
    if (f->trace.failed) {
        line("tried", "%d time%s in vain, last at %s", f->trace.failed,
             f->trace.failed == 1 ? "" : "s",
             time_text(text, sizeof text, f->trace.failed_ns));
        line("next", "it stays failed until its file or the job changes, or "
                     "`quern run --retry-failed`");
    }
}

static void
print_pending(const struct qn_explain *e, const struct qn_explain_found *f)
{
    const struct qn_explain_trace *t = &f->trace;
    char text[64];

    if (t->begun > t->done + t->failed && !e->running)
        line("because", "the run that had it in hand at %s ended before it",
             time_text(text, sizeof text, t->begun_ns));
    else if (t->failed && t->failed_ns > t->done_ns)
        line("because",
             "it failed at %s, and it or the job has changed since",
             time_text(text, sizeof text, t->failed_ns));
    else if (t->done && f->role == QN_EXPLAIN_RESULT)
        line("because", "its file is not there any more");
    else if (t->done && f->target && f->trace.name == f->target->name)
        line("because", "its result is not there any more");
}

static void
print_made(const struct qn_explain_found *f, int64_t when)
{
    char text[64], count[32];

    if (!when)
        return;
    if (f->trace.done && f->trace.name == f->target->name &&
        f->trace.seconds > 0)
        line("made", "%s, on %s in %s s", time_text(text, sizeof text, when),
             f->trace.host,
             qn_text_number(count, sizeof count,
                            (double)(int64_t)(f->trace.seconds * 1000 + 0.5) /
                                1000));
    else
        line("made", "%s", time_text(text, sizeof text, when));
}

/* ---- items and results ------------------------------------------------- */

static void
print_frames(const struct qn_explain_found *f)
{
    const struct qn_item *first = f->task->item,
                         *last = f->task[f->ntasks - 1].item;

    if (first->frame >= 0)
        line("frames", "%" PRId32 " to %" PRId32, first->frame,
             last->frame + last->nframes - 1);
}

/* Those that failed by themselves. */
static void
print_lost(const struct qn_explain_found *f)
{
    for (int i = 0; i < f->ntasks; i++) {
        const struct qn_task *t = &f->task[i];
        const char *p = t->reason;

        for (int64_t k = 0; k < qn_plan_lost(t); k++) {
            const char *why = strchr(p, ' ');

            line("lost frame", "%" PRId64 ":%.*s",
                 t->item->frame + t->lost->frame[k],
                 (int)strcspn(why, "\n"), why);
            p = strchr(p, '\n') + 1;
        }
    }
}

/* The file over all results of the stage. */
static void
print_single(const struct qn_explain *e, int s)
{
    const struct qn_stage *stage = e->run->plan.stage[s].stage;
    enum qn_single_state state;

    if (stage->output.single && !qn_single_look(&state, e->run, s, NULL))
        line("one file", "%s.h5 (%s)", stage->name, qn_single_word(state));
}

static void
print_target(const struct qn_explain *e, const struct qn_explain_found *f)
{
    const struct qn_plan_stage *st = &e->run->plan.stage[f->stage];
    const struct qn_target *t = f->target;
    bool member = f->role == QN_EXPLAIN_ITEM && st->stage->combine.given;
    int64_t when;
    enum qn_explain_state state = qn_explain_target(e, f->stage, t, &when);

    if (!t->name)
        return;
    if (member)
        line("member of", "%s (%s)", t->name, state_word(state));
    else
        line("result", "%s", t->name);
    if (st->stage->combine.given)
        line("members", "%" PRId64 " good of %" PRId64 ", %" PRId64 " needed",
             qn_plan_members(st, t), qn_plan_all_members(st, t),
             qn_plan_required(st, t));
    print_made(f, when);
    print_single(e, f->stage);
}

static void
print_item(const struct qn_explain *e, const struct qn_explain_found *f)
{
    enum qn_explain_state state = qn_explain_state(e, f);
    char text[64];

    printf("%s\n", state_word(state));
    if (f->task) {
        print_frames(f);
        print_lost(f);
    }
    if (f->target)
        print_target(e, f);
    if (state == QN_EXPLAIN_STALE)
        print_stale(e, f);
    else if (state == QN_EXPLAIN_FAILED || state == QN_EXPLAIN_BLOCKED)
        print_failed(f);
    else if (state == QN_EXPLAIN_HAND)
        line("since", "%s", time_text(text, sizeof text, f->trace.begun_ns));
    else if (state == QN_EXPLAIN_PENDING)
        print_pending(e, f);
    if (f->task)
        print_uses(e, f);
}

void
qn_explain_print(const struct qn_explain *e)
{
    for (size_t i = 0; i < e->nfound; i++) {
        const struct qn_explain_found *f = &e->found[i];
        const struct qn_plan_stage *st = &e->run->plan.stage[f->stage];

        printf("stage %s: ", st->stage->name);
        if (f->role == QN_EXPLAIN_OUT)
            print_out(st, f);
        else if (f->role != QN_EXPLAIN_OPERAND)
            print_item(e, f);
        else if (f->item->code)
            printf("its steps cannot use it: %s\n",
                   f->item->reason ? f->item->reason : "");
        else
            printf("used by the steps of %" PRId64 " item%s\n", f->users,
                   f->users == 1 ? "" : "s");
    }
}
