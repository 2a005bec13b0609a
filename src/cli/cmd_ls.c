/* quern ls PATH...: what is in the inputs.
 *
 * Patterns and fields are those of `input:` in a job file, so what is tried
 * here can be written there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/message.h"
#include "cli/cli.h"
#include "cli/ls.h"

static const struct argp_option options[] = {
    {"fields", 'F', "A,B", 0,
     "Show these fields: header keywords, HDF5 /path or /path@attribute, "
     "captures {name} of the pattern",
     0},
    {"where", 'w', "EXPR", 0,
     "Only files that pass, as in a job: \"IMAGETYP == 'flat'\"", 0},
    {"count", 'c', "A,B", 0, "How many files have which values", 0},
    {"dataset", 'D', "PATH", 0,
     "The dataset to read (default: as a job without `dataset:`)", 0},
    {"hdu", 'H', "HDU", 0, "The HDU to read, a number from 0 or a name", 0},
    {"json", 'j', NULL, 0, "The same for other programs", 0},
    {"help", 'h', NULL, 0, "Show this text", 0},
    {0},
};

static const char doc[] =
    "Say what is in the files: format, shape and type of what a job would "
    "read. Of a single file, all that is in it, with a mark at what would be "
    "read. PATH is a file, a folder or a pattern in quotes: "
    "\"raw/**/{kind}-*.fits\".\vFiles that cannot be read are named with the "
    "reason; the exit code is then 3.";

/* ---- words -------------------------------------------------------------- */

static error_t
keep_list(struct qn_strings *list, char *words)
{
    char *rest = words;

    for (char *word; (word = strsep(&rest, ","));) {
        if (!*word) {
            fprintf(stderr, "quern: a name is missing in the list of fields; "
                            "write A,B\n");
            return ECANCELED;
        }
        if (qn_cli_keep(list, word))
            return ENOMEM;
    }
    return 0;
}

