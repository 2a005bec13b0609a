/* Facts about the MPI library.
 *
 * Open MPI does not tell which transport it has chosen; but it loads each as a
 * file of its own and keeps only those it uses. */
#include "comm/about.h"

#include <mpi.h>
#include <string.h>

#include "base/limit.h"
#include "base/text.h"
#include "comm/launch.h"

static json_t *
library(void)
{
    char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int n = 0;

    // one of the few calls that are allowed before MPI_Init
    if (MPI_Get_library_version(text, &n) != MPI_SUCCESS)
        return json_null();
    text[strcspn(text, "\n")] = '\0';
    return json_string(text);
}

static json_t *
thread_level(void)
{
    static const struct {
        int level;
        const char *name;
    } levels[] = {{MPI_THREAD_SINGLE, "single"},
                  {MPI_THREAD_FUNNELED, "funneled"},
                  {MPI_THREAD_SERIALIZED, "serialized"},
                  {MPI_THREAD_MULTIPLE, "multiple"}};
    int level;

    if (MPI_Query_thread(&level) != MPI_SUCCESS)
        return json_null();
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (levels[i].level == level)
            return json_string(levels[i].name);
    return json_null();
}

static json_t *
transport(void)
{
    static const char *const kinds[] = {"mca_pml_", "mca_mtl_", "mca_btl_"};
    struct qn_text t = {0};
    json_t *j;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        qn_limit_objects(&t, kinds[i]);
    j = t.len ? json_string(t.s) : json_null();
    qn_text_clear(&t);
    return j;
}

json_t *
qn_about_mpi(const struct qn_comm *c)
{
    bool started = c->mpi != NULL;
    struct qn_launch l;

    qn_launch_detect(&l);
    return json_pack("{s:o,s:s?,s:b,s:o,s:o}", "library", library(),
                     "launcher", l.variable, "started", started,
                     "thread_level", started ? thread_level() : json_null(),
                     "transport", started ? transport() : json_null());
}
