/* Named values of an item: what their text means, and patterns of names.
 *
 * Header values and captures arrive as bytes; here they become numbers, yes
 * or no, or UTF-8, and go back to text in file names.  Knows no file and no
 * item: values are found through a struct qn_lookup.
 */
#include "model/fields.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/text.h"

/* 2^53: whole numbers below are exact */
#define EXACT 9007199254740992.0
/* bytes; longer text is no number */
#define MAX_NUMBER 64

/* ---- numbers ------------------------------------------------------------ */

static size_t
count_digits(const char *s)
{
    return strspn(s, "0123456789");
}

/* The length of the decimal number at s, 0 if there is none.  *letter is the
 * place of its exponent's letter, if it has one. */
static size_t
decimal_length(const char *s, size_t *letter)
{
    size_t at = *s == '-' || *s == '+';
    size_t digits = count_digits(s + at);
    bool point;

    *letter = 0;
    at += digits;
    point = s[at] == '.';
    if (point) {
        size_t fraction = count_digits(s + at + 1);

        digits += fraction;
        at += 1 + fraction;
    }
    if (!digits)
        return 0;
    // FITS writes 1.5D3; without the point 2D5 is more likely a name
    if (s[at] && strchr(point ? "eEdD" : "eE", s[at])) {
        size_t sign = s[at + 1] == '-' || s[at + 1] == '+';
        size_t power = count_digits(s + at + 1 + sign);

        if (power) {
            *letter = at;
            at += 1 + sign + power;
        }
    }
    return at;
}

static bool
read_special(double *number, const char *s)
{
    bool minus = *s == '-';

    s += *s == '-' || *s == '+';
    s += *s == '.'; // as YAML spells them
    if (strcasecmp(s, "nan") == 0)
        *number = NAN;
    else if (strcasecmp(s, "inf") == 0 || strcasecmp(s, "infinity") == 0)
        *number = minus ? -INFINITY : INFINITY;
    else
        return false;
    return true;
}

bool
qn_fields_number(double *number, const char *text)
{
    const char *s = text + strspn(text, " \t");
    size_t n = strlen(s), letter;
    char copy[MAX_NUMBER];
    double x;

    while (n && (s[n - 1] == ' ' || s[n - 1] == '\t'))
        n--;
    if (!n || n >= sizeof copy)
        return false;
    memcpy(copy, s, n);
    copy[n] = '\0';
    if (decimal_length(copy, &letter) != n)
        return read_special(number, copy);
    if (letter)
        copy[letter] = 'e';
    x = strtod(copy, NULL);
    if (!isfinite(x))
        return false;
    *number = x;
    return true;
}

/* ---- values ------------------------------------------------------------- */

static size_t
trimmed(const char *text)
{
    size_t n = strlen(text);

    while (n && text[n - 1] == ' ')
        n--;
    return n;
}

/* Bytes of the UTF-8 character at s, 0 if it is none.  jansson does not say
 * where a text goes wrong, so it is asked one character at a time. */
static size_t
character_length(const char *s, size_t left)
{
    unsigned char c = (unsigned char)*s;
    size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    json_t *probe = n <= left ? json_stringn(s, n) : NULL;
    bool good = probe != NULL;

    json_decref(probe);
    return good ? n : 0;
}

static json_t *
read_latin(const char *text, size_t n)
{
    struct qn_text out = {0};
    json_t *value;

    for (size_t i = 0; i < n;) {
        size_t length = character_length(text + i, n - i);
        unsigned char c = (unsigned char)text[i];
        char two[2] = {(char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f))};

        qn_text_bytes(&out, length ? text + i : two, length ? length : 2);
        i += length ? length : 1;
    }
    value = out.failed ? NULL : json_stringn(out.s, out.len);
    qn_text_clear(&out);
    return value;
}

static json_t *
text_value(const char *text, size_t n)
{
    json_t *value = json_stringn(text, n);

    return value ? value : read_latin(text, n);
}

