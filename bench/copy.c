/* quern-copy: the plainest program that moves as many bytes as a reduction.
 *
 *     quern-copy OUT BYTES PROCESSES FILE...
 *
 * Each file is read whole, and BYTES bytes are written to a file of its name
 * in the folder OUT, by so many processes.  No arithmetic, no headers, no
 * syncing: what reading and writing alone cost.  Prints its seconds as JSON. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 1 << 20 };

static double
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int
complain(const char *path)
{
    fprintf(stderr, "quern-copy: %s: %s\n", path, strerror(errno));
    return 1;
}

/* Write the next n bytes of this file's share. */
static int
put(int out, const char *piece, size_t n, size_t *left)
{
    n = n < *left ? n : *left;
    *left -= n;
    return n > 0 && write(out, piece, n) != (ssize_t)n;
}

static int
copy(const char *folder, const char *path, size_t bytes, char *piece)
{
    const char *name = strrchr(path, '/');
    char target[4096];
    int in = open(path, O_RDONLY), out, bad = 0;
    ssize_t n = 1;

    if (in < 0)
        return complain(path);
    snprintf(target, sizeof target, "%s/%s", folder, name ? name + 1 : path);
    out = open(target, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (out < 0) {
        close(in);
        return complain(target);
    }
    while (n > 0 && !bad) {
        n = read(in, piece, PIECE);
        bad = n < 0 || put(out, piece, (size_t)(n > 0 ? n : 0), &bytes);
    }
    while (bytes > 0 && !bad)
        bad = put(out, piece, PIECE, &bytes);
    close(in);
    if (close(out) || bad)
        return complain(target);
    return 0;
}

/* Every processes-th file from the first. */
static int
copy_some(char **argv, int first, int argc)
{
    size_t bytes = (size_t)strtoull(argv[2], NULL, 10);
    int processes = atoi(argv[3]), bad = 0;
    char *piece = calloc(1, PIECE);

    if (!piece)
        return complain("memory");
    for (int i = 4 + first; i < argc && !bad; i += processes)
        bad = copy(argv[1], argv[i], bytes, piece);
    free(piece);
    return bad;
}

int
main(int argc, char **argv)
{
    int processes = argc > 4 ? atoi(argv[3]) : 0, status, bad = 0;
    double begin = now();

    if (processes < 1) {
        fprintf(stderr, "usage: quern-copy OUT BYTES PROCESSES FILE...\n");
        return 2;
    }
    if (mkdir(argv[1], 0777) && errno != EEXIST)
        return complain(argv[1]);
    for (int i = 0; i < processes; i++) {
        pid_t child = fork();

        if (child < 0)
            return complain("a process could not be started");
        if (child == 0)
            _exit(copy_some(argv, i, argc));
    }
    while (wait(&status) > 0)
        bad = bad || status;
    printf("{\"seconds\": %.6f}\n", now() - begin);
    return bad;
}
