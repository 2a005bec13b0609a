/* Memory for operands: one file a stage, so that what a stage kept is gone
 * with it.  What lies in it only workers know. */
#include "engine/masters.h"

#include <errno.h>
#include <unistd.h>

#include "comm/share.h"
#include "engine/run.h"
#include "io/shelf.h"
#include "model/need.h"

enum { SLOT = 2 }; /* see worker/worker.h */

int
qn_masters_open(struct qn_run *run, int s, struct qn_error *err)
{
    const struct qn_need *need = &run->plan.stage[s].need;
    const int64_t mine = qn_need_shelf(need, run->split.concurrency);
    bool shared = false;
    int fd = -1;

    qn_masters_close(run);
    // of all ranks the same: the plan is
    if (!need->every || need->apart)
        return 0;
    QN_TRY(qn_share_memory(&fd, &shared, run->comm, QN_SHELF_BOARD, err));
    if (fd >= 0 && !mine)
        close(fd);
    if (fd < 0 || !mine)
        return 0;
    run->masters.fd = fd;
    run->masters.bytes = shared ? mine * run->comm->node_size : mine;
    qn_farm_memory(&run->farm, SLOT, fd);
    return 0;
}

void
qn_masters_close(struct qn_run *run)
{
    if (!run->masters.bytes)
        return;
    qn_farm_memory(&run->farm, SLOT, -1);
    // workers that are asked for nothing more still hold it open; what cannot
    // be given back now is when they end
    if (ftruncate(run->masters.fd, QN_SHELF_BOARD))
        errno = 0;
    close(run->masters.fd);
    run->masters = (struct qn_masters){.fd = -1};
}
