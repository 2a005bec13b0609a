/* Drawing how far a stage is.
 *
 * Behind a launcher stderr is a pipe whether or not somebody looks at it, so
 * the launcher's own is looked at, and the line goes to /dev/tty. */
#include "engine/progress.h"

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/message.h"
#include "base/text.h"

enum { LINE = 256, NARROW = 80 };

static const double draw_first = 0.5, draw_every = 0.25; /* s, on a terminal */
static const double print_first = 10, print_every = 30;  /* s, in a log      */

/* Does the stderr of that process lead to a terminal? */
static bool
shows_terminal(long pid)
{
    char path[64];
    int fd;
    bool yes;

    snprintf(path, sizeof path, "/proc/%ld/fd/2", pid);
    fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
    yes = fd >= 0 && isatty(fd);
    if (fd >= 0)
        close(fd);
    return yes;
}

static int
find_terminal(bool launched)
{
    if (!shows_terminal(launched ? (long)getppid() : (long)getpid()))
        return -1;
    return open("/dev/tty", O_WRONLY | O_NOCTTY | O_CLOEXEC);
}

void
qn_progress_open(struct qn_progress *p, enum qn_progress_kind kind,
                 bool launched, double now)
{
    *p = (struct qn_progress){.fd = -1, .off = kind == QN_PROGRESS_NONE};
    if (kind == QN_PROGRESS_AUTO)
        p->fd = find_terminal(launched);
    p->next = now + (p->fd < 0 ? print_first : draw_first);
}

void
qn_progress_begin(struct qn_progress *p, const char *what, int64_t before,
                  int64_t total, double now)
{
    p->what = what;
    p->before = before;
    p->total = total;
    p->since = now;
    p->teams = 1;
    p->steps = 0;
}

void
qn_progress_step(struct qn_progress *p, int64_t step, int64_t steps, double now)
{
    // another item, or another step of it that takes many
    if (steps != p->steps || step <= p->step) {
        p->step_from = step;
        p->step_since = now;
    }
    p->step = step;
    p->steps = steps;
}

bool
qn_progress_due(const struct qn_progress *p, double now)
{
    return !p->off && p->what && now >= p->next;
}

/* Seconds that the item in hand will take, and those behind it; NaN: it is too
 * early to say. */
static double
time_by_steps(const struct qn_progress *p, int64_t tried, int64_t left,
              double now)
{
    const int64_t taken = p->step - p->step_from;
    const double pace = (now - p->step_since) / (double)taken; // s a step
    const double before = p->step_since - p->since;
    const double rest = (double)(p->steps - p->step) * pace;
    double each;

    if (taken <= 0 || pace <= 0)
        return NAN;
    if (p->teams > 1) {
        each = tried ? (now - p->since) / (double)tried
                     : (double)p->steps * pace / p->teams;
        return fmax(rest, (double)(left - 1) * each);
    }
    each = tried ? before / (double)tried : (double)p->steps * pace;
    return rest + (double)(left - 1) * each;
}

static double
time_left(const struct qn_progress *p, int64_t tried, int64_t left, double now)
{
    if (left <= 0)
        return NAN;
    if (p->steps)
        return time_by_steps(p, tried, left, now);
    return tried && now > p->since
               ? (double)left * (now - p->since) / (double)tried
               : NAN;
}

const char *
qn_progress_text(char *buf, size_t size, const struct qn_progress *p,
                 const struct qn_claims_count *n, double now)
{
    double seconds = now > p->since ? now - p->since : 0;
    int64_t tried = n->done + n->failed;
    const double go =
        time_left(p, tried, p->total - p->before - tried, now);
    char a[32], b[32];
    size_t at = 0;

#define ADD(...)                                                             \
    (at += at < size ? (size_t)snprintf(buf + at, size - at, __VA_ARGS__) : 0)
    ADD("%s: %s of %s items", p->what,
        qn_text_count(a, sizeof a, p->before + tried),
        qn_text_count(b, sizeof b, p->total));
    if (p->steps)
        ADD(", step %" PRId64 " of %" PRId64 " of one", p->step, p->steps);
    if (tried && seconds > 0)
        ADD(", %.3g/s", (double)tried / seconds);
    if (n->bytes > 0 && seconds > 0)
        ADD(", %s/s",
            qn_text_size(a, sizeof a, (double)n->bytes / seconds));
    if (n->failed)
        ADD(", %s failed", qn_text_count(a, sizeof a, n->failed));
    if (!isnan(go))
        ADD(", about %s to go", qn_text_span(a, sizeof a, go));
#undef ADD
    return buf;
}

/* A background process that writes to its terminal is stopped by some, unless
 * it blocks that signal. */
static void
put(int fd, const char *text)
{
    sigset_t stop, before;
    ssize_t n;

    sigemptyset(&stop);
    sigaddset(&stop, SIGTTOU);
    sigprocmask(SIG_BLOCK, &stop, &before);
    n = write(fd, text, strlen(text));
    sigprocmask(SIG_SETMASK, &before, NULL);
    (void)n; // a terminal that went away is nobody's trouble
}

/* Cut to the width of the terminal: a line that wraps cannot be redrawn. */
static void
draw(struct qn_progress *p, char *text)
{
    struct winsize w = {.ws_col = 0};
    char line[LINE + 8];
    size_t most = NARROW;

    if (!ioctl(p->fd, TIOCGWINSZ, &w) && w.ws_col > 1)
        most = w.ws_col;
    if (strlen(text) >= most)
        text[most - 1] = '\0';
    snprintf(line, sizeof line, "\r%s\033[K", text);
    put(p->fd, line);
    p->drawn = true;
}

void
qn_progress_show(struct qn_progress *p, const struct qn_claims_count *n,
                 double now)
{
    char text[LINE];

    qn_progress_text(text, sizeof text, p, n, now);
    if (p->fd >= 0)
        draw(p, text);
    else
        qn_message(QN_NOTE, "%s", text);
    p->next = now + (p->fd >= 0 ? draw_every : print_every);
}

void
qn_progress_wipe(struct qn_progress *p)
{
    if (p->drawn)
        put(p->fd, "\r\033[K");
    p->drawn = false;
    p->what = NULL;
}

void
qn_progress_close(struct qn_progress *p)
{
    qn_progress_wipe(p);
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
    p->off = true;
}
