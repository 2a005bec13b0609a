/* The lock, the stop request, the lists of results.
 *
 * The lock is the kernel's (flock): it goes with its holder, so that of a dead
 * run is free. */
#include "engine/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/system.h"
#include "base/text.h"
#include "engine/commit.h"
#include "engine/content.h"
#include "engine/headers.h"
#include "engine/lock.h"
#include "engine/reach.h"
#include "engine/shard_lock.h"
#include "io/atomic.h"
#include "model/json.h"

int
qn_folder_path(char **path, const char *output, const char *name,
               struct qn_error *err)
{
    if (asprintf(path, "%s/.quern/%s", output, name) >= 0)
        return 0;
    *path = NULL;
    return qn_fail(err, QN_ENOMEM, "no memory for a path");
}

int
qn_folder_results(char **path, const char *output, const char *stage,
                  struct qn_error *err)
{
    if (asprintf(path, "%s/.quern/outputs/%s.txt", output, stage) >= 0)
        return 0;
    *path = NULL;
    return qn_fail(err, QN_ENOMEM, "no memory for a path");
}

/* ---- the lock ------------------------------------------------------------------- */

static int
name_holder(const char *folder, struct qn_error *err)
{
    struct qn_lock_holder holder;

    qn_lock_look(folder, &holder);
    return qn_fail(err, QN_EIO,
                   "%s is in use by a run on %s, pid %ld, since %lld s: wait "
                   "for it, stop it with `quern stop`, or give another "
                   "--output",
                   folder, holder.host[0] ? holder.host : "an unknown host",
                   holder.pid,
                   holder.started_ns ? (long long)time(NULL) -
                                           holder.started_ns / 1000000000
                                     : 0);
}

/* Who only asks whether a run is there holds the lock for microseconds. */
static int
lock_patiently(int fd)
{
    struct timespec nap = {.tv_nsec = 50000000};

    for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
        if (errno != EWOULDBLOCK || i == 5)
            return -1;
        nanosleep(&nap, NULL);
    }
    return 0;
}

void
qn_folder_close(struct qn_run *run)
{
    qn_shard_lock_close(run);
    if (run->lock > 0)
        close(run->lock);
    run->lock = 0;
}

/* Where the file system has no locks, the name that stands in the file and the
 * record of the last run are all there is to go by. */
static int
look_at_name(const char *output, struct qn_error *err)
{
    json_t *record = NULL;
    const char *state;
    char *path;
    int rc;

    QN_TRY(qn_folder_path(&path, output, "run.json", err));
    record = json_load_file(path, 0, NULL);
    state = qn_json_text(record, "state");
    rc = qn_lock_check(output,
                       state && strcmp(state, "running") != 0 &&
                           strcmp(state, "watching") != 0,
                       err);
    json_decref(record);
    free(path);
    if (rc && err)
        err->code = QN_EIO; // as where there are locks
    return rc ? QN_EIO : 0;
}

static void
note_start(struct qn_run *run)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    run->started_ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int
take_lock(struct qn_run *run, const char *path, struct qn_error *err)
{
    run->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (run->lock < 0)
        return qn_system_cannot(err, "write", path, errno);
    if (lock_patiently(run->lock) < 0) {
        int rc = errno == EWOULDBLOCK
                     ? name_holder(run->options->output, err)
                     : look_at_name(run->options->output, err);

        // it is another's: nothing of its folder is ours to write
        if (rc) {
            qn_folder_close(run);
            return rc;
        }
    }
    return qn_lock_sign(run->lock, path, &run->started_ns, err);
}

/* The whole folder, or what a shard takes of it; *alone: nobody else is at
 * work in it. */
static int
take_locks(struct qn_run *run, const char *path, bool *alone,
           struct qn_error *err)
{
    *alone = true;
    if (run->options->shards)
        return qn_shard_lock_open(run, alone, err);
    return take_lock(run, path, err);
}

/* ---- lists ------------------------------------------------------------------------ */

static int
write_list(const struct qn_run *run, const char *name,
           const struct qn_text *text, struct qn_error *err)
{
    char *path = NULL;
    int rc = qn_text_check(text, err);

    if (!rc)
        rc = qn_folder_path(&path, run->options->output, name, err);
    // other shards may be writing the very same
    if (!rc && run->options->shards)
        rc = qn_atomic_write(path, qn_text_get(text), text->len, err);
    else if (!rc)
        rc = qn_atomic_replace(path, qn_text_get(text), text->len,
                               run->options->sync != QN_SYNC_OFF, err);
    free(path);
    return rc;
}

static int
list_results(const struct qn_run *run, const struct qn_plan_stage *st,
             struct qn_error *err)
{
    // a program may write several files
    size_t more = st->stage->command.writes.n;
    struct qn_text names = {0};
    char file[512];
    int rc = 0;

