/* What a program of `exec` needs to be there: itself, and the files it uses.
 *
 * Asked once a stage, before anything runs.  Its words are exec.c's. */
#include "engine/exec_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/message.h"
#include "engine/inputs.h"
#include "model/command.h"

/* Size and time of each file of `uses`. */
static int
stat_uses(const struct qn_run *run, const struct qn_stage *stage,
          struct qn_items *uses, struct qn_error *err)
{
    for (size_t i = 0; i < stage->command.uses.n; i++) {
        char *path = qn_inputs_path(run, stage->command.uses.v[i]);
        struct qn_item *item;
        struct stat st;
        int bad = path ? stat(path, &st) : -1;

        free(path);
        if (bad)
            return qn_fail(err, QN_EMISSING,
                           "stage %s: %s, which exec uses, is not in %s",
                           stage->name, stage->command.uses.v[i],
                           run->options->data);
        QN_TRY(qn_item_add(uses, stage->command.uses.v[i], &item, err));
        item->bytes = st.st_size;
        item->mtime_ns =
            st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
    }
    return 0;
}

static bool
is_in_path(const char *name)
{
    const char *path = getenv("PATH"), *p = path ? path : "/bin:/usr/bin";

    for (;; p++) {
        size_t n = strcspn(p, ":");
        char *full = NULL;
        bool there = asprintf(&full, "%.*s/%s", (int)n, p, name) >= 0 &&
                     !access(full, X_OK);

        free(full);
        if (there || !p[n])
            return there;
        p += n;
    }
}

/* The program itself, unless its name has fields. */
static int
check_program(const struct qn_run *run, const struct qn_stage *stage,
              struct qn_error *err)
{
    const char *name = stage->command.words.v[0];
    struct qn_strings none = {0};
    struct qn_command first = {.words = {stage->command.words.v, 1},
                               .uses = stage->command.uses};
    struct qn_command_facts facts = {.data = run->options->data};
    int rc;

    if (strpbrk(name, "{}"))
        return 0;
    rc = qn_command_words(&none, &first, &facts, err);
    if (!rc && strchr(none.v[0], '/') && access(none.v[0], X_OK))
        rc = qn_fail(err, QN_EMISSING, "stage %s: the program %s: %s",
                     stage->name, none.v[0], strerror(errno));
    else if (!rc && !strchr(none.v[0], '/') && !is_in_path(none.v[0]))
        rc = qn_fail(err, QN_EMISSING,
                     "stage %s: the program %s is not in PATH; one beside the "
                     "data is named ./%s",
                     stage->name, none.v[0], none.v[0]);
    qn_command_drop(&none);
    return rc;
}

/* A relative name is not found from the folder that the program runs in. */
static void
warn_relative(const struct qn_run *run, const struct qn_stage *stage)
{
    const struct qn_command *c = &stage->command;

    for (size_t i = 1; i < c->words.n && !c->cwd; i++) {
        const char *word = c->words.v[i];
        bool used = strpbrk(word, "{}/") == word || *word == '-';
        char *path;
        struct stat st;

        for (size_t k = 0; k < c->uses.n; k++)
            used = used || !strcmp(c->uses.v[k], word);
        if (used || strchr(word, '{') || *word == '/' || !*word)
            continue;
        path = qn_inputs_path(run, word);
        if (path && !stat(path, &st) && S_ISREG(st.st_mode))
            qn_message(QN_WARNING,
                       "stage %s: %s is a file of the data folder, but the "
                       "program runs in a folder of its own and does not find "
                       "it there; add it to exec's `uses`, or write "
                       "{data}/%s",
                       stage->name, word, word);
        free(path);
    }
}

int
qn_exec_check(const struct qn_run *run, const struct qn_stage *stage,
              struct qn_items *uses, struct qn_error *err)
{
    QN_TRY(check_program(run, stage, err));
    QN_TRY(stat_uses(run, stage, uses, err));
    warn_relative(run, stage);
    return 0;
}
