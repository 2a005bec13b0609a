/* The state of a run in words: its stages, what is in hand, failures, where the
 * time went.
 *
 * Read by engine/status.c; status_json.c tells the same to other programs. */
#include "cli/status.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "model/json.h"

enum { SHOWN = 8 }; /* items in hand: it must stay one screen */

/* ---- words ------------------------------------------------------------- */

static const char *
plural(long long n)
{
    return n == 1 ? "" : "s";
}

static void
print_place(const struct qn_status *s)
{
    if (!*s->host)
        return;
    printf(" on %s, pid %ld, %d rank%s", s->host, s->pid, s->ranks,
           plural(s->ranks));
    if (s->nodes > 1)
        printf(" on %d nodes", s->nodes);
}

static void
print_state(const struct qn_status *s)
{
    static const char *const again = ": run the same command again to carry "
                                     "on";
    char span[64];

    qn_text_span(span, sizeof span, s->seconds);
    switch (s->state) {
    case QN_STATUS_RUNNING:
        printf("running for %s", span);
        print_place(s);
        printf("%s\n", s->stopping ? "; asked to stop" : "");
        return;
    case QN_STATUS_DONE: printf("done, in %s\n", span); return;
    case QN_STATUS_FAILED:
        printf("ended after %s; not all could be done\n", span);
        return;
    case QN_STATUS_STOPPED:
        printf("stopped after %s%s\n", span, again);
        return;
    case QN_STATUS_WATCHING:
        printf("watching for new files, all done after %s", span);
        print_place(s);
        printf("%s\n", s->stopping ? "; asked to stop" : "");
        return;
    case QN_STATUS_BROKEN:
        printf("ended by an error after %s: mend that and run the same "
               "command again\n",
               span);
        return;
    case QN_STATUS_WAITING:
        printf("waiting for what it uses: make that and run the same command "
               "again\n");
        return;
    case QN_STATUS_DIED: break;
    }
    printf("died after %s", span);
    print_place(s);
    printf("%s\n", again);
}

/* ---- stages ------------------------------------------------------------ */

static void
print_numbers(const struct qn_status_stage *st, int width, bool aside)
{
    const int64_t numbers[] = {st->items, st->done, st->failed, st->aside,
                               st->left};
    char text[32];

    printf("  %-*s", width, st->name);
    for (int i = 0; i < 5; i++)
        if (i != 3 || aside)
            printf(" %12s",
                   qn_text_count(text, sizeof text, (long long)numbers[i]));
    printf("\n");
}

static void
print_stages(const struct qn_status *s, const struct qn_status_stage *all)
{
    bool aside = all->aside > 0;
    int width = 6;

    for (size_t i = 0; i < s->nstages; i++)
        if ((int)strlen(s->stage[i].name) > width)
            width = (int)strlen(s->stage[i].name);
    printf("  %-*s %12s %12s %12s", width, "stage", "items", "done",
           "failed");
    if (aside)
        printf(" %12s", "not tried");
    printf(" %12s\n", "left");
    for (size_t i = 0; i < s->nstages; i++)
        print_numbers(&s->stage[i], width, aside);
    if (s->nstages > 1)
        print_numbers(all, width, aside);
}

/* "one file  small.h5 (done)" */
static void
print_singles(const struct qn_status *s)
{
    for (size_t i = 0; i < s->nstages; i++)
        if (s->stage[i].single)
            printf("  one file  %s (%s)\n", s->stage[i].single,
                   qn_single_word(s->stage[i].single_state));
}

/* "4: 3 done, 1 not begun" */
static void
print_shards(json_t *shards)
{
    const char *state, *word = " ";
    long long all = 0;
    json_t *n;

    json_object_foreach(shards, state, n) all += json_integer_value(n);
    printf("  shards %lld:", all);
    json_object_foreach(shards, state, n)
    {
        printf("%s%lld %s", word, (long long)json_integer_value(n), state);
        word = ", ";
    }
    printf("\n");
}

/* ---- speed ------------------------------------------------------------- */

struct qn_status_rate
qn_status_print_rate(const struct qn_status *s)
{
    struct qn_status_rate r = {NAN, NAN, NAN};

    if (s->items <= 0 || s->seconds <= 0)
        return r;
    r.items = (double)s->items / s->seconds;
    if (s->bytes >= 0)
        r.bytes = (double)s->bytes / s->seconds;
    if (s->state == QN_STATUS_RUNNING)
        r.to_go = (double)qn_status_total(s).left / r.items;
    return r;
}

