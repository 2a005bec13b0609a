/* Options by glibc's argp, and those of the commands that take a job.
 *
 * argp prints and exits by itself; under MPI only rank 0 may speak and nobody
 * may leave, so both are switched off and --help is ours. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/cli.h"
#include "engine/shard.h"

enum { MOST_RANKS = 1 << 20 };

int
qn_cli_keep(struct qn_strings *s, const char *word)
{
    char **v = realloc(s->v, (s->n + 1) * sizeof *v);

    if (!v)
        return QN_ENOMEM;
    s->v = v;
    QN_TRY(qn_memory_copy(&v[s->n], word, NULL));
    s->n++;
    return 0;
}

static void
complain(struct qn_cli_job *o, const char *what, const char *word)
{
    if (o->speak && !o->rc)
        fprintf(stderr, "quern: %s '%s'; see `--help`\n", what, word);
    o->rc = QN_EUSAGE;
}

static long long
take_count(struct qn_cli_job *o, const char *option, const char *arg)
{
    char *end, what[80];
    long long n = strtoll(arg, &end, 10);

    snprintf(what, sizeof what, "%s needs a number, at least 1, not", option);
    if (*end || n < 1)
        complain(o, what, arg);
    return n;
}

/* The same as --set memory=SIZE. */
static void
take_memory(struct qn_cli_job *o, const char *arg)
{
    char word[128];
    int64_t bytes;

    if (qn_memory_parse(&bytes, arg, NULL))
        complain(o, "--memory needs a size such as 4GiB, not", arg);
    snprintf(word, sizeof word, "memory=%.100s", arg);
    if (qn_cli_keep(&o->sets, word))
        o->rc = QN_ENOMEM;
}

/* The same as --set threads=N. */
static void
take_threads(struct qn_cli_job *o, const char *arg)
{
    char word[64], *end;
    long n = strtol(arg, &end, 10);

    if (strcmp(arg, "auto") && (*end || n < 1 || n > 4096))
        complain(o, "--threads needs a number from 1 to 4096, or auto, not",
                 arg);
    snprintf(word, sizeof word, "threads=%.40s", arg);
    if (qn_cli_keep(&o->sets, word))
        o->rc = QN_ENOMEM;
}

static void
take_allowed(struct qn_cli_job *o, const char *arg)
{
    char *end;

    o->allowed = strtod(arg, &end);
    o->allowed_percent = *end == '%';
    if (end == arg || (*end && strcmp(end, "%")) || !(o->allowed >= 0))
        complain(o, "--allow-failures needs a number or a percentage, not",
                 arg);
}

static double
take_seconds(struct qn_cli_job *o, const char *option, const char *arg)
{
    char *end, what[80];
    double seconds = strtod(arg, &end);

    snprintf(what, sizeof what, "%s needs seconds, not", option);
    if (end == arg || *end || !(seconds >= 0) || !(seconds < 1e9))
        complain(o, what, arg);
    return seconds;
}

static void
take_deadline(struct qn_cli_job *o, const char *arg)
{
    o->deadline = take_seconds(o, "--deadline", arg);
    if (o->deadline == 0)
        complain(o, "--deadline needs seconds, not", arg);
}

static void
take_shard(struct qn_cli_job *o, const char *arg)
{
    struct qn_error err = {0};

    if (!qn_shard_parse(&o->shard, &o->shards, arg, &err))
        return;
    if (o->speak && !o->rc)
        fprintf(stderr, "quern: %s\n", err.text);
    o->rc = QN_EUSAGE;
}

/* The number of a word in a table that ends with NULL. */
static int
take_word(struct qn_cli_job *o, const char *option, const char *const *words,
          const char *arg)
{
    char what[120];
    int n = snprintf(what, sizeof what, "%s is", option);

    for (int i = 0; words[i]; i++) {
        if (!strcmp(words[i], arg))
            return i;
        n += snprintf(what + n, sizeof what - (size_t)n, "%s %s",
                      !i            ? ""
                      : words[i + 1] ? ","
                                     : " or",
                      words[i]);
    }
    snprintf(what + n, sizeof what - (size_t)n, ", not");
    complain(o, what, arg);
    return 0;
}

void
qn_cli_help(const struct argp_state *state)
{
    // argp_state_help says nothing once errors are switched off
    argp_help(state->root_argp, stdout,
              ARGP_HELP_STD_HELP & ~(unsigned)ARGP_HELP_EXIT_OK, state->name);
}

static void
take_team(struct qn_cli_job *o, const char *arg)
{
    char *end;
    long n = strtol(arg, &end, 10);

    o->team = -1;
    if (!strcmp(arg, "all"))
        return;
    if (*end || n < 1 || n > INT32_MAX)
        complain(o, "--team needs a number of ranks or all, not", arg);
    o->team = (int)n;
}

