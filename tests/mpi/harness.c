/* Ranks that fail together, see harness.h. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "comm/comm_mpi.h"

#define SKIPPED 77

/* With MPI's own calls: what is under test, and may be failing, is not asked.
 */
void
harness_assert(struct qn_comm *comm, bool verdict, const char *text,
               const char *file, int line)
{
    int mine = verdict ? comm->size : comm->rank;
    int first = mine;

    if (comm->mpi)
        MPI_Allreduce(&mine, &first, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    if (first == comm->size)
        return;
    if (first == comm->rank)
        fprintf(stderr, "rank %d of %d: %s:%d: %s\n", first, comm->size, file,
                line, text);
    _fail(file, line);
}

void
harness_need(struct qn_comm *comm, int ranks)
{
    if (comm->size >= ranks)
        return;
    if (comm->rank == 0)
        print_message("skipped: needs %d ranks, not %d\n", ranks, comm->size);
    skip();
}

uint32_t
harness_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

void
harness_sleep(int microseconds)
{
    struct timespec t = {.tv_sec = microseconds / 1000000,
                         .tv_nsec = microseconds % 1000000 * 1000L};

    nanosleep(&t, NULL);
}

/* As many ranks as there should be?  Says so otherwise. */
static bool
is_complete(const struct qn_comm *comm, int promised, const char *wanted)
{
    int want = wanted ? atoi(wanted) : promised;

    if (want == comm->size)
        return true;
    if (comm->rank == 0)
        fprintf(stderr,
                want ? "skipped: ranks: %d, not the %d that were to be\n"
                     : "skipped: ranks: %d, and no launcher; start it with "
                       "scripts/mpirun.sh -n N\n",
                comm->size, want);
    return false;
}

/* Verdicts are agreed, so rank 0 has them all.  What a crash or a sanitizer
 * has to say goes to stderr and is still heard. */
static void
fall_silent(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP); // all of it on stdout
    if (!freopen("/dev/null", "w", stdout))
        perror("/dev/null");
}

int
harness_run(int argc, char **argv, const struct CMUnitTest *tests, size_t n)
{
    struct CMUnitTest *mine = calloc(n, sizeof *mine);
    struct qn_error err = {0};
    struct qn_comm comm = {0};
    int failed = SKIPPED;

    if (!mine || qn_comm_open(&comm, &err)) {
        if (mine && comm.rank == 0)
            fprintf(stderr, "%s\n", err.text);
        free(mine);
        return getenv("QUERN_FAULT") ? SKIPPED : 1; // it was asked for
    }
    if (is_complete(&comm, qn_comm_promised(), argc > 1 ? argv[1] : NULL)) {
        memcpy(mine, tests, n * sizeof *mine);
        for (size_t i = 0; i < n; i++)
            mine[i].initial_state = &comm;
        if (comm.rank)
            fall_silent();
        failed = _cmocka_run_group_tests(argv[0], mine, n, NULL, NULL);
    }
    qn_comm_close(&comm);
    free(mine);
    return failed;
}
