/* How often something is inflated, for tests of the real programs: to be
 * preloaded.
 *
 *     cc -shared -fPIC -o counted.so counted.c
 *     LD_PRELOAD=$PWD/counted.so QUERN_COUNTED=$PWD/log quern run ...
 *
 * Each call adds a line to the log: "chunk", whoever inflates it, or "gzip". */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
note(const char *line)
{
    const char *log = getenv("QUERN_COUNTED");
    int fd = log ? open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644)
                 : -1;

    if (fd < 0 || write(fd, line, strlen(line)) < 0)
        _exit(99);
    close(fd);
}

int
libdeflate_zlib_decompress(void *d, const void *in, size_t n, void *out,
                           size_t room, size_t *made)
{
    int (*next)(void *, const void *, size_t, void *, size_t, size_t *);

    *(void **)&next = dlsym(RTLD_NEXT, "libdeflate_zlib_decompress");
    note("chunk\n");
    return next(d, in, n, out, room, made);
}

/* zlib's, which HDF5's own filter begins with. */
int
inflateInit_(void *stream, const char *version, int size)
{
    int (*next)(void *, const char *, int);

    *(void **)&next = dlsym(RTLD_NEXT, "inflateInit_");
    note("chunk\n");
    return next(stream, version, size);
}

int
libdeflate_gzip_decompress_ex(void *d, const void *in, size_t n, void *out,
                              size_t room, size_t *used, size_t *made)
{
    int (*next)(void *, const void *, size_t, void *, size_t, size_t *,
                size_t *);

    *(void **)&next = dlsym(RTLD_NEXT, "libdeflate_gzip_decompress_ex");
    note("gzip\n");
    return next(d, in, n, out, room, used, made);
}
