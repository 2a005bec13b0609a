/* How a run stands: its record, and what its journal has told since.
 *
 * The record (OUT/.quern/run.json) is written when a run starts, after each
 * stage and at its end; the journal has a line for each item.  Reads only, and
 * may do so while ranks write.  Without the journal the record alone counts.
 *
 *     struct qn_status s = {0};
 *     QN_TRY(qn_status_load(&s, output, err));
 *     ...
 *     qn_status_clear(&s);
 */
#ifndef QN_ENGINE_STATUS_H
#define QN_ENGINE_STATUS_H

#include <jansson.h>

#include "engine/single.h"
#include "io/past.h"

enum qn_status_state {
    QN_STATUS_RUNNING,
    QN_STATUS_DONE,
    QN_STATUS_FAILED,  /* it came to its end; some items failed            */
    QN_STATUS_STOPPED, /* it was asked to                                  */
    QN_STATUS_WATCHING, /* all is done, it waits for new files             */
    QN_STATUS_BROKEN,  /* it ended on an error of its own: disk full, MPI  */
    QN_STATUS_WAITING, /* a shard: what it uses was not there              */
    QN_STATUS_DIED     /* nobody holds the lock, but the record says that
                          it runs                                          */
};

struct qn_status_stage {
    const char *name;
    int64_t items, done, failed;
    int64_t before;  /* of done, by earlier runs                           */
    int64_t aside;   /* not tried (what they need failed), or not asked for */
    int64_t left;
    int64_t results; /* that it is to have                                 */
    const char *single; /* the one file over them; NULL: it has none       */
    enum qn_single_state single_state;
    int64_t single_bytes, single_ns; /* internal: as the record has it     */
};

struct qn_status_failure {
    int stage;         /* index                                            */
    const char *item;  /* path, or the name of a combined result           */
    int code;
    const char *reason;
    bool late;         /* from the journal; internal                       */
};

/* An item in a worker's hands (of a run that died: when it died). */
struct qn_status_flight {
    int stage;        /* index */
    const char *name; /* as in struct qn_record                            */
    const char *item, *host;
    int rank;
    double seconds;
};

struct qn_status {
    enum qn_status_state state;
    bool stopping;      /* it was asked to stop and has not yet             */
    const char *job, *host;
    uint64_t run; /* 0: not known; of shards that which began last   */
    long pid;
    int ranks, nodes;
    int64_t started_ns; /* wall time, ns since 1970; 0: not known          */
    double seconds;     /* that it took, or has taken                      */
    struct qn_status_stage *stage;     /* owned, in job order              */
    size_t nstages;
    struct qn_status_failure *failure; /* owned, by stage and item         */
    size_t nfailures;
    struct qn_status_flight *flight;   /* owned, the longest first         */
    size_t nflights;
    int64_t items;      /* that this run has done, or tried                */
    int64_t bytes;      /* that these held; -1: not known                  */
    bool journaled;     /* the journal knows this run                      */
    long damaged;       /* lines of the journal                            */

    uint64_t *runs; /* owned, [nruns]: all that count          */
    size_t nruns;
    json_t *shards;             /* {STATE: COUNT}; NULL: a whole run       */
    json_t *record;             /* owned: texts are borrowed from it ...   */
    struct qn_past past;        /* ... and from this, of this run alone    */
    struct qn_status_note *note; /* owned, [past.nitems]                   */
    size_t notes_cap;
    int64_t last_ns;            /* of the run's last line                  */
};

/* Of the last run or, where shards have begun since, of all of them; tag: of
 * that shard alone, see shard.h; NULL.
 * QN_EUSAGE: that is no output folder.  QN_EFORMAT: its record is damaged. */
int qn_status_load(struct qn_status *s, const char *output, const char *tag,
                   struct qn_error *err);

/* Sums over the stages. */
struct qn_status_stage
qn_status_total(const struct qn_status *s);

void
qn_status_clear(struct qn_status *s);

#endif
