/* Sample types: names, and each of the hundred conversions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model/dtype.h"

static bool
is_little(void)
{
    const uint16_t one = 1;

    return *(const unsigned char *)&one == 1;
}

/* ---- names -------------------------------------------------------------- */

static void
no_such_name(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "write int8"},
        {"<", "write int8"},
        {"f2", "write int8"},
        {"i3", "write int8"},
        {"u22", "write int8"},
        {"b2", "write int8"},
        {"<>i2", "write int8"},
        {"complex64", "write int8"},
        {"unit16", "did you mean 'uint16'"},
        {"Float32", "did you mean 'float32'"},
        {"float 64", "did you mean 'float64'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct qn_error err = {0};
        enum qn_dtype t;
        bool swapped;
        assert_int_equal(qn_dtype_parse(&t, &swapped, rows[i].text, &err),
                         QN_EVALUE);
        if (!strstr(err.text, rows[i].says))
            fail_msg("'%s' says: %s", rows[i].text, err.text);
    }
}

static void
names(void **state)
{
    static const struct {
        const char *text;
        enum qn_dtype t;
        char order; // '<', '>' or 0
    } rows[] = {
        {"int8", QN_I8, 0},     {"uint8", QN_U8, 0},
        {"int16", QN_I16, 0},   {"uint16", QN_U16, 0},
        {"int32", QN_I32, 0},   {"uint32", QN_U32, 0},
        {"int64", QN_I64, 0},   {"uint64", QN_U64, 0},
        {"float32", QN_F32, 0}, {"float64", QN_F64, 0},
        {"i1", QN_I8, 0},       {"u8", QN_U64, 0},
        {"<u2", QN_U16, '<'},   {">i4", QN_I32, '>'},
        {"f8", QN_F64, 0},      {"=f4", QN_F32, 0},
        {"|u1", QN_U8, 0},      {">i1", QN_I8, 0},
        {"|b1", QN_U8, 0},      {">float32", QN_F32, '>'},
    };
    char other = is_little() ? '>' : '<';

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        enum qn_dtype t = QN_NDTYPES;
        bool swapped = true;
        assert_int_equal(qn_dtype_parse(&t, &swapped, rows[i].text, NULL), 0);
        assert_int_equal(t, rows[i].t);
        assert_int_equal(swapped, rows[i].order == other);
        int rc = qn_dtype_parse(&t, NULL, rows[i].text, NULL);
        assert_int_equal(rc, swapped ? QN_EVALUE : 0);
    }
}

static void
properties(void **state)
{
    static const struct {
        enum qn_dtype t, precision;
        size_t bytes;
    } rows[] = {
        {QN_I8, QN_F32, 1},  {QN_U8, QN_F32, 1},  {QN_I16, QN_F32, 2},
        {QN_U16, QN_F32, 2}, {QN_I32, QN_F64, 4}, {QN_U32, QN_F64, 4},
        {QN_I64, QN_F64, 8}, {QN_U64, QN_F64, 8}, {QN_F32, QN_F32, 4},
        {QN_F64, QN_F64, 8},
    };

    (void)state;
    for (size_t i = 0; i < QN_NDTYPES; i++) {
        enum qn_dtype t = rows[i].t, back;
        assert_int_equal(qn_dtype_size(t), rows[i].bytes);
        assert_int_equal(qn_dtype_precision(t), rows[i].precision);
        assert_int_equal(qn_dtype_is_real(t), t >= QN_F32);
        assert_int_equal(qn_dtype_parse(&back, NULL, qn_dtype_name(t), NULL),
                         0);
        assert_int_equal(back, t);
    }
}

/* ---- conversions -------------------------------------------------------- */

// Values near everything that can go wrong, each exact in long double.
static const long double values[] = {
    0.0L,           1.0L,           -1.0L,
    0.5L,           -0.5L,          1.5L,
    2.5L,           -1.5L,          -2.5L,
    0.49999999L,    126.5L,         127.0L,
    127.5L,         128.0L,         -128.0L,
    -128.5L,        -129.0L,        254.5L,
    255.0L,         255.5L,         256.0L,
    32767.0L,       32767.5L,       32768.0L,
    -32768.0L,      -32769.0L,      65535.0L,
    65535.5L,       65536.0L,       0x1p23L,
    0x1p24L + 1,    2147483647.0L,  2147483648.0L,
    -2147483648.0L, -2147483649.0L, 4294967295.0L,
    4294967295.5L,  4294967296.0L,  0x1p52L + 1,
    0x1p53L + 1,    0x1p62L,        0x1p63L - 1,
    0x1p63L,        -0x1p63L,       -0x1p63L - 2048,
    0x1p64L - 1,    0x1p64L - 2048, 0x1p64L,
    1e30L,          -1e30L,
};
#define NVALUES (sizeof values / sizeof *values)

static const struct {
    long double low, high;
} range[] = {
    {-128, 127},
    {0, 255},
    {-32768, 32767},
    {0, 65535},
    {-2147483648.0L, 2147483647.0L},
    {0, 4294967295.0L},
    {-0x1p63L, 0x1p63L - 1},
    {0, 0x1p64L - 1},
};

/* Each type's own cast, written out once, is what the table is held to. */
#define CASE_STORE(code, name, bytes, type)                                    \
    case code: ((type *)p)[i] = (type)v; break;
static void
store(void *p, enum qn_dtype t, size_t i, long double v)
{
    switch (t) {
        QN_DTYPES(CASE_STORE)
    case QN_NDTYPES: break;
    }
}

#define CASE_LOAD(code, name, bytes, type)                                     \
    case code: return (long double)((const type *)p)[i];
