/* Claims between teams.
 *
 * The run's first rank computes like any other, so it answers between tiles,
 * while it waits for its worker, and between items: whoever asks waits no
 * longer than that.  No team waits for another, so none waits for ever.
 * Knows nothing of what a unit is. */
#include "engine/team_claim.h"

#include <stdlib.h>

#include "engine/stop.h"

int
qn_team_claim_open(struct qn_team_claim *c, struct qn_comm *all,
                   struct qn_comm *team, int64_t total, struct qn_error *err)
{
    int rc;

    *c = (struct qn_team_claim){.all = all, .team = team};
    QN_TRY(qn_comm_split(all, team->rank ? -1 : 0, &c->leaders, err));
    rc = team->rank ? 0
                    : qn_claims_open(&c->claims, &c->leaders, total, 1, err);
    return qn_comm_agree(all, rc, err);
}

void
qn_team_claim_serve(void *claim)
{
    struct qn_team_claim *c = claim;

    if (!c->claims)
        return;
    // what goes wrong comes out of the next claim
    if (qn_stop_asked() && !qn_claims_stopped(c->claims))
        (void)qn_claims_stop(c->claims, NULL);
    else
        (void)qn_claims_serve(c->claims, NULL);
    if (qn_claims_stopped(c->claims) && !qn_stop_asked())
        qn_stop_ask();
}

/* Local, on the team's first rank. */
static int
claim(struct qn_team_claim *c, int64_t *unit, struct qn_error *err)
{
    int naps = 0;

    for (;;) {
        bool got = false;

        if (qn_stop_asked())
            return qn_claims_stop(c->claims, err);
        QN_TRY(qn_claims_serve(c->claims, err));
        QN_TRY(qn_claims_take(c->claims, unit, &got, err));
        if (got)
            return 0;
        *unit = -1;
        if (qn_claims_finished(c->claims))
            return 0;
        if (c->idle)
            QN_TRY(c->idle(c->whom, err));
        qn_comm_nap(&naps);
    }
}

int
qn_team_claim_next(struct qn_team_claim *c, int64_t *unit,
                   struct qn_error *err)
{
    int64_t said = -1;
    void *heard = &said;
    size_t n = sizeof said;
    int rc = c->claims ? claim(c, &said, err) : 0;

    *unit = -1;
    QN_TRY(qn_comm_agree(c->team, rc, err));
    QN_TRY(qn_comm_broadcast(c->team, &heard, &n, 0, err));
    *unit = *(const int64_t *)heard;
    if (heard != &said)
        free(heard);
    return 0;
}

int
qn_team_claim_close(struct qn_team_claim *c, bool *stopped,
                    struct qn_error *err)
{
    struct qn_error word = {0};
    bool stop = *stopped;
    int rc;

    if (stop && c->claims)
        (void)qn_claims_stop(c->claims, NULL);
    rc = qn_claims_close(c->claims, &stop, err);
    c->claims = NULL;
    rc = qn_comm_agree(c->all, rc, err);
    qn_comm_release(&c->leaders);
    if (rc)
        return rc;
    // the others of a team hear of it here
    if (stop || *stopped)
        rc = qn_fail(&word, QN_ESTOPPED, "stopped");
    *stopped = qn_comm_agree(c->all, rc, &word) != 0;
    return 0;
}
