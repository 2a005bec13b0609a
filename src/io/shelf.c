/* The board and its locks.
 *
 * Byte 0 of the file stands for the board, byte 1 + i for place i.  The board's
 * lock is held for moments only; of a place its maker has the write lock, and
 * who uses it a read lock.  Each change of the board is one store of a state,
 * after what belongs to it, so that a death in between leaves it right.  What
 * arrays mean is not known here. */
#include "io/shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model/shape.h"

enum { PLACES = 256, PAGE = 1 << 16 };

enum state { FREE, MAKING, READY };

struct place {
    struct qn_fingerprint of;
    uint64_t serial;
    int64_t offset, bytes; // 0: no room was found yet
    int64_t used;          // when it was used last: board.now of then
    struct qn_type type;
    int32_t state;
};

struct qn_shelf_board {
    uint64_t serial;
    int64_t now;  // counts uses
    int64_t end;  // of all that was ever given out; never goes back
    struct place place[PLACES];
};

_Static_assert(sizeof(struct qn_shelf_board) <= QN_SHELF_BOARD,
               "the board has its place");

/* ---- locks --------------------------------------------------------------- */

/* type: F_RDLCK, F_WRLCK, F_UNLCK. */
static bool
lock(const struct qn_shelf *s, short type, off_t first, off_t n, bool wait)
{
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = first,
                      .l_len = n};
    int rc;

    do
        rc = fcntl(s->fd, wait ? F_SETLKW : F_SETLK, &l);
    while (rc < 0 && errno == EINTR);
    return rc == 0;
}

static bool
lock_board(const struct qn_shelf *s)
{
    return lock(s, F_WRLCK, 0, 1, true);
}

static void
unlock_board(const struct qn_shelf *s)
{
    lock(s, F_UNLCK, 0, 1, false);
}

static bool
lock_place(const struct qn_shelf *s, int at, short type)
{
    return lock(s, type, 1 + at, 1, false);
}

/* ---- the board, locked --------------------------------------------------- */

static void
empty(const struct qn_shelf *s, struct place *p)
{
    p->state = FREE;
    if (p->bytes)
        fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  p->offset, p->bytes);
    p->bytes = 0;
}

/* What was used longest ago and is used by nobody now is gone; false: there is
 * no such place. */
static bool
empty_oldest(const struct qn_shelf *s)
{
    bool tried[PLACES] = {false};

    for (;;) {
        int oldest = -1;

        for (int i = 0; i < PLACES; i++) {
            const struct place *p = &s->board->place[i];

            if (p->state == READY && !s->mine[i] && !tried[i] &&
                (oldest < 0 || p->used < s->board->place[oldest].used))
                oldest = i;
        }
        if (oldest < 0)
            return false;
        tried[oldest] = true;
        if (!lock_place(s, oldest, F_WRLCK))
            continue;
        empty(s, &s->board->place[oldest]);
        lock_place(s, oldest, F_UNLCK);
        return true;
    }
}

static int64_t
bytes_held(const struct qn_shelf *s)
{
    int64_t bytes = 0;

    for (int i = 0; i < PLACES; i++)
        if (s->board->place[i].state != FREE)
            bytes += s->board->place[i].bytes;
    return bytes;
}

static int
find_place(const struct qn_shelf *s, const struct qn_fingerprint *of)
{
    for (int i = 0; i < PLACES; i++)
        if (s->board->place[i].state != FREE &&
            !memcmp(&s->board->place[i].of, of, sizeof *of))
            return i;
    return -1;
}

static int
find_free(const struct qn_shelf *s)
{
    do
        for (int i = 0; i < PLACES; i++)
            if (s->board->place[i].state == FREE)
                return i;
    while (empty_oldest(s));
    return -1;
}

static void
tell(struct qn_shelf_place *place, const struct qn_shelf *s, int at)
{
    const struct place *p = &s->board->place[at];

    *place = (struct qn_shelf_place){at, p->serial, p->offset, p->bytes,
                                     p->type};
}

static enum qn_shelf_found
begin(struct qn_shelf *s, const struct qn_fingerprint *of,
      struct qn_shelf_place *place)
{
    const int at = find_free(s);
    struct place *p;

    if (at < 0 || !lock_place(s, at, F_WRLCK))
        return QN_SHELF_NONE;
    p = &s->board->place[at];
    *p = (struct place){.of = *of, .serial = ++s->board->serial};
    p->state = MAKING;
    s->mine[at] = 1;
    tell(place, s, at);
    return QN_SHELF_MAKE;
}

static enum qn_shelf_found
look(struct qn_shelf *s, const struct qn_fingerprint *of,
     struct qn_shelf_place *place)
{
    const int at = find_place(s, of);
    struct place *p = &s->board->place[at < 0 ? 0 : at];