static error_t
take(int key, char *arg, struct argp_state *state)
{
    struct qn_cli_job *o = state->input;

    static const char *const syncs[] = {"group", "item", "off", NULL};
    static const char *const kinds[] = {"auto", "plain", "none", NULL};

    switch (key) {
    case 'd': o->data = arg; break;
    case 'o': o->output = arg; break;
    case 's': o->stage = arg; break;
    case 'f': o->fresh = true; break;
    case 'i': o->items = true; break;
    case 'j': o->json = true; break;
    case 'l': o->list_outputs = true; break;
    case 'c': o->commands = true; break;
    case 'M': take_memory(o, arg); break;
    case 't': take_threads(o, arg); break;
    case 'T': o->strict_threads = true; break;
    case 'O': o->only = arg; break;
    case 'n': o->limit = take_count(o, "--limit", arg); break;
    case 'k': o->keep_steps = true; break;
    case 'r': o->retry_failed = true; break;
    case 'm': o->max_failures = take_count(o, "--max-failures", arg); break;
    case 'F': o->max_failures = 1; break;
    case 'a': take_allowed(o, arg); break;
    case 'D': take_deadline(o, arg); break;
    case QN_CLI_VERIFY: o->verify_content = true; break;
    case QN_CLI_NO_OVERLAP: o->no_overlap = true; break;
    case QN_CLI_RANKS:
        o->ranks = take_count(o, "--ranks", arg);
        if (o->ranks > MOST_RANKS)
            complain(o, "--ranks: there are not so many", arg);
        break;
    case QN_CLI_WATCH: o->watch = true; break;
    case QN_CLI_PROGRESS:
        o->progress =
            (enum qn_progress_kind)take_word(o, "--progress", kinds, arg);
        break;
    case QN_CLI_SETTLE: o->settle = take_seconds(o, "--settle", arg); break;
    case QN_CLI_SYNC:
        o->sync = (enum qn_sync)take_word(o, "--sync", syncs, arg);
        break;
    case QN_CLI_SHARD: take_shard(o, arg); break;
    case QN_CLI_TEAM: take_team(o, arg); break;
    case 'S':
        if (!strchr(arg, '='))
            complain(o, "--set needs path.to.key=value, not", arg);
        else if (qn_cli_keep(&o->sets, arg))
            o->rc = QN_ENOMEM;
        break;
    case 'h':
        o->help = true;
        if (o->speak)
            qn_cli_help(state);
        break;
    case ARGP_KEY_ARG:
        if (!o->file)
            o->file = arg;
        else if (qn_cli_keep(&o->arguments, arg))
            o->rc = QN_ENOMEM;
        break;
    case ARGP_KEY_END:
        if (!o->file && !o->no_job && !o->help && !o->rc) {
            if (o->speak)
                fprintf(stderr, "quern: which job? Usage: quern %s JOB.yaml\n",
                        state->name + strlen("quern "));
            o->rc = QN_EUSAGE;
        }
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return o->rc ? ECANCELED : 0;
}

/* The nearest option to a mistyped one, or NULL. */
static const char *
near_option(const struct argp_option *options, const char *word)
{
    const char *names[64];
    size_t n = 0;

    for (; (options->name || options->doc) && n < 63; options++)
        if (options->name)
            names[n++] = options->name;
    names[n] = NULL;
    return qn_text_nearest(word, names);
}

/* Options that a later version will have. */
static bool
comes_later(const char *word)
{
    static const char *const later[] = {
        "trace"};

    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        if (!strcmp(word, later[i]))
            return true;
    return false;
}

static void
say_unknown(const struct argp_option *options, const char *command,
            const char *word)
{
    const char *near = near_option(options, word);

    if (comes_later(word))
        fprintf(stderr, "quern: `--%s` is not available in this version\n",
                word);
    else if (near)
        fprintf(stderr, "quern: unknown option --%s; did you mean --%s?\n",
                word, near);
    else
        fprintf(stderr,
                "quern: unknown option --%s; `quern %s --help` lists them\n",
                word, command);
}

/* argp does not tell which word was wrong when it is silent: find it. */
static void
name_unknown(const struct argp_option *options, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char word[128];
        bool known = false;

        if (strncmp(argv[i], "--", 2))
            continue;
        snprintf(word, sizeof word, "%.*s", (int)strcspn(argv[i] + 2, "="),
                 argv[i] + 2);
        for (const struct argp_option *p = options; p->name; p++)
            known = known || !strncmp(p->name, word, strlen(word));
        if (known)
            continue;
        say_unknown(options, argv[0], word);
        return;
    }
    fprintf(stderr, "quern: an option is unknown or lacks its value; see "
                    "`quern %s --help`\n",
            argv[0]);
}

int
qn_cli_words(const struct argp *argp, bool speak, void *input, int argc,
             char **argv)
{
    char name[64], *first = argv[0];
    error_t bad;

    // argp shows argv[0] in its usage line
    snprintf(name, sizeof name, "quern %s", argv[0]);
    argv[0] = name;
    bad = argp_parse(argp, argc, argv,
                     ARGP_NO_EXIT | ARGP_NO_ERRS | ARGP_NO_HELP, NULL, input);
    argv[0] = first;
    if (bad == ENOMEM)
        return QN_ENOMEM;
    // ECANCELED: the command said already what is wrong
    if (bad && bad != ECANCELED && speak)
        name_unknown(argp->options, argc, argv);
    return bad ? QN_EUSAGE : 0;
}

int
qn_cli_parse(struct qn_cli_job *o, const struct argp_option *options,
             const char *doc, int argc, char **argv)
{
    struct argp argp = {.options = options, .parser = take,
                        .args_doc = o->no_job ? "[JOB]" : "JOB [FILE...]",
                        .doc = doc};
    int rc = qn_cli_words(&argp, o->speak, o, argc, argv);

    if (!o->rc)
        o->rc = rc;
    return o->rc;
}

void
qn_cli_drop(struct qn_strings *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->v[i]);
    free(s->v);
    *s = (struct qn_strings){0};
}

void
qn_cli_free(struct qn_cli_job *o)
{
    qn_cli_drop(&o->sets);
    qn_cli_drop(&o->arguments);
}
