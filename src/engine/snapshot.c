/* Keeping states, and going on from them: see snapshot.h.
 *
 * A state counts once the mark says so, and the mark is replaced by rename
 * after every rank has synced its rows; so a kill at any moment leaves the
 * states before it whole.  Knows nothing of sweeps. */
#include "engine/snapshot.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/system.h"
#include "engine/gather_file.h"
#include "io/atomic.h"
#include "model/array.h"
#include "model/dtype.h"
#include "model/shape.h"

int
qn_snapshot_name(char name[QN_SNAPSHOT_NAME], const char *result,
                 struct qn_error *err)
{
    struct qn_fingerprint f;
    char hex[QN_KEY_HEX];
    struct qn_key k;

    QN_TRY(qn_key_open(&k, err));
    qn_key_text(&k, result);
    qn_key_finish(&k, &f);
    snprintf(name, QN_SNAPSHOT_NAME, "states-%s", qn_key_hex(hex, &f));
    return 0;
}

int64_t
qn_snapshot_count(const struct qn_task *t)
{
    const struct qn_type *in = t->item->type, *out = t->result;

    return in && out && out->shape.ndims > in->shape.ndims ? out->shape.n[0]
                                                           : 0;
}

bool
qn_snapshot_there(const struct qn_run *run, const char *result)
{
    char name[QN_SNAPSHOT_NAME], *path = NULL;
    bool there = !qn_snapshot_name(name, result, NULL) &&
                 asprintf(&path, "%s/.quern/scratch/%s.mark",
                          run->options->output, name) > 0 &&
                 !access(path, R_OK);

    free(path);
    return there;
}

/* ---- what is where -------------------------------------------------------- */

static const char *
result_name(const struct qn_snapshot *s)
{
    const struct qn_plan_stage *st = &s->d->run->plan.stage[s->d->s];

    return st->target[s->d->t->target].name;
}

static enum qn_dtype
frame_type(const struct qn_snapshot *s)
{
    return qn_deliver_type(s->d).dtype;
}

/* States are computed in the stage's precision. */
static enum qn_dtype
state_type(const struct qn_snapshot *s)
{
    return s->d->run->plan.stage[s->d->s].precision;
}

static int64_t
bytes_of(const struct qn_snapshot *s, enum qn_dtype type)
{
    return qn_shape_count(&s->d->t->result->shape) / s->d->frames *
           (int64_t)qn_dtype_size(type);
}

/* Where frame i is. */
static int64_t
frame_at(const struct qn_snapshot *s, int64_t i)
{
    return s->at + i * bytes_of(s, frame_type(s));
}

/* Where the state of frame i is, in the type of computing: in the frame itself,
 * or in one of two places that take turns, so that the last complete one is
 * never written over. */
static int64_t
state_at(const struct qn_snapshot *s, int64_t i)
{
    return frame_type(s) == state_type(s) ? frame_at(s, i)
                                          : i % 2 * bytes_of(s, state_type(s));
}

static char *
with_ending(const struct qn_snapshot *s, const char *ending)
{
    char *path = NULL;

    return asprintf(&path, "%s.%s", s->base, ending) < 0 ? NULL : path;
}

static char *
state_path(const struct qn_snapshot *s)
{
    return frame_type(s) == state_type(s) ? strdup(s->frames)
                                          : with_ending(s, "state");
}

static int
name_files(struct qn_snapshot *s, struct qn_error *err)
{
    char name[QN_SNAPSHOT_NAME];

    QN_TRY(qn_snapshot_name(name, result_name(s), err));
    if (asprintf(&s->base, "%s/.quern/scratch/%s",
                 s->d->run->options->output, name) < 0)
        s->base = NULL;
    s->frames = s->base ? with_ending(s, "frames") : NULL;
    return s->frames ? 0 : qn_fail(err, QN_ENOMEM, "no memory for a path");
}

/* ---- the mark ------------------------------------------------------------- */

