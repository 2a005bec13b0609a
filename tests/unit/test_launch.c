/* Launchers, as far as the environment tells of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "comm/launch.h"

/* Every variable that is looked at. */
static const char *const names[] = {"OMPI_COMM_WORLD_SIZE",
                                    "OMPI_COMM_WORLD_RANK",
                                    "MV2_COMM_WORLD_SIZE",
                                    "MV2_COMM_WORLD_RANK",
                                    "PMI_SIZE",
                                    "PMI_RANK",
                                    "PMI_FD",
                                    "PMIX_RANK",
                                    "SLURM_STEP_ID",
                                    "SLURM_STEP_NUM_TASKS",
                                    "SLURM_NTASKS",
                                    "SLURM_PROCID",
                                    "MPI_LOCALNRANKS",
                                    "MPI_LOCALRANKID",
                                    NULL};

/* Only the variables in text: "A=1 B=2". */
static void
set_environment(const char *text)
{
    char copy[512];

    for (int i = 0; names[i]; i++)
        unsetenv(names[i]);
    assert_true(strlen(text) < sizeof copy);
    strcpy(copy, text);
    for (char *s = strtok(copy, " "); s; s = strtok(NULL, " ")) {
        char *value = strchr(s, '=');

        assert_non_null(value);
        *value++ = '\0';
        setenv(s, value, 1);
    }
}

#define BATCH "SLURM_NTASKS=8 SLURM_PROCID=0 "
#define STEP  "SLURM_PROCID=3 SLURM_STEP_ID=0 "

static const struct {
    const char *environment;
    int ranks, rank;
    bool exact, step, wired;
    const char *variable;
} cases[] = {
    // no launcher, or nothing that could be one
    {"", 0, 0, false, false, false, NULL},
    {"OMPI_COMM_WORLD_SIZE=", 0, 0, false, false, false, NULL},
    {"OMPI_COMM_WORLD_SIZE=0", 0, 0, false, false, false, NULL},
    {"OMPI_COMM_WORLD_SIZE=-4", 0, 0, false, false, false, NULL},
    {"OMPI_COMM_WORLD_SIZE=four", 0, 0, false, false, false, NULL},
    {"OMPI_COMM_WORLD_SIZE=4x", 0, 0, false, false, false, NULL},
    {"OMPI_COMM_WORLD_SIZE=+4", 0, 0, false, false, false, NULL},
    {"OMPI_COMM_WORLD_SIZE=99999999999", 0, 0, false, false, false, NULL},
    {"PMI_SIZE=99999999999999999999999", 0, 0, false, false, false, NULL},
    {"OMPI_COMM_WORLD_RANK=2", 0, 0, false, false, false, NULL},
    // a batch script of Slurm is no launch
    {"SLURM_NTASKS=8", 0, 0, false, false, false, NULL},
    {BATCH, 0, 0, false, false, false, NULL},
    {BATCH "SLURM_STEP_ID=batch", 0, 0, false, false, false, NULL},
    {BATCH "SLURM_STEP_ID=4294967291", 0, 0, false, false, false, NULL},
    {BATCH "SLURM_STEP_ID=4294967290", 0, 0, false, false, false, NULL},
    {"SLURM_STEP_ID=0 SLURM_NTASKS=8", 0, 0, false, false, false, NULL},
    // launchers
    {"OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_RANK=2 PMIX_RANK=2", 4, 2, true,
     false, true, "OMPI_COMM_WORLD_SIZE"},
    {"OMPI_COMM_WORLD_SIZE=1 OMPI_COMM_WORLD_RANK=0", 1, 0, true, false, false,
     "OMPI_COMM_WORLD_SIZE"},
    {"MV2_COMM_WORLD_SIZE=3 MV2_COMM_WORLD_RANK=1", 3, 1, true, false, false,
     "MV2_COMM_WORLD_SIZE"},
    {"PMI_SIZE=16 PMI_RANK=15 MPI_LOCALNRANKS=8 MPI_LOCALRANKID=7", 16, 15,
     true, false, true, "PMI_SIZE"},
    {"MPI_LOCALNRANKS=8 MPI_LOCALRANKID=7", 8, 7, false, false, false,
     "MPI_LOCALNRANKS"},
    {"PMIX_RANK=5", 1, 5, false, false, true, "PMIX_RANK"},
    {STEP "SLURM_STEP_NUM_TASKS=4 SLURM_NTASKS=8", 4, 3, true, true, false,
     "SLURM_STEP_NUM_TASKS"},
    {STEP "SLURM_NTASKS=8", 8, 3, true, true, false, "SLURM_NTASKS"},
    {STEP "SLURM_STEP_NUM_TASKS=4 PMIX_RANK=3", 4, 3, true, true, true,
     "SLURM_STEP_NUM_TASKS"},
    {STEP "SLURM_STEP_NUM_TASKS=4 PMI_FD=12", 4, 3, true, true, true,
     "SLURM_STEP_NUM_TASKS"},
    // mpirun starts its helpers by srun: the inner launcher counts
    {STEP "SLURM_STEP_NUM_TASKS=2 OMPI_COMM_WORLD_SIZE=6 "
          "OMPI_COMM_WORLD_RANK=5 PMIX_RANK=5",
     6, 5, true, false, true, "OMPI_COMM_WORLD_SIZE"},
    {BATCH "OMPI_COMM_WORLD_SIZE=6 OMPI_COMM_WORLD_RANK=5", 6, 5, true, false,
     false, "OMPI_COMM_WORLD_SIZE"},
    // a rank that cannot be is not believed
    {"OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_RANK=4", 4, 0, true, false, false,
     "OMPI_COMM_WORLD_SIZE"},
    {"OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_RANK=x", 4, 0, true, false, false,
     "OMPI_COMM_WORLD_SIZE"},
};

static void
launchers_are_told_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct qn_launch l;

        set_environment(cases[i].environment);
        memset(&l, 0xff, sizeof l);
        qn_launch_detect(&l);
        if (l.ranks != cases[i].ranks || l.rank != cases[i].rank ||
            l.exact != cases[i].exact || l.step != cases[i].step ||
            l.wired != cases[i].wired)
            fail_msg("'%s': %d of %d, exact %d, step %d, wired %d",
                     cases[i].environment, l.rank, l.ranks, l.exact, l.step,
                     l.wired);
        if (cases[i].variable)
            assert_string_equal(l.variable, cases[i].variable);
        else
            assert_null(l.variable);
    }
}

static void
refusal_says_what_to_type(void **state)
{
    struct qn_launch l;
    struct qn_error err = {0};

    (void)state;
    set_environment(STEP "SLURM_STEP_NUM_TASKS=4");
    qn_launch_detect(&l);
    assert_int_equal(qn_launch_refuse(&l, 1, &err), QN_EMPI);
    assert_non_null(strstr(err.text, "4 copies"));
    assert_non_null(strstr(err.text, "SLURM_STEP_NUM_TASKS=4"));
    assert_non_null(strstr(err.text, "`srun --mpi=pmix -n 4 quern ...`"));
    assert_non_null(strstr(err.text, "`mpirun -n 4 quern ...`"));
    assert_int_equal(qn_launch_refuse(&l, 1, NULL), QN_EMPI);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(launchers_are_told_apart),
        cmocka_unit_test(refusal_says_what_to_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
