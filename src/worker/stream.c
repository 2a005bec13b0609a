/* Slabs through the steps.
 *
 * Steps are done in stages: a kernel that looks at other samples or moves
 * them, and the point kernels behind it.  Rows that a slab needs of its
 * neighbours are asked for with it, and computed again.  Knows neither files
 * nor where results go. */
#include "worker/stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernels/remake.h"
#include "kernels/sweep.h"
#include "kernels/walk.h"
#include "kernels/whole.h"
#include "model/array.h"
#include "model/dtype.h"
#include "model/flow.h"
#include "model/shape.h"
#include "worker/ready.h"

struct stage {
    const struct qn_ready *whole; /* NULL: samples are made real, if they are
                                     not                                */
    const struct qn_ready *point; /* [npoints]                          */
    int npoints;
    struct qn_flow flow;          /* of whole                           */
    struct qn_sweep sweep;        /* of a stencil                       */
    double value;                 /* that qn_overall asked for          */
    struct qn_type in, type;      /* of the item before and behind it   */
    struct qn_array slab;         /* owned: what the next stage goes on with */
    struct qn_array spare[2];     /* owned: between the steps of a stencil  */
    struct qn_array beside;       /* owned: what flow.beside has        */
};

struct qn_stream {
    const struct qn_program *program;
    int axis;            /* along which rows are counted */
    struct qn_ready *r;  /* owned, [program->nsteps]     */
    struct stage *stage; /* owned, [n]                   */
    int n;
};

/* ---- stages ------------------------------------------------------------------ */

/* A stage behind the last one, of the type that is there. */
static struct stage *
add_stage(struct qn_stream *s, const struct qn_ready *next,
          const struct qn_type *type)
{
    struct stage *stage = &s->stage[s->n++];

    *stage = (struct stage){.point = next, .in = *type, .type = *type};
    stage->flow.unit = 1;
    stage->flow.rows = type->shape.ndims ? type->shape.n[s->axis] : 1;
    return stage;
}

static int
add_whole(struct qn_stream *s, const struct qn_ready *r,
          const struct qn_pass *pass, const struct qn_type *type,
          struct qn_error *err)
{
    const struct qn_kernel *k = r->step->kernel;
    struct stage *stage = add_stage(s, r + 1, type);

    stage->whole = r;
    if (!qn_flow_make(&stage->flow, k, r->params, type, s->axis))
        return qn_fail(err, QN_EUNAVAILABLE, "it must see all of an item");
    if (k->type)
        QN_TRY(k->type(r->params, type, &stage->type, err));
    if (k->stencil)
        QN_TRY(qn_sweep_make(&stage->sweep, k, r->params, type, err));
    stage->sweep.threads = s->program->threads;
    return qn_ready_cards(r, pass, &type->shape, err);
}

static int
add_step(struct qn_stream *s, struct qn_ready *r, const struct qn_pass *pass,
         struct qn_type *type, struct qn_error *err)
{
    const struct qn_kernel *k = r->step->kernel;

    if (k->real && (!s->n || type->dtype != s->program->precision)) {
        type->dtype = s->program->precision;
        add_stage(s, r, type);
    }
    QN_TRY(qn_ready_check(r, &type->shape, err));
    if (k->point)
        s->stage[s->n - 1].npoints++;
    else
        QN_TRY(add_whole(s, r, pass, type, err));
    *type = s->stage[s->n - 1].type;
    return 0;
}

static int
open_stream(struct qn_stream *s, const struct qn_pass *pass,
            struct qn_type *type, struct qn_error *err)
{
    const size_t nsteps = (size_t)s->program->nsteps;
    size_t use = 0;

    QN_TRY(qn_memory_make((void **)&s->r, nsteps, sizeof *s->r, "the steps",
                          err));
    QN_TRY(qn_memory_make((void **)&s->stage, 2 * nsteps, sizeof *s->stage,
                          "the steps", err));
    for (size_t i = 0; i < nsteps; i++) {
        const enum qn_dtype real = s->program->precision;
        int rc;

        s->r[i].step = &s->program->steps[i];
        QN_TRY(qn_ready_make(&s->r[i], pass, use, real, err));
        use += (size_t)s->r[i].step->noperands;
        rc = add_step(s, &s->r[i], pass, type, err);
        if (rc)
            return qn_wrap(err, "%s", s->r[i].step->kernel->name);
    }
    return 0;
}

