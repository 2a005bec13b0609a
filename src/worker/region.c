/* Part of an item, or of an operand, to memory: what a rank that owns a block
 * of a grid asks for.
 *
 * Read piece by piece, so that no more than the part is ever held; of an
 * operand that is reduced first a piece has all frames. */
#include <string.h>

#include "io/cards_json.h"
#include "io/reader.h"
#include "model/array.h"
#include "model/dtype.h"
#include "model/json.h"
#include "model/need.h"
#include "model/shape.h"
#include "worker/worker.h"

enum {
    PIECE = 1 << 20,          /* bytes that are read at a time            */
    LEAST_REDUCED = 64 << 10, /* that are reduced at a time               */
};

static const char *
text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* What is to be opened: the item's file, or that of an operand. */
static struct qn_source
find_source(const struct qn_program *p, const json_t *request)
{
    const json_t *use = json_object_get(request, "use");
    struct qn_source source = {0};

    if (!use) {
        source = p->source;
        source.path = text(request, "path");
        if (text(request, "dataset"))
            source.dataset = text(request, "dataset");
        if (text(request, "hdu"))
            source.hdu = text(request, "hdu");
        return source;
    }
    // a dataset of the item's own file has no path
    source.path = text(use, "path") ? text(use, "path") : text(request, "path");
    source.one_row = json_object_get(use, "row") != NULL;
    source.row = json_integer_value(json_object_get(use, "row"));
    source.hdu = text(use, "hdu");
    source.dataset = text(use, "dataset");
    return source;
}

/* Has what is read an axis in front of those that are asked for: frames, of
 * which one is wanted or (use) all are reduced? */
static bool
has_lead(const json_t *request)
{
    const json_t *use = json_object_get(request, "use");

    return use ? text(use, "reduce") != NULL
               : json_object_get(request, "frame") != NULL;
}

/* The axes of what is read that can be asked for. */
static int
find_shape(struct qn_shape *shape, const struct qn_reader *r,
           const json_t *request, struct qn_error *err)
{
    *shape = qn_reader_info(r)->type.shape;
    if (!has_lead(request))
        return 0;
    if (shape->ndims < (json_object_get(request, "use") ? 2 : 1))
        return qn_fail(err, QN_ESHAPE,
                       json_object_get(request, "use")
                           ? "`reduce` of an operand needs a leading axis"
                           : "it has no leading axis, so no frames");
    shape->ndims--;
    memmove(shape->n, shape->n + 1, (size_t)shape->ndims * sizeof *shape->n);
    return 0;
}

/* Does an operand serve the grid that its part is asked for? */
static int
check_grid(const json_t *request, const struct qn_shape *shape,
           struct qn_error *err)
{
    const json_t *n = json_object_get(request, "grid");
    struct qn_shape grid = {.ndims = (int)json_array_size(n)};

    for (int a = 0; a < grid.ndims; a++)
        grid.n[a] = json_integer_value(json_array_get(n, (size_t)a));
    return n ? qn_shape_fits(&grid, shape, err) : 0;
}

/* The box that is asked for, in the axes of what is read: an axis of length 1
 * serves all, and leading axes may be missing. */
static int
find_box(struct qn_box *box, const json_t *request,
         const struct qn_shape *shape, struct qn_error *err)
{
    const json_t *start = json_object_get(request, "start");
    const json_t *count = json_object_get(request, "count");
    size_t n = json_array_size(start);

    *box = qn_shape_box(shape);
    QN_TRY(check_grid(request, shape, err));
    if ((size_t)shape->ndims > n)
        return qn_fail(err, QN_ESHAPE,
                       "it has %d axes, more than the %zu expected",
                       shape->ndims, n);
    for (int a = 0; a < shape->ndims; a++) {
        size_t at = n - (size_t)shape->ndims + (size_t)a;

        if (json_object_get(request, "use") && shape->n[a] == 1)
            continue;
        box->start[a] = json_integer_value(json_array_get(start, at));
        box->count[a] = json_integer_value(json_array_get(count, at));
        if (box->start[a] + box->count[a] > shape->n[a])
            return qn_fail(err, QN_ESHAPE,
                           "the file changed its shape since it was looked "
                           "at; run again when it is complete");
    }
    return 0;
}

/* The frame that is asked for, or all of them, in front of the box. */
static int
add_lead(struct qn_box *box, const struct qn_reader *r, const json_t *request,
         struct qn_error *err)
{
    struct qn_box all = qn_shape_box(&qn_reader_info(r)->type.shape);

