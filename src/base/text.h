/* Growing text, and small questions about words.  All local.
 *
 * A struct qn_text starts as {0}.  Adding never fails visibly: when memory
 * runs out `failed` is set and further additions do nothing; whoever uses the
 * result asks qn_text_check once. */
#ifndef QN_BASE_TEXT_H
#define QN_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "quern/error.h"

struct qn_text {
    char *s; /* owned; NUL-terminated once something was added */
    size_t len, cap;
    bool failed;
};

void
qn_text_add(struct qn_text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void
qn_text_bytes(struct qn_text *t, const void *p, size_t n);
int
qn_text_check(const struct qn_text *t, struct qn_error *err); /* 0 or QN_ENOMEM */
void
qn_text_clear(struct qn_text *t);

/* The text so far, "" if none. */
const char *
qn_text_get(const struct qn_text *t);

/* The known word nearest to word (Damerau-Levenshtein distance, case ignored,
 * at most a third of its length, at least 1), the first of several, or NULL.
 * words ends with NULL. */
const char *
qn_text_nearest(const char *word, const char *const *words);

/* A letter or '_', then letters, digits and '_': a name as in C? */
bool
qn_text_is_name(const char *s);

/* 1,234,567 into buf (at least 32 bytes); 1.2 GB likewise (powers of 1024, as
 * in qn_memory_parse). */
const char *
qn_text_count(char *buf, size_t size, long long n);
const char *
qn_text_size(char *buf, size_t size, double bytes);

/* "4.2 s", "12 m 03 s", "5 h 07 m", "3 d 04 h"; likewise. */
const char *
qn_text_span(char *buf, size_t size, double seconds);

/* The shortest decimal number that reads back as x: "0.1", "1e-05", "512";
 * "nan", "inf".  buf has at least 32 bytes. */
const char *
qn_text_number(char *buf, size_t size, double x);

#endif
