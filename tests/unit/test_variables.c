/* What a child's libraries are told of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/variables.h"

/* How often NAME occurs; *value is the last one's. */
static int
look(char **env, const char *name, const char **value)
{
    int n = 0;

    *value = "";
    for (; *env; env++)
        if (!strncmp(*env, name, strlen(name)) && (*env)[strlen(name)] == '=') {
            *value = *env + strlen(name) + 1;
            n++;
        }
    return n;
}

static void
every_library_is_told_once(void **state)
{
    static const struct {
        const char *name, *value;
    } want[] = {
        {"OMP_NUM_THREADS", "4"},        {"OPENBLAS_NUM_THREADS", "2"},
        {"MKL_NUM_THREADS", "2"},        {"BLIS_NUM_THREADS", "2"},
        {"VECLIB_MAXIMUM_THREADS", "2"}, {"NUMEXPR_NUM_THREADS", "2"},
        {"HOME", "/ada"},           {"OMP_NUM_THREADSX", "9"},
        {"EXTRA", "new"},                {"OMP_PROC_BIND", "false"},
    };
    char *from[] = {"OMP_NUM_THREADS=64",  "HOME=/ada", "EXTRA=old",
                    "OMP_NUM_THREADSX=9",  "MKL_NUM_THREADS=7",
                    "OMP_NUM_THREADS=65", NULL};
    const char *more[] = {"EXTRA=new", NULL};
    const struct qn_variables v = {.openmp = 4, .blas = 2};
    const char *value;
    char **env;

    (void)state;
    assert_int_equal(qn_variables_make(&env, from, &v, more, NULL), 0);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        assert_int_equal(look(env, want[i].name, &value), 1);
        assert_string_equal(value, want[i].value);
    }
    assert_int_equal(look(env, "OMP_PLACES", &value), 0);
    free(env);
}

static void
more_has_the_last_word(void **state)
{
    char *from[] = {NULL};
    const char *more[] = {"OMP_NUM_THREADS=9", NULL}, *value;
    const struct qn_variables v = {.openmp = 1, .blas = 1};
    char **env;

    (void)state;
    assert_int_equal(qn_variables_make(&env, from, &v, more, NULL), 0);
    assert_int_equal(look(env, "OMP_NUM_THREADS", &value), 1);
    assert_string_equal(value, "9");
    free(env);
}

static void
binding_only_where_unset(void **state)
{
    static const struct {
        const char *from; /* NULL: nothing about binding */
        int alone;
        const char *places, *bind;
    } rows[] = {
        {NULL, 0, "", "false"},
        {NULL, 1, "cores", "close"},
        {"OMP_PLACES=sockets", 1, "sockets", "close"},
        {"OMP_PLACES=sockets", 0, "sockets", "false"},
        {"OMP_PROC_BIND=spread", 1, "", "spread"},
        {"OMP_PROC_BIND=spread", 0, "", "spread"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *from[] = {(char *)(uintptr_t)rows[i].from, NULL};
        struct qn_variables v = {.openmp = 3, .blas = 3,
                                 .alone = rows[i].alone};
        const char *value;
        char **env;

        assert_int_equal(qn_variables_make(&env, from, &v, NULL, NULL), 0);
        look(env, "OMP_PLACES", &value);
        assert_string_equal(value, rows[i].places);
        look(env, "OMP_PROC_BIND", &value);
        assert_string_equal(value, rows[i].bind);
        free(env);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_library_is_told_once),
        cmocka_unit_test(more_has_the_last_word),
        cmocka_unit_test(binding_only_where_unset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
