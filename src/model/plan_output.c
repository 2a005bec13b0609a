/* Where results lie: their names below the output folder, of which no two may
 * be equal and none may lead out of it.
 *
 * Knows no files: what is there already is the engine's. */
#include "model/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/command.h"

int
qn_plan_output(char **name, const struct qn_plan_stage *st,
               const struct qn_target *t, size_t k, struct qn_error *err)
{
    struct qn_lookup fields = qn_item_lookup(st->task[t->task[0]].item);
    struct qn_error why = {0};
    char *filled = NULL;
    int rc;

    *name = NULL;
    if (!k)
        return qn_memory_copy(name, t->name, err);
    rc = qn_command_output(&filled, &st->stage->command, k, &fields, &why);
    if (rc == QN_ENOMEM)
        return qn_fail(err, rc, "%s", why.text);
    if (rc)
        return 0;
    if (asprintf(name, "%s/%s", st->stage->name, filled) < 0)
        *name = NULL;
    free(filled);
    return *name ? 0 : qn_fail(err, QN_ENOMEM, "no memory for the plan");
}

/* ---- checks -------------------------------------------------------------- */

struct named {
    const char *name;
    const struct qn_plan_stage *st;
    const struct qn_target *t;
    char *own; /* owned: a further output of a program; name is it */
};

/* Names seen so far: a hash table of whose they are. */
struct names {
    const struct qn_plan *p;
    struct whose {
        int stage; /* plus one; 0: free */
        int target, output;
    } *slot;      /* owned */
    size_t slots; /* a power of two, more than the names */
};

static const char *
naming_key(const struct named *n)
{
    return n->st->stage->command.given ? "writes" : "output: {name: ...}";
}

static int
check_name(const struct named *n, struct qn_error *err)
{
    const struct qn_command *c = &n->st->stage->command;

    // a program that writes nothing has results that are no files
    if (c->given && !c->writes.n)
        return 0;
    for (const char *p = n->name; *p;) {
        size_t len = strcspn(p, "/");

        if (len > 240)
            return qn_fail(err, QN_EJOB,
                           "stage %s: the output name %.40s... is %zu bytes "
                           "long; give a shorter `%s`",
                           n->st->stage->name, p, len, naming_key(n));
        if ((len == 2 && !strncmp(p, "..", 2)) || len == 0)
            return qn_fail(err, QN_EJOB,
                           "stage %s: the output name %s has an empty part "
                           "or leaves the output folder; give another `%s`",
                           n->st->stage->name, n->name, naming_key(n));
        p += len + (p[len] == '/');
    }
    return 0;
}

static const char *
first_path(const struct named *n)
{
    return n->t->ntasks ? n->st->task[n->t->task[0]].item->path : n->name;
}

/* A program may write several outputs. */
static size_t
outputs_of(const struct qn_plan_stage *st)
{
    size_t n = st->stage->command.writes.n;

    return n ? n : 1;
}

/* name is NULL where there is none; undo with free(n->own). */
static int
make_named(struct named *n, const struct qn_plan *p, struct whose w,
           struct qn_error *err)
{
    const struct qn_plan_stage *st = &p->stage[w.stage - 1];
    const struct qn_target *t = &st->target[w.target];

    *n = (struct named){t->name, st, t, NULL};
    if (!t->name || !w.output)
        return 0;
    QN_TRY(qn_plan_output(&n->own, st, t, (size_t)w.output, err));
    n->name = n->own;
    return 0;
}

static int
open_names(struct names *n, const struct qn_plan *p, struct qn_error *err)
{
    size_t most = 0;

    for (int s = 0; s < p->job->nstages; s++)
        most += (size_t)p->stage[s].ntargets * outputs_of(&p->stage[s]);
    *n = (struct names){.p = p, .slots = 4};
    while (2 * n->slots < 3 * most)
        n->slots *= 2;
    return qn_memory_make((void **)&n->slot, n->slots, sizeof *n->slot,
                          "the plan", err);
}

// Source: the 64-bit FNV-1a hash of Fowler, Noll and Vo.
static uint64_t
hash_name(const char *name)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    return h ^ h >> 32;
}

/* Is that name another one's too? */
static int
check_other(const struct names *n, const struct named *mine, struct whose w,
            struct qn_error *err)
{
    struct named other;
    int rc = make_named(&other, n->p, w, err);

    if (!rc && other.name && !strcmp(mine->name, other.name))
        rc = qn_fail(err, QN_EJOB,
                     "stage %s: %s and %s would both be written to %s; make "
                     "`%s` tell them apart, for example with {dir}",
                     mine->st->stage->name, first_path(&other),
                     first_path(mine), mine->name, naming_key(mine));
    free(other.own);
    return rc;
}

/* One more name, which nobody else may have. */
static int
add_name(struct names *n, struct whose w, struct qn_error *err)
{
    struct named mine;
    size_t at;
    int rc = make_named(&mine, n->p, w, err);

    if (rc || !mine.name)
        return rc;
    rc = check_name(&mine, err);
    at = hash_name(mine.name) & (n->slots - 1);
    for (; !rc && n->slot[at].stage; at = (at + 1) & (n->slots - 1))
        rc = check_other(n, &mine, n->slot[at], err);
    if (!rc)
        n->slot[at] = w;
    free(mine.own);
    return rc;
}

static int
add_names(struct names *n, int s, struct qn_error *err)
{
    const struct qn_plan_stage *st = &n->p->stage[s];

    for (int i = 0; i < st->ntargets; i++)
        for (size_t k = 0; k < outputs_of(st); k++)
            QN_TRY(add_name(n, (struct whose){s + 1, i, (int)k}, err));
    return 0;
}

int
qn_plan_check(const struct qn_plan *p, struct qn_error *err)
{
    struct names names;
    int rc = open_names(&names, p, err);

    for (int s = 0; s < p->job->nstages && !rc; s++)
        rc = add_names(&names, s, err);
    free(names.slot);
    return rc;
}
