/* Reading the expressions of a job file, with their faults shown at the
 * column of the file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/job_expr.h"

/* The characters that the first n bytes of a scalar take in the file. */
static int
written_columns(const char *s, size_t len, char quote, size_t n)
{
    size_t i = 0;
    int columns = 0;

    for (; n > 0 && i < len; n--) {
        i += (s[i] == '\\' && quote == '"') || (s[i] == '\'' && quote == '\'');
        i++;
    }
    for (size_t k = 0; k < i && k < len; k++)
        columns += ((unsigned char)s[k] & 0xc0) != 0x80;
    return columns;
}

struct qn_mark
qn_job_expr_place(const struct qn_job_reader *r,
                  const struct qn_yaml_node *node, int column)
{
    struct qn_mark at = node->mark;
    size_t len = 0, from = 0;
    const char *line = qn_problem_line(r->problems, at.line, &len);

    if (!line || node->filled || node->block || column < 1)
        return at;
    for (int c = 1; from < len; from++) {
        c += ((unsigned char)line[from] & 0xc0) != 0x80;
        if (c > at.column)
            break;
    }
    char quote = from < len ? line[from] : '\0';

    if (node->plain) {
        at.column +=
            written_columns(line + from, len - from, '\0', (size_t)column - 1);
    } else if (quote == '"' || quote == '\'') {
        at.column += 1 + written_columns(line + from + 1, len - from - 1, quote,
                                         (size_t)column - 1);
    }
    if (at.column > (int)len)
        return node->mark;
    return at;
}

/* "column 9 of "TEXT": SENTENCE": the caret says the first part better. */
static void
expr_problem(struct qn_job_reader *r, const struct qn_yaml_node *node,
             const char *key, const char *text, const char *sentence)
{
    int column = 0;
    struct qn_mark at = node->mark;
    const char *rest = NULL;

    if (sscanf(sentence, "column %d of ", &column) == 1)
        at = qn_job_expr_place(r, node, column);
    if (at.column != node->mark.column || column == 1)
        rest = strstr(sentence, text);
    if (rest && !strncmp(rest + strlen(text), "\": ", 3))
        sentence = rest + strlen(text) + 3;
    qn_problem_add(r->problems, at, 1, "'%.40s': %s", key, sentence);
}

bool
qn_job_expr_read(struct qn_job_reader *r, const struct qn_yaml_node *node,
                 const char *key, enum qn_expr_style style, char **text,
                 struct qn_expr *expr)
{
    struct qn_error err = {0};
    char *copy = NULL;

    if (!qn_job_read_text(r, node, key, &copy))
        return false;
    if (!qn_expr_parse(expr, copy, style, &err)) {
        if (text) {
            free(*text);
            *text = copy;
        } else {
            free(copy);
        }
        return true;
    }
    expr_problem(r, node, key, copy, err.text);
    free(copy);
    return false;
}
