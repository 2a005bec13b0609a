/* Reading a rank's part of an item: its block and its part of the operands,
 * by a worker, into memory that both see.
 *
 * Knows neither the steps' work nor what becomes of the samples. */
#include <stdlib.h>
#include <string.h>

#include "engine/program.h"
#include "engine/region.h"
#include "engine/stage.h"
#include "engine/team_parts.h"
#include "model/array.h"
#include "model/dtype.h"
#include "model/json.h"
#include "model/shape.h"

/* What a worker is asked for; at: where in the arena the box goes. */
static json_t *
request_box(const struct qn_team_part *p, const struct qn_box *box,
            enum qn_dtype type, int64_t at)
{
    json_t *request = json_pack(
        "{s:s,s:O,s:O,s:o,s:o,s:I,s:s}", "op", "region", "program",
        json_object_get(p->asked, "program"), "path",
        json_object_get(p->asked, "path"), "start",
        qn_json_integers(box->start, box->ndims), "count",
        qn_json_integers(box->count, box->ndims), "offset", (json_int_t)at,
        "dtype", qn_dtype_name(type));

    if (json_object_get(p->asked, "hdu"))
        json_object_set(request, "hdu", json_object_get(p->asked, "hdu"));
    if (p->frame >= 0)
        json_object_set_new(request, "frame", json_integer(p->frame));
    if (p->dataset)
        json_object_set_new(request, "dataset", json_string(p->dataset));
    return request;
}

/* request is taken over; *reply is the caller's. */
static int
ask(struct qn_team_part *p, json_t *request, json_t **reply,
    struct qn_error *err)
{
    struct qn_answer a = {0};

    QN_TRY(qn_farm_ask(&p->run->farm, request,
                       qn_stage_timeout(p->st->stage, p->t), &a, err));
    *reply = a.reply;
    if (a.reply)
        return 0;
    return qn_fail(err, a.why.code, "%s",
                   qn_program_reason(p->run, p->t->item->path, a.why.text));
}

int
qn_team_read_box(struct qn_team_part *p, const struct qn_box *box,
                 int64_t offset, struct qn_error *err)
{
    const enum qn_dtype type = p->block.array.type.dtype;
    json_t *reply;

    QN_TRY(ask(p, request_box(p, box, type, offset), &reply, err));
    if (!p->cards)
        p->cards = json_incref(json_object_get(reply, "cards"));
    p->bytes += qn_region_samples(box) * (int64_t)qn_dtype_size(type);
    json_decref(reply);
    return 0;
}

/* What the file says of the whole of a dataset. */
static struct qn_shape
shape_said(const json_t *reply)
{
    const json_t *n = json_object_get(reply, "shape");
    struct qn_shape s = {.ndims = (int)json_array_size(n)};

    for (int a = 0; a < s.ndims; a++)
        s.n[a] = json_integer_value(json_array_get(n, (size_t)a));
    return s;
}

/* Have a file looked at; use: that of an operand, NULL. */
static int
look(struct qn_team_part *p, json_t *use, struct qn_type *type,
     struct qn_error *err)
{
    const struct qn_box none = {0};
    json_t *request = request_box(p, &none, p->st->precision, 0), *reply;
    int rc;

    json_object_del(request, "offset");
    if (use)
        json_object_set(request, "use", use);
    QN_TRY(ask(p, request, &reply, err));
    type->shape = shape_said(reply);
    rc = qn_dtype_parse(&type->dtype, NULL, qn_json_word(reply, "dtype"), err);
    json_decref(reply);
    return rc;
}

int
qn_team_read_look(struct qn_team_part *p, struct qn_error *err)
{
    struct qn_comm *team = p->block.team;
    void *data = &p->type;
    size_t n = sizeof p->type;
    int rc = team->rank ? 0 : look(p, NULL, &p->type, err);

    QN_TRY(qn_comm_agree(team, rc, err));
    QN_TRY(qn_comm_broadcast(team, &data, &n, 0, err));
    if (data != &p->type) {
        memcpy(&p->type, data, sizeof p->type);
        free(data);
    }
    return 0;
}

/* ---- operands -------------------------------------------------------------- */

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

static struct qn_type
type_of(const struct qn_team_part *p, const struct qn_use *u)
{
    struct qn_type type;

    if (u->stage < 0)
        return *p->st->files.v[u->file].type;
    type = *p->run->plan.stage[u->stage].target[u->target].type;
    if (u->row >= 0)
        qn_plan_pack_row(&type);
    return type;
}

/* Is its shape known no earlier than from its file?  Of what is reduced that of
 * the frames is not enough. */
static bool
is_unseen(const struct qn_operand *op)
{
    return op->kind == QN_OPERAND_DATASET || op->reduce;
}

static int
place_number(struct qn_team_ready *r, int i, enum qn_dtype real, double number,
             struct qn_error *err)
{
    struct qn_type one = {.dtype = real};

    QN_TRY(qn_array_make(&r->array[i], &one, err));
    return qn_dtype_convert(r->array[i].data, real, &number, QN_F64, 1, err);
}

/* Reductions have the whole of theirs, on the team's first rank; weights of
 * those that count integers are as wide as what comes out. */
static int
place_whole(struct qn_team_part *p, int step, int i, const struct qn_use *u,
            json_t *use, struct qn_error *err)
{
    const struct qn_step *s = &p->st->stage->steps[step];
    struct qn_team_ready *r = &p->ready[step];
    struct qn_type said, *type = &r->array[i].type;

    if (p->block.team->rank)
        return 0;
    type->dtype = s->kernel->integer_exact ? QN_F64 : p->st->precision;
    if (is_unseen(&s->operand[i]))
        QN_TRY(look(p, use, &said, err));
    else
        said = type_of(p, u);
    type->shape = said.shape;
    return qn_arena_place(&p->arena, (int64_t)qn_array_bytes(&r->array[i]),
                          &r->offset[i], err);
}

