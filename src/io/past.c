/* The past of each result, gathered from the journal's lines.
 *
 * Knows neither files nor keys: lines in, a table out.  Whether a run died is
 * known only after its last line, so every result keeps a short list of the
 * runs that had it in hand and did not report back.
 */
#include "io/past.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* One run that has an item in hand.  Places in lists are kept plus one, so
 * that zero means none. */
struct qn_past_flight {
    uint32_t run;  /* index          */
    uint32_t next; /* place, or zero */
};

/* ---- hash tables --------------------------------------------------------- */

// Source: the 64-bit FNV-1a hash of Fowler, Noll and Vo.
#define FNV_BASIS 0xcbf29ce484222325u
#define FNV_PRIME 0x100000001b3u

static uint64_t
hash_text(uint64_t h, const char *s)
{
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * FNV_PRIME;
    return h;
}

/* The high bits of a product are the good ones; tables use the low. */
static uint32_t
hash_name(const char *stage, const char *name)
{
    uint64_t h = hash_text(FNV_BASIS, stage) * FNV_PRIME; // and a NUL

    h = hash_text(h, name);
    return (uint32_t)(h ^ h >> 32);
}

static uint64_t
hash_item(const struct qn_past *past, size_t i)
{
    return past->item[i].hash;
}

static uint64_t
hash_run(const struct qn_past *past, size_t i)
{
    return past->run[i].id; // random as it is
}

/* Put place i + 1 into a table that has room. */
static void
put_slot(uint32_t *slot, size_t slots, uint64_t hash, size_t i)
{
    size_t at = (size_t)hash & (slots - 1);

    while (slot[at])
        at = (at + 1) & (slots - 1);
    slot[at] = (uint32_t)(i + 1);
}

/* Room for one more in a table of n: at most half of it is taken. */
static int
grow_slots(uint32_t **slot, size_t *slots, size_t n, const struct qn_past *past,
           uint64_t (*hash)(const struct qn_past *past, size_t i),
           struct qn_error *err)
{
    size_t want = *slots ? 2 * *slots : 64;
    uint32_t *fresh;

    if (2 * (n + 1) <= *slots)
        return 0;
    if (n >= UINT32_MAX / 2)
        return qn_fail(err, QN_ENOMEM, "the journal has too many results");
    QN_TRY(qn_memory_make((void **)&fresh, want, sizeof *fresh,
                          "the journal's index", err));
    for (size_t i = 0; i < n; i++)
        put_slot(fresh, want, hash(past, i), i);
    free(*slot);
    *slot = fresh;
    *slots = want;
    return 0;
}

/* ---- runs ---------------------------------------------------------------- */

static int
find_run(struct qn_past *past, size_t *i, uint64_t id, struct qn_error *err)
{
    size_t mask;

    QN_TRY(grow_slots(&past->run_slot, &past->run_slots, past->nruns, past,
                      hash_run, err));
    mask = past->run_slots - 1;
    for (size_t at = (size_t)id & mask; past->run_slot[at];
         at = (at + 1) & mask) {
        *i = past->run_slot[at] - 1;
        if (past->run[*i].id == id)
            return 0;
    }
    QN_TRY(qn_memory_grow((void **)&past->run, &past->runs_cap, past->nruns + 1,
                          sizeof *past->run, err));
    *i = past->nruns++;
    past->run[*i] = (struct qn_past_run){.id = id, .order = past->order++};
    put_slot(past->run_slot, past->run_slots, id, *i);
    return 0;
}

static void
begin_run(struct qn_past *past, size_t run)
{
    struct qn_past_run *r = &past->run[run];

    // Clocks differ: lines of other ranks may come before the run's first.
    r->order = past->order++;
    r->began = true;
}

/* ---- items --------------------------------------------------------------- */

static struct qn_past_item *
look_up(const struct qn_past *past, uint32_t hash, const char *stage,
        const char *name)
{
    size_t mask = past->item_slots - 1;

    if (!past->item_slots)
        return NULL;
    for (size_t at = (size_t)hash & mask; past->item_slot[at];
         at = (at + 1) & mask) {
        struct qn_past_item *p = &past->item[past->item_slot[at] - 1];
        if (p->hash == hash && strcmp(p->name, name) == 0 &&
            strcmp(p->stage, stage) == 0)
            return p;
    }
    return NULL;
}

const struct qn_past_item *
qn_past_find(const struct qn_past *past, const char *stage, const char *name)
{
    return look_up(past, hash_name(stage, name), stage, name);
}

/* Stages are few. */
static int
copy_names(struct qn_pool *pool, struct qn_past_item *p, const char *stage,
           const char *name, struct qn_error *err)
{
    const void *one = NULL;
    char *copy;

    QN_TRY(qn_pool_intern(pool, &one, stage, strlen(stage) + 1, err));
    QN_TRY(qn_pool_text(pool, &copy, name, err));
    p->stage = one;
    p->name = copy;
    return 0;
}

