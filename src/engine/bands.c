/* Cutting a combination into bands of pixels.
 *
 * In rounds: each rank owns a run of pixels a round, gets those pixels of all
 * members from the ranks that hold them, has its workers combine them, and
 * sends what came out to the leader.  A rank alone needs no messages: its
 * workers read the members where they lie.  Nor does one whose workers read
 * its pixels from the members' files. */
#include "engine/bands_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/dispatch.h"
#include "engine/joined.h"
#include "engine/program.h"
#include "model/dtype.h"
#include "model/shape.h"

struct qn_bands_layout
qn_bands_layout(const struct qn_target *t)
{
    int64_t n = qn_shape_count(&t->type->shape);
    int64_t data = n * (int64_t)qn_dtype_size(t->type->dtype);
    int64_t count = (data + 63) & ~(int64_t)63;

    return (struct qn_bands_layout){
        0, count, count + n * (int64_t)sizeof(int32_t)};
}

int64_t
qn_bands_row(const struct qn_target *t)
{
    const struct qn_shape *s = &t->type->shape;

    return s->ndims ? qn_shape_count(s) / s->n[qn_shape_row_axis(s)] : 1;
}

/* ---- combining my share ------------------------------------------------------------ */

static json_t *
members_json(const struct qn_bands_round *r, int64_t pixel)
{
    bool alone = r->b->run->comm->size == 1;
    json_t *a = json_array();

    for (int64_t m = 0; m < r->members; m++) {
        int64_t at = alone ? r->place[m] + r->mine.start * (int64_t)r->in
                           : m * r->most * (int64_t)r->in;

        json_array_append_new(
            a, json_integer((json_int_t)(at + pixel * (int64_t)r->in)));
    }
    return a;
}

/* Bytes of samples that a thread holds of the members it reads: they are to
 * stay in cache, but reading less than this of a file is slow. */
static int64_t
room_of(const struct qn_bands_round *r)
{
    enum { LEAST = 1 << 20, RUN = 1 << 14 };
    const int64_t threads =
        r->b->run->farm.most * r->b->run->split.threads;
    const int64_t most = r->b->memory / 16 / threads;
    const int64_t want = r->members * RUN < LEAST ? LEAST : r->members * RUN;

    return want < most ? want : most;
}

/* Where a worker finds the samples by itself: see worker/direct.h. */
static int
set_files(json_t *request, const struct qn_bands_round *r, int64_t pixel,
          struct qn_error *err)
{
    const struct qn_bands *b = r->b;
    json_t *files = json_array(), *frames = json_array();

    for (int64_t m = 0; m < r->members; m++) {
        // frames of a run, and runs of a file, come one behind the other
        if (m == 0 || r->task[m] != r->task[m - 1]) {
            char *path =
                qn_program_input(b->run, b->s, &b->st->task[r->task[m]]);
            const json_t *last =
                json_array_get(files, json_array_size(files) - 1);

            if (!last || !path || strcmp(json_string_value(last), path) != 0)
                json_array_append_new(files, json_string(path ? path : ""));
            free(path);
        }
        json_array_append_new(
            frames, json_pack("[I,I]", (json_int_t)json_array_size(files) - 1,
                              (json_int_t)r->place[m]));
    }
    json_object_set_new(request, "files", files);
    json_object_set_new(request, "frames", frames);
    json_object_set_new(request, "first",
                        json_integer(r->mine.start + pixel));
    json_object_set_new(request, "whole", json_integer(r->pixels));
    json_object_set_new(request, "rows", json_integer(b->rows));
    json_object_set_new(request, "room", json_integer(room_of(r)));
    if (json_array_size(frames) == (size_t)r->members)
        return 0;
    return qn_fail(err, QN_ENOMEM, "no memory for a request");
}

static int
request_piece(void *ctx, int64_t unit, json_t **request, double *timeout,
              struct qn_error *err)
{
    struct qn_bands_round *r = ctx;
    const bool direct = r->b->direct;
    int64_t pixel = unit * r->piece, n = r->mine.count - pixel;

