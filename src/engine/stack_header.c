/* Cards of many members, on many ranks, become those equal in all.
 *
 * Between ranks they travel as text.  Knows no stage and no file. */
#include "engine/stack_header.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "io/cards_json.h"

/* Two sets of cards become one: what both have, as the lower has it. */
void
qn_stack_header_merge(struct qn_stack_header *h, int member,
                      struct qn_cards *cards)
{
    struct qn_cards other = *cards;

    *cards = (struct qn_cards){0};
    if (h->lowest < 0) {
        h->cards = other;
        h->lowest = member;
        return;
    }
    if (member < h->lowest) {
        struct qn_cards swap = h->cards;

        h->cards = other;
        other = swap;
        h->lowest = member;
    }
    qn_cards_intersect(&h->cards, &other);
    qn_cards_clear(&other);
}

/* This rank's cards of a result as text: "MEMBER JSON", or "". */
static int
pack(struct qn_text *out, const struct qn_stack_header *h, struct qn_error *err)
{
    json_t *cards;
    char *text;

    if (h->lowest < 0)
        return 0;
    cards = qn_cards_json_make(&h->cards);
    text = json_dumps(cards, JSON_COMPACT);
    json_decref(cards);
    qn_text_add(out, "%d %s", h->lowest, text ? text : "[]");
    free(text);
    return qn_text_check(out, err);
}

static int
unpack(struct qn_stack_header *h, const char *text, size_t n,
       struct qn_error *err)
{
    struct qn_cards cards = {0};
    size_t space = n ? strcspn(text, " ") : 0;
    json_t *array;

    if (!n)
        return 0;
    array = json_loadb(text + space, n - space, 0, NULL);
    if (qn_cards_json_load(&cards, array, err)) {
        json_decref(array);
        return err ? err->code : QN_ENOMEM;
    }
    json_decref(array);
    qn_stack_header_merge(h, atoi(text), &cards);
    return 0;
}

int
qn_stack_header_share(struct qn_stack_header *h, struct qn_comm *comm,
                      struct qn_error *err)
{
    struct qn_stack_header whole = {.lowest = -1};
    struct qn_text mine = {0};
    size_t *sizes = NULL, at = 0;
    void *all = NULL;
    int rc = pack(&mine, h, err);

    if (!rc)
        rc = qn_memory_make((void **)&sizes, (size_t)comm->size,
                            sizeof *sizes, "header cards", err);
    rc = qn_comm_agree(comm, rc, err);
    if (!rc)
        rc = qn_comm_gather(comm, mine.s, mine.len, &all, sizes, err);
    for (int r = 0; !rc && r < comm->size; r++) {
        rc = unpack(&whole, (char *)all + at, sizes[r], err);
        at += sizes[r];
    }
    rc = qn_comm_agree(comm, rc, err);
    qn_cards_clear(&h->cards);
    *h = whole;
    qn_text_clear(&mine);
    free(all);
    free(sizes);
    return rc;
}

int
qn_stack_header_count(struct qn_stack_header *h, int used, struct qn_error *err)
{
    char number[16];

    if (h->lowest < 0 || !h->cards.n)
        return 0;
    snprintf(number, sizeof number, "%d", used);
    return qn_cards_set(&h->cards, "NCOMBINE", number,
                        "number of combined items", 'n', err);
}
