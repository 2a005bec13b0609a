/* What `quern ls` found, for people: a table of files, the tree of one, or
 * counts of values.
 *
 * What was found is engine/list.c's to know. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/cli.h"
#include "cli/ls.h"
#include "cli/table.h"
#include "model/dtype.h"
#include "model/json.h"
#include "model/shape.h"

bool
qn_ls_print_failed(const struct qn_ls *ls, size_t i)
{
    return ls->list.items.v[i].code && !ls->list.file[i].unclear;
}

const char *
qn_ls_print_field(char *buf, size_t size, const struct qn_item *item,
                  const char *name)
{
    struct qn_value v;

    if (!qn_item_find(item, name, &v))
        return "-";
    qn_fields_text(buf, size, &v);
    return buf;
}

static int
print_table(struct qn_table *t, const char *indent)
{
    struct qn_error err = {0};
    int rc = qn_table_print(t, indent, &err);

    qn_table_clear(t);
    return rc ? qn_cli_exit(&err, true) : QN_EXIT_DONE;
}

/* ---- a line a file ------------------------------------------------------ */

static void
add_head(struct qn_table *t, const struct qn_strings *fields)
{
    qn_table_cell(t, "path");
    qn_table_cell(t, "format");
    qn_table_cell(t, "shape");
    qn_table_cell(t, "type");
    for (size_t k = 0; k < fields->n; k++)
        qn_table_cell(t, fields->v[k]);
}

static void
add_file(struct qn_table *t, const struct qn_ls *ls, size_t i)
{
    const struct qn_item *item = &ls->list.items.v[i];
    const char *format = ls->list.file[i].format;
    char buf[1024];

    qn_table_cell(t, item->path);
    qn_table_cell(t, format ? format : "-");
    qn_table_cell(t, item->probed ? qn_shape_text(buf, sizeof buf,
                                                  &item->type->shape)
                                  : "-");
    qn_table_cell(t, item->probed ? qn_dtype_name(item->type->dtype) : "-");
    for (size_t k = 0; k < ls->fields.n; k++)
        qn_table_cell(t, qn_ls_print_field(buf, sizeof buf, item,
                                           ls->fields.v[k]));
}

int
qn_ls_print_files(const struct qn_ls *ls)
{
    struct qn_table t = {.ncols = 4 + (int)ls->fields.n};

    if (ls->fields.n && ls->nshown)
        add_head(&t, &ls->fields);
    for (size_t i = 0; i < ls->list.items.n; i++)
        if (ls->shown[i])
            add_file(&t, ls, i);
    return print_table(&t, "");
}

/* ---- a lone file -------------------------------------------------------- */

static void
add_lengths(struct qn_text *s, const json_t *lengths)
{
    for (size_t i = 0; i < json_array_size(lengths); i++)
        qn_text_add(s, "%s%lld", i ? " x " : "",
                    (long long)json_integer_value(json_array_get(lengths, i)));
}

static void
add_shape(struct qn_table *t, const json_t *shape)
{
    struct qn_text s = {0};

    add_lengths(&s, shape);
    if (json_is_array(shape) && !json_array_size(shape))
        qn_text_add(&s, "scalar");
    qn_table_cell(t, qn_text_get(&s));
    qn_text_clear(&s);
}

/* How it is stored, where it leads to, what is wrong with it. */
static void
add_details(struct qn_table *t, const json_t *e)
{
    json_t *chunks = json_object_get(e, "chunks"), *filter;
    struct qn_text s = {0};
    size_t i;

    if (json_is_array(chunks)) {
        qn_text_add(&s, "chunks ");
        add_lengths(&s, chunks);
    }
    json_array_foreach(json_object_get(e, "filters"), i, filter)
        qn_text_add(&s, "%s%s", s.len ? ", " : "", json_string_value(filter));
    if (*qn_json_word(e, "link"))
        qn_text_add(&s, "%s-> %s", s.len ? ", " : "", qn_json_word(e, "link"));
    if (*qn_json_word(e, "note"))
        qn_text_add(&s, "%s%s", s.len ? ", " : "", qn_json_word(e, "note"));
    qn_table_cell(t, qn_text_get(&s));
    qn_text_clear(&s);
}

/* Is it what would be read?  where is a path, or "HDU 1 NAME". */
static bool
is_default(const json_t *e, const json_t *chosen)
{
    const char *where = qn_json_word(chosen, "where"),
               *path = qn_json_word(e, "path");
    json_t *hdu = json_object_get(e, "hdu");
    char text[32];
    int n;

    if (!chosen)
        return false;
    if (hdu) {
        n = snprintf(text, sizeof text, "HDU %d",
                     (int)json_integer_value(hdu));
        return !strncmp(where, text, (size_t)n) &&
               (!where[n] || where[n] == ' ');
    }
    // NetCDF has no folders; a file of one array has no name for it
    return !*path || !strcmp(path + (*path == '/'), where + (*where == '/'));
}

