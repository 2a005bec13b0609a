/* Loading operands and the cache of those used last.
 *
 * An entry is known by the text of its use, which holds path, time and scale:
 * a master that was made anew is another entry. */
#include "worker/operand.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/reader.h"
#include "kernels/combine.h"
#include "model/array.h"
#include "model/dtype.h"
#include "model/json.h"
#include "model/params.h"
#include "model/shape.h"

struct qn_operand_entry {
    struct qn_operand_entry *next;
    char *name; /* owned */
    struct qn_array array;
};

/* Params of `combine` for one method, everything else at its default. */
static int
reduction(struct qn_combine *c, const char *method, struct qn_error *err)
{
    json_t *params = json_object();
    struct qn_lookup none = {NULL, NULL};
    int rc = 0;

    for (const struct qn_option *o = qn_kernel_combine.options; o->name; o++) {
        json_t *preset = qn_params_preset(o);

        if (preset)
            json_object_set_new(params, o->name, preset);
    }
    json_object_set_new(params, "method", json_string(method));
    rc = qn_params_fill(c, &qn_kernel_combine, params, &none, err);
    json_decref(params);
    return rc;
}

static int
widen(struct qn_array *a, struct qn_error *err)
{
    struct qn_array wide = {0};

    if (a->type.dtype != QN_F32)
        return 0;
    QN_TRY(qn_array_convert(&wide, a, QN_F64, err));
    qn_array_clear(a);
    *a = wide;
    return 0;
}

/* Reduce along the leading axis, as a combination of its frames.  Reals are
 * reduced in float64: the one rounding comes when the operand is used. */
static int
reduce_leading(struct qn_array *a, const char *method, struct qn_error *err)
{
    struct qn_combine c = {0};
    struct qn_type type = a->type;
    struct qn_array out = {0};
    const void **row = NULL;
    int32_t *count = NULL;
    size_t n = (size_t)type.shape.n[0], pixels;
    int rc;

    if (type.shape.ndims < 2)
        return qn_fail(err, QN_ESHAPE,
                       "`reduce` of an operand needs a leading axis");
    type.shape.ndims--;
    memmove(type.shape.n, type.shape.n + 1,
            (size_t)type.shape.ndims * sizeof *type.shape.n);
    pixels = (size_t)qn_shape_count(&type.shape);
    rc = reduction(&c, method, err);
    type.dtype = qn_combine_dtype(&c, a->type.dtype);
    if (!rc)
        rc = qn_array_make(&out, &type, err);
    if (!rc)
        rc = qn_memory_make((void **)&row, n, sizeof *row, "frames", err);
    if (!rc)
        rc = qn_memory_make((void **)&count, pixels, sizeof *count, "counts",
                            err);
    for (size_t i = 0; !rc && i < n; i++)
        row[i] = (const char *)a->data +
                 i * pixels * qn_dtype_size(a->type.dtype);
    if (!rc)
        rc = qn_combine_band(&c, a->type.dtype, row, NULL, n, pixels,
                             out.data, count, err);
    free(row);
    free(count);
    qn_array_clear(a);
    *a = out;
    return rc;
}

/* Scaled in float64, rounded once. */
static int
to_real(struct qn_array *a, double scale, enum qn_dtype real,
        struct qn_error *err)
{
    struct qn_array wide = {0}, out = {0};
    size_t n = (size_t)qn_shape_count(&a->type.shape);
    int rc;

    if (scale == 1 && a->type.dtype == real)
        return 0;
    if (scale == 1) {
        rc = qn_array_convert(&out, a, real, err);
    } else {
        rc = qn_array_convert(&wide, a, QN_F64, err);
        for (size_t i = 0; !rc && i < n; i++)
            ((double *)wide.data)[i] *= scale;
        if (!rc)
            rc = qn_array_convert(&out, &wide, real, err);
        qn_array_clear(&wide);
    }
    qn_array_clear(a);
    *a = out;
    return rc;
}