int
qn_stream_open(struct qn_stream **s, const struct qn_pass *pass,
               struct qn_type *type, struct qn_error *err)
{
    int rc;

    QN_TRY(qn_memory_make((void **)s, 1, sizeof **s, "the steps", err));
    (*s)->program = pass->program;
    (*s)->axis = qn_shape_row_axis(&type->shape);
    rc = open_stream(*s, pass, type, err);
    if (rc) {
        qn_stream_close(*s);
        *s = NULL;
    }
    return rc;
}

int64_t
qn_stream_unit(const struct qn_stream *s)
{
    int64_t unit = 1;

    // no overflow: the units of all stages make up one row of what comes out
    for (int i = 0; i < s->n; i++)
        unit *= s->stage[i].flow.unit;
    return unit;
}

int64_t
qn_stream_reach(const struct qn_stream *s)
{
    int64_t unit = 1, reach = 0;

    for (int i = 0; i < s->n; i++) {
        const struct qn_flow *f = &s->stage[i].flow;

        reach += unit * f->reach;
        unit *= f->unit;
    }
    return reach;
}

/* Some rows of an item on its way. */
struct rows {
    struct qn_array a; /* borrowed          */
    int64_t first;     /* of them, in all   */
};

/* ---- one stage --------------------------------------------------------------- */

/* n rows of an item, in memory that is kept. */
static int
find_slab(struct qn_array *a, struct qn_array *kept,
          const struct qn_stream *s, struct qn_type type, int64_t n,
          struct qn_error *err)
{
    if (type.shape.ndims)
        type.shape.n[s->axis] = n;
    if (qn_array_bytes(kept) < (size_t)qn_shape_bytes(&type)) {
        qn_array_clear(kept);
        QN_TRY(qn_array_make(kept, &type, err));
    }
    *a = qn_array_view(&type, kept->data);
    return 0;
}

/* Rows of a grid. */
static struct qn_region
region_of(const struct qn_stream *s, const struct rows *rows,
          const struct qn_type *grid)
{
    struct qn_region r = qn_sweep_region(&rows->a);

    r.grid = (struct qn_type){rows->a.type.dtype, grid->shape};
    r.start[s->axis] = rows->first;
    return r;
}

/* All steps of a stencil, each on fewer rows than the one before. */
static int
do_stencil(const struct qn_stream *s, struct stage *stage,
           const struct rows *in, const struct rows *out, struct qn_error *err)
{
    const struct qn_sweep *w = &stage->sweep;
    const int64_t n = out->a.type.shape.n[s->axis];
    const int64_t radius = w->halo.radius[s->axis];
    struct qn_region now = region_of(s, in, &stage->in);

    for (int64_t left = w->halo.steps, i = 0; left > 0; i++) {
        const int64_t steps = left < w->block ? left : w->block;
        struct qn_flow rest = stage->flow; // of the steps that are left
        struct qn_region next;
        struct rows to = *out;
        int64_t count = n;

        left -= steps;
        rest.reach = 2 * left * radius;
        if (left) {
            qn_flow_rows(&rest, out->first, n, &to.first, &count);
            QN_TRY(find_slab(&to.a, &stage->spare[i % 2], s, stage->type,
                             count, err));
        }
        next = region_of(s, &to, &stage->in);
        QN_TRY(qn_sweep_run(w, &now, &next, steps, err));
        now = next;
    }
    return 0;
}

static int
do_regrid(const struct qn_stream *s, const struct stage *stage,
          const struct rows *in, const struct rows *out, struct qn_error *err)
{
    const struct qn_region all = region_of(s, in, &stage->in);
    const struct qn_region to = region_of(s, out, &stage->type);
    const struct qn_region held[QN_MAX_SOURCES] = {
        all, stage->flow.level ? stage->flow.beside : all};

    return qn_remake_box(stage->whole->step->kernel, stage->whole->params, held,
                         &to, err);
}

static void
do_overall(const struct stage *stage, const struct qn_array *in,
           const struct qn_array *out)
{
    const struct qn_lane lane = {
        .real = out->type.dtype, .x = out->data,
        .n = (size_t)qn_shape_count(&out->type.shape)};

    memcpy(out->data, in->data, qn_array_bytes(out));
    stage->whole->step->kernel->overall->use(stage->whole->params,
                                             stage->value, &lane);
}

