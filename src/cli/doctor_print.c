/* The doctor's facts in words: hosts, ranks as pictures, libraries, warnings.
 *
 * Takes the same JSON that `--json` prints; finds nothing out itself. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/doctor.h"
#include "model/json.h"

/* As printf takes it. */
static long long
integer(const json_t *object, const char *key)
{
    return qn_json_integer(object, key);
}

/* "7.8 GB", or what no limit is called. */
static const char *
size(char *buf, size_t n, const json_t *object, const char *key,
     const char *none)
{
    const json_t *j = json_object_get(object, key);

    if (!json_is_number(j))
        return none;
    return qn_text_size(buf, n, json_number_value(j));
}

static const char *
plural(long long n)
{
    return n == 1 ? "" : "s";
}

/* ---- hosts ---------------------------------------------------------------- */

static void
print_inputs(const json_t *inputs)
{
    long long seen = integer(inputs, "seen"),
              missing = integer(inputs, "missing");

    if (inputs)
        printf("  %-12s %lld of %lld looked for are there\n", "inputs", seen,
               seen + missing);
}

static void
print_host(const json_t *h)
{
    const json_t *quota = json_object_get(h, "quota");
    char a[32], b[32], c[32];

    printf("host %s\n", qn_json_word(h, "host"));
    printf("  %-12s %lld core%s, %lld processor%s, %lld package%s%s%s\n",
           "machine", integer(h, "cores"), plural(integer(h, "cores")),
           integer(h, "processors"), plural(integer(h, "processors")),
           integer(h, "packages"), plural(integer(h, "packages")),
           *qn_json_word(h, "model") ? ": " : "", qn_json_word(h, "model"));
    printf("  %-12s %s, Linux %s%s%s\n", "system",
           *qn_json_word(h, "system") ? qn_json_word(h, "system") : "unknown",
           qn_json_word(h, "kernel"),
           *qn_json_word(h, "container") ? ", in " : "",
           *qn_json_word(h, "container") ? qn_json_word(h, "container")
                                         : ", no container");
    printf("  %-12s %s, %s free, limit %s; /dev/shm %s\n", "memory",
           size(a, sizeof a, h, "memory", "unknown"),
           size(b, sizeof b, h, "available", "unknown"),
           size(c, sizeof c, h, "memory_limit", "none"),
           size((char[32]){0}, 32, h, "shm", "not there"));
    if (json_is_number(quota))
        printf("  %-12s %.3g cores' worth of time\n", "quota",
               json_number_value(quota));
    printf("  %-12s ", "limits");
    if (json_is_integer(json_object_get(h, "open_files")))
        printf("%lld open files", integer(h, "open_files"));
    else
        printf("any number of open files");
    printf(", address space %s\n",
           size(a, sizeof a, h, "address_space", "unlimited"));
    print_inputs(json_object_get(h, "inputs"));
}

/* ---- ranks ----------------------------------------------------------------- */

static void
print_cores(const json_t *rank, const char *key)
{
    const json_t *j = json_object_get(rank, key);

    if (json_is_number(j))
        printf("  %5.2f", json_number_value(j));
    else
        printf("  %5s", "-");
}

static size_t
widest(const json_t *ranks, const char *key, size_t least)
{
    const json_t *r;
    size_t i;

    json_array_foreach(ranks, i, r) if (strlen(qn_json_word(r, key)) > least)
        least = strlen(qn_json_word(r, key));
    return least;
}

static void
print_ranks(const json_t *ranks)
{
    int host = (int)widest(ranks, "host", 4);
    int picture = (int)widest(ranks, "picture", 5);
    const json_t *r;
    size_t i;

    printf("ranks: # its own core, x shared, . not its own; cores delivered "
           "to a loop and to GEMM\n");
    printf("  %5s  %-*s  %-*s  %-10s %7s %7s  %5s  %5s  %5s\n", "rank", host,
           "host", picture, "cores", "processors", "threads", "workers",
           "tried", "loop", "gemm");
    json_array_foreach(ranks, i, r)
    {
        printf("  %5lld  %-*s  %-*s  %-10s %7lld %7lld  %5lld",
               integer(r, "rank"), host, qn_json_word(r, "host"), picture,
               qn_json_word(r, "picture"), qn_json_word(r, "processors"),
               integer(r, "threads"), integer(r, "workers"),
               integer(r, "measured_threads"));
        print_cores(r, "loop");
        print_cores(r, "gemm");
        printf("\n");
    }
}

/* ---- libraries --------------------------------------------------------------- */

static void
print_library(const json_t *l, const json_t *rank)
{
    const json_t *gflops = json_object_get(rank, "gflops");

    if (!strcmp(qn_json_word(l, "kind"), "OpenMP")) {
        printf("  %-12s %s\n", "OpenMP", qn_json_word(l, "name"));
        return;
    }
    printf("  %-12s %s", "BLAS", qn_json_word(l, "name"));
    if (*qn_json_word(l, "build"))
        printf(", OpenBLAS %s, %s build, %s kernels",
               qn_json_word(l, "version"), qn_json_word(l, "build"),
               qn_json_word(l, "core"));
    printf(", limited to %lld thread%s", integer(l, "threads"),
           plural(integer(l, "threads")));
    if (json_is_number(gflops))
        printf("; %.0f GFLOP/s on %lld thread%s", json_number_value(gflops),
               integer(rank, "measured_threads"),
               plural(integer(rank, "measured_threads")));
    printf("\n");
}

