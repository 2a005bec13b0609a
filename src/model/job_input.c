/* input: of a stage: which files or results, and how they are read.
 *
 * Patterns are kept as patterns: what they match is found by io/discover.
 * The keys are read one by one, and then held against each other. */
#include "model/job_input.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/dtype.h"
#include "model/job_expr.h"
#include "model/job_later.h"
#include "model/job_value.h"
#include "model/params.h"

/* What a reader takes for a grid at all. */
#define MOST_SAMPLES 0x1p40

/* ---- which items -------------------------------------------------------- */

static void
read_files(struct qn_job_reader *r, const struct qn_yaml_node *node,
           void *target)
{
    struct qn_input *in = target;

    qn_job_read_list(r, node, "files", qn_job_read_pattern, &in->files);
}

static void
read_exclude(struct qn_job_reader *r, const struct qn_yaml_node *node,
             void *target)
{
    struct qn_input *in = target;

    qn_job_read_list(r, node, "exclude", qn_job_read_path, &in->exclude);
}

static void
read_stage(struct qn_job_reader *r, const struct qn_yaml_node *node,
           void *target)
{
    struct qn_input *in = target;

    qn_job_value_stage(r, node, &in->stage, &in->stage_index);
}

static void
read_product(struct qn_job_reader *r, const struct qn_yaml_node *node,
             void *target)
{
    struct qn_input *in = target;

    qn_job_read_text(r, node, "product", &in->product);
}

static void
read_rows(struct qn_job_reader *r, const struct qn_yaml_node *node,
          void *target)
{
    struct qn_input *in = target;

    qn_job_read_path(r, node, "rows", &in->rows);
}

static void
read_grid_shape(struct qn_job_reader *r, const struct qn_yaml_node *node,
                void *target)
{
    struct qn_input *in = target;
    double size = 1;

    if (node->kind != QN_YAML_LIST || node->n == 0 || node->n > QN_MAX_DIMS) {
        qn_job_read_wants(r, node, "shape",
                          "a list of 1 to 8 lengths, slowest first, like "
                          "[512, 512]");
        return;
    }
    in->shape.ndims = (int)node->n;
    for (size_t i = 0; i < node->n; i++) {
        qn_job_value_integer(r, node->v[i].value, "shape", 1, INT64_MAX,
                             &in->shape.n[i]);
        size *= (double)in->shape.n[i];
    }
    if (size > MOST_SAMPLES)
        QN_JOB_TELL(r, node, "'shape' makes %g samples, more than the %g that "
                    "an item may have",
                    size, MOST_SAMPLES);
}

static void
read_grid_value(struct qn_job_reader *r, const struct qn_yaml_node *node,
                void *target)
{
    struct qn_input *in = target;

    qn_job_value_number(r, node, "value", &in->value);
}

/* A generated item. */
static void
read_grid(struct qn_job_reader *r, const struct qn_yaml_node *node,
          void *target)
{
    static const struct qn_job_key of_grid[] = {
        {"shape", read_grid_shape},
        {"value", read_grid_value},
        {NULL, NULL},
    };
    struct qn_input *in = target;

    if (node->kind != QN_YAML_MAP) {
        qn_job_read_wants(r, node, "grid", "a mapping like {shape: [512, 512]}");
        return;
    }
    qn_job_read_map(r, node, "grid", of_grid, in);
    if (!qn_yaml_find(node, "shape"))
        QN_JOB_TELL(r, node, "'grid' needs a shape, like [512, 512]");
    in->generated = true;
    free(in->format);
    in->format = qn_job_read_copy(r, "grid");
}

static void
read_where(struct qn_job_reader *r, const struct qn_yaml_node *node,
           void *target)
{
    struct qn_input *in = target;

    qn_job_expr_read(r, node, "where", QN_EXPR_FIELDS, &in->where,
                     &in->where_expr);
}

/* Companion files: {name: pattern}. */
static void
read_with(struct qn_job_reader *r, const struct qn_yaml_node *node,
          void *target)
{
    struct qn_input *in = target;

    if (node->kind != QN_YAML_MAP) {
        qn_job_read_wants(r, node, "with",
                          "a mapping like {mask: \"{stem}_mask.fits\"}");
        return;
    }
    in->with = json_object();
    r->failed |= !in->with;
    for (size_t i = 0; in->with && i < node->n; i++) {
        const struct qn_yaml_node *key = node->v[i].key;
        char *path = NULL;

        if (!qn_job_read_is_name(key->text))
            QN_JOB_TELL(r, key,
                        "a companion is named with letters, digits "
                        "and _ - . only, not '%.40s'",
                        key->text);
        else if (qn_job_read_pattern(r, node->v[i].value, key->text, &path) &&
                 json_object_set_new(in->with, key->text, json_string(path)))
            QN_JOB_TELL(r, node->v[i].value, "this is no UTF-8 text");
        free(path);
    }
}

