/* What every MPI test needs: ranks that fail together.
 *
 * An assertion of cmocka's that jumps out of a test on one rank leaves the
 * others in the next collective for ever.  So mpi_assert makes all ranks agree
 * on the verdict first, and then all of them pass or fail.  Rank 0 prints; what
 * failed is said by the lowest rank that saw it.
 *
 *     int main(int argc, char **argv)
 *     {
 *         const struct CMUnitTest tests[] = {cmocka_unit_test(...), ...};
 *         return harness_run(argc, argv, tests, sizeof tests / sizeof *tests);
 *     }
 *
 * The ranks a test was started with are held against what the launcher
 * promised, and against argv[1] where it is given; otherwise the program ends
 * with 77 (skipped) and a sentence.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "comm/comm.h"

/* The tests get the communicator of all ranks as *state. */
int
harness_run(int argc, char **argv, const struct CMUnitTest *tests, size_t n);

/* Collective.  Fails the test on every rank if cond is false on any. */
#define mpi_assert(comm, cond)                                               \
    harness_assert((comm), (cond), #cond, __FILE__, __LINE__)

void
harness_assert(
    struct qn_comm *comm, bool verdict, const char *text, const char *file,
    int line);

/* Collective.  Ends the test as skipped, with a sentence, unless there are at
 * least so many ranks. */
void
harness_need(struct qn_comm *comm, int ranks);

/* Local.  Numbers that look random and are the same in every run. */
uint32_t
harness_random(uint32_t *seed);

/* Local.  Sleep. */
void
harness_sleep(int microseconds);

#endif
