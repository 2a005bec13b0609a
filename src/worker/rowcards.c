/* Cards of many items, a column a keyword: see rowcards.h.
 *
 * Headers of a series look alike, so a card is looked for behind the one
 * before it, and a value is compared with that of the row above.  Knows no
 * file. */
#include "worker/rowcards.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/fields.h"

/* A type of some hundred columns still fits into the 64 KiB that HDF5 has for
 * it, with the longest keywords. */
enum { MOST = 500 };

struct qn_rowcards_one {
    char *keyword;
    const char **value; /* [rows]: its kind, then the text; NULL: none */
    size_t last;        /* the row above that has a value              */
};

/* ---- collecting -------------------------------------------------------------- */

static int
add_column(struct qn_rowcards *r, const char *keyword, struct qn_error *err)
{
    struct qn_rowcards_one *one;

    QN_TRY(qn_memory_grow((void **)&r->column, &r->cap, r->n + 1,
                          sizeof *r->column, err));
    one = &r->column[r->n];
    *one = (struct qn_rowcards_one){0};
    QN_TRY(qn_pool_text(&r->pool, &one->keyword, keyword, err));
    QN_TRY(qn_pool_make(&r->pool, (void **)&one->value, r->rows,
                        sizeof *one->value, err));
    r->n++;
    return 0;
}

/* Its column, looked for from next on. */
static int
find_column(struct qn_rowcards *r, const char *keyword, size_t *next,
            struct qn_rowcards_one **one, struct qn_error *err)
{
    size_t i = *next;

    for (size_t k = 0; k < r->n; k++, i++) {
        i = i < r->n ? i : 0;
        if (strcmp(r->column[i].keyword, keyword) != 0)
            continue;
        *next = i + 1;
        *one = &r->column[i];
        return 0;
    }
    QN_TRY(add_column(r, keyword, err));
    *next = r->n;
    *one = &r->column[r->n - 1];
    return 0;
}

static int
keep_value(struct qn_rowcards *r, struct qn_rowcards_one *one, size_t row,
           const struct qn_card *card, struct qn_error *err)
{
    const char *above = one->value[one->last];
    char value[sizeof card->value + 1];

    one->last = row;
    if (above && *above == card->kind && !strcmp(above + 1, card->value)) {
        one->value[row] = above;
        return 0;
    }
    value[0] = card->kind;
    memcpy(value + 1, card->value, sizeof card->value);
    return qn_pool_intern(&r->pool, (const void **)&one->value[row], value,
                          strlen(value) + 1, err);
}

int
qn_rowcards_take(struct qn_rowcards *r, size_t row,
                 const struct qn_cards *cards, struct qn_error *err)
{
    struct qn_rowcards_one *one;
    size_t next = 0;

    for (size_t i = 0; i < cards->n; i++) {
        const struct qn_card *card = &cards->v[i];

        if (card->kind == 'c' || !*card->keyword)
            continue;
        QN_TRY(find_column(r, card->keyword, &next, &one, err));
        if (!one->value[row] && card->kind != 'u')
            QN_TRY(keep_value(r, one, row, card, err));
    }
    return 0;
}

/* ---- what differs ------------------------------------------------------------ */

static bool
is_whole(const char *text, int64_t *n)
{
    char *end;

    errno = 0;
    *n = strtoll(text, &end, 10);
    return end != text && !*end && !errno;
}

enum kind { NOTHING, TEXT, WHOLE, REAL };

static enum kind
kind_of(const struct qn_rowcards *r, const struct qn_rowcards_one *one,
        const struct qn_row *rows)
{
    enum kind kind = WHOLE;
    bool any = false;
    int64_t whole;
    double real;

    for (size_t i = 0; i < r->rows; i++) {
        const char *v = one->value[i];

        any = any || v;
        if (v && (*v != 'n' || !qn_fields_number(&real, v + 1)))
            return TEXT;
        if (v ? !is_whole(v + 1, &whole) : !rows[i].failed)
            kind = REAL;
    }
    return any ? kind : NOTHING;
}

static int
fill_column(struct qn_rowcards *r, const struct qn_rowcards_one *one,
            enum kind kind, struct qn_row_column *c, struct qn_error *err)
{
    c->keyword = one->keyword;
    if (kind == TEXT)
        QN_TRY(qn_pool_make(&r->pool, (void **)&c->text, r->rows,
                            sizeof *c->text, err));
    else if (kind == WHOLE)
        QN_TRY(qn_pool_make(&r->pool, (void **)&c->whole, r->rows,
                            sizeof *c->whole, err));
    else
        QN_TRY(qn_pool_make(&r->pool, (void **)&c->real, r->rows,
                            sizeof *c->real, err));
    for (size_t i = 0; i < r->rows; i++) {
        const char *v = one->value[i];

        if (kind == TEXT)
            c->text[i] = v ? v + 1 : "";
        else if (kind == WHOLE && v)
            is_whole(v + 1, &c->whole[i]);
        else if (kind == REAL && (!v || !qn_fields_number(&c->real[i], v + 1)))
            c->real[i] = NAN;
    }
    return 0;
}

int
qn_rowcards_settle(struct qn_rowcards *r, const struct qn_cards *shared,
                   const struct qn_row *rows, struct qn_error *err)
{
    QN_TRY(qn_pool_make(&r->pool, (void **)&r->differ, r->n,
                        sizeof *r->differ, err));
    r->ndiffer = 0;
    for (size_t i = 0; i < r->n && r->ndiffer < MOST; i++) {
        const struct qn_rowcards_one *one = &r->column[i];
        enum kind kind = kind_of(r, one, rows);

        if (kind != NOTHING && !qn_cards_find(shared, one->keyword))
            QN_TRY(fill_column(r, one, kind, &r->differ[r->ndiffer++], err));
    }
    return 0;
}

void
qn_rowcards_clear(struct qn_rowcards *r)
{
    qn_pool_clear(&r->pool);
    free(r->column);
    *r = (struct qn_rowcards){0};
}
