/* exec: the page about it.  What it does is no numerics and is not done here:
 * a stage that begins with it runs a program for each item (model/command.h).
 */
#include "quern/kernel.h"

struct params {
    const char *command, *writes, *catch, *uses, *env, *cwd;
};

#define ROW(name, field, preset, help)                                         \
    {                                                                          \
        name, QN_OPTION_TEXT, offsetof(struct params, field), preset, NULL,    \
            NULL, help                                                         \
    }

static const struct qn_option options[] = {
    ROW("command", command, NULL,
        "The program and its words, as one text or a list. {input}, {output}, "
        "{output2}, {outputs}, {threads}, {data} and the item's fields are "
        "filled in after the words are told apart; {{ is a brace."),
    ROW("writes", writes, "",
        "What the program leaves at {output}: a name below the stage's "
        "folder, such as {stem}.out, a list of names, or a folder NAME/."),
    ROW("stdout", catch, "", "A name for its standard output, kept likewise."),
    ROW("uses", uses, "",
        "Files that all items use, a script say: when one changes, the items "
        "are made again. A word of the command that is written like one of "
        "them becomes its full path."),
    ROW("env", env, "", "Environment variables, {NAME: value}."),
    ROW("cwd", cwd, "",
        "Where it runs, from the data folder; else in a fresh folder that is "
        "removed afterwards."),
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

const struct qn_kernel qn_kernel_exec = {
    .name = "exec",
    .summary = "any program, once per item",
    .definition =
        "The program is started once for each item, without a shell, with "
        "/dev/null as its input, in a process group of its own, which ends "
        "with it or at the stage's `timeout`. OMP_NUM_THREADS and the like "
        "are set to the threads it may use. Exit status 0, and every output "
        "there, is success: the outputs then appear under their names by "
        "rename. Otherwise the item fails, with the status and the last line "
        "of stderr as its reason; both streams are kept in "
        "OUT/.quern/logs/STAGE/. exec is the first step; what stands behind "
        "it, or `combine`, reads what it wrote. The key of a result is kept "
        "in OUT/.quern/keys/STAGE/.",
    .kind = QN_KIND_OTHER,
    .version = 1,
    .params_size = sizeof(struct params),
    .options = options,
    .shorthand = "command",
};
