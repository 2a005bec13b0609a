/* quern exec [options] -- PROGRAM WORDS ::: FILES: a job without a job file.
 *
 * The words become OUT/job.yaml and OUT/files.csv, which stay; what happens
 * then is `run` or, for --dry-run, `plan`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/message.h"
#include "base/text.h"
#include "cli/cli.h"
#include "engine/stop.h"
#include "io/atomic.h"
#include "model/command.h"

static const struct argp_option options[] = {
    {"output", 'o', "DIR", 0, "Where results and records go (default: exec.out)",
     0},
    {"writes", 'w', "NAME", 0,
     "What the program writes at {output}: a name such as {stem}.out (the "
     "default if the command names {output}), or a folder NAME/; may be "
     "repeated for {output2} ...",
     0},
    {"stdout", 'O', "NAME", 0, "Keep its standard output under that name", 0},
    {"uses", 'u', "FILE", 0,
     "A file that all items use, whose change makes them stale; may be "
     "repeated (files named in the command are found by themselves)",
     0},
    {"rows", 'R', "FILE.csv", 0,
     "Once for each row of a table, whose columns are fields, in place of "
     "files",
     0},
    {"concurrency", 'j', "N", 0, "So many at a time a rank (default: cores)",
     0},
    {"threads", 't', "N", 0,
     "Threads that each may use: {threads}, OMP_NUM_THREADS and the like "
     "(default: 1)",
     0},
    {"timeout", 'T', "TIME", 0,
     "End one after so long, as in 90 or 10min (default: 300 s and 1 s for "
     "each 10 MB)",
     0},
    {"retries", 'r', "N", 0,
     "Try again after a crash or a timeout (default: 1)", 0},
    {"retry-failed", 'F', NULL, 0, "Try again what failed before", 0},
    {"fresh", 'f', NULL, 0, "Take nothing for done (default: resume)", 0},
    {"dry-run", 'n', NULL, 0, "Print the commands; write nothing", 0},
    {"help", 'h', NULL, 0, "Show this text", 0},
    {0},
};

static const char doc[] =
    "Run a program once for each file, several at a time, and remember what "
    "is done: the same command again carries on. {input}, {output}, "
    "{threads}, {stem} and other fields are filled into the words, which no "
    "shell sees.\vFILES end the line behind `:::`; `:::: LIST` reads them from "
    "a list (@ of a job file), `:::: -` from standard input, one a line. The "
    "job file that this stands for is kept in DIR/job.yaml. Exit codes are "
    "those of `quern run`.";

struct words {
    struct qn_cli_job job;     /* output, fresh, retry_failed, speak        */
    struct qn_strings writes, uses;
    const char *catch, *rows, *concurrency, *threads, *timeout, *retries;
    bool dry;
    char **command;            /* borrowed, [n]                             */
    int n;
    char **files;              /* borrowed, [nfiles]: behind :::            */
    int nfiles;
    const char *list;          /* behind ::::                               */
};

static error_t
take(int key, char *arg, struct argp_state *state)
{
    struct words *w = state->input;
    int rc = 0;

    switch (key) {
    case 'o': w->job.output = arg; break;
    case 'w': rc = qn_cli_keep(&w->writes, arg); break;
    case 'O': w->catch = arg; break;
    case 'u': rc = qn_cli_keep(&w->uses, arg); break;
    case 'R': w->rows = arg; break;
    case 'j': w->concurrency = arg; break;
    case 't': w->threads = arg; break;
    case 'T': w->timeout = arg; break;
    case 'r': w->retries = arg; break;
    case 'F': w->job.retry_failed = true; break;
    case 'f': w->job.fresh = true; break;
    case 'n': w->dry = true; break;
    case 'h':
        w->job.help = true;
        if (w->job.speak)
            qn_cli_help(state);
        break;
    case ARGP_KEY_ARG:
        if (w->job.speak)
            fprintf(stderr, "quern: the program stands behind `--`: quern "
                            "exec [options] -- PROGRAM {input} ::: FILES\n");
        return ECANCELED;
    default: return ARGP_ERR_UNKNOWN;
    }
    return rc ? ENOMEM : 0;
}

/* ---- the three parts of the line ---------------------------------------------- */

static int
complain(const struct words *w, const char *what)
{
    if (w->job.speak)
        fprintf(stderr, "quern: %s; see `quern exec --help`\n", what);
    return QN_EUSAGE;
}

static int
find(int from, int argc, char **argv, const char *word)
{
    while (from < argc && strcmp(argv[from], word))
        from++;
    return from;
}

