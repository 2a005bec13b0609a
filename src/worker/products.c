/* The products of one item: slabs to all reductions, as often as needed.
 *
 * A slab is read, taken through the steps and handed to every reduction while
 * it is in cache.  How the item is cut into slabs never shows in a result
 * (include/quern/reduction.h). */
#include "worker/products.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "model/dtype.h"
#include "model/params.h"
#include "model/shape.h"

enum {
    SLAB_BYTES = 8 << 20,
    NEAR_BYTES = 512 << 10, /* of a slab that stays in a cache, a thread */
    KEEP_BYTES = 256 << 20 /* of an item that is gone over more than once */
};

/* Where slabs come from. */
struct slabs {
    struct qn_type type;          /* of the item, after the steps         */
    const struct qn_array *whole; /* it is there; NULL: it is supplied        */
    struct qn_supply *supply;
    bool small;                   /* steps keep slabs of their own        */
};

/* ---- one slab ------------------------------------------------------------------ */

/* n rows from first on, after the steps. */
static int
get_slab(struct slabs *s, int64_t first, int64_t n, const void **v,
         struct qn_error *err)
{
    int64_t rows, row;

    if (!s->whole)
        return qn_supply_get(s->supply, first, n, v, err);
    qn_reduce_run_rows(&s->type.shape, &rows, &row);
    *v = (const char *)s->whole->data +
         (size_t)(first * row) * qn_dtype_size(s->type.dtype);
    return 0;
}

/* Bytes of a slab: little, where it can be read so, but something for each
 * thread. */
static int64_t
slab_bytes(const struct qn_pass *pass, const struct slabs *s, int64_t unit)
{
    const int64_t threads = pass->program->threads;
    const int64_t part = unit > NEAR_BYTES ? unit : NEAR_BYTES;

    if (s->whole || !qn_reader_info(s->supply->reader)->by_rows ||
        (threads > 1 ? threads : 1) > SLAB_BYTES / part)
        return SLAB_BYTES;
    return (threads > 1 ? threads : 1) * part;
}

/* Rows of a slab: as many as fit, in units that suit all reductions. */
static int64_t
slab_rows(const struct qn_products *p, const struct qn_pass *pass,
          const struct slabs *s)
{
    int64_t rows, row, unit = 1, fit;

    qn_reduce_run_rows(&s->type.shape, &rows, &row);
    for (int i = 0; i < p->n; i++)
        unit = p->run[i].rows > unit ? p->run[i].rows : unit;
    row *= (int64_t)qn_dtype_size(s->type.dtype);
    fit = s->small ? s->supply->rows : slab_bytes(pass, s, unit * row) / row;
    fit /= unit;
    fit = fit < 1 ? unit : fit * unit;
    return fit < rows ? fit : rows;
}

/* ---- all of them ------------------------------------------------------------------ */

static int
most_passes(const struct qn_products *p)
{
    int passes = 1;

    for (int i = 0; i < p->n; i++)
        passes = p->run[i].passes > passes ? p->run[i].passes : passes;
    return passes;
}

static int
name_product(const struct qn_pass *pass, int i, int rc, struct qn_error *err)
{
    const struct qn_program_step *step =
        &pass->program->steps[pass->program->nsteps + i];

    return rc ? qn_wrap(err, "%s: %s", step->product, step->kernel->name) : 0;
}

static int
go_over(struct qn_products *p, const struct qn_pass *pass, struct slabs *s,
        int64_t step, int number, struct qn_error *err)
{
    int64_t rows, row;
    const void *v;

    qn_reduce_run_rows(&s->type.shape, &rows, &row);
    for (int64_t first = 0; first < rows; first += step) {
        const int64_t n = rows - first < step ? rows - first : step;

        QN_TRY(get_slab(s, first, n, &v, err));
        for (int i = 0; i < p->n; i++)
            QN_TRY(name_product(pass, i,
                                qn_reduce_run_slab(&p->run[i], number, first,
                                                   n, v, err),
                                err));
    }
    for (int i = 0; i < p->n; i++)
        QN_TRY(name_product(pass, i,
                            qn_reduce_run_turn(&p->run[i], number, err), err));
    return 0;
}

static int
go(struct qn_products *p, const struct qn_pass *pass, struct slabs *s,
   struct qn_error *err)
{
    const int64_t step = slab_rows(p, pass, s);
    int rc = 0;

    for (int k = 0; !rc && k < most_passes(p); k++)
        rc = go_over(p, pass, s, step, k, err);
    for (int i = 0; !rc && i < p->n; i++)
        rc = name_product(pass, i, qn_reduce_run_finish(&p->run[i], err), err);
    return rc;
}

/* Bytes that samples may be kept in, and as many that they may be gathered
 * in. */
static int64_t
keep_bytes(const struct qn_program *p)
{
    return p->memory && p->memory / 8 < KEEP_BYTES ? p->memory / 8
                                                   : KEEP_BYTES;
}