    n = n < r->piece ? n : r->piece;
    if (direct)
        *timeout = 300 + (double)(n * r->members * (int64_t)r->in) / 10e6;
    *request = json_pack(
        "{s:s,s:I,s:s,s:I,s:I,s:I}", //
        "op", "band", "program", (json_int_t)r->b->program, "dtype",
        qn_dtype_name((enum qn_dtype)r->b->target->member), "pixels",
        (json_int_t)n, "out",
        (json_int_t)(r->data_at + pixel * (int64_t)r->out), "count",
        (json_int_t)(r->count_at + pixel * (int64_t)sizeof(int32_t)));
    if (!*request)
        return qn_fail(err, QN_ENOMEM, "no memory for a request");
    if (direct)
        QN_TRY(set_files(*request, r, pixel, err));
    else
        json_object_set_new(*request, "members", members_json(r, pixel));
    if (r->b->weight) {
        json_t *w = json_array();

        for (int64_t m = 0; m < r->members; m++)
            json_array_append_new(w, json_real(r->b->weight[m]));
        json_object_set_new(*request, "weights", w);
    }
    return 0;
}

static int
finish_piece(void *ctx, int64_t unit, const json_t *reply,
             const struct qn_error *why, struct qn_error *err)
{
    (void)ctx, (void)unit;
    return reply ? 0 : qn_fail(err, why->code, "%s", why->text);
}

static int
combine_share(struct qn_bands_round *r, struct qn_error *err)
{
    struct qn_comm alone = {.size = 1, .nodes = 1, .node_size = 1};
    struct qn_work work = {.ctx = r, .request = request_piece,
                           .finish = finish_piece};
    bool stopped = false;

    if (!r->mine.count)
        return 0;
    work.total = (r->mine.count + r->piece - 1) / r->piece;
    QN_TRY(qn_dispatch(&r->b->run->farm, &alone, &work, &stopped, err));
    return stopped ? qn_fail(err, QN_ESTOPPED, "stopped while combining") : 0;
}

/* ---- rounds ---------------------------------------------------------------------------- */

/* Where this rank's workers put its pixels: the leader's at their place in the
 * whole, others' at the start of their own memory. */
static void
place_result(struct qn_bands_round *r)
{
    struct qn_bands_layout l = qn_bands_layout(r->b->target);

    if (r->b->run->comm->rank == r->b->leader) {
        r->data_at = l.data + r->mine.start * (int64_t)r->out;
        r->count_at = l.count + r->mine.start * (int64_t)sizeof(int32_t);
        return;
    }
    r->data_at = 0;
    r->count_at = (r->most * (int64_t)r->out + 63) & ~(int64_t)63;
}

static int
one_round(struct qn_bands_round *r, int64_t round, struct qn_error *err)
{
    struct qn_comm *comm = r->b->run->comm;
    int rc = 0;

    r->mine = qn_bands_move_share(r, round, comm->rank);
    place_result(r);
    if (comm->size > 1 && !r->b->direct)
        rc = qn_comm_agree(comm, qn_bands_move_members(r, round, err), err);
    if (!rc)
        rc = combine_share(r, err);
    rc = qn_comm_agree(comm, rc, err);
    if (!rc && comm->size > 1)
        rc = qn_comm_agree(comm, qn_bands_move_result(r, round, err), err);
    return rc;
}

/* A task's frames that have not failed, as members; one for a whole item. */
static void
list_frames(struct qn_bands_round *r, int task)
{
    const struct qn_task *t = &r->b->st->task[task];
    int64_t n = t->item->frame < 0 ? 1 : t->item->nframes;
    int64_t first = qn_program_frame(r->b->run, r->b->s, t), lost = 0;

    for (int64_t i = 0; i < n; i++) {
        if (lost < qn_plan_lost(t) && t->lost->frame[lost] == i) {
            lost++;
            continue;
        }
        r->task[r->members] = task;
        r->place[r->members++] =
            r->b->direct ? (first < 0 ? -1 : first + i)
                         : r->b->offset[task] + i * r->pixels * (int64_t)r->in;
    }
}

