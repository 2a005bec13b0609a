/* Patterns for paths: * ? [a-z] [!a-z], ** for any number of folders, and
 * captures {name}.  All local; no disk.
 *
 * A capture takes at least one character of one path segment and as few as it
 * can, from the left; the same name twice takes the same text.  A backslash
 * makes the next character itself.  Braces that hold no name, and a [ that
 * does not close, are themselves.
 */
#ifndef QN_IO_PATTERN_H
#define QN_IO_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "quern/error.h"

#define QN_PATTERN_SEGMENTS 64
#define QN_PATTERN_CAPTURES 32

enum qn_segment_kind {
    QN_SEGMENT_LITERAL, /* a name as it is; text holds no backslashes */
    QN_SEGMENT_WILD,
    QN_SEGMENT_ANY      /* "**" */
};

struct qn_segment {
    const char *text; /* borrowed from the pattern's copy */
    enum qn_segment_kind kind;
    bool hidden; /* begins with a dot: may match names that do */
};

struct qn_pattern {
    char *copy;    /* owned */
    bool absolute;
    int up;        /* ".." in front of the segments */
    int n;
    struct qn_segment segment[QN_PATTERN_SEGMENTS];
    bool captures; /* holds at least one {name}             */
    bool repeats;  /* may hold one twice, so order matters  */
};

/* Take text apart; "." and empty segments go, "a/.." too.  A slash at the end
 * stands for all files in that folder.  QN_EJOB: too many segments or
 * captures. */
int
qn_pattern_parse(struct qn_pattern *p, const char *text, struct qn_error *err);

/* Does one segment, not a QN_SEGMENT_ANY, match a name?  Names that begin
 * with a dot need a segment that does. */
bool
qn_pattern_fits(const struct qn_pattern *p, int segment, const char *name);

/* Does path (segments separated by single slashes) match all of p?  dots:
 * names that begin with a dot are like others.  On a match "name=value\n" of
 * each capture is added to fields (may be NULL). */
bool
qn_pattern_match(
    const struct qn_pattern *p, const char *path, bool dots,
    struct qn_text *fields);

/* Add one "name=value\n" to fields; a newline in the value becomes "\\n". */
void
qn_pattern_field(
    struct qn_text *fields, const char *name, size_t length,
    const char *value, size_t size);

void
qn_pattern_clear(struct qn_pattern *p);

#endif
