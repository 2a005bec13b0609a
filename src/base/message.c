/* Messages to people: one line, one write(2), so that the lines of several
 * ranks that share a terminal or a pipe never run into each other.
 *
 * Not through stdio: its buffers would cut lines where they happen to fill.
 * A control character in a text (file names may hold them) becomes a '?'.
 */
#include "base/message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// Below PIPE_BUF (4096), up to which a write to a pipe is not split.
#define LINE_SIZE 4000

static bool muted;

void
qn_message_mute(bool mute)
{
    muted = mute;
}

static void
make_printable(char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < ' ' || *s == 127)
            *s = *s == '\t' ? ' ' : '?';
}

void
qn_message(enum qn_level level, const char *fmt, ...)
{
    const char *start = level == QN_WARNING ? "quern: warning: " : "quern: ";
    size_t head = strlen(start), room = LINE_SIZE - head - 1;
    int saved = errno;
    char line[LINE_SIZE];
    va_list ap;

    if (muted && (level == QN_NOTE || level == QN_WARNING))
        return;
    memcpy(line, start, head);
    va_start(ap, fmt);
    int wanted = vsnprintf(line + head, room, fmt, ap);
    va_end(ap);
    if (wanted < 0)
        return;
    if ((size_t)wanted >= room)
        memcpy(line + LINE_SIZE - 5, "...", 4);

    size_t len = strlen(line);
    while (len > head && line[len - 1] == '\n')
        line[--len] = '\0';
    make_printable(line + head);
    line[len++] = '\n';
    // When stderr is gone there is nobody left to tell.
    while (write(STDERR_FILENO, line, len) < 0 && errno == EINTR)
        continue;
    errno = saved;
}
