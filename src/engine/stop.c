/* Counting stop signals, and looking for other ways of being asked.
 *
 * State of the process, like the signals themselves. */
#include "engine/stop.h"

#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "comm/launch.h"

#define LOOK_SECONDS 0.5
/* Of the time that a launcher leaves: for what is in hand. */
#define FINISH_PART 0.4

static volatile sig_atomic_t signals;
static int asked; // in another way, or by another rank
static bool seen; // the file
static const char *watched;
static double deadline = INFINITY;
static double next_look;
static double leaves;                  // s, by the launcher; 0: for ever
static volatile sig_atomic_t launched; // it has sent TERM
static double finish_until;            // 0: not known yet

static void
count(int number, siginfo_t *from, void *context)
{
    (void)context;
    if (signals < 2)
        signals = signals + 1;
    if (number == SIGTERM && from->si_pid == getppid())
        launched = 1;
}

/* Seconds between TERM and KILL of the launcher that is our parent; 0: it does
 * not kill. */
static double
time_left_by_launcher(void)
{
    const char *set = getenv("OMPI_MCA_odls_base_sigkill_timeout");
    struct qn_launch l;

    qn_launch_detect(&l);
    if (!l.variable || strncmp(l.variable, "OMPI_", 5) != 0)
        return 0;
    return set && atoi(set) > 0 ? atoi(set) : 1;
}

/* The launcher's kill is near: then what is in hand is abandoned. */
static void
hurry(void)
{
    double now;

    if (signals != 1 || !launched || !(leaves > 0))
        return;
    now = qn_clock_now();
    if (!(finish_until > 0))
        finish_until = now + FINISH_PART * leaves;
    if (now >= finish_until)
        signals = 2;
}

void
qn_stop_listen(void)
{
    static const int stops[] = {SIGTERM, SIGINT, SIGUSR1, SIGUSR2};
    struct sigaction sa = {.sa_sigaction = count, .sa_flags = SA_SIGINFO};

    leaves = time_left_by_launcher();
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
    hurry();
    return signals > asked ? signals : asked;
}