static void
print_rate(const struct qn_status *s)
{
    struct qn_status_rate r = qn_status_print_rate(s);
    char text[64];

    if (isnan(r.items))
        return;
    printf("  rate   %.3g items/s", r.items);
    if (!isnan(r.bytes))
        printf(", %s/s", qn_text_size(text, sizeof text, r.bytes));
    if (!isnan(r.to_go))
        printf("; about %s to go", qn_text_span(text, sizeof text, r.to_go));
    printf("\n");
}

/* ---- phases ------------------------------------------------------------ */

/* "read 1.2 GB in 3.4 s, 360 MB/s (of 8.1 GB/s)" */
static void
print_phase(const char *name, const json_t *p)
{
    const double seconds = json_number_value(json_object_get(p, "seconds"));
    const double bytes = json_number_value(json_object_get(p, "bytes"));
    const json_t *ceiling = json_object_get(p, "ceiling");
    char a[32], b[64], c[32];

    if (seconds <= 0)
        return;
    printf("    %-9s ", name);
    if (bytes > 0)
        printf("%s in ", qn_text_size(a, sizeof a, bytes));
    printf("%s", seconds < 1 ? (snprintf(b, sizeof b, "%.3f s", seconds), b)
                           : qn_text_span(b, sizeof b, seconds));
    if (bytes > 0)
        printf(", %s/s", qn_text_size(c, sizeof c, bytes / seconds));
    if (bytes > 0 && ceiling)
        printf(" (of %s/s)",
               qn_text_size(c, sizeof c, json_number_value(ceiling)));
    printf("\n");
}

static void
print_phases(const struct qn_status *s)
{
    const json_t *all = json_object_get(s->record, "phases"), *p, *one;
    char held[32], need[32];
    const char *name;
    size_t i;

    json_array_foreach(all, i, p)
    {
        const json_t *memory = json_object_get(p, "memory");
        const char *stage = qn_json_text(p, "phase");

        if (!stage || !json_object_get(memory, "need"))
            continue;
        printf("  %s: seconds of all workers; a rank held at most %s, need %s\n",
               stage,
               qn_text_size(held, sizeof held,
                            json_number_value(json_object_get(memory,
                                                              "most"))),
               qn_text_size(need, sizeof need,
                            json_number_value(json_object_get(memory, "need")) +
                                json_number_value(
                                    json_object_get(memory, "processes"))));
        json_object_foreach(json_object_get(p, "spent"), name, one)
            print_phase(name, one);
    }
}

/* ---- items ------------------------------------------------------------- */

/* Names may be any bytes; a line must stay one. */
static void
print_plain(const char *text)
{
    for (; *text; text++)
        putchar((unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text);
}

static void
print_flights(const struct qn_status *s)
{
    bool over = s->state == QN_STATUS_DIED;
    char span[64];

    if (s->nflights)
        printf("  %s\n", over ? "in hand when it died" : "in hand");
    for (size_t i = 0; i < s->nflights && i < SHOWN; i++) {
        const struct qn_status_flight *f = &s->flight[i];

        printf("    %s: ", s->stage[f->stage].name);
        print_plain(*f->item ? f->item : f->name);
        if (!over)
            printf(" (%s, rank %d)",
                   qn_text_span(span, sizeof span, f->seconds), f->rank);
        printf("\n");
    }
    if (s->nflights > SHOWN)
        printf("    and %zu more\n", s->nflights - SHOWN);
}

void
qn_status_print_failures(const struct qn_status *s)
{
    for (size_t i = 0; i < s->nfailures; i++) {
        const struct qn_status_failure *f = &s->failure[i];

        printf("%s: ", s->stage[f->stage].name);
        print_plain(f->item);
        printf(": ");
        print_plain(*f->reason ? f->reason : "failed");
        printf("\n");
    }
}

void
qn_status_print(const struct qn_status *s, const char *output)
{
    struct qn_status_stage all = qn_status_total(s);

    printf("%s in %s: ", s->job, output);
    print_state(s);
    print_stages(s, &all);
    print_singles(s);
    if (s->shards)
        print_shards(s->shards);
    print_rate(s);
    if (s->state != QN_STATUS_RUNNING)
        print_phases(s);
    print_flights(s);
    if (s->nfailures)
        printf("  %zu failure%s: `quern status %s --failed` gives the "
               "reasons\n",
               s->nfailures, plural((long long)s->nfailures), output);
}
