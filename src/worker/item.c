/* One item from start to end: read, apply the steps, write or hand over.
 *
 * An item is a file, or a run of its frames; each frame goes through the steps
 * by itself, and one that fails costs no other. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "io/cards_json.h"
#include "io/reader.h"
#include "io/writer.h"
#include "model/array.h"
#include "model/dtype.h"
#include "model/json.h"
#include "model/shape.h"
#include "worker/direct.h"
#include "worker/pass.h"
#include "worker/products.h"
#include "worker/rows.h"
#include "worker/slabs.h"
#include "worker/worker.h"

enum { MOST_PRODUCTS = 160, MOST_DATASETS = 64 };

/* What is made of one item. */
struct making {
    struct qn_worker *w;
    const struct qn_program *p;
    const json_t *request;
    const json_t *uses;        /* of all steps */
    json_t *reply;
    const char *path;
    const char *dataset;       /* borrowed: that is read; NULL: the only one */
    struct qn_reader *reader;  /* owned */
    struct qn_cards cards;     /* owned */
    struct qn_array array[MOST_PRODUCTS]; /* owned */
    char *name[MOST_PRODUCTS]; /* owned */
    const char *within[MOST_PRODUCTS], *units[MOST_PRODUCTS]; /* see qn_product */
    int axis[MOST_PRODUCTS];
    size_t n;
    size_t made;               /* of them those that the steps made         */
    size_t result;             /* the first that is no step's: the default  */
    struct qn_slabs *slabs[MOST_PRODUCTS]; /* owned: NULL where array has the
                                  samples                                   */
    struct qn_slabs *turn;     /* that is written                           */
    struct qn_reader *kept[MOST_DATASETS]; /* owned: those that slabs read  */
    size_t nkept;
    int64_t decoded;           /* bytes of samples read                     */
    double read, compute, write; /* s */
};

/* Bytes of the samples that are to be read of the dataset: all, or those of
 * some frames. */
static int64_t
samples_asked(const struct making *m)
{
    const struct qn_type *type = &qn_reader_info(m->reader)->type;
    const int64_t all = qn_shape_count(&type->shape) *
                        (int64_t)qn_dtype_size(type->dtype);
    const int64_t frames = qn_json_integer(m->request, "nframes");

    return frames && type->shape.ndims && type->shape.n[0]
               ? all / type->shape.n[0] * frames
               : all;
}

static int
open_item(struct making *m, const char *dataset, struct qn_error *err)
{
    struct qn_source source = m->p->source;
    const char *hdu = qn_json_text(m->request, "hdu");
    double t0 = qn_clock_now();

    source.path = m->path;
    if (dataset)
        source.dataset = dataset;
    if (hdu)
        source.hdu = hdu;
    qn_reader_close(m->reader);
    m->reader = NULL;
    QN_TRY(qn_reader_open(&m->reader, &source, err));
    m->decoded += samples_asked(m);
    qn_cards_clear(&m->cards);
    QN_TRY(qn_cards_copy(&m->cards, qn_reader_cards(m->reader), err));
    m->read += qn_clock_now() - t0;
    return 0;
}

static int
read_box(struct making *m, struct qn_array *a, const struct qn_type *type,
         const struct qn_box *box, struct qn_error *err)
{
    double t0 = qn_clock_now();
    int rc = qn_array_make(a, type, err);

    if (!rc)
        rc = qn_reader_read(m->reader, box, a->data, err);
    m->read += qn_clock_now() - t0;
    qn_worker_read_ahead(m->w);
    return rc;
}

static struct qn_pass
pass_of(struct making *m, const struct qn_lookup *fields,
        struct qn_cards *cards, struct qn_keeper *keeper)
{
    return (struct qn_pass){
        .program = m->p,
        .cache = &m->w->operands,
        .uses = m->uses,
        .fields = fields,
        .path = m->path,
        .cards = cards,
        .keeper = keeper,
    };
}

/* Where a result goes: to the memory that is shared with the rank, if it is
 * to be there in just this type; else to memory of our own. */
struct place {
    struct making *m;
    int64_t index, frames;
};

static int
find_place(void *ctx, struct qn_array *a, const struct qn_type *type,
           struct qn_error *err)
{
    const struct place *at = ctx;
    const json_t *request = at->m->request;
    const char *dtype = qn_json_text(request, "dtype");
    const int64_t bytes = qn_json_integer(request, "bytes") / at->frames;
    enum qn_dtype t;
    void *to;

