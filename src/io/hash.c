/* Reading a file once, from its first byte to its last. */
#include "io/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/system.h"
#include "model/key.h"

enum { PIECE = 1 << 20 };

static int
add_all(struct qn_key *k, int fd, const char *path, void *piece,
        struct qn_error *err)
{
    for (;;) {
        ssize_t n;
        int rc = QN_SYS(err, path, n = read(fd, piece, PIECE));

        if (rc || !n)
            return rc;
        qn_key_plain(k, piece, (size_t)n);
    }
}

int
qn_hash_file(char hex[QN_HASH_HEX], const char *path, struct qn_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
    struct qn_fingerprint print;
    struct qn_key k = {0};
    void *piece;

    if (fd < 0)
        return qn_fail(err, errno == ENOENT ? QN_EMISSING : QN_EIO, "%s: %s",
                       path, strerror(errno));
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    piece = malloc(PIECE);
    rc = piece ? qn_key_open(&k, err)
               : qn_fail(err, QN_ENOMEM, "%s: no memory to read it", path);
    if (!rc)
        rc = add_all(&k, fd, path, piece, err);
    if (!rc) {
        qn_key_finish(&k, &print);
        qn_key_hex(hex, &print);
    }
    qn_key_close(&k);
    free(piece);
    close(fd);
    return rc;
}