    if (at < 0)
        return begin(s, of, place);
    place->at = at;
    if (p->state == READY) {
        if (!lock_place(s, at, F_RDLCK))
            return QN_SHELF_NONE;
        s->mine[at] = 1;
        p->used = ++s->board->now;
        tell(place, s, at);
        return QN_SHELF_HAVE;
    }
    if (!lock_place(s, at, F_WRLCK))
        return QN_SHELF_BUSY;
    // its maker died
    empty(s, p);
    lock_place(s, at, F_UNLCK);
    return begin(s, of, place);
}

/* ---- for workers --------------------------------------------------------- */

void
qn_shelf_open(struct qn_shelf *s, int fd)
{
    void *board;

    qn_shelf_close(s);
    if (fd < 0)
        return;
    board = mmap(NULL, (size_t)QN_SHELF_BOARD, PROT_READ | PROT_WRITE,
                 MAP_SHARED, fd, 0);
    s->mine = calloc(PLACES, 1);
    if (board == MAP_FAILED || !s->mine) {
        if (board != MAP_FAILED)
            munmap(board, (size_t)QN_SHELF_BOARD);
        free(s->mine);
        s->mine = NULL;
        return;
    }
    s->board = board;
    s->fd = fd;
}

void
qn_shelf_close(struct qn_shelf *s)
{
    if (s->board)
        munmap(s->board, (size_t)QN_SHELF_BOARD);
    free(s->mine);
    *s = (struct qn_shelf){.fd = -1, .limit = s->limit};
}

enum qn_shelf_found
qn_shelf_find(struct qn_shelf *s, const struct qn_fingerprint *of, bool wait,
              struct qn_shelf_place *place)
{
    for (;;) {
        enum qn_shelf_found found;

        if (s->fd < 0 || !lock_board(s))
            return QN_SHELF_NONE;
        found = look(s, of, place);
        unlock_board(s);
        if (found != QN_SHELF_BUSY || !wait)
            return found;
        // until its maker is done or dead; then look again
        if (!lock(s, F_RDLCK, 1 + place->at, 1, true))
            return QN_SHELF_NONE;
        lock_place(s, place->at, F_UNLCK);
    }
}

bool
qn_shelf_reserve(struct qn_shelf *s, struct qn_shelf_place *place,
                 const struct qn_type *type)
{
    const int64_t bytes = qn_shape_bytes(type);
    struct place *p = &s->board->place[place->at];
    bool room;

    if (bytes > s->limit || !lock_board(s))
        return false;
    do
        room = bytes_held(s) + bytes <= s->limit;
    while (!room && empty_oldest(s));
    if (room) {
        const int64_t end = s->board->end ? s->board->end : QN_SHELF_BOARD;

        s->board->end = end + (bytes + PAGE - 1) / PAGE * PAGE;
        p->type = *type;
        p->offset = end;
        p->bytes = bytes;
        tell(place, s, place->at);
    }
    unlock_board(s);
    return room;
}

bool
qn_shelf_write(struct qn_shelf *s, const struct qn_shelf_place *place,
               int64_t offset, const void *data, size_t n)
{
    const char *from = data;

    if (offset < 0 || offset + (int64_t)n > place->bytes)
        return false;
    while (n) {
        ssize_t done = pwrite(s->fd, from, n, place->offset + offset);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        from += done;
        offset += done;
        n -= (size_t)done;
    }
    return true;
}

void
qn_shelf_publish(struct qn_shelf *s, const struct qn_shelf_place *place)
{
    struct place *p = &s->board->place[place->at];

    if (lock_board(s)) {
        p->used = ++s->board->now;
        p->state = READY;
        unlock_board(s);
    }
    lock_place(s, place->at, F_RDLCK);
}

void
qn_shelf_abandon(struct qn_shelf *s, const struct qn_shelf_place *place)
{
    if (lock_board(s)) {
        empty(s, &s->board->place[place->at]);
        unlock_board(s);
    }
    s->mine[place->at] = 0;
    lock_place(s, place->at, F_UNLCK);
}

void *
qn_shelf_map(struct qn_shelf *s, const struct qn_shelf_place *place)
{
    void *p = mmap(NULL, (size_t)place->bytes, PROT_READ,
                   MAP_SHARED | MAP_POPULATE, s->fd, (off_t)place->offset);

    return p == MAP_FAILED ? NULL : p;
}

void
qn_shelf_leave(struct qn_shelf *s)
{
    if (s->fd < 0 || !memchr(s->mine, 1, PLACES))
        return;
    memset(s->mine, 0, PLACES);
    lock(s, F_UNLCK, 1, PLACES, false);
}
