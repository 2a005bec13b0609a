/* One item that a team shares: cut, read block by block, taken through the
 * steps, and its result written, from states of an earlier run if there are
 * any.
 *
 * Knows neither other items nor other teams. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/message.h"
#include "engine/deliver.h"
#include "engine/harvest.h"
#include "engine/program.h"
#include "engine/snapshot.h"
#include "engine/team_parts.h"
#include "io/cards_json.h"
#include "model/array.h"
#include "model/cards.h"
#include "model/json.h"

/* ---- making ready ------------------------------------------------------------ */

static int
ready_steps(struct qn_team_part *p, struct qn_error *err)
{
    const struct qn_stage *stage = p->st->stage;
    struct qn_lookup fields = qn_item_lookup(p->t->item);

    QN_TRY(qn_memory_make((void **)&p->ready, (size_t)stage->nsteps + 1,
                          sizeof *p->ready, "the steps", err));
    for (int i = 0; i < stage->nsteps; i++)
        QN_TRY(qn_plan_params(&p->ready[i].params, &stage->steps[i], &fields,
                              err));
    return 0;
}

/* All grids that the item has on its way. */
static int
cut_grids(struct qn_team_part *p, struct qn_error *err)
{
    const struct qn_comm *team = p->block.team;
    struct qn_cut_grid g;
    bool more = true;

    p->ngrids = 0;
    QN_TRY(qn_memory_make((void **)&p->grid, (size_t)p->st->stage->nsteps + 1,
                          sizeof *p->grid, "the grids of an item", err));
    QN_TRY(qn_cut_item(&g, p->st, p->t, team->size, err));
    while (more) {
        p->grid[p->ngrids++] = (struct qn_team_grid){
            .g = g, .own = qn_grid_block(&g.cut, team->rank)};
        QN_TRY(qn_cut_next(&g, &more, &p->grid[p->ngrids - 1].g, p->st, p->t,
                           team->size, err));
    }
    qn_team_item_enter(p, 0);
    return 0;
}

const struct qn_team_grid *
qn_team_item_grid(const struct qn_team_part *p, int i)
{
    int g = p->ngrids - 1;

    while (g > 0 && p->grid[g].g.first > i)
        g--;
    return &p->grid[g];
}

void
qn_team_item_enter(struct qn_team_part *p, int g)
{
    const struct qn_team_grid *grid = &p->grid[g];
    struct qn_block *b = &p->block;

    qn_block_drop(b);
    b->grid = grid->g.type;
    b->cut = grid->g.cut;
    b->own = grid->own;
    b->array.type = b->grid;
    for (int a = 0; a < b->grid.shape.ndims; a++)
        b->array.type.shape.n[a] = b->own.count[a];
}

/* Cards that steps have made false. */
static int
correct_cards(struct qn_team_part *p, struct qn_error *err)
{
    struct qn_cards cards = {0};
    int rc = qn_cards_json_load(&cards, p->cards, err);

    for (int g = 1; g < p->ngrids && !rc; g++) {
        const int i = p->grid[g].g.first - 1;
        const struct qn_shape *in = &p->grid[g - 1].g.type.shape;
        double offset[QN_MAX_DIMS] = {0}, factor[QN_MAX_DIMS];

        if (!p->st->stage->steps[i].kernel->map)
            continue;
        for (int a = 0; a < QN_MAX_DIMS; a++)
            factor[a] = 1;
        p->st->stage->steps[i].kernel->map(p->ready[i].params, in, offset,
                                           factor);
        rc = qn_cards_remap(&cards, in->ndims, offset, factor, err);
    }
    json_decref(p->cards);
    p->cards = qn_cards_json_make(&cards);
    qn_cards_clear(&cards);
    return rc;
}

/* Local: what a rank does before the team works on the item. */
static int
prepare(struct qn_team_part *p, struct qn_error *err)
{
    QN_TRY(ready_steps(p, err));
    QN_TRY(cut_grids(p, err));
    return qn_team_read(p, err);
}

