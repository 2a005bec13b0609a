/* A band of a combination: some pixels of all members.
 *
 *   {program, dtype, members: [byte offset of each], pixels, out, count}
 *
 * Members lie in shared memory, in item order; the result and the counts go
 * to shared memory, already of the type that is written. */
#include <stdlib.h>

#include "base/memory.h"
#include "model/dtype.h"
#include "worker/worker.h"

struct band {
    const void **member; /* owned */
    double *weight;      /* owned or NULL */
    size_t n, pixels;
    enum qn_dtype dtype;
};

static int64_t
integer(const json_t *request, const char *key)
{
    return json_integer_value(json_object_get(request, key));
}

static int
find_members(struct qn_worker *w, const json_t *request, struct band *b,
             struct qn_error *err)
{
    json_t *offsets = json_object_get(request, "members");
    int64_t bytes = (int64_t)(b->pixels * qn_dtype_size(b->dtype)), last = 0;
    void *base;

    b->n = json_array_size(offsets);
    QN_TRY(qn_memory_make((void **)&b->member, b->n, sizeof *b->member,
                          "a band", err));
    for (size_t i = 0; i < b->n; i++) {
        int64_t at = json_integer_value(json_array_get(offsets, i));

        last = at > last ? at : last;
    }
    // mapped once as a whole: a second mapping would move the first
    QN_TRY(qn_worker_map(w, QN_SLOT_MEMBERS, 0, last + bytes, &base, err));
    for (size_t i = 0; i < b->n; i++)
        b->member[i] = (char *)base + json_integer_value(
                                          json_array_get(offsets, i));
    return 0;
}

static int
find_weights(const json_t *request, struct band *b, struct qn_error *err)
{
    json_t *weights = json_object_get(request, "weights");

    if (!json_is_array(weights))
        return 0;
    QN_TRY(qn_memory_make((void **)&b->weight, b->n, sizeof *b->weight,
                          "weights", err));
    for (size_t i = 0; i < b->n; i++)
        b->weight[i] = json_number_value(json_array_get(weights, i));
    return 0;
}

static int
combine(struct qn_worker *w, const struct qn_program *p,
        const json_t *request, struct band *b, struct qn_error *err)
{
    enum qn_dtype natural = qn_combine_dtype(&p->combine, b->dtype);
    enum qn_dtype written = p->dtype < 0 ? natural : (enum qn_dtype)p->dtype;
    int64_t out_at = integer(request, "out"),
            count_at = integer(request, "count");
    int64_t out_bytes = (int64_t)(b->pixels * qn_dtype_size(written));
    int64_t end = count_at + (int64_t)(b->pixels * sizeof(int32_t));
    void *base, *out, *made;
    int rc;

    if (out_at + out_bytes > end)
        end = out_at + out_bytes;
    QN_TRY(qn_worker_map(w, QN_SLOT_RESULT, 0, end, &base, err));
    out = (char *)base + out_at;
    QN_TRY(qn_memory_make(&made, b->pixels, qn_dtype_size(natural),
                          "a band", err));
    rc = qn_combine_band(&p->combine, b->dtype, b->member, b->weight, b->n,
                         b->pixels, made,
                         (int32_t *)(void *)((char *)base + count_at), err);
    if (!rc)
        rc = qn_dtype_convert(out, written, made, natural, b->pixels, err);
    free(made);
    return rc;
}

int
qn_band_run(struct qn_worker *w, const json_t *request, json_t *reply,
            struct qn_error *err)
{
    const char *dtype =
        json_string_value(json_object_get(request, "dtype"));
    const struct qn_program *p;
    struct band b = {.pixels = (size_t)integer(request, "pixels")};
    int rc;

    (void)reply;
    QN_TRY(qn_worker_program(w, request, &p, err));
    QN_TRY(qn_dtype_parse(&b.dtype, NULL, dtype ? dtype : "", err));
    rc = find_members(w, request, &b, err);
    if (!rc)
        rc = find_weights(request, &b, err);
    if (!rc)
        rc = combine(w, p, request, &b, err);
    free(b.member);
    free(b.weight);
    return rc;
}
