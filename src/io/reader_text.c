/* Texts that come out of files.
 *
 * Names and values of a file may hold any bytes; messages, journals and JSON
 * may not.  Knows no format.
 */
#include "io/reader_backend.h"

#include <string.h>

// Bytes of the UTF-8 character at p, or 0 if there is none.
static int
character(const unsigned char *p)
{
    int n = *p < 0x80                 ? 1
            : *p >= 0xc2 && *p < 0xe0 ? 2
            : (*p & 0xf0) == 0xe0     ? 3
            : *p >= 0xf0 && *p < 0xf5 ? 4
                                      : 0;

    for (int i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    // Overlong forms, surrogates and what lies beyond Unicode.
    if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
        (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

void
qn_reader_text_clean(char *text)
{
    int n;

    for (unsigned char *p = (unsigned char *)text; *p; p += n) {
        n = character(p);
        if (n == 0 || *p < ' ' || *p == 0x7f) {
            *p = '?';
            n = 1;
        }
    }
}

int
qn_reader_text(char *value, size_t size, const char *text, size_t len,
               struct qn_error *err)
{
    while (len && (text[len - 1] == ' ' || text[len - 1] == 0))
        len--;
    if (len >= size)
        return qn_fail(err, QN_EVALUE,
                       "the text has %zu bytes, %zu are the most", len,
                       size - 1);
    memcpy(value, text, len);
    value[len] = 0;
    return 0;
}