/* This rank's part; of what has not been seen there is room for as much as
 * there may be: where one sample serves many, the rest is never touched. */
static int
place_part(struct qn_team_part *p, int step, int i, const struct qn_use *u,
           struct qn_error *err)
{
    const struct qn_step *s = &p->st->stage->steps[step];
    const struct qn_team_grid *grid = qn_team_item_grid(p, step);
    struct qn_team_ready *r = &p->ready[step];
    struct qn_shape *shape = &r->array[i].type.shape;

    r->array[i].type.dtype = p->st->precision;
    if (!qn_region_samples(&grid->own))
        return 0;
    *shape = is_unseen(&s->operand[i]) ? grid->g.type.shape
                                       : type_of(p, u).shape;
    if (qn_shape_fits(&grid->g.type.shape, shape, err))
        return qn_wrap(err, "%s", s->kernel->name);
    *shape = part_shape(&grid->own, shape);
    return qn_arena_place(&p->arena, (int64_t)qn_array_bytes(&r->array[i]),
                          &r->offset[i], err);
}

/* Places in the arena for operand i of a step that is read; a number has its
 * own. */
static int
place_operand(struct qn_team_part *p, int step, int i, const struct qn_use *u,
              json_t *use, struct qn_error *err)
{
    const struct qn_step *s = &p->st->stage->steps[step];
    const struct qn_operand *op = &s->operand[i];
    struct qn_team_ready *r = &p->ready[step];

    r->names[i] = op->name;
    r->operand[i] = &r->array[i];
    r->offset[i] = -1;
    if (op->kind == QN_OPERAND_NUMBER || op->kind == QN_OPERAND_HEADER)
        return place_number(r, i, p->st->precision, u->number, err);
    return s->product ? place_whole(p, step, i, u, use, err)
                      : place_part(p, step, i, u, err);
}

static int
read_operand(struct qn_team_part *p, int step, int i, json_t *use,
             struct qn_error *err)
{
    const struct qn_step *s = &p->st->stage->steps[step];
    const struct qn_team_grid *grid = qn_team_item_grid(p, step);
    struct qn_array *a = &p->ready[step].array[i];
    const struct qn_box whole = qn_shape_box(&a->type.shape);
    json_t *request, *reply;

    if (p->ready[step].offset[i] < 0)
        return 0;
    request = request_box(p, s->product ? &whole : &grid->own, a->type.dtype,
                          p->ready[step].offset[i]);
    json_object_set(request, "use", use);
    if (!s->product)
        json_object_set_new(request, "grid",
                            qn_json_shape(&grid->g.type.shape));
    if (ask(p, request, &reply, err))
        return qn_wrap(err, "%s", s->kernel->name);
    if (!s->product) {
        const struct qn_shape said = shape_said(reply);

        a->type.shape = part_shape(&grid->own, &said);
    }
    json_decref(reply);
    return 0;
}

/* ---- the item --------------------------------------------------------------- */

/* As the first step wants the samples: then there is no second copy. */
static void
enter_first(struct qn_team_part *p)
{
    const struct qn_step *step = p->st->stage->steps;

    qn_team_item_enter(p, 0);
    if (p->st->stage->nsteps && !step->product && step->kernel->real)
        p->block.array.type.dtype = p->block.grid.dtype = p->st->precision;
}

/* Of the block, or of what the block after the first step is made of. */
static int
place_item(struct qn_team_part *p, struct qn_error *err)
{
    const struct qn_step *step = p->st->stage->steps;
    struct qn_array *a = &p->block.array;

    p->first = p->st->stage->nsteps && qn_cut_turns(step);
    enter_first(p);
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
    json_t *uses = json_object_get(p->asked, "uses");
    size_t u = 0;

    QN_TRY(qn_arena_open(&p->arena, NULL, err));
    QN_TRY(place_item(p, err));
    for (int i = 0; i < stage->nsteps; i++)
        for (int k = 0; k < stage->steps[i].noperands; k++, u++)
            QN_TRY(place_operand(p, i, k, &p->t->use[u],
                                 json_array_get(uses, u), err));
    qn_farm_memory(&p->run->farm, 0, p->arena.fd);
    return 0;
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

/* The samples are where they were read to. */
static void
find_item(struct qn_team_part *p, char *at)
{
    if (!p->first) {
        p->block.array.data = at + p->offset[0];
        p->block.lent = true;
    }
    for (int j = 0; j < p->part.n; j++)
        p->part.source[j].data = at + p->offset[j];
}

/* Mapped once all places are given out: from here on nothing moves. */
static int
find_all(struct qn_team_part *p, struct qn_error *err)
{
    const struct qn_stage *stage = p->st->stage;
    void *at;

    QN_TRY(qn_arena_at(&p->arena, 0, p->arena.used, &at, err));
    find_item(p, at);
    for (int i = 0; i < stage->nsteps; i++)
        for (int k = 0; k < stage->steps[i].noperands; k++)
            if (p->ready[i].offset[k] >= 0)
                p->ready[i].array[k].data =
                    (char *)at + p->ready[i].offset[k];
    return 0;
}

int
qn_team_read_again(struct qn_team_part *p, struct qn_error *err)
{
    void *at;

    enter_first(p);
    if (!p->scattered)
        QN_TRY(read_item(p, err));
    if (!p->arena.used)
        return 0;
    QN_TRY(qn_arena_at(&p->arena, 0, p->arena.used, &at, err));
    find_item(p, at);
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
