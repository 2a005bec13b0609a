/* What lives in memory: texts, a job, its plan, scratch and shared memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/memory.h"
#include "base/text.h"
#include "comm/share.h"
#include "engine/arena.h"
#include "io/atomic.h"
#include "kernels/catalog.h"
#include "model/plan.h"
#include "wrap.h"

static int
texts(struct qn_error *err)
{
    struct qn_text t = {0};
    char *copy = NULL;
    int rc;

    for (int i = 0; i < 300; i++)
        qn_text_add(&t, "%d %s,", i, "word");
    rc = qn_text_check(&t, err);
    if (!rc)
        rc = qn_memory_copy(&copy, qn_text_get(&t), err);
    if (!rc)
        wrap_note(copy, strlen(copy));
    free(copy);
    qn_text_clear(&t);
    return rc;
}

/* ---- a job ---------------------------------------------------------------- */

static const char night[] =
    "name: night\n"
    "vars: {raw: raw}\n"
    "stages:\n"
    "  bias: {input: {files: '{raw}/*', where: \"KIND == 'bias'\"},\n"
    "    combine: {method: mean, reject: sigma-clip, sigma: 3}}\n"
    "  flat:\n"
    "    input: {files: '{raw}/*', where: \"KIND == 'flat'\"}\n"
    "    steps: [{subtract: {stage: bias}}, {normalize: {by: median}}]\n"
    "    combine: {method: median, per: FILTER}\n"
    "  science:\n"
    "    input: {files: '{raw}/*', where: \"KIND == 'object'\"}\n"
    "    steps:\n"
    "      - subtract: {stage: bias}\n"
    "      - divide: {stage: flat}\n"
    "      - calculate: {expr: 'log(x + 1)'}\n"
    "    output: {name: '{KIND}/{stem}', compress: 4}\n";

static int
parse(struct qn_job *job, const char *text, struct qn_error *err)
{
    static const char *sets[] = {"stages.flat.steps.1.normalize.by=mean"};
    struct qn_text problems = {0};
    int rc = qn_job_parse(job, "t.yaml", text, strlen(text), sets, 1,
                          qn_catalog(), &problems, err);

    qn_text_clear(&problems);
    return rc;
}

static int
good_job(struct qn_error *err)
{
    struct qn_job job = {0};

    QN_TRY(parse(&job, night, err));
    wrap_note(&job.nstages, sizeof job.nstages);
    qn_job_clear(&job);
    return 0;
}

/* A wrong job is wrong, or memory is short; never right. */
static int
wrong_job(struct qn_error *err)
{
    struct qn_job job = {0};
    struct qn_error why = {0};
    int rc = parse(&job,
                   "stages:\n  a: {input: x, stesp: [medain: 3]}\n"
                   "  flat: {input: '*', steps: [normalise, {normalize: {}}]}\n",
                   &why);

    assert_int_not_equal(rc, 0);
    assert_true(why.text[0]);
    return rc == QN_EJOB ? 0 : qn_fail(err, rc, "%s", why.text);
}

/* ---- a plan --------------------------------------------------------------- */

static int
add_items(struct qn_items *items, struct qn_error *err)
{
    static const char *const rows[][3] = {
        {"raw/b1", "bias", "V"},   {"raw/b2", "bias", "V"},
        {"raw/f1", "flat", "V"},   {"raw/f2", "flat", "B"},
        {"raw/s1", "object", "V"}, {"raw/s2", "object", "B"}};
    const struct qn_type type = {QN_U16, {2, {4, 6}}};
    struct qn_pool *pool = &items->pool;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct qn_item *it;

        QN_TRY(qn_item_add(items, rows[i][0], &it, err));
        it->bytes = 100;
        QN_TRY(qn_item_type(pool, it, QN_U16, &type, err));
        QN_TRY(qn_item_field(pool, it, "KIND", rows[i][1], true, err));
        QN_TRY(qn_item_field(pool, it, "FILTER", rows[i][2], true, err));
    }
    return 0;
}

static int
plan_stage(struct qn_plan *plan, int s, struct qn_error *err)
{
    struct qn_items items = {0}, files = {0};
    int rc = add_items(&items, err);

    if (!rc)
        rc = qn_plan_select(plan, s, &items, err);
    if (!rc)
        rc = qn_plan_files(plan, s, &files, err);
    if (!rc)
        rc = qn_plan_resolve(plan, s, &files, err);
    if (!rc)
        rc = qn_plan_keys(plan, s, err);
    qn_item_clear(&items);
    qn_item_clear(&files);
    return rc;
}

static void
note_plan(const struct qn_plan *plan)
{
    for (int s = 0; s < plan->job->nstages; s++)
        for (int i = 0; i < plan->stage[s].ntargets; i++) {
            const struct qn_target *t = &plan->stage[s].target[i];
            char key[QN_KEY_HEX];

            wrap_note(t->name, t->name ? strlen(t->name) : 0);
            if (t->key)
                wrap_note(key, strlen(qn_key_hex(key, t->key)));
        }
}

static struct qn_job job;

static void
make_job(void)
{
    qn_job_clear(&job);
    assert_int_equal(parse(&job, night, NULL), 0);
}

static int
plan(struct qn_error *err)
{
    struct qn_plan p = {0};
    int rc = qn_plan_open(&p, &job, err);

    for (int s = 0; s < job.nstages && !rc; s++)
        rc = plan_stage(&p, s, err);
    if (!rc)
        rc = qn_plan_check(&p, err);
    if (!rc)
        note_plan(&p);
    qn_plan_clear(&p);
    return rc;
}

/* ---- memory that is shared ------------------------------------------------ */

static int
use_arena(const char *scratch, struct qn_error *err)
{
    struct qn_arena a;
    int64_t first, second;
    void *p;
    int rc;

    QN_TRY(qn_arena_open(&a, scratch, err));
    rc = qn_arena_place(&a, 1000, &first, err);
    if (!rc)
        rc = qn_arena_at(&a, first, 1000, &p, err);
    if (!rc)
        memset(p, 7, 1000);
    if (!rc)
        rc = qn_arena_place(&a, 100000, &second, err);
    if (!rc)
        rc = qn_arena_at(&a, second, 100000, &p, err);
    if (!rc)
        rc = qn_arena_at(&a, first, 1000, &p, err);
    if (!rc)
        wrap_note(p, 1000);
    qn_arena_close(&a);
    return rc;
}

static int
arena(struct qn_error *err)
{
    QN_TRY(use_arena(NULL, err));
    return use_arena(".", err);
}

static int
share(struct qn_error *err)
{
    struct qn_comm alone = {.size = 1, .nodes = 1, .node_size = 1};
    struct qn_share s;

    QN_TRY(qn_share_open(&s, &alone, "some words", 10, err));
    wrap_note(s.data, s.size);
    qn_share_close(&s);
    return 0;
}

int
main(void)
{
    static const struct scenario rows[] = {
        {"texts", texts, NULL},         {"a job", good_job, NULL},
        {"a wrong job", wrong_job, NULL}, {"a plan", plan, make_job},
        {"scratch", arena, NULL},       {"shared", share, NULL},
    };
    int rc = wrap_main(rows, sizeof rows / sizeof *rows);

    qn_job_clear(&job);
    return rc;
}