static int
take_parts(struct words *w, int argc, char **argv)
{
    int dash = find(1, argc, argv, "--");
    int names = find(dash, argc, argv, ":::");
    int list = find(dash, argc, argv, "::::");
    int end = names < list ? names : list;
    struct argp argp = {.options = options, .parser = take, .doc = doc,
                        .args_doc = "-- PROGRAM [WORD...] ::: FILE..."};

    QN_TRY(qn_cli_words(&argp, w->job.speak, w, dash, argv));
    if (w->job.help)
        return 0;
    if (end - dash < 2)
        return complain(w, "no program is named behind `--`");
    w->command = argv + dash + 1;
    w->n = end - dash - 1;
    if (names < list) {
        w->files = argv + names + 1;
        w->nfiles = argc - names - 1;
    } else if (list < argc) {
        if (argc - list != 2)
            return complain(w, "`::::` wants the name of one list, or -");
        w->list = argv[list + 1];
    }
    if (w->rows ? end < argc : !w->nfiles && !w->list)
        return complain(w, w->rows ? "--rows takes the place of files; leave "
                                     "`:::` out"
                                   : "no files are named; they stand behind "
                                     "`:::`, or in a list behind `::::`");
    return 0;
}

/* ---- the job file --------------------------------------------------------------- */

/* A text in quotes, as YAML and JSON both read it. */
static void
add_text(struct qn_text *t, const char *s)
{
    qn_text_add(t, "\"");
    for (; *s; s++)
        if (*s == '"' || *s == '\\')
            qn_text_add(t, "\\%c", *s);
        else if ((unsigned char)*s < ' ' || *s == 127)
            qn_text_add(t, "\\x%02x", (unsigned)(unsigned char)*s);
        else
            qn_text_bytes(t, s, 1);
    qn_text_add(t, "\"");
}

static bool
is_file(const char *word)
{
    struct stat st;

    return !strpbrk(word, "{}") && *word != '-' && *word != '/' &&
           !stat(word, &st) && S_ISREG(st.st_mode);
}

static void
add_uses(struct qn_text *t, const struct words *w)
{
    const char *before = "        uses: [";

    for (size_t i = 0; i < w->uses.n; i++, before = ", ") {
        qn_text_add(t, "%s", before);
        add_text(t, w->uses.v[i]);
    }
    // a bare program name is one of PATH, whatever lies here
    for (int i = 0; i < w->n; i++)
        if (is_file(w->command[i]) && (i || strchr(w->command[i], '/'))) {
            qn_text_add(t, "%s", before);
            add_text(t, w->command[i]);
            before = ", ";
        }
    if (*before == ',')
        qn_text_add(t, "]\n");
}

static void
add_writes(struct qn_text *t, const struct words *w)
{
    bool named = false;

    for (int i = 0; i < w->n; i++)
        named = named || strstr(w->command[i], "{output");
    if (w->writes.n || named)
        qn_text_add(t, "        writes: [");
    for (size_t i = 0; i < w->writes.n; i++) {
        qn_text_add(t, "%s", i ? ", " : "");
        add_text(t, w->writes.v[i]);
    }
    if (w->writes.n || named)
        qn_text_add(t, "%s]\n", w->writes.n ? "" : "\"{stem}.out\"");
    if (w->catch) {
        qn_text_add(t, "        stdout: ");
        add_text(t, w->catch);
        qn_text_add(t, "\n");
    }
}

static void
add_key(struct qn_text *t, const char *key, const char *value)
{
    if (!value)
        return;
    qn_text_add(t, "%s: ", key);
    add_text(t, value);
    qn_text_add(t, "\n");
}

/* A key for a number: YAML is to see it as one. */
static void
add_number(struct qn_text *t, const char *key, const char *value)
{
    if (value)
        qn_text_add(t, "%s: %s\n", key, value);
}

static void
make_job(struct qn_text *t, const struct words *w, const char *files)
{
    char cwd[4096] = ".";

    if (!getcwd(cwd, sizeof cwd))
        strcpy(cwd, ".");
    qn_text_add(t, "# What `quern exec` was asked for.  To carry on by hand:\n"
                   "#     quern run job.yaml --data ");
    qn_command_quote(t, cwd);
    qn_text_add(t, "\nname: exec\noutput: .\n");
    add_number(t, "concurrency", w->concurrency);
    add_number(t, "threads", w->threads);
    qn_text_add(t, "stages:\n  exec:\n    input: {%s: ",
                w->rows ? "rows" : "files");
    add_text(t, w->rows ? w->rows : files);
    qn_text_add(t, "}\n");
    add_key(t, "    timeout", w->timeout);
    add_number(t, "    retries", w->retries);
    qn_text_add(t, "    steps:\n    - exec:\n        command:\n");
    for (int i = 0; i < w->n; i++) {
        qn_text_add(t, "        - ");
        add_text(t, w->command[i]);
        qn_text_add(t, "\n");
    }
    add_writes(t, w);
    add_uses(t, w);
}

/* ---- the list of files ------------------------------------------------------------- */

