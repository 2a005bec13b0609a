/* Jobs that are right: what becomes of each key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kernels/catalog.h"
#include "model/job.h"

static void
parse_with(struct qn_job *job, const char *text, const char *const *sets,
           size_t nsets)
{
    struct qn_text problems = {0};
    struct qn_error err = {0};
    int rc = qn_job_parse(job, "jobs/my night.yaml", text, strlen(text), sets,
                          nsets, qn_catalog(), &problems, &err);

    if (rc)
        fail_msg("%s: %s\n%s", text, err.text, qn_text_get(&problems));
    assert_string_equal(qn_text_get(&problems), "");
    qn_text_clear(&problems);
}

static void
parse(struct qn_job *job, const char *text)
{
    parse_with(job, text, NULL, 0);
}

/* The canonical form of a step, with its keys sorted. */
static void
step_is(const struct qn_stage *s, int step, const char *expected)
{
    json_t *json = qn_job_step_json(&s->steps[step]);
    char *text = json_dumps(json, JSON_SORT_KEYS | JSON_COMPACT);

    assert_string_equal(text, expected);
    free(text);
    json_decref(json);
}

static const char night[] =
    "name: night\n"
    "vars: {raw: raw/2018-08-10}\n"
    "stages:\n"
    "  stack:\n"
    "    input: {stage: science}\n"
    "    combine: {method: mean, reject: sigma-clip, sigma: 3,\n"
    "              per: [OBJECT, FILTER]}\n"
    "  bias:\n"
    "    input: {files: \"{raw}/*.fits*\",\n"
    "            where: \"IMAGETYP in ['zero', 'bias']\"}\n"
    "    combine: {method: mean, reject: sigma-clip, sigma: 3, at-least: 5}\n"
    "  flat:\n"
    "    input: {files: \"{raw}/{kind}-*.fits\"}\n"
    "    steps:\n"
    "      - subtract: {stage: bias}\n"
    "      - normalize: {by: median}\n"
    "    combine: {method: median, per: FILTER, at-least: 90%}\n"
    "  science:\n"
    "    input: {files: \"{raw}/*.fits*\", where: \"IMAGETYP == 'object'\"}\n"
    "    steps:\n"
    "      - subtract: {stage: bias}\n"
    "      - divide: {stage: flat}            # the one of its own FILTER\n"
    "      - bin: {factor: 2, method: mean}\n"
    "    output: {name: \"{OBJECT}/{stem}\", compress: 4}\n";

static void
a_night(void **state)
{
    struct qn_job job;

    (void)state;
    parse(&job, night);
    assert_string_equal(job.name, "night");
    assert_string_equal(job.text, night);
    assert_null(job.output);
    assert_int_equal(job.precision, QN_PRECISION_AUTO);
    assert_int_equal(job.nstages, 4);

    // each behind those it uses
    int bias = qn_job_stage(&job, "bias"), flat = qn_job_stage(&job, "flat");
    int science = qn_job_stage(&job, "science");
    int stack = qn_job_stage(&job, "stack");

    assert_int_equal(qn_job_stage(&job, "none"), -1);
    assert_true(bias < flat && flat < science && science < stack);
    assert_true(qn_job_uses(&job, stack, bias));
    assert_true(qn_job_uses(&job, science, flat));
    assert_false(qn_job_uses(&job, flat, science));
    assert_false(qn_job_uses(&job, flat, flat));

    const struct qn_stage *s = &job.stages[science];

    assert_string_equal(s->input.files.v[0], "raw/2018-08-10/*.fits*");
    assert_string_equal(s->input.where, "IMAGETYP == 'object'");
    assert_int_equal(s->input.stage_index, -1);
    assert_int_equal(s->nsteps, 3);
    assert_int_equal(s->steps[1].operand[0].stage_index, flat);
    assert_int_equal(s->mark.line, 18);
    assert_string_equal(s->output.name, "{OBJECT}/{stem}");
    assert_int_equal(s->output.compress, 4);
    assert_int_equal(s->output.dtype, -1);
    assert_int_equal(s->retries, 1);
    assert_true(isnan(s->timeout));
    step_is(s, 1,
            "{\"kernel\":\"divide\",\"operands\":[{\"stage\":\"flat\"}],"
            "\"params\":{},\"version\":1}");
    step_is(s, 2,
            "{\"kernel\":\"bin\",\"operands\":[],\"params\":{\"factor\":"
            "[2.0],\"method\":\"mean\"},\"version\":1}");

    assert_int_equal(job.stages[stack].input.stage_index, science);
    assert_int_equal(job.stages[stack].combine.per.n, 2);
    assert_string_equal(job.stages[flat].input.files.v[0],
                        "raw/2018-08-10/{kind}-*.fits");
    assert_true(job.stages[flat].combine.at_least_fraction);
    assert_true(job.stages[flat].combine.at_least == 0.9);
    assert_true(job.stages[bias].combine.at_least == 5);
    qn_job_clear(&job);
    qn_job_clear(&job);
}

