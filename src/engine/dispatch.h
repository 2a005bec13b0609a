/* Getting units of work done by all workers of all ranks. */
#ifndef QN_ENGINE_DISPATCH_H
#define QN_ENGINE_DISPATCH_H

#include "comm/comm.h"
#include "engine/farm.h"
#include "engine/progress.h"

/* What a phase of the run does with its units 0 ... total-1; the first come
 * first.  Callbacks are local; an error they return ends the phase on all
 * ranks (disk full), a failed item is none. */
struct qn_work {
    int64_t total;
    void *ctx;

    /* The request for a unit (given away), and its time limit in seconds.
     * *request stays NULL where there is nothing to be done. */
    int (*request)(
        void *ctx, int64_t unit, json_t **request, double *timeout,
        struct qn_error *err);

    /* A worker turns to the unit now (NULL: nothing to do). */
    int (*begin)(void *ctx, int64_t unit, struct qn_error *err);

    /* What became of it: reply, or NULL and why. */
    int (*finish)(
        void *ctx, int64_t unit, const json_t *reply,
        const struct qn_error *why, struct qn_error *err);

    /* Called now and then while the phase goes on; NULL: nothing to do. */
    int (*tick)(void *ctx, struct qn_error *err);

    /* Items of a unit that is done, *failed of them although there is a reply;
     * NULL: one, none. */
    int64_t (*items)(void *ctx, int64_t unit, const json_t *reply, int64_t *failed);

    /* Bytes of input of a unit; NULL: not known. */
    int64_t (*bytes)(void *ctx, int64_t unit);

    int64_t most_failed; /* of all ranks: then nothing new is begun; 0: no
                            limit                                         */
    struct qn_progress *progress; /* borrowed, begun; NULL: not shown */
};

/* Collective over comm.  *stopped (may be NULL): somebody asked to stop, and
 * units were left undone.
 *
 * With a deadline (engine/stop.h) a unit that is not expected to be finished by
 * then is left undone too: by the time that units took on this rank, for each
 * byte where bytes are known.  Nothing learned yet: it is begun. */
int
qn_dispatch(
    struct qn_farm *farm, struct qn_comm *comm, const struct qn_work *work,
    bool *stopped, struct qn_error *err);

#endif
