/* Files that appear whole or not at all: see atomic.h.
 *
 * Knows names and renames, not what is in a file.  A temporary stands in the
 * folder of its target, because a rename is atomic only within one file
 * system. */
#include "io/atomic.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/system.h"
#include "base/text.h"

#define SUFFIX ".tmp"
#define MARKS (sizeof "." - 1 + sizeof "." - 1 + sizeof SUFFIX - 1)

/* The last part of path. */
static const char *
base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* Make one folder; what another process made meanwhile is fine. */
static int
make_folder(const char *path, struct qn_error *err)
{
    struct stat st;
    int cause;

    if (mkdir(path, 0777) == 0)
        return 0;
    cause = errno;
    // A file system may answer EROFS or EACCES for what exists already.
    if (stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return 0;
        cause = ENOTDIR;
    }
    return qn_system_cannot(err, "make folder", path, cause);
}

int
qn_atomic_folder(const char *path, struct qn_error *err)
{
    struct stat st;
    char *copy;
    int rc = 0;

    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return 0;
    QN_TRY(qn_memory_copy(&copy, path, err));
    for (char *p = copy + 1; *copy && *p && !rc; p++) {
        if (*p != '/' || p[-1] == '/')
            continue;
        *p = '\0';
        rc = make_folder(copy, err);
        *p = '/';
    }
    if (!rc)
        rc = make_folder(copy, err);
    free(copy);
    return rc;
}

int
qn_atomic_parent(const char *path, struct qn_error *err)
{
    const char *name = base_name(path);
    char *folder;
    int rc;

    if (name == path)
        return 0;
    QN_TRY(qn_memory_copy(&folder, path, err));
    folder[name - path - 1] = '\0';
    rc = qn_atomic_folder(folder, err);
    free(folder);
    return rc;
}

int
qn_atomic_name(char **tmp, const char *path, const char *tag,
               struct qn_error *err)
{
    const char *name = base_name(path);
    size_t folder = (size_t)(name - path), keep = strlen(name);
    size_t others = MARKS + strlen(tag);
    struct qn_text t = {0};

    *tmp = NULL;
    if (others >= NAME_MAX || strchr(tag, '/') || *tag == '\0')
        return qn_fail(err, QN_EVALUE,
                       "'%s' cannot be part of a temporary's name", tag);
    if (keep > NAME_MAX - others)
        keep = NAME_MAX - others;
    // Cut before a character of several bytes, not inside it.
    while (keep > 0 && ((unsigned char)name[keep] & 0xc0) == 0x80)
        keep--;
    qn_text_bytes(&t, path, folder);
    qn_text_add(&t, ".%.*s.%s" SUFFIX, (int)keep, name, tag);
    if (qn_text_check(&t, err)) {
        qn_text_clear(&t);
        return QN_ENOMEM;
    }
    *tmp = t.s;
    return 0;
}

/* Sync the folder that path lies in, so that its name survives a crash. */
int
qn_atomic_sync(const char *path, struct qn_error *err)
{
    const char *name = base_name(path);
    char *folder = NULL;
    int fd = -1, rc;

    if (name == path)
        rc = qn_memory_copy(&folder, ".", err);
    else if (!(folder = strndup(path, (size_t)(name - path))))
        rc = qn_fail(err, QN_ENOMEM, "no memory for a path");
    else
        rc = 0;
    if (!rc)
        fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!rc && (fd < 0 || qn_system_fault()))
        rc = qn_system_cannot(err, "sync folder", folder, errno);
    // Some file systems cannot sync a folder and say so: that is no failure.
    if (!rc && fsync(fd) < 0 && errno != EINVAL && errno != ENOTSUP)
        rc = qn_system_cannot(err, "sync folder", folder, errno);
    if (fd >= 0)
        close(fd);
    free(folder);
    return rc;
}

int
qn_atomic_commit(const char *tmp, const char *path, bool sync,
                 struct qn_error *err)
{
    if (rename(tmp, path) < 0 || qn_system_fault())
        return qn_system_cannot(err, "rename a temporary to", path, errno);
    return sync ? qn_atomic_sync(path, err) : 0;
}

/* Write, sync if asked to, and close; the file is left behind on failure. */
static int
write_whole(const char *tmp, const void *data, size_t n, bool sync,
            struct qn_error *err)
{
    int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    int rc = 0;

    if (fd < 0)
        return qn_system_cannot(err, "write", tmp, errno);
    rc = qn_system_write(fd, data, n, tmp, err);
    if (!rc && sync && (fsync(fd) < 0 || qn_system_fault()))
        rc = qn_system_cannot(err, "write", tmp, errno);
    // a network file system may report a full disk no earlier than here
    if (close(fd) < 0 && !rc)
        rc = qn_system_cannot(err, "write", tmp, errno);
    return rc;
}

static int
write_by_way_of(const char *tag, const char *path, const void *data, size_t n,
                bool sync, struct qn_error *err)
{
    char *tmp;
    int rc;

    QN_TRY(qn_atomic_name(&tmp, path, tag, err));
    rc = write_whole(tmp, data, n, sync, err);
    if (!rc)
        rc = qn_atomic_commit(tmp, path, sync, err);
    // After a rename there is nothing of this name, and that is fine.
    if (rc)
        unlink(tmp);
    free(tmp);
    return rc;
}

int
qn_atomic_write(const char *path, const void *data, size_t n,
                struct qn_error *err)
{
    char tag[48];
    unsigned salt;

    // two machines may have the same pid
    if (getrandom(&salt, sizeof salt, GRND_NONBLOCK) != sizeof salt)
        salt = 0;
    snprintf(tag, sizeof tag, "%ld-%08x", (long)getpid(), salt);
    return write_by_way_of(tag, path, data, n, true, err);
}

int
qn_atomic_replace(const char *path, const void *data, size_t n, bool sync,
                  struct qn_error *err)
{
    return write_by_way_of("new", path, data, n, sync, err);
}

bool
qn_atomic_is_temporary(const char *name)
{
    size_t n = strlen(name);
    const char *end, *dot;

    if (n <= MARKS || name[0] != '.' ||
        strcmp(name + n - (sizeof SUFFIX - 1), SUFFIX) != 0)
        return false;
    // ".NAME.TAG.tmp": one more dot, with something on both sides of it.
    end = name + n - (sizeof SUFFIX - 1);
    dot = memrchr(name + 1, '.', (size_t)(end - name - 1));
    return dot && dot > name + 1 && dot + 1 < end;
}
