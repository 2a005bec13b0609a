/* One 80-byte record of a FITS header.
 *
 * Real headers hold free-format numbers, missing quotes and bytes that are no
 * ASCII: each becomes the nearest card that can be written again.  Knows the
 * FITS standard (4.0, section 4), not cfitsio.
 */
#include "io/fits_card.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define RECORD    80
#define TEXT_MOST 68 // characters of text that one record holds

/* Names of structure: '#' stands for a number, or nothing. */
static const char *const structure[] = {
    "SIMPLE",   "XTENSION", "BITPIX",   "NAXIS#",   "BZERO",    "BSCALE",
    "BLANK",    "PCOUNT",   "GCOUNT",   "EXTEND",   "GROUPS",   "TFIELDS",
    "TTYPE#",   "TFORM#",   "THEAP",    "CHECKSUM", "DATASUM",  "INHERIT",
    "LONGSTRN", "ZIMAGE",   "ZBITPIX",  "ZNAXIS#",  "ZTILE#",   "ZCMPTYPE",
    "ZNAME#",   "ZVAL#",    "ZQUANTIZ", "ZDITHER#", "ZSIMPLE",  "ZTENSION",
    "ZEXTEND",  "ZBLOCKED", "ZPCOUNT",  "ZGCOUNT",  "ZHECKSUM", "ZDATASUM",
    "ZSCALE",   "ZZERO",    "ZBLANK",   "ZMASKCMP", NULL,
};

static bool
is_structure(const char *keyword)
{
    size_t n;

    for (int i = 0; structure[i]; i++) {
        n = strcspn(structure[i], "#");
        if (strncmp(keyword, structure[i], n) != 0)
            continue;
        if (structure[i][n] == '#'
                ? strspn(keyword + n, "0123456789") == strlen(keyword + n)
                : !keyword[n])
            return true;
    }
    return false;
}

// Copies n characters without the blanks at both ends; at most size - 1.
static void
copy_trimmed(char *out, size_t size, const char *p, size_t n)
{
    while (n && *p == ' ') {
        p++;
        n--;
    }
    while (n && p[n - 1] == ' ')
        n--;
    n = n < size ? n : size - 1;
    memcpy(out, p, n);
    out[n] = 0;
}

static void
clean(char line[RECORD + 1], const char *record)
{
    size_t n = strnlen(record, RECORD);

    memset(line, ' ', RECORD);
    memcpy(line, record, n);
    line[RECORD] = 0;
    for (size_t i = 0; i < n; i++)
        if (line[i] < ' ' || line[i] > '~')
            line[i] = '?';
}

/* ---- values ------------------------------------------------------------- */

// Text at *p, behind its opening quote; *p ends behind the closing one.
static void
scan_text(struct qn_card *card, const char **p)
{
    size_t n = 0;
    const char *s = *p;

    for (; *s && (*s != '\'' || s[1] == '\''); s++) {
        s += *s == '\'';
        if (n + 1 < sizeof card->value)
            card->value[n++] = *s;
    }
    while (n && card->value[n - 1] == ' ')
        n--;
    card->value[n] = 0;
    card->kind = 's';
    *p = *s ? s + 1 : s;
}

// A number as FITS writes it; Fortran's D exponent becomes E.
static bool
is_number(char *text)
{
    char *end;

    if (!*text || strspn(text, "0123456789+-.eEdD") != strlen(text))
        return false;
    for (char *p = text; *p; p++)
        if (*p == 'd' || *p == 'D')
            *p = 'E';
    (void)strtod(text, &end);
    return !*end;
}

static void
scan_bare(struct qn_card *card, const char **p)
{
    size_t n = strcspn(*p, "/");
    char text[sizeof card->value];

    copy_trimmed(card->value, sizeof card->value, *p, n);
    memcpy(text, card->value, sizeof text);
    *p += n;
    if (!card->value[0])
        card->kind = 'u';
    else if (strcmp(text, "T") == 0 || strcmp(text, "F") == 0)
        card->kind = 'b';
    else if (is_number(text)) {
        card->kind = 'n';
        memcpy(card->value, text, sizeof text);
    } else
        card->kind = 's';
}