static void
top_level(void **state)
{
    struct qn_job job;

    (void)state;
    setenv("QN_TEST_FOLDER", "there/it", 1);
    parse(&job, "output: \"${QN_TEST_FOLDER}/out\"\nprecision: float32\n"
                "threads: 4\nconcurrency: auto\nmemory: 4 GiB\n"
                "stages: {a: {input: raw}}\n");
    assert_string_equal(job.name, "my-night");
    assert_string_equal(job.output, "there/it/out");
    assert_int_equal(job.precision, QN_PRECISION_F32);
    assert_int_equal(job.threads, 4);
    assert_int_equal(job.concurrency, 0);
    assert_int_equal(job.memory, (int64_t)4 << 30);
    assert_int_equal(job.stages[0].nsteps, 0);
    assert_false(job.stages[0].combine.given);
    qn_job_clear(&job);
}

// However a raw file's type is written, it is a name and a byte order.
static void
raw_types(void **state)
{
    static const struct {
        const char *keys, *dtype, *endian;
    } rows[] = {
        {"dtype: \">i2\"", "int16", "big"},
        {"dtype: <u2", "uint16", "little"},
        {"dtype: \"<f8\", endian: little", "float64", "little"},
        {"endian: big, dtype: \">f4\"", "float32", "big"},
        {"dtype: \"=i4\"", "int32", NULL},
        {"dtype: \">u1\"", "uint8", NULL}, // a byte has no order
        {"dtype: \"<u1\", endian: big", "uint8", "big"},
        {"dtype: u2", "uint16", NULL},
        {"dtype: uint16, endian: big", "uint16", "big"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct qn_job job;
        char text[256];
        const struct qn_input *in;

        snprintf(text, sizeof text,
                 "stages: {a: {input: {files: x, format: raw, shape: [2], "
                 "%s}}}\n",
                 rows[i].keys);
        parse(&job, text);
        in = &job.stages[0].input;
        assert_string_equal(in->dtype, rows[i].dtype);
        if (rows[i].endian)
            assert_string_equal(in->endian, rows[i].endian);
        else
            assert_null(in->endian);
        qn_job_clear(&job);
    }
}

static void
inputs(void **state)
{
    struct qn_job job;
    const struct qn_input *in;

    (void)state;
    parse(&job, "stages:\n"
                "  a: {input: [\"x/*.fits\", y, \"@list.txt\"]}\n"
                "  b:\n"
                "    input:\n"
                "      files: raw\n"
                "      exclude: [\"*bad*\"]\n"
                "      format: raw\n"
                "      dtype: \">u2\"\n"
                "      shape: [-1, 512, 256]\n"
                "      offset: 128\n"
                "      endian: big\n"
                "      slice: [\"0:16:2\", \":\", \":\"]\n"
                "      each: frame\n"
                "      missing: 65535\n"
                "      decode: none\n"
                "      links: any\n"
                "      with: {mask: \"{stem}_mask.fits\"}\n"
                "  c: {input: {files: x, slice: \"[1:50, 1:100]\", hdu: 2,\n"
                "              dataset: [/a, /b], missing: non-finite,\n"
                "              frames: \"/entry/key == 0\"}}\n"
                "  d: {input: {files: x, slice: \"0:16, :\"}}\n"
                "  e: {input: {rows: runs.csv, where: \"n > 3\"},\n"
                "      steps: [{exec: \"run {n}\"}]}\n");
    in = &job.stages[0].input;
    assert_int_equal(in->files.n, 3);
    assert_string_equal(in->files.v[2], "@list.txt");
    in = &job.stages[1].input;
    assert_string_equal(in->exclude.v[0], "*bad*");
    assert_string_equal(in->dtype, "uint16");
    assert_int_equal(in->shape.ndims, 3);
    assert_int_equal(in->shape.n[0], -1);
    assert_int_equal(in->shape.n[2], 256);
    assert_int_equal(in->offset, 128);
    assert_string_equal(in->endian, "big");
    assert_int_equal(in->slice.n, 3);
    assert_int_equal(in->each, QN_EACH_FRAME);
    assert_string_equal(in->missing, "65535");
    assert_true(in->undecoded && in->links_any);
    assert_string_equal(json_string_value(json_object_get(in->with, "mask")),
                        "{stem}_mask.fits");
    in = &job.stages[2].input;
    assert_int_equal(in->slice.n, 1);
    assert_string_equal(in->slice.v[0], "[1:50, 1:100]");
    assert_string_equal(in->hdu, "2");
    assert_int_equal(in->dataset.n, 2);
    assert_string_equal(in->frames, "/entry/key == 0");
    in = &job.stages[3].input;
    assert_int_equal(in->slice.n, 2);
    assert_string_equal(in->slice.v[1], ":");
    assert_string_equal(job.stages[4].input.rows, "runs.csv");
    qn_job_clear(&job);
}

static void
steps(void **state)
{
    struct qn_job job;
    const struct qn_stage *s;

    (void)state;
    parse(&job,
          "stages:\n"
          "  w: {input: x, combine: mean}\n"
          "  a:\n"
          "    input: x\n"
          "    steps:\n"
          "      - normalize\n"
          "      - normalize: mean\n"
          "      - subtract: 1e3\n"
          "      - divide: {header: EXPTIME}\n"
          "      - subtract: {stage: w, product: count, scale: {header: T},\n"
          "                   match: [A, {nearest: B, within: 5}]}\n"
          "      - subtract: {file: \"{dir}/x.fits\", hdu: 1, reduce: mean,\n"
          "                   scale: 2}\n"
          "      - subtract: {dataset: /dark, reduce: median}\n"
          "      - calculate: {expr: \"x - w * d\", w: {stage: w}, d: 2}\n"
          "      - overscan: {region: \"[1:8, 1:9]\",\n"
          "                   trim: {header: TRIMSEC}}\n"
          "      - bin: [2, 4]\n"
          "      - fill: median\n");
    s = &job.stages[1];
    step_is(s, 0,
            "{\"kernel\":\"normalize\",\"operands\":[],\"params\":{"
            "\"by\":\"median\"},\"version\":2}");
    step_is(s, 1,
            "{\"kernel\":\"normalize\",\"operands\":[],\"params\":{"
            "\"by\":\"mean\"},\"version\":2}");
    step_is(s, 2,
            "{\"kernel\":\"subtract\",\"operands\":[{\"number\":1000.0}"
            "],\"params\":{},\"version\":1}");
    assert_int_equal(s->steps[3].operand[0].kind, QN_OPERAND_HEADER);
    step_is(s, 4,
            "{\"kernel\":\"subtract\",\"operands\":[{\"match\":[\"A\",{"
            "\"nearest\":\"B\",\"within\":5.0}],\"product\":\"count\","
            "\"scale\":{\"header\":\"T\"},\"stage\":\"w\"}],\"params\":{},"
            "\"version\":1}");
    assert_int_equal(s->steps[4].operand[0].nmatch, 2);
    assert_true(isnan(s->steps[4].operand[0].match[0].within));
    step_is(s, 5,
            "{\"kernel\":\"subtract\",\"operands\":[{\"file\":\"{dir}/x.fits"
            "\",\"hdu\":\"1\",\"reduce\":\"mean\",\"scale\":2.0}],"
            "\"params\":{},\"version\":1}");
    assert_int_equal(s->steps[6].operand[0].kind, QN_OPERAND_DATASET);
    assert_string_equal(s->steps[6].operand[0].text, "/dark");
    // a word where the short form wants a number
    step_is(s, 10,
            "{\"kernel\":\"fill\",\"operands\":[],\"params\":{"
            "\"method\":\"median\"},\"version\":2}");
    // operands in the order of their names: the same key however written
    assert_int_equal(s->steps[7].noperands, 2);
    assert_string_equal(s->steps[7].operand[0].name, "d");
    assert_int_equal(s->steps[7].operand[1].stage_index, 0);
    assert_true(json_is_object(json_object_get(s->steps[8].params, "trim")));
    assert_int_equal(
        json_array_size(json_object_get(s->steps[9].params, "factor")), 2);
    qn_job_clear(&job);
}

static void
combinations(void **state)
{
    struct qn_job job;
    json_t *json;
    char *text;

    (void)state;
    parse(&job, "stages:\n"
                "  a: {input: x, combine: median}\n"
                "  b: {input: x, combine: {per: file, weights: NCOMBINE}}\n"
                "  c: {input: x, combine: {per: \"round(EXPTIME, 0.1)\",\n"
                "      reject: min-max, low: 1, high: 2}}\n");
    json = qn_job_combine_json(&job.stages[0].combine,
                               job.stages[0].combine.kernel);
    text = json_dumps(json, JSON_SORT_KEYS | JSON_COMPACT);
    assert_string_equal(
        text, "{\"at-least\":1.0,\"kernel\":\"combine\",\"params\":{"
              "\"center\":\"median\",\"ddof\":0,\"deviation\":\"std\","
              "\"iterations\":5,\"method\":\"median\",\"reject\":\"none\"},"
              "\"per\":[],\"share\":false,\"version\":1}");
    free(text);
    json_decref(json);
    assert_true(job.stages[1].combine.per_file);
    assert_int_equal(job.stages[1].combine.per.n, 0);
    assert_string_equal(job.stages[1].combine.weights, "NCOMBINE");
    assert_int_equal(job.stages[2].combine.per.n, 1);
    assert_string_equal(job.stages[2].combine.per.v[0], "round(EXPTIME, 0.1)");
    qn_job_clear(&job);
}

static void
outputs_and_limits(void **state)
{
    static const struct {
        const char *text;
        double seconds;
    } times[] = {{"90", 90}, {"10 min", 600}, {"2h", 7200}, {"1.5 s", 1.5}};
    struct qn_job job;
    const struct qn_stage *s;

    (void)state;
    parse(&job, "stages:\n"
                "  a:\n"
                "    input: x\n"
                "    output: {format: fits, dtype: f4, compress: none,\n"
                "             layout: per-item, carry: [/a, /b]}\n"
                "    team: auto\n"
                "    retries: 0\n"
                "    timeout: none\n"
                "    memory: 512M\n");
    s = &job.stages[0];
    assert_int_equal(s->output.format, QN_FORMAT_FITS);
    assert_int_equal(s->output.dtype, QN_F32);
    assert_int_equal(s->output.compress, 0);
    assert_int_equal(s->output.carry.n, 2);
    assert_int_equal(s->retries, 0);
    assert_true(isinf(s->timeout));
    assert_int_equal(s->memory, 512 << 20);
    qn_job_clear(&job);
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        struct qn_text t = {0};

        qn_text_add(&t, "stages: {a: {input: x, timeout: %s}}\n",
                    times[i].text);
        parse(&job, t.s);
        assert_true(job.stages[0].timeout == times[i].seconds);
        qn_job_clear(&job);
        qn_text_clear(&t);
    }
}

