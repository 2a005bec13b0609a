/* masks: shapes that are named in place of a file. */
#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/masks.h"

enum kind { ALL, DISK, RING, RECTANGLE };

static const struct {
    const char *name;
    int numbers;
    const char *form;
} kinds[] = {
    {"all", 0, "all"},
    {"disk", 3, "disk(y, x, radius)"},
    {"ring", 4, "ring(y, x, inner, outer)"},
    {"rectangle", 4, "rectangle(y0, x0, y1, x1)"},
};

struct shape {
    enum kind kind;
    double v[4];
};

static const char *
skip_blanks(const char *s)
{
    while (isspace((unsigned char)*s))
        s++;
    return s;
}

/* "(1, 2, 3)" behind the name; NULL if it is not that. */
static const char *
read_numbers(const char *s, double *v, int n)
{
    for (int i = 0; i < n; i++) {
        char *end;

        s = skip_blanks(s);
        if (*s++ != (i ? ',' : '('))
            return NULL;
        v[i] = strtod(s, &end);
        if (end == s || !isfinite(v[i]))
            return NULL;
        s = end;
    }
    s = skip_blanks(s);
    if (n && *s++ != ')')
        return NULL;
    return skip_blanks(s);
}

/* The first shape of s; what stands behind it, NULL if it is none. */
static const char *
read_shape(struct shape *shape, const char *s)
{
    size_t n;

    s = skip_blanks(s);
    n = strspn(s, "abcdefghijklmnopqrstuvwxyz");
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        if (strlen(kinds[k].name) == n && !strncmp(kinds[k].name, s, n)) {
            shape->kind = (enum kind)k;
            s = read_numbers(s + n, shape->v, kinds[k].numbers);
            return s && (!*s || *s == ';') ? s : NULL;
        }
    return NULL;
}

int
qn_masks_shapes_count(int64_t *n, const char *text, struct qn_error *err)
{
    struct shape shape;

    *n = 0;
    for (const char *s = text;; s++) {
        const char *end = read_shape(&shape, s);

        if (!end)
            return qn_fail(err, QN_EJOB,
                           "masks: '%.40s' is no shape; there are %s, %s, %s "
                           "and %s, separated by ';'",
                           skip_blanks(s), kinds[0].form, kinds[1].form,
                           kinds[2].form, kinds[3].form);
        ++*n;
        s = end;
        if (!*s || !*skip_blanks(s + 1))
            return 0;
    }
}

static bool
is_inside(const struct shape *s, double y, double x)
{
    const double dy = y - s->v[0], dx = x - s->v[1], d = dy * dy + dx * dx;

    switch (s->kind) {
    case DISK: return d <= s->v[2] * s->v[2];
    case RING: return d >= s->v[2] * s->v[2] && d < s->v[3] * s->v[3];
    case RECTANGLE:
        return y >= s->v[0] && y < s->v[2] && x >= s->v[1] && x < s->v[3];
    default: return true;
    }
}

void
qn_masks_shapes_draw(double *mask, int64_t ny, int64_t nx, const char *text)
{
    for (const char *s = text; s && *skip_blanks(s); s += *s == ';') {
        struct shape shape;

        s = read_shape(&shape, s);
        if (!s)
            return; // was counted before, so it is one
        for (int64_t y = 0; y < ny; y++)
            for (int64_t x = 0; x < nx; x++)
                *mask++ = is_inside(&shape, (double)y, (double)x);
    }
}
