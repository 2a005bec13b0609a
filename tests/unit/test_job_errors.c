/* Jobs that are wrong: what a newcomer types, and what they are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kernels/catalog.h"
#include "model/job_later.h"
#include "model/job.h"

#define MOST 12

struct wrong {
    const char *text;
    const char *message[MOST]; // parts of what is said, in this order
};

static void
check(const char *text, const char *const *message, const char *const *sets,
      size_t nsets)
{
    struct qn_text problems = {0};
    struct qn_error err = {0};
    struct qn_job job;
    int rc = qn_job_parse(&job, "job.yaml", text, strlen(text), sets, nsets,
                          qn_catalog(), &problems, &err);
    const char *at = qn_text_get(&problems);

    if (rc != QN_EJOB)
        fail_msg("%s\ngives %d %s", text, rc, err.text);
    for (int i = 0; i < MOST && message[i]; i++) {
        at = strstr(at, message[i]);
        if (!at)
            fail_msg("%s\ngives\n%s\nwithout, or not in its order: %s", text,
                     qn_text_get(&problems), message[i]);
    }
    assert_non_null(strstr(err.text, "job.yaml has "));
    assert_null(job.stages);
    assert_null(job.text);
    qn_text_clear(&problems);
}

static void
check_all(const struct wrong *jobs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check(jobs[i].text, jobs[i].message, NULL, 0);
}

#define CHECK(table) check_all(table, sizeof(table) / sizeof((table)[0]))

/* ---- twenty jobs of newcomers ------------------------------------------- */

static const struct wrong newcomers[] = {
    {"stages:\n  bias:\n    input: *.fits\n",
     {"job.yaml:3:12: an unquoted '*' has a meaning of its own in YAML; put "
      "it in quotes: input: \"*.fits\"\n   3 |     input: *.fits\n"
      "     |            ^\n"}},
    {"stages:\n  bias:\n    input: raw/*.fits\n    combine: medain\n",
     {"job.yaml:4:14: unknown value of 'method': 'medain'; did you mean "
      "'median'?\n",
      "     |              ^~~~~~\n"}},
    {"stages:\n  a:\n    input: raw\n    steps:\n      - medain: 3\n",
     {"job.yaml:5:9: unknown kernel 'medain'; did you mean 'median'?\n"}},
    {"stages:\n  a:\n    input: raw\n    steps:\n      - angular-cut: 3\n",
     {"job.yaml:5:9: kernel `angular-cut` is not available in this version\n"}},
    {"stages:\n  a:\n    input: raw\n    steps:\n      - normalize:\n"
     "        by: mean\n",
     {"job.yaml:6:9: 'by' belongs to 'normalize'; indent it deeper"}},
    {"stages:\n  a:\n    input: raw\n    steps:\n      subtract: 3\n"
     "      bin: 2\n",
     {"job.yaml:5:7: 'steps' is a list; put '- ' in front of each step"}},
    {"stages:\n  bias: {input: raw, combine: mean}\n  a:\n    input: raw\n"
     "    steps:\n      - subtract: bais\n",
     {"job.yaml:6:19: 'subtract' wants a number or a mapping; did you mean "
      "{stage: bias}?"}},
    {"stages:\n  a:\n    input: raw\n    steps:\n"
     "      - subtract: dark.fits\n",
     {"did you mean {file: \"dark.fits\"}?"}},
    {"stages:\n  a:\n    input: raw\n    output: {name: {stem}-{X}}\n",
     {"job.yaml:4:20: YAML reads only the beginning of this text; put it in "
      "quotes: output: {name: \"{stem}-{X}\"}"}},
    {"stages:\n  a:\n    input: raw\n    output: {name: {stem}}\n",
     {"job.yaml:4:20: 'name' wants a text, and without quotes this is a "
      "mapping; put it in quotes: output: {name: \"{stem}\"}"}},
    {"stages:\n  a:\n    input: raw\n    steps:\n"
     "      - overscan: {region: [2049:2080, 1:100]}\n",
     {"job.yaml:5:28: put it in quotes: \"[2049:2080, 1:100]\" for FITS "
      "order (from 1, inclusive), or [\"2049:2080\", \"1:100\"] for C order"}},
    {"stages:\n  a:\n    input: @frames.csv\n",
     {"put it in quotes: input: \"@frames.csv\""}},
    {"stages:\n  a:\n    input: {stage: b}\n  b:\n    input: {stage: a}\n",
     {"job.yaml:2:3: stages form a cycle: a -> b -> a"}},
    {"stages:\n  a:\n    input: {files: raw, where: \"FILTER = 'V'\"}\n",
     {"job.yaml:3:40: 'where': write '==' to compare"}},
    {"stages:\n  a:\n    input: raw\n    combine: {method: mean, sigma: 3}\n",
     {"job.yaml:4:29: 'sigma' has no effect with 'reject: none'; add "
      "'reject: sigma-clip' or remove it"}},
    {"stages:\n  a:\n\tinput: raw\n",
     {"job.yaml:3:1: a tab indents this line; put blanks in its place"}},
    {"input: raw\nsteps: [bin: 2]\n",
     {"job.yaml:1:1: unknown key of a job 'input'",
      "job.yaml:2:1: unknown key of a job 'steps'",
      "job.yaml: there are no stages; add 'stages: {NAME: {input: ...}}'"}},
    {"stages:\n  a:\n    input: raw\n    steps:\n      - bin\n"
     "      - bin: {factor: two}\n      - bin: {faktor: 2}\n",
     {"job.yaml:5:9: 'bin' needs {factor: ...}, a number or a list",
      "job.yaml:6:23: 'factor' must be a number, not 'two'",
      "job.yaml:7:15: unknown option of bin 'faktor'; did you mean "
      "'factor'?"}},
    {"stages:\n  a:\n    input: raw\n    output: {name: \"{stem}.h5\", "
     "compress: yes, layout: one}\n",
     {"job.yaml:4:20: leave '.h5' off the name",
      "job.yaml:4:43: 'compress' wants none or a level from 1 (fast) to 9 "
      "(small), not 'yes'",
      "job.yaml:4:56: unknown value of 'layout': 'one'; there are: per-item, "
      "packed, single"}},
    {"stages:\n  a:\n    input: {files: raw, format: raw}\n    timeout: long\n"
     "    retries: many\n  a:\n    input: other\n",
     {"job.yaml:3:33: 'format: raw' needs 'dtype'",
      "job.yaml:3:33: 'format: raw' needs 'shape'",
      "job.yaml:4:14: 'timeout' wants seconds, a time like 10 min, or none, "
      "not 'long'",
      "job.yaml:5:14: 'retries' wants a whole number from 0 to 100",
      "job.yaml:6:3: 'a' is given twice, first in line 2; keep one"}},
};

