/* Writing, reading and comparing the list of a stage's items.
 *
 * The list is text: a line that says for which job and by which array job of
 * SLURM it was frozen, then a name a line.  Names are only ever compared, so
 * what a line cannot hold is written \n and \\ and never read back.  An item
 * that is named k times (HDUs of a file) is met k times. */
#include "engine/shard_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/message.h"
#include "base/system.h"
#include "engine/shard_lock.h"
#include "io/atomic.h"
#include "model/key.h"

#define FORMAT "quern-shards-1"

/* ---- what the list of now would be -------------------------------------- */

static void
add_name(struct qn_text *out, const char *name)
{
    for (; *name; name++)
        if (*name == '\n')
            qn_text_add(out, "\\n");
        else
            qn_text_add(out, *name == '\\' ? "\\\\" : "%c", *name);
    qn_text_add(out, "\n");
}

/* Does task i go on with the result of the one before it? */
static bool
goes_on(const struct qn_plan_stage *st, int i)
{
    return i && qn_plan_joins(st) && st->task[i].target >= 0 &&
           st->task[i].target == st->task[i - 1].target;
}

static int
list_items(struct qn_text *out, const struct qn_plan_stage *st,
           struct qn_error *err)
{
    char name[1200];

    for (int i = 0; i < st->ntasks; i++)
        if (!goes_on(st, i))
            add_name(out, qn_plan_joins(st) ? st->task[i].item->path
                                            : qn_item_name(name, sizeof name,
                                                           st->task[i].item));
    return qn_text_check(out, err);
}

static void
add_json(struct qn_key *k, const json_t *j)
{
    char *text = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);

    qn_key_text(k, text ? text : "");
    free(text);
}

static void
add_word(struct qn_key *k, const char *word)
{
    qn_key_text(k, word ? word : "");
}

static void
add_steps(struct qn_key *k, const struct qn_stage *stage)
{
    for (int i = 0; i < stage->nsteps; i++) {
        const struct qn_step *step = &stage->steps[i];

        qn_key_text(k, step->kernel->name);
        add_json(k, step->params);
        for (int n = 0; n < step->noperands; n++) {
            char number[64];

            snprintf(number, sizeof number, "%a %a", step->operand[n].number,
                     step->operand[n].scale);
            qn_key_text(k, number);
            add_word(k, step->operand[n].text);
        }
    }
}

/* What a stage takes and makes; not how much memory or how many workers. */
static void
add_stage(struct qn_key *k, const struct qn_stage *stage)
{
    qn_key_text(k, stage->name);
    qn_key_strings(k, &stage->input.files);
    qn_key_strings(k, &stage->input.exclude);
    add_word(k, stage->input.stage);
    add_word(k, stage->input.where);
    qn_key_strings(k, &stage->input.dataset);
    qn_key_strings(k, &stage->input.slice);
    add_word(k, stage->input.frames);
    qn_key_number(k, stage->input.each);
    qn_key_strings(k, &stage->command.words);
    qn_key_strings(k, &stage->command.writes);
    add_steps(k, stage);
    add_json(k, stage->combine.params);
    qn_key_strings(k, &stage->combine.per);
    add_word(k, stage->output.name);
    qn_key_number(k, stage->output.format);
    qn_key_number(k, stage->output.dtype);
    qn_key_number(k, stage->output.compress);
}

static int
hash_job(char hex[QN_KEY_HEX], const struct qn_job *job, struct qn_error *err)
{
    struct qn_fingerprint print;
    struct qn_key k;

    QN_TRY(qn_key_open(&k, err));
    for (int s = 0; s < job->nstages; s++)
        add_stage(&k, &job->stages[s]);
    qn_key_finish(&k, &print);
    qn_key_hex(hex, &print);
    return 0;
}

static const char *
array_job(void)
{
    const char *id = getenv("SLURM_ARRAY_JOB_ID");

    return id && !id[strspn(id, "0123456789")] ? id : "";
}

/* ---- the one that stands there ------------------------------------------ */

struct list {
    char *path;  /* owned                                      */
    char *text;  /* owned; NULL: there is none                 */
    char *names; /* in text: behind its first line             */
    char job[QN_KEY_HEX];
    char array[32];
};

static int
read_list(struct list *l, struct qn_error *err)
{
    size_t n;
    int got;

    free(l->text);
    l->text = l->names = NULL;
    if (access(l->path, F_OK) && errno == ENOENT)
        return 0;
    QN_TRY(qn_system_slurp(&l->text, &n, l->path, err));
    l->names = strchr(l->text, '\n');
    l->array[0] = '\0';
    got = sscanf(l->text, FORMAT " job=%32s by=%31[0-9]", l->job, l->array);
    if (got < 1 || !l->names)
        return qn_fail(err, QN_EFORMAT,
                       "%s is damaged: remove it and run the shards of this "
                       "stage again",
                       l->path);
    l->names++;
    return 0;
}

/* Give a finished temporary its name unless there is one of that name. */
static int
name_first(const char *tmp, const char *path, struct qn_error *err)
{
    if (!link(tmp, path) || errno == EEXIST)
        return 0;
    // a file system without links: of two that freeze at once, the last wins
    return rename(tmp, path) ? qn_system_cannot(err, "write", path, errno) : 0;
}

