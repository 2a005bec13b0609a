/* The catalog: every kernel's table is complete and its presets fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "kernels/catalog.h"
#include "model/params.h"

static void
finds_by_name(void **state)
{
    static const char *const names[] = {
        "add",        "subtract",  "multiply", "divide",     "calculate",
        "polynomial", "clip",      "bad-pixels", "fill",     "cast",
        "normalize",  "overscan",  "crop",     "bin",        "combine",
    };

    (void)state;
    assert_null(qn_catalog_find("medain"));
    assert_null(qn_catalog_find(""));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_non_null(qn_catalog_find(names[i]));
        assert_string_equal(qn_catalog_find(names[i])->name, names[i]);
    }
}

static void
names_differ(void **state)
{
    (void)state;
    for (const struct qn_kernel *const *k = qn_catalog(); *k; k++)
        assert_ptr_equal(qn_catalog_find((*k)->name), *k);
}

static void
kernels_are_whole(void **state)
{
    (void)state;
    for (const struct qn_kernel *const *p = qn_catalog(); *p; p++) {
        const struct qn_kernel *k = *p;
        const bool reduces = k->kind == QN_KIND_REDUCTION;
        // combining is done by engines, exec by processes
        const bool elsewhere =
            k->kind == QN_KIND_COMBINE || !strcmp(k->name, "exec");

        assert_true(k->version >= 1);
        assert_true(strlen(k->summary) > 10);
        assert_true(k->summary[strlen(k->summary) - 1] != '.');
        assert_true(strlen(k->definition) > 80);
        assert_int_equal(!!k->point + !!k->apply + !!k->stencil + !!k->regrid,
                         reduces || elsewhere ? 0 : 1);
        // another kind may have one too: moving-mean is a step and a product
        assert_true(!reduces || k->reduction);
        assert_true(!k->operand_key == (k->operands != QN_OPERANDS_KEY));
        assert_true(!k->map || k->kind == QN_KIND_GEOMETRY);
        assert_true(!k->point || k->real);
        assert_true(k->params_size == 0 || k->options != NULL);
    }
}

static size_t
size_of(enum qn_option_type type)
{
    switch (type) {
    case QN_OPTION_NUMBER: return sizeof(double);
    case QN_OPTION_INTEGER: return sizeof(int64_t);
    case QN_OPTION_BOOL: return sizeof(bool);
    case QN_OPTION_CHOICE:
    case QN_OPTION_DTYPE: return sizeof(int);
    case QN_OPTION_TEXT: return sizeof(const char *);
    case QN_OPTION_NUMBERS: return sizeof(struct qn_numbers);
    case QN_OPTION_SECTION: return sizeof(struct qn_section);
    case QN_OPTION_CHOICES: return sizeof(struct qn_choices);
    }
    return SIZE_MAX;
}

static void
options_are_whole(void **state)
{
    (void)state;
    for (const struct qn_kernel *const *k = qn_catalog(); *k; k++) {
        bool shorthand = (*k)->shorthand == NULL;

        for (const struct qn_option *o = (*k)->options; o && o->name; o++) {
            json_t *preset = qn_params_preset(o);

            assert_true(o->offset + size_of(o->type) <= (*k)->params_size);
            assert_true((o->choices != NULL) ==
                        (o->type == QN_OPTION_CHOICE ||
                         o->type == QN_OPTION_CHOICES));
            assert_int_equal(preset != NULL, o->preset && *o->preset);
            assert_int_equal(o->help[strlen(o->help) - 1], '.');
            shorthand = shorthand || strcmp((*k)->shorthand, o->name) == 0;
            json_decref(preset);
        }
        assert_true(shorthand);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_by_name),
        cmocka_unit_test(names_differ),
        cmocka_unit_test(kernels_are_whole),
        cmocka_unit_test(options_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
