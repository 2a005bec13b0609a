/* Blocks to slabs of rows to reductions.  How the grid is cut into blocks and
 * slabs never shows in a result (include/quern/reduction.h).
 *
 * Knows no files: what a worker has to write is put into an arena. */
#include "engine/harvest.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/region.h"
#include "model/array.h"
#include "model/caution.h"
#include "model/dtype.h"
#include "model/json.h"
#include "model/shape.h"

enum {
    SLAB_BYTES = 8 << 20,
    TAG_SLAB = 22 /* parts of slabs on their way to rank 0 */
};

/* What the first rank decides for all. */
struct course {
    int64_t passes, rows;
};

struct harvesting {
    struct qn_harvest *h;
    struct qn_block *b;
    struct course course;
    int axis;          // that rows are counted along; -1: there are none
    int64_t rows, row; // of the grid; samples of each
    void *slab;        // owned, on the first rank
    void *part;        // owned: of a slab, that one block has
    int rc;            // the first failure here: messages still go their way
    struct qn_error *err;
};

static void
note(struct harvesting *w, int rc)
{
    if (rc && !w->rc)
        w->rc = rc;
}

static struct qn_error *
room(const struct harvesting *w)
{
    return w->rc ? NULL : w->err;
}

/* ---- one slab ----------------------------------------------------------- */

static struct qn_box
slab_box(const struct harvesting *w, int64_t first, int64_t n)
{
    struct qn_box box = qn_shape_box(&w->b->grid.shape);

    if (w->axis >= 0) {
        box.start[w->axis] = first;
        box.count[w->axis] = n;
    }
    return box;
}

/* A message of the samples of box, between here and another rank. */
static void
pass_on(struct harvesting *w, int other, bool receive, const struct qn_box *box)
{
    struct qn_comm *team = w->b->team;
    struct qn_transfer *t = NULL;
    size_t n = (size_t)qn_region_samples(box) * qn_dtype_size(w->b->grid.dtype);
    bool done = false;
    int naps = 0;

    note(w,
         receive
             ? qn_comm_receive(team, other, TAG_SLAB, w->part, n, &t, room(w))
             : qn_comm_send(team, other, TAG_SLAB, w->part, n, &t, room(w)));
    while (!done) {
        note(w, qn_comm_test(team, &t, &done, room(w)));
        if (!done)
            qn_comm_nap(&naps);
    }
}

/* From the own block to where it goes. */
static void
copy_own(struct harvesting *w, const struct qn_box *memory,
         const struct qn_box *box, void *to)
{
    const struct qn_block *b = w->b;
    struct qn_region from = qn_region_of(&b->grid, &b->own, box, b->array.data);
    struct qn_region there = qn_region_of(&b->grid, memory, box, to);

    qn_region_copy(&there, &from);
}

static void
send_slab(struct harvesting *w, const struct qn_box *slab)
{
    struct qn_box box = qn_region_common(slab, &w->b->own);

    if (w->b->team->rank >= w->b->cut.nblocks || !qn_region_samples(&box))
        return;
    copy_own(w, &box, &box, w->part);
    pass_on(w, 0, false, &box);
}

static void
receive_slab(struct harvesting *w, const struct qn_box *slab)
{
    const struct qn_type *grid = &w->b->grid;
    struct qn_box box = qn_region_common(slab, &w->b->own);

    if (qn_region_samples(&box))
        copy_own(w, slab, &box, w->slab);
    for (int i = 1; i < w->b->cut.nblocks; i++) {
        struct qn_box block = qn_grid_block(&w->b->cut, i);
        struct qn_region from, to;

        box = qn_region_common(slab, &block);
        if (!qn_region_samples(&box))
            continue;
        pass_on(w, i, true, &box);
        from = qn_region_of(grid, &box, &box, w->part);
        to = qn_region_of(grid, slab, &box, w->slab);
        qn_region_copy(&to, &from);
    }
}

/* ---- the reductions, on the first rank ---------------------------------- */

static void
name_product(struct harvesting *w, int i, int rc)
{
    const struct qn_harvest_product *p = &w->h->product[i];

    if (rc && !w->rc)
        qn_wrap(w->err, "%s: %s", p->name, p->kernel->name);
    note(w, rc);
}

static int
open_product(struct harvesting *w, struct qn_harvest_product *p)
{
    struct qn_reduced in = {.type = w->b->grid,
                            .real = w->h->precision,
                            .memory = w->h->memory,
                            .noperands = p->noperands,
                            .operand = p->operand,
                            .names = p->names};

    QN_TRY(qn_reduce_run_open(&p->run, p->kernel, p->params, &in, w->err));
    p->run.threads = w->b->threads;
    return 0;
}

