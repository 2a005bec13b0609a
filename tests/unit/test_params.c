/* Options: from what a person wrote to the canonical form and the struct;
 * sections and the shapes they have to fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "model/params.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

struct sample {
    double sigma;
    int64_t factor;
    bool deep;
    int method;
    const char *name;
    int dtype;
    struct qn_numbers weights;
    struct qn_section region;
    double low; /* need not be given, and so the rest */
    int64_t count;
    bool flag;
    int edge;
    const char *label;
    int stored;
    struct qn_numbers extra;
    struct qn_section trim;
};

#define FIELD(f) offsetof(struct sample, f)
#define CHOICES  "mean|median|sigma-clip"

static const struct qn_option options[] = {
    {"sigma", QN_OPTION_NUMBER, FIELD(sigma), "3", NULL, NULL, ""},
    {"factor", QN_OPTION_INTEGER, FIELD(factor), NULL, NULL, NULL, ""},
    {"deep", QN_OPTION_BOOL, FIELD(deep), "true", NULL, NULL, ""},
    {"method", QN_OPTION_CHOICE, FIELD(method), "median", CHOICES, NULL, ""},
    {"name", QN_OPTION_TEXT, FIELD(name), "data", NULL, NULL, ""},
    {"dtype", QN_OPTION_DTYPE, FIELD(dtype), "float32", NULL, NULL, ""},
    {"weights", QN_OPTION_NUMBERS, FIELD(weights), "[1, 2]", NULL, NULL, ""},
    {"region", QN_OPTION_SECTION, FIELD(region), "{header: BIASSEC}", NULL,
     NULL, ""},
    {"low", QN_OPTION_NUMBER, FIELD(low), "", NULL, NULL, ""},
    {"count", QN_OPTION_INTEGER, FIELD(count), "", NULL, NULL, ""},
    {"flag", QN_OPTION_BOOL, FIELD(flag), "", NULL, NULL, ""},
    {"edge", QN_OPTION_CHOICE, FIELD(edge), "", "nearest|reflect", NULL, ""},
    {"label", QN_OPTION_TEXT, FIELD(label), "", NULL, NULL, ""},
    {"stored", QN_OPTION_DTYPE, FIELD(stored), "", NULL, NULL, ""},
    {"extra", QN_OPTION_NUMBERS, FIELD(extra), "", NULL, NULL, ""},
    {"trim", QN_OPTION_SECTION, FIELD(trim), "", NULL, NULL, ""},
    {0},
};

static const struct qn_kernel kernel = {
    .name = "sample",
    .params_size = sizeof(struct sample),
    .options = options,
};

static const struct qn_option *
option(const char *name)
{
    const struct qn_option *o = options;

    while (strcmp(o->name, name) != 0)
        o++;
    return o;
}

/* ---- scalars ------------------------------------------------------------ */

static void
bad_scalars(void **state)
{
    static const struct {
        const char *option, *text, *part;
    } rows[] = {
        {"sigma", "three", "'sigma' must be a number, not 'three'"},
        {"sigma", "", "must be a number"},
        {"sigma", "{header: }", "must be a number"},
        {"sigma", "{header: A B}", "must be a number"},
        {"sigma", "{headers: A}", "must be a number"},
        {"sigma", "{stage: A}", "must be a number"},
        {"factor", "2.5", "'factor' must be a whole number, not '2.5'"},
        {"factor", "inf", "whole number"},
        {"factor", "nan", "whole number"},
        {"factor", "1e30", "whole number"},
        {"factor", "9223372036854775808", "whole number"},
        {"factor", "", "whole number"},
        {"factor", "4 pixels", "whole number"},
        {"deep", "1", "'deep' must be true or false, not '1'"},
        {"deep", "{header: SIMPLE}", "true or false"},
        {"method", "medain", "unknown method 'medain'; did you mean 'median'"},
        {"method", "sigmaclip", "did you mean 'sigma-clip'"},
        {"method", "zzz", "there are: mean|median|sigma-clip"},
        {"method", "mean|median", "unknown method"},
        {"method", "", "unknown method"},
        {"method", "Mean", "did you mean 'mean'"},
        {"name", "\xff", "UTF-8"},
        {"dtype", "flaot32", "did you mean 'float32'"},
        {"weights", "", "'weights' must be a number"},
        {"weights", "1, x", "not ' x'"},
        {"weights", "[1, 2", "not '[1'"},
        {"weights", "[", "not '['"},
        {"weights", "1]", "not '1]'"},
        {"weights", "1,,2", "must be a number"},
        {"weights", "[]", "must be a number"},
        {"region", "[3:1, 2:4]", "'region': section '[3:1, 2:4]'"},
        {"region", "", "empty"},
    };
    struct qn_error err;
    json_t *value;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int rc = qn_params_scalar(&value, option(rows[i].option), rows[i].text,
                                  &err);

        if (rc != QN_EJOB || !strstr(err.text, rows[i].part))
            fail_msg("%s: %s: %d %s", rows[i].option, rows[i].text, rc,
                     rc ? err.text : "");
        assert_null(value);
        assert_int_equal(qn_params_scalar(&value, option(rows[i].option),
                                          rows[i].text, NULL),
                         QN_EJOB);
    }
}