static void
variables(void **state)
{
    struct qn_job job;

    (void)state;
    setenv("QN_TEST_FOLDER", "there", 1);
    parse(&job, "vars: {base: \"${QN_TEST_FOLDER}/d\", raw: \"{base}/raw\",\n"
                "       f: 3, none: \"\"}\n"
                "stages:\n"
                "  a:\n"
                "    input: \"{raw}/{night}{none}/*.fits\"\n"
                "    steps: [bin: \"{f}\"]\n"
                "    output: {name: \"{{{night}}}-{stem}\"}\n");
    assert_string_equal(job.stages[0].input.files.v[0],
                        "there/d/raw/{night}/*.fits");
    assert_string_equal(job.stages[0].output.name, "{{{night}}}-{stem}");
    step_is(&job.stages[0], 0,
            "{\"kernel\":\"bin\",\"operands\":[],\"params\":{\"factor\":[3.0]"
            ",\"method\":\"mean\"},\"version\":1}");
    qn_job_clear(&job);
}

static void
set_on_the_command_line(void **state)
{
    static const char *const sets[] = {"stages.flat.steps.1.normalize.by=mean",
                                       "name=other", "stages.bias.input=*.fits",
                                       "vars.raw=elsewhere",
                                       "stages.science.output.format=fits",
                                       "stages.science.output.compress=none"};
    struct qn_job job;

    (void)state;
    parse_with(&job, night, sets, 6);
    const struct qn_stage *flat = &job.stages[qn_job_stage(&job, "flat")];

    assert_string_equal(job.name, "other");
    assert_string_equal(
        json_string_value(json_object_get(flat->steps[1].params, "by")),
        "mean");
    assert_string_equal(flat->input.files.v[0], "elsewhere/{kind}-*.fits");
    assert_int_equal(job.stages[qn_job_stage(&job, "science")].output.format,
                     QN_FORMAT_FITS);
    assert_int_equal(
        job.stages[qn_job_stage(&job, "science")].output.compress, 0);
    assert_memory_equal(job.text, night, strlen(night));
    assert_string_equal(job.text + strlen(night),
                        "# --set stages.flat.steps.1.normalize.by=mean\n"
                        "# --set name=other\n"
                        "# --set stages.bias.input=*.fits\n"
                        "# --set vars.raw=elsewhere\n"
                        "# --set stages.science.output.format=fits\n"
                        "# --set stages.science.output.compress=none\n");
    qn_job_clear(&job);
}

