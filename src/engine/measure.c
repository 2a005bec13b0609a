/* Asking a worker to measure, and judging what it says. */
#include "engine/measure.h"

#include <math.h>

/* Of what was asked: below this something is wrong, above it may be noise of
 * others on the machine. */
#define ENOUGH 0.6

static double
number(const json_t *reply, const char *key)
{
    const json_t *j = json_object_get(reply, key);

    return json_is_number(j) ? json_number_value(j) : NAN;
}

int
qn_measure_run(struct qn_measured *m, struct qn_farm *farm, int threads,
               double seconds, bool load, struct qn_error *err)
{
    json_t *request = json_pack("{s:s,s:i,s:f,s:b}", "op", "measure",
                                "threads", threads, "seconds", seconds,
                                "load", load);
    struct qn_answer a = {0};
    bool got = false;

    *m = (struct qn_measured){.loop = NAN, .gemm = NAN, .gflops = NAN};
    if (!request)
        return qn_fail(err, QN_ENOMEM, "no memory for a measurement");
    QN_TRY(qn_farm_start(farm, 0, request, 60, err));
    while (!got)
        QN_TRY(qn_farm_wait(farm, 1000, &a, &got, err));
    if (!a.reply)
        return 0;
    m->threads = threads;
    m->loop = number(a.reply, "loop");
    m->gemm = number(a.reply, "gemm");
    m->gflops = number(a.reply, "gflops");
    m->libraries = json_incref(json_object_get(a.reply, "libraries"));
    m->hdf5 = json_incref(json_object_get(a.reply, "hdf5"));
    json_decref(a.reply);
    return 0;
}

double
qn_measure_cores(const struct qn_measured *m)
{
    return m->gemm < m->loop ? m->gemm : m->loop;
}

bool
qn_measure_poor(const struct qn_measured *m)
{
    return m->threads > 1 && qn_measure_cores(m) < ENOUGH * m->threads;
}

void
qn_measure_clear(struct qn_measured *m)
{
    json_decref(m->libraries);
    json_decref(m->hdf5);
    *m = (struct qn_measured){0};
}