    if (st->stage->output.single)
        qn_text_add(&names, "%s.h5\n", st->stage->name);
    for (int i = 0; i < st->ntargets && !rc; i++) {
        if (st->target[i].name)
            qn_text_add(&names, "%s\n", st->target[i].name);
        for (size_t k = 1; k < more && st->target[i].name && !rc; k++) {
            char *name;

            rc = qn_plan_output(&name, st, &st->target[i], k, err);
            if (!rc && name)
                qn_text_add(&names, "%s\n", name);
            free(name);
        }
    }
    snprintf(file, sizeof file, "outputs/%s.txt", st->stage->name);
    if (!rc)
        rc = write_list(run, file, &names, err);
    qn_text_clear(&names);
    return rc;
}

static int
write_lists(const struct qn_run *run, struct qn_error *err)
{
    struct qn_text stages = {0};
    int rc = 0;

    for (int s = 0; s < run->job->nstages && !rc; s++) {
        qn_text_add(&stages, "%s\n", run->job->stages[s].name);
        if (run->plan.stage[s].wanted)
            rc = list_results(run, &run->plan.stage[s], err);
    }
    if (!rc)
        rc = write_list(run, "outputs/STAGES", &stages, err);
    qn_text_clear(&stages);
    return rc;
}

/* ---- opening ------------------------------------------------------------------------ */

/* With this run begun, one before it that has no end is known to have died. */
static int
load_past(struct qn_run *run, struct qn_error *err)
{
    struct qn_record now = {.kind = QN_RECORD_RUN_BEGIN,
                            .run = run->id,
                            .time_ns = run->started_ns};
    char *folder;
    int rc = qn_folder_path(&folder, run->options->output, "journal", err);

    if (!rc)
        rc = qn_past_load(&run->past, folder, NULL, err);
    if (!rc)
        rc = qn_past_add(&run->past, &now, err);
    if (!rc)
        qn_past_settle(&run->past);
    free(folder);
    return rc;
}

static int
open_as_first(struct qn_run *run, struct qn_error *err)
{
    const char *output = run->options->output;
    char *outputs = NULL, *lock = NULL, *stop = NULL;
    bool alone = true, had = run->lock > 0;
    int rc = qn_folder_path(&outputs, output, "outputs", err);

    if (!rc)
        rc = qn_folder_path(&lock, output, "lock", err);
    if (!rc)
        rc = qn_folder_path(&stop, output, "stop", err);
    if (!rc)
        rc = qn_atomic_folder(outputs, err);
    // whoever watches has it already, and may have been asked to stop
    if (!rc && run->lock)
        note_start(run);
    else if (!rc)
        rc = take_locks(run, lock, &alone, err);
    // what others were asked to do is not ours to take back
    if (!rc && !had && alone && unlink(stop) < 0 && errno != ENOENT)
        rc = qn_system_cannot(err, "remove", stop, errno);
    if (!rc)
        rc = write_lists(run, err);
    if (!rc)
        rc = qn_headers_save(run, err);
    if (!rc)
        rc = qn_content_save(run, err);
    if (!rc && getrandom(&run->id, sizeof run->id, 0) != sizeof run->id)
        run->id = (uint64_t)run->started_ns;
    if (!rc)
        rc = load_past(run, err);
    free(outputs);
    free(lock);
    free(stop);
    return rc;
}

/* Collective.  The others' only where they are where rank 0's is. */
static int
open_journals(struct qn_run *run, struct qn_error *err)
{
    int rc = 0;

    if (run->comm->rank == 0)
        rc = qn_commit_open(run->commit, run, run->id, err);
    if (!rc && run->comm->rank == 0)
        rc = qn_commit_mark(run->commit, QN_RECORD_RUN_BEGIN, err);
    QN_TRY(qn_comm_agree(run->comm, rc, err));
    QN_TRY(qn_reach_output(run, err));
    if (run->comm->rank)
        rc = qn_commit_open(run->commit, run, run->id, err);
    return rc;
}

int
qn_folder_open(struct qn_run *run, struct qn_error *err)
{
    void *id = &run->id;
    size_t n = sizeof run->id;
    int rc = 0;

    if (run->comm->rank == 0)
        rc = open_as_first(run, err);
    rc = qn_comm_agree(run->comm, rc, err);
    if (!rc && run->comm->size > 1)
        rc = qn_comm_broadcast(run->comm, &id, &n, 0, err);
    if (!rc && run->comm->rank) {
        memcpy(&run->id, id, sizeof run->id);
        free(id);
    }
    if (!rc)
        rc = open_journals(run, err);
    return qn_comm_agree(run->comm, rc, err);
}
