/* output: of a stage: what the results are called and how they are kept. */
#include "model/job_output.h"

#include <stdlib.h>
#include <string.h>

#include "model/job_later.h"
#include "model/job_value.h"

/* ---- names of results --------------------------------------------------- */

/* The suffix that the name ends in and that is added anyway, or NULL. */
static const char *
own_suffix(const char *name)
{
    static const char *const suffixes[] = {".h5", ".hdf5", ".fits", ".fit",
                                           NULL};
    size_t n = strlen(name);

    for (int i = 0; suffixes[i]; i++) {
        size_t len = strlen(suffixes[i]);

        if (n > len && !strcmp(name + n - len, suffixes[i]))
            return suffixes[i];
    }
    return NULL;
}

/* Is one of the words between slashes empty, "." or ".."? */
static bool
leaves_folder(const char *name)
{
    for (;;) {
        size_t n = strcspn(name, "/");

        if (n == 0 || (n == 1 && name[0] == '.') ||
            (n == 2 && name[0] == '.' && name[1] == '.'))
            return true;
        if (!name[n])
            return false;
        name += n + 1;
    }
}

static void
read_name(struct qn_job_reader *r, const struct qn_yaml_node *node,
          void *target)
{
    struct qn_result *out = target;
    const char *suffix;

    if (!qn_job_read_pattern(r, node, "name", &out->name))
        return;
    suffix = own_suffix(out->name);
    if (suffix)
        QN_JOB_TELL(r, node,
                    "leave '%s' off the name; the suffix is added by "
                    "'format'",
                    suffix);
    if (out->name[0] == '/')
        QN_JOB_TELL(r, node,
                    "a name is a place below the stage's output "
                    "folder; remove the '/' in front");
    else if (leaves_folder(out->name))
        QN_JOB_TELL(r, node,
                    "a name must not hold empty words, '.' or '..' "
                    "between its '/'; it is a place below the "
                    "stage's output folder");
    for (const char *s = out->name; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f) {
            QN_JOB_TELL(r, node, "a name must not hold control characters");
            break;
        }
}

/* ---- the other keys ----------------------------------------------------- */

static void
read_format(struct qn_job_reader *r, const struct qn_yaml_node *node,
            void *target)
{
    struct qn_result *out = target;

    qn_job_value_choice(r, node, "format", "hdf5|fits", &out->format);
}

static void
read_dtype(struct qn_job_reader *r, const struct qn_yaml_node *node,
           void *target)
{
    struct qn_result *out = target;

    qn_job_value_dtype(r, node, "dtype", &out->dtype);
}

static void
read_compress(struct qn_job_reader *r, const struct qn_yaml_node *node,
              void *target)
{
    struct qn_result *out = target;
    int64_t level = 0;

    if (node->kind == QN_YAML_SCALAR && !strcmp(node->text, "none")) {
        out->compress = 0;
        return;
    }
    if (node->kind == QN_YAML_SCALAR && strlen(node->text) == 1 &&
        strchr("0123456789", node->text[0]))
        qn_job_value_integer(r, node, "compress", 0, 9, &level);
    else
        qn_job_read_wants(r, node, "compress",
                          "none or a level from 1 (fast) to 9 (small)");
    out->compress = (int)level;
}

static void
read_layout(struct qn_job_reader *r, const struct qn_yaml_node *node,
            void *target)
{
    struct qn_result *out = target;
    int which = 0;

    qn_job_value_choice(r, node, "layout", "per-item|packed|single", &which);
    out->packed = which == 1;
    out->single = which == 2;
}

static void
read_carry(struct qn_job_reader *r, const struct qn_yaml_node *node,
           void *target)
{
    struct qn_result *out = target;

    qn_job_read_list(r, node, "carry", qn_job_read_text, &out->carry);
    for (size_t i = 0; i < out->carry.n; i++)
        if (out->carry.v[i][0] != '/')
            QN_JOB_TELL(r, node,
                        "'carry' wants paths of datasets, which "
                        "begin with '/', not '%.60s'",
                        out->carry.v[i]);
}

static const struct qn_job_key keys[] = {
    {"name", read_name},
    {"format", read_format},
    {"dtype", read_dtype},
    {"compress", read_compress},
    {"layout", read_layout},
    {"carry", read_carry},
    {NULL, NULL},
};

void
qn_job_output_read(struct qn_job_reader *r, const struct qn_yaml_node *node,
                   struct qn_result *output)
{
    output->mark = node->mark;
    qn_job_read_map(r, node, "output", keys, output);
}

