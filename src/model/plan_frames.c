/* Frames of a file as items.
 *
 * They are taken in runs, so that a file is opened once for many; the cut
 * follows from shape and type alone, never from the machine. */
#include <string.h>

#include "model/dtype.h"
#include "model/plan_parts.h"
#include "model/shape.h"

struct asking {
    bool frame;
};

static void
ask_frame(void *ctx, const char *name)
{
    struct asking *a = ctx;

    a->frame = a->frame || !strcmp(name, "frame");
}

bool
qn_plan_frames_named(const struct qn_stage *stage)
{
    struct asking a = {false};

    if (stage->input.where)
        qn_expr_names(&stage->input.where_expr, ask_frame, &a);
    for (size_t i = 0; i < stage->combine.per.n; i++)
        qn_expr_names(&stage->combine.per_expr[i], ask_frame, &a);
    if (stage->output.name)
        qn_fields_names(stage->output.name, ask_frame, &a, NULL);
    return a.frame;
}

/* Frames that are opened and claimed together: at least 64, or 64 MiB. */
static int64_t
run_of_frames(const struct qn_stage *stage, const struct qn_type *frame)
{
    int64_t bytes = qn_shape_count(&frame->shape) *
                    (int64_t)qn_dtype_size(frame->dtype);
    int64_t n = bytes > 0 ? (64 << 20) / bytes : 64;

    if (qn_plan_frames_named(stage))
        return 1;
    return n > 64 ? n : 64;
}

static int
expand_item(struct qn_items *out, const struct qn_stage *stage,
            const struct qn_item *from, struct qn_error *err)
{
    struct qn_type frame = from->type;
    int64_t all = from->type.shape.n[0], run;
    struct qn_item *it;

    if (from->code || from->type.shape.ndims < 1 || all < 1) {
        QN_TRY(qn_item_copy(out, from, &it, err));
        if (from->code)
            return 0;
        return qn_item_fail(it, QN_ESHAPE,
                            "it has no leading axis, so no frames", err);
    }
    frame.shape.ndims--;
    memmove(frame.shape.n, frame.shape.n + 1,
            (size_t)frame.shape.ndims * sizeof *frame.shape.n);
    run = run_of_frames(stage, &frame);
    for (int64_t at = 0; at < all; at += run) {
        QN_TRY(qn_item_copy(out, from, &it, err));
        it->type = frame;
        it->frame = at;
        it->nframes = all - at < run ? all - at : run;
    }
    return 0;
}

int
qn_plan_frames_expand(struct qn_plan_stage *st, struct qn_error *err)
{
    struct qn_items runs = {0};
    int rc = 0;

    for (size_t i = 0; i < st->items.n && !rc; i++)
        rc = expand_item(&runs, st->stage, &st->items.v[i], err);
    qn_item_clear(&st->items);
    st->items = runs;
    return rc;
}
