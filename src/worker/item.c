/* One item from start to end: read, apply the steps, write or hand over. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "io/reader.h"
#include "io/writer.h"
#include "model/array.h"
#include "model/dtype.h"
#include "model/shape.h"
#include "worker/pass.h"
#include "worker/worker.h"

struct seconds {
    double read, compute, write;
};

static int
read_item(struct qn_array *a, struct qn_cards *cards,
          const struct qn_program *p, const char *path, struct qn_error *err)
{
    struct qn_source source = p->source;
    struct qn_reader *r = NULL;
    int rc;

    source.path = path;
    QN_TRY(qn_reader_open(&r, &source, err));
    rc = qn_array_make(a, &qn_reader_info(r)->type, err);
    if (!rc)
        rc = qn_cards_copy(cards, qn_reader_cards(r), err);
    if (!rc) {
        struct qn_box box = qn_shape_box(&a->type.shape);

        rc = qn_reader_read(r, &box, a->data, err);
    }
    qn_reader_close(r);
    return rc;
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

/* A member of a combination goes to shared memory, in the type that its group
 * is kept in. */
static int
hand_over(struct qn_worker *w, const json_t *request, struct qn_array *a,
          struct qn_error *err)
{
    const char *dtype =
        json_string_value(json_object_get(request, "dtype"));
    enum qn_dtype t = a->type.dtype;
    int64_t offset =
        json_integer_value(json_object_get(request, "offset"));
    int64_t bytes = json_integer_value(json_object_get(request, "bytes"));
    size_t n = (size_t)qn_shape_count(&a->type.shape);
    void *to;

    QN_TRY(qn_dtype_parse(&t, NULL, dtype ? dtype : "", err));
    if ((uint64_t)bytes != n * qn_dtype_size(t))
        return qn_fail(err, QN_ESHAPE,
                       "the file changed its shape since it was looked at; "
                       "run again when it is complete");
    QN_TRY(qn_worker_map(w, QN_SLOT_MEMBERS, offset, bytes, &to, err));
    return qn_dtype_convert(to, t, a->data, a->type.dtype, n, err);
}

static int
deliver(struct qn_worker *w, const struct qn_program *p,
        const json_t *request, struct qn_array *a,
        const struct qn_cards *cards, json_t *reply, struct qn_error *err)
{
    struct qn_product product = {.name = "data", .data = a};
    int64_t bytes = 0;

    if (p->combined) {
        json_object_set_new(reply, "cards", qn_result_cards_json(cards));
        return hand_over(w, request, a, err);
    }
    QN_TRY(convert_output(a, p->dtype, err));
    QN_TRY(qn_result_save(p, request, &product, 1, cards, &bytes, err));
    json_object_set_new(reply, "bytes", json_integer(bytes));
    return 0;
}

static int
process(struct qn_worker *w, const struct qn_program *p,
        const json_t *request, json_t *reply, struct qn_array *a,
        struct qn_cards *cards, struct seconds *s, struct qn_error *err)
{
    const char *path = json_string_value(json_object_get(request, "path"));
    struct qn_lookup fields =
        qn_fields_lookup(json_object_get(request, "fields"));
    struct qn_pass pass = {
        .program = p,
        .cache = &w->operands,
        .uses = json_object_get(request, "uses"),
        .fields = &fields,
        .path = path,
        .cards = cards,
    };
    double t0 = qn_clock_now(), t1, t2;

    QN_TRY(read_item(a, cards, p, path, err));
    t1 = qn_clock_now();
    QN_TRY(qn_pass_run(&pass, a, err));
    t2 = qn_clock_now();
    QN_TRY(deliver(w, p, request, a, cards, reply, err));
    *s = (struct seconds){t1 - t0, t2 - t1, qn_clock_now() - t2};
    return 0;
}

int
qn_item_run(struct qn_worker *w, const json_t *request, json_t *reply,
            struct qn_error *err)
{
    const struct qn_program *p;
    struct qn_cards cards = {0};
    struct qn_array a = {0};
    struct seconds s = {0};
    int rc;

    QN_TRY(qn_worker_program(w, request, &p, err));
    rc = process(w, p, request, reply, &a, &cards, &s, err);
    qn_array_clear(&a);
    qn_cards_clear(&cards);
    json_object_set_new(
        reply, "seconds",
        json_pack("[f,f,f]", s.read, s.compute, s.write));
    return rc;
}