static void
check_json(json_t *value, const char *expected)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
    json_decref(value);
}

static void
scalars(void **state)
{
    static const struct {
        const char *option, *text, *json;
    } rows[] = {
        {"sigma", "3", "3.0"},
        {"sigma", "3.0", "3.0"},
        {"sigma", "1e3", "1000.0"},
        {"sigma", "-0", "0.0"},
        {"sigma", "inf", "\"inf\""},
        {"sigma", "-.inf", "\"-inf\""},
        {"sigma", "NaN", "\"nan\""},
        {"sigma", "{header: EXPTIME}", "{\"header\":\"EXPTIME\"}"},
        {"sigma", " {header:DATE-OBS } ", "{\"header\":\"DATE-OBS\"}"},
        {"factor", "2", "2"},
        {"factor", "2.0", "2"},
        {"factor", "1e3", "1000"},
        {"factor", "-9223372036854775808", "-9223372036854775808"},
        {"factor", "9223372036854775807", "9223372036854775807"},
        {"factor", " 4 ", "4"},
        {"factor", "{ header : /entry/n@x }", "{\"header\":\"/entry/n@x\"}"},
        {"deep", "true", "true"},
        {"deep", "No", "false"},
        {"deep", "on", "true"},
        {"method", "sigma-clip", "\"sigma-clip\""},
        {"name", "{header: X}", "\"{header: X}\""},
        {"name", "", "\"\""},
        {"dtype", "f8", "\"float64\""},
        {"dtype", "uint16", "\"uint16\""},
        {"weights", "1", "[1.0]"},
        {"weights", "1, 2.5 ,inf", "[1.0,2.5,\"inf\"]"},
        {"weights", " [ 1, 2 ] ", "[1.0,2.0]"},
        {"region", "[ 17 : 528 , 1:520 ]", "\"[17:528,1:520]\""},
        {"region", "0:16:2, :, 3", "\"0:16:2,:,3\""},
        {"region", "{header: BIASSEC}", "{\"header\":\"BIASSEC\"}"},
    };
    struct qn_error err = {0};
    json_t *value;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (qn_params_scalar(&value, option(rows[i].option), rows[i].text,
                             &err))
            fail_msg("%s: %s: %s", rows[i].option, rows[i].text, err.text);
        check_json(value, rows[i].json);
    }
}

static void
lists(void **state)
{
    static const char *const three[] = {"1", " 2.5", "nan"};
    static const char *const axes[] = {"0:16:2", ":", "3"};
    const char *many[QN_MAX_NUMBERS + 1];
    struct qn_error err;
    json_t *value;

    (void)state;
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = "1";
    assert_int_equal(qn_params_list(&value, option("sigma"), three, 3, &err),
                     QN_EJOB);
    assert_string_equal(err.text, "'sigma' takes one value, not a list");
    assert_int_equal(qn_params_list(&value, option("weights"), axes, 3, NULL),
                     QN_EJOB);
    assert_null(value);
    assert_int_equal(qn_params_list(&value, option("weights"), three, 0, NULL),
                     QN_EJOB);
    assert_int_equal(qn_params_list(&value, option("weights"), many,
                                    QN_MAX_NUMBERS + 1, &err),
                     QN_EJOB);
    assert_non_null(strstr(err.text, "1 to 64 numbers, not 65"));
    assert_int_equal(qn_params_list(&value, option("region"), three, 2, NULL),
                     QN_EJOB);

    assert_int_equal(qn_params_list(&value, option("weights"), three, 3, NULL),
                     0);
    check_json(value, "[1.0,2.5,\"nan\"]");
    assert_int_equal(
        qn_params_list(&value, option("weights"), many, QN_MAX_NUMBERS, NULL),
        0);
    json_decref(value);
    assert_int_equal(qn_params_list(&value, option("region"), axes, 3, NULL),
                     0);
    check_json(value, "\"0:16:2,:,3\"");
}

