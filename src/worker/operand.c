/* Loading operands and keeping those used last.
 *
 * An entry is known by the text of its use, which holds path, time and scale:
 * a master that was made anew is another entry.  What comes from a file that
 * items share lies on the shelf (shelf.h) and is mapped here; numbers, datasets
 * of the item's own file and what finds no room there are this worker's own. */
#include "worker/operand.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/memory.h"
#include "io/reader.h"
#include "kernels/combine.h"
#include "model/array.h"
#include "model/dtype.h"
#include "model/json.h"
#include "model/params.h"
#include "model/shape.h"

struct qn_operand_entry {
    struct qn_operand_entry *next;
    char *name; /* owned */
    struct qn_array array;
    bool shelved;                /* array.data is a mapping, owned       */
    bool used;                   /* by this item: it stays on the shelf  */
    struct qn_shelf_place place; /* of what is shelved                   */
};

/* Params of `combine` for one method, everything else at its default. */
static int
reduction(struct qn_combine *c, const char *method, struct qn_error *err)
{
    json_t *params = json_object();
    struct qn_lookup none = {NULL, NULL};
    int rc = 0;

    for (const struct qn_option *o = qn_kernel_combine.options; o->name; o++) {
        json_t *preset = qn_params_preset(o);

        if (preset)
            json_object_set_new(params, o->name, preset);
    }
    json_object_set_new(params, "method", json_string(method));
    rc = qn_params_fill(c, &qn_kernel_combine, params, &none, err);
    json_decref(params);
    return rc;
}

static int
widen(struct qn_array *a, struct qn_error *err)
{
    struct qn_array wide = {0};

    if (a->type.dtype != QN_F32)
        return 0;
    QN_TRY(qn_array_convert(&wide, a, QN_F64, err));
    qn_array_clear(a);
    *a = wide;
    return 0;
}

/* Reduce along the leading axis, as a combination of its frames.  Reals are
 * reduced in float64: the one rounding comes when the operand is used. */
static int
reduce_leading(struct qn_array *a, const char *method, struct qn_error *err)
{
    struct qn_combine c = {0};
    struct qn_type type = a->type;
    struct qn_array out = {0};
    const void **row = NULL;
    int32_t *count = NULL;
    size_t n = (size_t)type.shape.n[0], pixels;
    int rc;

    if (type.shape.ndims < 2)
        return qn_fail(err, QN_ESHAPE,
                       "`reduce` of an operand needs a leading axis");
    type.shape.ndims--;
    memmove(type.shape.n, type.shape.n + 1,
            (size_t)type.shape.ndims * sizeof *type.shape.n);
    pixels = (size_t)qn_shape_count(&type.shape);
    rc = reduction(&c, method, err);
    type.dtype = qn_combine_dtype(&c, a->type.dtype);
    if (!rc)
        rc = qn_array_make(&out, &type, err);
    if (!rc)
        rc = qn_memory_make((void **)&row, n, sizeof *row, "frames", err);
    if (!rc)
        rc = qn_memory_make((void **)&count, pixels, sizeof *count, "counts",
                            err);
    for (size_t i = 0; !rc && i < n; i++)
        row[i] = (const char *)a->data +
                 i * pixels * qn_dtype_size(a->type.dtype);
    if (!rc)
        rc = qn_combine_band(&c, a->type.dtype, row, NULL, n, pixels,
                             out.data, count, err);
    free(row);
    free(count);
    qn_array_clear(a);
    *a = out;
    return rc;
}

int
qn_operand_reduce(struct qn_array *a, const char *method, struct qn_error *err)
{
    QN_TRY(widen(a, err));
    return reduce_leading(a, method, err);
}

/* Scaled in float64, rounded once. */
static int
to_real(struct qn_array *a, double scale, enum qn_dtype real,
        struct qn_error *err)
{
    struct qn_array wide = {0}, out = {0};
    size_t n = (size_t)qn_shape_count(&a->type.shape);
    int rc;

    if (scale == 1 && a->type.dtype == real)
        return 0;
    if (scale == 1) {
        rc = qn_array_convert(&out, a, real, err);
    } else {
        rc = qn_array_convert(&wide, a, QN_F64, err);
        for (size_t i = 0; !rc && i < n; i++)
            ((double *)wide.data)[i] *= scale;
        if (!rc)
            rc = qn_array_convert(&out, &wide, real, err);
        qn_array_clear(&wide);
    }
    qn_array_clear(a);
    *a = out;
    return rc;
}

