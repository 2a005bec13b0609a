/* Several results of one item: of each of its datasets, of reductions, with
 * --keep-steps of each step.  They are brought to the team's first rank one
 * after the other, to memory or to the scratch folder, and written together as
 * a worker that has the item alone would do.
 *
 * Knows neither how an item is read nor what its steps do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/deliver.h"
#include "engine/harvest.h"
#include "engine/team_parts.h"
#include "model/dtype.h"
#include "model/json.h"
#include "model/shape.h"

bool
qn_team_results_keep_steps(const struct qn_team_part *p)
{
    const struct qn_stage *stage = p->st->stage;

    return p->run->options->keep_steps && !stage->combine.given &&
           !qn_plan_joins(p->st);
}

int
qn_team_results_open(struct qn_team_part *p, struct qn_error *err)
{
    struct qn_team_results *all = &p->results;
    const int64_t bytes =
        qn_need_results(p->st, p->t, p->run->options->keep_steps);

    all->said = json_array();
    all->names = json_array();
    if (p->block.team->rank)
        return 0;
    return qn_deliver_arena(p->run, p->s, &all->arena, bytes, err);
}

void
qn_team_results_clear(struct qn_team_results *all)
{
    qn_arena_close(&all->arena);
    json_decref(all->said);
    json_decref(all->names);
    *all = (struct qn_team_results){.arena.fd = -1};
}

/* ---- names ------------------------------------------------------------------ */

static const char *
last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

const char *
qn_team_results_name(struct qn_team_part *p, const char *name)
{
    json_t *text =
        p->dataset ? json_sprintf("%s-%s", last_part(p->dataset), name)
                   : json_string(name);

    json_array_append_new(p->results.names, text);
    return json_string_value(text);
}

/* ---- one of them ------------------------------------------------------------ */

static int64_t
type_bytes(const struct qn_type *type)
{
    return qn_shape_count(&type->shape) * (int64_t)qn_dtype_size(type->dtype);
}

/* Local, on the first rank.  Room for one, and what is said of it. */
static int
place(struct qn_team_results *all, const char *name, const struct qn_type *type,
      int64_t *at, struct qn_error *err)
{
    QN_TRY(qn_arena_place(&all->arena, type_bytes(type), at, err));
    json_array_append_new(
        all->said, json_pack("{s:s,s:s,s:o,s:I,s:i}", "name", name, "dtype",
                             qn_dtype_name(type->dtype), "shape",
                             qn_json_shape(&type->shape), "offset",
                             (json_int_t)*at, "axis", -1));
    return 0;
}

/* Collective over the team.  The blocks to the arena, from byte at on. */
static int
gather(struct qn_team_part *p, enum qn_dtype type, int64_t at,
       struct qn_error *err)
{
    struct qn_comm *team = p->block.team;
    struct qn_type grid = {type, p->block.grid.shape};
    void *to = NULL;
    int rc = 0;

    if (team->rank == 0 && type_bytes(&grid))
        rc = qn_arena_at(&p->results.arena, at, type_bytes(&grid), &to, err);
    rc = qn_comm_agree(team, rc, err);
    return rc ? rc : qn_block_gather(&p->block, type, to, err);
}

/* Collective over the team.  The block is one of them, called name. */
static int
add_block(struct qn_team_part *p, const char *name, int dtype,
          struct qn_error *err)
{
    struct qn_type type = p->block.grid;
    int64_t at = 0;
    int rc = 0;

    if (dtype >= 0)
        type.dtype = (enum qn_dtype)dtype;
    if (p->block.team->rank == 0)
        rc = place(&p->results, name, &type, &at, err);
    rc = qn_comm_agree(p->block.team, rc, err);
    return rc ? rc : gather(p, type.dtype, at, err);
}

int
qn_team_results_step(struct qn_team_part *p, int i, struct qn_error *err)
{
    char name[160];

    snprintf(name, sizeof name, "%d-%s", i + 1,
             p->st->stage->steps[i].kernel->name);
    return add_block(p, qn_team_results_name(p, name), -1, err);
}

/* ---- the result proper ------------------------------------------------------ */

static void
begin_result(struct qn_team_part *p)
{
    p->results.result = json_array_size(p->results.said);
}

static const char *
name_of(const struct qn_team_part *p)
{
    return p->dataset ? last_part(p->dataset) : "data";
}

int
qn_team_results_grid(struct qn_team_part *p, struct qn_error *err)
{
    begin_result(p);
    return add_block(p, name_of(p), p->st->stage->output.dtype, err);
}

int
qn_team_results_products(struct qn_team_part *p, const struct qn_harvest *h,
                         struct qn_error *err)
{
    begin_result(p);
    return qn_harvest_place(h, p->st->stage->output.dtype, &p->results.arena,
                            p->results.said, err);
}

/* States of the last step, one behind the other. */
struct states {
    struct qn_team_part *p;
    enum qn_dtype type;
    int64_t at; /* of the next */
};

static int
keep_state(void *ctx, struct qn_error *err)
{
    struct states *s = ctx;
    const struct qn_type grid = {s->type, s->p->block.grid.shape};
    const int64_t at = s->at;

    s->at += type_bytes(&grid);
    return gather(s->p, s->type, at, err);
}

int
qn_team_results_states(struct qn_team_part *p, struct qn_error *err)
{
    const struct qn_stage *stage = p->st->stage;
    const int last = stage->nsteps - 1;
    const struct qn_type in = {p->st->precision,
                               p->grid[p->ngrids - 1].g.type.shape};
    struct states s = {.p = p};
    struct qn_type type = in;
    int rc = stage->steps[last].kernel->type(p->ready[last].params, &in, &type,
                                             err);

    if (stage->output.dtype >= 0)
        type.dtype = (enum qn_dtype)stage->output.dtype;
    s.type = type.dtype;
    if (!rc)
        rc = qn_team_steps(p, 0, last, err);
    if (rc)
        return rc;
    begin_result(p);
    if (p->block.team->rank == 0)
        rc = place(&p->results, name_of(p), &type, &s.at, err);
    rc = qn_comm_agree(p->block.team, rc, err);
    p->block.keep = keep_state;
    p->block.ctx = &s;
    if (!rc)
        rc = qn_team_steps(p, last, last + 1, err);
    p->block.keep = NULL;
    p->block.ctx = NULL;
    return rc;
}

/* ---- all of them -------------------------------------------------------------- */

/* The result proper is the first, so that it is what a viewer shows. */
static json_t *
in_order(const struct qn_team_part *p)
{
    const struct qn_team_results *all = &p->results;
    const size_t n = json_array_size(all->said);
    const size_t first = qn_team_results_keep_steps(p) ? all->result : 0;
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append(list, json_array_get(all->said, (i + first) % n));
    return list;
}

int
qn_team_results_write(struct qn_team_part *p, struct qn_error *err)
{
    struct qn_delivery d = {.run = p->run, .s = p->s, .t = p->t,
                            .block = &p->block, .asked = p->asked,
                            .cards = p->cards};
    json_t *list;
    int rc = 0;

    if (p->block.team->rank == 0) {
        list = in_order(p);
        rc = qn_deliver_products(&d, &p->results.arena, list, err);
        json_decref(list);
    }
    return qn_comm_agree(p->block.team, rc, err);
}
