/* A new folder below /tmp for a test, and its end with all that is in it. */
#ifndef QN_TEST_SCRATCH_H
#define QN_TEST_SCRATCH_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCRATCH_NAME 64

/* 0, and its name. */
static inline int
scratch_open(char name[SCRATCH_NAME])
{
    strcpy(name, "/tmp/quern-test-XXXXXX");
    return mkdtemp(name) ? 0 : -1;
}

static inline int
scratch_remove_one(const char *path, const struct stat *st, int type,
                   struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static inline int
scratch_close(const char *name)
{
    return nftw(name, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* For cmocka: the test works in it, and *state is its name. */
static inline int
scratch_enter(void **state)
{
    char name[SCRATCH_NAME];

    *state = scratch_open(name) ? NULL : strdup(name);
    return *state ? chdir(*state) : -1;
}

static inline int
scratch_leave(void **state)
{
    int rc = chdir("/") || scratch_close(*state);

    free(*state);
    return rc;
}

#endif