static int
load(struct qn_array *a, const json_t *use, const char *own,
     enum qn_dtype real, struct qn_error *err)
{
    const char *path = qn_json_text(use, "path"),
               *reduce = qn_json_text(use, "reduce");
    struct qn_source source = {
        .path = path ? path : own,
        .hdu = qn_json_text(use, "hdu"),
        .dataset = qn_json_text(use, "dataset"),
    };
    json_t *scale = json_object_get(use, "scale");
    int rc = qn_reader_all(a, &source, err);

    if (!rc && reduce)
        rc = widen(a, err);
    if (!rc && reduce)
        rc = reduce_leading(a, reduce, err);
    if (!rc)
        rc = to_real(a, scale ? json_number_value(scale) : 1, real, err);
    return rc ? qn_wrap(err, "operand") : 0;
}

static int
load_number(struct qn_array *a, double number, enum qn_dtype real,
            struct qn_error *err)
{
    struct qn_type type = {.dtype = real};

    QN_TRY(qn_array_make(a, &type, err));
    if (real == QN_F32)
        *(float *)a->data = (float)number;
    else
        *(double *)a->data = number;
    return 0;
}

/* Move the entry of that name to the front. */
static struct qn_operand_entry *
find(struct qn_operands_cache *cache, const char *name)
{
    for (struct qn_operand_entry **p = &cache->head; *p; p = &(*p)->next) {
        struct qn_operand_entry *e = *p;

        if (strcmp(e->name, name))
            continue;
        *p = e->next;
        e->next = cache->head;
        cache->head = e;
        return e;
    }
    return NULL;
}

static int
name_of(char **name, const json_t *use, const char *own, enum qn_dtype real,
        struct qn_error *err)
{
    char *said = json_dumps(use, JSON_COMPACT | JSON_SORT_KEYS);
    int n = -1;

    if (said)
        n = asprintf(name, "%s %s %s", qn_dtype_name(real), said,
                     json_object_get(use, "path") ? "" : own);
    free(said);
    return n < 0 ? qn_fail(err, QN_ENOMEM, "no memory for an operand") : 0;
}

static int
add(struct qn_operands_cache *cache, char *name, const json_t *use,
    const char *own, enum qn_dtype real, struct qn_error *err)
{
    struct qn_operand_entry *e = NULL;
    json_t *number = json_object_get(use, "number");
    int rc = qn_memory_make((void **)&e, 1, sizeof *e, "an operand", err);

    if (rc)
        return rc;
    if (number)
        rc = load_number(&e->array, json_number_value(number), real, err);
    else
        rc = load(&e->array, use, own, real, err);
    if (rc) {
        qn_array_clear(&e->array);
        free(e);
        return rc;
    }
    e->name = name;
    e->next = cache->head;
    cache->head = e;
    cache->bytes += qn_array_bytes(&e->array);
    return 0;
}

int
qn_operand_get(struct qn_operands_cache *cache, const json_t *use,
               const char *own, enum qn_dtype real,
               const struct qn_array **array, struct qn_error *err)
{
    char *name;
    int rc;

    QN_TRY(name_of(&name, use, own, real, err));
    if (find(cache, name)) {
        free(name);
    } else {
        rc = add(cache, name, use, own, real, err);
        if (rc) {
            free(name);
            return rc;
        }
    }
    *array = &cache->head->array;
    return 0;
}

void
qn_operand_trim(struct qn_operands_cache *cache)
{
    struct qn_operand_entry **p = &cache->head;
    size_t held = 0;
    int kept = 0;

    while (*p) {
        struct qn_operand_entry *e = *p;
        size_t bytes = qn_array_bytes(&e->array);

        // numbers weigh nothing, but every entry costs a comparison
        if (held + bytes <= cache->limit && kept < 64) {
            held += bytes;
            kept++;
            p = &e->next;
            continue;
        }
        *p = e->next;
        qn_array_clear(&e->array);
        free(e->name);
        free(e);
    }
    cache->bytes = held;
}
