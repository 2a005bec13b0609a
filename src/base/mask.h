/* A set of processors of one machine, as plain data that can be sent.  Local.
 *
 * Numbers are the operating system's.  Those from QN_MASK_MOST on are not
 * held: on a larger machine they count for nothing. */
#ifndef QN_BASE_MASK_H
#define QN_BASE_MASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { QN_MASK_MOST = 1024 };

struct qn_mask {
    uint64_t w[QN_MASK_MOST / 64];
};

void
qn_mask_add(struct qn_mask *m, int processor);
bool
qn_mask_has(const struct qn_mask *m, int processor);
int
qn_mask_count(const struct qn_mask *m);
bool
qn_mask_same(const struct qn_mask *a, const struct qn_mask *b);

/* *a and whatever is in b too, or only what is in both. */
void
qn_mask_join(struct qn_mask *a, const struct qn_mask *b);
void
qn_mask_cut(struct qn_mask *a, const struct qn_mask *b);

/* "0-3,8" into buf; "none".  What does not fit ends in "...". */
const char *
qn_mask_text(char *buf, size_t size, const struct qn_mask *m);

/* The same spelling, as in Cpus_allowed_list; false: it is none. */
bool
qn_mask_parse(struct qn_mask *m, const char *text);

#endif