/* What must be equal for the states to be this item's. */
static void
mark_head(const struct qn_snapshot *s, char *text, size_t size)
{
    char hex[QN_KEY_HEX];

    snprintf(text, size, "quern states 1 %s %s %s %" PRId64 " %" PRId64 " ",
             qn_key_hex(hex, &s->d->t->key), qn_dtype_name(frame_type(s)),
             qn_dtype_name(state_type(s)), s->every,
             bytes_of(s, frame_type(s)));
}

static int
write_mark(const struct qn_snapshot *s, struct qn_error *err)
{
    char text[256], *path = with_ending(s, "mark");
    size_t n;
    int rc;

    if (!path)
        return qn_fail(err, QN_ENOMEM, "no memory for a path");
    mark_head(s, text, sizeof text);
    n = strlen(text);
    snprintf(text + n, sizeof text - n, "%" PRId64 " %" PRId64 "\n", s->at,
             s->done);
    rc = qn_atomic_replace(path, text, strlen(text),
                           s->d->run->options->sync != QN_SYNC_OFF, err);
    free(path);
    if (rc == QN_EIO && err)
        err->code = QN_EOUTPUT;
    return rc == QN_EIO ? QN_EOUTPUT : rc;
}

static bool
is_as_long(const char *path, int64_t bytes)
{
    struct stat st;

    return path && !stat(path, &st) && S_ISREG(st.st_mode) &&
           st.st_size >= bytes;
}

/* Is all there that the mark speaks of? */
static bool
is_complete(const struct qn_snapshot *s)
{
    const int64_t last = s->done - 1;
    char *path = state_path(s);
    bool there = is_as_long(s->frames, frame_at(s, s->done)) &&
                 is_as_long(path, state_at(s, last) +
                                      bytes_of(s, state_type(s)));

    free(path);
    return there;
}

/* Local, on the first rank.  s->done and s->at, if states of this item are
 * there; else 0. */
static void
find_mark(struct qn_snapshot *s)
{
    char head[256], *text = NULL, *path = with_ending(s, "mark");
    size_t n;

    mark_head(s, head, sizeof head);
    s->done = 0;
    // whatever is wrong with it: then there is none
    if (path && !access(path, R_OK) && !qn_system_slurp(&text, &n, path, NULL) &&
        !strncmp(text, head, strlen(head)) &&
        sscanf(text + strlen(head), "%" SCNd64 " %" SCNd64, &s->at,
               &s->done) == 2 &&
        (s->done < 1 || s->done > s->d->frames || s->at < 0 ||
         !is_complete(s)))
        s->done = 0;
    free(text);
    free(path);
}

static void
remove_file(const struct qn_snapshot *s, const char *ending)
{
    char *path = with_ending(s, ending);

    // one that stays is found by `quern clean`
    if (path)
        unlink(path);
    free(path);
}

/* ---- begin ----------------------------------------------------------------- */

/* Local, on the first rank.  Nothing is to be gone on from. */
static int
begin(struct qn_snapshot *s, struct qn_error *err)
{
    remove_file(s, "mark");
    remove_file(s, "state");
    remove_file(s, "frames");
    s->at = 0;
    if (!qn_deliver_rows(s->d))
        return 0;
    return qn_deliver_hollow(s->d, s->frames, &s->at, err);
}

static int
open_here(struct qn_snapshot *s, struct qn_error *err)
{
    QN_TRY(qn_atomic_parent(s->base, err));
    find_mark(s);
    return s->done ? 0 : begin(s, err);
}

int
qn_snapshot_open(struct qn_snapshot *s, struct qn_delivery *d, int64_t every,
                 struct qn_error *err)
{
    struct qn_comm *team = d->block->team;
    int64_t said[2], *heard = said;
    size_t n = sizeof said;
    int rc;

    *s = (struct qn_snapshot){.d = d, .every = every};
    rc = name_files(s, err);
    if (!rc && team->rank == 0)
        rc = open_here(s, err);
    QN_TRY(qn_comm_agree(team, rc, err));
    said[0] = s->at;
    said[1] = s->done;
    QN_TRY(qn_comm_broadcast(team, (void **)&heard, &n, 0, err));
    s->at = heard[0];
    s->done = heard[1];
    if (heard != said)
        free(heard);
    return 0;
}

/* ---- a state from the disk -------------------------------------------------- */

