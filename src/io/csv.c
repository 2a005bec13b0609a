/* Tables in CSV: see csv.h.
 *
 * Cells are unquoted in place, since what comes out is never longer than what
 * was written.  Knows rows and cells, not what columns mean. */
#include "io/csv.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void
qn_csv_open(struct qn_csv *c, char *text, size_t len)
{
    *c = (struct qn_csv){.at = text, .end = text + len, .next = 1};
    if (len >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3))
        c->at += 3;
}

void
qn_csv_clear(struct qn_csv *c)
{
    free(c->cells);
    *c = (struct qn_csv){0};
}

static bool
is_end_of_row(char c)
{
    return c == '\n' || c == '\r';
}

/* Step over one end of a row. */
static void
skip_end(struct qn_csv *c)
{
    c->at += c->at[0] == '\r' && c->at[1] == '\n' ? 2 : 1;
    c->next++;
}

/* A cell in quotes at c->at, unquoted to where it began; c->at ends behind
 * the closing quote, *stop behind the last character kept. */
static int
take_quoted(struct qn_csv *c, char **stop, struct qn_error *err)
{
    char *to = c->at++;
    int64_t from = c->next;

    for (; c->at < c->end; *to++ = *c->at++) {
        if (*c->at == '"' && *++c->at != '"') {
            *stop = to;
            return 0;
        }
        c->next += *c->at == '\n' || (*c->at == '\r' && c->at[1] != '\n');
    }
    return qn_fail(err, QN_EFORMAT, "line %lld: a quote does not close",
                   (long long)from);
}

/* One cell; *more says whether a comma followed. */
static int
take_cell(struct qn_csv *c, bool *more, struct qn_error *err)
{
    char *cell = c->at, *stop = cell, closing;

    QN_TRY(qn_memory_grow((void **)&c->cells, &c->cap, c->n + 1,
                          sizeof *c->cells, err));
    c->cells[c->n++] = cell;
    if (c->at < c->end && *c->at == '"') {
        QN_TRY(take_quoted(c, &stop, err));
    } else {
        while (c->at < c->end && *c->at != ',' && !is_end_of_row(*c->at))
            c->at++;
        stop = c->at;
    }
    closing = *c->at;
    *more = c->at < c->end && closing == ',';
    if (c->at < c->end && !*more && !is_end_of_row(closing))
        return qn_fail(err, QN_EFORMAT,
                       "line %lld: text behind a closing quote",
                       (long long)c->next);
    if (*more)
        c->at++;
    else if (c->at < c->end)
        skip_end(c);
    *stop = '\0';
    if (memchr(cell, '\0', (size_t)(stop - cell)))
        return qn_fail(err, QN_EFORMAT, "line %lld: a NUL byte",
                       (long long)c->line);
    return 0;
}

int
qn_csv_row(struct qn_csv *c, struct qn_error *err)
{
    bool more = true;

    c->n = 0;
    while (c->at < c->end && is_end_of_row(*c->at))
        skip_end(c);
    c->line = c->next;
    if (c->at >= c->end)
        return 0;
    while (more)
        QN_TRY(take_cell(c, &more, err));
    return 0;
}
