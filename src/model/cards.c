/* Header cards of an item, and what a change of geometry does to them.
 *
 * Knows the meaning of a few keywords (coordinates, sections) and no file
 * format: quoting, padding and CONTINUE are the readers' and writers'.
 * Lists are short (a few hundred cards), so they are searched in a row.
 */
#include "model/cards.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/text.h"

/* ---- the list ----------------------------------------------------------- */

// Copy what fits and mark the rest with "...", between UTF-8 characters.
static void
copy_cut(char *to, size_t size, const char *from)
{
    size_t len = strlen(from), end = size - 4;

    if (len < size) {
        memcpy(to, from, len + 1);
        return;
    }
    while (end > 0 && ((unsigned char)from[end] & 0xC0) == 0x80)
        end--;
    memcpy(to, from, end);
    memcpy(to + end, "...", 4);
}

static int
fill_card(struct qn_card *card, const char *keyword, const char *value,
          const char *comment, char kind, struct qn_error *err)
{
    size_t len = strlen(keyword);

    if (len >= sizeof card->keyword)
        return qn_fail(err, QN_EFORMAT,
                       "the keyword '%.20s...' has %zu bytes, more than a "
                       "header card holds (71)",
                       keyword, len);
    // A text that lacks its end is still readable; a number would be another.
    if (kind == 'n' && value && strlen(value) >= sizeof card->value)
        return qn_fail(err, QN_EFORMAT,
                       "the number of %s has %zu digits, more than a header "
                       "card holds (71)",
                       keyword, strlen(value));
    *card = (struct qn_card){.kind = kind};
    for (size_t i = 0; i < len; i++)
        card->keyword[i] = (char)toupper((unsigned char)keyword[i]);
    copy_cut(card->value, sizeof card->value, value ? value : "");
    copy_cut(card->comment, sizeof card->comment, comment ? comment : "");
    return 0;
}

int
qn_cards_add(struct qn_cards *c, const char *keyword, const char *value,
             const char *comment, char kind, struct qn_error *err)
{
    struct qn_card card;

    // Aside first: the texts may lie in the list that is about to move.
    QN_TRY(fill_card(&card, keyword, value, comment, kind, err));
    QN_TRY(
        qn_memory_grow((void **)&c->v, &c->cap, c->n + 1, sizeof *c->v, err));
    c->v[c->n++] = card;
    return 0;
}

static struct qn_card *
find_card(const struct qn_cards *c, const char *keyword)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcasecmp(c->v[i].keyword, keyword) == 0)
            return &c->v[i];
    return NULL;
}

const struct qn_card *
qn_cards_find(const struct qn_cards *c, const char *keyword)
{
    return find_card(c, keyword);
}

int
qn_cards_set(struct qn_cards *c, const char *keyword, const char *value,
             const char *comment, char kind, struct qn_error *err)
{
    struct qn_card *old = find_card(c, keyword), card;

    if (!old)
        return qn_cards_add(c, keyword, value, comment, kind, err);
    QN_TRY(fill_card(&card, keyword, value, comment ? comment : old->comment,
                     kind, err));
    *old = card;
    return 0;
}

// Keep the cards for which keep says so, in their order.
static void
filter(struct qn_cards *c, bool (*keep)(struct qn_card *card, void *ctx),
       void *ctx)
{
    size_t kept = 0;

    for (size_t i = 0; i < c->n; i++) {
        if (!keep(&c->v[i], ctx))
            continue;
        if (kept != i)
            c->v[kept] = c->v[i];
        kept++;
    }
    c->n = kept;
}

static bool
has_other_keyword(struct qn_card *card, void *ctx)
{
    return strcasecmp(card->keyword, ctx) != 0;
}

void
qn_cards_drop(struct qn_cards *c, const char *keyword)
{
    char word[sizeof c->v->keyword];

    // A copy: the keyword may be that of a card which goes.
    copy_cut(word, sizeof word, keyword);
    filter(c, has_other_keyword, word);
}

int
qn_cards_copy(struct qn_cards *out, const struct qn_cards *in,
              struct qn_error *err)
{
    *out = (struct qn_cards){0};
    if (!in->n)
        return 0;
    QN_TRY(qn_memory_make((void **)&out->v, in->n, sizeof *out->v,
                          "header cards", err));
    memcpy(out->v, in->v, in->n * sizeof *out->v);
    out->n = out->cap = in->n;
    return 0;
}