    if (!at->m->p->kept || !dtype || qn_dtype_parse(&t, NULL, dtype, NULL) ||
        t != type->dtype ||
        qn_shape_count(&type->shape) * (int64_t)qn_dtype_size(t) != bytes)
        return qn_array_make(a, type, err);
    QN_TRY(qn_worker_map(at->m->w, QN_SLOT_MEMBERS,
                         qn_json_integer(request, "offset") + at->index * bytes,
                         bytes, &to, err));
    *a = qn_array_view(type, to);
    return 0;
}

/* Read a box, of that type, and apply the steps. */
static int
read_and_apply(struct making *m, struct qn_array *a,
               const struct qn_type *type, const struct qn_box *box,
               const struct place *place, struct qn_cards *cards,
               struct qn_keeper *keeper, struct qn_error *err)
{
    struct qn_lookup fields =
        qn_fields_lookup(json_object_get(m->request, "fields"));
    struct qn_pass pass = pass_of(m, &fields, cards, keeper);
    struct qn_rows rows = {.worker = m->w, .pass = &pass,
                           .reader = m->reader, .box = *box, .type = *type,
                           .place = find_place,
                           .ctx = (void *)(uintptr_t)place};
    double t0 = qn_clock_now();
    int rc;

    if (qn_rows_can(&pass, m->reader, type)) {
        rc = qn_rows_run(&rows, a, err);
        m->read += rows.read;
        m->compute += qn_clock_now() - t0 - rows.read;
        return rc;
    }
    QN_TRY(read_box(m, a, type, box, err));
    t0 = qn_clock_now();
    rc = qn_pass_run(&pass, a, err);
    m->compute += qn_clock_now() - t0;
    return rc;
}

/* Read a box, of that type, apply the steps and take all reductions. */
static int
read_and_reduce(struct making *m, struct qn_products *all,
                const struct qn_type *type, const struct qn_box *box,
                const struct qn_pass *pass, struct qn_error *err)
{
    const bool slabs = json_is_true(json_object_get(m->request, "slabs"));
    struct qn_array a = {0};
    int rc;

    if (slabs || qn_products_streams(pass, type)) {
        rc = qn_products_stream(all, pass, m->reader, box, type, err);
        qn_worker_read_ahead(m->w);
        return rc;
    }
    rc = read_box(m, &a, type, box, err);
    if (!rc)
        rc = qn_pass_run(pass, &a, err);
    if (!rc)
        rc = qn_products_whole(all, pass, &a, err);
    qn_array_clear(&a);
    return rc;
}

/* ... of an item that is open; the time that it took is counted. */
static int
reduce(struct making *m, struct qn_products *all, const struct qn_type *type,
       const struct qn_box *box, struct qn_cards *cards,
       struct qn_keeper *keeper, struct qn_error *err)
{
    struct qn_lookup fields =
        qn_fields_lookup(json_object_get(m->request, "fields"));
    const struct qn_pass pass = pass_of(m, &fields, cards, keeper);
    const double t0 = qn_clock_now(), read = m->read;
    int rc = read_and_reduce(m, all, type, box, &pass, err);

    m->read += all->read;
    m->compute += qn_clock_now() - t0 - (m->read - read);
    return rc;
}

/* ---- to shared memory ------------------------------------------------------ */

/* Samples of a member, or of one frame of it, in the type its group is kept
 * in; they may be where they belong. */
static int
hand_over(struct making *m, const struct qn_array *a, int64_t index,
          int64_t frames, struct qn_error *err)
{
    const char *dtype = qn_json_text(m->request, "dtype");
    int64_t bytes = qn_json_integer(m->request, "bytes") / frames;
    size_t n = (size_t)qn_shape_count(&a->type.shape);
    enum qn_dtype t;
    void *to;

    QN_TRY(qn_dtype_parse(&t, NULL, dtype ? dtype : "", err));
    if ((uint64_t)bytes != n * qn_dtype_size(t))
        return qn_fail(err, QN_ESHAPE,
                       "the file changed its shape since it was looked at; "
                       "run again when it is complete");
    QN_TRY(qn_worker_map(m->w, QN_SLOT_MEMBERS,
                         qn_json_integer(m->request, "offset") + index * bytes,
                         bytes, &to, err));
    return qn_dtype_convert(to, t, a->data, a->type.dtype, n, err);
}

static int
convert_output(struct qn_array *a, int dtype, struct qn_error *err)
{
    struct qn_array out = {0};

    if (dtype < 0 || a->type.dtype == (enum qn_dtype)dtype)
        return 0;
    QN_TRY(qn_array_convert(&out, a, (enum qn_dtype)dtype, err));
    qn_array_clear(a);
    *a = out;
    return 0;
}

