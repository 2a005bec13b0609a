/* Sections: which part of a grid, as people write it.
 *
 * FITS counts from 1, names the fastest axis first and includes the end; C
 * counts from 0, names the slowest first and does not.  What is kept is C's
 * form; sentences about a section say both where they can be taken for each
 * other.
 */
#include "model/params.h"

#include <stdlib.h>
#include <string.h>

/* One axis: a, a:b, a:b:c. */
struct range {
    int64_t part[3];
    bool given[3];
    int nparts; /* 1 without a colon */
    bool whole; /* * */
};

static int
refuse(const char *text, const char *sentence, struct qn_error *err)
{
    return qn_fail(err, QN_EVALUE, "section '%.100s': %s", text, sentence);
}

static const char *
skip_blanks(const char *s)
{
    return s + strspn(s, " \t");
}

/* Digits at *s, if there are any.  False for a number that is too large. */
static bool
take_whole(const char **s, int64_t *whole, bool *given)
{
    const char *at = skip_blanks(*s);

    *whole = 0;
    *given = *at >= '0' && *at <= '9';
    for (; *at >= '0' && *at <= '9'; at++) {
        if (*whole > INT64_MAX / 100)
            return false;
        *whole = *whole * 10 + (*at - '0');
    }
    *s = skip_blanks(at);
    return true;
}

static bool
take_range(const char **s, struct range *r)
{
    *r = (struct range){0};
    *s = skip_blanks(*s);
    if (**s == '*') {
        r->whole = true;
        *s = skip_blanks(*s + 1);
        return true;
    }
    for (;;) {
        int i = r->nparts++;

        if (!take_whole(s, &r->part[i], &r->given[i]))
            return false;
        if (**s != ':' || r->nparts == 3)
            return true;
        (*s)++;
    }
}

/* ---- the two orders ----------------------------------------------------- */

struct span {
    int64_t start, stop, step;
};

static int
span_of_fits(struct span *span, const struct range *r, const char *text,
             struct qn_error *err)
{
    *span = (struct span){0, INT64_MAX, 1};
    if (r->whole)
        return 0;
    if (!r->given[0] || (r->nparts > 1 && !r->given[1]))
        return refuse(text, "write first:last, or * for a whole axis", err);
    if (r->part[0] < 1)
        return refuse(text, "in brackets, samples are counted from 1", err);
    span->start = r->part[0] - 1;
    span->stop = r->nparts > 1 ? r->part[1] : r->part[0];
    if (span->stop <= span->start)
        return refuse(
            text, "a range runs backwards; write the smaller end first", err);
    return 0;
}

static int
span_of_c(struct span *span, const struct range *r, const char *text,
          struct qn_error *err)
{
    *span = (struct span){0, INT64_MAX, 1};
    if (r->whole)
        return refuse(text, "without brackets, ':' is a whole axis", err);
    if (r->nparts == 1 && !r->given[0])
        return refuse(text, "an axis is empty; ':' is a whole axis", err);
    if (r->given[0])
        span->start = r->part[0];
    if (r->nparts == 1)
        span->stop = r->part[0] + 1;
    else if (r->given[1])
        span->stop = r->part[1];
    if (span->stop <= span->start)
        return refuse(text,
                      "a range is empty; start:stop takes start and all up "
                      "to stop, but not stop",
                      err);
    return 0;
}

static int
take_span(struct span *span, const char **s, bool fits, const char *text,
          struct qn_error *err)
{
    struct range r;

    if (!take_range(s, &r))
        return refuse(text, "a number is too large", err);
    if (**s == '-')
        return refuse(text,
                      "samples are counted from the beginning, so no number "
                      "is negative",
                      err);
    QN_TRY((fits ? span_of_fits : span_of_c)(span, &r, text, err));
    if (r.given[2])
        span->step = r.part[2];
    if (span->step < 1)
        return refuse(text, "the step must be 1 or more", err);
    return 0;
}

/* ---- the whole ---------------------------------------------------------- */

/* FITS names the fastest axis first. */
static void
reverse(struct span *span, int n)
{
    for (int i = 0; i < n / 2; i++) {
        struct span other = span[i];

        span[i] = span[n - 1 - i];
        span[n - 1 - i] = other;
    }
}

static int
take_spans(struct span *span, int *n, const char **s, bool fits,
           const char *text, struct qn_error *err)
{
    for (*n = 0;;) {
        if (*n == QN_MAX_DIMS)
            return refuse(text, "more than 8 axes", err);
        QN_TRY(take_span(&span[(*n)++], s, fits, text, err));
        if (**s != ',')
            return 0;
        (*s)++;
    }
}

int
qn_params_section(struct qn_section *s, const char *text, struct qn_error *err)
{
    struct span span[QN_MAX_DIMS];
    const char *at = skip_blanks(text);
    bool fits = *at == '[';
    int n;

    *s = (struct qn_section){0};
    if (!*at)
        return refuse(text, "it is empty", err);
    at += fits;
    QN_TRY(take_spans(span, &n, &at, fits, text, err));
    if (fits && *at++ != ']')
        return refuse(text, "expected ',' or ']', as in [17:528, 1:520]", err);
    if (*skip_blanks(at))
        return refuse(text,
                      fits ? "something follows the closing bracket"
                           : "expected start:stop and commas, as in "
                             "0:16, :, 3",
                      err);
    if (fits)
        reverse(span, n);
    s->ndims = n;
    for (int i = 0; i < n; i++) {
        s->start[i] = span[i].start;
        s->stop[i] = span[i].stop;
        s->step[i] = span[i].step;
    }
    return 0;
}

/* ---- against a shape ---------------------------------------------------- */

/* axis: of the shape; i: of the section */
static int
fit_axis(struct qn_box *box, int axis, const struct qn_section *s, int i,
         const struct qn_shape *shape, struct qn_error *err)
{
    int64_t n = shape->n[axis], start = s->start[i];
    int64_t stop = s->stop[i] == INT64_MAX ? n : s->stop[i];
    int64_t last = stop > start ? stop : start + 1;

    if (start >= n || stop > n)
        return qn_fail(err, QN_ESHAPE,
                       "the section reaches beyond the data: axis %d has "
                       "%lld samples, the section takes %lld:%lld (in FITS "
                       "order: axis %d, %lld:%lld)",
                       axis, (long long)n, (long long)start, (long long)last,
                       shape->ndims - axis, (long long)start + 1,
                       (long long)last);
    box->start[axis] = start;
    box->step[axis] = s->step[i];
    box->count[axis] = (stop - start - 1) / s->step[i] + 1;
    return 0;
}

int
qn_params_section_fit(struct qn_box *box, const struct qn_section *s,
                      const struct qn_shape *shape, struct qn_error *err)
{
    int whole = shape->ndims - s->ndims;

    *box = qn_shape_box(shape);
    if (whole < 0)
        return qn_fail(err, QN_ESHAPE,
                       "the section names %d axes, but the data has %d",
                       s->ndims, shape->ndims);
    for (int i = 0; i < s->ndims; i++)
        QN_TRY(fit_axis(box, whole + i, s, i, shape, err));
    return 0;
}
