/* The end of a SLURM allocation, from what squeue may say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <math.h>

#include <cmocka.h>

#include "engine/allocation.h"

static void
answers(void **state)
{
    // 2026-02-03T04:05:06 UTC
    static const double end = 1770091506;
    static const struct {
        const char *answer;
        double before, left; /* s */
    } table[] = {
        {"", 10, INFINITY},
        {"N/A                 \n", 10, INFINITY},
        {"Unknown\n", 10, INFINITY},
        {"slurm_load_jobs error: Invalid job id specified\n", 10, INFINITY},
        {"2026-02-03T04:05:06\n2026-02-03T04:05:06\n", 10, INFINITY},
        {"2026-13-03T04:05:06", 10, INFINITY},
        {"2026-02-03", 10, INFINITY},
        {"2026-02-03T04:05:06", 0, INFINITY},
        {"2026-02-03T04:05:06", -5, INFINITY},
        {"2026-02-03T04:05:06 \n", 3600, 3540},
        {"  2026-02-03T04:05:06\n", 120, 60},
        {"2026-02-03T04:05:06\n", 60, 30},
        {"2026-02-03T04:05:06\n", 10, 5},
    };

    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        double left =
            qn_allocation_parse(table[i].answer, end - table[i].before);

        if (isinf(table[i].left))
            assert_true(isinf(left));
        else
            assert_float_equal(left, table[i].left, 1e-6);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(answers)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
