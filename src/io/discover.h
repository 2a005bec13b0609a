/* Finding input files.  All local; called on rank 0.
 *
 * Patterns: shell globs (* ? [..] and ** for any number of folders) with
 * captures {name} (one path segment part, at least one character), which
 * become fields of the item; "@list.txt" (a path a line, optionally a TAB and
 * a tag), "@frames.csv" (column `path`, the others are fields), "@-" (list on
 * stdin).  A folder stands for all its files (not hidden ones, not deeper).
 * What exists under exactly the name given is that file, whatever characters
 * it holds.  Listed paths too are taken from the base.  Symbolic links to
 * folders are followed unless they lead back; names that begin with a dot
 * are matched only by a segment that does; temporaries of ours
 * (io/atomic.h) are never inputs.
 */
#ifndef QN_IO_DISCOVER_H
#define QN_IO_DISCOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quern/error.h"

struct qn_found {
    char *path;       /* owned: relative to base where it lies below it, else
                         absolute; "/" separated, no "./"                   */
    int64_t bytes;    /* -1 if it could not be looked at                    */
    int64_t mtime_ns; /* since 1970                                         */
    char *fields;     /* owned or NULL: "name=value\n" lines from captures and
                         list columns; a newline in a value is "\\n"        */
};

struct qn_finds {
    struct qn_found *v; /* owned, in byte order of path, each path once */
    size_t n, cap;
};

/* A pattern that matches nothing is QN_EMISSING: "no file matches ..." with
 * the folder that does not exist, where that is why.  A listed file that does
 * not exist is kept with bytes -1, and so is a link that leads nowhere.  A
 * folder that cannot be read is QN_EIO.  exclude patterns match the path as it
 * is given out or, without a "/", the file name; hidden names are like others
 * there. */
int
qn_discover(
    struct qn_finds *out,
    const char *base, /* folder of relative patterns */
    const char *const *patterns, size_t npatterns,
    const char *const *exclude, size_t nexclude,
    struct qn_error *err);

/* The same without looking at plain files that a folder lists: their bytes are
 * QN_FOUND_LATER.  Who looks at them later leaves out what is gone by then. */
#define QN_FOUND_LATER (-2)
int
qn_discover_names(
    struct qn_finds *out, const char *base,
    const char *const *patterns, size_t npatterns,
    const char *const *exclude, size_t nexclude,
    struct qn_error *err);

/* Does path, or for a pattern without "/" its last name, match the glob
 * pattern (as above, captures allowed)?  For --only. */
bool
qn_discover_match(const char *pattern, const char *path);

void
qn_discover_clear(struct qn_finds *f);

#endif
