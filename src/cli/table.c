/* Aligning columns.  A character of UTF-8 is taken to be one column wide. */
#include "cli/table.h"

#include <stdio.h>
#include <string.h>

static size_t
columns_of(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

void
qn_table_cell(struct qn_table *t, const char *text)
{
    size_t *width = &t->width[t->ncells++ % (size_t)t->ncols];
    size_t start = t->cells.len, n = columns_of(text);

    qn_text_bytes(&t->cells, text, strlen(text) + 1);
    if (n > *width)
        *width = n;
    if (t->cells.failed)
        return;
    for (char *p = t->cells.s + start; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
}

static void
print_row(const struct qn_table *t, const char **at, const char *indent)
{
    size_t blanks = 0;

    fputs(indent, stdout);
    for (int c = 0; c < t->ncols; c++) {
        size_t n = columns_of(*at);

        // no blanks behind the last word of a line, none for an empty column
        if (n)
            printf("%*s%s", (int)blanks, "", *at);
        if (t->width[c])
            blanks = (n ? 0 : blanks) + t->width[c] - n + 2;
        *at += strlen(*at) + 1;
    }
    printf("\n");
}

int
qn_table_print(const struct qn_table *t, const char *indent,
               struct qn_error *err)
{
    const char *at = qn_text_get(&t->cells);

    QN_TRY(qn_text_check(&t->cells, err));
    for (size_t i = 0; i + (size_t)t->ncols <= t->ncells;
         i += (size_t)t->ncols)
        print_row(t, &at, indent);
    return 0;
}

void
qn_table_clear(struct qn_table *t)
{
    qn_text_clear(&t->cells);
    *t = (struct qn_table){0};
}
