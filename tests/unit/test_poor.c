/* What is said of a rank that gets too few cores: never again what has been
 * done already. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "engine/threads.h"

struct row {
    const char *name;
    struct qn_trouble trouble;
    int threads;
    double cores;
    const char *fix; /* how it begins */
};

static const struct row rows[] = {
    {"more than the mask", {QN_TROUBLE_MASK, "", "--threads 2", 2}, 3, 1.5,
     "--threads 2"},
    {"as many as the mask", {QN_TROUBLE_MASK, "", "--threads 2", 2}, 2, 0.28,
     "--threads 1"},
    {"the mask could be wider", {QN_TROUBLE_MASK, "", "no taskset", 0}, 2, 0.9,
     "no taskset"},
    {"a core is shared", {QN_TROUBLE_SHARED, "", "mpirun -", 0}, 2, 1,
     "mpirun -"},
    {"more than the quota", {QN_TROUBLE_QUOTA, "", "--cpus=4", 2}, 4, 2,
     "--cpus=4"},
    {"no more than the quota", {QN_TROUBLE_QUOTA, "", "--cpus=8", 5}, 5, 2.6,
     "--threads 3"},
    {"idle cores explain nothing", {QN_TROUBLE_IDLE, "", "mpirun -", 0}, 4, 2,
     "--threads 2"},
};

static void
what_helps(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *r = &rows[i];
        struct qn_threads t = {.ntroubles = 1};
        struct qn_trouble say;

        t.trouble[0] = r->trouble;
        qn_threads_poor(&say, &t, r->threads, r->cores);
        if (strncmp(say.fix, r->fix, strlen(r->fix)) != 0)
            fail_msg("%s: '%s'", r->name, say.fix);
        assert_non_null(strstr(say.text, "threads asked, "));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_helps)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
