/* One item from start to end: read, apply the steps, write or hand over.
 *
 * An item is a file (item_products.c), or a run of its frames
 * (item_frames.c). */
#include "worker/item_parts.h"

#include <stdlib.h>

#include "base/clock.h"
#include "io/cards_json.h"
#include "io/writer.h"
#include "model/array.h"
#include "model/caution.h"
#include "model/dtype.h"
#include "model/json.h"
#include "model/shape.h"
#include "worker/direct.h"
#include "worker/rows.h"

/* ---- from a file -------------------------------------------------------- */

/* Bytes of the samples that are to be read of the dataset: all, or those of
 * some frames. */
static int64_t
samples_asked(const struct qn_item_making *m)
{
    const struct qn_type *type = &qn_reader_info(m->reader)->type;
    const int64_t all = qn_shape_bytes(type);
    const int64_t frames = qn_json_integer(m->request, "nframes");

    return frames && type->shape.ndims && type->shape.n[0]
               ? all / type->shape.n[0] * frames
               : all;
}

bool
qn_item_row(const json_t *request, struct qn_source *source)
{
    source->one_row = json_object_get(request, "row") != NULL;
    source->row = qn_json_integer(request, "row");
    return source->one_row;
}

int
qn_item_open(struct qn_item_making *m, const char *dataset,
             struct qn_error *err)
{
    struct qn_source source = m->p->source;
    const char *hdu = qn_json_text(m->request, "hdu");
    double t0 = qn_clock_now();

    source.path = m->path;
    if (dataset)
        source.dataset = dataset;
    if (hdu)
        source.hdu = hdu;
    qn_opened_return(&m->w->opened, m->reader);
    m->reader = NULL;
    m->lent = !hdu && !dataset && json_object_get(m->request, "nframes");
    if (m->lent)
        QN_TRY(qn_worker_take_open(m->w, &m->reader, m->p, &source, err));
    else if (qn_item_row(m->request, &source))
        QN_TRY(qn_opened_lend(&m->w->opened, &m->reader, &source, err));
    else
        QN_TRY(qn_reader_open(&m->reader, &source, err));
    m->decoded += samples_asked(m);
    qn_cards_clear(&m->cards);
    QN_TRY(qn_cards_copy(&m->cards, qn_reader_cards(m->reader), err));
    m->read += qn_clock_now() - t0;
    return 0;
}

static int
read_box(struct qn_item_making *m, struct qn_array *a,
         const struct qn_type *type, const struct qn_box *box,
         struct qn_error *err)
{
    double t0 = qn_clock_now();
    int rc = qn_array_make(a, type, err);

    if (!rc)
        rc = qn_reader_read(m->reader, box, a->data, err);
    m->read += qn_clock_now() - t0;
    qn_worker_read_ahead(m->w);
    return rc;
}