/* Collective over the team.  Of several datasets the one in hand is the item,
 * whose first one the plan knows. */
static int
find_dataset(struct qn_team_part *p, struct qn_error *err)
{
    if (!p->dataset)
        return 0;
    QN_TRY(qn_team_read_look(p, err));
    p->task = *p->t;
    p->item = *p->t->item;
    p->item.type = &p->type;
    p->task.item = &p->item;
    p->t = &p->task;
    return 0;
}

/* Collective over the team: samples and cards are there. */
static int
read_in(struct qn_team_part *p, struct qn_error *err)
{
    struct qn_comm *team = p->block.team;
    int rc = qn_program_item(p->run, p->s, p->t, &p->asked, err);

    rc = qn_comm_agree(team, rc, err);
    if (!rc)
        rc = qn_team_scatter_look(p, err);
    if (!rc)
        rc = find_dataset(p, err);
    if (!rc)
        rc = qn_comm_agree(team, prepare(p, err), err);
    if (!rc && p->scattered)
        rc = qn_team_scatter(p, err);
    if (!rc && team->rank == 0 && p->ngrids > 1)
        rc = correct_cards(p, err);
    return qn_comm_agree(team, rc, err);
}

/* ---- products --------------------------------------------------------------- */

enum { GATHER_BYTES = 256 << 20 }; /* of samples, in one reduction, at most */

/* The reductions behind the steps. */
static int
ready_products(struct qn_team_part *p, struct qn_harvest *h, struct qn_error *err)
{
    const struct qn_stage *stage = p->st->stage;
    const int first = stage->nsteps - stage->nproducts;
    int64_t memory = stage->memory ? stage->memory : p->run->memory;

    h->precision = p->st->precision;
    h->memory = memory / 8 < GATHER_BYTES ? memory / 8 : GATHER_BYTES;
    h->n = stage->nproducts;
    QN_TRY(qn_memory_make((void **)&h->product, (size_t)h->n,
                          sizeof *h->product, "the products", err));
    for (int i = 0; i < h->n; i++) {
        const struct qn_step *step = &stage->steps[first + i];
        const struct qn_team_ready *r = &p->ready[first + i];

        h->product[i] = (struct qn_harvest_product){
            .name = p->several ? qn_team_results_name(p, step->product)
                               : step->product,
            .kernel = step->kernel,
            .params = r->params,
            .noperands = step->noperands,
            .operand = r->operand,
            .names = r->names,
        };
    }
    return 0;
}

static struct qn_delivery
delivery_of(struct qn_team_part *p)
{
    return (struct qn_delivery){.run = p->run, .s = p->s, .t = p->t,
                                .block = &p->block, .asked = p->asked,
                                .cards = p->cards};
}

static void
tell_cautions(struct qn_team_part *p, const struct qn_harvest *h)
{
    json_t *cautions = json_object();

    qn_harvest_caution(h, qn_json_text(p->asked, "path"), cautions);
    qn_farm_caution(&p->run->farm, cautions);
    json_decref(cautions);
}

static int
write_products(struct qn_team_part *p, const struct qn_harvest *h,
               struct qn_error *err)
{
    struct qn_delivery d = delivery_of(p);
    json_t *all = json_array();
    struct qn_arena a = {.fd = -1};
    int rc = qn_arena_open(&a, NULL, err);

    if (!rc)
        rc = qn_harvest_place(h, p->st->stage->output.dtype, &a, all, err);
    if (!rc)
        rc = qn_deliver_products(&d, &a, all, err);
    qn_arena_close(&a);
    json_decref(all);
    return rc;
}

/* Collective over the team. */
static int
reduce(struct qn_team_part *p, struct qn_error *err)
{
    bool first = p->block.team->rank == 0;
    struct qn_harvest h = {0};
    int rc = first ? ready_products(p, &h, err) : 0;

    rc = qn_comm_agree(p->block.team, rc, err);
    if (!rc)
        rc = qn_harvest_take(&h, &p->block, err);
    if (!rc && first)
        rc = p->reduced   ? p->reduced(p, &h, err)
             : p->several ? qn_team_results_products(p, &h, err)
                          : write_products(p, &h, err);
    if (!rc && first)
        tell_cautions(p, &h);
    qn_harvest_clear(&h);
    free(h.product);
    return qn_comm_agree(p->block.team, rc, err);
}