static struct qn_source
source_of(const json_t *use, const char *own)
{
    const char *path = qn_json_text(use, "path");

    return (struct qn_source){
        .one_row = json_object_get(use, "row") != NULL,
        .row = qn_json_integer(use, "row"),
        .path = path ? path : own,
        .hdu = qn_json_text(use, "hdu"),
        .dataset = qn_json_text(use, "dataset"),
    };
}

static double
scale_of(const json_t *use)
{
    json_t *scale = json_object_get(use, "scale");

    return scale ? json_number_value(scale) : 1;
}

static int
open_source(struct qn_opened *opened, struct qn_reader **r,
            const struct qn_source *source, struct qn_error *err)
{
    return source->one_row ? qn_opened_lend(opened, r, source, err)
                           : qn_reader_open(r, source, err);
}

static int
read_all(struct qn_array *a, struct qn_opened *opened,
         const struct qn_source *source, struct qn_error *err)
{
    struct qn_reader *r = NULL;
    int rc = open_source(opened, &r, source, err);

    if (!rc)
        rc = qn_reader_whole(a, r, err);
    qn_opened_return(opened, r);
    return rc;
}

static int
load(struct qn_array *a, const struct qn_operands_cache *cache,
     const json_t *use, const char *own, enum qn_dtype real,
     struct qn_error *err)
{
    const char *reduce = qn_json_text(use, "reduce");
    struct qn_source source = source_of(use, own);
    int rc;

    source.kept = own && source.path == own ? cache->kept : NULL;
    rc = read_all(a, cache->opened, &source, err);

    if (!rc && reduce)
        rc = qn_operand_reduce(a, reduce, err);
    if (!rc)
        rc = to_real(a, scale_of(use), real, err);
    return rc ? qn_wrap(err, "operand") : 0;
}

static int
load_number(struct qn_array *a, double number, enum qn_dtype real,
            struct qn_error *err)
{
    struct qn_type type = {.dtype = real};

    QN_TRY(qn_array_make(a, &type, err));
    if (real == QN_F32)
        *(float *)a->data = (float)number;
    else
        *(double *)a->data = number;
    return 0;
}

/* ---- onto the shelf --------------------------------------------------------- */

/* Rows of a file, each slab made real while it is in cache. */
static int
copy_rows(struct qn_shelf *shelf, const struct qn_shelf_place *place,
          struct qn_reader *r, double scale, bool *whole, struct qn_error *err)
{
    enum { SLAB = 1 << 16 };
    struct qn_type type = qn_reader_info(r)->type;
    const int axis = qn_shape_row_axis(&type.shape);
    const int64_t all = type.shape.n[axis];
    const int64_t row = qn_shape_count(&type.shape) / all;
    struct qn_box box = qn_shape_box(&type.shape);
    const int64_t step = row < SLAB ? SLAB / row : 1;
    int64_t offset = 0;

    *whole = true;
    for (int64_t at = 0; at < all && *whole; at += step) {
        struct qn_array a = {0};
        int rc;

        box.start[axis] = at;
        box.count[axis] = type.shape.n[axis] = all - at < step ? all - at : step;
        rc = qn_array_make(&a, &type, err);
        if (!rc)
            rc = qn_reader_read(r, &box, a.data, err);
        if (!rc)
            rc = to_real(&a, scale, place->type.dtype, err);
        if (!rc)
            *whole = qn_shelf_write(shelf, place, offset, a.data,
                                    qn_array_bytes(&a));
        offset += rc ? 0 : (int64_t)qn_array_bytes(&a);
        qn_array_clear(&a);
        if (rc)
            return rc;
    }
    return 0;
}

/* Where a file gives its rows one after the other.  *done: it is there. */
static int
shelve_rows(struct qn_operands_cache *cache, struct qn_shelf_place *place,
            const json_t *use, enum qn_dtype real, bool *done,
            struct qn_error *err)
{
    const struct qn_source source = source_of(use, NULL);
    struct qn_shelf *shelf = &cache->shelf;
    struct qn_reader *r = NULL;
    struct qn_type type;
    int rc = open_source(cache->opened, &r, &source, err);

