/* quern clean DIR: remove what no longer belongs to the job. */
#include <stdio.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/folder.h"
#include "cli/table.h"
#include "engine/clean.h"

static const struct argp_option options[] = {
    {"dry-run", 'n', NULL, 0, "Only list what would be removed", 0},
    {"help", 'h', NULL, 0, "Show this text", 0},
    {0},
};

static const char doc[] =
    "Remove from the output folder DIR the results of items and stages that "
    "the job which ran last no longer has, and what killed runs left behind. "
    "Nothing else is touched: only .h5 and .fits files of a stage, "
    "temporaries, and folders that are empty then.\vExit codes: 0 done, 1 "
    "something could not be removed, 2 a run is at work in DIR, or it is no "
    "output folder.";

static int
print_list(const struct qn_clean *c, struct qn_error *err)
{
    static const char *const why[] = {
        [QN_CLEAN_ORPHAN] = "its item is not in the job",
        [QN_CLEAN_STAGE] = "its stage is not in the job",
        [QN_CLEAN_TEMPORARY] = "a killed run left it",
        [QN_CLEAN_SCRATCH] = "scratch",
        [QN_CLEAN_FOLDER] = "empty then",
    };
    struct qn_table t = {.ncols = 3};
    char size[32];
    int rc;

    for (size_t i = 0; i < c->n; i++) {
        const struct qn_clean_entry *e = &c->v[i];
        bool folder = e->why == QN_CLEAN_FOLDER;

        qn_table_cell(&t, e->path);
        qn_table_cell(&t, folder ? "folder"
                                 : qn_text_size(size, sizeof size,
                                                (double)e->bytes));
        qn_table_cell(&t, why[e->why]);
    }
    rc = qn_table_print(&t, "", err);
    qn_table_clear(&t);
    return rc;
}

static void
print_sum(const struct qn_clean *c, const char *output, bool dry)
{
    char size[32], count[32];

    if (!c->n) {
        printf("nothing to remove in %s\n", output);
        return;
    }
    printf("%s %s file%s (%s)", dry ? "would remove" : "removed",
           qn_text_count(count, sizeof count, (long long)c->files),
           c->files == 1 ? "" : "s",
           qn_text_size(size, sizeof size, (double)c->bytes));
    if (c->folders)
        printf(" and %zu empty folder%s", c->folders,
               c->folders == 1 ? "" : "s");
    printf(" in %s\n", output);
}

static int
clean(const struct qn_folder_words *w)
{
    struct qn_clean c;
    struct qn_error err = {0};
    int rc;

    if (qn_clean_open(&c, w->output, w->dry, &err))
        return qn_cli_exit(&err, true);
    rc = w->dry ? print_list(&c, &err) : qn_clean_remove(&c, &err);
    print_sum(&c, w->output, w->dry);
    if (!rc && (fflush(stdout) || ferror(stdout)))
        rc = qn_fail(&err, QN_EIO, "the answer could not be written");
    qn_clean_close(&c);
    return rc ? qn_cli_exit(&err, true) : QN_EXIT_DONE;
}

int
qn_cmd_clean(int argc, char **argv)
{
    struct qn_folder_words w = {0};

    if (qn_folder_words(&w, options, doc, argc, argv))
        return QN_EXIT_USAGE;
    return w.help ? QN_EXIT_DONE : clean(&w);
}
