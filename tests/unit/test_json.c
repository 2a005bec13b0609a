/* Plain data in and out of JSON objects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "model/json.h"

static const char said[] =
    "{\"word\": \"dark\", \"empty\": \"\", \"big\": 1099511627777,"
    " \"half\": 0.5, \"none\": null, \"list\": [1]}";

/* What is not of the kind that was asked for is as if it were not there. */
static void
test_absent(void **state)
{
    static const char *const keys[] = {"big",  "half",    "none",
                                       "list", "nowhere", ""};
    json_t *o = json_loads(said, 0, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        assert_null(qn_json_text(o, keys[i]));
        assert_string_equal(qn_json_word(o, keys[i]), "");
        if (i > 0)
            assert_int_equal(qn_json_integer(o, keys[i]), 0);
    }
    assert_null(qn_json_text(NULL, "word"));
    assert_string_equal(qn_json_word(NULL, "word"), "");
    assert_int_equal(qn_json_integer(NULL, "big"), 0);
    assert_int_equal(qn_json_integer(o, "word"), 0);
    json_decref(o);
}

static void
test_present(void **state)
{
    json_t *o = json_loads(said, 0, NULL);

    (void)state;
    assert_string_equal(qn_json_text(o, "word"), "dark");
    assert_string_equal(qn_json_word(o, "word"), "dark");
    assert_string_equal(qn_json_text(o, "empty"), "");
    assert_true(qn_json_integer(o, "big") == INT64_C(1099511627777));
    json_decref(o);
}

static void
check(json_t *made, const char *expected)
{
    char *text = json_dumps(made, JSON_COMPACT);

    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
    json_decref(made);
}

static void
test_lists(void **state)
{
    char dark[] = "dark", none[] = "";
    char *words[] = {dark, none};
    const int64_t n[] = {-1, INT64_C(1) << 40};

    (void)state;
    check(qn_json_strings(&(struct qn_strings){0}), "[]");
    check(qn_json_strings(&(struct qn_strings){words, 2}), "[\"dark\",\"\"]");
    check(qn_json_integers(NULL, 0), "[]");
    check(qn_json_integers(n, 2), "[-1,1099511627776]");
    check(qn_json_shape(&(struct qn_shape){0}), "[]");
    check(qn_json_shape(&(struct qn_shape){.ndims = 2, .n = {3, 0}}), "[3,0]");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_present),
        cmocka_unit_test(test_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