static void
read_each(struct qn_job_reader *r, const struct qn_yaml_node *node,
          void *target)
{
    struct qn_input *in = target;

    qn_job_value_choice(r, node, "each", "file|frame|hdu", &in->each);
}

/* ---- how files are read ------------------------------------------------- */

static void
read_format(struct qn_job_reader *r, const struct qn_yaml_node *node,
            void *target)
{
    struct qn_input *in = target;
    int which = 0;

    if (node->kind == QN_YAML_SCALAR &&
        qn_job_later_value(r, node, "input", "format", node->text))
        return;
    if (qn_job_value_choice(r, node, "format", "auto|fits|hdf5|netcdf|npy|raw",
                            &which))
        qn_job_read_text(r, node, "format", &in->format);
}

static void
read_hdu(struct qn_job_reader *r, const struct qn_yaml_node *node, void *target)
{
    struct qn_input *in = target;

    qn_job_read_text(r, node, "hdu", &in->hdu);
}

static void
read_dataset(struct qn_job_reader *r, const struct qn_yaml_node *node,
             void *target)
{
    struct qn_input *in = target;

    qn_job_read_list(r, node, "dataset", qn_job_read_text, &in->dataset);
}

static void
read_dtype(struct qn_job_reader *r, const struct qn_yaml_node *node,
           void *target)
{
    struct qn_input *in = target;
    struct qn_error err = {0};
    enum qn_dtype dtype;
    bool swapped; // allowed here: the file is as it is

    if (qn_job_read_text(r, node, "dtype", &in->dtype) &&
        qn_dtype_parse(&dtype, &swapped, in->dtype, &err))
        QN_JOB_TELL(r, node, "%s", err.text);
}

static void
read_shape(struct qn_job_reader *r, const struct qn_yaml_node *node,
           void *target)
{
    struct qn_input *in = target;

    if (node->kind != QN_YAML_LIST || node->n == 0 || node->n > QN_MAX_DIMS) {
        qn_job_read_wants(r, node, "shape",
                          "a list of 1 to 8 lengths, slowest first, like "
                          "[-1, 512, 512]");
        return;
    }
    in->shape.ndims = (int)node->n;
    for (size_t i = 0; i < node->n; i++) {
        const struct qn_yaml_node *v = node->v[i].value;

        if (i == 0 && v->kind == QN_YAML_SCALAR && !strcmp(v->text, "-1"))
            in->shape.n[0] = -1;
        else
            qn_job_value_integer(r, v, "shape", 1, INT64_MAX, &in->shape.n[i]);
    }
}

static void
read_offset(struct qn_job_reader *r, const struct qn_yaml_node *node,
            void *target)
{
    struct qn_input *in = target;

    qn_job_value_integer(r, node, "offset", 0, INT64_MAX, &in->offset);
}

static void
read_endian(struct qn_job_reader *r, const struct qn_yaml_node *node,
            void *target)
{
    struct qn_input *in = target;
    int which = 0;

    if (qn_job_value_choice(r, node, "endian", "little|big", &which))
        qn_job_read_text(r, node, "endian", &in->endian);
}

static void
check_section(struct qn_job_reader *r, const struct qn_yaml_node *node,
              const char *text)
{
    struct qn_section section = {0};
    struct qn_error err = {0};

    if (qn_params_section(&section, text, &err))
        QN_JOB_TELL(r, node, "'slice': %s", err.text);
}

/* "0:16, :" without brackets is a list of axes in one text. */
static void
split_slice(struct qn_job_reader *r, struct qn_input *in)
{
    struct qn_strings all = in->slice;
    char *rest = all.v[0], *word;

    if (rest[0] == '[' || !strchr(rest, ','))
        return;
    in->slice = (struct qn_strings){0};
    while ((word = strsep(&rest, ",")))
        qn_job_read_add(r, &in->slice,
                        qn_job_read_copy(r, word + strspn(word, " ")));
    free(all.v[0]);
    free(all.v);
}