    if (!has_lead(request))
        return 0;
    if (!json_object_get(request, "use")) {
        all.start[0] = json_integer_value(json_object_get(request, "frame"));
        if (all.start[0] >= all.count[0])
            return qn_fail(err, QN_ESHAPE,
                           "the file has fewer frames than when it was looked "
                           "at; run again when it is complete");
        all.count[0] = 1;
    }
    memcpy(all.start + 1, box->start, (size_t)box->ndims * sizeof *box->start);
    memcpy(all.count + 1, box->count, (size_t)box->ndims * sizeof *box->count);
    *box = all;
    return 0;
}

/* Scaled in float64 and rounded once, like any operand. */
static void
scale(double *v, size_t n, double by)
{
    for (size_t i = 0; i < n; i++)
        v[i] *= by;
}

/* Samples to memory, in the type that is asked for. */
static int
hand_over(void *memory, enum qn_dtype to, double by, const struct qn_array *a,
          struct qn_error *err)
{
    size_t n = (size_t)qn_shape_count(&a->type.shape);
    struct qn_array wide = {0};
    int rc;

    if (by == 1)
        return qn_dtype_convert(memory, to, a->data, a->type.dtype, n, err);
    rc = qn_array_convert(&wide, a, QN_F64, err);
    if (!rc) {
        scale(wide.data, n, by);
        rc = qn_dtype_convert(memory, to, wide.data, QN_F64, n, err);
    }
    qn_array_clear(&wide);
    return rc;
}

/* Rows that are read at a time, from row `at` on: few, where that costs
 * nothing; of chunks whole rows of them. */
static int64_t
rows_at_a_time(const struct qn_info *info, const struct qn_box *box, int axis,
               int64_t at)
{
    const struct qn_shape *chunk = &info->chunk;
    int64_t bytes = (int64_t)qn_dtype_size(info->type.dtype), rows;

    if (!box->ndims || (!info->by_rows && chunk->ndims != box->ndims))
        return INT64_MAX;
    for (int a = axis + 1; a < box->ndims; a++)
        bytes *= box->count[a];
    rows = bytes < PIECE ? PIECE / (bytes ? bytes : 1) : 1;
    if (info->by_rows)
        return rows;
    if (box->step[axis] != 1 || chunk->n[axis] < 1)
        return INT64_MAX;
    rows = (rows + chunk->n[axis] - 1) / chunk->n[axis] * chunk->n[axis];
    return rows - at % chunk->n[axis];
}

static int
read_piece(struct qn_reader *r, const struct qn_box *box, void *memory,
           enum qn_dtype to, double by, struct qn_error *err)
{
    struct qn_type type = qn_reader_info(r)->type;
    struct qn_array a = {0};
    int rc;

    for (int i = 0; i < type.shape.ndims; i++)
        type.shape.n[i] = box->count[i];
    rc = qn_array_make(&a, &type, err);
    if (!rc)
        rc = qn_reader_read(r, box, a.data, err);
    if (!rc)
        rc = hand_over(memory, to, by, &a, err);
    qn_array_clear(&a);
    return rc;
}

/* The box, piece by piece along the first of its axes that has several. */
static int
read_box(struct qn_reader *r, const struct qn_box *box, char *memory,
         enum qn_dtype to, double by, struct qn_error *err)
{
    struct qn_box piece = *box;
    int axis = 0;
    int64_t left;

    while (axis < box->ndims - 1 && box->count[axis] == 1)
        axis++;
    left = box->ndims ? box->count[axis] : 1;
    while (left > 0) {
        const int64_t rows = rows_at_a_time(qn_reader_info(r), box, axis,
                                            piece.ndims ? piece.start[axis] : 0);
        const int64_t n = left < rows ? left : rows;
        size_t samples = 1;

        if (box->ndims)
            piece.count[axis] = n;
        for (int a = 0; a < box->ndims; a++)
            samples *= (size_t)piece.count[a];
        QN_TRY(read_piece(r, &piece, memory, to, by, err));
        memory += samples * qn_dtype_size(to);
        piece.start[axis] += n;
        left -= n;
    }
    return 0;
}

/* ---- all frames, reduced --------------------------------------------------- */

/* The first axis behind the leading one that can be cut; 0: none can. */
static int
axis_to_cut(const struct qn_box *box)
{
    for (int a = 1; a < box->ndims; a++)
        if (box->count[a] > 1)
            return a;
    return 0;
}

