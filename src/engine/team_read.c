/* Reading a rank's part of an item: its block and its part of the operands,
 * by a worker, into memory that both see.
 *
 * Knows neither the steps' work nor what becomes of the samples. */
#include <stdlib.h>

#include "engine/program.h"
#include "engine/region.h"
#include "engine/stage.h"
#include "engine/team_parts.h"
#include "model/array.h"
#include "model/dtype.h"
#include "model/shape.h"

static json_t *
numbers(const int64_t *v, int n)
{
    json_t *a = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(a, json_integer((json_int_t)v[i]));
    return a;
}

/* Have a worker read a box of the item or (use) of an operand. */
static int
read_region(struct qn_team_part *p, json_t *use, const struct qn_box *box,
            int64_t offset, json_t **cards, struct qn_error *err)
{
    const enum qn_dtype type =
        use ? p->st->precision : p->block.array.type.dtype;
    struct qn_answer a = {0};
    json_t *request = json_pack(
        "{s:s,s:O,s:O,s:o,s:o,s:I,s:s}", "op", "region", "program",
        json_object_get(p->asked, "program"), "path",
        json_object_get(p->asked, "path"), "start",
        numbers(box->start, box->ndims), "count",
        numbers(box->count, box->ndims), "offset", (json_int_t)offset,
        "dtype", qn_dtype_name(type));

    if (json_object_get(p->asked, "hdu"))
        json_object_set(request, "hdu", json_object_get(p->asked, "hdu"));
    if (use)
        json_object_set(request, "use", use);
    QN_TRY(qn_farm_ask(&p->run->farm, request,
                       qn_stage_timeout(p->st->stage, p->t), &a, err));
    if (!a.reply)
        return qn_fail(err, a.why.code, "%s",
                       qn_program_reason(p->run, p->t->item->path,
                                         a.why.text));
    if (cards && !*cards)
        *cards = json_incref(json_object_get(a.reply, "cards"));
    if (!use)
        p->bytes += qn_region_samples(box) * (int64_t)qn_dtype_size(type);
    json_decref(a.reply);
    return 0;
}

/* What the own box of an operand of that shape has: an axis of length 1
 * serves all. */
static struct qn_shape
part_shape(const struct qn_box *own, const struct qn_shape *whole)
{
    struct qn_shape s = *whole;

    for (int a = 0; a < s.ndims; a++)
        if (s.n[a] != 1)
            s.n[a] = own->count[own->ndims - s.ndims + a];
    return s;
}

static const struct qn_type *
type_of(const struct qn_team_part *p, const struct qn_use *u)
{
    const struct qn_run *run = p->run;

    return u->stage >= 0 ? run->plan.stage[u->stage].target[u->target].type
                         : p->st->files.v[u->file].type;
}

/* Places in the arena for operand i of a step that is read; a number has its
 * own.  Reductions have the whole of theirs, on the team's first rank. */
static int
place_operand(struct qn_team_part *p, int step, int i, const struct qn_use *u,
              struct qn_error *err)
{
    const struct qn_step *s = &p->st->stage->steps[step];
    const struct qn_team_grid *grid = qn_team_item_grid(p, step);
    const struct qn_operand *op = &s->operand[i];
    struct qn_team_ready *r = &p->ready[step];
    const struct qn_type *type;

    r->names[i] = op->name;
    r->operand[i] = &r->array[i];
    r->offset[i] = -1;
    if (op->kind == QN_OPERAND_NUMBER || op->kind == QN_OPERAND_HEADER) {
        struct qn_type one = {.dtype = p->st->precision};

        QN_TRY(qn_array_make(&r->array[i], &one, err));
        return qn_dtype_convert(r->array[i].data, one.dtype, &u->number,
                                QN_F64, 1, err);
    }
    type = type_of(p, u);
    r->array[i].type = (struct qn_type){p->st->precision, type->shape};
    if (s->product ? p->block.team->rank : !qn_region_samples(&grid->own))
        return 0;
    if (!s->product) {
        QN_TRY(qn_shape_fits(&grid->g.type.shape, &type->shape, err));
        r->array[i].type.shape = part_shape(&grid->own, &type->shape);
    }
    return qn_arena_place(&p->arena, (int64_t)qn_array_bytes(&r->array[i]),
                          &r->offset[i], err);
}