static int
find_item(struct qn_past *past, struct qn_past_item **p,
          const struct qn_record *r, struct qn_error *err)
{
    uint32_t hash = hash_name(r->stage, r->name);

    if ((*p = look_up(past, hash, r->stage, r->name)))
        return 0;
    QN_TRY(grow_slots(&past->item_slot, &past->item_slots, past->nitems, past,
                      hash_item, err));
    QN_TRY(qn_memory_grow((void **)&past->item, &past->items_cap,
                          past->nitems + 1, sizeof *past->item, err));
    *p = &past->item[past->nitems];
    **p = (struct qn_past_item){.hash = hash};
    QN_TRY(copy_names(&past->pool, *p, r->stage, r->name, err));
    put_slot(past->item_slot, past->item_slots, hash, past->nitems++);
    return 0;
}

/* ---- who has it in hand -------------------------------------------------- */

/* Nobody has it any more. */
static void
land(struct qn_past *past, struct qn_past_item *p)
{
    while (p->flight) {
        struct qn_past_flight *f = &past->flight[p->flight - 1];
        uint32_t next = f->next;
        f->next = past->free_flight;
        past->free_flight = p->flight;
        p->flight = next;
    }
}

static int
take_off(struct qn_past *past, struct qn_past_item *p, size_t run,
         struct qn_error *err)
{
    uint32_t place = past->free_flight;

    // A run that tries again has it in hand already.
    for (size_t at = p->flight; at; at = past->flight[at - 1].next)
        if (past->flight[at - 1].run == run)
            return 0;
    if (place) {
        past->free_flight = past->flight[place - 1].next;
    } else {
        QN_TRY(qn_memory_grow((void **)&past->flight, &past->flights_cap,
                              past->nflights + 1, sizeof *past->flight, err));
        place = (uint32_t)++past->nflights;
    }
    past->flight[place - 1] =
        (struct qn_past_flight){.run = (uint32_t)run, .next = p->flight};
    p->flight = place;
    return 0;
}

/* ---- lines --------------------------------------------------------------- */

static int
add_item(struct qn_past *past, const struct qn_record *r, size_t run,
         struct qn_error *err)
{
    const char *reason = r->kind == QN_RECORD_FAILED ? r->reason : NULL;
    struct qn_fingerprint key;
    struct qn_past_item *p;
    char *copy;

    qn_key_parse(&key, r->key);
    QN_TRY(find_item(past, &p, r, err));
    QN_TRY(qn_pool_text(&past->pool, &copy, reason, err));
    p->reason = copy;
    // Whatever the old key did to a run, the new one has not done yet.
    if (r->kind != QN_RECORD_BEGIN || !qn_key_equal(&p->key, &key))
        land(past, p);
    p->kind = (uint8_t)r->kind;
    p->time_ns = r->time_ns;
    p->run = r->run;
    p->attempt = (int16_t)r->attempt;
    p->code = (int16_t)(r->kind == QN_RECORD_FAILED ? r->code : 0);
    p->lost = r->lost > 0;
    p->key = key;
    if (r->kind == QN_RECORD_BEGIN)
        return take_off(past, p, run, err);
    if (r->kind == QN_RECORD_DONE) {
        p->done_key = key;
        p->bytes = r->bytes;
        p->mtime_ns = r->mtime_ns;
    }
    return 0;
}

int
qn_past_add(void *ctx, const struct qn_record *r, struct qn_error *err)
{
    struct qn_past *past = ctx;
    size_t run;

    QN_TRY(find_run(past, &run, r->run, err));
    switch (r->kind) {
    case QN_RECORD_RUN_BEGIN: begin_run(past, run); break;
    case QN_RECORD_RUN_END: past->run[run].ended = true; break;
    case QN_RECORD_BEGIN:
    case QN_RECORD_DONE:
    case QN_RECORD_FAILED: return add_item(past, r, run, err);
    case QN_NRECORDS: break;
    }
    return 0;
}

void
qn_past_settle(struct qn_past *past)
{
    const struct qn_past_run *last = NULL;

    for (size_t i = 0; i < past->nruns; i++)
        if (past->run[i].began && (!last || past->run[i].order > last->order))
            last = &past->run[i];
    for (size_t i = 0; i < past->nruns; i++) {
        struct qn_past_run *r = &past->run[i];
        r->died = !r->ended && last && r->order < last->order;
    }
    for (size_t i = 0; i < past->nitems; i++) {
        struct qn_past_item *p = &past->item[i];
        p->crashes = 0;
        for (size_t at = p->flight; at; at = past->flight[at - 1].next)
            p->crashes += past->run[past->flight[at - 1].run].died;
    }
}

int
qn_past_load(struct qn_past *past, const char *folder, long *damaged,
             struct qn_error *err)
{
    int rc = qn_journal_load(folder, qn_past_add, past, damaged, err);

    if (rc)
        qn_past_clear(past);
    else
        qn_past_settle(past);
    return rc;
}

void
qn_past_clear(struct qn_past *past)
{
    qn_pool_clear(&past->pool);
    free(past->item);
    free(past->run);
    free(past->item_slot);
    free(past->run_slot);
    free(past->flight);
    *past = (struct qn_past){0};
}