static error_t
take(int key, char *arg, struct argp_state *state)
{
    struct qn_ls *ls = state->input;

    switch (key) {
    case 'F': return keep_list(&ls->fields, arg);
    case 'c': return keep_list(&ls->count, arg);
    case 'w': ls->where = arg; break;
    case 'D': ls->dataset = arg; break;
    case 'H': ls->hdu = arg; break;
    case 'j': ls->json = true; break;
    case 'h':
        ls->help = true;
        qn_cli_help(state);
        break;
    case ARGP_KEY_ARG: return qn_cli_keep(&ls->patterns, arg) ? ENOMEM : 0;
    case ARGP_KEY_END:
        if (ls->patterns.n || ls->help)
            break;
        fprintf(stderr, "quern: ls of what? Usage: quern ls PATH...\n");
        return ECANCELED;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* ---- looking ------------------------------------------------------------ */

struct asking {
    struct qn_strings *names;
    int rc;
};

static void
ask_for(void *ctx, const char *name)
{
    struct asking *a = ctx;

    if (!a->rc && !qn_item_builtin(name))
        a->rc = qn_cli_keep(a->names, name);
}

static int
collect_names(struct qn_ls *ls, struct qn_error *err)
{
    struct asking a = {.names = &ls->names};

    for (size_t i = 0; i < ls->fields.n; i++)
        ask_for(&a, ls->fields.v[i]);
    for (size_t i = 0; i < ls->count.n; i++)
        ask_for(&a, ls->count.v[i]);
    if (ls->where) {
        if (qn_expr_parse(&ls->where_expr, ls->where, QN_EXPR_FIELDS, err)) {
            qn_wrap(err, "--where");
            return err->code = QN_EUSAGE;
        }
        qn_expr_names(&ls->where_expr, ask_for, &a);
    }
    return a.rc ? qn_fail(err, QN_ENOMEM, "no memory for the names") : 0;
}

/* Does a file pass?  One whose condition cannot be told counts as failed. */
static int
choose(struct qn_ls *ls, size_t i, struct qn_error *err)
{
    struct qn_item *item = &ls->list.items.v[i];
    struct qn_lookup fields = qn_item_lookup(item);
    struct qn_error why = {0};
    bool yes = true;
    int rc = 0;

    if (ls->where && !qn_ls_print_failed(ls, i))
        rc = qn_expr_true(&ls->where_expr, &fields, &yes, &why);
    if (rc) {
        ls->list.file[i].unclear = false;
        item->code = 0;
        QN_TRY(qn_item_fail(&ls->list.items.pool, item, rc, why.text, err));
    }
    ls->shown[i] = yes && !qn_ls_print_failed(ls, i);
    ls->nshown += ls->shown[i];
    ls->nfailed += qn_ls_print_failed(ls, i);
    return 0;
}

static int
look(struct qn_ls *ls, struct qn_error *err)
{
    struct qn_list_ask ask = {.patterns = &ls->patterns, .names = &ls->names,
                              .dataset = ls->dataset, .hdu = ls->hdu,
                              .tree = !ls->fields.n && !ls->count.n};

    QN_TRY(collect_names(ls, err));
    QN_TRY(qn_list_open(&ls->list, &ask, err));
    QN_TRY(qn_memory_make((void **)&ls->shown, ls->list.items.n,
                          sizeof *ls->shown, "the list", err));
    for (size_t i = 0; i < ls->list.items.n; i++)
        QN_TRY(choose(ls, i, err));
    return 0;
}

/* ---- telling ------------------------------------------------------------ */

static int
print(const struct qn_ls *ls)
{
    if (ls->json)
        return qn_ls_json(ls);
    if (ls->count.n)
        return qn_ls_print_count(ls);
    if (ls->list.items.n == 1 && ls->list.file[0].tree && !ls->fields.n &&
        (ls->shown[0] || ls->nfailed))
        return qn_ls_print_tree(ls);
    return qn_ls_print_files(ls);
}

/* Every file that failed; the first of those where it is not clear what would
 * be read. */
static void
name_failures(const struct qn_ls *ls)
{
    const struct qn_item *unclear = NULL;
    size_t more = 0;

    for (size_t i = 0; i < ls->list.items.n; i++) {
        const struct qn_item *item = &ls->list.items.v[i];

        if (qn_ls_print_failed(ls, i))
            qn_message(QN_ERROR, "%s: %s", item->path, item->reason);
        else if (!item->code || !ls->shown[i])
            continue;
        else if (unclear)
            more++;
        else
            unclear = item;
    }
    if (unclear && more)
        qn_message(QN_NOTE, "%s: %s (and %zu more like it)", unclear->path,
                   unclear->reason, more);
    else if (unclear)
        qn_message(QN_NOTE, "%s: %s", unclear->path, unclear->reason);
}

static void
name_absent(const struct qn_ls *ls, const struct qn_strings *names)
{
    for (size_t k = 0; ls->nshown && k < names->n; k++) {
        struct qn_value v;
        size_t i = 0;

        while (i < ls->list.items.n &&
               !(ls->shown[i] &&
                 qn_item_find(&ls->list.items.v[i], names->v[k], &v)))
            i++;
        if (i == ls->list.items.n)
            qn_message(QN_WARNING, "no file has a field '%s'", names->v[k]);
    }
}

static int
ls_files(struct qn_ls *ls)
{
    struct qn_error err = {0};
    int code;

    if (look(ls, &err))
        return qn_cli_exit(&err, true);
    code = print(ls);
    fflush(stdout);
    name_absent(ls, &ls->fields);
    name_absent(ls, &ls->count);
    name_failures(ls);
    if (ls->where && !ls->nshown && !ls->nfailed)
        qn_message(QN_NOTE,
                   "none of %zu files passes --where; --count NAME shows the "
                   "values there are",
                   ls->list.items.n);
    return code ? code : ls->nfailed ? QN_EXIT_ITEMS : QN_EXIT_DONE;
}

int
qn_cmd_ls(int argc, char **argv)
{
    struct argp argp = {.options = options, .parser = take,
                        .args_doc = "PATH...", .doc = doc};
    struct qn_ls ls = {0};
    int code = QN_EXIT_DONE;

    if (qn_cli_words(&argp, true, &ls, argc, argv))
        code = QN_EXIT_USAGE;
    else if (!ls.help)
        code = ls_files(&ls);
    qn_list_clear(&ls.list);
    qn_expr_clear(&ls.where_expr);
    qn_cli_drop(&ls.patterns);
    qn_cli_drop(&ls.fields);
    qn_cli_drop(&ls.count);
    qn_cli_drop(&ls.names);
    free(ls.shown);
    return code;
}