/* What reductions of a frame gave: of each dataset all frames lie one behind
 * the other. */
static int
hand_over_products(struct making *m, struct qn_products *all, int64_t index,
                   int64_t frames, struct qn_error *err)
{
    int64_t at = qn_json_integer(m->request, "offset"), left;
    void *to;

    left = qn_json_integer(m->request, "bytes");
    for (int i = 0; i < all->n; i++)
        for (int k = 0; k < all->run[i].nout; k++) {
            struct qn_array *out = &all->run[i].out[k];
            int64_t n;

            if (!k)
                QN_TRY(convert_output(out, m->p->dtype, err));
            n = (int64_t)qn_array_bytes(out);
            left -= frames * n;
            if (left < 0)
                break;
            QN_TRY(qn_worker_map(m->w, QN_SLOT_MEMBERS, at + index * n, n, &to,
                                 err));
            memcpy(to, out->data, (size_t)n);
            at += frames * n;
        }
    if (left)
        return qn_fail(err, QN_ESHAPE,
                       "the file changed its shape since it was looked at; "
                       "run again when it is complete");
    return 0;
}

static int
reduce_frame(struct making *m, const struct qn_type *type,
             const struct qn_box *box, const struct place *place,
             struct qn_cards *cards, struct qn_error *err)
{
    struct qn_products all = {0};
    int rc = reduce(m, &all, type, box, cards, NULL, err);

    if (!rc)
        rc = hand_over_products(m, &all, place->index, place->frames, err);
    qn_products_clear(&all);
    return rc;
}

static int
make_frame(struct making *m, int64_t index, int64_t frames,
           struct qn_cards *cards, struct qn_error *err)
{
    const struct qn_info *info = qn_reader_info(m->reader);
    struct qn_box box = qn_shape_box(&info->type.shape);
    const struct place place = {m, index, frames};
    struct qn_type type = info->type;
    struct qn_array a = {0};
    int rc;

    type.shape.ndims--;
    memmove(type.shape.n, type.shape.n + 1,
            (size_t)type.shape.ndims * sizeof *type.shape.n);
    box.start[0] = qn_json_integer(m->request, "frame") + index;
    box.count[0] = 1;
    if (box.start[0] >= info->type.shape.n[0])
        return qn_fail(err, QN_ESHAPE,
                       "the file has fewer frames than when it was looked "
                       "at; run again when it is complete");
    if (m->p->nproducts)
        return reduce_frame(m, &type, &box, &place, cards, err);
    rc = read_and_apply(m, &a, &type, &box, &place, cards, NULL, err);
    if (!rc)
        rc = hand_over(m, &a, index, frames, err);
    qn_array_clear(&a);
    return rc;
}

/* A frame's own failure, as opposed to the file's. */
static bool
is_frames_own(int code)
{
    return code == QN_EVALUE || code == QN_ESHAPE || code == QN_EMISSING;
}

static int
make_frames(struct making *m, struct qn_error *err)
{
    int64_t n = qn_json_integer(m->request, "nframes");
    json_t *lost = json_array();
    struct qn_cards cards = {0};
    int rc = open_item(m, NULL, err);

    for (int64_t i = 0; i < n && !rc; i++) {
        struct qn_error why = {0};
        int bad;

        // every frame corrects the header in the same way: the first is kept
        qn_cards_clear(&cards);
        rc = qn_cards_copy(&cards, &m->cards, err);
        if (rc)
            break;
        bad = make_frame(m, i, n, &cards, &why);
        if (is_frames_own(bad))
            json_array_append_new(lost, json_pack("[I,s]", (json_int_t)i,
                                                  why.text));
        else if (bad)
            rc = qn_fail(err, bad, "%s", why.text);
    }
    qn_cards_clear(&m->cards);
    m->cards = cards;
    json_object_set_new(m->reply, "lost", lost);
    json_object_set_new(m->reply, "cards", qn_cards_json_make(&m->cards));
    return rc;
}

/* ---- to a file -------------------------------------------------------------- */

