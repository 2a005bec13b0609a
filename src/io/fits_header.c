/* Headers of FITS files: the cards that travel with an item, and fields.
 *
 * Cards are kept apart from the structure of the file (fits_card.c), and an
 * extension inherits from the primary what it does not say itself.
 */
#include "io/fits_parts.h"

#include <stdio.h>
#include <string.h>

#include "io/fits_card.h"

/* ---- cards -------------------------------------------------------------- */

static int
add_cards(struct qn_cards *cards, fitsfile *f, struct qn_error *err)
{
    char record[FLEN_CARD];
    int n = 0, status = 0;

    fits_get_hdrspace(f, &n, NULL, &status);
    for (int i = 1; i <= n; i++) {
        if (fits_read_record(f, i, record, &status))
            return qn_fits_hdu_fail(status, "its header cannot be read", err);
        QN_TRY(qn_fits_card_add(cards, record, err));
    }
    return 0;
}

static bool
is_commentary(const struct qn_card *c)
{
    return c->kind == 'c';
}

// What the primary header says and the extension does not.
static int
inherit_cards(struct qn_fits *s, struct qn_error *err)
{
    struct qn_cards primary = {0};
    int rc, status = 0;

    if (fits_movabs_hdu(s->f, 1, NULL, &status))
        return qn_fits_hdu_fail(status, "its primary header cannot be read",
                                err);
    rc = add_cards(&primary, s->f, err);
    for (size_t i = 0, own = s->cards.n; !rc && i < primary.n; i++) {
        const struct qn_card *c = &primary.v[i];
        struct qn_cards extension = {s->cards.v, own, s->cards.cap};

        if (strncmp(c->keyword, "EXT", 3) == 0 &&
            (strcmp(c->keyword, "EXTNAME") == 0 ||
             strcmp(c->keyword, "EXTVER") == 0 ||
             strcmp(c->keyword, "EXTLEVEL") == 0))
            continue;
        if (is_commentary(c) || !qn_cards_find(&extension, c->keyword))
            rc = qn_cards_add(&s->cards, c->keyword, c->value, c->comment,
                              c->kind, err);
    }
    qn_cards_clear(&primary);
    fits_movabs_hdu(s->f, s->hdu + 1, NULL, &status);
    return rc;
}

int
qn_fits_header_load(struct qn_fits *s, struct qn_error *err)
{
    const struct qn_card *name;

    QN_TRY(add_cards(&s->cards, s->f, err));
    name = qn_cards_find(&s->cards, "EXTNAME");
    if (name && s->packed && strcmp(name->value, "COMPRESSED_IMAGE") == 0)
        qn_cards_drop(&s->cards, "EXTNAME");
    return s->hdu > 0 ? inherit_cards(s, err) : 0;
}

/* ---- fields ------------------------------------------------------------- */

static int
give_value(const char *name, const char *text, char kind, char *value,
           size_t size, bool *is_text, struct qn_error *err)
{
    if (kind == 'u')
        return qn_fail(err, QN_EMISSING, "keyword %s has no value", name);
    *is_text = kind == 's' || kind == 'c';
    return qn_reader_text(value, size, text, strlen(text), err);
}

// A text longer than a card, of the HDU that is current.
static int
give_long(struct qn_fits *s, const char *name, char *value, size_t size,
          bool *is_text, struct qn_error *err)
{
    char *text = NULL;
    int rc, status = 0;

    if (fits_read_key_longstr(s->f, name, &text, NULL, &status))
        return qn_fits_hdu_fail(status, name, err);
    rc = give_value(name, text, 's', value, size, is_text, err);
    fits_free_memory(text, &status);
    return rc;
}

// A structural keyword, which no card holds, of the HDU that is current.
static bool
find_record(struct qn_fits *s, const char *name, struct qn_card *card)
{
    char record[FLEN_CARD], packed[FLEN_KEYWORD];
    int status = KEY_NO_EXIST;

    if (strlen(name) >= 72 || strpbrk(name, "*?#"))
        return false;
    if (s->packed && strlen(name) < 8) {
        snprintf(packed, sizeof packed, "Z%s", name);
        status = 0;
        fits_read_card(s->f, packed, record, &status);
    }
    if (status) {
        status = 0;
        fits_read_card(s->f, name, record, &status);
    }
    fits_clear_errmsg();
    if (status)
        return false;
    qn_fits_card_parse(card, record);
    return true;
}

static bool
find_structure(struct qn_fits *s, const char *name, struct qn_card *card)
{
    int status = 0;
    bool found = find_record(s, name, card);

    if (!found && s->hdu > 0 && !fits_movabs_hdu(s->f, 1, NULL, &status)) {
        bool packed = s->packed;

        s->packed = false;
        found = find_record(s, name, card);
        s->packed = packed;
    }
    status = 0;
    fits_movabs_hdu(s->f, s->hdu + 1, NULL, &status);
    return found;
}

int
qn_fits_header_field(void *state, const char *name, char *value, size_t size,
                     bool *is_text, struct qn_error *err)
{
    struct qn_fits *s = state;
    const struct qn_card *c = qn_cards_find(&s->cards, name);
    struct qn_card record;
    size_t n = c ? strlen(c->value) : 0;

    if (c && c->kind == 's' && n && c->value[n - 1] == '&')
        return give_long(s, name, value, size, is_text, err);
    if (!c && find_structure(s, name, &record))
        c = &record;
    if (!c)
        return qn_fail(err, QN_EMISSING, "no keyword %s in %s%s", name,
                       s->where, s->hdu > 0 ? " or the primary header" : "");
    return give_value(name, c->value, c->kind, value, size, is_text, err);
}
