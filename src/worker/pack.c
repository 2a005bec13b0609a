/* Many small items into one output: a row each along a leading axis.
 *
 * What an item gives is worked out as for an output of its own (item.c) and
 * copied to its row; one that fails costs its row.  Where a worker died over
 * this part before, every item is made in a process of its own (apart.c), so
 * that it is known which one does it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "io/writer.h"
#include "model/array.h"
#include "model/cards.h"
#include "model/caution.h"
#include "model/dtype.h"
#include "model/item.h"
#include "model/json.h"
#include "model/key.h"
#include "model/shape.h"
#include "worker/apart.h"
#include "worker/rowcards.h"

enum { MOST_PRODUCTS = 160 };

/* A product of all rows. */
struct stacked {
    char *name, *units; /* owned                                          */
    int within;         /* the product whose further dataset it is; -1    */
    struct qn_type one; /* of a row                                       */
    size_t bytes;       /* likewise                                       */
    struct qn_array all; /* owned                                         */
};

struct packing {
    struct qn_worker *w;
    const struct qn_program *p;
    const json_t *request, *rows;
    size_t n;                  /* rows                                    */
    char *path;                /* owned: of the item in hand              */
    size_t path_size, folder;  /* bytes; of the folder in front, with "/" */
    struct stacked product[MOST_PRODUCTS];
    size_t nproducts;          /* 0: no item was good yet                 */
    struct qn_used *used;      /* owned, [n]                              */
    struct qn_row *row;        /* owned, [n]                              */
    char *stems;               /* owned: names of rows without one        */
    struct qn_cards cards;     /* equal in all good items                 */
    struct qn_rowcards rowcards; /* of all of them                        */
    size_t at;                 /* the row in hand                         */
    size_t good;
    json_t *failed, *cautions; /* borrowed: parts of the reply            */
    double limit;              /* s that an item may take; 0: none        */
    int retries;
    bool apart;
    double read, compute;      /* s                                       */
    int64_t decoded;      /* bytes of samples read */
};

/* ---- rows -------------------------------------------------------------------- */

static int
begin_products(struct packing *k, const struct qn_product *products, size_t n,
               struct qn_error *err)
{
    for (size_t i = 0; i < n; i++) {
        struct stacked *s = &k->product[i];
        struct qn_type type = products[i].data->type;
        struct qn_shape *shape = &type.shape;

        s->one = type;
        s->within = -1;
        for (size_t m = i; products[i].within && m-- > 0;)
            if (!strcmp(products[m].name, products[i].within)) {
                s->within = (int)m;
                break;
            }
        s->bytes = qn_array_bytes(products[i].data);
        if (shape->ndims == QN_MAX_DIMS)
            return qn_fail(err, QN_ESHAPE, "more than %d axes", QN_MAX_DIMS);
        memmove(shape->n + 1, shape->n,
                (size_t)shape->ndims * sizeof *shape->n);
        shape->n[0] = (int64_t)k->n;
        shape->ndims++;
        QN_TRY(qn_memory_copy(&s->name, products[i].name, err));
        if (products[i].units)
            QN_TRY(qn_memory_copy(&s->units, products[i].units, err));
        QN_TRY(qn_array_make(&s->all, &type, err));
    }
    k->nproducts = n;
    return 0;
}

static int
check_row(const struct packing *k, const struct qn_product *products,
          size_t n, struct qn_error *err)
{
    char mine[128], theirs[128];

    if (n != k->nproducts)
        return qn_fail(err, QN_ESHAPE,
                       "it gives %zu products, other items of its part %zu",
                       n, k->nproducts);
    for (size_t i = 0; i < n; i++) {
        const struct stacked *s = &k->product[i];
        const struct qn_type *t = &products[i].data->type;

        if (strcmp(products[i].name, s->name) != 0)
            return qn_fail(err, QN_ESHAPE,
                           "it gives a product %s, other items of its part "
                           "%s",
                           products[i].name, s->name);
        if (t->dtype == s->one.dtype &&
            qn_shape_equal(&t->shape, &s->one.shape))
            continue;
        return qn_fail(err, QN_ESHAPE,
                       "its %s is %s %s, that of other items of its part %s "
                       "%s, and packed results need one shape and type",
                       s->name, qn_shape_text(mine, sizeof mine, &t->shape),
                       qn_dtype_name(t->dtype),
                       qn_shape_text(theirs, sizeof theirs, &s->one.shape),
                       qn_dtype_name(s->one.dtype));
    }
    return 0;
}