/* A chain and a ladder of as many stages as there may be. */
static void
many_stages(void **state)
{
    struct qn_text t = {0};
    struct qn_job job;

    (void)state;
    qn_text_add(&t, "stages:\n");
    for (int i = 0; i < QN_JOB_MAX_STAGES - 1; i++)
        qn_text_add(&t,
                    "  s%d: {input: {stage: s%d}, steps: [subtract: "
                    "{stage: s%d}]}\n",
                    i, i + 1, i + 1);
    qn_text_add(&t, "  s%d: {input: x}\n", QN_JOB_MAX_STAGES - 1);
    parse(&job, t.s);
    assert_string_equal(job.stages[0].name, "s999");
    assert_true(qn_job_uses(&job, QN_JOB_MAX_STAGES - 1, 0));
    assert_false(qn_job_uses(&job, 0, QN_JOB_MAX_STAGES - 1));
    qn_job_clear(&job);
    qn_text_clear(&t);
}

/* Texts of the canonical form that are not in the other tests. */
static void
groups_as_json(void **state)
{
    static const char *const expected[] = {"\"per\":[\"file\"]",
                                           "\"per\":[\"A\",\"lower(B)\"]",
                                           "\"weights\":\"NCOMB\""};
    struct qn_job job;

    (void)state;
    parse(&job, "stages:\n"
                "  a: {input: x, combine: {per: [file]}}\n"
                "  b: {input: x, combine: {per: [A, lower(B)]}}\n"
                "  c: {input: x, combine: {weights: {header: NCOMB}}}\n");
    for (int i = 0; i < 3; i++) {
        const struct qn_group *g = &job.stages[i].combine;
        json_t *json = qn_job_combine_json(g, g->kernel);
        char *text = json_dumps(json, JSON_SORT_KEYS | JSON_COMPACT);

        assert_non_null(strstr(text, expected[i]));
        free(text);
        json_decref(json);
    }
    qn_job_clear(&job);
}

