/* Patterns for texts: * ? [a-z] [!a-z], on bytes, case-sensitive.
 *
 * The slash is a byte like any other: paths on disk are matched elsewhere.
 */
#include "model/glob.h"

#include <string.h>

/* Is c in the set at s, "a-z]" or "!a-z]"?  A ] that comes first is of the
 * set.  Sets *end behind the set, or to NULL if it does not close. */
static bool
set_has(const char *s, char c, const char **end)
{
    bool inverse = *s == '!', inside = false;
    unsigned char u = (unsigned char)c;

    s += inverse;
    const char *close = *s ? strchr(s + 1, ']') : NULL;
    *end = close ? close + 1 : NULL;
    while (close && s < close) {
        bool range = s[1] == '-' && s + 2 < close;

        inside |= range ? (unsigned char)s[0] <= u && u <= (unsigned char)s[2]
                        : *s == c;
        s += range ? 3 : 1;
    }
    return inside != inverse;
}

/* Does c fit the element at *p, which is moved behind it?  ? is any byte, a
 * [ that does not close is itself. */
static bool
element_fits(const char **p, char c)
{
    const char *element = (*p)++, *end = NULL;

    if (*element == '[') {
        bool fits = set_has(element + 1, c, &end);

        if (end) {
            *p = end;
            return fits;
        }
    }
    return *element == '?' || *element == c;
}

bool
qn_glob_match(const char *pattern, const char *s, size_t n)
{
    const char *end = s + n, *star = NULL, *from = s;

    // only the last * can have to take more
    while (s < end) {
        if (*pattern == '*') {
            star = ++pattern;
            from = s;
        } else if (*pattern && element_fits(&pattern, *s)) {
            s++;
        } else if (star) {
            pattern = star;
            s = ++from;
        } else {
            return false;
        }
    }
    return !pattern[strspn(pattern, "*")];
}