/* A product of that name (taken over), made of *a (taken over). */
static int
add_product(struct making *m, char *name, struct qn_array *a,
            struct qn_error *err)
{
    if (m->n == MOST_PRODUCTS || !name) {
        free(name);
        qn_array_clear(a);
        return qn_fail(err, QN_EUNAVAILABLE,
                       "more than %d products of one item", MOST_PRODUCTS);
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
step_name(const struct making *m, int number, const char *kernel)
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
    struct making *m = ctx;
    struct qn_array copy = {0};

    QN_TRY(qn_array_convert(&copy, a, a->type.dtype, err));
    return add_product(m, step_name(m, number, kernel), &copy, err);
}

/* What one reduction gave: its data, and what belongs to them. */
static int
add_results(struct making *m, const char *name, struct qn_reduce_run *run,
            struct qn_error *err)
{
    size_t first = m->n;

    QN_TRY(convert_output(&run->out[0], m->p->dtype, err));
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
add_all_results(struct making *m, const char *dataset,
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
        rc = add_results(m, name, &all->run[i], err);
        free(name);
        if (rc)
            return rc;
    }
    return 0;
}

/* Read one dataset of the file and take all reductions of it. */
static int
make_reductions(struct making *m, const char *dataset, struct qn_error *err)
{
    struct qn_keeper keeper = {keep_step, m};
    struct qn_products all = {0};
    int rc = open_item(m, dataset, err);

    if (!rc) {
        const struct qn_type *type = &qn_reader_info(m->reader)->type;
        struct qn_box box = qn_shape_box(&type->shape);

        rc = reduce(m, &all, type, &box, &m->cards,
                    m->p->keep_steps ? &keeper : NULL, err);
    }
    if (!rc)
        rc = add_all_results(m, dataset, &all, err);
    qn_products_clear(&all);
    return rc;
}

/* Read one dataset of the file and apply the steps to make a product. */
static int
make_product(struct making *m, const char *dataset, struct qn_error *err)
{
    const char *name = dataset ? last_part(dataset) : "data";
    const struct place place = {m, 0, 1};
    struct qn_keeper keeper = {keep_step, m};
    struct qn_array a = {0};
    int rc = open_item(m, dataset, err);

    if (!rc) {
        const struct qn_type *type = &qn_reader_info(m->reader)->type;
        struct qn_box box = qn_shape_box(&type->shape);

        rc = read_and_apply(m, &a, type, &box, &place, &m->cards,
                            m->p->keep_steps ? &keeper : NULL, err);
    }
    if (!rc && !m->p->kept)
        rc = convert_output(&a, m->p->dtype, err);
    m->result = m->n;
    if (!rc)
        rc = add_product(m, strdup(name), &a, err);
    qn_array_clear(&a);
    return rc;
}

/* What comes out of the first nsteps steps is made while it is written. */
static int
add_slabs(struct making *m, const struct qn_pass *pass, int nsteps, char *name,
          struct qn_error *err)
{
    struct qn_slabs *s;
    struct qn_array a;
    int rc = qn_memory_make((void **)&s, 1, sizeof *s, "an item", err);

