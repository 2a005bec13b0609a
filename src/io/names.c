/* Lists of names: see names.h.  Knows no file; bytes are compared, not
 * letters. */
#include "io/names.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

int
qn_names_add(struct qn_names *names, const char *name, struct qn_error *err)
{
    char *copy;

    QN_TRY(qn_memory_grow((void **)&names->v, &names->cap, names->n + 1,
                          sizeof *names->v, err));
    QN_TRY(qn_memory_copy(&copy, name, err));
    names->v[names->n++] = copy;
    return 0;
}

static size_t
digits(const char *s)
{
    size_t n = 0;

    while (isdigit((unsigned char)s[n]))
        n++;
    return n;
}

// Two runs of digits; both pointers move behind them.
static int
compare_numbers(const char **a, const char **b)
{
    size_t na, nb;
    int order;

    *a += strspn(*a, "0");
    *b += strspn(*b, "0");
    na = digits(*a);
    nb = digits(*b);
    order = na != nb ? (na > nb) - (na < nb) : memcmp(*a, *b, na);
    *a += na;
    *b += nb;
    return order;
}

static int
compare(const char *a, const char *b)
{
    const char *p = a, *q = b;
    int order = 0;

    while (*p && *q && !order) {
        if (isdigit((unsigned char)*p) && isdigit((unsigned char)*q))
            order = compare_numbers(&p, &q);
        else
            order = (unsigned char)*p++ - (unsigned char)*q++;
    }
    if (!order)
        order = (unsigned char)*p - (unsigned char)*q;
    return order ? order : strcmp(a, b); // "a01" and "a1"
}

static int
compare_entries(const void *a, const void *b)
{
    return compare(*(char *const *)a, *(char *const *)b);
}

void
qn_names_sort(struct qn_names *names, size_t first)
{
    if (names->n - first > 1)
        qsort(names->v + first, names->n - first, sizeof *names->v,
              compare_entries);
}

static int
compare_places(const void *a, const void *b)
{
    char *const *p = *(char **const *)a, *const *q = *(char **const *)b;
    int order = strcmp(*p, *q);

    return order ? order : (p > q) - (p < q);
}

int
qn_names_once(struct qn_names *names, struct qn_error *err)
{
    char ***place, *last = NULL;
    size_t kept = 0;

    QN_TRY(qn_memory_make((void **)&place, names->n, sizeof *place, "names",
                          err));
    for (size_t i = 0; i < names->n; i++)
        place[i] = &names->v[i];
    if (names->n)
        qsort(place, names->n, sizeof *place, compare_places);
    for (size_t i = 0; i < names->n; i++) {
        if (!last || strcmp(last, *place[i]) != 0) {
            last = *place[i];
            continue;
        }
        free(*place[i]);
        *place[i] = NULL;
    }
    for (size_t i = 0; i < names->n; i++)
        if (names->v[i])
            names->v[kept++] = names->v[i];
    names->n = kept;
    free(place);
    return 0;
}

void
qn_names_clear(struct qn_names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->v[i]);
    free(names->v);
    *names = (struct qn_names){0};
}
