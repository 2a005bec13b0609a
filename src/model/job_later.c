/* What the job language has a word for and this version does not do: one
 * table.  A version that learns one of these deletes its row. */
#include "model/job_later.h"

#include <string.h>

#define KERNEL(name)                                                           \
    {                                                                          \
        "kernel", name, NULL, ""                                               \
    }

static const struct {
    const char *where; // the mapping that the key belongs to
    const char *key;
    const char *value;   // NULL: the key with any value; "*": any other value
    const char *instead; // what to do, or ""
} rows[] = {
    {"job", "reuse", NULL, ""},
    {"job", "links", NULL, "; write `links:` in each `input:`"},
    {"input", "format", "csv", ""},
    KERNEL("angular-cut"),
    KERNEL("select"),
    KERNEL("columns"),
    KERNEL("sort"),
    KERNEL("kernel"),
};

#define NROWS (sizeof rows / sizeof rows[0])

bool
qn_job_later_key(struct qn_job_reader *r, const struct qn_yaml_node *node,
                 const char *where, const char *key)
{
    bool kernel = !strcmp(where, "kernel");

    for (size_t i = 0; i < NROWS; i++) {
        if (strcmp(rows[i].where, where) || strcmp(rows[i].key, key) ||
            rows[i].value)
            continue;
        QN_JOB_TELL(r, node, "%s`%s` is not available in this version%s",
                    kernel ? "kernel " : "", key, rows[i].instead);
        return true;
    }
    return false;
}

bool
qn_job_later_value(struct qn_job_reader *r, const struct qn_yaml_node *node,
                   const char *where, const char *key, const char *value)
{
    for (size_t i = 0; i < NROWS; i++) {
        if (strcmp(rows[i].where, where) || strcmp(rows[i].key, key) ||
            !rows[i].value ||
            (strcmp(rows[i].value, "*") && strcmp(rows[i].value, value)))
            continue;
        QN_JOB_TELL(r, node, "`%s: %.40s` is not available in this version%s",
                    key, value, rows[i].instead);
        return true;
    }
    return false;
}

const char *
qn_job_later_kernel(size_t i)
{
    for (size_t k = 0; k < NROWS; k++)
        if (!strcmp(rows[k].where, "kernel") && i-- == 0)
            return rows[k].key;
    return NULL;
}