static int
list_members(struct qn_bands_round *r, struct qn_error *err)
{
    const struct qn_bands *b = r->b;
    size_t n = (size_t)qn_plan_members(b->st, b->target);

    QN_TRY(qn_memory_make((void **)&r->task, n, sizeof *r->task, "members",
                          err));
    QN_TRY(qn_memory_make((void **)&r->place, n, sizeof *r->place, "members",
                          err));
    for (int i = 0; i < b->target->ntasks; i++)
        if (qn_plan_frames(&b->st->task[b->target->task[i]]))
            list_frames(r, b->target->task[i]);
    return qn_memory_make((void **)&r->moving,
                          n * (size_t)(b->run->comm->size + 1) +
                              2 * (size_t)b->run->comm->size,
                          sizeof(struct qn_transfer *), "transfers", err);
}

static int64_t
round_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

/* Pixels a rank gets in a round: an even share, at most what an eighth of its
 * memory holds. */
static void
size_rounds(struct qn_bands_round *r)
{
    const struct qn_run *run = r->b->run;
    const int64_t even =
        round_up((r->pixels + run->comm->size - 1) / run->comm->size, r->row);
    const int64_t each = r->b->direct ? (int64_t)(r->out + sizeof(int32_t))
                                      : r->members * (int64_t)r->in;
    int64_t room = r->b->memory / 8 / each / r->row * r->row;

    if (run->comm->size == 1)
        room = even;
    r->most = room < even ? room : even;
    if (r->most < r->row)
        r->most = r->row;
}

/* Pixels of a piece: several pieces a worker, small enough to stay in cache,
 * not tiny; where each opens all files, two. */
static void
size_pieces(struct qn_bands_round *r)
{
    const struct qn_run *run = r->b->run;

    if (r->b->direct) {
        r->piece = round_up((r->most + 2 * run->farm.most - 1) /
                                (2 * run->farm.most),
                            r->row);
        return;
    }
    r->piece = r->most / (4 * run->farm.most);
    if (r->piece > 65536 * run->split.threads)
        r->piece = 65536 * run->split.threads;
    if (r->piece < 4096)
        r->piece = 4096;
}

static int
open_memory(struct qn_bands_round *r, struct qn_error *err)
{
    struct qn_bands *b = r->b;
    int64_t bytes = qn_bands_layout(b->target).bytes, at;

    if (b->run->comm->rank != b->leader)
        bytes = r->most * (int64_t)(r->out + sizeof(int32_t)) + 64;
    QN_TRY(qn_arena_open(&b->result, NULL, err));
    QN_TRY(qn_arena_place(&b->result, bytes, &at, err));
    QN_TRY(qn_arena_at(&b->result, 0, bytes, (void **)&r->made, err));
    qn_farm_memory(&b->run->farm, 1, b->result.fd);
    if (b->run->comm->size == 1 || b->direct)
        return 0;
    bytes = r->members * r->most * (int64_t)r->in;
    QN_TRY(qn_arena_open(&b->received, NULL, err));
    QN_TRY(qn_arena_place(&b->received, bytes, &at, err));
    QN_TRY(qn_arena_at(&b->received, 0, bytes, (void **)&r->got, err));
    qn_farm_memory(&b->run->farm, 0, b->received.fd);
    if (!b->arena->used)
        return 0; // none of the members is here
    return qn_arena_at(b->arena, 0, b->arena->used, (void **)&r->held, err);
}

