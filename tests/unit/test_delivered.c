/* What is measured can be too little, for others compute too; never too much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <sched.h>
#include <cmocka.h>

#include "base/delivered.h"
#include "base/parallel.h"

static void
no_more_than_threads(void **state)
{
    struct qn_delivered d;

    (void)state;
    for (int n = -1; n < 4; n++) {
        qn_delivered_measure(&d, n, 0.002, n % 2);
        assert_int_equal(d.threads, n < 1 ? 1 : n);
        assert_true(d.loop > 0);
        assert_true(d.loop < 1.05 * d.threads);
        // no BLAS is loaded into this program
        assert_true(isnan(d.gemm) && isnan(d.gflops));
    }
}

static void
no_more_than_the_mask(void **state)
{
    cpu_set_t before, one;
    struct qn_delivered d;
    size_t first = 0;

    (void)state;
    qn_parallel_close(); // its threads have the mask of before
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    while (!CPU_ISSET(first, &before))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    qn_delivered_measure(&d, 8, 0.02, true);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    assert_int_equal(d.threads, 8);
    assert_true(d.loop > 0 && d.loop < 1.05);
    qn_parallel_close();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_more_than_threads),
        cmocka_unit_test(no_more_than_the_mask),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
