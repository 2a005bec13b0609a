/* Every fallible call of our own objects, failed in turn.
 *
 * The linker sends malloc, open, write ... of the tested code through wrap.c
 * (--wrap, see tests/CMakeLists.txt; libraries call the real ones).  A scenario
 * is run again and again: the first, second, third ... call of a kind fails,
 * until none is left to fail.  Each time it must end with 0, or with a code and
 * a sentence; with the descriptors it had; without a temporary; and with the
 * bytes of an undisturbed run if it says 0.  Then the same without failures must
 * succeed and give these bytes.  Under the address sanitizer nothing may leak.
 *
 *     static const struct scenario rows[] = {{"atomic", atomic}, ...};
 *     int main(void) { return wrap_main(rows, sizeof rows / sizeof *rows); }
 */
#ifndef WRAP_H
#define WRAP_H

#include <stddef.h>
#include <stdint.h>

#include "quern/error.h"

struct scenario {
    const char *name;
    /* In an empty folder that holds in/ as prepare left it. */
    int (*run)(struct qn_error *err);
    void (*prepare)(void); /* NULL: nothing; no call fails in it */
};

/* What the scenario came to: held against that of an undisturbed run, like the
 * files it left. */
void
wrap_note(const void *data, size_t n);

int
wrap_main(const struct scenario *rows, size_t n);

#endif