int
qn_bands_run(struct qn_bands *b, struct qn_error *err)
{
    struct qn_comm *comm = b->run->comm;
    struct qn_bands_round r = {
        .b = b,
        .pixels = qn_shape_count(&b->target->type->shape),
        .in = qn_dtype_size((enum qn_dtype)b->target->member),
        .out = qn_dtype_size(b->target->type->dtype),
        .row = b->direct ? qn_bands_row(b->target) * b->rows : 1,
    };
    int rc;

    b->result.fd = b->received.fd = -1;
    rc = list_members(&r, err);
    if (!rc) {
        size_rounds(&r);
        size_pieces(&r);
        rc = open_memory(&r, err);
    }
    rc = qn_comm_agree(comm, rc, err);
    for (int64_t i = 0; !rc && i * comm->size * r.most < r.pixels; i++)
        rc = one_round(&r, i, err);
    free(r.task);
    free(r.place);
    free(r.moving);
    return rc;
}

/* ---- joining ------------------------------------------------------------------------------ */

/* A run of frames from its owner to its place in the leader's result: from
 * frame `first` on, dataset by dataset. */
static int
move_run(struct qn_bands_round *r, const struct qn_joined *j, int task,
         int64_t first, struct qn_error *err)
{
    const struct qn_bands *b = r->b;
    const int rank = b->run->comm->rank, owner = b->owner[task];
    const int64_t frames = b->st->task[task].item->nframes;
    int64_t from = b->offset[task];

    if (owner != rank && b->leader != rank)
        return 0;
    for (int i = 0; i < j->n; i++) {
        const size_t n = (size_t)(frames * j->bytes[i]);
        const int64_t to = j->at[i] + first * j->bytes[i];

        if (owner == b->leader)
            memcpy(r->made + to, r->held + from, n);
        else if (rank == b->leader)
            QN_TRY(qn_bands_move_in(r, owner, QN_BANDS_MEMBER, r->made + to, n,
                                    err));
        else
            QN_TRY(qn_bands_move_out(r, b->leader, QN_BANDS_MEMBER,
                                     r->held + from, n, err));
        from += (int64_t)n;
    }
    return 0;
}

static int
open_joined(struct qn_bands_round *r, struct qn_joined *j,
            struct qn_error *err)
{
    struct qn_bands *b = r->b;
    int64_t at;

    QN_TRY(qn_joined_make(j, &b->run->plan, b->st, b->target, err));
    QN_TRY(qn_memory_make((void **)&r->moving,
                          (size_t)b->target->ntasks * (size_t)j->n,
                          sizeof(struct qn_transfer *), "transfers", err));
    if (b->arena->used)
        QN_TRY(qn_arena_at(b->arena, 0, b->arena->used, (void **)&r->held,
                           err));
    if (b->run->comm->rank != b->leader)
        return 0;
    QN_TRY(qn_arena_open(&b->result, NULL, err));
    QN_TRY(qn_arena_place(&b->result, j->all, &at, err));
    QN_TRY(qn_arena_at(&b->result, 0, j->all, (void **)&r->made, err));
    qn_farm_memory(&b->run->farm, 1, b->result.fd);
    return 0;
}

int
qn_bands_join(struct qn_bands *b, struct qn_error *err)
{
    struct qn_bands_round r = {.b = b};
    struct qn_joined j;
    int64_t first = 0;
    int rc, late;

    b->result.fd = b->received.fd = -1;
    rc = qn_comm_agree(b->run->comm, open_joined(&r, &j, err), err);
    for (int i = 0; i < b->target->ntasks && !rc; i++) {
        const int task = b->target->task[i];

        rc = move_run(&r, &j, task, first, err);
        first += b->st->task[task].item->nframes;
    }
    late = qn_bands_move_wait(&r, rc ? NULL : err);
    rc = qn_comm_agree(b->run->comm, rc ? rc : late, err);
    free(r.moving);
    return rc;
}

void
qn_bands_clear(struct qn_bands *b)
{
    qn_farm_memory(&b->run->farm, 1, -1);
    qn_arena_close(&b->result);
    qn_arena_close(&b->received);
}
