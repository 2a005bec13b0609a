/* The line between a rank and its worker: messages over a socket pair.
 *
 * A message is a JSON object and up to QN_CHANNEL_FDS descriptors.  Bulk data
 * never travels here: it lies in the memory behind a descriptor.  All local.
 */
#ifndef QN_IO_CHANNEL_H
#define QN_IO_CHANNEL_H

#include <jansson.h>

#include "quern/error.h"

#define QN_CHANNEL_FDS 8

/* Send one message, waiting until it is taken. */
int
qn_channel_send(int sock, const json_t *msg, const int *fds, int nfds, struct qn_error *err);

/* Receive one message, waiting for it.  *msg is NULL and 0 is returned when
 * the other side has closed.  fds[*nfds] are the caller's to close. */
int
qn_channel_receive(
    int sock, json_t **msg, int fds[QN_CHANNEL_FDS], int *nfds, struct qn_error *err);

#endif
