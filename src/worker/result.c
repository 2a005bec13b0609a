/* Writing outputs under temporary names, and reading back their keys.
 *
 * Samples come from this worker's item or, for a rank that has put them
 * together, from shared memory.  The rank gives a result its name
 * (engine/commit.c). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limit.h"
#include "base/memory.h"
#include "base/system.h"
#include "io/cards_json.h"
#include "io/hash.h"
#include "io/writer.h"
#include "model/array.h"
#include "model/dtype.h"
#include "model/json.h"
#include "model/shape.h"
#include "worker/worker.h"

static int
load_used(struct qn_used **used, size_t *n, const json_t *list,
          struct qn_error *err)
{
    json_t *row;
    size_t i;

    *n = json_array_size(list);
    QN_TRY(qn_memory_make((void **)used, *n, sizeof **used,
                          "the table of inputs", err));
    json_array_foreach(list, i, row) {
        const char *path = json_string_value(json_array_get(row, 0));
        const char *status = json_string_value(json_array_get(row, 3));

        (*used)[i] = (struct qn_used){
            .path = path ? path : "",
            .bytes = json_integer_value(json_array_get(row, 1)),
            .mtime_ns = json_integer_value(json_array_get(row, 2)),
            .status = status ? status : "",
        };
    }
    return 0;
}

/* The kernels that OpenBLAS chose for this processor; NULL where the program
 * does not use BLAS. */
static const char *
core_type(struct qn_limit *l, const struct qn_program *p)
{
    if (!p->blas)
        return NULL;
    qn_limit_find(l);
    for (int i = 0; i < l->n; i++)
        if (l->library[i].kind == QN_LIMIT_OPENBLAS)
            return l->library[i].core;
    return NULL;
}

int
qn_result_output(struct qn_worker *w, const struct qn_program *p,
                 const json_t *request, struct qn_output *out, int64_t *bytes,
                 struct qn_error *err)
{
    struct qn_provenance *made = &out->provenance;
    struct qn_limit limit = {0};
    struct stat st;
    int rc;

    out->path = qn_json_word(request, "out_path");
    out->compress = p->compress;
    out->nosync = json_is_true(json_object_get(p->text, "nosync"));
    out->image = &w->image;
    made->version = QN_VERSION;
    made->job = qn_json_word(p->text, "job");
    made->stage = qn_json_word(p->text, "stage");
    made->steps = qn_json_word(p->text, "canonical");
    made->coretype = core_type(&limit, p);
    // a killed run may have left one of this name
    if (p->fits && unlink(out->path) < 0 && errno != ENOENT)
        rc = qn_system_cannot(err, "write", out->path, errno);
    else
        rc = p->fits ? qn_writer_fits(out, err) : qn_writer_hdf5(out, err);
    // the folder's fault, not the item's: the run must hear of it
    if (rc == QN_EIO && err)
        err->code = QN_EOUTPUT;
    rc = rc == QN_EIO ? QN_EOUTPUT : rc;
    if (!rc && !stat(out->path, &st))
        *bytes = st.st_size;
    return rc;
}

int
qn_result_save(struct qn_worker *w, const struct qn_program *p,
               const json_t *request, const struct qn_product *products,
               size_t nproducts,
               const struct qn_cards *cards, int64_t *bytes,
               struct qn_error *err)
{
    struct qn_used *used = NULL;
    struct qn_output out = {
        .products = products,
        .nproducts = nproducts,
        .cards = cards,
        .provenance =
            {
                .key = qn_json_word(request, "key"),
                .members = qn_json_integer(request, "nmembers"),
                .members_used = qn_json_integer(request, "nused"),
            },
    };
    int rc;

    QN_TRY(load_used(&used, &out.provenance.nused,
                     json_object_get(request, "used"), err));
    out.provenance.used = used;
    rc = qn_result_output(w, p, request, &out, bytes, err);
    free(used);
    return rc;
}

/* A product as the rank describes it: name, dtype, shape, and the offset of its
 * samples in shared memory; "chunks", the offset of a table of chunks that lie
 * there, in place of them; or "hollow": true, room is left and *place says
 * where. */
static int
load_product(struct qn_worker *w, struct qn_product *product,
             struct qn_array *a, int64_t *place, const json_t *said,
             struct qn_error *err)
{
    json_t *shape = json_object_get(said, "shape");
    json_t *chunks = json_object_get(said, "chunks");
    struct qn_type type = {.shape.ndims = (int)json_array_size(shape)};
    void *data = NULL;

