/* Threads of the libraries in this process: kept to one but where they are
 * lent, and what the process gets.
 *
 *   {threads, seconds, load}
 *
 * Limits are set again before each request, for a kernel may have brought a
 * library along; that costs nothing while it has not. */
#include <dlfcn.h>
#include <math.h>
#include <string.h>

#include "base/delivered.h"
#include "base/parallel.h"
#include "io/hdf5_about.h"
#include "model/json.h"
#include "worker/worker.h"

void
qn_libraries_limit(struct qn_worker *w)
{
    qn_limit_set(&w->limit, 1, 1);
}

void
qn_libraries_warn(struct qn_worker *w, json_t *reply)
{
    struct qn_text said = {0};

    qn_limit_find(&w->limit);
    if (w->limit.changes == w->warned)
        return;
    qn_limit_set(&w->limit, 1, 1);
    w->warned = w->limit.changes;
    qn_limit_say(&said, &w->limit, 1);
    if (said.len)
        json_object_set_new(reply, "warning", json_string(said.s));
    qn_text_clear(&said);
}

static json_t *
library_json(const struct qn_limit_library *l)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:i}", "kind",
                     qn_limit_kind_name(l->kind), "name", l->name, "build",
                     l->build, "core", l->core, "version", l->version,
                     "threads", l->threads);
}

/* What kernels would use, where none of them has needed it yet. */
static void
load_blas(void)
{
    static const char *const names[] = {"libopenblas.so.0", "libblas.so.3"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (qn_limit_symbol("cblas_dgemm") || dlopen(names[i], RTLD_NOW))
            return;
}

static void
set_number(json_t *reply, const char *key, double x)
{
    if (isfinite(x))
        json_object_set_new(reply, key, json_real(x));
}

int
qn_libraries_measure(struct qn_worker *w, const json_t *request,
                     json_t *reply, struct qn_error *err)
{
    int threads = (int)qn_json_integer(request, "threads");
    double seconds =
        json_number_value(json_object_get(request, "seconds"));
    bool load = json_is_true(json_object_get(request, "load"));
    json_t *list = json_array();
    struct qn_delivered d;

    (void)err;
    if (load)
        load_blas();
    qn_limit_set(&w->limit, 1, 1);
    qn_delivered_measure(&d, threads, seconds, load);
    qn_parallel_close(); // those that run from now on are a stage's
    set_number(reply, "loop", d.loop);
    set_number(reply, "gemm", d.gemm);
    set_number(reply, "gflops", d.gflops);
    for (int i = 0; i < w->limit.n; i++)
        json_array_append_new(list, library_json(&w->limit.library[i]));
    json_object_set_new(reply, "libraries", list);
    if (load)
        json_object_set_new(reply, "hdf5", qn_hdf5_about_json());
    return 0;
}
