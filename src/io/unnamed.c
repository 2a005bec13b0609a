/* Files without a name, by O_TMPFILE.
 *
 * A file that replaces another needs a temporary's name for the moment between
 * linkat, which replaces nothing, and rename. */
#include "io/unnamed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/system.h"
#include "io/atomic.h"

static int
open_in_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder =
        slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int fd = folder ? open(folder, O_RDWR | O_TMPFILE | O_CLOEXEC, 0666) : -1;

    free(folder);
    return fd;
}

int
qn_unnamed_open(struct qn_unnamed *u, const char *path, const char *tag,
                struct qn_error *err)
{
    int rc;

    *u = (struct qn_unnamed){.fd = -1};
    rc = qn_memory_copy(&u->path, path, err);
    if (!rc)
        rc = qn_atomic_name(&u->tmp, path, tag, err);
    if (!rc && (u->fd = open_in_folder(path)) < 0) {
        u->fd = open(u->tmp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        u->named = u->fd >= 0;
    }
    if (!rc && u->fd < 0)
        rc = qn_system_cannot(err, "write", path, errno);
    if (rc)
        qn_unnamed_close(u);
    return rc;
}

static int
link_as(const struct qn_unnamed *u, const char *name)
{
    char self[64];

    snprintf(self, sizeof self, "/proc/self/fd/%d", u->fd);
    return linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW);
}

int
qn_unnamed_commit(struct qn_unnamed *u, struct qn_error *err)
{
    if (!u->named && !link_as(u, u->path))
        return qn_atomic_sync(u->path, err);
    if (!u->named) {
        // what a killed one left between these two lines
        unlink(u->tmp);
        if (link_as(u, u->tmp))
            return qn_system_cannot(err, "write", u->path, errno);
        u->named = true;
    }
    QN_TRY(qn_atomic_commit(u->tmp, u->path, true, err));
    u->named = false;
    return 0;
}

void
qn_unnamed_close(struct qn_unnamed *u)
{
    if (u->fd >= 0 && u->path)
        close(u->fd);
    if (u->named)
        unlink(u->tmp);
    free(u->path);
    free(u->tmp);
    *u = (struct qn_unnamed){.fd = -1};
}
