/* Counting stop signals. */
#include "engine/stop.h"

#include <signal.h>

static volatile sig_atomic_t asked;

static void
count(int signal_number)
{
    (void)signal_number;
    if (asked < 2)
        asked = asked + 1;
}

void
qn_stop_listen(void)
{
    static const int stops[] = {SIGTERM, SIGINT, SIGUSR1, SIGUSR2};
    struct sigaction sa = {.sa_handler = count};

    // no SA_RESTART: a waiting poll is to come back
    for (unsigned i = 0; i < sizeof stops / sizeof *stops; i++)
        sigaction(stops[i], &sa, 0);
    signal(SIGPIPE, SIG_IGN);
}

int
qn_stop_asked(void)
{
    return asked;
}
