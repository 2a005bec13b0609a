/* quern stop DIR: ask a running run to drain. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/folder.h"
#include "engine/drain.h"
#include "engine/shard_lock.h"

static const struct argp_option options[] = {
    {"help", 'h', NULL, 0, "Show this text", 0},
    {0},
};

static const char doc[] =
    "Ask the run in the output folder DIR to stop: it finishes what is in "
    "hand, begins nothing new and leaves with exit code 75. The same `quern "
    "run` carries on later.\vExit codes: 0 it was asked, 2 no run is going "
    "on in DIR.";

static int
stop_run(const char *output)
{
    struct qn_lock_holder holder;
    struct qn_error err = {0};
    bool before;

    if (qn_drain_ask(output, &holder, &before, &err))
        return qn_cli_exit(&err, true);
    printf("The run on %s, pid %ld, %s to stop: it finishes what is in hand "
           "and leaves with exit code 75.\n`quern status %s` says how it "
           "stands.\n",
           holder.host[0] ? holder.host : "an unknown host", holder.pid,
           before ? "was asked before" : "is asked", output);
    if (qn_shard_lock_look(output, NULL) == QN_LOCK_HELD)
        printf("Shards that have not begun are not asked: tasks that wait in "
               "SLURM are taken back with scancel.\n");
    return QN_EXIT_DONE;
}

int
qn_cmd_stop(int argc, char **argv)
{
    struct qn_folder_words w = {0};

    if (qn_folder_words(&w, options, doc, argc, argv))
        return QN_EXIT_USAGE;
    return w.help ? QN_EXIT_DONE : stop_run(w.output);
}