    QN_TRY(qn_dtype_parse(&type.dtype, NULL, qn_json_word(said, "dtype"), err));
    for (size_t i = 0; i < json_array_size(shape) && i < QN_MAX_DIMS; i++)
        type.shape.n[i] = json_integer_value(json_array_get(shape, i));
    *product = (struct qn_product){
        .name = qn_json_word(said, "name"),
        .data = a,
        .units = qn_json_text(said, "units"),
        .within = qn_json_text(said, "within"),
        .axis = (int)qn_json_integer(said, "axis"),
    };
    if (chunks) {
        // both lie in what was mapped as a whole
        QN_TRY(qn_worker_map(w, QN_SLOT_RESULT, json_integer_value(chunks), 0,
                             &data, err));
        product->chunk = data;
        QN_TRY(qn_worker_map(w, QN_SLOT_RESULT, 0, 0, &data, err));
    } else if (json_is_true(json_object_get(said, "hollow"))) {
        product->place = place;
    } else {
        QN_TRY(qn_worker_map(w, QN_SLOT_RESULT, qn_json_integer(said, "offset"),
                             qn_shape_bytes(&type), &data, err));
    }
    *a = qn_array_view(&type, data);
    return 0;
}

enum { MOST = 160 };

/* What is written; array[i] is product[i]'s, NULL data where unused. */
struct written {
    struct qn_product product[MOST];
    struct qn_array array[MOST];
    int64_t place; /* of the hollow one; -1: none is */
    size_t n;
};

/* Datasets of the frames' file that travel with them. */
static int
add_carried(struct written *out, const struct qn_program *p,
            const json_t *request, struct qn_error *err)
{
    json_t *list = json_object_get(p->text, "carry"), *dataset;
    const char *path = qn_json_text(request, "path");
    struct qn_source source = p->source;
    size_t i;

    source.path = path;
    json_array_foreach(list, i, dataset) {
        const char *name = json_string_value(dataset);

        if (!path)
            return 0;
        if (out->n == MOST)
            return qn_fail(err, QN_EUNAVAILABLE, "more than %d products",
                           MOST);
        QN_TRY(qn_carry_read(&out->array[out->n], &source, name, err));
        name = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
        out->product[out->n] =
            (struct qn_product){.name = name, .data = &out->array[out->n]};
        out->n++;
    }
    return 0;
}

static int
write_products(struct qn_worker *w, const struct qn_program *p,
               const json_t *request, struct written *out,
               struct qn_cards *cards, int64_t *bytes, struct qn_error *err)
{
    json_t *said = json_object_get(request, "products");
    void *whole;

    if (json_array_size(said) > MOST)
        return qn_fail(err, QN_EUNAVAILABLE, "more than %d products", MOST);
    // mapped as a whole first, so that no product moves another
    if (qn_json_integer(request, "bytes"))
        QN_TRY(qn_worker_map(w, QN_SLOT_RESULT, 0,
                             qn_json_integer(request, "bytes"), &whole, err));
    for (; out->n < json_array_size(said); out->n++)
        QN_TRY(load_product(w, &out->product[out->n], &out->array[out->n],
                            &out->place, json_array_get(said, out->n), err));
    QN_TRY(add_carried(out, p, request, err));
    QN_TRY(qn_cards_json_load(cards, json_object_get(request, "cards"),
                                err));
    return qn_result_save(w, p, request, out->product, out->n, cards, bytes,
                          err);
}

int
qn_result_write(struct qn_worker *w, const json_t *request, json_t *reply,
                struct qn_error *err)
{
    const struct qn_program *p;
    struct qn_cards cards = {0};
    struct written out = {.place = -1};
    int64_t bytes = 0;
    int rc;

    QN_TRY(qn_worker_program(w, request, &p, err));
    rc = write_products(w, p, request, &out, &cards, &bytes, err);
    for (size_t i = 0; i < MOST; i++)
        qn_array_clear(&out.array[i]);
    qn_cards_clear(&cards);
    json_object_set_new(reply, "bytes", json_integer(bytes));
    if (out.place >= 0)
        json_object_set_new(reply, "place",
                            json_integer((json_int_t)out.place));
    return rc;
}

int
qn_result_key(struct qn_worker *w, const json_t *request, json_t *reply,
              struct qn_error *err)
{
    char key[65];

    (void)w;
    QN_TRY(qn_writer_key(qn_json_word(request, "path"), key, err));
    json_object_set_new(reply, "key", json_string(key));
    return 0;
}

int
qn_result_hash(struct qn_worker *w, const json_t *request, json_t *reply,
               struct qn_error *err)
{
    char hash[QN_HASH_HEX];

    (void)w;
    QN_TRY(qn_hash_file(hash, qn_json_word(request, "path"), err));
    json_object_set_new(reply, "hash", json_string(hash));
    return 0;
}
