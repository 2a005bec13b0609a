/* Gathering cautions by product.  Knows neither kernels nor who is told. */
#include "model/caution.h"

#include <stdbool.h>
#include <string.h>

#include "model/json.h"

/* Does a stand before b? */
static bool
is_first(const json_t *a, const json_t *b)
{
    int order = strcmp(qn_json_word(a, "path"), qn_json_word(b, "path"));

    return order ? order < 0
                 : strcmp(qn_json_word(a, "text"), qn_json_word(b, "text")) < 0;
}

static void
merge_one(json_t *all, const char *name, const json_t *said)
{
    const json_t *known = json_object_get(all, name);
    const json_t *first = !known || is_first(said, known) ? said : known;

    json_object_set_new(
        all, name,
        json_pack("{s:s,s:s,s:I}", "text", qn_json_word(first, "text"), "path",
                  qn_json_word(first, "path"), "items",
                  (json_int_t)(qn_json_integer(said, "items") +
                               (known ? qn_json_integer(known, "items") : 0))));
}

void
qn_caution_add(json_t *all, const char *name, const char *kernel,
               const char *text, const char *path)
{
    json_t *said = json_pack("{s:o,s:s,s:i}", "text",
                             json_sprintf("%s: %s", kernel, text), "path",
                             path ? path : "", "items", 1);

    if (said)
        merge_one(all, name, said);
    json_decref(said);
}

void
qn_caution_merge(json_t *all, const json_t *others)
{
    const char *name;
    json_t *said;

    json_object_foreach((json_t *)(uintptr_t)others, name, said)
        merge_one(all, name, said);
}
