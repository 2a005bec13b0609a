/* Items to teams, as these become free: the first rank of each team claims, the
 * others of the team follow.
 *
 *     qn_team_claim_open(&c, all, team, total, err);  collective over all
 *     for (;;) {
 *         qn_team_claim_next(&c, &unit, err);         collective over the team
 *         if (unit < 0) break;
 *         ... now and then qn_team_claim_serve(&c) ...
 *     }
 *     qn_team_claim_close(&c, &stopped, err);         collective over all
 */
#ifndef QN_ENGINE_TEAM_CLAIM_H
#define QN_ENGINE_TEAM_CLAIM_H

#include "comm/claims.h"

struct qn_team_claim {
    struct qn_comm *all, *team; /* borrowed                                  */
    struct qn_comm leaders;     /* owned: the first ranks of all teams; zero
                                   on the others                             */
    struct qn_claims *claims;   /* owned; NULL on the others                 */
    int (*idle)(void *whom, struct qn_error *err); /* called while the next unit
                                   is waited for; NULL: nothing is           */
    void *whom;                 /* borrowed                                  */
};

/* Collective over all ranks.  Units 0 ... total-1 are given out in this order.
 * To be closed also after a failure. */
int
qn_team_claim_open(
    struct qn_team_claim *c, struct qn_comm *all, struct qn_comm *team, int64_t total,
    struct qn_error *err);

/* Local.  c is a struct qn_team_claim.  On the run's first rank: answer who has
 * asked; on those of teams: take up what it said.  Who is asked to stop tells
 * the others, and they are asked then, too. */
void
qn_team_claim_serve(void *c);

/* Collective over the team.  *unit: the next for it; -1: there is none, or
 * somebody was asked to stop. */
int
qn_team_claim_next(struct qn_team_claim *c, int64_t *unit, struct qn_error *err);

/* Collective over all ranks.  *stopped: this team has stopped; then: some team
 * has. */
int
qn_team_claim_close(struct qn_team_claim *c, bool *stopped, struct qn_error *err);

#endif