void
qn_cards_clear(struct qn_cards *c)
{
    free(c->v);
    *c = (struct qn_cards){0};
}

/* ---- what several headers have in common -------------------------------- */

struct other {
    const struct qn_cards *cards;
    size_t next; // where the search starts: headers of a series look alike
};

static bool
is_shared(struct qn_card *card, void *ctx)
{
    struct other *b = ctx;
    size_t n = b->cards->n;

    if (card->kind == 'c')
        return false;
    for (size_t k = 0, i = b->next; k < n; k++, i++) {
        const struct qn_card *twin = &b->cards->v[i < n ? i : i - n];
        if (strcmp(twin->keyword, card->keyword) != 0)
            continue;
        b->next = (size_t)(twin - b->cards->v + 1) % n;
        return twin->kind == card->kind &&
               strcmp(twin->value, card->value) == 0;
    }
    return false;
}

void
qn_cards_intersect(struct qn_cards *a, const struct qn_cards *b)
{
    struct other other = {.cards = b};

    filter(a, is_shared, &other);
}

/* ---- geometry ----------------------------------------------------------- */

/* Which pixels of the detector this is: no longer true once pixels moved.
 * Each also with a suffix of up to two letters or digits (one an amplifier). */
static const char *const sections[] = {
    "BIASSEC", "TRIMSEC", "DATASEC", "CCDSEC",
    "DETSEC",  "AMPSEC",  "PRESEC",  "POSTSEC",
};

static bool
is_section(const char *keyword)
{
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        size_t len = strlen(sections[i]);
        if (strncmp(keyword, sections[i], len) != 0)
            continue;
        const char *rest = keyword + len;
        size_t n = strspn(rest, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        if (n <= 2 && !rest[n])
            return true;
    }
    return false;
}

/* "CD2_1A" read for the name "CD": axes i = 2 and j = 1, version 'A'. */
struct index {
    int i, j;     /* FITS axes, from 1; j is 0 where the keyword has one */
    char version; /* of the coordinates, 'A' to 'Z', or 0                */
};

static int
read_axis(const char **at)
{
    int axis = 0;

    if (**at < '1' || **at > '9')
        return 0;
    while (isdigit((unsigned char)**at) && axis < 100)
        axis = axis * 10 + (*(*at)++ - '0');
    return axis;
}

static bool
read_index(struct index *x, const char *keyword, const char *name, bool two)
{
    size_t len = strlen(name);
    const char *at = keyword + len;

    *x = (struct index){0};
    if (strncmp(keyword, name, len) != 0 || !(x->i = read_axis(&at)))
        return false;
    if (two && (*at++ != '_' || !(x->j = read_axis(&at))))
        return false;
    if (isupper((unsigned char)*at))
        x->version = *at++;
    return !*at;
}

struct geometry {
    const struct qn_cards *cards;
    int ndims;
    const double *offset, *factor; // [ndims], in C order
};

// Of FITS axis i (from 1, fastest first); an axis that the data lack stays.
static double
factor_of(const struct geometry *g, int i)
{
    return i <= g->ndims ? g->factor[g->ndims - i] : 1;
}

static double
offset_of(const struct geometry *g, int i)
{
    return i <= g->ndims ? g->offset[g->ndims - i] : 0;
}

static bool
has_cdelt(const struct geometry *g, const struct index *x)
{
    char keyword[32];

    snprintf(keyword, sizeof keyword, "CDELT%d%.1s", x->i,
             (const char[]){x->version, '\0'});
    return find_card(g->cards, keyword) != NULL;
}

struct change {
    bool pixel;    // a coordinate of pixels, else a factor
    double offset; // pixel only
    double times, over;
};

/* "A_2_1" and the like: a coefficient of the distortion along axis x->i, of
 * u^p v^q; u and v are pixels along axes 1 and 2, counted from CRPIX. */
