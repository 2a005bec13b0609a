/* Taking and looking at the locks of shards.
 *
 * A shard first takes its own, then looks at those of other numbers of shards:
 * of two that start at once with different numbers at least one sees the
 * other, and leaves. */
#include "engine/shard_lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/system.h"
#include "engine/folder.h"
#include "engine/shard.h"
#include "io/atomic.h"

/* "STAGE@I-N.lock" in its parts; false: it is none. */
static bool
read_name(const char *file, size_t *stage, int *index, int *count)
{
    const char *at = strrchr(file, '@');
    char end[8] = "";

    if (!at || file[0] == '.' ||
        sscanf(at, "@%d-%d.%5s", index, count, end) != 3)
        return false;
    *stage = (size_t)(at - file);
    return !strcmp(end, "lock");
}

/* ---- looking ------------------------------------------------------------ */

/* Call each for every lock file; what it returns, if not 0, ends it. */
static int
each_lock(const char *output,
          int (*each)(void *ctx, const char *folder, const char *file),
          void *ctx)
{
    struct dirent *d;
    char *folder;
    DIR *dir;
    int rc = 0;

    if (qn_folder_path(&folder, output, "shards", NULL))
        return 0;
    dir = opendir(folder);
    while (dir && !rc && (d = readdir(dir)))
        rc = each(ctx, folder, d->d_name);
    if (dir)
        closedir(dir);
    free(folder);
    return rc;
}

struct looking {
    const struct qn_run *run;      /* whose own locks do not count; NULL */
    struct qn_lock_holder *holder; /* of the first that is held          */
    const char *stage;             /* NULL: any                          */
    int index, count;              /* of the first that is held          */
};

static bool
is_own(const struct qn_run *run, const char *stage, size_t n, int index,
       int count)
{
    if (!run || index != run->options->shard || count != run->options->shards)
        return false;
    for (int s = 0; s < run->job->nstages; s++)
        if (qn_shard_makes(run, s) && strlen(run->job->stages[s].name) == n &&
            !strncmp(run->job->stages[s].name, stage, n))
            return true;
    return false;
}

static int
look_at(void *ctx, const char *folder, const char *file)
{
    struct looking *l = ctx;
    struct qn_lock_holder holder;
    enum qn_lock_state state;
    int index, count;
    size_t n;
    char *path;

    if (!read_name(file, &n, &index, &count) ||
        is_own(l->run, file, n, index, count))
        return 0;
    if (l->stage && (strlen(l->stage) != n || strncmp(l->stage, file, n) ||
                     count == l->run->options->shards))
        return 0;
    if (asprintf(&path, "%s/%s", folder, file) < 0)
        return 0;
    state = qn_lock_look_at(path, &holder);
    free(path);
    if (state == QN_LOCK_FREE)
        return 0;
    if (l->holder)
        *l->holder = holder; // of none that is free
    l->index = index;
    l->count = count;
    return (int)state;
}

enum qn_lock_state
qn_shard_lock_look(const char *output, struct qn_lock_holder *holder)
{
    struct looking l = {.holder = holder};

    return (enum qn_lock_state)each_lock(output, look_at, &l);
}

enum qn_lock_state
qn_shard_lock_others(const struct qn_run *run)
{
    struct looking l = {.run = run};

    return (enum qn_lock_state)each_lock(run->options->output, look_at, &l);
}

enum qn_lock_state
qn_shard_lock_at(const char *output, const char *tag,
                 struct qn_lock_holder *holder)
{
    enum qn_lock_state state;
    char *path;

    if (asprintf(&path, "%s/.quern/shards/%s.lock", output, tag) < 0)
        return QN_LOCK_UNKNOWN;
    state = qn_lock_look_at(path, holder);
    free(path);
    return state;
}

/* ---- taking ------------------------------------------------------------- */

