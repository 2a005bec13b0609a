/* Files in memory: see share_file.h.
 *
 * Not /dev/shm, which has 64 MB in many containers and keeps what a killed
 * run leaves. */
#include "comm/share_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/system.h"

static int
locate(int fd, struct qn_share_place *place, struct qn_error *err)
{
    struct stat st;

    QN_TRY(QN_SYS(err, QN_SHARE_WHERE, fstat(fd, &st)));
    *place = (struct qn_share_place){getpid(), fd, st.st_dev, st.st_ino};
    return 0;
}

int
qn_share_file_make(int *fd, struct qn_share_place *place,
                   struct qn_error *err)
{
    int rc;

    *fd = memfd_create("quern-share", MFD_CLOEXEC);
    rc = QN_SYS(err, QN_SHARE_WHERE, *fd);
    if (!rc)
        rc = locate(*fd, place, err);
    if (rc && *fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    return rc;
}

/* Among containers a number may be that of another process. */
static int
check(int fd, const struct qn_share_place *place, const char *path,
      struct qn_error *err)
{
    struct stat st;

    QN_TRY(QN_SYS(err, path, fstat(fd, &st)));
    if (st.st_dev != place->dev || st.st_ino != place->ino)
        return qn_fail(err, QN_EIO, "%s: is something else", path);
    return 0;
}

int
qn_share_file_open(int *fd, const struct qn_share_place *place, bool write,
                   struct qn_error *err)
{
    char path[64];
    int rc;

    snprintf(path, sizeof path, "/proc/%lld/fd/%lld", (long long)place->pid,
             (long long)place->fd);
    *fd = open(path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    rc = QN_SYS(err, path, *fd);
    if (!rc)
        rc = check(*fd, place, path, err);
    if (rc && *fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    return rc;
}