static bool
read_distortion(struct index *x, int power[2], const char *keyword)
{
    const char *at = keyword + 1;

    *x = (struct index){.i = keyword[0] == 'A' ? 1 : 2};
    if (keyword[0] != 'A' && keyword[0] != 'B')
        return false;
    at += *at == 'P'; // the way back, from distorted pixels
    for (int i = 0; i < 2; i++, at += 2) {
        if (at[0] != '_' || !isdigit((unsigned char)at[1]))
            return false;
        power[i] = at[1] - '0';
    }
    return !*at;
}

/* What happens to a card's value; false if the keyword is none that depends on
 * where pixels are.  LTM and LTV: pixel = LTM * detector coordinate + LTV.
 * Source: Greisen and Calabretta 2002, A&A 395, 1061 (CRPIX, CD, PC, CDELT);
 * Shupe et al. 2005, ASP Conf. Ser. 347, 491 (SIP: A, B, AP, BP). */
static bool
find_change(struct change *ch, const struct geometry *g, const char *keyword)
{
    struct index x;
    int power[2];

    *ch = (struct change){.times = 1, .over = 1};
    if (read_index(&x, keyword, "CRPIX", false) ||
        read_index(&x, keyword, "LTV", false)) {
        ch->pixel = true;
        ch->offset = offset_of(g, x.i);
        ch->over = factor_of(g, x.i);
    } else if (read_index(&x, keyword, "CD", true)) {
        ch->times = factor_of(g, x.j);
    } else if (read_index(&x, keyword, "CDELT", false)) {
        ch->times = factor_of(g, x.i);
    } else if (read_index(&x, keyword, "PC", true)) {
        // CDELTi multiplies the whole row i, of which only one is meant.
        ch->times = factor_of(g, x.j);
        if (has_cdelt(g, &x))
            ch->over = factor_of(g, x.i);
    } else if (read_index(&x, keyword, "LTM", true)) {
        ch->over = factor_of(g, x.i);
    } else if (read_distortion(&x, power, keyword)) {
        ch->times =
            pow(factor_of(g, 1), power[0]) * pow(factor_of(g, 2), power[1]);
        ch->over = factor_of(g, x.i);
    } else {
        return false;
    }
    return true;
}

// The centre of the first pixel is 1, its outer edge 0.5.
static double
changed(const struct change *ch, double v)
{
    if (ch->pixel)
        return (v - 0.5 - ch->offset) / ch->over + 0.5;
    return v * ch->times / ch->over;
}

// FITS also writes exponents with a D.
static bool
read_number(double *v, const char *text)
{
    char copy[sizeof((struct qn_card *)0)->value];
    char *end;

    copy_cut(copy, sizeof copy, text);
    for (char *s = copy; *s; s++)
        if (*s == 'D' || *s == 'd')
            *s = 'E';
    *v = strtod(copy, &end);
    return end != copy && !*end && isfinite(*v);
}

// As FITS writes reals: a point in it, or an E.
static void
write_number(char *text, size_t size, double v)
{
    char number[32];

    qn_text_number(number, sizeof number, v);
    for (char *s = number; *s; s++)
        *s = (char)toupper((unsigned char)*s);
    snprintf(text, size, "%s%s", number, strpbrk(number, ".E") ? "" : ".0");
}

// False if the card is no longer true and cannot be made so.
static bool
remap_card(struct qn_card *card, void *ctx)
{
    struct change ch;
    double v;

    if (card->kind == 'c')
        return true;
    if (is_section(card->keyword))
        return false;
    if (!find_change(&ch, ctx, card->keyword))
        return true;
    // What does not change keeps its spelling.
    if (ch.times == ch.over && ch.offset == 0)
        return true;
    if (!read_number(&v, card->value))
        return false;
    write_number(card->value, sizeof card->value, changed(&ch, v));
    return true;
}

int
qn_cards_remap(struct qn_cards *c, int ndims, const double *offset,
               const double *factor, struct qn_error *err)
{
    struct geometry g = {c, ndims, offset, factor};

    for (int a = 0; a < ndims; a++)
        if (!(factor[a] > 0))
            return qn_fail(err, QN_EVALUE,
                           "axis %d is scaled by %g: header cards can only "
                           "follow a factor above 0",
                           a, factor[a]);
    filter(c, remap_card, &g);
    return 0;
}
