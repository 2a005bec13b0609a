/* Shapes: counts that overflow, operands that fit, parts that cover. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "model/shape.h"

static void
impossible_sizes(void **state)
{
    static const struct qn_shape bad[] = {
        {.ndims = -1},
        {.ndims = QN_MAX_DIMS + 1},
        {.ndims = 1, .n = {-1}},
        {.ndims = 2, .n = {0, -5}},
        {.ndims = 1, .n = {((int64_t)1 << 62) + 1}},
        {.ndims = 2, .n = {(int64_t)1 << 32, (int64_t)1 << 31}},
        {.ndims = 3, .n = {3, INT64_MAX, 2}},
    };
    struct qn_error err;
    int64_t size;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(qn_shape_size(&size, &bad[i], &err), QN_ESHAPE);
}

static void
sizes(void **state)
{
    static const struct {
        struct qn_shape s;
        int64_t size;
        const char *text;
    } rows[] = {
        {{.ndims = 0}, 1, "a number"},
        {{.ndims = 1, .n = {5}}, 5, "5"},
        {{.ndims = 2, .n = {2048, 4096}}, 8388608, "2048 x 4096"},
        {{.ndims = 3, .n = {INT64_MAX, 0, 9}},
         0,
         "9223372036854775807 x 0 x 9"},
        {{.ndims = 2, .n = {(int64_t)1 << 31, (int64_t)1 << 31}},
         (int64_t)1 << 62,
         "2147483648 x 2147483648"},
        {{.ndims = 8, .n = {1, 2, 1, 3, 1, 1, 2, 2}},
         24,
         "1 x 2 x 1 x 3 x 1 x 1 x 2 x 2"},
    };
    char buf[192];
    int64_t size;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(qn_shape_size(&size, &rows[i].s, NULL), 0);
        assert_true(size == rows[i].size);
        assert_string_equal(qn_shape_text(buf, sizeof buf, &rows[i].s),
                            rows[i].text);
    }
    assert_true(qn_shape_count(&rows[2].s) == 8388608);
    assert_true(qn_shape_count(&rows[0].s) == 1);
    assert_string_equal(qn_shape_text(buf, 6, &rows[2].s), "2048 ");
    // Axis lengths up to the largest on all axes fit the buffers used here.
    struct qn_shape widest = {.ndims = QN_MAX_DIMS};
    for (int a = 0; a < QN_MAX_DIMS; a++)
        widest.n[a] = INT64_MAX;
    assert_true(strlen(qn_shape_text(buf, sizeof buf, &widest)) < 191);
}

static void
operands(void **state)
{
    static const struct {
        struct qn_shape item, operand;
        bool fits;
    } rows[] = {
        {{2, {4, 5}}, {1, {4}}, false},
        {{2, {4, 5}}, {2, {5, 4}}, false},
        {{2, {4, 5}}, {3, {1, 4, 5}}, false},
        {{2, {1, 5}}, {2, {4, 5}}, false}, // the item never grows
        {{0, {0}}, {1, {1}}, false},
        {{0, {0}}, {0, {0}}, true},
        {{2, {4, 5}}, {0, {0}}, true},
        {{2, {4, 5}}, {1, {5}}, true},
        {{2, {4, 5}}, {1, {1}}, true},
        {{2, {4, 5}}, {2, {4, 1}}, true},
        {{2, {4, 5}}, {2, {1, 5}}, true},
        {{3, {9, 4, 5}}, {2, {4, 5}}, true},
    };
    struct qn_error err;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(qn_shape_fits(&rows[i].item, &rows[i].operand, &err),
                         rows[i].fits ? 0 : QN_ESHAPE);
    qn_shape_fits(&rows[1].item, &rows[1].operand, &err);
    assert_non_null(strstr(err.text, "operand is 5 x 4"));
    assert_non_null(strstr(err.text, "item is 4 x 5"));
}

static void
equality(void **state)
{
    struct qn_shape a = {2, {3, 4, 99}}, b = {2, {3, 4}}, c = {2, {3, 5}};
    struct qn_shape d = {3, {3, 4, 1}}, none = {0};

    (void)state;
    assert_true(qn_shape_equal(&a, &b)); // beyond ndims nothing counts
    assert_false(qn_shape_equal(&a, &c));
    assert_false(qn_shape_equal(&a, &d));
    assert_true(qn_shape_equal(&none, &none));
}

static void
whole_box(void **state)
{
    struct qn_shape s = {3, {7, 0, 2}};
    struct qn_box box = qn_shape_box(&s);

    (void)state;
    assert_int_equal(box.ndims, 3);
    for (int a = 0; a < 3; a++) {
        assert_int_equal(box.start[a], 0);
        assert_int_equal(box.count[a], s.n[a]);
        assert_int_equal(box.step[a], 1);
    }
}

// Parts are consecutive, cover everything once, and differ by at most one.
static void
parts_cover(void **state)
{
    (void)state;
    for (int64_t total = 0; total < 60; total++)
        for (int64_t n = 1; n < 20; n++) {
            int64_t next = 0, before = INT64_MAX;
            for (int64_t i = 0; i < n; i++) {
                int64_t start, count;
                qn_shape_part(&start, &count, total, n, i);
                assert_true(start == next);
                assert_true(count == total / n || count == total / n + 1);
                assert_true(count <= before);
                next += count;
                before = count;
            }
            assert_true(next == total);
        }

    int64_t start, count;
    qn_shape_part(&start, &count, INT64_MAX, 3, 2);
    assert_true(start + count == INT64_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(impossible_sizes), cmocka_unit_test(sizes),
        cmocka_unit_test(operands),         cmocka_unit_test(equality),
        cmocka_unit_test(whole_box),        cmocka_unit_test(parts_cover),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
