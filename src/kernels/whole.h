/* One number of all the samples of an item, wherever they are: its median,
 * mean or largest sample.
 *
 * It is found in rounds.  In each, all samples are looked at, in any order and
 * by anybody, and integers are counted up; those of all who looked are added,
 * and the next round is known.  Integers do not mind in which order they are
 * added, so the number is the same for any number of ranks and threads: ranks
 * of a sorted order are counted out digit by digit, and sums are exact.
 *
 *     qn_whole_begin(&w, &statistic, real)
 *     while (!w.done) {
 *         qn_whole_take(&w, ...)       of all samples
 *         qn_whole_settle(&w)
 *         add up w.tally[0 ... QN_WHOLE_TALLY) of all
 *         qn_whole_turn(&w)
 *     }
 *     w.s holds what was asked for
 *
 * All local. */
#ifndef QN_KERNELS_WHOLE_H
#define QN_KERNELS_WHOLE_H

#include <stddef.h>

#include "model/shape.h"
#include "quern/kernel.h"

#define QN_WHOLE_TALLY 2048

struct qn_whole {
    struct qn_statistic s;
    enum qn_dtype real; /* QN_F32 or QN_F64                              */
    bool done, counted; /* the end; the first round is over              */
    int left, width;    /* bits of a key not known yet; of the next digit */
    uint64_t prefix;    /* those that are                                */
    int64_t rank;       /* among the samples that begin so, from 0       */
    int64_t further;    /* places behind it of one more sample that is wanted;
                           -1: none                                      */
    double low;         /* the sample that was found before that         */
    int64_t since;      /* samples added since limbs were carried on     */
    int64_t tally[QN_WHOLE_TALLY];
};

void
qn_whole_begin(
    struct qn_whole *w, const struct qn_statistic *s, enum qn_dtype real);

/* n samples of the real type, step apart. */
void
qn_whole_take(struct qn_whole *w, const void *v, size_t n, int64_t step);

/* Make the tally fit to be added to those of others. */
void
qn_whole_settle(struct qn_whole *w);

/* Clears the tally for the next round. */
void
qn_whole_turn(struct qn_whole *w);

/* The samples that a statistic is taken of. */
struct qn_box
qn_whole_box(const struct qn_statistic *s, int ndims);

/* A kernel's apply(), for an item in one place. */
int
qn_whole_apply(
    const struct qn_overall *k, const void *params, const struct qn_call *call,
    struct qn_error *err);

#endif