/* How often the grid is gone over, and by how many rows at once. */
static void
open_all(struct harvesting *w)
{
    int64_t unit = 1, bytes;

    w->course.passes = 1;
    for (int i = 0; i < w->h->n && !w->rc; i++) {
        const struct qn_reduce_run *run = &w->h->product[i].run;

        name_product(w, i, open_product(w, &w->h->product[i]));
        unit = run->rows > unit ? run->rows : unit;
        if (run->passes > w->course.passes)
            w->course.passes = run->passes;
    }
    bytes = w->row * (int64_t)qn_dtype_size(w->b->grid.dtype);
    w->course.rows = bytes > 0 ? SLAB_BYTES / bytes / unit * unit : unit;
    if (w->course.rows < unit)
        w->course.rows = unit;
}

static void
reduce_slab(struct harvesting *w, int pass, int64_t first, int64_t n)
{
    for (int i = 0; i < w->h->n && !w->rc; i++)
        name_product(w, i,
                     qn_reduce_run_slab(&w->h->product[i].run, pass, first, n,
                                        w->slab, w->err));
}

static void
turn(struct harvesting *w, int pass)
{
    for (int i = 0; i < w->h->n && !w->rc; i++)
        name_product(w, i,
                     qn_reduce_run_turn(&w->h->product[i].run, pass, w->err));
}

static void
finish(struct harvesting *w)
{
    for (int i = 0; i < w->h->n && !w->rc; i++)
        name_product(w, i, qn_reduce_run_finish(&w->h->product[i].run, w->err));
}

/* ---- all of it ---------------------------------------------------------- */

/* Collective.  What the first rank decided, and memory for it. */
static int
agree_on_course(struct harvesting *w)
{
    struct qn_comm *team = w->b->team;
    const bool first = team->rank == 0;
    const size_t size = qn_dtype_size(w->b->grid.dtype);
    void *data = &w->course;
    size_t n = sizeof w->course;
    int64_t rows;
    int rc;

    QN_TRY(qn_comm_broadcast(team, &data, &n, 0, w->err));
    if (team->mpi && !first) {
        w->course = *(struct course *)data;
        free(data);
    }
    rows = w->course.rows < w->rows ? w->course.rows : w->rows;
    rc = qn_memory_make(&w->part, (size_t)(rows * w->row) + 1, size,
                        "a part of a slab", w->err);
    if (!rc && first)
        rc = qn_memory_make(&w->slab, (size_t)(rows * w->row) + 1, size,
                            "a slab", w->err);
    return qn_comm_agree(team, rc, w->err);
}

/* Collective.  Ends in what befell any rank, or the wish to stop. */
static int
go_over(struct harvesting *w, int pass)
{
    const struct qn_block *b = w->b;

    for (int64_t first = 0; first < w->rows; first += w->course.rows) {
        int64_t left = w->rows - first;
        int64_t n = left < w->course.rows ? left : w->course.rows;
        struct qn_box slab = slab_box(w, first, n);

        if (b->team->rank) {
            send_slab(w, &slab);
        } else {
            receive_slab(w, &slab);
            reduce_slab(w, pass, first, n);
        }
    }
    if (b->team->rank == 0)
        turn(w, pass);
    if (pass + 1 < w->course.passes && b->asked_to_stop && b->asked_to_stop())
        note(w,
             qn_fail(room(w), QN_ESTOPPED, "stopped in the middle of an item"));
    return qn_comm_agree(b->team, w->rc, w->err);
}

static int
row_axis(const struct qn_shape *s)
{
    int a = 0;

    while (a < s->ndims - 1 && s->n[a] == 1)
        a++;
    return s->ndims ? a : -1;
}

int
qn_harvest_take(struct qn_harvest *h, struct qn_block *b, struct qn_error *err)
{
    struct harvesting w = {.h = h, .b = b, .err = err};
    int rc;

    w.axis = row_axis(&b->grid.shape);
    qn_reduce_run_rows(&b->grid.shape, &w.rows, &w.row);
    if (b->team->rank == 0)
        open_all(&w);
    rc = qn_comm_agree(b->team, w.rc, err);
    if (!rc)
        rc = agree_on_course(&w);
    for (int k = 0; !rc && k < w.course.passes; k++)
        rc = go_over(&w, k);
    if (!rc && b->team->rank == 0)
        finish(&w);
    free(w.slab);
    free(w.part);
    return qn_comm_agree(b->team, rc ? rc : w.rc, err);
}