static int
read_row(int fd, void *to, int64_t bytes, int64_t at, const char *path,
         struct qn_error *err)
{
    while (bytes > 0) {
        ssize_t got = pread(fd, to, (size_t)bytes, (off_t)at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || qn_system_fault()) {
            qn_system_cannot(err, "read", path, got ? errno : EIO);
            return QN_EIO;
        }
        to = (char *)to + got;
        bytes -= got;
        at += got;
    }
    return 0;
}

/* The rows of a box of the grid, which begins at a byte of the file. */
static int
read_box(int fd, const struct qn_block *b, void *to, int64_t base,
         const char *path, struct qn_error *err)
{
    const int last = b->own.ndims - 1;
    const int64_t size = (int64_t)qn_dtype_size(b->grid.dtype);
    const int64_t row = last < 0 ? 1 : b->own.count[last];
    int64_t at[QN_MAX_DIMS] = {0};
    int a;

    do {
        int64_t i = 0;

        for (a = 0; a <= last; a++)
            i = i * b->grid.shape.n[a] + b->own.start[a] +
                (a < last ? at[a] : 0);
        QN_TRY(read_row(fd, to, row * size, base + i * size, path, err));
        to = (char *)to + row * size;
        for (a = last - 1; a >= 0 && ++at[a] == b->own.count[a]; a--)
            at[a] = 0;
    } while (a >= 0);
    return 0;
}

int
qn_snapshot_load(const struct qn_snapshot *s, struct qn_error *err)
{
    struct qn_block *b = s->d->block;
    struct qn_type type = {state_type(s), b->array.type.shape};
    char *path = state_path(s);
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    int rc = 0;

    b->grid.dtype = type.dtype;
    if (fd < 0)
        rc = qn_system_cannot(err, "read", path ? path : s->frames, errno);
    if (!rc && b->team->rank < b->cut.nblocks) {
        qn_block_drop(b);
        rc = qn_array_make(&b->array, &type, err);
        if (!rc)
            rc = read_box(fd, b, b->array.data, state_at(s, s->done - 1), path,
                          err);
    }
    if (fd >= 0)
        close(fd);
    free(path);
    b->taken = s->done * s->every;
    return rc;
}

/* ---- a state to the disk ----------------------------------------------------- */

static int
write_grid(struct qn_snapshot *s, const char *path, int64_t at,
           enum qn_dtype type, struct qn_error *err)
{
    const struct qn_run *run = s->d->run;

    return qn_gather_file_write(
        s->d->block,
        &(struct qn_gather_file){.path = path, .at = at, .type = type,
                                 // the grids of the sweep are there too
                                 .memory = run->memory / 4,
                                 .sync = run->options->sync != QN_SYNC_OFF},
        err);
}

int
qn_snapshot_keep(void *snapshot, struct qn_error *err)
{
    struct qn_snapshot *s = snapshot;
    struct qn_comm *team = s->d->block->team;
    char *path = state_path(s);
    int rc = path ? 0 : qn_fail(err, QN_ENOMEM, "no memory for a path");

    rc = qn_comm_agree(team, rc, err);
    if (!rc)
        rc = write_grid(s, s->frames, frame_at(s, s->done), frame_type(s), err);
    if (!rc && frame_type(s) != state_type(s))
        rc = write_grid(s, path, state_at(s, s->done), state_type(s), err);
    free(path);
    if (rc)
        return rc;
    s->done++;
    rc = team->rank ? 0 : write_mark(s, err);
    return qn_comm_agree(team, rc, err);
}

/* ---- the result --------------------------------------------------------------- */

int
qn_snapshot_finish(struct qn_snapshot *s, struct qn_error *err)
{
    struct qn_comm *team = s->d->block->team;
    int rc = 0;

    if (team->rank == 0)
        rc = qn_deliver_frames(s->d, s->frames, err);
    if (!rc && team->rank == 0) {
        remove_file(s, "mark");
        remove_file(s, "state");
        remove_file(s, "frames");
    }
    return qn_comm_agree(team, rc, err);
}

void
qn_snapshot_close(struct qn_snapshot *s)
{
    free(s->base);
    free(s->frames);
    *s = (struct qn_snapshot){0};
}