struct switches {
    bool fast;
};

static const struct qn_option switch_options[] = {
    {"fast", QN_OPTION_BOOL, offsetof(struct switches, fast), "no", NULL, NULL,
     "Whether to hurry."},
    {.name = NULL},
};

static const struct qn_kernel switches = {.name = "switches",
                                          .version = 3,
                                          .params_size =
                                              sizeof(struct switches),
                                          .options = switch_options,
                                          .shorthand = "fast"};
static const struct qn_kernel plain = {.name = "plain", .version = 1};
static const struct qn_kernel *const small[] = {&switches, &plain, NULL};

static void
yes_and_no(void **state)
{
    static const char text[] = "stages: {a: {input: x, steps: [switches, "
                               "switches: on, switches: {fast: No}, switches: "
                               "true, plain]}}";
    static const bool fast[] = {false, true, false, true};
    struct qn_text problems = {0};
    struct qn_job job;

    (void)state;
    assert_int_equal(qn_job_parse(&job, "/x/-.yaml", text, strlen(text), NULL,
                                  0, small, &problems, NULL),
                     0);
    assert_string_equal(job.name, "job"); // "-" is no name
    for (int i = 0; i < 4; i++)
        assert_int_equal(json_is_true(json_object_get(
                             job.stages[0].steps[i].params, "fast")),
                         fast[i]);
    qn_job_clear(&job);
    qn_text_clear(&problems);
}

static void
no_options_to_take(void **state)
{
    static const char text[] = "stages: {a: {input: x, combine: mean, steps: "
                               "[plain: 3, plain: {a: 1}, switches: maybe]}}";
    struct qn_text problems = {0};
    struct qn_job job;

    (void)state;
    assert_int_equal(qn_job_parse(&job, "f", text, strlen(text), NULL, 0, small,
                                  &problems, NULL),
                     QN_EJOB);
    assert_non_null(strstr(problems.s, "1:54: 'plain' has no options; write"));
    assert_non_null(strstr(problems.s, "1:65: 'plain' has no options; write"));
    assert_non_null(strstr(problems.s, "'fast' must be true or false"));
    qn_text_clear(&problems);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_night),
        cmocka_unit_test(top_level),
        cmocka_unit_test(raw_types),
        cmocka_unit_test(inputs),
        cmocka_unit_test(steps),
        cmocka_unit_test(combinations),
        cmocka_unit_test(outputs_and_limits),
        cmocka_unit_test(variables),
        cmocka_unit_test(set_on_the_command_line),
        cmocka_unit_test(many_stages),
        cmocka_unit_test(groups_as_json),
        cmocka_unit_test(yes_and_no),
        cmocka_unit_test(no_options_to_take),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