    *done = false;
    if (rc)
        return qn_wrap(err, "operand");
    type = qn_reader_info(r)->type;
    type.dtype = real;
    if (qn_reader_info(r)->by_rows && !qn_json_text(use, "reduce") &&
        qn_shape_count(&type.shape) > 0 && type.shape.ndims > 0 &&
        qn_shelf_reserve(shelf, place, &type))
        rc = copy_rows(shelf, place, r, scale_of(use), done, err);
    qn_opened_return(cache->opened, r);
    return rc ? qn_wrap(err, "operand") : 0;
}

/* An operand that is asked for. */
struct wanted {
    struct qn_operands_cache *cache;
    const json_t *use;  /* borrowed: as the rank describes it           */
    const char *own;    /* borrowed: the path of the item's file        */
    enum qn_dtype real; /* its type                                     */
    bool wait;          /* for another worker that is making it         */
};

/* Make what is to be made.  Where the shelf has no room for it *own is set,
 * and *shelved is false. */
static int
shelve(const struct wanted *w, struct qn_shelf_place *place,
       struct qn_array *own, bool *shelved, struct qn_error *err)
{
    struct qn_shelf *shelf = &w->cache->shelf;
    int rc = shelve_rows(w->cache, place, w->use, w->real, shelved, err);

    if (!rc && !*shelved) {
        rc = load(own, w->cache, w->use, NULL, w->real, err);
        *shelved = !rc && qn_shelf_reserve(shelf, place, &own->type) &&
                   qn_shelf_write(shelf, place, 0, own->data,
                                  qn_array_bytes(own));
    }
    if (*shelved) {
        qn_array_clear(own);
        qn_shelf_publish(shelf, place);
    } else {
        qn_shelf_abandon(shelf, place);
    }
    return rc;
}

/* ---- entries ------------------------------------------------------------------ */

static void
drop_array(struct qn_operand_entry *e)
{
    if (e->shelved && e->array.data)
        munmap(e->array.data, (size_t)e->place.bytes);
    else
        qn_array_clear(&e->array);
    e->array = (struct qn_array){0};
    e->shelved = e->used = false;
}

static void
drop_entry(struct qn_operand_entry *e)
{
    drop_array(e);
    free(e->name);
    free(e);
}

/* Move the entry of that name to the front. */
static struct qn_operand_entry *
find(struct qn_operands_cache *cache, const char *name)
{
    for (struct qn_operand_entry **p = &cache->head; *p; p = &(*p)->next) {
        struct qn_operand_entry *e = *p;

        if (strcmp(e->name, name))
            continue;
        *p = e->next;
        e->next = cache->head;
        cache->head = e;
        return e;
    }
    return NULL;
}

static int
name_of(char **name, const json_t *use, const char *own, enum qn_dtype real,
        struct qn_error *err)
{
    char *said = json_dumps(use, JSON_COMPACT | JSON_SORT_KEYS);
    int n = -1;

    if (said)
        n = asprintf(name, "%s %s %s", qn_dtype_name(real), said,
                     json_object_get(use, "path") ? "" : own);
    free(said);
    return n < 0 ? qn_fail(err, QN_ENOMEM, "no memory for an operand") : 0;
}

/* An entry without data, in front; its name is taken over. */
static int
add(struct qn_operand_entry **e, struct qn_operands_cache *cache, char *name,
    struct qn_error *err)
{
    int rc = qn_memory_make((void **)e, 1, sizeof **e, "an operand", err);

    if (rc) {
        free(name);
        return rc;
    }
    (*e)->name = name;
    (*e)->next = cache->head;
    cache->head = *e;
    return 0;
}

/* False: the system gives no addresses for it. */
static bool
show(struct qn_operand_entry *e, struct qn_shelf *shelf,
     const struct qn_shelf_place *place)
{
    e->used = true;
    if (e->shelved && e->place.serial == place->serial)
        return true; // nobody has emptied it meanwhile
    drop_array(e);
    e->array = qn_array_view(&place->type, qn_shelf_map(shelf, place));
    e->place = *place;
    e->shelved = e->used = e->array.data != NULL;
    return e->shelved;
}

/* From the shelf, if there is room for it.  *busy: another worker is making
 * it, and nobody waits. */
