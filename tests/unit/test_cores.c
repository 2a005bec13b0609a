/* Machines that hwloc invents, and this one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "engine/cores.h"

static struct qn_cores c;

static const char *
text(const struct qn_mask *m)
{
    static char buf[200];

    return qn_mask_text(buf, sizeof buf, m);
}

static void
invented_machines(void **state)
{
    static const struct {
        const char *synthetic;
        int packages, numa, cores, processors;
        const char *online, *folded;
    } rows[] = {
        {"core:4 pu:1", 0, 1, 4, 4, "0-3", "0-3"},
        {"package:2 core:4 pu:2", 2, 1, 8, 16, "0-15",
         "0,2,4,6,8,10,12,14"},
        {"package:2 [numa] core:2 pu:2(indexes=0,4,1,5,2,6,3,7)", 2, 2, 4, 8,
         "0-7", "0-3"},
        {"pu:3", 0, 1, 3, 3, "0-2", "0-2"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct qn_mask folded;

        qn_cores_read(&c, rows[i].synthetic);
        assert_int_equal(c.packages, rows[i].packages);
        assert_int_equal(c.numa, rows[i].numa);
        assert_int_equal(c.cores, rows[i].cores);
        assert_int_equal(c.processors, rows[i].processors);
        assert_string_equal(text(&c.online), rows[i].online);
        assert_true(qn_mask_same(&c.online, &c.mask));
        folded = qn_cores_fold(&c, &c.mask);
        assert_string_equal(text(&folded), rows[i].folded);
    }
}

static void
packages_are_told_apart(void **state)
{
    (void)state;
    qn_cores_read(&c, "package:2 core:2 pu:2");
    for (int i = 0; i < 8; i++)
        assert_int_equal(c.package[i], i / 4);
}

/* Against what the system itself says. */
static void
this_machine(void **state)
{
    cpu_set_t set;
    struct qn_mask mine;

    (void)state;
    qn_cores_read(&c, NULL);
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    assert_int_equal(qn_mask_count(&c.mask), CPU_COUNT(&set));
    for (int i = 0; i < QN_MASK_MOST; i++)
        assert_int_equal(qn_mask_has(&c.mask, i),
                         CPU_ISSET((size_t)i, &set) != 0);
    assert_true(qn_cores_of(&mine, getpid()));
    assert_true(qn_mask_same(&mine, &c.mask));
    assert_false(qn_cores_of(&mine, -1));
}

static void
a_narrower_mask(void **state)
{
    cpu_set_t before, one;
    int last = 0;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    for (int i = 0; i < CPU_SETSIZE; i++)
        last = CPU_ISSET((size_t)i, &before) ? i : last;
    CPU_ZERO(&one);
    CPU_SET((size_t)last, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    qn_cores_read(&c, NULL);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    assert_int_equal(qn_mask_count(&c.mask), 1);
    assert_true(qn_mask_has(&c.mask, last));
    assert_true(qn_mask_count(&c.online) >= CPU_COUNT(&before));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(invented_machines),
        cmocka_unit_test(packages_are_told_apart),
        cmocka_unit_test(this_machine),
        cmocka_unit_test(a_narrower_mask),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