/* Would a number lose what the text says: zeros in front, or digits? */
static bool
is_label(const char *text, double number)
{
    const char *digits = text + (*text == '-' || *text == '+');

    if (digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9')
        return true;
    return fabs(number) >= EXACT && !digits[count_digits(digits)];
}

void
qn_fields_read(struct qn_value *value, const char *text, bool is_text)
{
    double x;

    value->kind = QN_VALUE_TEXT;
    value->text = text;
    if (is_text)
        return;
    if (strcmp(text, "T") == 0 || strcmp(text, "F") == 0) {
        value->kind = QN_VALUE_BOOL;
        value->number = *text == 'T';
    } else if (qn_fields_number(&x, text) && isfinite(x) &&
               !is_label(text, x)) {
        value->kind = QN_VALUE_NUMBER;
        value->number = x;
    }
}

json_t *
qn_fields_value(const char *text, bool is_text)
{
    struct qn_value v;

    qn_fields_read(&v, text, is_text);
    if (v.kind == QN_VALUE_TEXT)
        return text_value(text, is_text ? trimmed(text) : strlen(text));
    if (v.kind == QN_VALUE_BOOL)
        return json_boolean(v.number != 0);
    // 300, 300.0 and 3E2 are one value, so that they fall into one group
    if (v.number == floor(v.number) && fabs(v.number) <= EXACT)
        return json_integer((json_int_t)v.number);
    return json_real(v.number);
}

void
qn_fields_text(char *buf, size_t size, const struct qn_value *v)
{
    char number[32] = "";
    const char *text = number;

    if (v->kind == QN_VALUE_NUMBER && isnan(v->number))
        text = "nan"; // whatever its sign bit
    else if (v->kind == QN_VALUE_NUMBER && v->number == floor(v->number) &&
             fabs(v->number) <= EXACT)
        snprintf(number, sizeof number, "%lld", (long long)v->number);
    else if (v->kind == QN_VALUE_NUMBER)
        qn_text_number(number, sizeof number, v->number);
    else if (v->kind == QN_VALUE_BOOL)
        text = v->number != 0 ? "true" : "false";
    else if (v->kind == QN_VALUE_TEXT)
        text = v->text;
    size_t n = trimmed(text);
    if (n >= size)
        n = size - 1;
    memcpy(buf, text, n);
    buf[n] = '\0';
}

/* ---- lookup ------------------------------------------------------------- */

bool
qn_fields_find(const struct qn_lookup *fields, const char *name,
               struct qn_value *value)
{
    value->kind = QN_VALUE_NONE;
    return fields && fields->find && fields->find(fields->ctx, name, value) &&
           value->kind != QN_VALUE_NONE;
}

static void
set_number(struct qn_value *value, enum qn_value_kind kind, double number)
{
    value->kind = kind;
    value->number = number;
}

static bool
find_member(void *ctx, const char *name, struct qn_value *value)
{
    const json_t *member = json_object_get(ctx, name);

    if (json_is_string(member)) {
        value->kind = QN_VALUE_TEXT;
        value->text = json_string_value(member);
    } else if (json_is_boolean(member)) {
        set_number(value, QN_VALUE_BOOL, json_is_true(member));
    } else if (json_is_number(member)) {
        set_number(value, QN_VALUE_NUMBER, json_number_value(member));
    } else {
        return false;
    }
    return true;
}

struct qn_lookup
qn_fields_lookup(json_t *object)
{
    return (struct qn_lookup){find_member, object};
}

/* ---- patterns ----------------------------------------------------------- */

/* A piece of a pattern: text as it stands, or the name in a pair of braces. */
struct piece {
    const char *s;
    size_t n;
    bool is_name;
};

static int
brace_fails(const char *pattern, const char *at, struct qn_error *err)
{
    return qn_fail(err, QN_EJOB,
                   "\"%.200s\": the '%c' at character %zu has no partner; "
                   "write {NAME}, or %c%c for the brace itself",
                   pattern, *at, (size_t)(at - pattern) + 1, *at, *at);
}

static int
next_name(struct piece *piece, const char *pattern, const char **at,
          struct qn_error *err)
{
    const char *name = *at + 1;
    size_t n = strcspn(name, "{}");

    if (name[n] != '}')
        return brace_fails(pattern, *at, err);
    if (!n)
        return qn_fail(err, QN_EJOB,
                       "\"%.200s\": the braces at character %zu hold no "
                       "name; write {NAME}, or {{}} for the braces themselves",
                       pattern, (size_t)(*at - pattern) + 1);
    *piece = (struct piece){name, n, true};
    *at = name + n + 1;
    return 0;
}

/* The piece that begins at *at, which is moved behind it; n is 0 at the end. */
static int
next_piece(struct piece *piece, const char *pattern, const char **at,
           struct qn_error *err)
{
    const char *s = *at;

    if ((*s == '{' || *s == '}') && s[1] == *s) {
        *piece = (struct piece){s, 1, false};
        *at = s + 2;
        return 0;
    }
    if (*s == '{')
        return next_name(piece, pattern, at, err);
    if (*s == '}')
        return brace_fails(pattern, s, err);
    *piece = (struct piece){s, strcspn(s, "{}"), false};
    *at = s + piece->n;
    return 0;
}

static int
copy_name(char **name, const struct piece *piece, struct qn_error *err)
{
    QN_TRY(qn_memory_make((void **)name, piece->n + 1, 1, "a name", err));
    memcpy(*name, piece->s, piece->n);
    return 0;
}

/* Is only dots what the last path segment of out holds so far? */
static bool
segment_begins(const struct qn_text *out)
{
    size_t n = out->len;

    while (n && out->s[n - 1] == '.')
        n--;
    return !n || out->s[n - 1] == '/';
}

static void
add_encoded(struct qn_text *out, const char *text, size_t n)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz0123456789._+-";

    for (size_t i = 0; i < n; i++) {
        bool keep = strchr(plain, text[i]) != NULL;

        if (text[i] == '.' && segment_begins(out))
            keep = false;
        if (keep)
            qn_text_bytes(out, text + i, 1);
        else
            qn_text_add(out, "%%%02X", (unsigned)(unsigned char)text[i]);
    }
    // an empty name would join what stands around it; a blank does not count
    if (!n)
        qn_text_add(out, "%%20");
}

