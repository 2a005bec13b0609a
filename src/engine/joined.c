/* Frames side by side: each dataset of a result has one place for every frame
 * along its leading axis.
 *
 * Knows neither who has the frames (bands.c moves them) nor the file that they
 * go to. */
#include "engine/joined.h"

#include "model/dtype.h"
#include "model/shape.h"

enum { ALIGN = 64 };

int
qn_joined_make(struct qn_joined *j, const struct qn_plan *p,
               const struct qn_plan_stage *st, const struct qn_target *t,
               struct qn_error *err)
{
    *j = (struct qn_joined){.frames = qn_plan_all_members(st, t)};
    QN_TRY(qn_plan_frame_datasets(p, st, &st->task[t->task[0]], j->set, &j->n,
                                  err));
    for (int i = 0; i < j->n; i++) {
        const struct qn_type *type = &j->set[i].type;

        if (type->shape.ndims == QN_MAX_DIMS)
            return qn_fail(err, QN_ESHAPE,
                           "product %s has %d axes, and the frames would be "
                           "one more than there can be",
                           j->set[i].name, QN_MAX_DIMS);
        j->bytes[i] = qn_shape_bytes(type);
        j->at[i] = j->all;
        j->all += (j->frames * j->bytes[i] + ALIGN - 1) / ALIGN * ALIGN;
    }
    return 0;
}

static json_t *
dataset_json(const struct qn_joined *j, int i)
{
    const struct qn_plan_dataset *set = &j->set[i];
    const struct qn_shape *s = &set->type.shape;
    json_t *n = json_array();
    json_t *said = json_pack(
        "{s:s,s:s,s:I,s:i,s:s*,s:s*}", "name", set->name, "dtype",
        qn_dtype_name(set->type.dtype), "offset", (json_int_t)j->at[i], "axis",
        -1, "within", set->within, "units", set->units);

    json_array_append_new(n, json_integer((json_int_t)j->frames));
    for (int a = 0; a < s->ndims; a++)
        json_array_append_new(n, json_integer((json_int_t)s->n[a]));
    json_object_set_new(said, "shape", n);
    return said;
}

int
qn_joined_describe(json_t *request, const struct qn_plan *p,
                   const struct qn_plan_stage *st, const struct qn_target *t,
                   struct qn_error *err)
{
    struct qn_joined j;
    json_t *products;

    QN_TRY(qn_joined_make(&j, p, st, t, err));
    products = json_array();
    for (int i = 0; i < j.n; i++)
        json_array_append_new(products, dataset_json(&j, i));
    json_object_set_new(request, "products", products);
    json_object_set_new(request, "bytes", json_integer((json_int_t)j.all));
    return 0;
}
