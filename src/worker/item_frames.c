/* A run of frames of one file: each goes through the steps by itself, and one
 * that fails costs no other. */
#include "worker/item_parts.h"

#include <string.h>

#include "io/cards_json.h"
#include "model/array.h"
#include "model/json.h"
#include "model/shape.h"

/* What reductions of a frame gave: of each dataset all frames lie one behind
 * the other. */
static int
hand_over_products(struct qn_item_making *m, struct qn_products *all,
                   int64_t index, int64_t frames, struct qn_error *err)
{
    int64_t at = qn_json_integer(m->request, "offset"), left;
    void *to;

    left = qn_json_integer(m->request, "bytes");
    for (int i = 0; i < all->n; i++) {
        qn_item_caution(m, m->p->steps[m->p->nsteps + i].product, &all->run[i]);
        for (int k = 0; k < all->run[i].nout; k++) {
            struct qn_array *out = &all->run[i].out[k];
            int64_t n;

            if (!k)
                QN_TRY(qn_item_convert(out, m->p->dtype, err));
            n = (int64_t)qn_array_bytes(out);
            left -= frames * n;
            if (left < 0)
                break;
            QN_TRY(qn_worker_map(m->w, QN_SLOT_MEMBERS, at + index * n, n, &to,
                                 err));
            memcpy(to, out->data, (size_t)n);
            at += frames * n;
        }
    }
    if (left)
        return qn_fail(err, QN_ESHAPE,
                       "the file changed its shape since it was looked at; "
                       "run again when it is complete");
    return 0;
}

static int
reduce_frame(struct qn_item_making *m, const struct qn_type *type,
             const struct qn_box *box, const struct qn_item_place *place,
             struct qn_cards *cards, struct qn_error *err)
{
    struct qn_products all = {0};
    int rc = qn_item_reduce(m, &all, type, box, cards, NULL, err);

    if (!rc)
        rc = hand_over_products(m, &all, place->index, place->frames, err);
    qn_products_clear(&all);
    return rc;
}

static int
make_frame(struct qn_item_making *m, int64_t index, int64_t frames,
           struct qn_cards *cards, struct qn_error *err)
{
    const struct qn_info *info = qn_reader_info(m->reader);
    struct qn_box box = qn_shape_box(&info->type.shape);
    const struct qn_item_place place = {m, index, frames};
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
    rc = qn_item_apply(m, &a, &type, &box, &place, cards, NULL, err);
    if (!rc)
        rc = qn_item_hand_over(m, &a, index, frames, err);
    qn_array_clear(&a);
    return rc;
}

/* A frame's own failure, as opposed to the file's. */
static bool
is_frames_own(int code)
{
    return code == QN_EVALUE || code == QN_ESHAPE || code == QN_EMISSING;
}

int
qn_item_frames(struct qn_item_making *m, struct qn_error *err)
{
    int64_t n = qn_json_integer(m->request, "nframes");
    json_t *lost = json_array();
    struct qn_cards cards = {0};
    int rc = qn_item_open(m, NULL, err);

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