static long double
load(const void *p, enum qn_dtype t, size_t i)
{
    switch (t) {
        QN_DTYPES(CASE_LOAD)
    case QN_NDTYPES: break;
    }
    return 0;
}

// v as type t holds it; false if it cannot.
static bool
hold(long double *held, enum qn_dtype t, long double v)
{
    if (t == QN_F32)
        *held = (long double)(float)v;
    else if (t == QN_F64)
        *held = (long double)(double)v;
    else
        *held = rintl(v);
    return qn_dtype_is_real(t) ||
           (*held >= range[t].low && *held <= range[t].high);
}

// One value at one place among n that fit: block, tail, first, last.
static void
convert_one(enum qn_dtype d, enum qn_dtype s, long double v, size_t n,
            size_t at)
{
    uint64_t from[200] = {0}, to[200];
    struct qn_error err = {0};
    long double expect;

    store(from, s, at, v);
    memset(to, 0x55, sizeof to);
    int rc = qn_dtype_convert(to, d, from, s, n, &err);
    if (hold(&expect, d, v)) {
        if (rc || load(to, d, at) != expect)
            fail_msg("%s to %s: %Lg gave %Lg, %s", qn_dtype_name(s),
                     qn_dtype_name(d), v, load(to, d, at), err.text);
        for (size_t i = 0; i < n; i++)
            assert_true(i == at || load(to, d, i) == 0);
        return;
    }
    if (rc != QN_EVALUE)
        fail_msg("%s to %s: %Lg was accepted", qn_dtype_name(s),
                 qn_dtype_name(d), v);
    assert_null(strstr(err.text, "a sample is 0,")); // one of the others
    assert_non_null(strstr(err.text, qn_dtype_name(d)));
}

static void
all_pairs(void **state)
{
    static const struct {
        size_t n, at;
    } places[] = {{1, 0}, {200, 0}, {200, 70}, {200, 199}, {63, 5}};

    (void)state;
    for (int s = 0; s < QN_NDTYPES; s++)
        for (size_t i = 0; i < NVALUES; i++) {
            long double v;
            // What the source type cannot hold cannot be converted from it.
            if (!hold(&v, (enum qn_dtype)s, values[i]))
                continue;
            for (int d = 0; d < QN_NDTYPES; d++)
                for (size_t p = 0; p < sizeof places / sizeof *places; p++)
                    convert_one((enum qn_dtype)d, (enum qn_dtype)s, v,
                                places[p].n, places[p].at);
        }
}

static void
not_finite(void **state)
{
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    struct qn_error err;
    uint64_t to[100];
    double from[100];
    float half[100];

    (void)state;
    for (int d = 0; d < QN_F32; d++)
        for (int b = 0; b < 3; b++) {
            for (size_t i = 0; i < 100; i++) {
                from[i] = i < 7 ? 1 : bad[b];
                half[i] = (float)from[i];
            }
            assert_int_equal(
                qn_dtype_convert(to, (enum qn_dtype)d, from, QN_F64, 100, &err),
                QN_EVALUE);
            assert_memory_equal(err.text, "a sample is ", 12);
            assert_true(!strstr(err.text, "`fill`") == (b > 0));
            assert_int_equal(
                qn_dtype_convert(to, (enum qn_dtype)d, half, QN_F32, 100, NULL),
                QN_EVALUE);
        }
    assert_int_equal(qn_dtype_convert(half, QN_F32, from, QN_F64, 100, NULL),
                     0);
    assert_true(isinf(half[99]) && half[99] < 0);
}

static void
the_sentence(void **state)
{
    const uint64_t big = UINT64_MAX;
    const float nan = NAN;
    struct qn_error err;
    int8_t small;

    (void)state;
    qn_dtype_convert(&small, QN_I8, &big, QN_U64, 1, &err);
    assert_string_equal(
        err.text,
        "a sample is 18446744073709551615, outside the range of int8 (-128 to "
        "127): use `clip` first, or a wider type");
    qn_dtype_convert(&small, QN_I8, &nan, QN_F32, 1, &err);
    assert_string_equal(err.text,
                        "a sample is NaN, which int8 cannot hold: use `fill` "
                        "first, or a real type");
}

static void
same_type(void **state)
{
    int16_t v[6] = {1, 2, 3, 4, 5, 6};

    (void)state;
    assert_int_equal(qn_dtype_convert(v, QN_I16, v, QN_I16, 6, NULL), 0);
    assert_int_equal(qn_dtype_convert(v + 1, QN_I16, v, QN_I16, 5, NULL), 0);
    assert_int_equal(v[0], 1);
    assert_int_equal(v[1], 1);
    assert_int_equal(v[5], 5);
    assert_int_equal(qn_dtype_convert(NULL, QN_F32, NULL, QN_I8, 0, NULL), 0);
}

static void
swapped_bytes(void **state)
{
    unsigned char v[8 * 100], once[sizeof v];

    (void)state;
    for (int t = 0; t < QN_NDTYPES; t++) {
        size_t b = qn_dtype_size((enum qn_dtype)t), n = sizeof v / b;
        for (size_t i = 0; i < sizeof v; i++)
            v[i] = once[i] = (unsigned char)(i * 7);
        qn_dtype_swap(once, n, (enum qn_dtype)t);
        for (size_t i = 0; i < sizeof v; i++)
            assert_int_equal(once[i], v[i - i % b + (b - 1 - i % b)]);
        qn_dtype_swap(once, n, (enum qn_dtype)t);
        assert_memory_equal(once, v, sizeof v);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_such_name), cmocka_unit_test(names),
        cmocka_unit_test(properties),   cmocka_unit_test(all_pairs),
        cmocka_unit_test(not_finite),   cmocka_unit_test(the_sentence),
        cmocka_unit_test(same_type),    cmocka_unit_test(swapped_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
