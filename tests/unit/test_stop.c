/* Being asked to stop: signals are counted, other ways are not among them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <signal.h>

#include "base/clock.h"
#include "engine/stop.h"

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
    const struct CMUnitTest tests[] = {cmocka_unit_test(ways)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