    if (!rc && m->n < MOST_PRODUCTS) {
        m->slabs[m->n] = s;
        rc = qn_slabs_open(s, pass, nsteps, m->kept[m->nkept - 1], &m->turn,
                           err);
    }
    if (rc) {
        free(name);
        return rc;
    }
    a = s->result;
    return add_product(m, name, &a, err);
}

/* The same for each dataset, and with --keep-steps for each step. */
static int
make_slabs(struct making *m, const char *dataset, struct qn_error *err)
{
    struct qn_lookup fields =
        qn_fields_lookup(json_object_get(m->request, "fields"));
    struct qn_pass pass = pass_of(m, &fields, NULL, NULL);

    QN_TRY(open_item(m, dataset, err));
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

static int
add_carried(struct making *m, struct qn_error *err)
{
    struct qn_source source = m->p->source;
    json_t *list = json_object_get(m->p->text, "carry"), *dataset;
    size_t i;

    source.path = m->path;
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

static int
make_products(struct making *m, struct qn_error *err)
{
    size_t n = m->p->ndatasets < 2 ? 1 : m->p->ndatasets;

    for (size_t i = 0; i < n; i++) {
        const char *dataset = n < 2 ? NULL : m->p->datasets[i];

        m->dataset = dataset;
        if (m->p->nproducts)
            QN_TRY(make_reductions(m, dataset, err));
        else if (json_is_true(json_object_get(m->request, "slabs")))
            QN_TRY(make_slabs(m, dataset, err));
        else
            QN_TRY(make_product(m, dataset, err));
    }
    m->made = m->n;
    return m->p->kept ? 0 : add_carried(m, err);
}

/* What was kept of steps comes before the results proper, the first of which
 * is to be the default product. */
static void
list_products(const struct making *m, struct qn_product *product)
{
    for (size_t i = 0; i < m->n; i++) {
        size_t from = i;

        if (m->p->keep_steps && i < m->made)
            from = (i + m->result) % m->made;
        product[i] = (struct qn_product){.name = m->name[from],
                                         .data = &m->array[from],
                                         .source = m->slabs[from]
                                                       ? &m->slabs[from]->source
                                                       : NULL,
                                         .units = m->units[from],
                                         .within = m->within[from],
                                         .axis = m->axis[from]};
    }
}

static int
save(struct making *m, struct qn_error *err)
{
    struct qn_product product[MOST_PRODUCTS];
    int64_t bytes = 0;
    int rc;

    list_products(m, product);
    rc = qn_result_save(m->w, m->p, m->request, product, m->n, &m->cards,
                        &bytes, err);
    // what was read while it was written was not written badly
    if (m->turn && m->turn->rc)
        return qn_fail(err, m->turn->rc, "%s", m->turn->why.text);
    if (rc)
        return rc;
    json_object_set_new(m->reply, "bytes", json_integer(bytes));
    return 0;
}

/* They were read and computed while they were written. */
static void
count_slabs(struct making *m, const struct qn_slabs *s)
{
    const double read = s->read + s->supply.read;

    m->read += read;
    m->compute += s->compute;
    m->write -= read + s->compute;
}

static int
make_whole(struct making *m, struct qn_error *err)
{
    double t0;
    int rc = make_products(m, err);

    if (rc)
        return rc;
    t0 = qn_clock_now();
    if (m->p->kept) {
        json_object_set_new(m->reply, "cards",
                            qn_cards_json_make(&m->cards));
        rc = hand_over(m, &m->array[0], 0, 1, err);
    } else {
        rc = save(m, err);
    }
    m->write += qn_clock_now() - t0;
    for (size_t i = 0; i < m->n; i++)
        if (m->slabs[i])
            count_slabs(m, m->slabs[i]);
    return rc;
}

/* A member whose samples its bands are to read: only its header, and in how
 * many rows they can. */
static int
look_at_member(struct making *m, struct qn_error *err)
{
    QN_TRY(open_item(m, NULL, err));
    json_object_set_new(
        m->reply, "rows",
        json_integer(qn_direct_rows(m->p, m->reader, m->request)));
    json_object_set_new(m->reply, "cards", qn_cards_json_make(&m->cards));
    return 0;
}

static void
clear(struct making *m)
{
    for (size_t i = 0; i < MOST_PRODUCTS; i++)
        if (m->slabs[i]) {
            qn_slabs_close(m->slabs[i]);
            free(m->slabs[i]);
        }
    for (size_t i = 0; i < m->nkept; i++)
        qn_reader_close(m->kept[i]);
    qn_reader_close(m->reader);
    for (size_t i = 0; i < m->n; i++) {
        qn_array_clear(&m->array[i]);
        free(m->name[i]);
    }
    qn_cards_clear(&m->cards);
}

int
qn_item_make(struct qn_worker *w, struct qn_item_call *call,
             int (*take)(void *, const struct qn_product *, size_t,
                         const struct qn_cards *, struct qn_error *),
             void *ctx, struct qn_error *err)
{
    struct making m = {.w = w, .p = call->program, .request = call->request,
                       .uses = call->uses, .path = call->path};
    struct qn_product product[MOST_PRODUCTS];
    int rc = make_products(&m, err);

    if (!rc) {
        list_products(&m, product);
        rc = take(ctx, product, m.n, &m.cards, err);
    }
    clear(&m);
    call->read += m.read;
    call->compute += m.compute;
    call->decoded += m.decoded;
    return rc;
}

int
qn_item_run(struct qn_worker *w, const json_t *request, json_t *reply,
            struct qn_error *err)
{
    struct making m = {.w = w, .request = request, .reply = reply};
    int rc;

    QN_TRY(qn_worker_program(w, request, &m.p, err));
    qn_operand_limit(&w->operands, m.p->operands, m.p->shelf);
    m.path = qn_json_text(request, "path");
    m.uses = json_object_get(request, "uses");
    if (json_is_true(json_object_get(request, "direct")))
        rc = look_at_member(&m, err);
    else
        rc = json_object_get(request, "nframes") ? make_frames(&m, err)
                                                 : make_whole(&m, err);
    clear(&m);
    json_object_set_new(reply, "decoded", json_integer(m.decoded));
    json_object_set_new(reply, "seconds",
                        json_pack("[f,f,f]", m.read, m.compute, m.write));
    return rc;
}