static void
presets(void **state)
{
    (void)state;
    assert_null(qn_params_preset(option("factor")));
    assert_null(qn_params_preset(option("low")));
    check_json(qn_params_preset(option("sigma")), "3.0");
    check_json(qn_params_preset(option("weights")), "[1.0,2.0]");
    check_json(qn_params_preset(option("region")), "{\"header\":\"BIASSEC\"}");
}

/* ---- filling ------------------------------------------------------------ */

static int
fill(struct sample *p, const char *json, const char *fields,
     struct qn_error *err)
{
    json_t *o = json_loads(json, 0, NULL), *f = json_loads(fields, 0, NULL);
    struct qn_lookup lookup = qn_fields_lookup(f);
    int rc;

    assert_non_null(o);
    assert_non_null(f);
    *p = (struct sample){0};
    rc = qn_params_fill(p, &kernel, o, &lookup, err);
    json_decref(o);
    json_decref(f);
    return rc;
}

static void
bad_objects(void **state)
{
    static const struct {
        const char *json, *fields;
        int code;
        const char *part;
    } rows[] = {
        {"{}", "{}", QN_EJOB, "'factor' must be given"},
        {"{\"factor\": null}", "{}", QN_EJOB, "must be given"},
        {"{\"factor\": 2.5}", "{}", QN_EJOB, "wrong kind"},
        {"{\"factor\": \"2\"}", "{}", QN_EJOB, "wrong kind"},
        {"{\"sigma\": \"x\"}", "{}", QN_EJOB, "wrong kind"},
        {"{\"sigma\": [1]}", "{}", QN_EJOB, "wrong kind"},
        {"{\"factor\": 2, \"deep\": 1}", "{}", QN_EJOB, "'deep'"},
        {"{\"factor\": 2, \"method\": \"x\"}", "{}", QN_EJOB, "'method'"},
        {"{\"factor\": 2, \"method\": 1}", "{}", QN_EJOB, "'method'"},
        {"{\"factor\": 2, \"name\": 1}", "{}", QN_EJOB, "'name'"},
        {"{\"factor\": 2, \"name\": {\"header\": \"A\"}}", "{}", QN_EJOB,
         "'name'"},
        {"{\"factor\": 2, \"dtype\": \"x\"}", "{}", QN_EJOB, "'dtype'"},
        {"{\"factor\": 2, \"weights\": []}", "{}", QN_EJOB, "'weights'"},
        {"{\"factor\": 2, \"weights\": [true]}", "{}", QN_EJOB, "'weights'"},
        {"{\"factor\": 2, \"region\": 1}", "{}", QN_EJOB, "'region'"},
        {"{\"factor\": 2, \"region\": \"1:\\u0020x\"}", "{}", QN_EVALUE,
         "'region'"},
        {"{\"factor\": {\"header\": \"N\"}}", "{}", QN_EMISSING,
         "no field 'N', which 'factor' needs"},
        {"{\"factor\": {\"header\": \"N\"}}", "{\"N\": 2.5}", QN_EVALUE,
         "field 'N': 'factor' must be a whole number, not '2.5'"},
        {"{\"sigma\": {\"header\": \"N\"}}", "{\"N\": \"V\"}", QN_EVALUE,
         "field 'N': 'sigma' must be a number, not 'V'"},
        {"{\"factor\": 2, \"region\": {\"header\": \"N\"}}",
         "{\"N\": \"[5:3,1:2]\"}", QN_EVALUE, "backwards"},
    };
    struct sample p;
    struct qn_error err;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int rc = fill(&p, rows[i].json, rows[i].fields, &err);

        if (rc != rows[i].code || !strstr(err.text, rows[i].part))
            fail_msg("%s: %d %s", rows[i].json, rc, rc ? err.text : "");
    }
}

static void
without_fields(void **state)
{
    json_t *o = json_pack("{s:{s:s}}", "sigma", "header", "A");
    struct sample p = {0};
    struct qn_lookup none = {NULL, NULL};

    (void)state;
    assert_int_equal(qn_params_fill(&p, &kernel, o, NULL, NULL), QN_EMISSING);
    assert_int_equal(qn_params_fill(&p, &kernel, o, &none, NULL), QN_EMISSING);
    json_decref(o);
}