/* ---- the name of a combined result -------------------------------------- */

struct naming {
    struct qn_job_reader *r;
    const struct qn_yaml_node *node;
    const struct qn_group *group;
};

static void
check_field(void *ctx, const char *name)
{
    struct naming *n = ctx;
    const struct qn_strings *per = &n->group->per;

    for (size_t i = 0; i < per->n; i++)
        if (!strcmp(per->v[i], name))
            return;
    QN_JOB_TELL(n->r, n->node,
                "a combined result has no {%.40s}; its name "
                "can hold fields named in 'per' only",
                name);
}

/* Why results of the stage cannot be packed, and what to do; NULL: they can. */
static const char *
why_not_packed(const struct qn_stage *stage)
{
    if (stage->combine.given)
        return "a combination makes one result of many items anyway";
    if (stage->command.given)
        return "a program writes a file of its own";
    if (stage->input.each == QN_EACH_FRAME)
        return "the frames of a file come back as one output anyway";
    if (stage->output.format == QN_FORMAT_FITS)
        return "a FITS file holds one result";
    if (stage->team && stage->team != 1)
        return "small items are not shared by several ranks";
    return NULL;
}

/* Why they cannot be merged into one file at the end. */
static const char *
why_not_single(const struct qn_stage *stage)
{
    if (stage->combine.given && !stage->combine.per.n &&
        !stage->combine.per_file)
        return "a combination without `per:` makes one file anyway";
    if (stage->command.given)
        return "a program writes a file of its own";
    if (stage->output.format == QN_FORMAT_FITS)
        return "one file over many results is HDF5";
    return NULL;
}

static void
check_layout(struct qn_job_reader *r, const struct qn_yaml_node *node,
             const struct qn_stage *stage)
{
    const char *why = stage->output.packed   ? why_not_packed(stage)
                      : stage->output.single ? why_not_single(stage)
                                             : NULL;

    if (why)
        QN_JOB_TELL(r, qn_yaml_find(qn_yaml_find(node, "output"), "layout"),
                    "`layout: %s` does not fit here: %s; leave it out",
                    stage->output.packed ? "packed" : "single", why);
}

void
qn_job_output_settle(struct qn_stage *stage, bool is_read)
{
    if (stage->output.single)
        stage->output.packed =
            !is_read && !stage->input.stage && !why_not_packed(stage);
}

/* FITS results are plain images: what is asked of HDF5 would be ignored. */
static void
check_compress(struct qn_job_reader *r, const struct qn_yaml_node *node,
               const struct qn_stage *stage)
{
    if (stage->output.format == QN_FORMAT_FITS && stage->output.compress)
        QN_JOB_TELL(r, qn_yaml_find(qn_yaml_find(node, "output"), "compress"),
                    "`compress: %d` does not fit here: results in FITS are "
                    "written uncompressed; leave it out, or write "
                    "`format: hdf5`",
                    stage->output.compress);
}

/* Members and frames are of one dataset each. */
static void
check_datasets(struct qn_job_reader *r, const struct qn_yaml_node *node,
               const struct qn_stage *stage)
{
    const bool combines = stage->combine.given;

    if (stage->input.dataset.n < 2 ||
        (!combines && stage->input.each != QN_EACH_FRAME))
        return;
    QN_JOB_TELL(r, qn_yaml_find(qn_yaml_find(node, "input"), "dataset"),
                "%s one dataset of each file; name one, or make a stage for "
                "each",
                combines ? "`combine` takes" : "`each: frame` goes through");
}

void
qn_job_output_check(struct qn_job_reader *r, const struct qn_yaml_node *node,
                    const struct qn_stage *stage)
{
    const struct qn_yaml_node *name =
        qn_yaml_find(qn_yaml_find(node, "output"), "name");
    struct naming n = {.r = r, .node = name, .group = &stage->combine};

    if (name && stage->output.name && stage->combine.given &&
        !stage->combine.per_file)
        qn_fields_names(stage->output.name, check_field, &n, NULL);
    check_layout(r, node, stage);
    check_compress(r, node, stage);
    check_datasets(r, node, stage);
}

void
qn_job_output_clear(struct qn_result *output)
{
    for (size_t i = 0; i < output->carry.n; i++)
        free(output->carry.v[i]);
    free(output->carry.v);
    free(output->name);
    *output = (struct qn_result){0};
}
