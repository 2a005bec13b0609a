/* Packed results: which items share a file.
 *
 * Parts are runs of consecutive items, in item order; how many follows from
 * the bytes of a result alone, so every run of the job cuts alike.  All rows
 * of a part are of one type. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/dtype.h"
#include "model/plan_parts.h"
#include "model/shape.h"

#define PART_BYTES (INT64_C(4) << 20)

enum { LEAST = 16, MOST = 1024 };

int
qn_plan_pack_rows(int64_t bytes)
{
    int64_t n = bytes > 0 ? PART_BYTES / bytes : MOST;

    return n < LEAST ? LEAST : n > MOST ? MOST : (int)n;
}

int
qn_plan_pack_name(char **name, const struct qn_plan_stage *st,
                  const struct qn_item *item, struct qn_error *err)
{
    struct qn_lookup fields = qn_item_lookup(item);
    const char *pattern = st->stage->output.name;

    *name = NULL;
    if (!pattern && st->stage->input.each == QN_EACH_HDU && !item->code)
        pattern = "{stem}-{hdu}";
    // the file that it is read from has the name of the stage's own result
    if (!pattern && item->source >= 0)
        pattern = "{stem}";
    return pattern ? qn_fields_fill(name, pattern, &fields, true, err) : 0;
}

int
qn_plan_pack_source(const struct qn_plan *p, const struct qn_plan_stage *st,
                    const struct qn_item *item, int *row)
{
    const struct qn_plan_stage *from;
    int target = item->source;

    if (row)
        *row = -1;
    if (target < 0 || !st->from_rows)
        return target;
    from = &p->stage[st->stage->input.stage_index];
    target = from->task[item->source].target;
    // the items of a part come one behind the other
    if (row)
        *row = item->source - from->target[target].task[0];
    return target;
}

const struct qn_task *
qn_plan_pack_use(const struct qn_plan *p, const struct qn_use *u)
{
    const struct qn_plan_stage *from;

    if (u->stage < 0 || u->row < 0)
        return NULL;
    from = &p->stage[u->stage];
    return &from->task[from->target[u->target].task[u->row]];
}

const char *
qn_plan_pack_label(char *buf, size_t size, const char *name, int row)
{
    if (!name || row < 0)
        return name;
    snprintf(buf, size, "%s[%d:%d]", name, row, row + 1);
    return buf;
}

void
qn_plan_pack_row(struct qn_type *type)
{
    struct qn_shape *s = &type->shape;

    s->ndims--;
    memmove(s->n, s->n + 1, (size_t)s->ndims * sizeof *s->n);
}

int
qn_plan_pack_bytes(const struct qn_plan *p, const struct qn_plan_stage *st,
                   const struct qn_task *t, int64_t *bytes,
                   struct qn_error *err)
{
    const struct qn_stage *stage = st->stage;
    struct qn_type type = *t->result;
    struct qn_reduced_type out[QN_MAX_RESULTS];
    int n;

    if (stage->output.dtype >= 0)
        type.dtype = (enum qn_dtype)stage->output.dtype;
    *bytes = stage->nproducts ? 0 : qn_shape_bytes(&type);
    for (int i = stage->nsteps - stage->nproducts; i < stage->nsteps; i++) {
        const struct qn_plan_product product = qn_plan_product_of(stage, i, t);

        QN_TRY(qn_plan_product_results(p, st, &product, out, &n, err));
        for (int k = 0; k < n; k++)
            *bytes += qn_shape_bytes(&out[k].type);
    }
    return 0;
}

/* That of a result which failed has none. */
static bool
has_type(const struct qn_task *t)
{
    return t->state == QN_TODO && t->item->probed;
}

/* The same type means the same row. */
static bool
fits(const struct qn_plan_stage *st, const struct qn_task *a,
     const struct qn_task *b)
{
    if (!qn_shape_equal(&a->result->shape, &b->result->shape))
        return false;
    return st->stage->output.dtype >= 0 ||
           a->result->dtype == b->result->dtype;
}

static const char *
type_text(char *buf, size_t size, const struct qn_type *t)
{
    char shape[128];

    snprintf(buf, size, "%s %s",
             qn_shape_text(shape, sizeof shape, &t->shape),
             qn_dtype_name(t->dtype));
    return buf;
}

static const char *
what(const struct qn_plan_stage *st)
{
    return st->stage->output.single ? "results in one file" : "packed results";
}

static int
refuse(const struct qn_plan_stage *st, const struct qn_task *first,
       const struct qn_task *other, struct qn_error *err)
{
    char mine[160], theirs[160];

    return qn_fail(err, QN_EJOB,
                   "stage %s: %s need one shape and type, but "
                   "%.300s gives %s and %.300s gives %s, as do most; choose "
                   "the items with `where:`, or leave `layout: %s` out",
                   st->stage->name, what(st), first->item->path,
                   type_text(mine, sizeof mine, first->result),
                   other->item->path,
                   type_text(theirs, sizeof theirs, other->result),
                   st->stage->output.single ? "single" : "packed");
}

static int
fail_odd(struct qn_plan_stage *st, struct qn_task *t,
         const struct qn_task *first, struct qn_error *err)
{
    char mine[160], theirs[160], reason[1024];

    snprintf(reason, sizeof reason,
             "its result is %s, but that of %.300s, the first, is %s, and "
             "%s need one shape and type; choose the items with `where:`",
             type_text(mine, sizeof mine, t->result), first->item->path,
             type_text(theirs, sizeof theirs, first->result), what(st));
    return qn_plan_fail_task(st, t, QN_FAILED, QN_ESHAPE, reason, err);
}

/* Items unlike the first fail; if they are the most, the job is asking for
 * something else. */
static int
check_types(struct qn_plan_stage *st, const struct qn_task *first,
            struct qn_error *err)
{
    const struct qn_task *other = NULL;
    int good = 0, odd = 0;

    for (int i = 0; i < st->ntasks; i++) {
        if (!has_type(&st->task[i]))
            continue;
        if (fits(st, first, &st->task[i])) {
            good++;
            continue;
        }
        odd++;
        other = other ? other : &st->task[i];
    }
    if (odd > good)
        return refuse(st, first, other, err);
    for (int i = 0; odd && i < st->ntasks; i++)
        if (has_type(&st->task[i]) && !fits(st, first, &st->task[i]))
            QN_TRY(fail_odd(st, &st->task[i], first, err));
    return 0;
}

/* A file an item on the way to one file. */
static int
unpack(struct qn_plan_stage *st, struct qn_error *err)
{
    st->unpacked = true;
    return qn_plan_group_targets(st, err);
}

int
qn_plan_pack_targets(struct qn_plan *p, struct qn_plan_stage *st,
                     struct qn_error *err)
{
    const struct qn_task *first = NULL;
    int64_t bytes = 0;

    if (st->late && st->stage->output.single)
        return unpack(st, err);
    if (st->late)
        return qn_fail(err, QN_EJOB,
                       "stage %s: how its results are packed follows from "
                       "their size, which is not known before the program "
                       "that it reads from was run; leave `layout: packed` "
                       "out",
                       st->stage->name);
    for (int i = 0; i < st->ntasks && !first; i++)
        if (has_type(&st->task[i]))
            first = &st->task[i];
    if (first) {
        QN_TRY(check_types(st, first, err));
        QN_TRY(qn_plan_pack_bytes(p, st, first, &bytes, err));
    }
    if (st->stage->output.single && bytes * LEAST > PART_BYTES)
        return unpack(st, err);
    return qn_plan_group_parts(st, qn_plan_pack_rows(bytes), err);
}