/* Collective over the team. */
static int
write_grid(struct qn_team_part *p, struct qn_error *err)
{
    struct qn_delivery d = delivery_of(p);

    return qn_deliver(&d, err);
}

/* ---- states ------------------------------------------------------------------ */

/* Collective over the team.  Steps between the states that the last step keeps;
 * 0: it keeps none. */
static int
find_every(const struct qn_team_part *p, int64_t *every, struct qn_error *err)
{
    const struct qn_stage *stage = p->st->stage;
    const int last = stage->nsteps - 1;
    int rc = 0;

    *every = 0;
    if (last >= 0 && !stage->nproducts && stage->steps[last].kernel->stencil)
        rc = qn_block_every(every, stage->steps[last].kernel,
                            p->ready[last].params,
                            &p->grid[p->ngrids - 1].g.type, err);
    return qn_comm_agree(p->block.team, rc, err);
}

/* On the team's first rank. */
static void
say_from(const struct qn_team_part *p, int64_t steps)
{
    if (p->from && !p->block.team->rank)
        qn_message(QN_OWN_NOTE,
                   "%s: %s goes on from step %" PRId64 " of %" PRId64
                   ", kept by the run before",
                   p->st->stage->name, p->t->item->path, p->from, steps);
}

/* Collective over the team.  Go on from what there is. */
static int
take_up(struct qn_team_part *p, const struct qn_snapshot *s,
        struct qn_error *err)
{
    int nsteps, rc = 0;

    if (s->done) {
        qn_team_item_enter(p, p->ngrids - 1);
        rc = qn_snapshot_load(s, err);
    }
    rc = qn_comm_agree(p->block.team, rc, err);
    nsteps = p->st->stage->nsteps;
    // states that were kept are those of the last step
    return rc ? rc : qn_team_steps(p, s->done ? nsteps - 1 : 0, nsteps, err);
}

/* Collective over the team.  The last step's states are the result. */
static int
make_states(struct qn_team_part *p, struct qn_error *err)
{
    struct qn_delivery d = delivery_of(p);
    struct qn_snapshot s = {0};
    int64_t every;
    int rc = find_every(p, &every, err);

    d.frames = qn_snapshot_count(p->t);
    if (!rc)
        rc = qn_snapshot_open(&s, &d, every, err);
    p->from = s.done * every;
    if (!rc)
        say_from(p, d.frames * every);
    p->block.keep = qn_snapshot_keep;
    p->block.ctx = &s;
    if (!rc)
        rc = s.done < d.frames ? take_up(p, &s, err) : 0;
    if (!rc)
        rc = qn_snapshot_finish(&s, err);
    qn_snapshot_close(&s);
    return rc;
}

/* ---- the item ---------------------------------------------------------------- */

/* What the item took in this rank, beside what its worker said. */
static void
count_spent(const struct qn_team_part *p)
{
    struct qn_spent *s = &p->run->farm.spent;
    const struct qn_block *b = &p->block;

    s->stored += p->bytes;
    s->decoded += p->bytes;
    s->compute += b->computed;
    s->exchange += b->waited;
    s->moved += b->exchanged;
}

/* What is one dataset's, of several. */
static void
clear_dataset(struct qn_team_part *p)
{
    const struct qn_stage *stage = p->st->stage;

    for (int i = 0; p->ready && i < stage->nsteps; i++) {
        qn_plan_params_clear(&p->ready[i].params, &stage->steps[i]);
        for (int k = 0; k < stage->steps[i].noperands; k++)
            qn_array_clear(&p->ready[i].array[k]);
    }
    free(p->ready);
    free(p->grid);
    p->ready = NULL;
    p->grid = NULL;
    qn_array_clear(&p->block.array);
    qn_farm_memory(&p->run->farm, 0, -1);
    qn_arena_close(&p->arena);
    json_decref(p->asked);
    json_decref(p->cards);
    p->asked = p->cards = NULL;
}

