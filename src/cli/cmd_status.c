/* quern status DIR: progress of a running or finished run.  Reads the record
 * and the journal; needs neither MPI nor leave to write. */
#include <stdio.h>

#include "base/message.h"
#include "cli/cli.h"
#include "cli/folder.h"
#include "cli/status.h"
#include "engine/shard.h"

static const struct argp_option options[] = {
    {"failed", 'F', NULL, 0, "A line for each failed item, with its reason", 0},
    {"shard", 'S', "I/N", 0,
     "Only that of `run --shard I/N`, and of its --stage if it had one", 0},
    {"stage", 's', "NAME", 0, "The --stage of that shard", 0},
    {"json", 'j', NULL, 0, "All of it for other programs", 0},
    {"help", 'h', NULL, 0, "Show this text", 0},
    {0},
};

static const char doc[] =
    "Say how the run in the output folder DIR stands: what is done, failed, "
    "in hand and left, how fast it goes, and when it will be done.\vThe exit "
    "code is the run's: 0 all done (or "
    "running, or watching), 3 some items failed, 75 "
    "stopped or died: run the same command again. 2: DIR is no output "
    "folder. Of shards all are summed up: 75 also where some have not "
    "begun.";

static int
exit_code(const struct qn_status *s)
{
    switch (s->state) {
    case QN_STATUS_WATCHING:
        return s->nfailures ? QN_EXIT_ITEMS : QN_EXIT_DONE;
    case QN_STATUS_RUNNING:
    case QN_STATUS_DONE: return QN_EXIT_DONE;
    case QN_STATUS_FAILED: return QN_EXIT_ITEMS;
    case QN_STATUS_BROKEN: return QN_EXIT_RUN;
    case QN_STATUS_STOPPED:
    case QN_STATUS_WAITING:
    case QN_STATUS_DIED: break;
    }
    return QN_EXIT_STOPPED;
}

static int
show(const struct qn_status *s, const struct qn_folder_words *w)
{
    struct qn_error err = {0};

    if (w->json) {
        int bad = qn_status_json(s);

        return bad ? bad : exit_code(s);
    }
    if (w->failed)
        qn_status_print_failures(s);
    else
        qn_status_print(s, w->output);
    if (!fflush(stdout) && !ferror(stdout))
        return exit_code(s);
    qn_fail(&err, QN_EIO, "the answer could not be written");
    return qn_cli_exit(&err, true);
}

static int
status_of(const struct qn_folder_words *w)
{
    struct qn_status s = {0};
    struct qn_error err = {0};
    char tag[QN_SHARD_TAG] = "";
    int code;

    if (w->shards || w->stage) {
        const struct qn_run_options one = {
            .stage = w->stage, .shard = w->shard, .shards = w->shards};

        qn_shard_tag(tag, sizeof tag, &one);
    }
    if (qn_status_load(&s, w->output, *tag ? tag : NULL, &err))
        return qn_cli_exit(&err, true);
    if (!s.journaled)
        qn_message(QN_WARNING,
                   "%s/.quern/journal has no line of this run: what happened "
                   "since %s is not known",
                   w->output,
                   s.state == QN_STATUS_RUNNING ? "its last stage ended"
                                                : "its record was written");
    else if (s.damaged)
        qn_message(QN_WARNING,
                   "%s/.quern/journal: %ld damaged lines were passed over",
                   w->output, s.damaged);
    code = show(&s, w);
    if (w->failed && !w->json && !s.nfailures)
        qn_message(QN_NOTE, "no item has failed");
    qn_status_clear(&s);
    return code;
}

int
qn_cmd_status(int argc, char **argv)
{
    struct qn_folder_words w = {0};

    if (qn_folder_words(&w, options, doc, argc, argv))
        return QN_EXIT_USAGE;
    return w.help ? QN_EXIT_DONE : status_of(&w);
}