static int
fetch(struct qn_operand_entry *e, const struct wanted *w, bool *busy,
      struct qn_error *err)
{
    struct qn_shelf *shelf = &w->cache->shelf;
    struct qn_fingerprint of;
    struct qn_shelf_place place;
    struct qn_key key;
    bool shelved = true;

    QN_TRY(qn_key_open(&key, err));
    qn_key_text(&key, e->name);
    qn_key_finish(&key, &of);
    switch (qn_shelf_find(shelf, &of, w->wait, &place)) {
    case QN_SHELF_BUSY:
        *busy = true;
        return 0;
    case QN_SHELF_NONE:
        return 0;
    case QN_SHELF_MAKE:
        drop_array(e);
        QN_TRY(shelve(w, &place, &e->array, &shelved, err));
        break;
    case QN_SHELF_HAVE:
        break;
    }
    if (shelved)
        show(e, shelf, &place);
    return 0;
}

/* The array of an entry, if it is not there or may have gone. */
static int
fill(struct qn_operand_entry *e, const struct wanted *w, bool *busy,
     struct qn_error *err)
{
    const json_t *number = json_object_get(w->use, "number");

    *busy = false;
    if (e->array.data && (!e->shelved || e->used))
        return 0;
    if (number)
        return load_number(&e->array, json_number_value(number), w->real,
                           err);
    if (json_object_get(w->use, "path") && w->cache->shelf.limit > 0)
        QN_TRY(fetch(e, w, busy, err));
    if (*busy || (e->array.data && (!e->shelved || e->used)))
        return 0;
    drop_array(e);
    return load(&e->array, w->cache, w->use, w->own, w->real, err);
}

/* What is found or begun is in front. */
static int
get(const struct wanted *w, bool *busy, struct qn_error *err)
{
    struct qn_operands_cache *cache = w->cache;
    struct qn_operand_entry *e;
    char *name;
    int rc;

    QN_TRY(name_of(&name, w->use, w->own, w->real, err));
    e = find(cache, name);
    if (e)
        free(name);
    else
        QN_TRY(add(&e, cache, name, err));
    rc = fill(e, w, busy, err);
    if (!rc && !*busy)
        return 0;
    cache->head = e->next;
    drop_entry(e);
    return rc;
}

int
qn_operand_get(struct qn_operands_cache *cache, const json_t *uses, size_t i,
               const char *own, enum qn_dtype real,
               const struct qn_array **array, struct qn_error *err)
{
    struct wanted w = {.cache = cache, .use = json_array_get(uses, i),
                       .own = own, .real = real};
    bool busy, other;

    QN_TRY(get(&w, &busy, err));
    // while another worker makes it, what comes next can be made; what goes
    // wrong with that is said when its turn has come
    for (size_t k = i + 1; busy && k < json_array_size(uses); k++) {
        w.use = json_array_get(uses, k);
        get(&w, &other, NULL);
    }
    w.use = json_array_get(uses, i);
    w.wait = true;
    if (busy)
        QN_TRY(get(&w, &busy, err));
    *array = &cache->head->array;
    return 0;
}

void
qn_operand_trim(struct qn_operands_cache *cache)
{
    struct qn_operand_entry **p = &cache->head;
    size_t held = 0;
    int kept = 0;

    qn_shelf_leave(&cache->shelf);
    while (*p) {
        struct qn_operand_entry *e = *p;
        size_t bytes = e->shelved ? 0 : qn_array_bytes(&e->array);

        e->used = false;
        // numbers weigh nothing, but every entry costs a comparison
        if (held + bytes <= cache->limit && kept < 64) {
            held += bytes;
            kept++;
            p = &e->next;
            continue;
        }
        *p = e->next;
        drop_entry(e);
    }
}

void
qn_operand_limit(struct qn_operands_cache *cache, int64_t own, int64_t shelf)
{
    const bool used = shelf > 0 && cache->shelf.fd >= 0;

    cache->limit = used ? 0 : (size_t)own;
    cache->shelf.limit = used ? shelf : 0;
}

void
qn_operand_shelf(struct qn_operands_cache *cache, int fd)
{
    for (struct qn_operand_entry **p = &cache->head, *e; (e = *p);) {
        if (!e->shelved) {
            p = &e->next;
            continue;
        }
        *p = e->next;
        drop_entry(e);
    }
    qn_shelf_open(&cache->shelf, fd);
}