/* ---- what is written ------------------------------------------------------- */

/* One dataset to the arena, and what a worker is told of it. */
static int
place_dataset(struct qn_arena *a, json_t *all, const struct qn_array *data,
              json_t *said /* taken over */, struct qn_error *err)
{
    size_t bytes = qn_array_bytes(data);
    int64_t offset;
    void *to;

    json_object_set_new(said, "shape", qn_json_shape(&data->type.shape));
    json_object_set_new(said, "dtype",
                        json_string(qn_dtype_name(data->type.dtype)));
    json_array_append_new(all, said);
    QN_TRY(qn_arena_place(a, (int64_t)bytes, &offset, err));
    QN_TRY(qn_arena_at(a, offset, (int64_t)bytes, &to, err));
    json_object_set_new(said, "offset", json_integer((json_int_t)offset));
    if (bytes)
        memcpy(to, data->data, bytes);
    return 0;
}

/* What one reduction gave. */
static int
place_product(const struct qn_harvest_product *p, int dtype,
              struct qn_arena *a, json_t *all, struct qn_error *err)
{
    const struct qn_reduce_run *run = &p->run;
    struct qn_array data = {0};
    int rc = qn_array_convert(&data, &run->out[0],
                              dtype < 0 ? run->out[0].type.dtype
                                        : (enum qn_dtype)dtype,
                              err);

    for (int i = 0; i < run->nout && !rc; i++) {
        const struct qn_reduced_type *t = &run->type[i];

        rc = place_dataset(a, all, i ? &run->out[i] : &data,
                           json_pack("{s:s,s:s*,s:s*,s:i}", "name",
                                     i ? t->name : p->name, "units", t->units,
                                     "within", i ? p->name : NULL, "axis",
                                     t->axis),
                           err);
    }
    qn_array_clear(&data);
    return rc;
}

int
qn_harvest_place(const struct qn_harvest *h, int dtype, struct qn_arena *a,
                 json_t *all, struct qn_error *err)
{
    for (int i = 0; i < h->n; i++)
        QN_TRY(place_product(&h->product[i], dtype, a, all, err));
    return 0;
}

/* The data of product p in the type that is asked for, or what belongs to it. */
static int
copy_dataset(const struct qn_harvest_product *p, int i, int dtype, char *to,
             struct qn_error *err)
{
    const struct qn_array *out = &p->run.out[i];

    return qn_dtype_convert(
        to, i || dtype < 0 ? out->type.dtype : (enum qn_dtype)dtype, out->data,
        out->type.dtype, (size_t)qn_shape_count(&out->type.shape), err);
}

static int64_t
dataset_bytes(const struct qn_harvest_product *p, int i, int dtype)
{
    const struct qn_type *t = &p->run.out[i].type;

    return qn_shape_count(&t->shape) *
           (int64_t)qn_dtype_size(i || dtype < 0 ? t->dtype
                                                 : (enum qn_dtype)dtype);
}

int
qn_harvest_copy(const struct qn_harvest *h, int dtype, void *to, int64_t bytes,
                int64_t frame, int64_t frames, struct qn_error *err)
{
    char *at = to;
    int64_t left = bytes;

    for (int i = 0; i < h->n; i++)
        for (int k = 0; k < h->product[i].run.nout && left >= 0; k++) {
            const int64_t n = dataset_bytes(&h->product[i], k, dtype);

            left -= n;
            if (left < 0)
                break;
            QN_TRY(copy_dataset(&h->product[i], k, dtype, at + frame * n, err));
            at += frames * n;
        }
    if (left)
        return qn_fail(err, QN_ESHAPE,
                       "the file changed its shape since it was looked at; "
                       "run again when it is complete");
    return 0;
}

void
qn_harvest_caution(const struct qn_harvest *h, const char *path, json_t *all)
{
    for (int i = 0; i < h->n; i++) {
        const struct qn_harvest_product *p = &h->product[i];

        if (*p->run.caution)
            qn_caution_add(all, p->name, p->kernel->name, p->run.caution, path);
    }
}

void
qn_harvest_clear(struct qn_harvest *h)
{
    for (int i = 0; h->product && i < h->n; i++)
        if (h->product[i].run.kernel)
            qn_reduce_run_clear(&h->product[i].run);
}
