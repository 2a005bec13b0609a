/* How long units take on this rank, learned while it works, so that near a
 * deadline none is begun in vain.  Local. */
#ifndef QN_ENGINE_PACE_H
#define QN_ENGINE_PACE_H

#include <stddef.h>
#include <stdint.h>

struct qn_pace_hand {
    int64_t unit;
    double since; /* clock */
};

struct qn_pace {
    struct qn_pace_hand *hand; /* owned: units at work                    */
    size_t n, cap;
    double seconds, bytes;     /* of the units that are done              */
    int64_t done;
};

/* A unit is worked on since now, or anew. */
void
qn_pace_begin(struct qn_pace *p, int64_t unit, double now);

/* It is done; one that never began teaches nothing. */
void
qn_pace_end(struct qn_pace *p, int64_t unit, int64_t bytes, double now);

/* Seconds that a unit of so many bytes (0: not known) is expected to take: in
 * proportion to its bytes where those of the others are known, else as long
 * as the others on average; 0 while nothing is learned. */
double
qn_pace_guess(const struct qn_pace *p, int64_t bytes);

void
qn_pace_clear(struct qn_pace *p);

#endif