static void
what_newcomers_type(void **state)
{
    (void)state;
    assert_int_equal(sizeof newcomers / sizeof newcomers[0], 20);
    CHECK(newcomers);
}

/* ---- by part ------------------------------------------------------------ */

static const struct wrong tops[] = {
    {"", {"job.yaml: the file says nothing"}},
    {"text\n", {"job.yaml:1:1: a job file begins with keys"}},
    {"[a]\n", {"job.yaml:1:1: a job file begins with keys"}},
    {"name: a b\nthreads: 0\nmemory: big\nprecision: f16\nreuse: yes\n"
     "links: any\nstages: {a: {input: x}}\n",
     {"1:7: a job is named with letters",
      "2:10: 'threads' wants a whole number from 1 to 4096, not '0'",
      "3:9: 'memory' wants auto or a size like 4 GiB, not 'big'",
      "4:12: unknown value of 'precision': 'f16'",
      "5:1: `reuse` is not available in this version",
      "6:1: `links` is not available in this version; write `links:` in "
      "each `input:`"}},
    {"stages:\n", {"1:8: 'stages' has no value; it wants at least one"}},
    {"stages: []\n", {"'stages' wants at least one stage"}},
    {"stages: {.x: {input: a}, a/b: {input: a}, c: 3, d: {}}\n",
     {"a stage is named with letters, digits", "not '.x'", "not 'a/b'",
      "'stage' wants a mapping like {input: ...}, not '3'",
      "stage 'd' has no input; add"}},
    {"stages:\n  a:\n    inptu: x\n    team: -4\n    products: {}\n"
     "    memory: -3\n",
     {"stage 'a' has no input",
      "unknown key of a stage 'inptu'; did you "
      "mean 'input'?",
      "'team' wants", "'products' wants a mapping like {sum:",
      "'memory' wants"}},
    {"stages:\n  a:\n    input: x\n    steps: [reduce: {axis: 0}, clip: {min: 1}]\n",
     {"4:13: 'reduce' is a reduction and must be the last step; go on in a"}},
    {"stages:\n  a:\n    input: x\n    steps: [reduce: sum]\n"
     "    products: {b: {reduce: max}}\n",
     {"4:13: 'reduce' is a reduction and must be the last step"}},
    {"stages:\n  a:\n    input: x\n    steps: [reduce: sum]\n"
     "    combine: mean\n",
     {"'combine' cannot follow a reduction in one stage; combine in a stage "
      "of its own: input: {stage: a}"}},
    {"stages:\n  a:\n    input: x\n"
     "    products: {b: {reduce: max}, header: {reduce: min}, d: clip}\n",
     {"a product cannot be called 'header'", "'clip' is no reduction"}},
    {"stages:\n  a:\n    input: x\n"
     "    products: {reduce: {axis: 0}, histogram: }\n",
     {"job.yaml:4:16: a product needs a name before 'reduce'; write {NAME: "
      "{reduce: ...}}, like `sum: {reduce: {axis: 0}}`",
      "4:35: a product needs a name before 'histogram'"}},
    {"stages:\n  a: {input: x, products: {reduce: median}}\n"
     "  b: {input: x, products: {reduce: {axis: 0, method: max}}}\n"
     "  c: {input: x, products: {reduce: {reduce: {axsi: 0}}}}\n",
     {"2:28: a product needs a name before 'reduce'",
      "3:28: a product needs a name before 'reduce'",
      "unknown option of reduce 'axsi'"}},
    {"stages:\n  a:\n    input: x\n    output: {format: fits, compress: 4}\n"
     "  b: {input: x, combine: mean, output: {compress: 1, format: fits}}\n",
     {"job.yaml:4:38: `compress: 4` does not fit here: results in FITS are "
      "written uncompressed; leave it out, or write `format: hdf5`",
      "`compress: 1` does not fit here"}},
    {"stages:\n  a:\n    input: x\n    products: {b: {reduce: {axsi: 0, "
     "file: x, method: medain, weights: 3 x}}}\n"
     "  c: {input: {stage: a, product: data}}\n",
     {"unknown option of reduce 'axsi'; did you mean 'axis'?",
      "unknown option of reduce 'file'", "did you mean 'median'?",
      "stage 'a' has no product 'data'; it has b"}},
    {"vars: {stem: x, a b: y, c: \"{d}\", d: 1, e: \"{e}\", f: "
     "\"${QN_NO_SUCH_NAME}\", g: [1]}\nstages: {a: {input: \"{d}\"}}\n",
     {"{stem} is a field of every item", "a variable is named with letters",
      "the variable 'd' is defined further down",
      "the variable 'e' is defined by itself",
      "the environment variable QN_NO_SUCH_NAME is not set",
      "'g' wants a text"}},
    {"vars: 3\nstages: {a: {input: x}}\n", {"'vars' wants a mapping"}},
    {"stages: {a: {input: x, team: most, memory: [1]}}\n",
     {"'team' wants auto, all or a number of ranks, not 'most'",
      "'memory' wants auto or a size like 4 GiB, not a list"}},
    {"name:night\nstages: {a: {input: x}}\n",
     {"1:1: a blank is missing behind the ':'"}},
};

