/* Going through the stages as a run does, and leaving the work out. */
#include "engine/settle.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/folder.h"
#include "engine/resume.h"

/* ---- what cannot be done ----------------------------------------------- */

static int
check_uses(const struct qn_run *run, struct qn_plan_stage *st,
           struct qn_task *t, struct qn_error *err)
{
    for (int i = 0; i < st->nuses; i++) {
        const struct qn_use *u = &t->use[i];
        const struct qn_task *row;
        const struct qn_target *from;
        char reason[512], label[400];
        bool failed;

        if (u->stage < 0)
            continue;
        from = &run->plan.stage[u->stage].target[u->target];
        row = qn_plan_pack_use(&run->plan, u);
        failed = from->code || (row && row->code);
        if (!failed && from->state != QN_SKIPPED)
            continue;
        snprintf(reason, sizeof reason, "%.300s, which it uses, %s",
                 qn_plan_pack_label(label, sizeof label, from->name, u->row),
                 failed ? "failed" : "is left out");
        return qn_plan_fail_task(st, t, QN_BLOCKED, QN_EMISSING, reason, err);
    }
    return 0;
}

static int
block_tasks(const struct qn_run *run, struct qn_plan_stage *st,
            struct qn_error *err)
{
    for (int i = 0; i < st->ntasks; i++) {
        struct qn_task *t = &st->task[i];

        if (t->state != QN_TODO)
            continue;
        QN_TRY(qn_plan_check_source(&run->plan, st, t, err));
        if (t->state == QN_TODO)
            QN_TRY(check_uses(run, st, t, err));
        if (t->code && !qn_plan_has_members(st))
            QN_TRY(qn_plan_fail_target(st, &st->target[t->target],
                                       (enum qn_state)t->state, t->code,
                                       t->reason, err));
    }
    return 0;
}

int
qn_settle_block(struct qn_run *run, int s, struct qn_error *err)
{
    int rc = 0;

    if (run->commons.leads) {
        rc = block_tasks(run, &run->plan.stage[s], err);
        if (!rc)
            rc = qn_plan_keys(&run->plan, s, err);
    }
    return qn_comm_agree(run->comm, rc, err);
}

/* ---- stage by stage ---------------------------------------------------- */

/* Results that have not enough members left. */
static int
fail_short(struct qn_plan_stage *st, struct qn_error *err)
{
    for (int i = 0; i < st->ntargets; i++)
        QN_TRY(qn_plan_check_members(st, &st->target[i], err));
    return 0;
}

int
qn_settle_stage(struct qn_run *run, int s, struct qn_error *err)
{
    struct qn_plan_stage *st = &run->plan.stage[s];
    int rc = qn_settle_block(run, s, err);

    if (!rc)
        rc = qn_resume_stage(run, s, err);
    if (!rc && run->commons.leads && qn_plan_has_members(st))
        rc = fail_short(st, err);
    return qn_comm_agree(run->comm, rc, err);
}

int
qn_settle_plan(struct qn_run *run, struct qn_error *err)
{
    for (int s = 0; s < run->job->nstages; s++)
        if (run->plan.stage[s].wanted)
            QN_TRY(qn_settle_stage(run, s, err));
    return 0;
}

int
qn_settle_past(struct qn_run *run, struct qn_error *err)
{
    char *folder;
    int rc;

    QN_TRY(qn_folder_path(&folder, run->options->output, "journal", err));
    rc = qn_past_load(&run->past, folder, NULL, err);
    free(folder);
    return rc ? rc : qn_settle_plan(run, err);
}