static void
scan_value(struct qn_card *card, const char *p)
{
    p += strspn(p, " ");
    if (*p == '\'') {
        p++;
        scan_text(card, &p);
    } else
        scan_bare(card, &p);
    p += strspn(p, " ");
    if (*p == '/')
        copy_trimmed(card->comment, sizeof card->comment, p + 1, strlen(p + 1));
}

/* ---- records ------------------------------------------------------------ */

static void
set_keyword(struct qn_card *card, const char *p, size_t n)
{
    copy_trimmed(card->keyword, sizeof card->keyword, p, n);
    for (char *k = card->keyword; *k; k++)
        *k = (char)toupper((unsigned char)*k);
}

static void
parse_commentary(struct qn_card *card, const char *line)
{
    const char *text = line + 8;
    size_t n = strlen(text);

    while (n && text[n - 1] == ' ')
        n--;
    // 72 columns, and the card holds 71: rather lose an indent than a letter.
    if (n >= sizeof card->value && *text == ' ') {
        text++;
        n--;
    }
    n = n < sizeof card->value ? n : sizeof card->value - 1;
    memcpy(card->value, text, n);
    card->value[n] = 0;
    card->kind = 'c';
}

enum qn_fits_card_kind
qn_fits_card_parse(struct qn_card *card, const char *record)
{
    char line[RECORD + 1];
    const char *equals;

    *card = (struct qn_card){0};
    clean(line, record);
    equals = strchr(line, '=');
    if (strncmp(line, "HIERARCH ", 9) == 0 && equals) {
        set_keyword(card, line + 9, (size_t)(equals - line) - 9);
        scan_value(card, equals + 1);
        return QN_FITS_CARD_ORDINARY;
    }
    set_keyword(card, line, 8);
    if (strcmp(card->keyword, "CONTINUE") == 0) {
        scan_value(card, line + 8);
        return QN_FITS_CARD_CONTINUE;
    }
    if (card->keyword[0] && line[8] == '=') {
        scan_value(card, line + 9);
        return is_structure(card->keyword) ? QN_FITS_CARD_STRUCTURE
                                           : QN_FITS_CARD_ORDINARY;
    }
    parse_commentary(card, line);
    return card->keyword[0] || card->value[0] ? QN_FITS_CARD_ORDINARY
                                              : QN_FITS_CARD_EMPTY;
}

// The next piece of the text of the last card.
static int
add_continue(struct qn_cards *cards, const struct qn_card *piece,
             const char *record, struct qn_error *err)
{
    struct qn_card *last = cards->n ? &cards->v[cards->n - 1] : NULL;
    size_t n = last ? strlen(last->value) : 0, more = strlen(piece->value);
    char line[RECORD + 1];

    if (last && last->kind == 's' && n && last->value[n - 1] == '&' &&
        n - 1 + more <= TEXT_MOST) {
        memcpy(last->value + n - 1, piece->value, more + 1);
        if (!last->comment[0])
            memcpy(last->comment, piece->comment, sizeof last->comment);
        return 0;
    }
    clean(line, record);
    for (n = RECORD; n > 8 && line[n - 1] == ' '; n--)
        line[n - 1] = 0;
    line[79] = 0; // a card holds 71 of the 72 columns
    return qn_cards_add(cards, "CONTINUE", line + 8, "", 'c', err);
}

int
qn_fits_card_add(struct qn_cards *cards, const char *record,
                 struct qn_error *err)
{
    struct qn_card card;

    switch (qn_fits_card_parse(&card, record)) {
    case QN_FITS_CARD_ORDINARY:
        return qn_cards_add(cards, card.keyword, card.value, card.comment,
                            card.kind, err);
    case QN_FITS_CARD_CONTINUE: return add_continue(cards, &card, record, err);
    default: return 0;
    }
}
