/* Index sets: how many, do they fit, which part is whose.
 *
 * Arithmetic only: no memory, no ranks, no files.  Counts are held below 2^62
 * so that sums of two of them and offsets in bytes per sample of 1 cannot
 * overflow an int64_t.
 */
#include "model/shape.h"

#include <stdio.h>

#include "model/dtype.h"

#define MAX_COUNT ((int64_t)1 << 62)

static int
check_axes(const struct qn_shape *s, bool *empty, struct qn_error *err)
{
    *empty = false;
    if (s->ndims < 0 || s->ndims > QN_MAX_DIMS)
        return qn_fail(err, QN_ESHAPE, "%d axes: from 0 to %d are possible",
                       s->ndims, QN_MAX_DIMS);
    for (int a = 0; a < s->ndims; a++) {
        if (s->n[a] < 0)
            return qn_fail(err, QN_ESHAPE, "axis %d has the length %lld", a,
                           (long long)s->n[a]);
        if (s->n[a] == 0)
            *empty = true;
    }
    return 0;
}

int
qn_shape_size(int64_t *size, const struct qn_shape *s, struct qn_error *err)
{
    char text[192];
    int64_t n = 1;
    bool empty;

    *size = 0;
    QN_TRY(check_axes(s, &empty, err));
    if (empty)
        return 0;
    for (int a = 0; a < s->ndims; a++) {
        if (s->n[a] > MAX_COUNT / n)
            return qn_fail(err, QN_ESHAPE,
                           "an array of %s is too large to count",
                           qn_shape_text(text, sizeof text, s));
        n *= s->n[a];
    }
    *size = n;
    return 0;
}

int64_t
qn_shape_count(const struct qn_shape *s)
{
    int64_t n = 1;

    for (int a = 0; a < s->ndims; a++)
        n *= s->n[a];
    return n;
}

int64_t
qn_shape_bytes(const struct qn_type *t)
{
    return qn_shape_count(&t->shape) * (int64_t)qn_dtype_size(t->dtype);
}

bool
qn_shape_equal(const struct qn_shape *a, const struct qn_shape *b)
{
    if (a->ndims != b->ndims)
        return false;
    for (int i = 0; i < a->ndims; i++)
        if (a->n[i] != b->n[i])
            return false;
    return true;
}

const char *
qn_shape_text(char *buf, size_t size, const struct qn_shape *s)
{
    size_t len = 0;

    if (s->ndims == 0)
        snprintf(buf, size, "a number");
    for (int a = 0; a < s->ndims && len < size; a++) {
        int n = snprintf(buf + len, size - len, "%s%lld", a ? " x " : "",
                         (long long)s->n[a]);
        len += n > 0 ? (size_t)n : 0;
    }
    return buf;
}

int
qn_shape_fits(const struct qn_shape *a, const struct qn_shape *b,
              struct qn_error *err)
{
    char item[192], operand[192];
    int shift = a->ndims - b->ndims;
    bool fits = shift >= 0;

    for (int i = 0; fits && i < b->ndims; i++)
        fits = b->n[i] == 1 || b->n[i] == a->n[i + shift];
    if (fits)
        return 0;
    return qn_fail(err, QN_ESHAPE,
                   "the operand is %s but the item is %s: they must be "
                   "equal, or equal or 1 along the operand's axes, counted "
                   "from the last",
                   qn_shape_text(operand, sizeof operand, b),
                   qn_shape_text(item, sizeof item, a));
}

int
qn_shape_row_axis(const struct qn_shape *s)
{
    int a = 0;

    while (a < s->ndims - 1 && s->n[a] == 1)
        a++;
    return a;
}

struct qn_box
qn_shape_box(const struct qn_shape *s)
{
    struct qn_box box = {.ndims = s->ndims};

    for (int a = 0; a < s->ndims; a++) {
        box.count[a] = s->n[a];
        box.step[a] = 1;
    }
    return box;
}

void
qn_shape_part(int64_t *start, int64_t *count, int64_t total, int64_t n,
              int64_t i)
{
    int64_t each = total / n, longer = total % n;

    *start = i * each + (i < longer ? i : longer);
    *count = each + (i < longer);
}
