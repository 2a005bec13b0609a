/* What `quern ls` found, for other programs. */
#include "cli/cli.h"
#include "cli/ls.h"
#include "model/dtype.h"

static void
set_field(json_t *fields, const struct qn_item *item, const char *name)
{
    struct qn_value v;

    json_object_set_new(fields, name,
                        qn_item_find(item, name, &v) ? qn_cli_json_value(&v)
                                                     : json_null());
}

static void
set_type(json_t *j, const struct qn_item *item)
{
    json_t *type;

    if (!item->probed)
        return;
    type = qn_cli_json_type(item->type);
    json_object_update(j, type);
    json_decref(type);
    json_object_set_new(j, "stored", json_string(qn_dtype_name(item->stored)));
}

static json_t *
file_json(const struct qn_ls *ls, size_t i)
{
    const struct qn_item *item = &ls->list.items.v[i];
    const struct qn_list_file *file = &ls->list.file[i];
    json_t *j = json_pack("{s:o,s:s?,s:I}", "path",
                          qn_cli_json_text(item->path), "format",
                          file->format, "bytes", (json_int_t)item->bytes);
    json_t *fields = json_object();

    set_type(j, item);
    for (size_t k = 0; k < ls->fields.n; k++)
        set_field(fields, item, ls->fields.v[k]);
    json_object_set_new(j, "fields", fields);
    if (file->tree) {
        json_object_set(j, "default", json_object_get(file->tree, "default"));
        json_object_set(j, "entries", json_object_get(file->tree, "entries"));
    }
    if (item->code)
        json_object_set_new(j, file->unclear ? "unclear" : "error",
                            json_pack("{s:i,s:o}", "code", item->code,
                                      "reason",
                                      qn_cli_json_text(item->reason)));
    return j;
}

/* Files that fail are there too: nothing is silently absent. */
static json_t *
files_json(const struct qn_ls *ls)
{
    json_t *all = json_array();

    for (size_t i = 0; i < ls->list.items.n; i++)
        if (ls->shown[i] || qn_ls_print_failed(ls, i))
            json_array_append_new(all, file_json(ls, i));
    return all;
}

struct groups {
    json_t *all;
    const struct qn_strings *names;
};

static void
add_group(void *ctx, const struct qn_item *item, size_t number)
{
    struct groups *g = ctx;
    json_t *values = json_object();

    for (size_t k = 0; k < g->names->n; k++)
        set_field(values, item, g->names->v[k]);
    json_array_append_new(g->all, json_pack("{s:o,s:I}", "values", values,
                                            "files", (json_int_t)number));
}

int
qn_ls_json(const struct qn_ls *ls)
{
    struct groups g = {.names = &ls->count};
    struct qn_error err = {0};

    if (!ls->count.n)
        return qn_cli_json_print(files_json(ls));
    g.all = json_array();
    if (ls->nshown && qn_ls_print_groups(ls, add_group, &g, &err)) {
        json_decref(g.all);
        return qn_cli_exit(&err, true);
    }
    return qn_cli_json_print(g.all);
}
