/* Counting stop signals, and looking for other ways of being asked.
 *
 * State of the process, like the signals themselves. */
#include "engine/stop.h"

#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#include "base/clock.h"

#define LOOK_SECONDS 0.5

static volatile sig_atomic_t signals;
static int asked; // in another way, or by another rank
static bool seen; // the file
static const char *watched;
static double deadline = INFINITY;
static double next_look;

static void
count(int signal_number)
{
    (void)signal_number;
    if (signals < 2)
        signals = signals + 1;
}

void
qn_stop_listen(void)
{
    static const int stops[] = {SIGTERM, SIGINT, SIGUSR1, SIGUSR2};
    struct sigaction sa = {.sa_handler = count};

    // no SA_RESTART: a waiting poll is to come back
    for (unsigned i = 0; i < sizeof stops / sizeof *stops; i++)
        sigaction(stops[i], &sa, NULL);
    // a write that cannot be is to fail, not to kill
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

void
qn_stop_watch(const char *path, double at)
{
    watched = path;
    deadline = at;
    next_look = 0;
}

void
qn_stop_ask(void)
{
    asked = 1;
}

double
qn_stop_left(void)
{
    return isinf(deadline) ? INFINITY : deadline - qn_clock_now();
}

/* Looking costs a system call: twice a second is enough. */
static void
look(void)
{
    double now;

    if (signals || asked || (!watched && isinf(deadline)))
        return;
    now = qn_clock_now();
    if (now < next_look)
        return;
    next_look = now + LOOK_SECONDS;
    seen = watched && !access(watched, F_OK);
    if (seen || now >= deadline)
        asked = 1;
}

const char *
qn_stop_by(void)
{
    // another rank may see the same deadline a moment before
    if (!signals && !seen &&
        (!asked || qn_stop_left() < 2 * LOOK_SECONDS))
        return "deadline";
    return signals || !seen ? "signal" : "file";
}

int
qn_stop_asked(void)
{
    look();
    return signals > asked ? signals : asked;
}
