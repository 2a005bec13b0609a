/* Lists of input files: see list.h.  Whether the files exist is asked
 * elsewhere. */
#include "io/list.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/system.h"
#include "base/text.h"
#include "io/csv.h"
#include "io/pattern.h"

/* ---- plain lists -------------------------------------------------------- */

static int
read_line(char *line, size_t n, struct qn_text *fields, qn_list_each *each,
          void *ctx, struct qn_error *err)
{
    char *tab;

    if (n > 0 && line[n - 1] == '\r')
        line[--n] = '\0';
    if (strlen(line) != n)
        return qn_fail(err, QN_EFORMAT, "a NUL byte; a list is text");
    fields->len = 0;
    if ((tab = strchr(line, '\t'))) {
        *tab++ = '\0';
        qn_pattern_field(fields, "tag", 3, tab, strlen(tab));
        QN_TRY(qn_text_check(fields, err));
    }
    if (!*line)
        return tab ? qn_fail(err, QN_EFORMAT, "a tag without a path") : 0;
    return each(ctx, line, tab ? qn_text_get(fields) : "", err);
}

static int
read_lines(char *text, size_t len, qn_list_each *each, void *ctx,
           struct qn_error *err)
{
    struct qn_text fields = {0};
    char *at = text, *end = text + len;
    long long line = 0;
    int rc = 0;

    if (len >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3))
        at += 3;
    while (at < end && !rc) {
        char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        *stop = '\0';
        line++;
        rc = read_line(at, (size_t)(stop - at), &fields, each, ctx, err);
        at = stop + 1;
    }
    if (rc)
        qn_wrap(err, "line %lld", line);
    qn_text_clear(&fields);
    return rc;
}

/* ---- tables ------------------------------------------------------------- */

struct head {
    char **names;   /* owned list of borrowed texts */
    size_t n, path; /* columns, which of them is the path */
};

/* What a field can be called: the record of fields is "name=value" lines. */
static int
check_head(struct head *h, struct qn_error *err)
{
    struct qn_text known = {0};
    int rc = 0;

    h->path = h->n;
    for (size_t i = 0; i < h->n && !rc; i++) {
        if (strpbrk(h->names[i], "=\n"))
            rc = qn_fail(err, QN_EFORMAT,
                         "column '%s': a name holds neither '=' nor a line's "
                         "end",
                         h->names[i]);
        if (!strcmp(h->names[i], "path") && h->path == h->n)
            h->path = i;
        qn_text_add(&known, "%s%s", i ? ", " : "", h->names[i]);
    }
    if (!rc && h->path == h->n)
        rc = qn_fail(err, QN_EFORMAT,
                     "there is no column 'path' (there are: %s)",
                     qn_text_get(&known));
    qn_text_clear(&known);
    return rc;
}

static int
take_head(struct head *h, struct qn_csv *csv, struct qn_error *err)
{
    QN_TRY(qn_csv_row(csv, err));
    if (csv->n == 0)
        return qn_fail(err, QN_EFORMAT,
                       "the table is empty; its first row names the columns, "
                       "one of them 'path'");
    h->n = csv->n;
    QN_TRY(qn_memory_make((void **)&h->names, h->n, sizeof *h->names,
                          "the columns of a table", err));
    memcpy(h->names, csv->cells, h->n * sizeof *h->names);
    return check_head(h, err);
}

static int
give_row(const struct head *h, const struct qn_csv *csv,
         struct qn_text *fields, qn_list_each *each, void *ctx,
         struct qn_error *err)
{
    if (csv->n != h->n)
        return qn_fail(err, QN_EFORMAT, "line %lld: %zu cells for %zu columns",
                       (long long)csv->line, csv->n, h->n);
    if (!*csv->cells[h->path])
        return qn_fail(err, QN_EFORMAT, "line %lld: the path is empty",
                       (long long)csv->line);
    fields->len = 0;
    for (size_t i = 0; i < h->n; i++)
        if (i != h->path && *h->names[i])
            qn_pattern_field(fields, h->names[i], strlen(h->names[i]),
                             csv->cells[i], strlen(csv->cells[i]));
    QN_TRY(qn_text_check(fields, err));
    return each(ctx, csv->cells[h->path], fields->len ? fields->s : "", err);
}

static int
read_table(char *text, size_t len, qn_list_each *each, void *ctx,
           struct qn_error *err)
{
    struct qn_csv csv;
    struct qn_text fields = {0};
    struct head head = {0};
    int rc;

    qn_csv_open(&csv, text, len);
    rc = take_head(&head, &csv, err);
    while (!rc) {
        rc = qn_csv_row(&csv, err);
        if (rc || csv.n == 0)
            break;
        rc = give_row(&head, &csv, &fields, each, ctx, err);
    }
    free(head.names);
    qn_text_clear(&fields);
    qn_csv_clear(&csv);
    return rc;
}

int
qn_list_read(const char *path, const char *name, qn_list_each *each,
             void *ctx, struct qn_error *err)
{
    size_t len, n = strlen(name);
    bool table = n >= 4 && !strcasecmp(name + n - 4, ".csv");
    char *text;
    int rc;

    QN_TRY(qn_system_slurp(&text, &len, strcmp(path, "-") ? path : "/dev/stdin",
                           err));
    rc = table ? read_table(text, len, each, ctx, err)
               : read_lines(text, len, each, ctx, err);
    if (rc)
        qn_wrap(err, "%s", name);
    free(text);
    return rc;
}