/* ---- begin and end ---------------------------------------------------------------- */

static int
open_product(struct qn_products *p, const struct qn_pass *pass, int i,
             size_t first_use, const struct qn_type *type,
             struct qn_error *err)
{
    const struct qn_program_step *step =
        &pass->program->steps[pass->program->nsteps + i];
    const struct qn_kernel *k = step->kernel;
    // what is reduced as integers has results of float64, and weights likewise
    const enum qn_dtype real =
        k->integer_exact ? QN_F64 : pass->program->precision;
    struct qn_reduced in = {.type = *type,
                            .memory = keep_bytes(pass->program),
                            .real = pass->program->precision,
                            .noperands = step->noperands,
                            .operand = p->operand[i],
                            .names = step->names};

    QN_TRY(qn_memory_make(&p->params[i], 1, k->params_size + 1, "the options",
                          err));
    QN_TRY(qn_params_fill(p->params[i], k, step->params, pass->fields, err));
    if (k->prepare)
        QN_TRY(k->prepare(p->params[i], err));
    for (int o = 0; o < step->noperands; o++)
        QN_TRY(qn_operand_get(pass->cache, pass->uses, first_use + (size_t)o,
                              pass->path, real, &p->operand[i][o], err));
    QN_TRY(qn_reduce_run_open(&p->run[i], k, p->params[i], &in, err));
    p->run[i].threads = pass->program->threads;
    return 0;
}

static int
open_products(struct qn_products *p, const struct qn_pass *pass,
              const struct qn_type *type, struct qn_error *err)
{
    const struct qn_program *program = pass->program;
    const size_t n = (size_t)program->nproducts;
    size_t use = 0;

    QN_TRY(qn_memory_make((void **)&p->run, n, sizeof *p->run, "the products",
                          err));
    QN_TRY(qn_memory_make((void **)&p->params, n, sizeof *p->params,
                          "the products", err));
    QN_TRY(qn_memory_make((void **)&p->operand, n, sizeof *p->operand,
                          "the products", err));
    p->n = program->nproducts;
    for (int i = 0; i < program->nsteps; i++)
        use += (size_t)program->steps[i].noperands;
    for (int i = 0; i < p->n; i++) {
        QN_TRY(name_product(pass, i,
                            open_product(p, pass, i, use, type, err), err));
        use += (size_t)program->steps[program->nsteps + i].noperands;
    }
    return 0;
}

int
qn_products_whole(struct qn_products *p, const struct qn_pass *pass,
                  const struct qn_array *a, struct qn_error *err)
{
    struct slabs s = {.type = a->type, .whole = a};

    QN_TRY(open_products(p, pass, &a->type, err));
    return go(p, pass, &s, err);
}

bool
qn_products_streams(const struct qn_pass *pass, const struct qn_type *type)
{
    return qn_pass_streams(pass, false) && type->shape.ndims > 0;
}

/* Read all of it, apply the steps once. */
static int
keep_whole(struct qn_products *p, const struct qn_pass *pass,
           const struct qn_supply *supply, struct qn_error *err)
{
    struct qn_array all = {0};
    struct slabs s = {.type = supply->type, .whole = &all};
    double t0 = qn_clock_now();
    int rc = qn_array_make(&all, &supply->read_as, err);

    if (!rc)
        rc = qn_reader_read(supply->reader, &supply->box, all.data, err);
    p->read += qn_clock_now() - t0;
    if (!rc)
        rc = qn_pass_run(pass, &all, err);
    if (!rc)
        rc = go(p, pass, &s, err);
    qn_array_clear(&all);
    return rc;
}

int
qn_products_stream(struct qn_products *p, const struct qn_pass *pass,
                   struct qn_reader *reader, const struct qn_box *box,
                   const struct qn_type *type, struct qn_error *err)
{
    struct qn_supply supply;
    struct slabs s = {.supply = &supply,
                      .small = !qn_products_streams(pass, type)};
    int rc = qn_supply_open(&supply, pass, reader, box, type, err);

    s.type = supply.type;
    if (!rc)
        rc = open_products(p, pass, &s.type, err);
    if (!rc && most_passes(p) > 1 && qn_products_streams(pass, type) &&
        qn_shape_count(&s.type.shape) * 8 <= keep_bytes(pass->program))
        rc = keep_whole(p, pass, &supply, err);
    else if (!rc)
        rc = go(p, pass, &s, err);
    p->read += supply.read;
    qn_supply_close(&supply);
    return rc;
}

void
qn_products_clear(struct qn_products *p)
{
    for (int i = 0; i < p->n; i++) {
        const struct qn_kernel *k = p->run[i].kernel;

        qn_reduce_run_clear(&p->run[i]);
        if (k && k->release && p->params[i])
            k->release(p->params[i]);
        free(p->params[i]);
    }
    free(p->run);
    free(p->params);
    free(p->operand);
    *p = (struct qn_products){0};
}
