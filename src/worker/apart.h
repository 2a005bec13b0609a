/* One item in a process of its own, which may crash or hang.  Local. */
#ifndef QN_WORKER_APART_H
#define QN_WORKER_APART_H

#include "worker/worker.h"

/* As qn_item_make, in a forked process; take is called here.  QN_ECRASH: the
 * process died; QN_ETIMEOUT: it took longer than limit seconds (0: no limit).
 * To be called before this process has threads. */
int
qn_apart_make(
    struct qn_worker *w, struct qn_item_call *call, double limit,
    int (*take)(
        void *ctx, const struct qn_product *products, size_t n,
        const struct qn_cards *cards, struct qn_error *err),
    void *ctx, struct qn_error *err);

#endif
