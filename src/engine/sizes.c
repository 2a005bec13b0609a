/* Looking at many files together: see sizes.h.
 *
 * Some thousand paths at a time go to all ranks, once a node; each looks at
 * its part of them, and the answers come back in the order of the paths. */
#include "engine/sizes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "base/text.h"
#include "comm/share.h"

enum { AT_ONCE = 1 << 14 }; /* files */

static struct qn_size
look(const char *path)
{
    struct qn_size size = {.bytes = QN_SIZE_UNKNOWN};
    struct stat st;

    if (!stat(path, &st)) {
        if (S_ISREG(st.st_mode))
            size.bytes = st.st_size;
        size.mtime_ns =
            st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
    } else if (errno == ENOENT && lstat(path, &st)) {
        size.bytes = QN_SIZE_GONE;
    }
    return size;
}

static void
look_alone(const struct qn_sizes_ask *ask)
{
    for (size_t i = 0; i < ask->n; i++) {
        char *path = ask->path(ask->ctx, i);

        if (path) {
            struct qn_size size = look(path);

            ask->take(ask->ctx, i, &size);
        }
        free(path);
    }
}

/* ---- some of them ------------------------------------------------------- */

/* Files that are looked at together, and which they are. */
struct some {
    struct qn_text paths;  /* owned: each with its NUL              */
    size_t index[AT_ONCE]; /* rank 0's                              */
    size_t n;
};

/* Local, on rank 0.  The next ones from *at on. */
static int
gather_paths(struct some *some, const struct qn_sizes_ask *ask, size_t *at,
             struct qn_error *err)
{
    for (; *at < ask->n && some->n < AT_ONCE; ++*at) {
        char *path = ask->path(ask->ctx, *at);

        if (path) {
            qn_text_bytes(&some->paths, path, strlen(path) + 1);
            some->index[some->n++] = *at;
        }
        free(path);
    }
    return qn_text_check(&some->paths, err);
}

/* Local.  Look at this rank's part of n paths. */
static size_t
look_at_part(struct qn_size *seen, const char *paths, size_t n,
             const struct qn_comm *comm)
{
    size_t ranks = (size_t)comm->size, rank = (size_t)comm->rank;
    size_t first = n * rank / ranks, last = n * (rank + 1) / ranks;

    for (size_t i = 0; i < last; i++) {
        if (i >= first)
            seen[i - first] = look(paths);
        paths += strlen(paths) + 1;
    }
    return last - first;
}

static size_t
count_texts(const char *texts, size_t bytes)
{
    size_t n = 0;

    for (size_t i = 0; i < bytes; i++)
        n += texts[i] == '\0';
    return n;
}

/* Collective.  Everybody's part, on rank 0 in the order of the paths. */
static int
look_together(const struct qn_share *paths, struct qn_size **all,
              struct qn_comm *comm, struct qn_error *err)
{
    size_t n = count_texts(paths->data, paths->size), mine = 0, *sizes = NULL;
    struct qn_size *seen = NULL;
    int rc = qn_memory_make((void **)&seen, n, sizeof *seen, "sizes", err);

    if (!rc)
        rc = qn_memory_make((void **)&sizes, (size_t)comm->size,
                            sizeof *sizes, "sizes", err);
    if (!rc)
        mine = look_at_part(seen, paths->data, n, comm);
    rc = qn_comm_agree(comm, rc, err);
    if (!rc)
        rc = qn_comm_gather(comm, seen, mine * sizeof *seen, (void **)all,
                            sizes, err);
    free(seen);
    free(sizes);
    return rc;
}

/* Collective.  *more: there were any. */
static int
look_at_some(struct some *some, const struct qn_sizes_ask *ask, size_t *at,
             bool *more, struct qn_comm *comm, struct qn_error *err)
{
    struct qn_size *all = NULL;
    struct qn_share paths;
    int rc = 0;

    some->n = some->paths.len = 0;
    if (comm->rank == 0)
        rc = gather_paths(some, ask, at, err);
    rc = qn_comm_agree(comm, rc, err);
    if (!rc)
        rc = qn_share_open(&paths, comm, some->paths.s, some->paths.len, err);
    if (rc)
        return rc;
    *more = paths.size > 0;
    if (*more)
        rc = look_together(&paths, &all, comm, err);
    qn_share_close(&paths);
    for (size_t i = 0; !rc && i < some->n; i++)
        ask->take(ask->ctx, some->index[i], &all[i]);
    free(all);
    return rc;
}

int
qn_sizes_share(const struct qn_sizes_ask *ask, struct qn_comm *comm,
               struct qn_error *err)
{
    struct some *some = NULL;
    bool more = true;
    size_t at = 0;
    int rc;

    if (comm->size == 1) {
        look_alone(ask);
        return 0;
    }
    rc = qn_memory_make((void **)&some, 1, sizeof *some, "sizes", err);
    rc = qn_comm_agree(comm, rc, err);
    while (!rc && more)
        rc = look_at_some(some, ask, &at, &more, comm, err);
    if (some)
        qn_text_clear(&some->paths);
    free(some);
    return rc;
}
