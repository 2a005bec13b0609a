/* Groups of results: rename all, sync their folders, journal them.
 *
 * The order is what makes a crash harmless at any moment: a line is written
 * only of what has its name, a name given only to what is whole. */
#include "engine/commit.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/system.h"
#include "engine/exec.h"
#include "engine/folder.h"
#include "engine/shard.h"
#include "io/atomic.h"

enum { GROUP_SECONDS = 1 };

static int64_t
wall_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

int
qn_commit_open(struct qn_commit *c, const struct qn_run *run, uint64_t id,
               struct qn_error *err)
{
    char *folder = NULL, tag[QN_SHARD_TAG];
    int rc;

    *c = (struct qn_commit){.run = id,
                            .rank = run->comm->rank,
                            .sync = run->options->sync};
    gethostname(c->host, sizeof c->host - 1);
    QN_TRY(qn_folder_path(&folder, run->options->output, "journal", err));
    rc = qn_journal_open_as(&c->journal, folder,
                            qn_shard_tag(tag, sizeof tag, run->options),
                            c->rank, err);
    free(folder);
    return rc;
}

/* What every line of this rank says. */
static struct qn_record
fresh_record(const struct qn_commit *c, enum qn_record_kind kind,
             const char *stage, const char *name)
{
    return (struct qn_record){
        .kind = kind,
        .run = c->run,
        .time_ns = wall_ns(),
        .stage = stage,
        .name = name,
        .rank = c->rank,
        .pid = getpid(),
        .host = c->host,
    };
}

static void
copy_key(struct qn_record *r, const struct qn_fingerprint *key)
{
    _Static_assert(sizeof r->key == QN_KEY_HEX, "a key as text");
    qn_key_hex(r->key, key);
}

int
qn_commit_mark(struct qn_commit *c, enum qn_record_kind kind,
               struct qn_error *err)
{
    struct qn_record r = fresh_record(c, kind, "", "");

    QN_TRY(qn_journal_add(&c->journal, &r, err));
    return qn_journal_flush(&c->journal, c->sync != QN_SYNC_OFF, err);
}

int
qn_commit_begin(struct qn_commit *c, const char *stage, const char *name,
                const struct qn_task *t, struct qn_error *err)
{
    struct qn_record r = fresh_record(c, QN_RECORD_BEGIN, stage, name);

    r.item = t->item->path;
    copy_key(&r, &t->key);
    r.input_bytes = t->item->bytes;
    QN_TRY(qn_journal_add(&c->journal, &r, err));
    // not synced: it is for a crash of the run, not of the machine
    return qn_journal_flush(&c->journal, false, err);
}

int
qn_commit_note(struct qn_commit *c, const char *stage, const char *name,
               const struct qn_item *item,
               const struct qn_fingerprint *key, int code, const char *reason,
               struct qn_error *err)
{
    struct qn_record r = fresh_record(c, QN_RECORD_FAILED, stage, name);

    r.item = item ? item->path : "";
    r.input_bytes = item ? item->bytes : 0;
    copy_key(&r, key);
    r.code = code;
    r.reason = reason;
    return qn_journal_add(&c->journal, &r, err);
}

int
qn_commit_failed(struct qn_commit *c, const char *stage,
                 const struct qn_target *t, bool told, struct qn_error *err)
{
    struct qn_record r = fresh_record(c, QN_RECORD_FAILED, stage, t->name);

    copy_key(&r, t->key);
    r.code = t->code;
    r.reason = t->reason;
    r.lost = told;
    return qn_journal_add(&c->journal, &r, err);
}

/* One frame, whose line begins at text. */
static int
note_frame(struct qn_commit *c, const char *stage, const struct qn_task *t,
           const char *text, struct qn_error *err)
{
    struct qn_record r = fresh_record(c, QN_RECORD_FAILED, stage, NULL);
    const char *why = strchr(text, ' ') + 1;
    char name[1200];
    char *reason = strndup(why, strcspn(why, "\n"));
    int rc;

    if (!reason)
        return qn_fail(err, QN_ENOMEM, "no memory for a reason");
    r.name = qn_item_frame_name(name, sizeof name, t->item, atoll(text));
    r.item = r.name;
    copy_key(&r, &t->key);
    r.code = QN_EVALUE;
    r.reason = reason;
    rc = qn_journal_add(&c->journal, &r, err);
    free(reason);
    return rc;
}

int
qn_commit_member(struct qn_commit *c, const char *stage,
                 const struct qn_task *t, const char *lost,
                 struct qn_error *err)
{
    struct qn_record r;
    char name[1200];
    int64_t n = 0;

    for (const char *p = lost; p && *p; p = strchr(p, '\n') + 1, n++)
        QN_TRY(note_frame(c, stage, t, p, err));
    r = fresh_record(c, QN_RECORD_DONE, stage,
                     qn_item_name(name, sizeof name, t->item));
    r.lost = n;
    r.item = t->item->path;
    r.input_bytes = t->item->bytes;
    r.items = t->item->frame < 0 ? 0 : t->item->nframes;
    copy_key(&r, &t->key);
    return qn_journal_add(&c->journal, &r, err);
}

int
qn_commit_whole(struct qn_commit *c, const char *stage, const char *name,
                const char *path, const struct qn_fingerprint *key,
                struct qn_past *past, struct qn_error *err)
{
    struct qn_record r = fresh_record(c, QN_RECORD_DONE, stage, name);
    struct stat st;

