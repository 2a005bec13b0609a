/* quern explain JOB FILE: why that item is done, stale, failed or pending.
 * Plans as `run` does, writes nothing, starts no MPI. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/message.h"
#include "cli/cli.h"
#include "cli/explain.h"

static const struct argp_option options[] = {
    {"data", 'd', "DIR", 0,
     "Base of relative inputs (default: the job file's folder)", 0},
    {"output", 'o', "DIR", 0,
     "Where the results are (default: the job's `output`, else NAME.out "
     "beside the job file)",
     0},
    {"set", 'S', "PATH=VALUE", 0, "Change the job; may be repeated", 0},
    {"verify-content", QN_CLI_VERIFY, NULL, 0,
     "As in `run`: where that was given", 0},
    {"help", 'h', NULL, 0, "Show this text", 0},
    {0},
};

static const char doc[] =
    "Say for one file, in every stage of the job, whether it is left out, "
    "done, stale, failed or still to do, why, and which results and files "
    "it uses. FILE is an input, an operand or a result: as the plan names "
    "it, or from the current folder.\vExit codes: 0; 2 the file is in no "
    "stage, or the job is wrong.";

static bool
reads_arguments(const struct qn_job *job)
{
    for (int s = 0; s < job->nstages; s++)
        if (job->stages[s].input.arguments)
            return true;
    return false;
}

/* A job over files named behind it has this one for its input. */
static int
take_argument(struct qn_cli_loaded *l, struct qn_cli_job *o, const char *file,
              struct qn_error *err)
{
    char *whole;

    if (!reads_arguments(&l->job))
        return 0;
    whole = realpath(file, NULL);
    if (qn_cli_keep(&o->arguments, whole ? whole : file)) {
        free(whole);
        return qn_fail(err, QN_ENOMEM, "no memory for a path");
    }
    free(whole);
    return 0;
}

static int
not_found(const struct qn_explain *e, const char *file)
{
    const char *near = qn_explain_near(e, file);

    if (near)
        qn_message(QN_ERROR, "%s is in no stage of the job; did you mean %s?",
                   file, near);
    else
        qn_message(QN_ERROR,
                   "%s is in no stage of the job; `quern plan --items` lists "
                   "what is (data folder %s)",
                   file, e->run->options->data);
    return QN_EXIT_USAGE;
}

static int
show(struct qn_run *run, const char *file, struct qn_error *err)
{
    struct qn_explain e;
    int code = QN_EXIT_DONE;

    if (qn_explain_open(&e, run, file, err))
        return qn_cli_exit(err, true);
    if (!e.nfound) {
        code = not_found(&e, file);
    } else {
        if (e.damaged)
            qn_message(QN_WARNING,
                       "%ld damaged lines of the journal were passed over",
                       e.damaged);
        printf("%s\n", file);
        qn_explain_print(&e);
    }
    qn_explain_close(&e);
    if (!fflush(stdout) && !ferror(stdout))
        return code;
    qn_fail(err, QN_EIO, "the answer could not be written");
    return qn_cli_exit(err, true);
}

static int
explain(struct qn_cli_job *o, const char *file)
{
    struct qn_comm alone = {.size = 1, .nodes = 1, .node_size = 1};
    struct qn_cli_loaded l = {0};
    struct qn_run run = {0};
    struct qn_error err = {0};
    int code, rc = qn_cli_load(&l, o, &alone, &err);

    if (!rc)
        rc = take_argument(&l, o, file, &err);
    if (!rc)
        rc = qn_run_prepare(&run, &l.job, &l.options, &alone, &err);
    code = rc ? qn_cli_exit(&err, true) : show(&run, file, &err);
    qn_run_clear(&run);
    qn_cli_unload(&l);
    return code;
}

int
qn_cmd_explain(int argc, char **argv)
{
    struct qn_cli_job o = {.speak = true};
    struct qn_strings files = {0};
    int code = QN_EXIT_USAGE;

    if (qn_cli_parse(&o, options, doc, argc, argv)) {
        // what is wrong was said
    } else if (o.help) {
        code = QN_EXIT_DONE;
    } else if (o.arguments.n != 1) {
        fprintf(stderr, "quern: explain %s file? Usage: quern explain "
                        "JOB.yaml FILE\n",
                o.arguments.n ? "more than one" : "which");
    } else {
        // the file is ours, not an input that the job is given
        files = o.arguments;
        o.arguments = (struct qn_strings){0};
        code = explain(&o, files.v[0]);
    }
    qn_cli_drop(&files);
    qn_cli_free(&o);
    return code;
}
