/* Waiting between the runs of a watch.
 *
 * Rank 0 alone looks at folders and decides; the others hear of it twice a
 * second, and tell it of their signals.  The output folder stays locked, so
 * that `quern stop` finds somebody. */
#include "engine/watch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/message.h"
#include "engine/folder.h"
#include "engine/record.h"
#include "engine/stop.h"
#include "engine/young.h"
#include "io/discover.h"

#define NANO         INT64_C(1000000000)
#define LOOK_SECONDS 1.0
#define LOOK_SHARE   10 // of the time at most one part is spent looking

enum word { SLEEP, GO, STOP };

int
qn_watch_check(const struct qn_job *job, const struct qn_run_options *options,
               struct qn_error *err)
{
    if (options->keep_steps)
        return qn_fail(err, QN_EUSAGE,
                       "--watch and --keep-steps do not go together: the "
                       "steps are made anew by every run");
    for (int s = 0; s < job->nstages; s++)
        for (size_t i = 0; i < job->stages[s].input.files.n; i++)
            if (!strcmp(job->stages[s].input.files.v[i], "@-"))
                return qn_fail(err, QN_EUSAGE,
                               "stage %s: --watch cannot read the list from "
                               "standard input again and again; write it to "
                               "a file",
                               job->stages[s].name);
    return 0;
}

/* What cannot be found counts as nothing: the run itself says why. */
static void
add_files(struct qn_key *k, const struct qn_input *in,
          const struct qn_run_options *o, int64_t now)
{
    const struct qn_strings *files = in->arguments ? o->arguments : &in->files;
    struct qn_finds found = {0};

    if (in->stage || !files->n)
        return;
    if (qn_discover(&found, o->data, (const char *const *)files->v, files->n,
                    (const char *const *)in->exclude.v, in->exclude.n, NULL))
        found.n = 0;
    for (size_t i = 0; i < found.n; i++) {
        const struct qn_found *f = &found.v[i];

        if (qn_young_is(f->mtime_ns, now, o->settle))
            continue;
        qn_key_text(k, f->path);
        qn_key_number(k, f->bytes);
        qn_key_number(k, f->mtime_ns);
    }
    qn_discover_clear(&found);
}

static int
look(struct qn_fingerprint *seen, const struct qn_job *job,
     const struct qn_run_options *o, struct qn_error *err)
{
    struct timespec t;
    struct qn_key k;

    clock_gettime(CLOCK_REALTIME, &t);
    QN_TRY(qn_key_open(&k, err));
    for (int s = 0; s < job->nstages; s++)
        add_files(&k, &job->stages[s].input, o, t.tv_sec * NANO + t.tv_nsec);
    qn_key_finish(&k, seen);
    return 0;
}

int
qn_watch_note(struct qn_watch *w, const struct qn_job *job,
              const struct qn_run_options *options, const struct qn_comm *comm,
              struct qn_error *err)
{
    return comm->rank ? 0 : look(&w->seen, job, options, err);
}

void
qn_watch_lend(struct qn_watch *w, struct qn_run *run)
{
    run->lock = w->lock;
    w->lock = 0;
}

/* ---- asleep ------------------------------------------------------------ */

/* Has any rank been asked to stop? */
static int
gather_stops(struct qn_comm *comm, bool *stop, struct qn_error *err)
{
    char mine = qn_stop_asked() > 0, *all = NULL;
    const int rc = qn_comm_gather_each(comm, &mine, 1, (void **)&all, err);

    *stop = !rc && memchr(all, 1, (size_t)comm->size);
    free(all);
    return rc;
}

/* Rank 0's word to all. */
static int
spread(struct qn_comm *comm, enum word *word, struct qn_error *err)
{
    char c = (char)*word;
    void *p = &c;
    size_t n = 1;

    if (comm->size == 1)
        return 0;
    QN_TRY(qn_comm_broadcast(comm, &p, &n, 0, err));
    *word = (enum word) * (char *)p;
    if (comm->rank)
        free(p);
    return 0;
}

/* On rank 0: is there something new? */
static int
decide(const struct qn_watch *w, const struct qn_run *run, double *next,
       enum word *word, struct qn_error *err)
{
    double t0 = qn_clock_now(), took;
    struct qn_fingerprint now;

    *word = SLEEP;
    if (run->comm->rank || t0 < *next)
        return 0;
    QN_TRY(look(&now, run->job, run->options, err));
    *word = memcmp(&now, &w->seen, sizeof now) ? GO : SLEEP;
    took = qn_clock_now() - t0;
    *next = t0 + took + fmax(LOOK_SECONDS, LOOK_SHARE * took);
    return 0;
}

static int
sleep_until(struct qn_watch *w, struct qn_run *run, enum word *word,
            struct qn_error *err)
{
    const struct timespec nap = {.tv_nsec = NANO / 2};
    double next = qn_clock_now() + LOOK_SECONDS;
    bool stop = false;
    int rc = 0;

    for (*word = SLEEP; !rc && *word == SLEEP;) {
        nanosleep(&nap, NULL); // a signal ends it
        rc = gather_stops(run->comm, &stop, err);
        if (!rc)
            rc =
                qn_comm_agree(run->comm, decide(w, run, &next, word, err), err);
        if (stop)
            *word = STOP;
        if (!rc)
            rc = spread(run->comm, word, err);
    }
    return rc;
}

static int
keep_record(const struct qn_run *run, const char *state, struct qn_error *err)
{
    int rc = run->comm->rank ? 0 : qn_record_write(run, state, err);

    return qn_comm_agree(run->comm, rc, err);
}

static void
say(struct qn_watch *w, const struct qn_run *run)
{
    if (!w->said && !run->comm->rank)
        qn_message(QN_NOTE, "watching for new files; `quern stop %s` ends it",
                   run->options->output);
    w->said = true;
}

int
qn_watch_wait(struct qn_watch *w, struct qn_run *run, bool *again,
              struct qn_error *err)
{
    enum word word;
    char *stop = NULL;
    int rc;

    *again = false;
    if (run->stopped)
        return 0;
    QN_TRY(keep_record(run, "watching", err));
    say(w, run);
    qn_folder_path(&stop, run->options->output, "stop", NULL);
    qn_stop_watch(run->comm->rank ? NULL : stop, run->options->until);
    rc = sleep_until(w, run, &word, err);
    qn_stop_watch(NULL, INFINITY);
    free(stop);
    if (rc)
        return rc;
    *again = word == GO;
    if (!*again)
        return keep_record(run, qn_run_state(run), err);
    w->lock = run->lock;
    run->lock = 0;
    return 0;
}

void
qn_watch_close(struct qn_watch *w)
{
    if (w->lock > 0)
        close(w->lock);
    *w = (struct qn_watch){.lock = 0};
}
