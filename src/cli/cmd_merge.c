/* quern merge DIR/STAGE -o FILE: one file over the results of a stage.
 *
 * Under a launcher rank 0 works and the others wait asleep. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/message.h"
#include "base/text.h"
#include "cli/cli.h"
#include "engine/merge.h"
#include "engine/stop.h"

static const struct argp_option options[] = {
    {"output", 'o', "FILE", 0,
     "The file to write; one that is there is replaced", 0},
    {"fields", 'F', "A,B", 0,
     "Columns of /entry/items: header cards, or stem, name, dir of the item",
     0},
    {"sort", 's', "FIELD", 0,
     "Order by this field, numbers by value, text and dates by bytes, what "
     "has none last (default: order of items)",
     0},
    {"product", 'p', "NAME", 0,
     "Only this product; may be repeated (default: all)", 0},
    {"concat", 'c', NULL, 0,
     "Join along the first axis (default: a new axis in front, a place an "
     "item; tables are always joined)",
     0},
    {"virtual", 'v', NULL, 0,
     "Copy nothing: show the results where they lie, at most 512", 0},
    {"skip-broken", 'k', NULL, 0,
     "Mark results that are damaged or of another shape, and go on", 0},
    {"help", 'h', NULL, 0, "Show this text", 0},
    {0},
};

static const char doc[] =
    "Write one HDF5 file over the results of a stage, as the record of its "
    "run has them: DIR/STAGE is a folder of results in the output folder DIR. "
    "What is stored is copied as it is stored. Rows of packed results count as "
    "items. /entry/items says of each item "
    "its path, its result's file, status (done, failed, absent, broken), "
    "reason and key; places without a result hold NaN, or 0 in whole numbers."
    "\vExit codes: 0 merged, 1 the file could not be written, 2 usage, 3 "
    "results are broken, or not done yet (failed items alone are no failure "
    "here: the run has told of them), 75 stopped.";

struct words {
    struct qn_merge_ask ask;
    bool help, speak;
};

static void
say(const struct words *w, const char *text)
{
    if (w->speak)
        fprintf(stderr, "quern: %s\n", text);
}

static error_t
keep_fields(struct words *w, char *words)
{
    for (char *word; (word = strsep(&words, ","));) {
        if (!*word) {
            say(w, "a name is missing in the list of fields; write A,B");
            return ECANCELED;
        }
        if (qn_cli_keep(&w->ask.fields, word))
            return ENOMEM;
    }
    return 0;
}

static error_t
check(const struct words *w)
{
    if (w->help)
        return 0;
    if (!w->ask.stage)
        say(w, "merge what? Usage: quern merge DIR/STAGE -o FILE");
    else if (!w->ask.file)
        say(w, "into which file? Usage: quern merge DIR/STAGE -o FILE");
    else
        return 0;
    return ECANCELED;
}

static error_t
take(int key, char *arg, struct argp_state *state)
{
    struct words *w = state->input;

    switch (key) {
    case 'o': w->ask.file = arg; break;
    case 'F': return keep_fields(w, arg);
    case 's': w->ask.sort = arg; break;
    case 'p': return qn_cli_keep(&w->ask.products, arg) ? ENOMEM : 0;
    case 'c': w->ask.concat = true; break;
    case 'v': w->ask.is_virtual = true; break;
    case 'k': w->ask.skip_broken = true; break;
    case 'h':
        w->help = true;
        if (w->speak)
            qn_cli_help(state);
        break;
    case ARGP_KEY_ARG:
        if (w->ask.stage) {
            say(w, "one stage at a time");
            return ECANCELED;
        }
        w->ask.stage = arg;
        break;
    case ARGP_KEY_END: return check(w);
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* ---- telling ------------------------------------------------------------- */

static int
tell(const struct words *w, const struct qn_merge_told *t, double seconds)
{
    char size[32];

    if (t->anew)
        qn_message(QN_NOTE,
                   "%lld of %lld results were stored anew: their chunks do "
                   "not fit into those of the whole",
                   (long long)t->anew, (long long)t->done);
    if (t->broken)
        qn_message(QN_WARNING,
                   "%lld %s broken and left out; /entry/items says why",
                   (long long)t->broken,
                   t->broken == 1 ? "result is" : "results are");
    if (t->absent)
        qn_message(QN_WARNING,
                   "%lld %s no result: what is needed failed, or the run has "
                   "not come to its end; `quern status` tells",
                   (long long)t->absent,
                   t->absent == 1 ? "item has" : "items have");
    qn_message(QN_NOTE,
               "%lld of %lld items merged, %lld failed in the run; %s (%s) "
               "in %.2f s",
               (long long)t->done, (long long)t->items, (long long)t->failed,
               w->ask.file, qn_text_size(size, sizeof size, (double)t->bytes),
               seconds);
    return t->broken || t->absent ? QN_EXIT_ITEMS : QN_EXIT_DONE;
}

/* A result that does not fit is no failure of the merge itself. */
static int
exit_code(const struct words *w, const struct qn_error *err)
{
    int code = qn_cli_exit(err, w->speak);

    switch (err->code) {
    case QN_EFORMAT:
    case QN_ESHAPE:
    case QN_EVALUE:
    case QN_ECRASH:
    case QN_ETIMEOUT: return QN_EXIT_ITEMS;
    default: return code;
    }
}

static int
merge(struct words *w, struct qn_comm *comm)
{
    struct qn_merge_told told = {0};
    struct qn_error err = {0};
    double t0 = qn_clock_now();
    int rc = comm->rank ? 0 : qn_merge(&told, &w->ask, &err);

    rc = qn_comm_agree(comm, rc, &err);
    if (rc)
        return exit_code(w, &err);
    return comm->rank ? QN_EXIT_DONE : tell(w, &told, qn_clock_now() - t0);
}

int
qn_cmd_merge(int argc, char **argv)
{
    struct argp argp = {.options = options,
                        .parser = take,
                        .args_doc = "DIR/STAGE",
                        .doc = doc};
    struct words w = {0};
    struct qn_comm comm = {0};
    int code = qn_cli_join(&comm, &w.speak);

    if (code)
        return code;
    qn_stop_listen();
    if (qn_cli_words(&argp, w.speak, &w, argc, argv))
        code = QN_EXIT_USAGE;
    else if (!w.help)
        code = merge(&w, &comm);
    qn_cli_drop(&w.ask.fields);
    qn_cli_drop(&w.ask.products);
    // only rank 0 speaks through its exit code, after MPI has ended
    if (comm.rank && !qn_comm_alone(&comm))
        code = QN_EXIT_DONE;
    qn_comm_close(&comm);
    return code;
}