static int
add_value(struct qn_text *out, const char *name, const char *pattern,
          const struct qn_lookup *fields, bool encode, struct qn_error *err)
{
    struct qn_value v;
    char number[64];
    const char *text;

    if (!qn_fields_find(fields, name, &v))
        return qn_fail(err, QN_EMISSING,
                       "there is no field '%s', which \"%.200s\" needs", name,
                       pattern);
    if (v.kind != QN_VALUE_TEXT)
        qn_fields_text(number, sizeof number, &v);
    text = v.kind == QN_VALUE_TEXT ? v.text : number;
    if (encode)
        add_encoded(out, text, trimmed(text));
    else
        qn_text_bytes(out, text, trimmed(text));
    return 0;
}

static int
add_piece(struct qn_text *out, const struct piece *piece, const char *pattern,
          const struct qn_lookup *fields, bool encode, struct qn_error *err)
{
    char *name;
    int rc;

    if (!piece->is_name) {
        qn_text_bytes(out, piece->s, piece->n);
        return 0;
    }
    QN_TRY(copy_name(&name, piece, err));
    rc = add_value(out, name, pattern, fields, encode, err);
    free(name);
    return rc;
}

int
qn_fields_fill(char **out, const char *pattern, const struct qn_lookup *fields,
               bool encode, struct qn_error *err)
{
    struct qn_text filled = {0};
    const char *at = pattern;
    struct piece piece;
    int rc = 0;

    *out = NULL;
    while (!rc && *at) {
        rc = next_piece(&piece, pattern, &at, err);
        if (!rc)
            rc = add_piece(&filled, &piece, pattern, fields, encode, err);
    }
    if (!rc)
        rc = qn_text_check(&filled, err);
    if (!rc)
        rc = qn_memory_copy(out, qn_text_get(&filled), err);
    qn_text_clear(&filled);
    return rc;
}

int
qn_fields_names(const char *pattern, void (*each)(void *ctx, const char *name),
                void *ctx, struct qn_error *err)
{
    const char *at = pattern;
    struct piece piece;
    char *name;

    while (*at) {
        QN_TRY(next_piece(&piece, pattern, &at, err));
        if (!piece.is_name)
            continue;
        QN_TRY(copy_name(&name, &piece, err));
        each(ctx, name);
        free(name);
    }
    return 0;
}
