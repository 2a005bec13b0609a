/* Looking at the lock of an output folder.
 *
 * Whether a lock is held can only be told by trying to share it, for a moment
 * in which a run that starts finds it taken: so who only looks should look
 * seldom.  Where the file system has no locks, the process is looked for. */
#include "engine/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/system.h"
#include "engine/folder.h"
#include "engine/shard_lock.h"

static int
open_lock(const char *output, int flags)
{
    char *path;
    int fd;

    if (qn_folder_path(&path, output, "lock", NULL))
        return -1;
    fd = open(path, flags | O_CLOEXEC, 0666);
    free(path);
    return fd;
}

static void
read_holder(int fd, struct qn_lock_holder *holder)
{
    char text[256] = "";
    long long since = 0;

    *holder = (struct qn_lock_holder){.pid = 0};
    if (pread(fd, text, sizeof text - 1, 0) <= 0)
        return;
    sscanf(text, "%127s %ld %lld", holder->host, &holder->pid, &since);
    holder->started_ns = since;
}

/* Is that process alive?  Only its own machine knows. */
static enum qn_lock_state
look_for(const struct qn_lock_holder *holder)
{
    char host[128] = "";

    if (holder->pid <= 0)
        return QN_LOCK_FREE;
    gethostname(host, sizeof host - 1);
    if (strcmp(host, holder->host) != 0)
        return QN_LOCK_UNKNOWN;
    // a number that came round: a container gives few
    if (holder->pid == getpid())
        return QN_LOCK_FREE;
    return kill((pid_t)holder->pid, 0) && errno == ESRCH ? QN_LOCK_FREE
                                                         : QN_LOCK_HELD;
}

static enum qn_lock_state
try_lock(int fd, int how, struct qn_lock_holder *holder)
{
    read_holder(fd, holder);
    if (!flock(fd, how | LOCK_NB))
        return QN_LOCK_FREE;
    return errno == EWOULDBLOCK ? QN_LOCK_HELD : look_for(holder);
}

enum qn_lock_state
qn_lock_look_at(const char *path, struct qn_lock_holder *holder)
{
    struct qn_lock_holder found = {.pid = 0};
    enum qn_lock_state state = QN_LOCK_FREE;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd >= 0)
        state = try_lock(fd, LOCK_SH, &found);
    else if (errno != ENOENT)
        state = QN_LOCK_UNKNOWN;
    if (fd >= 0)
        close(fd);
    if (holder)
        *holder = found;
    return state;
}

enum qn_lock_state
qn_lock_look(const char *output, struct qn_lock_holder *holder)
{
    enum qn_lock_state state = QN_LOCK_UNKNOWN;
    char *path;

    if (qn_folder_path(&path, output, "lock", NULL))
        return state;
    state = qn_lock_look_at(path, holder);
    free(path);
    // shards share it, and are seen by their own
    return state == QN_LOCK_FREE ? qn_shard_lock_look(output, holder) : state;
}

int
qn_lock_sign(int fd, const char *path, int64_t *started_ns,
             struct qn_error *err)
{
    char host[128] = "", text[256];
    struct timespec now;
    int n;

    gethostname(host, sizeof host - 1);
    clock_gettime(CLOCK_REALTIME, &now);
    *started_ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
    n = snprintf(text, sizeof text, "%s %ld %lld\n", host, (long)getpid(),
                 (long long)*started_ns);
    if (ftruncate(fd, 0) < 0)
        return qn_system_cannot(err, "write", path, errno);
    return qn_system_write(fd, text, (size_t)n, path, err);
}

static int
decide(enum qn_lock_state state, const struct qn_lock_holder *holder,
       const char *output, bool ended, struct qn_error *err)
{
    if (state == QN_LOCK_FREE || (state == QN_LOCK_UNKNOWN && ended))
        return 0;
    if (state == QN_LOCK_UNKNOWN)
        return qn_fail(err, QN_EUSAGE,
                       "%s may be in use by a run on %s, pid %ld, which "
                       "cannot be seen from here: wait for it; if it is "
                       "dead, remove %s/.quern/lock",
                       output, holder->host[0] ? holder->host : "another host",
                       holder->pid, output);
    return qn_fail(err, QN_EUSAGE,
                   "%s is in use by a run on %s, pid %ld: wait for it, or "
                   "stop it with `quern stop %s`",
                   output, holder->host[0] ? holder->host : "an unknown host",
                   holder->pid, output);
}

int
qn_lock_check(const char *output, bool ended, struct qn_error *err)
{
    struct qn_lock_holder holder;
    enum qn_lock_state state = qn_lock_look(output, &holder);

    return decide(state, &holder, output, ended, err);
}

int
qn_lock_open(int *fd, const char *output, bool ended, struct qn_error *err)
{
    struct qn_lock_holder holder;
    enum qn_lock_state state;
    int rc;

    *fd = open_lock(output, O_RDWR | O_CREAT);
    if (*fd < 0)
        return qn_fail(err, QN_EIO, "%s/.quern/lock: %s", output,
                       strerror(errno));
    state = try_lock(*fd, LOCK_EX, &holder);
    if (state == QN_LOCK_HELD)
        qn_shard_lock_look(output, &holder); // says who, if it is shards
    rc = decide(state, &holder, output, ended, err);
    if (rc)
        qn_lock_close(fd);
    return rc;
}

void
qn_lock_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}
