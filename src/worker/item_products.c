/* What is made of a whole file: a product of each dataset and reduction, with
 * --keep-steps of each step too, and what is carried along.
 *
 * Read at once, or slab by slab while it is written. */
#include "worker/item_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/array.h"
#include "model/json.h"
#include "model/shape.h"
#include "worker/rows.h"

/* A product of that name (taken over), made of *a (taken over). */
static int
add_product(struct qn_item_making *m, char *name, struct qn_array *a,
            struct qn_error *err)
{
    if (m->n == QN_ITEM_PRODUCTS || !name) {
        free(name);
        qn_array_clear(a);
        return qn_fail(err, QN_EUNAVAILABLE,
                       "more than %d products of one item", QN_ITEM_PRODUCTS);
    }
    m->name[m->n] = name;
    m->axis[m->n] = -1;
    m->array[m->n++] = *a;
    *a = (struct qn_array){0};
    return 0;
}

static const char *
last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* "2-divide"; of one of several datasets "DATASET-2-divide".  NULL: no
 * memory. */
static char *
step_name(const struct qn_item_making *m, int number, const char *kernel)
{
    char *name = NULL;

    if (asprintf(&name, "%s%s%d-%s", m->dataset ? last_part(m->dataset) : "",
                 m->dataset ? "-" : "", number, kernel) < 0)
        return NULL;
    return name;
}

/* --keep-steps: what came out of a step, as a product. */
static int
keep_step(void *ctx, int number, const char *kernel, const struct qn_array *a,
          struct qn_error *err)
{
    struct qn_item_making *m = ctx;
    struct qn_array copy = {0};

    QN_TRY(qn_array_convert(&copy, a, a->type.dtype, err));
    return add_product(m, step_name(m, number, kernel), &copy, err);
}

/* What one reduction gave: its data, and what belongs to them. */
static int
add_results(struct qn_item_making *m, const char *name,
            struct qn_reduce_run *run, struct qn_error *err)
{
    size_t first = m->n;

    QN_TRY(qn_item_convert(&run->out[0], m->p->dtype, err));
    for (int i = 0; i < run->nout; i++) {
        const char *part = i ? run->type[i].name : name;

        QN_TRY(add_product(m, strdup(part), &run->out[i], err));
        m->within[m->n - 1] = i ? m->name[first] : NULL;
        m->axis[m->n - 1] = run->type[i].axis;
        m->units[m->n - 1] = run->type[i].units;
    }
    return 0;
}

/* Products of one dataset; of several, "DATASET-PRODUCT". */
static int
add_all_results(struct qn_item_making *m, const char *dataset,
                struct qn_products *all, struct qn_error *err)
{
    m->result = m->n;
    for (int i = 0; i < all->n; i++) {
        const char *product = m->p->steps[m->p->nsteps + i].product;
        char *name = NULL;
        int rc;

        if (asprintf(&name, "%s%s%s", dataset ? last_part(dataset) : "",
                     dataset ? "-" : "", product) < 0)
            return qn_fail(err, QN_ENOMEM, "no memory for a name");
        qn_item_caution(m, name, &all->run[i]);
        rc = add_results(m, name, &all->run[i], err);
        free(name);
        if (rc)
            return rc;
    }
    return 0;
}

/* Read one dataset of the file and take all reductions of it. */
static int
make_reductions(struct qn_item_making *m, const char *dataset,
                struct qn_error *err)
{
    struct qn_keeper keeper = {keep_step, m};
    struct qn_products all = {0};
    int rc = qn_item_open(m, dataset, err);

    if (!rc) {
        const struct qn_type *type = &qn_reader_info(m->reader)->type;
        struct qn_box box = qn_shape_box(&type->shape);

        rc = qn_item_reduce(m, &all, type, &box, &m->cards,
                    m->p->keep_steps ? &keeper : NULL, err);
    }
    if (!rc)
        rc = add_all_results(m, dataset, &all, err);
    qn_products_clear(&all);
    return rc;
}

/* What comes out of the first nsteps steps is made while it is written. */
static int
add_slabs(struct qn_item_making *m, const struct qn_pass *pass, int nsteps,
          char *name, struct qn_error *err)
{
    struct qn_slabs *s;
    struct qn_array a;
    int rc = qn_memory_make((void **)&s, 1, sizeof *s, "an item", err);

    if (!rc && m->n < QN_ITEM_PRODUCTS) {
        m->slabs[m->n] = s;
        rc = qn_slabs_open(s, m->w, pass, nsteps, m->kept[m->nkept - 1],
                           &m->turn, err);
    }
    if (rc) {
        free(name);
        return rc;
    }
    a = s->result;
    return add_product(m, name, &a, err);
}

