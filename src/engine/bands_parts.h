/* What the files of bands.h share among themselves. */
#ifndef QN_ENGINE_BANDS_PARTS_H
#define QN_ENGINE_BANDS_PARTS_H

#include "engine/bands.h"

enum { QN_BANDS_MEMBER = 11, QN_BANDS_RESULT = 12 }; /* tags */

/* What a rank does in a round: pixels start ... start + count - 1. */
struct qn_bands_share {
    int64_t start, count;
};

struct qn_bands_round {
    struct qn_bands *b;
    int64_t pixels;            /* of the whole result                       */
    int64_t row;               /* shares are multiples of so many pixels    */
    int64_t most;              /* pixels a rank gets in a round             */
    size_t in, out;            /* bytes of a member's, a result's sample    */
    int64_t members;           /* that have not failed                      */
    int *task;                 /* owned, [members]: the task of each        */
    int64_t *place;            /* owned, [members]: bytes, in its owner's
                                  arena; direct: its frame, -1: none        */
    struct qn_transfer **moving; /* owned */
    size_t nmoving;
    char *held, *got, *made;   /* this rank's members, received, result     */
    struct qn_bands_share mine;
    int64_t piece;             /* pixels a worker gets at a time            */
    int64_t data_at, count_at; /* where in `result` this rank's pixels go   */
};

/* ---- bands_move.c ------------------------------------------------------------ */

/* Local.  The pixels of a rank. */
struct qn_bands_share
qn_bands_move_share(const struct qn_bands_round *r, int64_t round, int rank);

/* Local.  Start receiving, or sending, n bytes; p belongs to the transfer until
 * it has been waited for. */
int
qn_bands_move_in(
    struct qn_bands_round *r, int from, int tag, void *p, size_t n,
    struct qn_error *err);
int
qn_bands_move_out(
    struct qn_bands_round *r, int to, int tag, const void *p, size_t n,
    struct qn_error *err);

/* Local.  All transfers are waited for, even behind a failed one: they touch
 * memory that is given back afterwards. */
int
qn_bands_move_wait(struct qn_bands_round *r, struct qn_error *err);

/* By all ranks, without agreement.  My pixels of all members, and those that
 * others want of mine. */
int
qn_bands_move_members(struct qn_bands_round *r, int64_t round, struct qn_error *err);

/* By all ranks, without agreement.  Every rank's result to the leader. */
int
qn_bands_move_result(struct qn_bands_round *r, int64_t round, struct qn_error *err);

#endif
