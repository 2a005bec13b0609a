/* MPI that fails, for tests of the real program: to be preloaded.
 *
 *     mpicc -shared -fPIC -o faulty_mpi.so faulty_mpi.c
 *     QUERN_FAULTY_MPI="1 MPI_Iallreduce 5 instead" mpirun -x LD_PRELOAD=...
 *
 * On rank 1 (-1: on all) the fifth call of MPI_Iallreduce ("*": of any) fails:
 * "instead" of being made, or "after" it was made.  MPI_ERR_OTHER is what
 * comes back. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    int known, rank, seen, first;
    char call[64], when[16];
} fault;

static void
read_fault(void)
{
    const char *text = getenv("QUERN_FAULTY_MPI");
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    int mine;

    fault.known = 1;
    if (!text || sscanf(text, "%d %63s %d %15s", &mine, fault.call,
                        &fault.first, fault.when) != 4 ||
        (mine >= 0 && (!rank || atoi(rank) != mine)))
        fault.first = 0;
}

/* 0, 1: fail instead, 2: fail after. */
static int
fails(const char *call)
{
    if (!fault.known)
        read_fault();
    if (!fault.first || (strcmp(fault.call, "*") && strcmp(fault.call, call)) ||
        ++fault.seen != fault.first)
        return 0;
    if (getenv("QUERN_FAULTY_TOLD"))
        fclose(fopen(getenv("QUERN_FAULTY_TOLD"), "w"));
    return strcmp(fault.when, "after") ? 1 : 2;
}

#define WRAP(name, params, args)                                             \
    int name params                                                          \
    {                                                                        \
        int how = fails(#name);                                              \
        int rc = how == 1 ? MPI_ERR_OTHER : P##name args;                    \
        return how ? MPI_ERR_OTHER : rc;                                     \
    }

WRAP(MPI_Init_thread, (int *c, char ***v, int want, int *got), (c, v, want, got))
WRAP(MPI_Comm_dup, (MPI_Comm a, MPI_Comm *b), (a, b))
WRAP(MPI_Comm_split, (MPI_Comm a, int colour, int key, MPI_Comm *b), (a, colour, key, b))
WRAP(MPI_Comm_split_type, (MPI_Comm a, int type, int key, MPI_Info i, MPI_Comm *b),
     (a, type, key, i, b))
WRAP(MPI_Ibcast, (void *p, int n, MPI_Datatype t, int root, MPI_Comm c, MPI_Request *r),
     (p, n, t, root, c, r))
WRAP(MPI_Iallreduce, (const void *a, void *b, int n, MPI_Datatype t, MPI_Op o, MPI_Comm c,
     MPI_Request *r),
     (a, b, n, t, o, c, r))
WRAP(MPI_Iallgather, (const void *a, int n, MPI_Datatype t, void *b, int m, MPI_Datatype u,
     MPI_Comm c, MPI_Request *r),
     (a, n, t, b, m, u, c, r))
WRAP(MPI_Iallgatherv, (const void *a, int n, MPI_Datatype t, void *b, const int m[], const int d[],
     MPI_Datatype u, MPI_Comm c, MPI_Request *r),
     (a, n, t, b, m, d, u, c, r))
WRAP(MPI_Isend, (const void *p, int n, MPI_Datatype t, int to, int tag, MPI_Comm c, MPI_Request *r),
     (p, n, t, to, tag, c, r))
WRAP(MPI_Irecv, (void *p, int n, MPI_Datatype t, int from, int tag, MPI_Comm c, MPI_Request *r),
     (p, n, t, from, tag, c, r))
WRAP(MPI_Test, (MPI_Request *r, int *done, MPI_Status *s), (r, done, s))
WRAP(MPI_Iprobe, (int from, int tag, MPI_Comm c, int *there, MPI_Status *s),
     (from, tag, c, there, s))
WRAP(MPI_Comm_free, (MPI_Comm *c), (c))
WRAP(MPI_Finalize, (void), ())
