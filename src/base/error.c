/* Errors: the sentence is made here and nowhere else.
 *
 * A sentence that does not fit is cut at a character, never inside one, and
 * says so with "...".  Texts are made aside before they are stored, so that
 * the old sentence may be an argument of the new one.
 */
#include "quern/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_SIZE sizeof(((struct qn_error *)0)->text)

// End the text in "..." in place of the character that was cut through.
static void
mark_cut(char *text)
{
    size_t end = TEXT_SIZE - 4;

    while (end > 0 && ((unsigned char)text[end] & 0xC0) == 0x80)
        end--;
    memcpy(text + end, "...", 4);
}

// What vsnprintf made: wanted bytes, of which TEXT_SIZE - 1 are there.
static void
store(struct qn_error *err, int code, char *text, int wanted)
{
    if (wanted < 0)
        text[0] = '\0';
    else if ((size_t)wanted >= TEXT_SIZE)
        mark_cut(text);
    err->code = code;
    memcpy(err->text, text, strlen(text) + 1);
}

int
qn_fail(struct qn_error *err, int code, const char *fmt, ...)
{
    char text[TEXT_SIZE];
    va_list ap;

    if (!err)
        return code;
    va_start(ap, fmt);
    int wanted = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    store(err, code, text, wanted);
    return code;
}

int
qn_wrap(struct qn_error *err, const char *fmt, ...)
{
    char place[TEXT_SIZE], text[2 * TEXT_SIZE];
    va_list ap;

    if (!err)
        return QN_EIO;
    va_start(ap, fmt);
    int wanted = vsnprintf(place, sizeof place, fmt, ap);
    va_end(ap);
    if (wanted < 0)
        return err->code;
    wanted = snprintf(text, sizeof text, "%s: %s", place, err->text);
    text[TEXT_SIZE - 1] = '\0';
    store(err, err->code, text, wanted);
    return err->code;
}