static void
tops_and_stages(void **state)
{
    (void)state;
    CHECK(tops);
}

static const struct wrong inputs[] = {
    {"stages: {a: {input: }}", {"'input' has no value"}},
    {"stages: {a: {input: {}}}", {"'input' names no items; add 'files:"}},
    {"stages: {a: {input: {where: \"x == 1\"}}}", {"names no items"}},
    {"stages: {a: {input: {file: x}}}",
     {"'input' names no items", "did you mean 'files'?"}},
    {"stages: {a: {input: []}}", {"'files' is an empty list"}},
    {"stages: {a: {input: \"\"}}", {"'files' is empty"}},
    {"stages: {a: {input: {raw}}}", {"put it in quotes", "\"{raw}\""}},
    {"stages: {a: {input: \"{a,b}.fits\"}}",
     {"{a,b} is no name of a field; write several patterns as a list"}},
    {"stages: {a: {input: \"{night/*.fits\"}}", {"has no partner"}},
    {"stages: {a: {input: \"${QN_NO_SUCH_NAME}/x\"}}",
     {"QN_NO_SUCH_NAME is not set"}},
    {"stages: {b: {input: x}, a: {input: {stage: b, hdu: 1, product: q}}}",
     {"'hdu' does not go with 'stage'"}},
    {"stages: {b: {input: x}, a: {input: {stage: b, product: count}}}",
     {"stage 'b' has no product 'count'; it has data only"}},
    {"stages: {bias: {input: x}, a: {input: {stage: bais}}}",
     {"unknown stage 'bais'; did you mean 'bias'?"}},
    {"stages: {a: {input: {files: x, stage: a, product: d}}}",
     {"'stage' does not go with 'files'",
      "'product' does not go with 'files'"}},
    {"stages: {a: {input: {rows: r.csv, files: x}}}",
     {"'rows' does not go with 'files'"}},
    {"stages: {a: {input: {rows: r.csv, hdu: 1}}}",
     {"'hdu' does not go with 'rows'"}},
    {"stages: {a: {input: {grid: 3}}}", {"'grid' wants a mapping"}},
    {"stages: {a: {input: {grid: {}}}}", {"'grid' needs a shape"}},
    {"stages: {a: {input: {grid: {shape: 3}}}}",
     {"'shape' wants a list of 1 to 8 lengths"}},
    {"stages: {a: {input: {grid: {shape: [0, 4], value: inf, size: 2}}}}",
     {"'shape' wants a whole number from 1", "'value' wants a number",
      "unknown key of grid 'size'"}},
    {"stages: {a: {input: {grid: {shape: [4294967296, 4294967296]}}}}",
     {"more than the"}},
    {"stages: {a: {input: {grid: {shape: [3]}, hdu: 1}}}",
     {"'hdu' does not go with 'grid'"}},
    {"stages: {a: {input: {grid: {shape: [3]}, files: x}}}",
     {"'grid' does not go with 'files'"}},
    {"stages: {a: {input: {files: x, format: grid}}}",
     {"unknown value of 'format': 'grid'"}},
    {"stages: {a: {input: {files: x, format: csv}}}",
     {"`format: csv` is not available in this version"}},
    {"stages: {a: {input: {files: x, format: hdf}}}",
     {"unknown value of 'format': 'hdf'; did you mean 'hdf5'?"}},
    {"stages: {a: {input: {files: x, dtype: u2}}}",
     {"'dtype' is for raw files only", "add 'format: raw'"}},
    {"stages: {a: {input: {files: x, format: fits, shape: [2]}}}",
     {"'shape' is for raw files only", "leave it out"}},
    {"stages: {a: {input: {files: x, format: raw, dtype: u3, shape: [2, "
     "-1], offset: -1, endian: middle}}}",
     {"u3", "'shape' wants a whole number from 1", "'offset' wants a whole",
      "unknown value of 'endian': 'middle'"}},
    {"stages: {a: {input: {files: x, format: raw, dtype: \"<u2\", shape: [2], "
     "endian: big}}}",
     {"'endian: big' contradicts 'dtype: \"<u2\"', which is little-endian"}},
    {"stages: {a: {input: {files: x, format: raw, dtype: u2, shape: 7}}}",
     {"'shape' wants a list of 1 to 8 lengths"}},
    {"stages: {a: {input: {files: x, slice: [1:50, 1:100]}}}",
     {"put it in quotes: \"[1:50, 1:100]\" for FITS order"}},
    {"stages: {a: {input: {files: x, slice: [\"[1:2]\", \"3:4\"]}}}",
     {"not a mixture"}},
    {"stages: {a: {input: {files: x, slice: {a: b}}}}",
     {"'slice' wants a text"}},
    {"stages: {a: {input: {files: x, slice: [\"1:2, :\", \"3:4\"]}}}",
     {"'slice' has one text like \"0:16\" for each axis"}},
    {"stages: {a: {input: {files: x, slice: \":,:,:,:,:,:,:,:,:\"}}}",
     {"'slice'"}},
    {"stages: {a: {input: {files: x, slice: \"[9:2]\"}}}", {"'slice': "}},
    {"stages: {a: {input: {files: x, slice: [[1], 2]}}}",
     {"a text like \"0:16\" for each axis"}},
    {"stages: {a: {input: {files: x, missing: nan, decode: 1, links: all, "
     "each: item, frames: \"a ==\"}}}",
     {"'missing' wants a number or non-finite", "value of 'decode'",
      "value of 'links'", "value of 'each'", "'frames': "}},
    {"stages: {a: {input: {files: x, with: 3}}}", {"'with' wants a mapping"}},
    {"stages: {a: {input: {files: x, with: {a b: y, c: [z]}}}}",
     {"a companion is named with letters", "'c' wants a text"}},
    {"stages:\n  a:\n    input: {files: raw, dataset: [/a/x, /b/x]}\n",
     {"datasets '/a/x' and '/b/x' would both be the product 'x'"}},
    {"stages:\n  a:\n    input: {files: raw, dataset: [/a, /b]}\n"
     "  b:\n    input: {stage: a, product: b}\n",
     {"stage 'a' has a product of each of several datasets"}},
    {"stages:\n  a:\n    input: raw\n    output: {carry: [/e/data, /e/t, /f/t]}\n",
     {"'/e/data' would be carried along as 'data'",
      "'/f/t' would be carried along as 't'"}},
    {"stages:\n  a:\n    input: raw\n    products: {s: {reduce: sum}}\n"
     "    output: {carry: [/e/data, /e/s]}\n",
     {"job.yaml:5:13: '/e/s' would be carried along as 's'"}},
};