static void
add_entry(struct qn_table *t, const json_t *e, bool is_read)
{
    json_t *hdu = json_object_get(e, "hdu");
    char number[32];

    snprintf(number, sizeof number, "%lld",
             (long long)json_integer_value(hdu));
    qn_table_cell(t, hdu ? number : qn_json_word(e, "path"));
    qn_table_cell(t, qn_json_word(e, "name"));
    qn_table_cell(t, qn_json_word(e, "kind"));
    add_shape(t, json_object_get(e, "shape"));
    qn_table_cell(t, qn_json_word(e, "dtype"));
    qn_table_cell(t, is_read ? "<- read" : "");
    add_details(t, e);
}

/* Several datasets may be read as one. */
static void
print_default(const json_t *chosen)
{
    struct qn_text s = {0};

    add_lengths(&s, json_object_get(chosen, "shape"));
    printf("  would be read: %s, %s %s\n", qn_json_word(chosen, "where"),
           qn_text_get(&s), qn_json_word(chosen, "dtype"));
    qn_text_clear(&s);
}

int
qn_ls_print_tree(const struct qn_ls *ls)
{
    const json_t *tree = ls->list.file[0].tree, *e;
    json_t *chosen = json_object_get(tree, "default");
    json_int_t more = qn_json_integer(tree, "left_out");
    struct qn_table t = {.ncols = 7};
    bool marked = false;
    size_t i;

    if (!json_is_object(chosen))
        chosen = NULL;
    printf("%s  %s\n", ls->list.items.v[0].path, qn_json_word(tree, "format"));
    json_array_foreach(json_object_get(tree, "entries"), i, e) {
        bool is_read = is_default(e, chosen);

        add_entry(&t, e, is_read);
        marked = marked || is_read;
    }
    if (print_table(&t, "  "))
        return QN_EXIT_RUN;
    if (more)
        printf("  and %lld more\n", (long long)more);
    if (chosen && !marked)
        print_default(chosen);
    return QN_EXIT_DONE;
}

/* ---- counts ------------------------------------------------------------- */

struct counted {
    const struct qn_item *item;
    const struct qn_strings *names;
};

/* Numbers by size, before texts by their bytes; what is missing comes last. */
static int
compare_field(const struct qn_item *a, const struct qn_item *b,
              const char *name)
{
    struct qn_value x, y;
    bool has_x = qn_item_find(a, name, &x), has_y = qn_item_find(b, name, &y);
    char tx[1024], ty[1024];

    if (!has_x || !has_y)
        return has_y - has_x;
    if (x.kind == QN_VALUE_NUMBER && y.kind == QN_VALUE_NUMBER)
        return (x.number > y.number) - (x.number < y.number);
    if (x.kind == QN_VALUE_NUMBER || y.kind == QN_VALUE_NUMBER)
        return x.kind == QN_VALUE_NUMBER ? -1 : 1;
    qn_fields_text(tx, sizeof tx, &x);
    qn_fields_text(ty, sizeof ty, &y);
    return strcmp(tx, ty);
}

static int
compare(const void *a, const void *b)
{
    const struct counted *x = a, *y = b;

    for (size_t k = 0; k < x->names->n; k++) {
        int c = compare_field(x->item, y->item, x->names->v[k]);

        if (c)
            return c;
    }
    return 0;
}

int
qn_ls_print_groups(const struct qn_ls *ls,
                   void (*each)(void *ctx, const struct qn_item *item,
                                size_t number),
                   void *ctx, struct qn_error *err)
{
    struct counted *all;
    size_t n = 0;

    QN_TRY(qn_memory_make((void **)&all, ls->nshown, sizeof *all,
                          "the values", err));
    for (size_t i = 0; i < ls->list.items.n; i++)
        if (ls->shown[i])
            all[n++] = (struct counted){&ls->list.items.v[i], &ls->count};
    qsort(all, n, sizeof *all, compare);
    for (size_t i = 0, first = 0; i < n; i++)
        if (i + 1 == n || compare(&all[i], &all[i + 1])) {
            each(ctx, all[first].item, i + 1 - first);
            first = i + 1;
        }
    free(all);
    return 0;
}

struct count_table {
    struct qn_table table;
    const struct qn_strings *names;
};

static void
add_group(void *ctx, const struct qn_item *item, size_t number)
{
    struct count_table *c = ctx;
    char buf[1024];

    for (size_t k = 0; k < c->names->n; k++)
        qn_table_cell(&c->table, qn_ls_print_field(buf, sizeof buf, item,
                                                   c->names->v[k]));
    snprintf(buf, sizeof buf, "%zu", number);
    qn_table_cell(&c->table, buf);
}

int
qn_ls_print_count(const struct qn_ls *ls)
{
    struct count_table c = {.table = {.ncols = (int)ls->count.n + 1},
                            .names = &ls->count};
    struct qn_error err = {0};

    if (!ls->nshown)
        return QN_EXIT_DONE;
    for (size_t k = 0; k < ls->count.n; k++)
        qn_table_cell(&c.table, ls->count.v[k]);
    qn_table_cell(&c.table, "files");
    if (qn_ls_print_groups(ls, add_group, &c, &err)) {
        qn_table_clear(&c.table);
        return qn_cli_exit(&err, true);
    }
    return print_table(&c.table, "");
}
