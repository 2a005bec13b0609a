/* COMMAND DIR: the folder, and the few options there are. */
#include "cli/folder.h"

#include <errno.h>
#include <stdio.h>

#include "cli/cli.h"
#include "engine/shard.h"

static error_t
take_shard(struct qn_folder_words *w, const char *arg)
{
    struct qn_error err = {0};

    if (!qn_shard_parse(&w->shard, &w->shards, arg, &err))
        return 0;
    fprintf(stderr, "quern: %s\n", err.text);
    return ECANCELED;
}

static error_t
take(int key, char *arg, struct argp_state *state)
{
    struct qn_folder_words *w = state->input;

    switch (key) {
    case 'F': w->failed = true; break;
    case 'j': w->json = true; break;
    case 'n': w->dry = true; break;
    case 's': w->stage = arg; break;
    case 'S': return take_shard(w, arg);
    case 'h':
        w->help = true;
        qn_cli_help(state);
        break;
    case ARGP_KEY_ARG:
        if (w->output) {
            fprintf(stderr, "quern: one folder at a time, not also '%s'\n",
                    arg);
            return ECANCELED;
        }
        w->output = arg;
        break;
    case ARGP_KEY_END:
        if (w->stage && !w->shards) {
            fprintf(stderr, "quern: --stage goes with --shard I/N\n");
            return ECANCELED;
        }
        if (w->output || w->help)
            break;
        fprintf(stderr, "quern: which run? Usage: %s DIR (the output "
                        "folder)\n",
                state->name);
        return ECANCELED;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

int
qn_folder_words(struct qn_folder_words *w, const struct argp_option *options,
                const char *doc, int argc, char **argv)
{
    struct argp argp = {.options = options, .parser = take,
                        .args_doc = "DIR", .doc = doc};

    return qn_cli_words(&argp, true, w, argc, argv);
}