static void
inputs_of_stages(void **state)
{
    (void)state;
    CHECK(inputs);
}

#define STEP(text) "stages: {b: {input: x}, a: {input: x, steps: [" text "]}}"

static const struct wrong steps[] = {
    {STEP("subtract"),
     {"'subtract' needs an operand: a number, {header: "
      "NAME}, {stage: NAME} or {file: PATH}"}},
    {STEP("subtract: "), {"'subtract' needs an operand"}},
    {STEP("subtract: [1, 2]"), {"'subtract' wants one operand"}},
    {STEP("subtract: {}"), {"'subtract' needs an operand"}},
    {STEP("subtract: {scale: 2}"), {"'subtract' has no operand; add stage"}},
    {STEP("subtract: nan"), {"'subtract' wants a number, {header"}},
    {STEP("subtract: {stage: b, file: x}"),
     {"'file' does not go with 'stage'; an operand is one of them"}},
    {STEP("subtract: {stage: b, hdu: 1}"),
     {"'hdu' does not go with 'stage'; leave it out"}},
    {STEP("subtract: {file: x, match: A}"),
     {"'match' does not go with 'file'"}},
    {STEP("subtract: {stage: b, product: count}"),
     {"stage 'b' has no product 'count'"}},
    {STEP("subtract: {stage: c}"), {"unknown stage 'c'; there are: b, a"}},
    {STEP("subtract: {stage: a}"), {"stages form a cycle: a -> a"}},
    {STEP("subtract: {stage: b, match: []}"), {"'match' is an empty list"}},
    {STEP("subtract: {stage: b, match: [{nearset: A, within: -1}]}"),
     {"'within' is a distance", "unknown key of match 'nearset'"}},
    {STEP("subtract: {stage: b, match: [{within: 3}]}"),
     {"'match' wants {nearest: FIELD}"}},
    {STEP("subtract: {file: x, dataset: }"), {"'dataset' has no value"}},
    {STEP("subtract: {stage: b, scale: big}"), {"'scale' wants a number"}},
    {STEP("subtract: {stage: b, scale: [1]}"),
     {"'scale' wants a number or {header: NAME}, not a list"}},
    {STEP("subtract: {dataset: /x, reduce: avg}"),
     {"unknown value of 'reduce': 'avg'"}},
    {STEP("subtract: {stage: b, stgae: b}"),
     {"unknown option of subtract 'stgae'; did you mean 'stage'?"}},
    {STEP("normalize: {stage: b}"),
     {"'normalize' works on the item alone and takes no 'stage'"}},
    {STEP("normalize: {by: mediun}"), {"value of 'by': 'mediun'; did you"}},
    {STEP("normalize: {by: [mean]}"), {"'by' wants one of median|mean"}},
    {STEP("normalize: {by: }"), {"'by' has no value; it wants one of"}},
    {STEP("bad-pixels"), {"'bad-pixels' alone says nothing"}},
    {STEP("clip: 3"), {"'clip' wants its options by name: {min: ...}"}},
    {STEP("clip: {min: a}"), {"'min' must be a number, not 'a'"}},
    {STEP("clip: {min: {heder: A}}"),
     {"'min' wants a number or {header: NAME}, not a mapping"}},
    {STEP("clip: {min: {header: [a]}}"), {"'header' wants a text"}},
    {STEP("clip: {min: 3, max: 1}"), {"clip has min 3 above max 1"}},
    {STEP("bin: []"), {"'factor' wants a number or a list of them"}},
    {STEP("convolve: [[0, 1, 0], [1, 1, 1], [0, 1, 0]]"),
     {"'weights' wants all its numbers in one list, row by row"}},
    {STEP("bin: [a, 2]"), {"'factor' must be a number, not 'a'"}},
    {STEP("bin: [[2]]"), {"'factor' wants all its numbers in one list"}},
    {STEP("bin: -1"), {"bin"}},
    {STEP("cast: flot32"), {"did you mean 'float32'?"}},
    {STEP("calculate"), {"'calculate' needs {expr: ...}, a text"}},
    {STEP("calculate: \"x * y\""),
     {"'y' is neither x, the item, nor an operand of this step; add it, as "
      "in y: {stage: NAME}"}},
    {STEP("calculate: {expr: \"x +* 2\"}"), {"'expr': found '*'"}},
    {STEP("calculate: {expr: \"x * 2\", d: 1}"),
     {"the operand 'd' is not used in the expression"}},
    {STEP("calculate: {expr: \"x * dark\", drak: 1}"),
     {"'dark' is neither x", "did you mean 'drak'?"}},
    {STEP("calculate: {expr: \"x\", x: 1, a-b: 2}"),
     {"x is the item itself", "an operand is named with letters"}},
    {STEP("combine: mean"), {"'combine' is no step but a key of the stage"}},
    {STEP("output: x"), {"'output' is no step but a key of the stage"}},
    {STEP("clip {min: 3}"), {"a ':' and a blank are missing behind 'clip'"}},
    {STEP("{}"), {"a step is a kernel's name"}},
    {STEP("[bin]"), {"a step is a kernel's name"}},
    {STEP("{bin: 2, clip: {min: 1}}"), {"begin 'clip' with its own '- '"}},
};