static int
write_list(const struct qn_run *run, const struct list *l, const char *job,
           const char *names, bool anew, struct qn_error *err)
{
    struct qn_text text = {0};
    char *tmp = NULL, tag[32];
    int rc;

    qn_text_add(&text, FORMAT " job=%s by=%s\n%s", job, array_job(), names);
    rc = qn_text_check(&text, err);
    if (!rc && anew)
        rc = qn_atomic_write(l->path, text.s, text.len, err);
    snprintf(tag, sizeof tag, "%016llx", (unsigned long long)run->id);
    if (!rc && !anew)
        rc = qn_atomic_name(&tmp, l->path, tag, err);
    if (!rc && tmp)
        rc = qn_atomic_write(tmp, text.s, text.len, err);
    if (!rc && tmp)
        rc = name_first(tmp, l->path, err);
    if (tmp)
        unlink(tmp);
    free(tmp);
    qn_text_clear(&text);
    return rc;
}

/* ---- numbers ------------------------------------------------------------ */

struct line {
    const char *name;
    size_t n;
    int64_t at;
};

static int
by_name(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    size_t n = x->n < y->n ? x->n : y->n;
    int c = memcmp(x->name, y->name, n);

    if (!c)
        c = (x->n > y->n) - (x->n < y->n);
    return c ? c : (x->at > y->at) - (x->at < y->at);
}

static int
cut_lines(struct line **lines, size_t *n, const char *text,
          struct qn_error *err)
{
    size_t count = 0, i = 0;

    for (const char *p = text; (p = strchr(p, '\n')); p++)
        count++;
    QN_TRY(qn_memory_make((void **)lines, count + 1, sizeof **lines,
                          "a list of items", err));
    for (const char *p = text, *end; (end = strchr(p, '\n')); p = end + 1, i++)
        (*lines)[i] = (struct line){p, (size_t)(end - p), (int64_t)i};
    *n = count;
    qsort(*lines, count, sizeof **lines, by_name);
    return 0;
}

/* number[i]: the place on the frozen list of line i of the list of now. */
static int
match(int64_t *number, const char *now, const char *frozen, int64_t *came,
      int64_t *went, struct qn_error *err)
{
    struct line *a = NULL, *b = NULL;
    size_t na = 0, nb = 0, j = 0;
    int rc = cut_lines(&a, &na, now, err);

    *came = *went = 0;
    if (!rc)
        rc = cut_lines(&b, &nb, frozen, err);
    for (size_t i = 0; i < na && !rc; i++) {
        int c = 1;
        struct line here;

        for (; j < nb; j++) {
            here = b[j];
            here.at = a[i].at; // the name alone counts
            c = by_name(&here, &a[i]);
            if (c >= 0)
                break;
            ++*went;
        }
        number[a[i].at] = j < nb && !c ? b[j].at : -1;
        *came += j == nb || c != 0;
        j += j < nb && !c;
    }
    *went += (int64_t)(nb - j);
    free(a);
    free(b);
    return rc;
}

static void
say_differs(const struct qn_run *run, const char *stage, const char *path,
            int64_t came, int64_t went)
{
    if (run->comm->rank)
        return;
    qn_message(QN_WARNING,
               "%s: the inputs have changed since the list of its items was "
               "frozen: %lld came and belong to no shard, %lld went; `quern "
               "run` without --shard does what is left, or remove %s and run "
               "all shards again",
               stage, (long long)came, (long long)went, path);
}

/* May the list be frozen anew?  Not while shards of it are at work. */
static bool
may_refreeze(const struct qn_run *run, const struct list *l, bool freeze)
{
    return freeze && *array_job() && strcmp(array_job(), l->array) != 0 &&
           qn_shard_lock_others(run) == QN_LOCK_FREE;
}

static int
settle_list(const struct qn_run *run, struct list *l, const char *stage,
            const char *now, bool freeze, struct qn_error *err)
{
    char job[QN_KEY_HEX];
    bool other;

    QN_TRY(hash_job(job, run->job, err));
    QN_TRY(read_list(l, err));
    if (!l->text && freeze) {
        QN_TRY(write_list(run, l, job, now, false, err));
        QN_TRY(read_list(l, err));
    }
    if (!l->text)
        return 0;
    other = strcmp(l->job, job) != 0;
    if (!other && !strcmp(l->names, now))
        return 0;
    if (may_refreeze(run, l, freeze)) {
        QN_TRY(write_list(run, l, job, now, true, err));
        return read_list(l, err);
    }
    if (!other)
        return 0;
    return qn_fail(err, QN_EUSAGE,
                   "%s: the job is not the one that the list of items in %s "
                   "was frozen for: give the job as it was, or another "
                   "--output; to go on with this one, wait for shards that "
                   "are at work, remove that file and run all shards again",
                   stage, l->path);
}

int
qn_shard_list_number(const struct qn_run *run, int s, bool freeze,
                     int64_t *unit, struct qn_error *err)
{
    const struct qn_plan_stage *st = &run->plan.stage[s];
    const char *stage = st->stage->name;
    struct qn_text now = {0};
    struct list l = {0};
    int64_t came = 0, went = 0, *number = NULL;
    int rc = list_items(&now, st, err);

    if (!rc && asprintf(&l.path, "%s/.quern/shards/%s.list",
                        run->options->output, stage) < 0)
        rc = qn_fail(err, QN_ENOMEM, "no memory for a path");
    if (!rc)
        rc = settle_list(run, &l, stage, qn_text_get(&now), freeze, err);
    if (!rc)
        rc = qn_memory_make((void **)&number, (size_t)st->ntasks + 1,
                            sizeof *number, "the items' numbers", err);
    if (!rc)
        rc = match(number, qn_text_get(&now),
                   l.names ? l.names : qn_text_get(&now), &came, &went, err);
    if (!rc && (came || went))
        say_differs(run, stage, l.path, came, went);
    for (int i = 0, line = -1; i < st->ntasks && !rc; i++) {
        line += !goes_on(st, i);
        unit[i] = number[line];
    }
    free(number);
    free(l.text);
    free(l.path);
    qn_text_clear(&now);
    return rc;
}