static void
read_slice(struct qn_job_reader *r, const struct qn_yaml_node *node,
           void *target)
{
    struct qn_input *in = target;

    if (node->kind == QN_YAML_LIST && !qn_job_value_axes(r, node, "slice"))
        return;
    if (!qn_job_read_list(r, node, "slice", qn_job_read_text, &in->slice))
        return;
    for (size_t i = 0; i < in->slice.n; i++) {
        const char *text = in->slice.v[i];

        if (text[0] == '[' && in->slice.n > 1)
            QN_JOB_TELL(r, node,
                        "'slice' is one text in FITS brackets or a "
                        "list of \"a:b\", not a mixture");
        else if (strchr(text, ',') && in->slice.n > 1)
            QN_JOB_TELL(r, node,
                        "'slice' has one text like \"0:16\" for each "
                        "axis, not '%.40s'",
                        text);
        else
            check_section(r, node, text);
    }
    if (in->slice.n == 1)
        split_slice(r, in);
    if (in->slice.n > QN_MAX_DIMS)
        QN_JOB_TELL(r, node, "'slice' has more than %d axes", QN_MAX_DIMS);
}

static void
read_frames(struct qn_job_reader *r, const struct qn_yaml_node *node,
            void *target)
{
    struct qn_input *in = target;
    struct qn_expr expr = {0};

    qn_job_expr_read(r, node, "frames", QN_EXPR_FIELDS, &in->frames, &expr);
    qn_expr_clear(&expr);
}

static void
read_missing(struct qn_job_reader *r, const struct qn_yaml_node *node,
             void *target)
{
    struct qn_input *in = target;
    double number = 0;

    if (node->kind != QN_YAML_SCALAR || qn_yaml_is_null(node) ||
        (strcmp(node->text, "non-finite") &&
         (!qn_fields_number(&number, node->text) || !isfinite(number))))
        qn_job_read_wants(r, node, "missing", "a number or non-finite");
    else
        qn_job_read_text(r, node, "missing", &in->missing);
}

static void
read_decode(struct qn_job_reader *r, const struct qn_yaml_node *node,
            void *target)
{
    struct qn_input *in = target;
    int which = 0;

    if (qn_job_value_choice(r, node, "decode", "auto|none", &which))
        in->undecoded = which == 1;
}

static void
read_links(struct qn_job_reader *r, const struct qn_yaml_node *node,
           void *target)
{
    struct qn_input *in = target;
    int which = 0;

    if (qn_job_value_choice(r, node, "links", "own|any", &which))
        in->links_any = which == 1;
}

/* ---- the mapping -------------------------------------------------------- */

static const struct qn_job_key keys[] = {
    {"files", read_files},
    {"exclude", read_exclude},
    {"stage", read_stage},
    {"product", read_product},
    {"rows", read_rows},
    {"grid", read_grid},
    {"where", read_where},
    {"with", read_with},
    {"each", read_each},
    {"format", read_format},
    {"hdu", read_hdu},
    {"dataset", read_dataset},
    {"dtype", read_dtype},
    {"shape", read_shape},
    {"offset", read_offset},
    {"endian", read_endian},
    {"slice", read_slice},
    {"frames", read_frames},
    {"missing", read_missing},
    {"decode", read_decode},
    {"links", read_links},
    {NULL, NULL},
};

static bool
is_one_of(const char *word, const char *const *words)
{
    while (*words && strcmp(*words, word))
        words++;
    return *words != NULL;
}

static bool
is_key(const char *word)
{
    const struct qn_job_key *k = keys;

    while (k->name && strcmp(k->name, word))
        k++;
    return k->name != NULL;
}

/* Keys that say nothing beside the one that names the items. */
static void
check_beside(struct qn_job_reader *r, const struct qn_yaml_node *node,
             const char *source)
{
    static const char *const with_stage[] = {"stage", "product", "where",
                                             "each", NULL};
    static const char *const with_rows[] = {"rows", "where", "with", NULL};
    static const char *const with_grid[] = {"grid", NULL};
    bool files = !strcmp(source, "files");
    const char *const *allowed =
        !strcmp(source, "stage")  ? with_stage
        : !strcmp(source, "grid") ? with_grid
                                  : with_rows;

    for (size_t i = 0; i < node->n; i++) {
        const char *key = node->v[i].key->text;

        if (files ? !strcmp(key, "product")
                  : is_key(key) && !is_one_of(key, allowed))
            QN_JOB_TELL(r, node->v[i].key, "'%s' does not go with '%s'; %s",
                        key, source,
                        files ? "only a stage has products"
                              : "leave it out, or make another stage");
    }
}

/* A byte order in the type (">i2") becomes that of `endian`, so that the type
 * is a name like any other from here on. */
static void
split_dtype(struct qn_job_reader *r, const struct qn_yaml_node *node,
            struct qn_input *in)
{
    const char *order;
    enum qn_dtype t;
    bool swapped, named;

