/* The past: what the journal says of each result, for a run that carries on.
 *
 * A result is known by its stage and its name, as in struct qn_record.  Its
 * last line of begin, done and failed says how it stands; where its output
 * stands is what its last `done` line says, even if something was begun or
 * failed since: the file is then still the one of that line, and a job that
 * wants that key again may have it.
 *
 *     struct qn_past past = {0};
 *     QN_TRY(qn_past_load(&past, folder, NULL, err));
 *     const struct qn_past_item *p = qn_past_find(&past, "flat", "flat/B.h5");
 *     if (p && p->bytes == st.st_size && qn_key_is(&p->done_key, key)) ...
 *     qn_past_clear(&past);
 *
 * A run died if it has no run-end and another run began after it.  (The last
 * run may be alive, so it is not held to have died; a run that carries on adds
 * its own run-begin, settles, and then the one before it counts.)  `crashes`
 * counts, for one key, the runs that died while they had the result in hand,
 * since it was last done or failed; what a run repeats by itself is one.  Runs
 * that go on side by side, array tasks say, look dead to each other until they
 * end.
 *
 * Linear in lines; memory grows with results, of which there may be 2^32 - 1
 * (QN_ENOMEM beyond).  All local. */
#ifndef QN_IO_PAST_H
#define QN_IO_PAST_H

#include <stddef.h>

#include "base/pool.h"
#include "io/journal.h"
#include "model/key.h"

/* There may be a million: texts are in the table's pool. */
struct qn_past_item {
    const char *stage, *name;
    const char *reason;             /* of a failed one, else NULL           */
    struct qn_fingerprint key;      /* of the last line                     */
    struct qn_fingerprint done_key; /* of the last done line, or none       */
    int64_t bytes, mtime_ns;        /* likewise: of the output; 0 if none   */
    int64_t time_ns;                /* of the last line                     */
    uint64_t run;                   /* likewise                             */
    uint32_t flight, hash;          /* internal                             */
    int crashes;                    /* see above                            */
    int16_t attempt;                /* of the last line: 1 the first        */
    int16_t code;                   /* likewise: of a failed one, else 0    */
    bool lost;                      /* likewise: its `lost` is not 0        */
    uint8_t kind;                   /* enum qn_record_kind of the last line:
                                       begin (it was in flight when that was
                                       written), done or failed             */
};

struct qn_past_run {
    uint64_t id;
    size_t order; /* internal: its place among the runs                     */
    bool began;   /* its run-begin was seen                                 */
    bool ended;   /* its run-end was seen                                   */
    bool died;    /* see above                                              */
};

struct qn_past_flight;

struct qn_past {
    struct qn_past_item *item; /* owned, in order of their first lines      */
    size_t nitems, items_cap;
    struct qn_past_run *run;   /* owned, likewise                           */
    size_t nruns, runs_cap;
    uint32_t *item_slot, *run_slot; /* owned: hash tables                   */
    size_t item_slots, run_slots;
    struct qn_past_flight *flight; /* owned: runs that had items in hand    */
    size_t nflights, flights_cap;
    uint32_t free_flight;
    size_t order;
    struct qn_pool pool;       /* owned                                     */
};

/* Read all of a journal (see qn_journal_load).  past is zero or cleared. */
int
qn_past_load(struct qn_past *past, const char *folder, long *damaged, struct qn_error *err);

/* One more line, in the order of qn_journal_load, whose each it can be (past
 * is a struct qn_past); counts of runs that died are old until
 * qn_past_settle.  QN_ENOMEM. */
int
qn_past_add(void *past, const struct qn_record *r, struct qn_error *err);

/* Find the runs that died and count.  May be called again after more lines. */
void
qn_past_settle(struct qn_past *past);

/* NULL if the journal has nothing of it.  Lasts until the next line is
 * added. */
const struct qn_past_item *
qn_past_find(const struct qn_past *past, const char *stage, const char *name);

void
qn_past_clear(struct qn_past *past);

#endif
