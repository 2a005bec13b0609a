/* Finding libnetcdf at run time, under the name it had when quern was built.
 * Knows nothing of files. */
#include "io/netcdf_load.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

struct loaded {
    pthread_mutex_t lock;
    void *library;
    struct qn_netcdf_calls calls;
};

static struct loaded *
loaded(void)
{
    static struct loaded l = {.lock = PTHREAD_MUTEX_INITIALIZER};

    return &l;
}

const struct qn_netcdf_calls *
qn_netcdf_load_calls(void)
{
    return &loaded()->calls;
}

/* A function's address as dlsym gives it, an object's. */
static bool
find(void *library, const char *name, void *pointer)
{
    void *p = dlsym(library, name);

    memcpy(pointer, &p, sizeof p);
    return p != NULL;
}

static bool
find_all(struct loaded *l)
{
    bool found = true;

#define FIND(name) found &= find(l->library, "nc_" #name, &l->calls.name);
    QN_NETCDF_CALLS(FIND)
#undef FIND
    return found;
}

int
qn_netcdf_load(struct qn_error *err)
{
    struct loaded *l = loaded();
    bool ready;

    pthread_mutex_lock(&l->lock);
    if (!l->library)
        l->library = dlopen(QN_NETCDF_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    ready = l->library && (l->calls.strerror || find_all(l));
    pthread_mutex_unlock(&l->lock);
    if (ready)
        return 0;
    return qn_fail(err, QN_EUNAVAILABLE,
                   "reading it needs %s, which cannot be loaded; install the "
                   "netCDF library that quern was built with",
                   QN_NETCDF_LIBRARY);
}
