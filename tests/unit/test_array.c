/* Arrays: who frees what, and sizes that cannot be had. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model/array.h"

// Under the address sanitizer: a request that is too large gives NULL.
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void
impossible_arrays(void **state)
{
    static const struct {
        struct qn_type type;
        int code;
    } rows[] = {
        {{QN_F64, {1, {-1}}}, QN_ESHAPE},
        {{QN_F64, {9, {1}}}, QN_ESHAPE},
        {{QN_I8, {2, {INT64_MAX, 2}}}, QN_ESHAPE},
        {{QN_F64, {1, {(int64_t)1 << 62}}}, QN_ENOMEM},
        {{QN_F64, {1, {((int64_t)1 << 61) - 1}}}, QN_ENOMEM},
        {{QN_I16, {1, {(int64_t)1 << 58}}}, QN_ENOMEM},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct qn_array a = {.own = true, .data = &a};
        struct qn_error err = {0};
        assert_int_equal(qn_array_make(&a, &rows[i].type, &err), rows[i].code);
        assert_int_equal(err.code, rows[i].code);
        assert_null(a.data);
        assert_false(a.own);
        qn_array_clear(&a);
    }
}

static void
owned_arrays(void **state)
{
    static const struct {
        struct qn_type type;
        size_t bytes;
    } rows[] = {
        {{QN_F32, {0, {0}}}, 4},
        {{QN_I8, {2, {0, 7}}}, 0},
        {{QN_U16, {2, {3, 5}}}, 30},
        {{QN_F64, {3, {2, 2, 2}}}, 64},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct qn_array a;
        assert_int_equal(qn_array_make(&a, &rows[i].type, NULL), 0);
        assert_true(a.own);
        assert_non_null(a.data);
        assert_int_equal((uintptr_t)a.data % 64, 0);
        assert_int_equal(qn_array_bytes(&a), rows[i].bytes);
        memset(a.data, 1, rows[i].bytes);
        qn_array_clear(&a);
        qn_array_clear(&a);
        assert_null(a.data);
        assert_false(a.own);
    }
}

static void
views_free_nothing(void **state)
{
    struct qn_type type = {QN_I32, {1, {3}}};
    int32_t data[3] = {1, 2, 3};
    struct qn_array a = qn_array_view(&type, data);

    (void)state;
    assert_ptr_equal(a.data, data);
    assert_int_equal(qn_array_bytes(&a), sizeof data);
    qn_array_clear(&a);
    assert_null(a.data);
    assert_int_equal(data[2], 3);
}

static void
converted_copies(void **state)
{
    struct qn_type type = {QN_I32, {2, {2, 2}}};
    int32_t data[4] = {-1, 0, 1, 70000};
    struct qn_array in = qn_array_view(&type, data), out;
    struct qn_error err;

    (void)state;
    assert_int_equal(qn_array_convert(&out, &in, QN_I16, &err), QN_EVALUE);
    assert_non_null(strstr(err.text, "a sample is 70000"));
    assert_null(out.data);

    assert_int_equal(qn_array_convert(&out, &in, QN_F64, &err), 0);
    assert_int_equal(out.type.dtype, QN_F64);
    assert_int_equal(out.type.shape.ndims, 2);
    assert_true(((double *)out.data)[3] == 70000.0);
    qn_array_clear(&out);

    assert_int_equal(qn_array_convert(&out, &in, QN_I32, &err), 0);
    assert_ptr_not_equal(out.data, data);
    assert_memory_equal(out.data, data, sizeof data);
    qn_array_clear(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(impossible_arrays),
        cmocka_unit_test(owned_arrays),
        cmocka_unit_test(views_free_nothing),
        cmocka_unit_test(converted_copies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