/* The same for the dataset that is open, and with --keep-steps for each step. */
static int
make_slabs(struct qn_item_making *m, const char *dataset, struct qn_error *err)
{
    struct qn_lookup fields =
        qn_fields_lookup(json_object_get(m->request, "fields"));
    struct qn_pass pass = qn_item_pass(m, &fields, NULL, NULL);

    m->kept[m->nkept++] = m->reader;
    m->reader = NULL;
    for (int i = 1; m->p->keep_steps && i < m->p->nsteps; i++)
        QN_TRY(add_slabs(m, &pass, i,
                         step_name(m, i, m->p->steps[i - 1].kernel->name),
                         err));
    // the header is corrected once
    pass.cards = &m->cards;
    m->result = m->n;
    return add_slabs(m, &pass, m->p->nsteps,
                     strdup(dataset ? last_part(dataset) : "data"), err);
}

/* Must it be, for lack of memory; or does it pay?  What is read and made row
 * by row never leaves the cache then, and no item is in memory as a whole;
 * small ones are in cache anyway. */
static bool
is_made_while_written(struct qn_item_making *m)
{
    const struct qn_pass pass = qn_item_pass(m, NULL, NULL, NULL);
    const struct qn_info *info = qn_reader_info(m->reader);
    const struct qn_shape *s = &info->type.shape;

    if (json_is_true(json_object_get(m->request, "slabs")))
        return true;
    return m->saved && !m->p->fits && !m->p->compress && !m->p->keep_steps &&
           m->nkept < QN_ITEM_DATASETS && info->by_rows && s->ndims &&
           qn_rows_can(&pass, m->reader, &info->type) &&
           qn_rows_warm(m->p, &info->type, 1) < s->n[qn_shape_row_axis(s)];
}

/* Read one dataset of the file and apply the steps to make a product. */
static int
make_product(struct qn_item_making *m, const char *dataset,
             struct qn_error *err)
{
    const char *name = dataset ? last_part(dataset) : "data";
    const struct qn_item_place place = {m, 0, 1};
    struct qn_keeper keeper = {keep_step, m};
    struct qn_array a = {0};
    int rc = qn_item_open(m, dataset, err);

    if (!rc && is_made_while_written(m))
        return make_slabs(m, dataset, err);
    if (!rc) {
        const struct qn_type *type = &qn_reader_info(m->reader)->type;
        struct qn_box box = qn_shape_box(&type->shape);

        rc = qn_item_apply(m, &a, type, &box, &place, &m->cards,
                            m->p->keep_steps ? &keeper : NULL, err);
    }
    if (!rc && !m->p->kept)
        rc = qn_item_convert(&a, m->p->dtype, err);
    m->result = m->n;
    if (!rc)
        rc = add_product(m, strdup(name), &a, err);
    qn_array_clear(&a);
    return rc;
}

static int
add_carried(struct qn_item_making *m, struct qn_error *err)
{
    struct qn_source source = m->p->source;
    json_t *list = json_object_get(m->p->text, "carry"), *dataset;
    size_t i;

    source.path = m->path;
    qn_item_row(m->request, &source);
    json_array_foreach(list, i, dataset) {
        const char *path = json_string_value(dataset);
        struct qn_array a = {0};
        int rc = qn_carry_read(&a, &source, path, err);

        if (!rc)
            rc = add_product(m, strdup(last_part(path)), &a, err);
        qn_array_clear(&a);
        if (rc)
            return rc;
    }
    return 0;
}

int
qn_item_products(struct qn_item_making *m, struct qn_error *err)
{
    size_t n = m->p->ndatasets < 2 ? 1 : m->p->ndatasets;

    for (size_t i = 0; i < n; i++) {
        const char *dataset = n < 2 ? NULL : m->p->datasets[i];

        m->dataset = dataset;
        if (m->p->nproducts)
            QN_TRY(make_reductions(m, dataset, err));
        else
            QN_TRY(make_product(m, dataset, err));
    }
    m->made = m->n;
    return m->p->kept ? 0 : add_carried(m, err);
}
