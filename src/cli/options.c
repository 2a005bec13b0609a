/* Options of the commands that take a job, by glibc's argp.
 *
 * argp prints and exits by itself; under MPI only rank 0 may speak and nobody
 * may leave, so both are switched off and --help is ours. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/cli.h"

static int
keep(struct qn_strings *s, const char *word)
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

static error_t
take(int key, char *arg, struct argp_state *state)
{
    struct qn_cli_job *o = state->input;

    switch (key) {
    case 'd': o->data = arg; break;
    case 'o': o->output = arg; break;
    case 's': o->stage = arg; break;
    case 'f': o->fresh = true; break;
    case 'i': o->items = true; break;
    case 'S':
        if (!strchr(arg, '='))
            complain(o, "--set needs path.to.key=value, not", arg);
        else if (keep(&o->sets, arg))
            o->rc = QN_ENOMEM;
        break;
    case 'h':
        o->help = true;
        // argp_state_help says nothing once errors are switched off
        if (o->speak)
            argp_help(state->root_argp, stdout,
                      ARGP_HELP_STD_HELP & ~(unsigned)ARGP_HELP_EXIT_OK,
                      state->name);
        break;
    case ARGP_KEY_ARG:
        if (!o->file)
            o->file = arg;
        else if (keep(&o->arguments, arg))
            o->rc = QN_ENOMEM;
        break;
    case ARGP_KEY_END:
        if (!o->file && !o->help && !o->rc) {
            if (o->speak)
                fprintf(stderr, "quern: which job? Usage: quern %s JOB.yaml\n",
                        state->name + strlen("quern "));
            o->rc = QN_EUSAGE;
        }
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
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

/* argp tells nobody which word was wrong when it is silent: find it. */
static void
name_unknown(struct qn_cli_job *o, const struct argp_option *options,
             int argc, char **argv)
{
    for (int i = 1; i < argc && o->speak; i++) {
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
        if (near_option(options, word))
            fprintf(stderr,
                    "quern: unknown option --%s; did you mean --%s?\n", word,
                    near_option(options, word));
        else
            fprintf(stderr,
                    "quern: unknown option --%s; `quern %s --help` lists "
                    "them\n",
                    word, argv[0]);
        return;
    }
    if (o->speak)
        fprintf(stderr, "quern: an option is unknown or lacks its value; see "
                        "`quern %s --help`\n",
                argv[0]);
}

int
qn_cli_parse(struct qn_cli_job *o, const struct argp_option *options,
             const char *doc, int argc, char **argv)
{
    struct argp argp = {.options = options, .parser = take,
                        .args_doc = "JOB [FILE...]", .doc = doc};
    char name[64], *first = argv[0];
    error_t bad;

    // argp shows argv[0] in its usage line
    snprintf(name, sizeof name, "quern %s", argv[0]);
    argv[0] = name;
    bad = argp_parse(&argp, argc, argv,
                     ARGP_NO_EXIT | ARGP_NO_ERRS | ARGP_NO_HELP, NULL, o);
    argv[0] = first;
    if (bad && !o->rc) {
        name_unknown(o, options, argc, argv);
        o->rc = QN_EUSAGE;
    }
    return o->rc;
}

static void
free_strings(struct qn_strings *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->v[i]);
    free(s->v);
    *s = (struct qn_strings){0};
}

void
qn_cli_free(struct qn_cli_job *o)
{
    free_strings(&o->sets);
    free_strings(&o->arguments);
}
