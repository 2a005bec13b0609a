/* Cautions of all ranks, told as warnings.  Knows no kernel. */
#include "engine/warn.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/message.h"
#include "engine/inputs.h"
#include "model/caution.h"
#include "model/json.h"

/* Does anything in the stage have something to say?  The same on all ranks. */
static bool
may_warn(const struct qn_stage *stage)
{
    bool may = false;

    for (int i = 0; i < stage->nsteps; i++) {
        const struct qn_reduction *r = stage->steps[i].kernel->reduction;

        may = may || (r && r->caution);
    }
    return may;
}

/* A path as the job's inputs are named: behind the folder of data. */
static const char *
item_name(const struct qn_run *run, const char *path)
{
    char *folder = qn_inputs_path(run, "");
    const size_t n = folder ? strlen(folder) : 0;

    if (n && !strncmp(path, folder, n))
        path += n;
    free(folder);
    return path;
}

static void
say(struct qn_run *run, const char *stage, const char *product,
    const json_t *said)
{
    const char *name = item_name(run, qn_json_word(said, "path"));
    const char *text = qn_json_word(said, "text");
    const json_int_t n = qn_json_integer(said, "items");

    qn_message(QN_WARNING, "%s: %s: %s: %s (%lld item%s)", stage, name,
               product, text, (long long)n, n == 1 ? "" : "s");
    if (!run->warnings)
        run->warnings = json_array();
    json_array_append_new(
        run->warnings,
        json_pack("{s:s,s:s,s:s,s:s,s:I}", "stage", stage, "product", product,
                  "item", name, "text", text, "items", n));
}

/* In the order of the products' names, whichever rank spoke first. */
static void
say_all(struct qn_run *run, const char *stage, const json_t *all)
{
    char *text = json_dumps(all, JSON_SORT_KEYS);
    json_t *sorted = text ? json_loads(text, 0, NULL) : NULL, *said;
    const char *product;

    json_object_foreach(sorted, product, said)
        say(run, stage, product, said);
    json_decref(sorted);
    free(text);
}

/* Collective.  Those of all ranks, on rank 0. */
static int
gather(struct qn_run *run, const char *mine, json_t *all, struct qn_error *err)
{
    struct qn_comm *comm = run->comm;
    void *texts = NULL;
    size_t *sizes = NULL;
    const char *p;
    int rc = qn_memory_make((void **)&sizes, (size_t)comm->size, sizeof *sizes,
                            "warnings", err);

    rc = qn_comm_agree(comm, rc, err);
    if (!rc)
        rc = qn_comm_gather(comm, mine, strlen(mine), &texts, sizes, err);
    p = texts;
    for (int r = 0; !rc && comm->rank == 0 && r < comm->size; r++) {
        json_t *theirs = json_loadb(p, sizes[r], 0, NULL);

        qn_caution_merge(all, theirs);
        json_decref(theirs);
        p += sizes[r];
    }
    free(texts);
    free(sizes);
    return rc;
}

int
qn_warn_stage(struct qn_run *run, int s, struct qn_error *err)
{
    const struct qn_stage *stage = &run->job->stages[s];
    json_t *all;
    char *mine;
    int rc;

    if (!may_warn(stage))
        return 0;
    all = json_object();
    // what there is no memory for is not said
    mine = run->farm.cautions ? json_dumps(run->farm.cautions, 0) : NULL;
    json_decref(run->farm.cautions);
    run->farm.cautions = NULL;
    rc = gather(run, mine ? mine : "", all, err);
    say_all(run, stage->name, all);
    json_decref(all);
    free(mine);
    return rc;
}
