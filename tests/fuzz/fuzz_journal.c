/* The journal's lines against any bytes: a record, nothing or damage, never a
 * crash; and what was read is written and read the same.
 *
 * Every line is tried as it is, and once more with the right checksum in front
 * of it, or else hardly any would get past that.  Records go on into the past.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libdeflate.h>

#include "io/journal_line.h"
#include "io/past.h"

/* A copy that is as large as may be used, for the sanitizers to watch. */
static char *
copy_line(const char *line, size_t n)
{
    char *copy = malloc(n + 1);

    assert(copy);
    memcpy(copy, line, n);
    return copy;
}

static void
check_same(const struct qn_record *r)
{
    struct qn_text once = {0}, twice = {0};
    struct qn_record back;
    char *copy;

    int rc = qn_journal_line_encode(&once, r, NULL);
    assert(rc == 0 || rc == QN_EVALUE);
    if (!rc) {
        copy = copy_line(once.s, once.len - 1);
        assert(!memchr(copy, '\n', once.len - 1));
        enum qn_journal_line answer =
            qn_journal_line_decode(&back, copy, once.len - 1);
        assert(answer == QN_LINE_RECORD);
        rc = qn_journal_line_encode(&twice, &back, NULL);
        assert(!rc && once.len == twice.len);
        assert(memcmp(once.s, twice.s, once.len) == 0);
        free(copy);
    }
    qn_text_clear(&once);
    qn_text_clear(&twice);
}

static void
try_line(struct qn_past *past, const char *line, size_t n)
{
    char *copy = copy_line(line, n);
    struct qn_record r;

    if (qn_journal_line_decode(&r, copy, n) == QN_LINE_RECORD) {
        check_same(&r);
        int rc = qn_past_add(past, &r, NULL);
        assert(!rc && (!*r.name || past->nruns > 0));
    }
    free(copy);
}

static void
try_body(struct qn_past *past, const char *body, size_t n)
{
    char *line = malloc(n + 10);

    assert(line);
    snprintf(line, 10, "%08x\t", libdeflate_crc32(0, body, n));
    memcpy(line + 9, body, n);
    try_line(past, line, n + 9);
    free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = (const char *)data, *end = p + size;
    struct qn_past past = {0};

    while (p < end) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((newline ? newline : end) - p);
        try_line(&past, p, n);
        try_body(&past, p, n);
        p += n + 1;
    }
    qn_past_settle(&past);
    for (size_t i = 0; i < past.nitems; i++) {
        const struct qn_past_item *item = &past.item[i];
        assert(qn_past_find(&past, item->stage, item->name) == item);
        assert(item->crashes >= 0 && (size_t)item->crashes <= past.nruns);
    }
    qn_past_clear(&past);
    return 0;
}