struct qn_pass
qn_item_pass(struct qn_item_making *m, const struct qn_lookup *fields,
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

/* Memory for a result: that which is shared with the rank, if it is to be
 * there in just this type; else our own. */
static int
find_place(void *ctx, struct qn_array *a, const struct qn_type *type,
           struct qn_error *err)
{
    const struct qn_item_place *at = ctx;
    const json_t *request = at->m->request;
    const char *dtype = qn_json_text(request, "dtype");
    const int64_t bytes = qn_json_integer(request, "bytes") / at->frames;
    enum qn_dtype t;
    void *to;

    if (!at->m->p->kept || !dtype || qn_dtype_parse(&t, NULL, dtype, NULL) ||
        t != type->dtype || qn_shape_bytes(type) != bytes)
        return qn_array_make(a, type, err);
    QN_TRY(qn_worker_map(at->m->w, QN_SLOT_MEMBERS,
                         qn_json_integer(request, "offset") + at->index * bytes,
                         bytes, &to, err));
    *a = qn_array_view(type, to);
    return 0;
}

int
qn_item_apply(struct qn_item_making *m, struct qn_array *a,
              const struct qn_type *type, const struct qn_box *box,
              const struct qn_item_place *place, struct qn_cards *cards,
              struct qn_keeper *keeper, struct qn_error *err)
{
    struct qn_lookup fields =
        qn_fields_lookup(json_object_get(m->request, "fields"));
    struct qn_pass pass = qn_item_pass(m, &fields, cards, keeper);
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
read_and_reduce(struct qn_item_making *m, struct qn_products *all,
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

int
qn_item_reduce(struct qn_item_making *m, struct qn_products *all,
               const struct qn_type *type, const struct qn_box *box,
               struct qn_cards *cards, struct qn_keeper *keeper,
               struct qn_error *err)
{
    struct qn_lookup fields =
        qn_fields_lookup(json_object_get(m->request, "fields"));
    const struct qn_pass pass = qn_item_pass(m, &fields, cards, keeper);
    const double t0 = qn_clock_now(), read = m->read;
    int rc = read_and_reduce(m, all, type, box, &pass, err);

    m->read += all->read;
    m->compute += qn_clock_now() - t0 - (m->read - read);
    return rc;
}

/* ---- to memory or a file ------------------------------------------------ */

int
qn_item_hand_over(struct qn_item_making *m, const struct qn_array *a,
                  int64_t index, int64_t frames, struct qn_error *err)
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

void
qn_item_caution(struct qn_item_making *m, const char *product,
                const struct qn_reduce_run *run)
{
    if (m->cautions && *run->caution)
        qn_caution_add(m->cautions, product, run->kernel->name, run->caution,
                       m->path);
}

int
qn_item_convert(struct qn_array *a, int dtype, struct qn_error *err)
{
    struct qn_array out = {0};

    if (dtype < 0 || a->type.dtype == (enum qn_dtype)dtype)
        return 0;
    QN_TRY(qn_array_convert(&out, a, (enum qn_dtype)dtype, err));
    qn_array_clear(a);
    *a = out;
    return 0;
}

/* What was kept of steps comes before the results proper, the first of which
 * is to be the default product. */
static void
list_products(const struct qn_item_making *m, struct qn_product *product)
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
save(struct qn_item_making *m, struct qn_error *err)
{
    struct qn_product product[QN_ITEM_PRODUCTS];
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
count_slabs(struct qn_item_making *m, const struct qn_slabs *s)
{
    const double read = s->read + s->supply.read;

    m->read += read;
    m->compute += s->compute;
    m->write -= read + s->compute;
}

static int
make_whole(struct qn_item_making *m, struct qn_error *err)
{
    double t0;
    int rc;

    m->saved = !m->p->kept;
    QN_TRY(qn_item_products(m, err));
    t0 = qn_clock_now();
    if (!m->saved) {
        json_object_set_new(m->reply, "cards",
                            qn_cards_json_make(&m->cards));
        rc = qn_item_hand_over(m, &m->array[0], 0, 1, err);
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
look_at_member(struct qn_item_making *m, struct qn_error *err)
{
    QN_TRY(qn_item_open(m, NULL, err));
    json_object_set_new(
        m->reply, "rows",
        json_integer(qn_direct_rows(m->p, m->reader, m->request)));
    json_object_set_new(m->reply, "cards", qn_cards_json_make(&m->cards));
    return 0;
}

static void
clear(struct qn_item_making *m)
{
    for (size_t i = 0; i < QN_ITEM_PRODUCTS; i++)
        if (m->slabs[i]) {
            qn_slabs_close(m->slabs[i]);
            free(m->slabs[i]);
        }
    for (size_t i = 0; i < m->nkept; i++)
        qn_opened_return(&m->w->opened, m->kept[i]);
    qn_opened_return(&m->w->opened, m->reader);
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
    struct qn_item_making m = {.w = w, .p = call->program,
                               .request = call->request,
                               .uses = call->uses, .path = call->path,
                               .cautions = call->cautions};
    struct qn_product product[QN_ITEM_PRODUCTS];
    int rc = qn_item_products(&m, err);

    if (!rc) {
        list_products(&m, product);
        rc = take(ctx, product, m.n, &m.cards, err);
    }
    clear(&m);
    if (rc)
        qn_opened_clear(&w->opened);
    call->read += m.read;
    call->compute += m.compute;
    call->decoded += m.decoded;
    return rc;
}

int
qn_item_run(struct qn_worker *w, const json_t *request, json_t *reply,
            struct qn_error *err)
{
    struct qn_item_making m = {.w = w, .request = request, .reply = reply};
    int rc;

    QN_TRY(qn_worker_program(w, request, &m.p, err));
    qn_operand_limit(&w->operands, m.p->operands, m.p->shelf);
    m.path = qn_json_text(request, "path");
    m.uses = json_object_get(request, "uses");
    m.cautions = json_object();
    json_object_set_new(reply, "cautions", m.cautions);
    if (json_is_true(json_object_get(request, "direct")))
        rc = look_at_member(&m, err);
    else
        rc = json_object_get(request, "nframes") ? qn_item_frames(&m, err)
                                                 : make_whole(&m, err);
    if (!rc && m.lent && m.reader) {
        qn_worker_put_open(w, m.reader, m.p, m.path);
        m.reader = NULL;
    }
    clear(&m);
    if (rc)
        qn_opened_clear(&w->opened);
    json_object_set_new(reply, "decoded", json_integer(m.decoded));
    json_object_set_new(reply, "seconds",
                        json_pack("[f,f,f]", m.read, m.compute, m.write));
    return rc;
}