/* The header of the part: cards that all its items share; the others go into
 * a table of their own. */
static int
share_cards(struct packing *k, const struct qn_cards *cards,
            struct qn_error *err)
{
    QN_TRY(qn_rowcards_take(&k->rowcards, k->at, cards, err));
    if (!k->good)
        return qn_cards_copy(&k->cards, cards, err);
    if (k->cards.n)
        qn_cards_intersect(&k->cards, cards);
    return 0;
}

static int
take_row(void *ctx, const struct qn_product *products, size_t n,
         const struct qn_cards *cards, struct qn_error *err)
{
    struct packing *k = ctx;

    if (!k->nproducts)
        QN_TRY(begin_products(k, products, n, err));
    QN_TRY(check_row(k, products, n, err));
    QN_TRY(share_cards(k, cards, err));
    for (size_t i = 0; i < n; i++) {
        const struct stacked *s = &k->product[i];

        if (s->bytes)
            memcpy((char *)s->all.data + k->at * s->bytes,
                   products[i].data->data, s->bytes);
    }
    k->good++;
    return 0;
}

/* The rows of failed items hold NaN, or 0 where there is none. */
static int
fill_row(struct packing *k, size_t row, struct qn_error *err)
{
    for (size_t i = 0; i < k->nproducts; i++) {
        struct stacked *s = &k->product[i];
        char *to = (char *)s->all.data + row * s->bytes;
        const double nan = NAN;
        size_t size = qn_dtype_size(s->one.dtype);

        memset(to, 0, s->bytes);
        for (size_t b = 0; qn_dtype_is_real(s->one.dtype) && b < s->bytes;
             b += size)
            QN_TRY(qn_dtype_convert(to + b, s->one.dtype, &nan, QN_F64, 1,
                                    err));
    }
    return 0;
}

/* ---- items ------------------------------------------------------------------- */

/* An item that does not end: the rank hears of this worker's death, and the
 * next one makes each item apart. */
static void
watch(double seconds)
{
    struct itimerval t = {.it_value.tv_sec = (time_t)ceil(seconds)};

    setitimer(ITIMER_REAL, &t, NULL);
}

static int
set_path(struct packing *k, const char *path, struct qn_error *err)
{
    size_t n = strlen(path) + 1, in_front = *path == '/' ? 0 : k->folder;

    if (in_front + n > k->path_size) {
        size_t size = 2 * (k->folder + n);
        char *p = realloc(k->path, size);

        if (!p)
            return qn_fail(err, QN_ENOMEM, "no memory for a path");
        k->path = p;
        k->path_size = size;
    }
    if (in_front) {
        memcpy(k->path, qn_json_text(k->request, "folder"), k->folder - 1);
        k->path[k->folder - 1] = '/';
    }
    memcpy(k->path + in_front, path, n);
    return 0;
}

static int
try_item(struct packing *k, const json_t *extras, struct qn_error *why)
{
    const json_t *uses = json_object_get(extras, "uses");
    struct qn_item_call call = {
        .program = k->p,
        .uses = uses ? uses : json_object_get(k->request, "uses"),
        .request = extras,
        .path = k->path,
        .cautions = json_object(),
    };
    int rc;

    if (k->apart) {
        rc = qn_apart_make(k->w, &call, k->limit, take_row, k, why);
    } else {
        if (k->limit > 0)
            watch(k->limit);
        rc = qn_item_make(k->w, &call, take_row, k, why);
    }
    if (!rc)
        qn_caution_merge(k->cautions, call.cautions);
    json_decref(call.cautions);
    k->read += call.read;
    k->decoded += call.decoded;
    k->compute += call.compute;
    return rc;
}

