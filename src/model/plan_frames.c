/* Frames of a file as items.
 *
 * They are taken in runs, so that a file is opened once for many; the cut
 * follows from shape and type alone, never from the machine. */
#include <string.h>

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
    int64_t bytes = qn_shape_bytes(frame);
    int64_t n = bytes > 0 ? (64 << 20) / bytes : 64;

    if (qn_plan_frames_named(stage))
        return 1;
    return n > 64 ? n : 64;
}

/* Do the frames of an item have numbers to be told by?  They are 32 bits
 * wide. */
static bool
has_frames(const struct qn_item *item)
{
    const struct qn_shape *s = &item->type->shape;

    return !item->code && s->ndims > 0 && s->n[0] > 0 && s->n[0] <= INT32_MAX;
}

static int64_t
count_runs(const struct qn_stage *stage, const struct qn_item *from,
           struct qn_type *frame)
{
    const struct qn_shape *s = &from->type->shape;
    int64_t run;

    *frame = *from->type;
    if (!has_frames(from))
        return 1;
    frame->shape.ndims--;
    memmove(frame->shape.n, s->n + 1,
            (size_t)frame->shape.ndims * sizeof *s->n);
    run = run_of_frames(stage, frame);
    return (s->n[0] + run - 1) / run;
}

/* Append the runs of an item to out: they share its texts. */
static int
expand_item(struct qn_item *out, struct qn_pool *pool,
            const struct qn_stage *stage, const struct qn_item *from,
            struct qn_error *err)
{
    const struct qn_type *one = NULL;
    struct qn_type frame;
    int64_t runs = count_runs(stage, from, &frame), all, run;

    *out = *from;
    if (from->code)
        return 0;
    if (!has_frames(from))
        return qn_item_fail(pool, out, QN_ESHAPE,
                            from->type->shape.ndims > 0 &&
                                    from->type->shape.n[0] > 0
                                ? "it has more than 2,147,483,647 frames"
                                : "it has no leading axis, so no frames",
                            err);
    QN_TRY(qn_item_intern(pool, &one, &frame, err));
    all = from->type->shape.n[0];
    run = run_of_frames(stage, &frame);
    for (int64_t i = 0; i < runs; i++) {
        int64_t left = all - i * run;

        out[i] = *from;
        out[i].type = one;
        out[i].frame = (int32_t)(i * run);
        out[i].nframes = (int32_t)(left < run ? left : run);
    }
    return 0;
}

int
qn_plan_frames_expand(struct qn_plan_stage *st, struct qn_error *err)
{
    struct qn_item *runs;
    struct qn_type frame;
    int64_t n = 0;

    for (size_t i = 0; i < st->items.n; i++)
        n += count_runs(st->stage, &st->items.v[i], &frame);
    QN_TRY(qn_pool_make(&st->pool, (void **)&runs, (size_t)n,
                        sizeof *runs, err));
    n = 0;
    for (size_t i = 0; i < st->items.n; i++) {
        const struct qn_item *from = &st->items.v[i];

        QN_TRY(expand_item(&runs[n], &st->pool, st->stage, from, err));
        n += count_runs(st->stage, from, &frame);
    }
    st->items.v = runs;
    st->items.n = st->items.cap = (size_t)n;
    return 0;
}