static void
steps_of_stages(void **state)
{
    (void)state;
    CHECK(steps);
}

/* Each kernel of the design that is not there, by name. */
static void
not_available(void **state)
{
    const char *name;

    (void)state;
    for (size_t i = 0; (name = qn_job_later_kernel(i)); i++) {
        struct qn_text job = {0}, message = {0};

        qn_text_add(&job, STEP("%s: {a: 1}"), name);
        qn_text_add(&message, "kernel `%s` is not available in this version",
                    name);
        const char *expected[MOST] = {message.s};

        check(job.s, expected, NULL, 0);
        qn_text_clear(&job);
        qn_text_clear(&message);
    }
}

#define COMBINE(text) "stages: {a: {input: x, combine: " text "}}"

static const struct wrong combines[] = {
    {COMBINE(""), {"'combine' has no value; it wants a mapping"}},
    {COMBINE("[mean]"), {"'combine' wants a mapping like {method: median}"}},
    {COMBINE("{metod: mean}"), {"unknown option of combine 'metod'; did"}},
    {COMBINE("{reject: sigma-clip, sigma: x}"), {"'sigma' must be a number"}},
    {COMBINE("{reject: sigma-clip, sigma: {header: S}}"),
     {"'sigma' is the same for all members"}},
    {COMBINE("{low: 2, high: 3}"),
     {"'low' has no effect with 'reject: none'",
      "'high' has no effect with 'reject: none'"}},
    {COMBINE("{reject: min-max, sigma: 2}"),
     {"'sigma' belongs to 'reject: sigma-clip'"}},
    {COMBINE("{iterations: -1}"), {"cannot be negative"}},
    {COMBINE("{at-least: 0}"), {"'at-least' wants a number of members"}},
    {COMBINE("{at-least: 120%}"), {"'at-least' wants a number of members"}},
    {COMBINE("{at-least: 1.5}"), {"'at-least' wants a number of members"}},
    {COMBINE("{at-least: []}"), {"'at-least' wants", "not an empty list"}},
    {COMBINE("{method: median, weights: W}"),
     {"'weights' are for 'method: mean', not 'median'"}},
    {COMBINE("{per: []}"), {"'per' is an empty list"}},
    {COMBINE("{per: [file, A]}"), {"'per: file' stands alone"}},
    {COMBINE("{per: [A, \"round(B\"]}"), {"'per': "}},
    {COMBINE("{per: {a: b}}"), {"'per' wants a text"}},
    {COMBINE("{weights: [a]}"), {"'weights' wants a text"}},
    {COMBINE("{weights: \"a b\"}"), {"'weights' wants the name of a field"}},
    {"stages: {a: {input: x, combine: {per: A}, output: {name: "
     "\"{A}-{stem}\"}}}",
     {"a combined result has no {stem}; its name can hold fields named in "
      "'per' only"}},
};