static int
fail_row(struct packing *k, int code, const char *reason, struct qn_error *err)
{
    json_t *f = json_pack("[I,i,o]", (json_int_t)k->at, code,
                          json_stringn_nocheck(reason, strlen(reason)));

    if (!f)
        return qn_fail(err, QN_ENOMEM, "no memory for a reason");
    json_array_append_new(k->failed, f);
    k->used[k->at].status = json_string_value(json_array_get(f, 2));
    k->row[k->at].failed = true;
    return 0;
}

static int
make_row(struct packing *k, const json_t *row, struct qn_error *err)
{
    const json_t *extras = json_array_get(row, 3);
    const char *failed = qn_json_text(extras, "failed");
    const char *from = qn_json_text(extras, "path");
    int rc = QN_EIO;

    if (failed) {
        k->row[k->at].failed = true;
        k->used[k->at].status = failed;
        return 0;
    }
    QN_TRY(set_path(k, from ? from : k->used[k->at].path, err));
    for (int i = 0; rc == QN_EIO && i <= k->retries; i++) {
        struct qn_error why = {0};

        rc = try_item(k, extras, &why);
        if (rc && (rc != QN_EIO || i == k->retries))
            return fail_row(k, rc, why.text, err);
    }
    return 0;
}

static int
make_rows(struct packing *k, struct qn_error *err)
{
    int rc = 0;

    k->w->packing = true;
    for (k->at = 0; k->at < k->n && !rc; k->at++) {
        rc = make_row(k, json_array_get(k->rows, k->at), err);
        qn_operand_trim(&k->w->operands);
    }
    k->w->packing = false;
    watch(0);
    return rc;
}

/* ---- the part ---------------------------------------------------------------- */

static size_t
folded_stem(const char *path, const char **stem)
{
    const char *slash = strrchr(path, '/');

    *stem = slash ? slash + 1 : path;
    return qn_item_stem(*stem);
}

/* What the table of rows says, and the names of those that come without. */
static int
name_rows(struct packing *k, struct qn_error *err)
{
    const char *stem;
    size_t bytes = 1;
    char *to;

    for (size_t i = 0; i < k->n; i++)
        bytes += folded_stem(k->used[i].path, &stem) + 1;
    QN_TRY(qn_memory_make((void **)&k->stems, bytes, 1, "names", err));
    to = k->stems;
    for (size_t i = 0; i < k->n; i++) {
        const json_t *extras = json_array_get(json_array_get(k->rows, i), 3);
        const char *name = qn_json_text(extras, "name");
        size_t n;

        k->row[i].path = k->used[i].path;
        k->row[i].item = name;
        if (name)
            continue;
        n = folded_stem(k->used[i].path, &stem);
        memcpy(to, stem, n);
        k->row[i].item = to;
        to += n + 1;
    }
    return 0;
}

static int
open_part(struct packing *k, struct qn_error *err)
{
    const char *folder = qn_json_text(k->request, "folder");
    json_t *row;
    size_t i;

    k->rows = json_object_get(k->request, "rows");
    k->n = k->rowcards.rows = json_array_size(k->rows);
    k->folder = folder ? strlen(folder) + 1 : 0;
    k->limit = json_number_value(json_object_get(k->request, "limit"));
    k->retries = (int)qn_json_integer(k->request, "retries");
    k->apart = json_object_get(k->request, "deaths") != NULL;
    QN_TRY(qn_memory_make((void **)&k->used, k->n, sizeof *k->used,
                          "the table of inputs", err));
    QN_TRY(qn_memory_make((void **)&k->row, k->n, sizeof *k->row,
                          "the table of rows", err));
    json_array_foreach(k->rows, i, row) {
        const char *path = json_string_value(json_array_get(row, 0));

        k->used[i] = (struct qn_used){
            .path = path ? path : "",
            .bytes = json_integer_value(json_array_get(row, 1)),
            .mtime_ns = json_integer_value(json_array_get(row, 2)),
            .status = "used",
        };
    }
    return name_rows(k, err);
}

