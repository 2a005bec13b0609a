/* Small files in a folder of their own, opened, read and compared as doubles.
 * For the tests of readers only. */
#ifndef QN_TEST_READER_RUN_H
#define QN_TEST_READER_RUN_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <libdeflate.h>

#include "io/reader.h"
#include "model/array.h"
#include "model/dtype.h"

#include "scratch.h"

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define SOURCE(...) (&(struct qn_source){__VA_ARGS__})
#define PATH_MOST 1024

static char scratch[SCRATCH_NAME];

/* ---- files -------------------------------------------------------------- */

static int
scratch_make(void **state)
{
    (void)state;
    return scratch_open(scratch);
}

static int
scratch_remove(void **state)
{
    (void)state;
    return scratch_close(scratch);
}

/* The path of a file of the test; valid for the next seven calls. */
static inline const char *
at(const char *name)
{
    static char path[8][PATH_MOST];
    static int k;

    k = (k + 1) % 8;
    snprintf(path[k], sizeof path[k], "%s/%s", scratch, name);
    return path[k];
}

static inline const char *
put(const char *name, const void *data, size_t n)
{
    const char *path = at(name);
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    return path;
}

static inline unsigned char *
slurp(const char *name, size_t *n)
{
    FILE *f = fopen(at(name), "rb");
    unsigned char *p = malloc(1 << 20);

    assert_non_null(f);
    assert_non_null(p);
    *n = fread(p, 1, 1 << 20, f);
    fclose(f);
    return p;
}

/* Gzip n bytes into a new file; cut of them are left off the end. */
static inline const char *
put_gzip(const char *name, const void *data, size_t n, size_t cut)
{
    struct libdeflate_compressor *c = libdeflate_alloc_compressor(6);
    size_t most = libdeflate_gzip_compress_bound(c, n);
    unsigned char *p = malloc(most);
    const char *path;

    assert_non_null(p);
    n = libdeflate_gzip_compress(c, data, n, p, most);
    assert_true(n > cut);
    path = put(name, p, n - cut);
    libdeflate_free_compressor(c);
    free(p);
    return path;
}

/* A file of the shared folder, or the test is skipped. */
static inline const char *
shared(const char *name)
{
    static char path[4][PATH_MOST];
    static int k;
    const char *root = getenv("QUERN_SHARED");

    k = (k + 1) % 4;
    snprintf(path[k], sizeof path[k], "%s/%s", root ? root : "", name);
    if (!root || access(path[k], R_OK)) {
        print_message("skipped: QUERN_SHARED has no %s\n", name);
        skip();
    }
    return path[k];
}

/* ---- readers ------------------------------------------------------------ */

static inline struct qn_reader *
open_good(const struct qn_source *s)
{
    struct qn_reader *r = NULL;
    struct qn_error err = {0};

    if (qn_reader_open(&r, s, &err))
        fail_msg("%s", err.text);
    return r;
}

/* Opening must fail with that code, and say these words and the path. */
static inline void
refuse(const struct qn_source *s, int code, const char *words)
{
    struct qn_reader *r = NULL;
    struct qn_error err = {0};
    int rc = qn_reader_open(&r, s, &err);

    if (rc != code || !strstr(err.text, words) || !strstr(err.text, s->path))
        fail_msg(
            "%s: wanted %d with '%s', got %d: %s", s->path, code, words, rc,
            err.text);
    assert_null(r);
}

/* The whole of it, as doubles; free() it. */
static inline double *
load(const struct qn_source *s, struct qn_info *info, size_t *n)
{
    struct qn_reader *r = open_good(s);
    struct qn_array a = {0}, wide = {0};
    struct qn_error err = {0};
    struct qn_box box;

    *info = *qn_reader_info(r);
    box = qn_shape_box(&info->type.shape);
    assert_int_equal(qn_array_make(&a, &info->type, &err), 0);
    if (qn_reader_read(r, &box, a.data, &err))
        fail_msg("%s", err.text);
    assert_int_equal(qn_array_convert(&wide, &a, QN_F64, &err), 0);
    *n = (size_t)qn_shape_count(&info->type.shape);
    info->format = info->where = NULL; // they lived in the reader
    qn_reader_close(r);
    qn_array_clear(&a);
    return wide.data;
}

/* Type and samples must be these; NaN equals NaN. */
static inline void
expect(
    const struct qn_source *s, enum qn_dtype type, const double *want, size_t n)
{
    struct qn_info info;
    size_t got;
    double *v = load(s, &info, &got);

    assert_string_equal(qn_dtype_name(info.type.dtype), qn_dtype_name(type));
    assert_int_equal(got, n);
    for (size_t i = 0; i < n; i++)
        if (v[i] != want[i] && !(isnan(v[i]) && isnan(want[i])))
            fail_msg(
                "%s: sample %zu is %.17g, not %.17g", s->path, i, v[i],
                want[i]);
    free(v);
}

struct total {
    double sum; /* of the samples that are numbers */
    size_t n, nan;
};

static inline struct total
total(const struct qn_source *s)
{
    struct total t = {0};
    struct qn_info info;
    double *v = load(s, &info, &t.n);

    for (size_t i = 0; i < t.n; i++) {
        if (isnan(v[i]))
            t.nan++;
        else
            t.sum += v[i];
    }
    free(v);
    return t;
}

/* A field must be that text; want NULL: it must fail with that code. */
static inline void
expect_field(
    struct qn_reader *r, const char *name, const char *want, bool text,
    int code)
{
    struct qn_error err = {0};
    char value[256] = "";
    bool is_text = false;
    int rc = qn_reader_field(r, name, value, sizeof value, &is_text, &err);

    if (rc != code)
        fail_msg("%s: %d, not %d: %s", name, rc, code, err.text);
    if (code)
        return;
    assert_string_equal(value, want);
    assert_int_equal(is_text, text);
}

#endif
