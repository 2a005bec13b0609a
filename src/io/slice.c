/* `slice`: words into boxes, and boxes within boxes.
 *
 * Knows no file.  A slice that reaches beyond the array is refused, not cut:
 * a job made for another detector should not pass silently.
 */
#include "io/slice.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/params.h"

struct range {
    int64_t start, stop, step;
    bool one; /* a single index */
};

// An integer at *p, or none: then *v stays.
static bool
scan_int(const char **p, int64_t *v)
{
    char *end;
    long long x;

    while (isspace((unsigned char)**p))
        ++*p;
    if (!isdigit((unsigned char)**p) && **p != '-' && **p != '+')
        return true;
    errno = 0;
    x = strtoll(*p, &end, 10);
    if (end == *p || errno)
        return false;
    *p = end;
    *v = x;
    while (isspace((unsigned char)**p))
        ++*p;
    return true;
}

// "a:b:c", ":", "i" along an axis of n samples.
static bool
scan_range(struct range *r, const char *p, int64_t n)
{
    *r = (struct range){.stop = n, .step = 1};
    if (strspn(p, " \t") == strlen(p) || !scan_int(&p, &r->start))
        return false;
    r->start += r->start < 0 ? n : 0;
    if (!*p) {
        r->stop = r->start + 1;
        r->one = true;
        return true;
    }
    if (*p++ != ':' || !scan_int(&p, &r->stop))
        return false;
    r->stop += r->stop < 0 ? n : 0;
    if (*p == ':') {
        p++;
        if (!scan_int(&p, &r->step))
            return false;
    }
    return !*p;
}

static int
set_axis(struct qn_box *box, int a, const struct range *r, int64_t n,
         const char *word, struct qn_error *err)
{
    if (r->step < 1)
        return qn_fail(err, QN_EJOB, "slice '%s': the step must be at least 1",
                       word);
    if (r->start < 0 || r->start >= n || r->stop > n)
        return qn_fail(
            err, QN_ESHAPE,
            "slice '%s' reaches beyond axis %d, which has %lld samples", word,
            a, (long long)n);
    if (r->stop <= r->start)
        return qn_fail(
            err, QN_ESHAPE,
            "slice '%s' of axis %d (%lld samples) is empty; it goes from START "
            "to before STOP",
            word, a, (long long)n);
    box->start[a] = r->start;
    box->step[a] = r->step;
    box->count[a] = (r->stop - r->start - 1) / r->step + 1;
    return 0;
}

static int
make_fits(struct qn_box *box, const struct qn_shape *shape, const char *word,
          struct qn_error *err)
{
    struct qn_section s = {0};
    struct range r;

    QN_TRY(qn_params_section(&s, word, err));
    if (s.ndims != shape->ndims)
        return qn_fail(err, QN_ESHAPE,
                       "slice '%s' names %d axes but the data has %d", word,
                       s.ndims, shape->ndims);
    for (int a = 0; a < s.ndims; a++) {
        r = (struct range){s.start[a], s.stop[a], s.step[a], false};
        if (r.stop == INT64_MAX)
            r.stop = shape->n[a];
        QN_TRY(set_axis(box, a, &r, shape->n[a], word, err));
    }
    return 0;
}

int
qn_slice_make(struct qn_box *box, const struct qn_shape *shape, int n,
              const char *const *word, struct qn_error *err)
{
    struct range r;

    *box = qn_shape_box(shape);
    if (n == 1 && word[0][strspn(word[0], " ")] == '[')
        return make_fits(box, shape, word[0], err);
    if (n > shape->ndims)
        return qn_fail(err, QN_ESHAPE,
                       "slice names %d axes but the data has %d", n,
                       shape->ndims);
    for (int a = 0; a < n; a++) {
        if (!scan_range(&r, word[a], shape->n[a]))
            return qn_fail(
                err, QN_EJOB,
                "slice '%s' cannot be read; write START:STOP:STEP, ':' or one "
                "index",
                word[a]);
        QN_TRY(set_axis(box, a, &r, shape->n[a], word[a], err));
    }
    return 0;
}

int
qn_slice_within(struct qn_box *out, const struct qn_box *base,
                const struct qn_box *box, struct qn_error *err)
{
    if (box->ndims != base->ndims)
        return qn_fail(err, QN_ESHAPE,
                       "a part with %d axes was asked of data with %d",
                       box->ndims, base->ndims);
    *out = *base;
    for (int a = 0; a < base->ndims; a++) {
        int64_t last = box->start[a] + (box->count[a] - 1) * box->step[a];

        if (box->start[a] < 0 || box->count[a] < 0 || box->step[a] < 1 ||
            (box->count[a] > 0 && last >= base->count[a]))
            return qn_fail(
                err, QN_ESHAPE,
                "samples up to %lld were asked of axis %d, which has %lld",
                (long long)last, a, (long long)base->count[a]);
        out->start[a] = base->start[a] + box->start[a] * base->step[a];
        out->step[a] = base->step[a] * box->step[a];
        out->count[a] = box->count[a];
    }
    return 0;
}