static int
do_whole(const struct qn_stream *s, struct stage *stage,
         const struct rows *in, const struct rows *out, struct qn_error *err)
{
    if (!qn_array_bytes(&out->a))
        return 0;
    switch (stage->flow.kind) {
    case QN_FLOW_STENCIL: return do_stencil(s, stage, in, out, err);
    case QN_FLOW_REGRID: return do_regrid(s, stage, in, out, err);
    default: do_overall(stage, &in->a, &out->a); return 0;
    }
}

static int
do_stage(const struct qn_stream *s, struct stage *stage,
         const struct rows *in, struct rows *out, struct qn_error *err)
{
    const struct qn_shape *shape = &stage->type.shape;
    const struct qn_array *from = &in->a;
    size_t at = (size_t)out->first;

    for (int a = s->axis + 1; a < shape->ndims; a++)
        at *= (size_t)shape->n[a];
    if (stage->whole) {
        if (do_whole(s, stage, in, out, err))
            return qn_wrap(err, "%s", stage->whole->step->kernel->name);
        if (!stage->npoints)
            return 0;
        from = NULL; // what is in out already
    }
    return qn_ready_points(stage->point, stage->npoints, shape, at, from,
                           &out->a, s->program->threads, err);
}

/* ---- slabs ------------------------------------------------------------------- */

/* Rows that stages i ... last - 1 need. */
static void
rows_of(const struct qn_stream *s, int i, int last, int64_t *first, int64_t *n)
{
    while (last > i)
        qn_flow_rows(&s->stage[--last].flow, *first, *n, first, n);
}

void
qn_stream_rows(const struct qn_stream *s, int64_t first, int64_t n,
               int64_t *from, int64_t *count)
{
    *from = first;
    *count = n;
    rows_of(s, 0, s->n, from, count);
}

/* Rows *now through the first `last` stages: they become rows first ...
 * first + n - 1 of what comes out, in out; NULL: the last stage keeps them. */
static int
do_stages(struct qn_stream *s, int last, void *out, int64_t first, int64_t n,
          struct rows *now, struct qn_error *err)
{
    for (int i = 0; i < last; i++) {
        struct stage *stage = &s->stage[i];
        struct rows next = {.first = first};
        int64_t count = n;

        rows_of(s, i + 1, last, &next.first, &count);
        if (out && i == last - 1) {
            next.a = qn_array_view(&stage->type, out);
            if (next.a.type.shape.ndims)
                next.a.type.shape.n[s->axis] = count;
        } else {
            QN_TRY(find_slab(&next.a, &stage->slab, s, stage->type, count,
                             err));
        }
        QN_TRY(do_stage(s, stage, now, &next, err));
        *now = next;
    }
    return 0;
}

int
qn_stream_slab(struct qn_stream *s, void *out, int64_t first, int64_t n,
               const struct qn_array *in, int64_t from, struct qn_error *err)
{
    struct rows now = {.a = *in, .first = from};

    return do_stages(s, s->n, out, first, n, &now, err);
}

/* ---- what all rows need ------------------------------------------------ */

/* A box of the item, run by run. */
struct visit {
    struct qn_box box;
    struct qn_whole *w; /* given to that; NULL: put behind one another */
    char *to;
};

/* The samples of the box that lie in some rows. */
static void
take_rows(struct visit *v, const struct qn_stream *s, const struct rows *rows)
{
    const struct qn_array *a = &rows->a;
    const int64_t first = rows->first;
    const size_t size = qn_dtype_size(a->type.dtype);
    struct qn_box box = v->box;
    const int x = s->axis;
    const int64_t start = box.start[x], step = box.step[x];
    const int64_t end = start + (box.count[x] - 1) * step + 1;
    const int64_t last = first + a->type.shape.n[x];
    int64_t from = first <= start
                       ? start
                       : start + (first - start + step - 1) / step * step;
    struct qn_walk k;

    box.start[x] = from - first;
    box.count[x] = from < (end < last ? end : last)
                       ? ((end < last ? end : last) - from + step - 1) / step
                       : 0;
    for (qn_walk_start(&k, &box, &a->type.shape); k.more; qn_walk_next(&k)) {
        const char *run = (const char *)a->data + (size_t)k.first * size;

        if (v->w) {
            qn_whole_take(v->w, run, (size_t)k.n, k.step);
        } else {
            memcpy(v->to, run, (size_t)k.n * size);
            v->to += (size_t)k.n * size;
        }
    }
}