    if (!in->dtype || qn_dtype_parse(&t, &swapped, in->dtype, NULL))
        return;
    named = strchr("<>", in->dtype[0]) && qn_dtype_size(t) > 1;
    order = in->dtype[0] == '<' ? "little" : "big";
    if (named && in->endian && strcmp(in->endian, order)) {
        QN_JOB_TELL(r, qn_yaml_find(node, "endian"),
                    "'endian: %s' contradicts 'dtype: \"%s\"', which is "
                    "%s-endian; leave one of them out",
                    in->endian, in->dtype, order);
        return;
    }
    if (named && !in->endian)
        in->endian = qn_job_read_copy(r, order);
    free(in->dtype);
    in->dtype = qn_job_read_copy(r, qn_dtype_name(t));
}

/* The keys of raw files: all that is needed, and only there. */
static void
check_raw(struct qn_job_reader *r, const struct qn_yaml_node *node,
          struct qn_input *in)
{
    static const char *const needed[] = {"dtype", "shape", NULL};
    static const char *const only[] = {"dtype", "shape", "offset", "endian",
                                       NULL};
    const struct qn_yaml_node *format = qn_yaml_find(node, "format");
    bool raw = in->format && !strcmp(in->format, "raw");

    for (int i = 0; raw && needed[i]; i++)
        if (!qn_yaml_find(node, needed[i]))
            QN_JOB_TELL(r, format,
                        "'format: raw' needs '%s', since the file "
                        "does not say it: %s",
                        needed[i],
                        i ? "shape: [-1, 512, 512]" : "dtype: uint16");
    if (raw)
        split_dtype(r, node, in);
    if (raw || (format && !in->format))
        return;
    for (size_t i = 0; i < node->n; i++)
        if (is_one_of(node->v[i].key->text, only))
            QN_JOB_TELL(r, node->v[i].key,
                        "'%s' is for raw files only, other "
                        "formats say it themselves; %s",
                        node->v[i].key->text,
                        format ? "leave it out"
                               : "add 'format: raw' or leave it out");
}

static void
read_map(struct qn_job_reader *r, const struct qn_yaml_node *node,
         struct qn_input *in)
{
    static const char *const sources[] = {"files", "stage", "rows", "grid",
                                          NULL};
    const char *source = NULL;

    qn_job_read_map(r, node, "input", keys, in);
    for (int i = 0; sources[i] && !source; i++)
        if (qn_yaml_find(node, sources[i]))
            source = sources[i];
    if (!source) {
        QN_JOB_TELL(r, node,
                    "'input' names no items; add 'files: "
                    "\"raw/*.fits\"' or 'stage: NAME'");
        return;
    }
    check_beside(r, node, source);
    if (!strcmp(source, "files")) {
        static const char *const others[] = {"stage", "rows", "grid", NULL};

        for (size_t i = 0; i < node->n; i++)
            if (is_one_of(node->v[i].key->text, others))
                QN_JOB_TELL(r, node->v[i].key,
                            "'%s' does not go with 'files'; the items of a "
                            "stage are named once",
                            node->v[i].key->text);
        check_raw(r, node, in);
    }
}

void
qn_job_input_read(struct qn_job_reader *r, const struct qn_yaml_node *node,
                  struct qn_input *input)
{
    input->mark = node->mark;
    if (node->kind == QN_YAML_MAP) {
        // {raw} without quotes
        if (node->flow && node->n == 1 && qn_yaml_is_null(node->v[0].value) &&
            !is_key(node->v[0].key->text))
            read_files(r, node, input);
        else
            read_map(r, node, input);
    } else if (qn_yaml_is_null(node)) {
        QN_JOB_TELL(r, node,
                    "'input' has no value; give it a pattern like "
                    "\"raw/*.fits\" or {stage: NAME}");
    } else {
        read_files(r, node, input);
    }
    // all images of a file, each an item
    if (input->hdu && !strcmp(input->hdu, "all")) {
        free(input->hdu);
        input->hdu = NULL;
        input->each = QN_EACH_HDU;
    }
    // the word, not a pattern: the files named behind the job
    input->arguments =
        input->files.n == 1 && !strcmp(input->files.v[0], "arguments");
}

/* ---- clearing ----------------------------------------------------------- */

static void
clear_strings(struct qn_strings *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->v[i]);
    free(s->v);
}

void
qn_job_input_clear(struct qn_input *in)
{
    clear_strings(&in->files);
    clear_strings(&in->exclude);
    clear_strings(&in->dataset);
    clear_strings(&in->slice);
    free(in->stage);
    free(in->product);
    free(in->rows);
    json_decref(in->with);
    free(in->where);
    qn_expr_clear(&in->where_expr);
    free(in->format);
    free(in->hdu);
    free(in->missing);
    free(in->dtype);
    free(in->endian);
    free(in->frames);
    *in = (struct qn_input){0};
}