static void
print_libraries(const json_t *rank)
{
    const json_t *libraries = json_object_get(rank, "libraries"), *l, *f,
                 *hdf5 = json_object_get(rank, "hdf5");
    size_t i;

    printf("libraries of a worker\n");
    json_array_foreach(libraries, i, l) print_library(l, rank);
    if (!json_array_size(libraries))
        printf("  %-12s none found\n", "BLAS");
    if (!hdf5)
        return;
    printf("  %-12s %s, %s; filters:", "HDF5", qn_json_word(hdf5, "version"),
           json_is_true(json_object_get(hdf5, "parallel")) ? "parallel build"
                                                           : "serial build");
    json_array_foreach(json_object_get(hdf5, "filters"), i, f)
        printf(" %s", json_string_value(f));
    printf("\n");
}

static void
print_mpi(const json_t *mpi)
{
    printf("MPI\n  %-12s %s\n", "library", qn_json_word(mpi, "library"));
    if (json_is_true(json_object_get(mpi, "started")))
        printf("  %-12s threads %s; transport %s\n", "started",
               qn_json_word(mpi, "thread_level"),
               qn_json_word(mpi, "transport"));
    else if (*qn_json_word(mpi, "launcher"))
        printf("  %-12s one rank needs none (%s)\n", "not started",
               qn_json_word(mpi, "launcher"));
    else
        printf("  %-12s no launcher: put mpirun in front to see its ranks\n",
               "not started");
}

static void
print_slurm(json_t *slurm)
{
    const char *key;
    json_t *value;

    if (!json_is_object(slurm)) {
        printf("SLURM\n  %-12s this is not inside one\n", "job");
        return;
    }
    printf("SLURM\n ");
    json_object_foreach(slurm, key, value)
        printf(" %s=%s", key, json_string_value(value));
    printf("\n");
}

static void
print_output(const json_t *o)
{
    const json_t *stripes = json_object_get(o, "stripes");
    char buf[32];

    if (!json_is_object(o))
        return;
    printf("output\n  %-12s %s%s\n", "folder", qn_json_word(o, "path"),
           json_is_true(json_object_get(o, "exists")) ? ""
                                                      : " (not there yet)");
    printf("  %-12s %s%s, %s free, locks %s", "file system",
           qn_json_word(o, "file_system"),
           json_is_true(json_object_get(o, "network")) ? " (network)" : "",
           size(buf, sizeof buf, o, "free", "unknown"),
           qn_json_word(o, "locks"));
    if (json_is_integer(stripes))
        printf(", striped over %lld", (long long)json_integer_value(stripes));
    printf("\n");
}

/* "1.2 GB/s"; "unknown" */
static const char *
rate(char *buf, size_t n, const json_t *j)
{
    char bytes[32];

    if (!json_is_real(j))
        return "unknown";
    snprintf(buf, n, "%s/s",
             qn_text_size(bytes, sizeof bytes, json_real_value(j)));
    return buf;
}

static void
print_ceilings(const json_t *c)
{
    const json_t *memory = json_object_get(c, "memory");
    char a[48], b[48], r[48], w[48];

    if (!json_is_object(c))
        return;
    printf("ceilings\n  %-12s %s on one core, %s on %lld\n", "memory",
           rate(a, sizeof a, json_object_get(memory, "one")),
           rate(b, sizeof b, json_object_get(memory, "all")),
           integer(memory, "cores"));
    printf("  %-12s %s read from the page cache, %s written and synced\n",
           "files", rate(r, sizeof r, json_object_get(c, "read")),
           rate(w, sizeof w, json_object_get(c, "write")));
}

static void
print_job(const json_t *j)
{
    if (json_is_object(j))
        printf("job %s\n  %-12s %lld in %lld stage%s, %lld cannot be done\n",
               qn_json_word(j, "name"), "items", integer(j, "items"),
               integer(j, "stages"), plural(integer(j, "stages")),
               integer(j, "failing"));
}

/* ---- warnings ------------------------------------------------------------------ */

static void
print_warnings(const json_t *warnings)
{
    const json_t *w;
    size_t i;

    if (!json_array_size(warnings)) {
        printf("\nnothing is wrong\n");
        return;
    }
    printf("\n%zu warning%s\n", json_array_size(warnings),
           plural((long long)json_array_size(warnings)));
    json_array_foreach(warnings, i, w)
    {
        printf("  %zu. %s", i + 1, qn_json_word(w, "text"));
        if (integer(w, "ranks") > 1)
            printf(" (%lld ranks, first on %s)", integer(w, "ranks"),
                   qn_json_word(w, "host"));
        printf("\n     use: %s\n", qn_json_word(w, "fix"));
    }
}

void
qn_doctor_print(const json_t *facts)
{
    const json_t *ranks = json_object_get(facts, "ranks"), *h;
    size_t i;

    printf("quern %s\n", qn_json_word(facts, "quern"));
    json_array_foreach(json_object_get(facts, "hosts"), i, h) print_host(h);
    print_ranks(ranks);
    print_libraries(json_array_get(ranks, 0));
    print_mpi(json_object_get(facts, "mpi"));
    print_slurm(json_object_get(facts, "slurm"));
    print_output(json_object_get(facts, "output"));
    print_ceilings(json_object_get(facts, "ceilings"));
    print_job(json_object_get(facts, "job"));
    print_warnings(json_object_get(facts, "warnings"));
}
