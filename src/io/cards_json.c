/* Cards to JSON and back. */
#include "io/cards_json.h"

json_t *
qn_cards_json_make(const struct qn_cards *cards)
{
    json_t *a = json_array();

    for (size_t i = 0; i < cards->n; i++) {
        const struct qn_card *c = &cards->v[i];
        char kind[2] = {c->kind, '\0'};
        json_t *card = json_pack("[s,s,s,s]", c->keyword, c->value,
                                 c->comment, kind);

        if (card)
            json_array_append_new(a, card);
    }
    return a;
}

int
qn_cards_json_load(struct qn_cards *cards, const json_t *array,
                   struct qn_error *err)
{
    json_t *card;
    size_t i;

    json_array_foreach(array, i, card) {
        const char *v[4];

        for (size_t k = 0; k < 4; k++) {
            v[k] = json_string_value(json_array_get(card, k));
            v[k] = v[k] ? v[k] : "";
        }
        QN_TRY(qn_cards_add(cards, v[0], v[1], v[2], v[3][0], err));
    }
    return 0;
}
