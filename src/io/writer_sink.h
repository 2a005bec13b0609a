/* Where an HDF5 output goes: a file driver that never fails, but remembers.
 *
 * HDF5 does not survive a failed write: a file it cannot flush it cannot
 * close either, keeps open for ever, and trips over at exit.  So the first
 * failure of the system (a full disk) is kept here, later writes go nowhere,
 * and the library closes in good order.  All local.
 *
 *     qn_writer_sink_open(&sink, path, err);
 *     qn_writer_sink_access(access, &sink)      before H5Fcreate
 *     ... sink.cause                            after any call
 *     qn_writer_sink_close(&sink, sync, err);   after H5Fclose
 */
#ifndef QN_IO_WRITER_SINK_H
#define QN_IO_WRITER_SINK_H

#include <hdf5.h>

#include "quern/error.h"

struct qn_writer_sink {
    const char *path; /* borrowed                                   */
    int fd;           /* owned; -1: not open                        */
    haddr_t end;      /* bytes written so far, holes included       */
    int cause;        /* errno of the first failure, 0: none so far */
    hid_t driver;     /* owned: as HDF5 knows it; 0: it does not    */
    const char *hollow; /* bytes from here on are not written, their room  */
    size_t nhollow;     /* in the file is left; NULL: none are             */
};

/* Create path, empty; a file that is there is another one's and unlinked. */
int
qn_writer_sink_open(
    struct qn_writer_sink *s, const char *path, struct qn_error *err);

/* Write into fd (taken over), an empty file that path stands for in messages. */
void
qn_writer_sink_take(struct qn_writer_sink *s, const char *path, int fd);

/* Write beside HDF5, where it has given room. */
void
qn_writer_sink_put(
    struct qn_writer_sink *s, haddr_t at, const void *data, size_t n);

/* Have a file access list write into s.  As HDF5: negative on failure. */
herr_t
qn_writer_sink_access(hid_t access, struct qn_writer_sink *s);

/* Close, after a sync if asked for; QN_EIO if anything failed before. */
int
qn_writer_sink_close(struct qn_writer_sink *s, bool sync, struct qn_error *err);

#endif