/* Collective over the team.  The samples are there: up to the result, or those
 * that the dataset has. */
static int
make_results(struct qn_team_part *p, struct qn_error *err)
{
    const struct qn_stage *stage = p->st->stage;
    int64_t every = 0;
    int rc;

    if (!p->several && qn_snapshot_count(p->t))
        return make_states(p, err);
    if (p->several) {
        QN_TRY(find_every(p, &every, err));
        if (every)
            return qn_team_results_states(p, err);
    }
    rc = qn_team_steps(p, 0, stage->nsteps - stage->nproducts, err);
    if (rc)
        return rc;
    if (stage->nproducts)
        return reduce(p, err);
    if (p->finish)
        return p->finish(p, err);
    return p->several ? qn_team_results_grid(p, err) : write_grid(p, err);
}

/* Collective over the team.  Every dataset of several in its turn. */
static int
make_several(struct qn_team_part *p, struct qn_error *err)
{
    const struct qn_strings *list = &p->st->stage->input.dataset;
    const size_t n = list->n > 1 ? list->n : 1;
    const struct qn_task *t = p->t;
    int rc = qn_comm_agree(p->block.team, qn_team_results_open(p, err), err);

    for (size_t i = 0; i < n && !rc; i++) {
        clear_dataset(p);
        p->t = t;
        p->dataset = n > 1 ? list->v[i] : NULL;
        rc = read_in(p, err);
        if (!rc)
            rc = make_results(p, err);
    }
    p->t = t;
    if (!rc)
        rc = qn_team_results_write(p, err);
    qn_team_results_clear(&p->results);
    return rc;
}

/* A frame's own failure, as opposed to the file's. */
static bool
is_frames_own(int code)
{
    return code == QN_EVALUE || code == QN_ESHAPE || code == QN_EMISSING;
}

/* Collective over the team.  The next frame: the steps are ready, operands are
 * there. */
static int
go_to_frame(struct qn_team_part *p, int64_t i, struct qn_error *err)
{
    int rc;

    p->frame = p->t->item->frame + i;
    rc = qn_team_asked_to_stop() ? qn_fail(err, QN_ESTOPPED, "stopped") : 0;
    if (!rc)
        rc = qn_team_read_again(p, err);
    rc = qn_comm_agree(p->block.team, rc, err);
    return !rc && p->scattered ? qn_team_scatter(p, err) : rc;
}

/* Collective over the team.  One that fails by itself costs no other. */
static int
make_frames(struct qn_team_part *p, struct qn_error *err)
{
    int rc = read_in(p, err);

    p->lost = json_array();
    for (int64_t i = 0; i < p->t->item->nframes && !rc; i++) {
        struct qn_error why = {0};

        rc = i ? go_to_frame(p, i, &why) : 0;
        if (!rc)
            rc = make_results(p, &why);
        if (is_frames_own(rc)) {
            json_array_append_new(p->lost,
                                  json_pack("[I,s]", (json_int_t)i, why.text));
            rc = 0;
        } else if (rc) {
            qn_fail(err, rc, "%s", why.text);
        }
    }
    return rc;
}

int
qn_team_item(struct qn_team_part *p, struct qn_error *err)
{
    int rc;

    p->several = !p->finish &&
                 qn_plan_several(p->st, p->run->options->keep_steps);
    if (p->frame >= 0) {
        rc = make_frames(p, err);
    } else if (p->several) {
        rc = make_several(p, err);
    } else {
        rc = read_in(p, err);
        if (!rc)
            rc = make_results(p, err);
    }
    if (!rc && p->made)
        p->made(p);
    count_spent(p);
    clear_dataset(p);
    json_decref(p->lost);
    p->lost = NULL;
    return rc;
}
