/* A combined result is written by a worker of the rank that has all of it.
 *
 * What is sent to the worker is described in worker/result.c. */
#include "engine/stack_write.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/bands.h"
#include "engine/commit.h"
#include "engine/joined.h"
#include "engine/program.h"
#include "engine/stage.h"
#include "io/cards_json.h"
#include "model/dtype.h"
#include "model/json.h"
#include "model/key.h"

static json_t *
product_json(const char *name, enum qn_dtype dtype,
             const struct qn_shape *shape, int64_t offset)
{
    return json_pack("{s:s,s:s,s:o,s:I}", "name", name, "dtype",
                     qn_dtype_name(dtype), "shape", qn_json_shape(shape),
                     "offset", (json_int_t)offset);
}

static json_t *
write_request(const struct qn_run *run, int s, const struct qn_target *t,
              const struct qn_cards *cards, const char *tmp)
{
    const struct qn_plan_stage *st = &run->plan.stage[s];
    const struct qn_bands_layout l = qn_bands_layout(t);
    const struct qn_shape *shape = &t->type->shape;
    json_t *used = json_array(), *products = json_array();
    char hex[QN_KEY_HEX];

    for (int i = 0; i < t->ntasks; i++)
        json_array_append_new(
            used, qn_program_used(run, s, &st->task[t->task[i]]));
    json_array_append_new(
        products, product_json("data", t->type->dtype, shape, l.data));
    if (st->stage->combine.given)
        json_array_append_new(products,
                              product_json("count", QN_I32, shape, l.count));
    return json_pack("{s:s,s:I,s:s,s:s,s:o,s:o,s:o,s:I,s:I,s:I}", "op", "write",
                     "program", (json_int_t)run->program[s], "out_path", tmp,
                     "key", qn_key_hex(hex, t->key), "used", used, "products",
                     products, "cards", qn_cards_json_make(cards), "bytes",
                     (json_int_t)l.bytes, "nmembers",
                     (json_int_t)qn_plan_all_members(st, t), "nused",
                     (json_int_t)qn_plan_members(st, t));
}

int
qn_stack_write(struct qn_run *run, int s, const struct qn_target *t,
               const struct qn_cards *cards, struct qn_error *err)
{
    const struct qn_plan_stage *st = &run->plan.stage[s];
    struct qn_commit *commit = run->commit;
    struct qn_answer a = {0};
    json_t *request;
    char *tmp;
    int rc;

    QN_TRY(qn_stage_temporary(run, t, &tmp, err));
    request = write_request(run, s, t, cards, tmp);
    if (qn_plan_joins(st) && st->stage->output.carry.n)
        qn_program_path(request, run, s, &st->task[t->task[0]]);
    rc = qn_plan_joins(st)
             ? qn_joined_describe(request, &run->plan, st, t, err)
             : 0;
    if (rc)
        json_decref(request);
    else
        rc = qn_farm_ask(&run->farm, request, INFINITY, &a, err);
    if (!rc && !a.reply)
        rc = qn_fail(err, a.why.code, "%s", a.why.text);
    if (rc) {
        unlink(tmp);
        free(tmp);
    } else {
        // from here on the temporary is the commit's to name or to remove
        rc = qn_commit_add(commit, run, st->stage->name, t, NULL, tmp,
                           a.reply, err);
        if (!rc)
            rc = qn_commit_flush(commit, false, err);
    }
    json_decref(a.reply);
    return rc;
}