/* Who only looks holds a lock for microseconds. */
static int
lock_patiently(int fd, int how)
{
    struct timespec nap = {.tv_nsec = 50000000};

    for (int i = 0; flock(fd, how | LOCK_NB) < 0; i++) {
        if (errno != EWOULDBLOCK || i == 5)
            return -1;
        nanosleep(&nap, NULL);
    }
    return 0;
}

/* *fd is open and holds the lock.  Where the file system has none, the name
 * that stands in the file is gone by. */
static int
take(int *fd, const char *path, int how, const char *what, struct qn_error *err)
{
    struct qn_lock_holder holder;

    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*fd < 0) {
        *fd = 0;
        return qn_system_cannot(err, "write", path, errno);
    }
    if (!lock_patiently(*fd, how) ||
        (errno != EWOULDBLOCK &&
         (how == LOCK_SH || qn_lock_look_at(path, NULL) != QN_LOCK_HELD)))
        return 0;
    close(*fd);
    *fd = 0;
    qn_lock_look_at(path, &holder);
    return qn_fail(err, QN_EIO,
                   "%s is in use by a run on %s, pid %ld: wait for it, or "
                   "stop it with `quern stop`",
                   what, holder.host[0] ? holder.host : "an unknown host",
                   holder.pid);
}

static int
take_stage(struct qn_run *run, int s, struct qn_error *err)
{
    const struct qn_run_options *o = run->options;
    const char *name = run->job->stages[s].name;
    struct looking other = {.run = run, .stage = name};
    char *path = NULL, what[QN_SHARD_TAG + 40];
    int rc, fd = -1;

    snprintf(what, sizeof what, "shard %d/%d of %.255s", o->shard, o->shards,
             name);
    if (asprintf(&path, "%s/.quern/shards/%s@%d-%d.lock", o->output, name,
                 o->shard, o->shards) < 0)
        return qn_fail(err, QN_ENOMEM, "no memory for a path");
    rc = take(&fd, path, LOCK_EX, what, err);
    if (!rc)
        run->shard_lock[run->nshard_locks++] = fd;
    if (!rc)
        rc = qn_lock_sign(fd, path, &run->started_ns, err);
    if (!rc && each_lock(o->output, look_at, &other))
        rc = qn_fail(err, QN_EIO,
                     "%s: shard %d/%d is at work there, and items would be "
                     "made twice with %d/%d: wait for it, or give the same "
                     "number of shards",
                     name, other.index, other.count, o->shard, o->shards);
    free(path);
    return rc;
}

int
qn_shard_lock_open(struct qn_run *run, bool *alone, struct qn_error *err)
{
    const char *output = run->options->output;
    char *folder = NULL, *whole = NULL;
    int rc = qn_folder_path(&folder, output, "shards", err);

    if (!rc)
        rc = qn_folder_path(&whole, output, "lock", err);
    if (!rc)
        rc = qn_atomic_folder(folder, err);
    if (!rc)
        rc =
            qn_memory_make((void **)&run->shard_lock, (size_t)run->job->nstages,
                           sizeof *run->shard_lock, "the locks", err);
    if (!rc)
        rc = take(&run->lock, whole, LOCK_SH, output, err);
    for (int s = 0; s < run->job->nstages && !rc; s++)
        if (qn_shard_makes(run, s))
            rc = take_stage(run, s, err);
    if (!rc)
        *alone = qn_shard_lock_others(run) == QN_LOCK_FREE;
    // without them nothing may be written, the record neither
    if (rc)
        qn_shard_lock_close(run);
    free(folder);
    free(whole);
    return rc;
}

void
qn_shard_lock_close(struct qn_run *run)
{
    for (int i = 0; i < run->nshard_locks; i++)
        close(run->shard_lock[i]);
    free(run->shard_lock);
    run->shard_lock = NULL;
    run->nshard_locks = 0;
    if (run->options && run->options->shards && run->lock > 0) {
        close(run->lock);
        run->lock = 0;
    }
}
