/* quern: the first word chooses the command.
 *
 * Each command is a thin file, cmd_NAME.c; what they share is in options.c
 * and load.c. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"

const struct qn_cli_command qn_cli_commands[] = {
    {"run", "do what is not yet done", qn_cmd_run},
    {"plan", "say what run would do, and write nothing", qn_cmd_plan},
    {"init", "write a job file to start from", qn_cmd_init},
    {"ls", "say what is in the inputs", qn_cmd_ls},
    {"kernels", "list the kernels, or explain one", qn_cmd_kernels},
    {"explain", "say why an item is done, stale or failed", qn_cmd_explain},
    {"status", "progress of a run", qn_cmd_status},
    {"verify", "recompute outputs and compare", NULL},
    {"merge", "one file over a stage's outputs", qn_cmd_merge},
    {"export", "write outputs in another format", NULL},
    {"view", "a picture of a dataset", NULL},
    {"report", "one page about a run", NULL},
    {"doctor", "facts and warnings about this machine", qn_cmd_doctor},
    {"tune", "find the best number of ranks and threads", NULL},
    {"submit", "send the job to SLURM", qn_cmd_submit},
    {"exec", "one program over files, without a job file", qn_cmd_exec},
    {"stop", "ask a running run to stop", qn_cmd_stop},
    {"clean", "remove what no longer belongs to the job", qn_cmd_clean},
    {NULL, NULL, NULL},
};

static void
print_help(FILE *to)
{
    fprintf(to, "Usage: quern COMMAND [options]\n\n"
                "Grinds directories of raw data files into reduced HDF5 "
                "files,\non one core or on many MPI ranks.\n\n");
    for (const struct qn_cli_command *c = qn_cli_commands; c->name; c++)
        if (c->run)
            fprintf(to, "  %-8s %s\n", c->name, c->summary);
    fprintf(to, "\n`quern COMMAND --help` explains one. "
                "`quern run JOB` on a workstation uses all its cores;\n"
                "`mpirun -n 8 quern run JOB` uses the ranks.\n\n"
                "Exit codes: 0 all done, 1 the run failed, 2 usage or job "
                "file, 3 some items failed,\n75 stopped before the end: run "
                "the same command again.\n");
}

static int
unknown_command(const char *word)
{
    const char *names[sizeof qn_cli_commands / sizeof *qn_cli_commands];
    const char *near;
    size_t n = 0;

    for (const struct qn_cli_command *c = qn_cli_commands; c->name; c++)
        if (c->run)
            names[n++] = c->name;
    names[n] = NULL;
    near = qn_text_nearest(word, names);
    if (near)
        fprintf(stderr, "quern: unknown command '%s'; did you mean '%s'?\n",
                word, near);
    else
        fprintf(stderr, "quern: unknown command '%s'; `quern --help` lists "
                        "them\n",
                word);
    return QN_EXIT_USAGE;
}

static int
run_command(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "--help";

    if (!strcmp(word, "--version")) {
        printf("quern %s\n", QN_VERSION);
        return 0;
    }
    if (!strcmp(word, "--help") || !strcmp(word, "help") ||
        !strcmp(word, "-?")) {
        print_help(argc > 1 ? stdout : stderr);
        return argc > 1 ? QN_EXIT_DONE : QN_EXIT_USAGE;
    }
    for (const struct qn_cli_command *c = qn_cli_commands; c->name; c++) {
        if (strcmp(word, c->name))
            continue;
        if (c->run)
            return c->run(argc - 1, argv + 1);
        fprintf(stderr, "quern: `%s` is not available in this version\n",
                word);
        return QN_EXIT_USAGE;
    }
    return unknown_command(word);
}

int
main(int argc, char **argv)
{
    int code = run_command(argc, argv);

    // a disk may be full under stdout too
    if (!fflush(stdout) && !ferror(stdout))
        return code;
    if (code == QN_EXIT_DONE) {
        fprintf(stderr, "quern: the answer could not be written\n");
        code = QN_EXIT_RUN;
    }
    return code;
}