static const struct wrong outputs[] = {
    {"stages: {a: {input: x, output: x}}",
     {"'output' wants a mapping like {name: ...}, not 'x'"}},
    {"stages: {a: {input: x, output: {name: /x/{stem}}}}",
     {"put it in quotes"}},
    {"stages: {a: {input: x, output: {name: \"/x\"}}}",
     {"a place below the stage's output folder; remove the '/'"}},
    {"stages: {a: {input: x, output: {name: \"a/../{stem}\"}}}",
     {"must not hold empty words, '.' or '..'"}},
    {"stages: {a: {input: x, output: {name: \"a//b\"}}}", {"empty words"}},
    {"stages: {a: {input: x, output: {name: \"a\\tb\"}}}",
     {"control characters"}},
    {"stages: {a: {input: x, output: {name: \"{stem\"}}}", {"has no partner"}},
    {"stages: {a: {input: x, output: {name: \"{a b}\"}}}",
     {"{a b} is no name of a field"}},
    {"stages: {a: {input: x, output: {format: h5, dtype: flot, compress: "
     "10, layout: pakced, carry: x, colour: y}}}",
     {"value of 'format': 'h5'", "flot", "'compress' wants none or a level",
      "unknown value of 'layout': 'pakced'; did you mean 'packed'?",
      "'carry' wants paths of datasets", "unknown key of output 'colour'"}},
    {"stages: {a: {input: {files: x, dataset: [/a, /b]}, combine: {method: "
     "mean}}}",
     {"`combine` takes one dataset of each file; name one"}},
    {"stages: {a: {input: {files: x, dataset: [/a, /b], each: frame}}}",
     {"`each: frame` goes through one dataset of each file"}},
};