/* All rows of the box, behind the stages before stage i. */
static int
go_over(struct qn_stream *s, int i, struct visit *v,
        const struct qn_stream_source *source, int64_t rows,
        struct qn_error *err)
{
    const int x = s->axis;
    const int64_t start = v->box.start[x];
    const int64_t end = start + (v->box.count[x] - 1) * v->box.step[x] + 1;

    for (int64_t first = start; first < end; first += rows) {
        const int64_t n = end - first < rows ? end - first : rows;
        struct rows now = {.first = first};
        int64_t count = n;

        rows_of(s, 0, i, &now.first, &count);
        QN_TRY(source->get(source->ctx, now.first, count, &now.a, err));
        QN_TRY(do_stages(s, i, NULL, first, n, &now, err));
        take_rows(v, s, &now);
    }
    return 0;
}

/* The source of stage i that serves all rows. */
static int
find_beside(struct qn_stream *s, int i, const struct qn_stream_source *source,
            int64_t rows, struct qn_error *err)
{
    struct stage *stage = &s->stage[i];
    struct qn_region *beside = &stage->flow.beside;
    struct qn_type type = stage->in;
    struct visit v = {.box = qn_shape_box(&type.shape)};

    for (int a = 0; a < type.shape.ndims; a++) {
        type.shape.n[a] = v.box.count[a] = beside->count[a];
        v.box.start[a] = beside->start[a];
    }
    QN_TRY(qn_array_make(&stage->beside, &type, err));
    v.to = beside->data = stage->beside.data;
    for (int a = type.shape.ndims - 1; a >= 0; a--)
        beside->stride[a] =
            a < type.shape.ndims - 1
                ? beside->stride[a + 1] * type.shape.n[a + 1] : 1;
    return go_over(s, i, &v, source, rows, err);
}

static int
find_number(struct qn_stream *s, int i, const struct qn_stream_source *source,
            int64_t rows, struct qn_error *err)
{
    struct stage *stage = &s->stage[i];
    const struct qn_overall *k = stage->whole->step->kernel->overall;
    const void *params = stage->whole->params;
    struct qn_statistic asked = {.of = QN_STATISTIC_NONE};
    struct qn_whole *w;
    int rc;

    QN_TRY(k->ask(params, &stage->in, &asked, err));
    QN_TRY(qn_memory_make((void **)&w, 1, sizeof *w, "a statistic", err));
    qn_whole_begin(w, &asked, s->program->precision);
    rc = 0;
    while (!rc && !w->done) {
        struct visit v = {.box = qn_whole_box(&w->s, stage->in.shape.ndims),
                          .w = w};

        rc = go_over(s, i, &v, source, rows, err);
        qn_whole_settle(w);
        qn_whole_turn(w);
    }
    if (!rc)
        rc = k->check(params, &w->s, err);
    if (rc)
        rc = qn_wrap(err, "%s", stage->whole->step->kernel->name);
    stage->value = w->s.value;
    free(w);
    return rc;
}

int
qn_stream_settle(struct qn_stream *s, const struct qn_stream_source *source,
                 int64_t rows, struct qn_error *err)
{
    for (int i = 0; i < s->n; i++) {
        const struct stage *stage = &s->stage[i];

        if (stage->whole && stage->flow.kind == QN_FLOW_OVERALL)
            QN_TRY(find_number(s, i, source, rows, err));
        else if (stage->whole && stage->flow.level)
            QN_TRY(find_beside(s, i, source, rows, err));
    }
    return 0;
}

void
qn_stream_close(struct qn_stream *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->n; i++) {
        qn_array_clear(&s->stage[i].slab);
        qn_array_clear(&s->stage[i].spare[0]);
        qn_array_clear(&s->stage[i].spare[1]);
        qn_array_clear(&s->stage[i].beside);
    }
    for (int i = 0; s->r && i < s->program->nsteps; i++)
        if (s->r[i].step)
            qn_ready_clear(&s->r[i]);
    free(s->stage);
    free(s->r);
    free(s);
}