    if (stat(path, &st) < 0)
        return qn_system_cannot(err, "look at", path, errno);
    copy_key(&r, key);
    r.bytes = st.st_size;
    r.mtime_ns = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
    QN_TRY(qn_journal_add(&c->journal, &r, err));
    QN_TRY(qn_journal_flush(&c->journal, c->sync != QN_SYNC_OFF, err));
    return qn_past_add(past, &r, err);
}

static double
seconds_of(const json_t *reply, size_t i)
{
    return json_number_value(
        json_array_get(json_object_get(reply, "seconds"), i));
}

static void
clear_entry(struct qn_commit_entry *e)
{
    free(e->tmp);
    free(e->path);
    free(e->name);
    free(e->item);
    free(e->beside);
    *e = (struct qn_commit_entry){0};
}

int
qn_commit_add(struct qn_commit *c, const struct qn_run *run,
              const char *stage, const struct qn_target *target,
              const struct qn_item *item, char *tmp, const json_t *reply,
              struct qn_error *err)
{
    struct qn_commit_entry *e = &c->v[c->n];

    *e = (struct qn_commit_entry){.tmp = tmp, .stage = stage};
    if (asprintf(&e->path, "%s/%s", run->options->output, target->name) < 0)
        e->path = NULL;
    e->name = strdup(target->name);
    e->item = strdup(item ? item->path : "");
    if (!e->path || !e->name || !e->item) {
        clear_entry(e);
        return qn_fail(err, QN_ENOMEM, "no memory for a path");
    }
    e->record = fresh_record(c, QN_RECORD_DONE, stage, e->name);
    e->record.item = e->item;
    e->record.input_bytes = item ? item->bytes : 0;
    copy_key(&e->record, target->key);
    e->record.read_s = seconds_of(reply, 0);
    e->record.compute_s = seconds_of(reply, 1);
    e->record.write_s = seconds_of(reply, 2);
    if (!c->n++)
        c->since = qn_clock_now();
    return 0;
}

void
qn_commit_beside(struct qn_commit *c, char *path)
{
    c->v[c->n - 1].beside = path;
}

void
qn_commit_count(struct qn_commit *c, int64_t items, int64_t input_bytes)
{
    struct qn_record *r = &c->v[c->n - 1].record;

    r->items = items;
    r->input_bytes = input_bytes;
}

/* Neighbours mostly share their folder: one sync for each run of them. */
static bool
same_folder(const char *a, const char *b)
{
    size_t n = (size_t)(strrchr(a, '/') - a);

    return n == (size_t)(strrchr(b, '/') - b) && !strncmp(a, b, n);
}

static int
rename_all(struct qn_commit *c, struct qn_error *err)
{
    for (int i = 0; i < c->n; i++)
        if (c->v[i].tmp)
            QN_TRY(qn_atomic_commit(c->v[i].tmp, c->v[i].path, false, err));
    for (int i = 0; i < c->n && c->sync != QN_SYNC_OFF; i++)
        if (c->v[i].tmp && (i + 1 == c->n || !c->v[i + 1].tmp ||
                            !same_folder(c->v[i].path, c->v[i + 1].path)))
            QN_TRY(qn_atomic_sync(c->v[i].path, err));
    return 0;
}

/* Not synced: the journal says the same, and a key that is torn is none. */
static int
write_key(const struct qn_commit_entry *e, const struct stat *st,
          struct qn_error *err)
{
    char line[128];
    int fd = open(e->beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    int rc;

    if (fd < 0 && errno == ENOENT) {
        QN_TRY(qn_atomic_parent(e->beside, err));
        fd = open(e->beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    }
    if (fd < 0)
        return qn_fail(err, QN_EIO, "%s: %s", e->beside, strerror(errno));
    qn_exec_key_line(line, sizeof line, e->record.key, e->tmp ? st : NULL);
    rc = qn_system_write(fd, line, strlen(line), e->beside, err);
    close(fd);
    return rc;
}

static int
journal_all(struct qn_commit *c, struct qn_error *err)
{
    for (int i = 0; i < c->n; i++) {
        struct qn_commit_entry *e = &c->v[i];
        struct stat st = {0};

        if (e->tmp && stat(e->path, &st) < 0) {
            if (errno != ENOENT)
                return qn_system_cannot(err, "look at", e->path, errno);
            continue; // removed under our hands: it will be made anew
        }
        if (e->beside)
            QN_TRY(write_key(e, &st, err));
        e->record.bytes = st.st_size;
        e->record.mtime_ns =
            st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
        e->record.time_ns = wall_ns();
        QN_TRY(qn_journal_add(&c->journal, &e->record, err));
    }
    return qn_journal_flush(&c->journal, c->sync != QN_SYNC_OFF, err);
}

/* Is it time for those that wait? */
static bool
is_due(const struct qn_commit *c)
{
    int most = c->sync == QN_SYNC_ITEM ? 1 : QN_COMMIT_GROUP;

    return c->n >= most ||
           (c->n && qn_clock_now() - c->since >= GROUP_SECONDS);
}

int
qn_commit_flush(struct qn_commit *c, bool now, struct qn_error *err)
{
    int rc;

    if (!now && !is_due(c))
        return 0;
    rc = rename_all(c, err);
    if (!rc)
        rc = journal_all(c, err);
    for (int i = 0; i < c->n; i++) {
        // what has its name by now is not there under this one
        if (rc)
            unlink(c->v[i].tmp);
        clear_entry(&c->v[i]);
    }
    c->n = 0;
    return rc;
}

void
qn_commit_close(struct qn_commit *c)
{
    for (int i = 0; i < c->n; i++) {
        if (c->v[i].tmp)
            unlink(c->v[i].tmp);
        clear_entry(&c->v[i]);
    }
    c->n = 0;
    qn_journal_close(&c->journal);
}
