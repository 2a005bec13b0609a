/* The header of a combined result: the cards that are equal in all its
 * members, as the lowest of those has them.  Every rank merges what it sees;
 * in the end they share it. */
#ifndef QN_ENGINE_STACK_HEADER_H
#define QN_ENGINE_STACK_HEADER_H

#include "comm/comm.h"
#include "model/cards.h"

struct qn_stack_header {
    int lowest;            /* member, -1: none seen */
    struct qn_cards cards; /* owned                 */
};

/* Local.  One member more, or several of which it is the lowest; cards are
 * taken over. */
void
qn_stack_header_merge(
    struct qn_stack_header *h, int member, struct qn_cards *cards);

/* Collective over comm.  The same cards on every rank. */
int
qn_stack_header_share(
    struct qn_stack_header *h, struct qn_comm *comm, struct qn_error *err);

/* Local.  Say in the header, if there is one, of how many members it is. */
int
qn_stack_header_count(
    struct qn_stack_header *h, int used, struct qn_error *err);

#endif
