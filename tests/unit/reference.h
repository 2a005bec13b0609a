/* What peers computed on the shared real data (reference.json), and whether
 * it is there: QUERN_SHARED names the folder. */
#ifndef QN_TEST_REFERENCE_H
#define QN_TEST_REFERENCE_H

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* The path of a file in the shared folder; skips the test where there is no
 * such folder. */
static inline const char *
shared_path(char buf[4096], const char *name)
{
    const char *folder = getenv("QUERN_SHARED");
    FILE *f;

    if (folder)
        snprintf(buf, 4096, "%s/%s", folder, name);
    f = folder ? fopen(buf, "rb") : NULL;
    if (!f) {
        print_message("skipped: no %s in QUERN_SHARED\n", name);
        skip();
    }
    fclose(f);
    return buf;
}

/* reference.json[set], for the caller to release.  Its NaN, which JSON does
 * not have, become 0: no test looks at them. */
static inline json_t *
reference_of(const char *set)
{
    enum { MOST = 1 << 20 };
    char path[4096];
    FILE *f = fopen(shared_path(path, "data/reference.json"), "rb");
    char *text = calloc(MOST, 1);
    json_t *all, *found;
    size_t n;

    assert_non_null(f);
    n = fread(text, 1, MOST - 1, f);
    fclose(f);
    for (char *nan = text; (nan = strstr(nan, "NaN"));)
        memcpy(nan, "0  ", 3);
    all = json_loadb(text, n, 0, NULL);
    found = json_incref(json_object_get(all, set));
    json_decref(all);
    free(text);
    assert_non_null(found);
    return found;
}

static inline void
assert_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance * fabs(want)))
        print_error("%.17g, not %.17g\n", got, want);
    assert_true(fabs(got - want) <= tolerance * fabs(want));
}

/* n values against a summary: samples exactly, or within tolerance of
 * themselves; sums within 1e-12. */
static inline void
check_summary(const json_t *summary, const double *x, size_t n,
              double tolerance)
{
    const json_t *index = json_object_get(summary, "sample_flat_index");
    const json_t *sample = json_object_get(summary, "sample");
    double sum = 0, squares = 0, low = INFINITY, high = -INFINITY;

    assert_true(json_array_size(sample) > 0);
    for (size_t i = 0; i < json_array_size(sample); i++) {
        const json_int_t at = json_integer_value(json_array_get(index, i));

        assert_true((size_t)at < n);
        assert_near(x[at], json_number_value(json_array_get(sample, i)),
                    tolerance);
    }
    for (size_t i = 0; i < n; i++) {
        sum += x[i];
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - sum / (double)n) * (x[i] - sum / (double)n);
    assert_near(sum, json_number_value(json_object_get(summary, "sum")),
                1e-12);
    assert_near(low, json_number_value(json_object_get(summary, "min")),
                tolerance);
    assert_near(high, json_number_value(json_object_get(summary, "max")),
                tolerance);
    assert_near(sqrt(squares / (double)n),
                json_number_value(json_object_get(summary, "std0")), 1e-9);
}

#endif
