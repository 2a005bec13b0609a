/* Leaving files alone until they have settled.
 *
 * A file that is being copied looks like a truncated one.  What was changed a
 * moment ago is treated as if it were not there yet: it is not opened, fails
 * nothing and takes part in nothing; the next run finds it. */
#include "engine/young.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "base/message.h"

#define NANO INT64_C(1000000000)

enum { AHEAD_SECONDS = 60, NAMED = 3 };

bool
qn_young_is(int64_t mtime_ns, int64_t now_ns, double seconds)
{
    double age = (double)(now_ns - mtime_ns) / 1e9;

    return age < seconds && age > -AHEAD_SECONDS;
}

/* Companions travel as fields "@NAME=BYTES:SECONDS.NANOSECONDS". */
static bool
has_young_companion(const struct qn_item *item, int64_t now_ns, double seconds)
{
    for (const char *p = item->fields; p && *p; p += strlen(p) + 1) {
        const char *colon = *p == '@' ? strchr(p, ':') : NULL;
        long long s, ns;

        if (colon && sscanf(colon, ":%lld.%lld", &s, &ns) == 2 &&
            qn_young_is(s * NANO + ns, now_ns, seconds))
            return true;
    }
    return false;
}

static int
keep_name(struct qn_run *run, const char *path, struct qn_error *err)
{
    struct qn_strings *s = &run->young;
    char **v = realloc(s->v, (s->n + 1) * sizeof *v);

    if (!v)
        return qn_fail(err, QN_ENOMEM, "no memory for a path");
    s->v = v;
    QN_TRY(qn_memory_copy(&v[s->n], path, err));
    s->n++;
    return 0;
}

int
qn_young_drop(struct qn_run *run, struct qn_items *items, struct qn_error *err)
{
    double seconds = run->options->settle;
    struct timespec t;
    int64_t now;
    size_t kept = 0;
    int rc = 0;

    if (!(seconds > 0))
        return 0;
    clock_gettime(CLOCK_REALTIME, &t);
    now = t.tv_sec * NANO + t.tv_nsec;
    for (size_t i = 0; i < items->n; i++) {
        struct qn_item *item = &items->v[i];
        bool young =
            item->bytes >= 0 && (qn_young_is(item->mtime_ns, now, seconds) ||
                                 has_young_companion(item, now, seconds));

        if (young && !rc)
            rc = keep_name(run, item->path, err);
        if (!young)
            items->v[kept++] = *item;
    }
    items->n = kept;
    return rc;
}

int
qn_young_agree(struct qn_run *run, struct qn_error *err)
{
    char some = run->young.n > 0;
    void *word = &some;
    size_t n = 1;

    if (!(run->options->settle > 0))
        return 0;
    if (run->comm->size > 1) {
        QN_TRY(qn_comm_broadcast(run->comm, &word, &n, 0, err));
        some = *(char *)word;
        if (run->comm->rank)
            free(word);
    }
    run->plan.growing = run->plan.growing || some;
    return 0;
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Stages may meet one file several times. */
static void
make_distinct(struct qn_strings *s)
{
    size_t kept = 0;

    if (s->n)
        qsort(s->v, s->n, sizeof *s->v, by_name);
    for (size_t i = 0; i < s->n; i++)
        if (kept && !strcmp(s->v[kept - 1], s->v[i]))
            free(s->v[i]);
        else
            s->v[kept++] = s->v[i];
    s->n = kept;
}

void
qn_young_say(struct qn_run *run)
{
    struct qn_strings *s = &run->young;
    struct qn_text names = {0};

    make_distinct(s);
    if (!s->n)
        return;
    for (size_t i = 0; i < s->n && i < NAMED; i++)
        qn_text_add(&names, "%s%s", i ? ", " : "", s->v[i]);
    if (s->n > NAMED)
        qn_text_add(&names, " and %zu more", s->n - NAMED);
    qn_message(QN_NOTE,
               "%zu file%s younger than %g s left for the next run: %s", s->n,
               s->n == 1 ? "" : "s", run->options->settle, qn_text_get(&names));
    qn_text_clear(&names);
}

void
qn_young_clear(struct qn_run *run)
{
    for (size_t i = 0; i < run->young.n; i++)
        free(run->young.v[i]);
    free(run->young.v);
    run->young = (struct qn_strings){0};
}