/* Where: in the middle, at the end of a chunk if there is one near. */
static int64_t
middle_of(const struct qn_reader *r, const struct qn_box *box, int axis)
{
    const struct qn_shape *chunk = &qn_reader_info(r)->chunk;
    const int64_t half = box->count[axis] / 2;
    const int64_t over = chunk->ndims == box->ndims && chunk->n[axis] > 0
                             ? (box->start[axis] + half) % chunk->n[axis]
                             : 0;

    return over < half ? half - over : half;
}

/* In pieces of so many bytes: what comes out of one does not depend on the
 * others.  *memory is behind it then. */
static int
read_reduced(struct qn_reader *r, const struct qn_box *box, char **memory,
             enum qn_dtype to, const json_t *use, int64_t most,
             struct qn_error *err)
{
    const int axis = axis_to_cut(box);
    struct qn_type type = qn_reader_info(r)->type;
    struct qn_array a = {0};
    int rc;

    for (int i = 0; i < box->ndims; i++)
        type.shape.n[i] = box->count[i];
    if (axis && qn_shape_count(&type.shape) * (int64_t)sizeof(double) > most) {
        struct qn_box part = *box;

        part.count[axis] = middle_of(r, box, axis);
        QN_TRY(read_reduced(r, &part, memory, to, use, most, err));
        part.start[axis] += part.count[axis];
        part.count[axis] = box->count[axis] - part.count[axis];
        return read_reduced(r, &part, memory, to, use, most, err);
    }
    rc = qn_array_make(&a, &type, err);
    if (!rc)
        rc = qn_reader_read(r, box, a.data, err);
    if (!rc)
        rc = qn_operand_reduce(&a, text(use, "reduce"), err);
    if (!rc)
        rc = hand_over(*memory, to,
                       json_number_value(json_object_get(use, "scale")), &a,
                       err);
    if (!rc)
        *memory += (size_t)qn_shape_count(&a.type.shape) * qn_dtype_size(to);
    qn_array_clear(&a);
    return rc;
}

/* ---- a request -------------------------------------------------------------- */

/* Bytes that are reduced at a time. */
static int64_t
reduced_at_a_time(const struct qn_program *p)
{
    const int64_t part = p->memory / 8;

    if (!p->memory || part > QN_NEED_REDUCED)
        return QN_NEED_REDUCED;
    return part > LEAST_REDUCED ? part : LEAST_REDUCED;
}

static int
read_part(struct qn_worker *w, const struct qn_program *p,
          const json_t *request, json_t *reply, struct qn_reader *r,
          struct qn_error *err)
{
    const json_t *use = json_object_get(request, "use");
    const double by = use ? json_number_value(json_object_get(use, "scale")) : 1;
    struct qn_shape shape;
    struct qn_box box;
    enum qn_dtype to;
    int64_t n = 1;
    void *memory;

    QN_TRY(find_shape(&shape, r, request, err));
    json_object_set_new(reply, "shape", qn_json_shape(&shape));
    json_object_set_new(
        reply, "dtype",
        json_string(qn_dtype_name(qn_reader_info(r)->type.dtype)));
    if (!json_object_get(request, "offset"))
        return 0;
    QN_TRY(find_box(&box, request, &shape, err));
    for (int i = 0; i < box.ndims; i++)
        n *= box.count[i];
    QN_TRY(add_lead(&box, r, request, err));
    QN_TRY(qn_dtype_parse(&to, NULL, text(request, "dtype"), err));
    QN_TRY(qn_worker_map(
        w, QN_SLOT_MEMBERS,
        json_integer_value(json_object_get(request, "offset")),
        n * (int64_t)qn_dtype_size(to), &memory, err));
    if (use && text(use, "reduce"))
        return read_reduced(r, &box, (char **)&memory, to, use,
                            reduced_at_a_time(p), err);
    return read_box(r, &box, memory, to, by, err);
}

int
qn_region_run(struct qn_worker *w, const json_t *request, json_t *reply,
              struct qn_error *err)
{
    const json_t *use = json_object_get(request, "use");
    const struct qn_program *p;
    struct qn_source source;
    struct qn_reader *r = NULL;
    int rc;

    QN_TRY(qn_worker_program(w, request, &p, err));
    source = find_source(p, request);
    rc = qn_reader_open(&r, &source, err);
    if (rc && use)
        qn_wrap(err, "operand");
    if (!rc)
        rc = read_part(w, p, request, reply, r, err);
    if (!rc && !use)
        json_object_set_new(reply, "cards",
                            qn_cards_json_make(qn_reader_cards(r)));
    qn_reader_close(r);
    return rc;
}
