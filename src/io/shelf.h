/* The shelf: arrays that the workers of a node keep together, each once.
 *
 * A memory file that every worker has.  It begins with a board, a list of what
 * is there; the arrays lie behind it, read only.  Who finds nothing becomes
 * the one to make it; others wait for that, or make something else meanwhile.
 * Who uses one holds a lock on it, and what nobody uses goes when room is
 * needed, last used first kept.
 *
 * All locks are the kernel's, on bytes of the file: they end with the process
 * that holds them.  So a worker may die at any moment: what it was making is
 * made by the next one, and what is not finished is shown to nobody.  The
 * maker waits for nothing, hence no deadlock.  All local.
 *
 *     switch (qn_shelf_find(shelf, &of, true, &place)) {
 *     case QN_SHELF_HAVE: data = qn_shelf_map(shelf, &place); break;
 *     case QN_SHELF_MAKE:
 *         if (qn_shelf_reserve(shelf, &place, &type) && ... qn_shelf_write())
 *             qn_shelf_publish(shelf, &place);   // it is ours to use, too
 *         else
 *             qn_shelf_abandon(shelf, &place);
 *     }
 *     ...
 *     qn_shelf_leave(shelf);                     // between items
 */
#ifndef QN_IO_SHELF_H
#define QN_IO_SHELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/key.h"
#include "quern/array.h"

/* Bytes of the file in front of the arrays; the rank makes it so long, of
 * zeros. */
#define QN_SHELF_BOARD ((int64_t)1 << 16)

struct qn_shelf_board;

struct qn_shelf {
    int fd;                       /* borrowed; -1: there is none           */
    struct qn_shelf_board *board; /* owned mapping                         */
    int64_t limit;                /* bytes of all arrays                   */
    unsigned char *mine;          /* owned: the places that this worker
                                     uses and so may not be emptied        */
};

enum qn_shelf_found {
    QN_SHELF_HAVE, /* it is there, and stays there until qn_shelf_leave    */
    QN_SHELF_MAKE, /* it is to be made; nobody else does                   */
    QN_SHELF_BUSY, /* another worker is making it                          */
    QN_SHELF_NONE  /* there is no shelf, or no room on the board           */
};

/* Where an array is, and which: a place that was emptied and filled again has
 * another serial. */
struct qn_shelf_place {
    int at;
    uint64_t serial;
    int64_t offset, bytes;
    struct qn_type type;
};

/* Use the shelf behind fd (borrowed), -1: none; what was used of another one
 * is left.  Without memory for it there is none. */
void
qn_shelf_open(struct qn_shelf *s, int fd);
void
qn_shelf_close(struct qn_shelf *s);

/* wait: never QN_SHELF_BUSY, but wait until it is made or its maker dead. */
enum qn_shelf_found
qn_shelf_find(
    struct qn_shelf *s, const struct qn_fingerprint *of, bool wait,
    struct qn_shelf_place *place);

/* Room for an array of that type, which is then written piece by piece; false:
 * others use all there is, or the system gives none. */
bool
qn_shelf_reserve(
    struct qn_shelf *s, struct qn_shelf_place *place, const struct qn_type *type);
bool
qn_shelf_write(
    struct qn_shelf *s, const struct qn_shelf_place *place, int64_t offset,
    const void *data, size_t n);

/* The end of making: everybody may use it, this worker does; or nobody. */
void
qn_shelf_publish(struct qn_shelf *s, const struct qn_shelf_place *place);
void
qn_shelf_abandon(struct qn_shelf *s, const struct qn_shelf_place *place);

/* The array in this process, read only, until it is unmapped (munmap, of
 * place->bytes); NULL: the system gives no addresses. */
void *
qn_shelf_map(struct qn_shelf *s, const struct qn_shelf_place *place);

/* Use nothing any more. */
void
qn_shelf_leave(struct qn_shelf *s);

#endif