/* Of the block, or of what the block after the first step is made of. */
static int
place_item(struct qn_team_part *p, struct qn_error *err)
{
    const struct qn_step *step = p->st->stage->steps;
    struct qn_array *a = &p->block.array;

    p->first = p->st->stage->nsteps && qn_cut_turns(step);
    // as the first step wants them: then there is no second copy
    if (p->st->stage->nsteps && !step->product && step->kernel->real)
        a->type.dtype = p->block.grid.dtype = p->st->precision;
    if (!p->first)
        return qn_arena_place(&p->arena, (int64_t)qn_array_bytes(a),
                              p->offset, err);
    p->part = qn_regrid_part(step->kernel, p->ready->params, &p->block.grid,
                             &p->grid[1].g.cut, p->block.team->rank);
    for (int j = 0; j < p->part.n; j++) {
        struct qn_box box = qn_regrid_box(&p->part.source[j]);

        QN_TRY(qn_arena_place(&p->arena,
                              qn_region_samples(&box) *
                                  (int64_t)qn_dtype_size(a->type.dtype),
                              &p->offset[j], err));
    }
    return 0;
}

static int
place_all(struct qn_team_part *p, struct qn_error *err)
{
    const struct qn_stage *stage = p->st->stage;
    int u = 0;

    QN_TRY(qn_arena_open(&p->arena, NULL, err));
    QN_TRY(place_item(p, err));
    for (int i = 0; i < stage->nsteps; i++)
        for (int k = 0; k < stage->steps[i].noperands; k++)
            QN_TRY(place_operand(p, i, k, &p->t->use[u++], err));
    qn_farm_memory(&p->run->farm, 0, p->arena.fd);
    return 0;
}

static int
read_operand(struct qn_team_part *p, int step, int i, json_t *use,
             struct qn_error *err)
{
    const struct qn_team_ready *r = &p->ready[step];
    const struct qn_box whole = qn_shape_box(&r->array[i].type.shape);
    const struct qn_box *own = &qn_team_item_grid(p, step)->own;

    if (r->offset[i] < 0)
        return 0;
    return read_region(p, use,
                       p->st->stage->steps[step].product ? &whole : own,
                       r->offset[i], NULL, err);
}

int
qn_team_read_box(struct qn_team_part *p, const struct qn_box *box,
                 int64_t offset, struct qn_error *err)
{
    return read_region(p, NULL, box, offset, &p->cards, err);
}

static int
read_item(struct qn_team_part *p, struct qn_error *err)
{
    if (!p->first && qn_region_samples(&p->block.own))
        return qn_team_read_box(p, &p->block.own, p->offset[0], err);
    for (int j = 0; j < p->part.n; j++) {
        struct qn_box box = qn_regrid_box(&p->part.source[j]);

        QN_TRY(qn_team_read_box(p, &box, p->offset[j], err));
    }
    return 0;
}

/* Mapped once all places are given out: from here on nothing moves. */
static int
find_all(struct qn_team_part *p, struct qn_error *err)
{
    const struct qn_stage *stage = p->st->stage;
    void *at;

    QN_TRY(qn_arena_at(&p->arena, 0, p->arena.used, &at, err));
    if (!p->first) {
        p->block.array.data = (char *)at + p->offset[0];
        p->block.lent = true;
    }
    for (int j = 0; j < p->part.n; j++)
        p->part.source[j].data = (char *)at + p->offset[j];
    for (int i = 0; i < stage->nsteps; i++)
        for (int k = 0; k < stage->steps[i].noperands; k++)
            if (p->ready[i].offset[k] >= 0)
                p->ready[i].array[k].data =
                    (char *)at + p->ready[i].offset[k];
    return 0;
}

int
qn_team_read(struct qn_team_part *p, struct qn_error *err)
{
    const struct qn_stage *stage = p->st->stage;
    json_t *uses = json_object_get(p->asked, "uses");
    size_t u = 0;

    QN_TRY(place_all(p, err));
    if (!p->scattered)
        QN_TRY(read_item(p, err));
    for (int i = 0; i < stage->nsteps; i++)
        for (int k = 0; k < stage->steps[i].noperands; k++)
            QN_TRY(read_operand(p, i, k, json_array_get(uses, u++), err));
    return p->arena.used ? find_all(p, err) : 0;
}