/* A part with failed rows is another than the whole one that it stands for:
 * where the journal is lost, it is to be made anew. */
static int
key_of(const struct packing *k, char hex[QN_KEY_HEX], struct qn_error *err)
{
    const char *whole = qn_json_text(k->request, "key");
    struct qn_fingerprint f;
    struct qn_key key;

    qn_key_parse(&f, whole ? whole : "");
    if (k->good < k->n) {
        QN_TRY(qn_key_open(&key, err));
        qn_key_text(&key, whole);
        for (size_t i = 0; i < k->n; i++)
            if (k->row[i].failed)
                qn_key_number(&key, (int64_t)i);
        qn_key_finish(&key, &f);
    }
    qn_key_hex(hex, &f);
    return 0;
}

static int
write_part(struct packing *k, int64_t *bytes, struct qn_error *err)
{
    struct qn_product product[MOST_PRODUCTS];
    char hex[QN_KEY_HEX];
    struct qn_output out = {
        .products = product,
        .nproducts = k->nproducts,
        .cards = &k->cards,
        .rows = k->row,
        .nrows = k->n,
        .columns = k->rowcards.differ,
        .ncolumns = k->rowcards.ndiffer,
        .provenance = {.key = hex, .used = k->used, .nused = k->n,
                       .members = (int64_t)k->n,
                       .members_used = (int64_t)k->good},
    };

    QN_TRY(key_of(k, hex, err));
    for (size_t i = 0; i < k->n; i++)
        if (k->row[i].failed)
            QN_TRY(fill_row(k, i, err));
    for (size_t i = 0; i < k->nproducts; i++) {
        const struct stacked *s = &k->product[i];

        product[i] = (struct qn_product){
            .name = s->name,
            .data = &s->all,
            .units = s->units,
            .within = s->within < 0 ? NULL : k->product[s->within].name,
            .axis = -1,
        };
    }
    return qn_result_output(k->w, k->p, k->request, &out, bytes, err);
}

static int
make_part(struct packing *k, json_t *reply, struct qn_error *err)
{
    double t0;
    int64_t bytes = 0;

    k->failed = json_array();
    json_object_set_new(reply, "failed", k->failed);
    k->cautions = json_object();
    json_object_set_new(reply, "cautions", k->cautions);
    QN_TRY(open_part(k, err));
    QN_TRY(make_rows(k, err));
    t0 = qn_clock_now();
    if (k->good) {
        QN_TRY(qn_rowcards_settle(&k->rowcards, &k->cards, k->row, err));
        QN_TRY(write_part(k, &bytes, err));
    }
    json_object_set_new(reply, "bytes", json_integer(bytes));
    json_object_set_new(reply, "decoded", json_integer(k->decoded));
    json_object_set_new(reply, "seconds",
                        json_pack("[f,f,f]", k->read, k->compute,
                                  qn_clock_now() - t0));
    return 0;
}

int
qn_pack_run(struct qn_worker *w, const json_t *request, json_t *reply,
            struct qn_error *err)
{
    struct packing *k;
    int rc;

    QN_TRY(qn_memory_make((void **)&k, 1, sizeof *k, "a part", err));
    k->w = w;
    k->request = request;
    rc = qn_worker_program(w, request, &k->p, err);
    if (!rc) {
        qn_operand_limit(&w->operands, k->p->operands, k->p->shelf);
        rc = make_part(k, reply, err);
    }
    for (size_t i = 0; i < MOST_PRODUCTS; i++) {
        qn_array_clear(&k->product[i].all);
        free(k->product[i].name);
        free(k->product[i].units);
    }
    qn_cards_clear(&k->cards);
    qn_rowcards_clear(&k->rowcards);
    free(k->path);
    free(k->used);
    free(k->row);
    free(k->stems);
    free(k);
    return rc;
}
