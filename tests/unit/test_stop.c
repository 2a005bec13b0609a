/* Being asked to stop: signals are counted, other ways are not among them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/stop.h"

enum { CALM = 10, HURRIED };

static void
nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

/* The child: waits to be asked, and whether that becomes urgent in a time in
 * which it does where it does at all. */
static void
wait_to_be_asked(int ready)
{
    int left = 90;

    qn_stop_listen();
    if (write(ready, "", 1) != 1)
        _exit(1);
    while (!qn_stop_asked())
        nap();
    while (qn_stop_asked() < 2 && left-- > 0)
        nap();
    _exit(qn_stop_asked() > 1 ? HURRIED : CALM);
}

/* How a rank of such a launcher (NULL: none) takes a signal: from its parent,
 * or (!parent) from itself. */
static int
ask(const char *launcher, int number, bool parent)
{
    int line[2], status;
    char ready;
    pid_t pid;

    assert_int_equal(pipe(line), 0);
    pid = fork();
    if (!pid) {
        unsetenv("OMPI_MCA_odls_base_sigkill_timeout");
        unsetenv("OMPI_COMM_WORLD_SIZE");
        if (launcher)
            setenv(launcher, "2", 1);
        if (!parent) {
            qn_stop_listen();
            raise(number);
        }
        wait_to_be_asked(line[1]);
    }
    assert_true(pid > 0);
    assert_int_equal(read(line[0], &ready, 1), 1);
    if (parent)
        kill(pid, number);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(line[0]);
    close(line[1]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
a_kill_is_near_only_behind_one_launcher(void **state)
{
    (void)state;
    assert_int_equal(ask("OMPI_COMM_WORLD_SIZE", SIGTERM, true), HURRIED);
    assert_int_equal(ask("OMPI_COMM_WORLD_SIZE", SIGUSR2, true), CALM);
    assert_int_equal(ask("OMPI_COMM_WORLD_SIZE", SIGTERM, false), CALM);
    // `timeout` is a parent that sends it, too
    assert_int_equal(ask(NULL, SIGTERM, true), CALM);
}

/* A process is asked once in its life: one test, in order. */
static void
ways(void **state)
{
    (void)state;
    qn_stop_listen();
    assert_int_equal(qn_stop_asked(), 0);
    assert_true(isinf(qn_stop_left()));
    qn_stop_watch(NULL, qn_clock_now() + 1000);
    assert_int_equal(qn_stop_asked(), 0);
    assert_true(qn_stop_left() > 900);

    // a deadline, and what another rank says, drain however often
    qn_stop_watch(NULL, qn_clock_now() - 1);
    assert_int_equal(qn_stop_asked(), 1);
    qn_stop_ask();
    assert_int_equal(qn_stop_asked(), 1);

    // the warning behind them is the first signal
    raise(SIGUSR2);
    assert_int_equal(qn_stop_asked(), 1);
    qn_stop_ask();
    assert_int_equal(qn_stop_asked(), 1);
    raise(SIGTERM);
    assert_int_equal(qn_stop_asked(), 2);
    raise(SIGINT);
    assert_int_equal(qn_stop_asked(), 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kill_is_near_only_behind_one_launcher),
        cmocka_unit_test(ways),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