static void
results(void **state)
{
    (void)state;
    CHECK(combines);
    CHECK(outputs);
}

/* ---- the whole ---------------------------------------------------------- */

static void
cycles_are_named_in_full(void **state)
{
    static const char *const message[MOST] = {
        "job.yaml:2:3: stages form a cycle: a -> c -> b -> a; each uses the "
        "next",
        "job.yaml:6:3: stages form a cycle: q -> q;"};

    (void)state;
    check("stages:\n"
          "  a: {input: {stage: c}}\n"
          "  b: {input: x, steps: [subtract: {stage: a}]}\n"
          "  c: {input: x, steps: [calculate: {expr: x - d, d: {stage: "
          "b}}]}\n"
          "  p: {input: x}\n"
          "  q: {input: {stage: q}}\n",
          message, NULL, 0);
}

static void
places_in_expressions(void **state)
{
    static const struct wrong jobs[] = {
        {"stages: {a: {input: {files: x, where: A = 1}}}",
         {"job.yaml:1:41: 'where': write '=="}},
        {"stages: {a: {input: {files: x, where: \"\\\"a\\\" = A\"}}}",
         {"job.yaml:1:46: 'where': write '=="}},
        {"stages: {a: {input: {files: x, where: '''a'' = A'}}}",
         {"job.yaml:1:46: 'where': write '=="}},
        // not the text of the file: the place of the whole, and the column
        {"vars: {v: A}\nstages: {a: {input: {files: x, where: \"{v} = 1\"}}}",
         {"job.yaml:2:39: 'where': column 3 of \"A = 1\": write '=="}},
        {"stages:\n  a:\n    input:\n      files: x\n      where: >\n"
         "        A\n        = 1\n",
         {"job.yaml:5:14: 'where': column 3 of"}},
    };

    (void)state;
    CHECK(jobs);
}