static void
not_given(void **state)
{
    struct sample p;

    (void)state;
    assert_int_equal(fill(&p, "{\"factor\": 2}", "{}", NULL), 0);
    assert_int_equal(p.factor, 2);
    assert_true(isnan(p.low) && isnan(p.sigma));
    assert_true(p.count == INT64_MIN);
    assert_false(p.flag);
    assert_int_equal(p.edge, -1);
    assert_null(p.label);
    assert_int_equal(p.stored, -1);
    assert_int_equal(p.extra.n, 0);
    assert_int_equal(p.trim.ndims, 0);
}

/* What the presets give, through the text that travels to a worker. */
static void
defaults_travel(void **state)
{
    json_t *o = json_object();
    json_t *f = json_pack("{s:s, s:s}", "BIASSEC", "[3:4, 1:20]", "N", "12.0");
    struct qn_lookup fields = qn_fields_lookup(f);
    struct sample p = {0};
    char *text;

    (void)state;
    for (const struct qn_option *q = options; q->name; q++) {
        json_t *preset = qn_params_preset(q);

        if (preset)
            json_object_set_new(o, q->name, preset);
    }
    json_object_set_new(o, "factor", json_pack("{s:s}", "header", "N"));
    json_object_set_new(o, "low", json_string("-inf"));
    text = json_dumps(o, JSON_SORT_KEYS);
    json_decref(o);
    o = json_loads(text, 0, NULL);
    free(text);
    assert_int_equal(qn_params_fill(&p, &kernel, o, &fields, NULL), 0);
    assert_true(p.sigma == 3 && p.factor == 12 && p.deep && p.method == 1);
    assert_ptr_equal(p.name, json_string_value(json_object_get(o, "name")));
    assert_int_equal(p.dtype, QN_F32);
    assert_true(p.weights.n == 2 && p.weights.v[1] == 2);
    assert_true(p.region.ndims == 2 && p.region.start[0] == 0 &&
                p.region.stop[0] == 20 && p.region.start[1] == 2);
    assert_true(p.low == -INFINITY);
    json_decref(o);
    json_decref(f);
}

/* ---- sections ----------------------------------------------------------- */

static void
bad_sections(void **state)
{
    static const struct {
        const char *text, *part;
    } rows[] = {
        {"", "empty"},
        {"  ", "empty"},
        {"[", "first:last"},
        {"[]", "first:last"},
        {"[1:2", "expected ',' or ']'"},
        {"[1:2,", "first:last"},
        {"[1:2] x", "closing bracket"},
        {"[0:5]", "counted from 1"},
        {"[5:1]", "backwards"},
        {"[:, 1:2]", "first:last"},
        {"[1:, 1:2]", "first:last"},
        {"[1:2:0]", "step"},
        {"[-*, 1:2]", "counted from the beginning"},
        {"[-1:2]", "counted from the beginning"},
        {"[1:5:-1]", "counted from the beginning"},
        {"[1:2;3:4]", "expected ',' or ']'"},
        {"[99999999999999999999:2]", "too large"},
        {"[1,1,1,1,1,1,1,1,1]", "more than 8 axes"},
        {"5:5", "is empty"},
        {"5:2", "is empty"},
        {"-1", "counted from the beginning"},
        {":-1", "counted from the beginning"},
        {"1:2:0", "step"},
        {"1:2,", "an axis is empty"},
        {",1:2", "an axis is empty"},
        {"*", "':' is a whole axis"},
        {"1:2 3", "expected start:stop"},
        {"1:2:3:4", "expected start:stop"},
        {"a:b", "an axis is empty"},
        {"1:2]", "expected start:stop"},
    };
    struct qn_section s;
    struct qn_error err;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int rc = qn_params_section(&s, rows[i].text, &err);

        if (rc != QN_EVALUE || !strstr(err.text, rows[i].part))
            fail_msg("'%s': %d %s", rows[i].text, rc, rc ? err.text : "");
        assert_int_equal(s.ndims, 0);
    }
}

/* "start:stop:step, ..." in C order; stop "end" for INT64_MAX */
static char *
section_text(const struct qn_section *s)
{
    struct qn_text t = {0};

    for (int i = 0; i < s->ndims; i++) {
        qn_text_add(&t, "%s%lld:", i ? "," : "", (long long)s->start[i]);
        if (s->stop[i] == INT64_MAX)
            qn_text_add(&t, "end:%lld", (long long)s->step[i]);
        else
            qn_text_add(&t, "%lld:%lld", (long long)s->stop[i],
                        (long long)s->step[i]);
    }
    return t.s;
}