static void
add_cell(struct qn_text *t, const char *s, size_t n)
{
    qn_text_add(t, "\"");
    for (size_t i = 0; i < n; i++)
        qn_text_add(t, s[i] == '"' ? "\"\"" : "%c", s[i]);
    qn_text_add(t, "\"\n");
}

static void
make_files(struct qn_text *t, const struct words *w)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n;

    qn_text_add(t, "path\n");
    for (int i = 0; i < w->nfiles; i++)
        add_cell(t, w->files[i], strlen(w->files[i]));
    while (w->list && (n = getline(&line, &room, stdin)) > 0) {
        n -= line[n - 1] == '\n';
        if (n)
            add_cell(t, line, (size_t)n);
    }
    free(line);
}

/* ---- doing it -------------------------------------------------------------------------- */

static int
write_file(char **path, const char *folder, const char *name,
           const struct qn_text *text, struct qn_error *err)
{
    QN_TRY(qn_text_check(text, err));
    if (asprintf(path, "%s/%s", folder, name) < 0) {
        *path = NULL;
        return qn_fail(err, QN_ENOMEM, "no memory for a path");
    }
    return qn_atomic_write(*path, qn_text_get(text), text->len, err);
}

/* The name of a list in a job: from the current folder, or whole. */
static int
name_list(char **name, const char *path, struct qn_error *err)
{
    char *whole = realpath(path, NULL);
    int n = asprintf(name, "@%s", whole ? whole : path);

    free(whole);
    if (n < 0)
        *name = NULL;
    return n < 0 ? qn_fail(err, QN_ENOMEM, "no memory for a path") : 0;
}

/* On rank 0: both files into a folder; *job is the job's. */
static int
write_files(const struct words *w, const char *folder, char **job,
            char **list, struct qn_error *err)
{
    bool given = w->list && strcmp(w->list, "-") != 0;
    struct qn_text text = {0};
    char *name = NULL;
    int rc = qn_atomic_folder(folder, err);

    if (!rc && !given && !w->rows) {
        make_files(&text, w);
        rc = write_file(list, folder, "files.csv", &text, err);
        qn_text_clear(&text);
    }
    if (!rc && !w->rows)
        rc = name_list(&name, given ? w->list : *list, err);
    if (!rc) {
        make_job(&text, w, name);
        rc = write_file(job, folder, "job.yaml", &text, err);
        qn_text_clear(&text);
    }
    free(name);
    return rc;
}

static int
show_commands(struct words *w)
{
    char folder[] = "/tmp/quern-exec-XXXXXX";
    struct qn_error err = {0};
    char *job = NULL, *list = NULL;
    int code;

    if (!mkdtemp(folder)) {
        qn_fail(&err, QN_EIO, "no folder for a job file in /tmp");
        return qn_cli_exit(&err, true);
    }
    w->job.commands = true;
    if (write_files(w, folder, &job, &list, &err)) {
        code = qn_cli_exit(&err, true);
    } else {
        w->job.file = job;
        code = qn_cmd_plan_job(&w->job);
    }
    if (list)
        unlink(list);
    if (job)
        unlink(job);
    rmdir(folder);
    free(list);
    free(job);
    return code;
}

static int
run_files(struct words *w, struct qn_comm *comm)
{
    struct qn_error err = {0};
    char *job = NULL, *list = NULL, *name = NULL;
    int code, rc = 0;

    if (comm->rank == 0)
        rc = write_files(w, w->job.output, &job, &list, &err);
    if (asprintf(&name, "%s/job.yaml", w->job.output) < 0)
        rc = qn_fail(&err, QN_ENOMEM, "no memory for a path");
    rc = qn_comm_agree(comm, rc, &err);
    w->job.file = name;
    if (!rc)
        qn_message(QN_NOTE, "the job file of this is %s", name);
    code = rc ? qn_cli_exit(&err, w->job.speak)
              : qn_cmd_run_job(&w->job, comm);
    free(job);
    free(list);
    free(name);
    return code;
}

int
qn_cmd_exec(int argc, char **argv)
{
    struct words w = {.job = {.data = ".", .output = "exec.out"}};
    struct qn_comm comm = {0};
    int code = qn_cli_join(&comm, &w.job.speak);

    if (code)
        return code;
    qn_stop_listen();
    if (take_parts(&w, argc, argv))
        code = QN_EXIT_USAGE;
    else if (w.dry && !w.job.help)
        code = comm.rank ? QN_EXIT_DONE : show_commands(&w);
    else if (!w.job.help)
        code = run_files(&w, &comm);
    qn_cli_drop(&w.writes);
    qn_cli_drop(&w.uses);
    qn_cli_free(&w.job);
    if (comm.rank)
        code = QN_EXIT_DONE;
    qn_comm_close(&comm);
    return code;
}
