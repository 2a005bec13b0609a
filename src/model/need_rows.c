/* An item that goes through its steps some rows at a time.
 *
 * First the rows of the item are found that become one row of what comes out,
 * and those that are looked at beside them; then slabs of so many rows are
 * followed from step to step.  Which rows a step wants, flow.c knows. */
#include "model/need_parts.h"

#include "base/least.h"
#include "model/dtype.h"
#include "model/flow.h"
#include "model/plan_parts.h"
#include "model/shape.h"

bool
qn_need_rows_once(const struct qn_need_count *c, bool units)
{
    const struct qn_stage *stage = c->st->stage;

    for (int i = 0; i < stage->nsteps; i++)
        if (!stage->steps[i].product && !stage->steps[i].kernel->point &&
            !(units && stage->steps[i].kernel->regrid &&
              stage->steps[i].kernel->regrid->apart))
            return false;
    return !c->keep_steps;
}

bool
qn_need_rows_always(const struct qn_need_count *c)
{
    return c->st->stage->nproducts && qn_need_rows_once(c, false);
}

/* An item on its way. */
struct route {
    int axis;            /* along which rows are counted                  */
    int64_t unit, reach; /* rows of it that become one; and beside those  */
    struct qn_type type; /* of the item, as it goes on                    */
    int64_t bytes;       /* of slabs                                      */
};

static int64_t
row_of(const struct qn_type *type, int axis)
{
    int64_t n = 1;

    for (int a = axis + 1; a < type->shape.ndims; a++)
        n *= type->shape.n[a];
    return n;
}

/* Bytes of slabs of `rows` rows of what will come out, where there are still
 * that unit and reach to go. */
static int64_t
slab_of(const struct route *r, int64_t rows)
{
    const int64_t all = r->type.shape.ndims ? r->type.shape.n[r->axis] : 1;

    return qn_least(rows * r->unit + r->reach, all) *
           row_of(&r->type, r->axis) * (int64_t)qn_dtype_size(r->type.dtype);
}

/* Bytes that a step keeps for all rows. */
static int64_t
beside_of(const struct qn_flow *f)
{
    int64_t n = (int64_t)qn_dtype_size(f->in.dtype);

    for (int a = 0; a < f->in.shape.ndims; a++)
        n *= f->beside.count[a];
    return f->level ? n : 0;
}

/* One step further; rows 0: only unit and reach are added up. */
static bool
go_on(struct route *r, const struct qn_need_count *c,
      const struct qn_step *step, const struct qn_task *t, int64_t rows)
{
    const struct qn_kernel *k = step->kernel;
    struct qn_lookup fields = qn_item_lookup(t->item);
    void *params = NULL;
    struct qn_type next;
    struct qn_flow f;
    bool can;

    if (k->real && r->type.dtype != c->st->precision) {
        r->type.dtype = c->st->precision;
        r->bytes += rows ? slab_of(r, rows) : 0;
    }
    next = r->type;
    can = !qn_plan_params(&params, step, &fields, NULL) &&
          qn_flow_make(&f, k, params, &r->type, r->axis) &&
          (!k->type || !k->type(params, &r->type, &next, NULL));
    qn_plan_params_clear(&params, step);
    if (!can)
        return false;
    if (!rows) {
        r->reach += r->unit * f.reach;
        r->unit *= f.unit;
    } else {
        r->bytes += f.spare * slab_of(r, rows) + beside_of(&f);
        r->reach = qn_most(0, (r->reach - f.reach) / f.unit);
        r->unit /= f.unit;
    }
    r->type = next;
    r->bytes += rows && !k->point ? slab_of(r, rows) : 0;
    return true;
}

static bool
go_through(struct route *r, const struct qn_need_count *c,
           const struct qn_task *t, int64_t rows)
{
    const struct qn_stage *stage = c->st->stage;

    r->type = *t->item->type;
    r->bytes = rows ? slab_of(r, rows) : 0;
    for (int i = 0; i < stage->nsteps; i++)
        if (!stage->steps[i].product &&
            !go_on(r, c, &stage->steps[i], t, rows))
            return false;
    return true;
}

/* Rows of a slab that reductions are given; together: samples that they must
 * be given in one. */
static int64_t
product_rows(const struct qn_need_count *c, const struct qn_type *type,
             int axis, int64_t rows, int64_t together)
{
    const int64_t row = row_of(type, axis);
    const int64_t fit =
        QN_NEED_PRODUCT_SLAB / (int64_t)qn_dtype_size(type->dtype);

    if (!row)
        return 1;
    return qn_most(qn_need_rows_always(c) ? fit / row : rows, together / row);
}

bool
qn_need_rows_can(const struct qn_need_count *c, const struct qn_task *t,
                 int64_t together, int64_t *bytes)
{
    const struct qn_type *in = t->item->type;
    struct route r = {.axis = qn_shape_row_axis(&in->shape), .unit = 1};
    int64_t rows;

    if (!in->shape.ndims || !go_through(&r, c, t, 0) ||
        qn_shape_row_axis(&r.type.shape) != r.axis)
        return false;
    rows = qn_flow_slab(row_of(in, r.axis), r.unit, r.reach,
                        r.type.shape.n[r.axis]);
    if (c->st->stage->nproducts)
        rows = qn_least(product_rows(c, &r.type, r.axis, rows, together),
                       r.type.shape.n[r.axis]);
    (void)go_through(&r, c, t, qn_most(rows, 1));
    *bytes = r.bytes;
    if (c->st->stage->output.dtype >= 0 && !c->st->stage->nproducts) {
        r.type.dtype = (enum qn_dtype)c->st->stage->output.dtype;
        *bytes += slab_of(&r, qn_most(rows, 1));
    }
    return true;
}