static void
set_is_checked_too(void **state)
{
    static const char *const sets[] = {"stages.a.steps.0.bin.factor=two",
                                       "stages.a.input.x.y=1", "stages.b.q=1",
                                       "oops"};
    static const char *const message[MOST] = {
        "--set stages.a.steps.0.bin.factor=two: 'factor' must be a number",
        "--set stages.a.input.x.y=1: stages.a.input is the single value 'x'",
        "--set stages.b.q=1: stage 'b' has no input",
        "--set stages.b.q=1: unknown key of a stage 'q'",
        "--set oops: write path.to.key=value"};

    (void)state;
    check("stages: {a: {input: x, steps: [bin: {factor: 2}]}}", message, sets,
          4);
}

static void
too_many_of_a_kind(void **state)
{
    static const char *const numbers[MOST] = {"'factor' takes at most 64"};
    static const char *const operands[MOST] = {"'calculate' takes at most 16"};
    static const char *const name[MOST] = {"has at most 200 letters"};
    struct qn_text t = {0};

    (void)state;
    qn_text_add(&t, "stages: {a: {input: x, steps: [bin: [");
    for (int i = 0; i < 65; i++)
        qn_text_add(&t, "2, ");
    qn_text_add(&t, "]]}}");
    check(t.s, numbers, NULL, 0);
    qn_text_clear(&t);
    qn_text_add(&t, "stages: {a: {input: x, steps: [calculate: {expr: x, ");
    for (int i = 0; i < 17; i++)
        qn_text_add(&t, "d%d: 2, ", i);
    qn_text_add(&t, "}]}}");
    check(t.s, operands, NULL, 0);
    qn_text_clear(&t);
    qn_text_add(&t, "stages: {a%0200d: {input: x}}", 0);
    check(t.s, name, NULL, 0);
    qn_text_clear(&t);
}

/* Every prefix of a good job, and every byte of it replaced. */
static void
broken_anywhere(void **state)
{
    static const char good[] =
        "vars: {r: raw}\nstages:\n  a:\n    input: {files: \"{r}/*\", where: "
        "'A == 1'}\n    steps:\n      - subtract: {header: X}\n      - bin: "
        "[2, 2]\n    combine: {per: A, reject: sigma-clip, low: 3}\n";
    static const char bytes[] = "{}[]:,'\"\t\n*&! x\xff";
    char text[sizeof good];

    (void)state;
    for (size_t i = 0; i < sizeof good - 1; i++)
        for (size_t k = 0; k < sizeof bytes; k++) {
            struct qn_text problems = {0};
            struct qn_job job;
            size_t len = k ? sizeof good - 1 : i; // first the prefix

            memcpy(text, good, sizeof good);
            if (k)
                text[i] = bytes[k - 1];
            int rc = qn_job_parse(&job, "f", text, len, NULL, 0, qn_catalog(),
                                  &problems, NULL);

            assert_int_equal(rc == 0, problems.len == 0);
            qn_job_clear(&job);
            qn_text_clear(&problems);
        }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_newcomers_type),
        cmocka_unit_test(tops_and_stages),
        cmocka_unit_test(inputs_of_stages),
        cmocka_unit_test(steps_of_stages),
        cmocka_unit_test(not_available),
        cmocka_unit_test(results),
        cmocka_unit_test(cycles_are_named_in_full),
        cmocka_unit_test(places_in_expressions),
        cmocka_unit_test(set_is_checked_too),
        cmocka_unit_test(too_many_of_a_kind),
        cmocka_unit_test(broken_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