static void
sections(void **state)
{
    static const struct {
        const char *text, *section;
    } rows[] = {
        {"[17:528, 1:520]", "0:520:1,16:528:1"},
        {"[17:528,1:520]", "0:520:1,16:528:1"},
        {"  [ 17 : 528 ,\t1 : 520 ]  ", "0:520:1,16:528:1"},
        {"[1:1]", "0:1:1"},
        {"[7]", "6:7:1"},
        {"[*, 3:4]", "2:4:1,0:end:1"},
        {"[*]", "0:end:1"},
        {"[1:10:2,*,5]", "4:5:1,0:end:1,0:10:2"},
        {"0:16:2, :, 3", "0:16:2,0:end:1,3:4:1"},
        {"0:16:2,:,3", "0:16:2,0:end:1,3:4:1"},
        {":", "0:end:1"},
        {"::", "0:end:1"},
        {"::3", "0:end:3"},
        {"5:", "5:end:1"},
        {":5", "0:5:1"},
        {" 2 : 4 : 2 ", "2:4:2"},
        {"0,0,0,0,0,0,0,0", "0:1:1,0:1:1,0:1:1,0:1:1,0:1:1,0:1:1,0:1:1,0:1:1"},
    };
    struct qn_section s;
    struct qn_error err;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (qn_params_section(&s, rows[i].text, &err))
            fail_msg("'%s': %s", rows[i].text, err.text);
        char *text = section_text(&s);
        assert_string_equal(text, rows[i].section);
        free(text);
    }
}

static void
beyond_the_shape(void **state)
{
    static const struct {
        const char *text, *part;
    } rows[] = {
        {"[1:101, 1:20]", "axis 1 has 100 samples, the section takes 0:101 "
                          "(in FITS order: axis 1, 1:101)"},
        {"[1:100, 1:21]", "axis 0 has 20 samples, the section takes 0:21 "
                          "(in FITS order: axis 2, 1:21)"},
        {"20:, :", "axis 0 has 20 samples, the section takes 20:21"},
        {"100", "axis 1 has 100 samples"},
        {"0, 0, 0", "names 3 axes, but the data has 2"},
    };
    const struct qn_shape shape = {2, {20, 100}};
    struct qn_section s;
    struct qn_box box;
    struct qn_error err;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(qn_params_section(&s, rows[i].text, NULL), 0);
        assert_int_equal(qn_params_section_fit(&box, &s, &shape, &err),
                         QN_ESHAPE);
        if (!strstr(err.text, rows[i].part))
            fail_msg("%s: %s", rows[i].text, err.text);
    }
}

static void
fitting(void **state)
{
    static const struct {
        const char *text;
        struct qn_box box; /* of [7, 20, 100] */
    } rows[] = {
        {"[11:90, 3:20]", {3, {0, 2, 10}, {7, 18, 80}, {1, 1, 1}}},
        {"[11:90]", {3, {0, 0, 10}, {7, 20, 80}, {1, 1, 1}}},
        {"[*, 3]", {3, {0, 2, 0}, {7, 1, 100}, {1, 1, 1}}},
        {"1::2, :, 0:100:33", {3, {1, 0, 0}, {3, 20, 4}, {2, 1, 33}}},
        {"6", {3, {0, 0, 6}, {7, 20, 1}, {1, 1, 1}}},
        {"::50", {3, {0, 0, 0}, {7, 20, 2}, {1, 1, 50}}},
    };
    const struct qn_shape shape = {3, {7, 20, 100}};
    const struct qn_section none = {0};
    struct qn_section s;
    struct qn_box box;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(qn_params_section(&s, rows[i].text, NULL), 0);
        assert_int_equal(qn_params_section_fit(&box, &s, &shape, NULL), 0);
        assert_memory_equal(&box, &rows[i].box, sizeof box);
    }
    assert_int_equal(qn_params_section_fit(&box, &none, &shape, NULL), 0);
    assert_true(box.count[0] == 7 && box.count[2] == 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_scalars),
        cmocka_unit_test(scalars),
        cmocka_unit_test(lists),
        cmocka_unit_test(presets),
        cmocka_unit_test(bad_objects),
        cmocka_unit_test(without_fields),
        cmocka_unit_test(not_given),
        cmocka_unit_test(defaults_travel),
        cmocka_unit_test(bad_sections),
        cmocka_unit_test(sections),
        cmocka_unit_test(beyond_the_shape),
        cmocka_unit_test(fitting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
