/* Foreign libraries among the loaded objects.
 *
 * dl_iterate_phdr lists the objects and counts comings and goings, so that
 * looking again costs nothing while there were none.  A library is
 * what it exports: files are renamed by those who ship them. */
#include "base/limit.h"

#include <dlfcn.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One way in which a library lets itself be limited. */
static const struct {
    enum qn_limit_kind kind;
    const char *set, *get;
    const char *suffix; // of OpenBLAS's other names
} forms[] = {
    {QN_LIMIT_OPENMP, "omp_set_num_threads", "omp_get_max_threads", ""},
    {QN_LIMIT_OPENBLAS, "openblas_set_num_threads", "openblas_get_num_threads",
     ""},
    {QN_LIMIT_OPENBLAS, "openblas_set_num_threads64_",
     "openblas_get_num_threads64_", "64_"},
    {QN_LIMIT_OPENBLAS, "scipy_openblas_set_num_threads",
     "scipy_openblas_get_num_threads", ""},
    {QN_LIMIT_OPENBLAS, "scipy_openblas_set_num_threads64_",
     "scipy_openblas_get_num_threads64_", "64_"},
    {QN_LIMIT_MKL, "MKL_Set_Num_Threads", "MKL_Get_Max_Threads", ""},
    {QN_LIMIT_BLIS, "bli_thread_set_num_threads", "bli_thread_get_num_threads",
     ""},
};
enum { NFORMS = sizeof forms / sizeof *forms };

/* ---- the objects that are loaded --------------------------------------- */

struct object {
    char *path;           // owned
    uintptr_t start, end; // of its memory
};

struct objects {
    struct object *v; // owned
    size_t n, cap;
    bool failed;
};

static int
count_changes(struct dl_phdr_info *info, size_t size, void *changes)
{
    (void)size;
    *(unsigned long long *)changes = info->dlpi_adds + info->dlpi_subs;
    return 1;
}

static void
find_range(struct object *o, const struct dl_phdr_info *info)
{
    o->start = UINTPTR_MAX;
    o->end = 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];
        uintptr_t at = info->dlpi_addr + h->p_vaddr;

        if (h->p_type != PT_LOAD)
            continue;
        o->start = at < o->start ? at : o->start;
        o->end = at + h->p_memsz > o->end ? at + h->p_memsz : o->end;
    }
}

/* The loader holds a lock here: only note, look into them afterwards. */
static int
note_object(struct dl_phdr_info *info, size_t size, void *ctx)
{
    struct objects *o = ctx;
    struct object *v = o->v;

    (void)size;
    if (o->n == o->cap) {
        v = realloc(v, (2 * o->cap + 64) * sizeof *v);
        if (!v) {
            o->failed = true;
            return 1;
        }
        o->v = v;
        o->cap = 2 * o->cap + 64;
    }
    v[o->n].path = strdup(info->dlpi_name);
    find_range(&v[o->n], info);
    o->failed = !v[o->n].path;
    o->n += v[o->n].path != NULL;
    return o->failed;
}

/* name, only if this very object defines it. */
static void *
own_symbol(void *handle, const struct object *o, const char *name)
{
    void *p = dlsym(handle, name);

    return (uintptr_t)p >= o->start && (uintptr_t)p < o->end ? p : NULL;
}

/* ISO C has no conversion from object to function pointers; POSIX promises
 * that the bytes are the same. */
static void
take_function(void *function, void *symbol)
{
    memcpy(function, &symbol, sizeof symbol);
}

/* ---- what a library says of itself --------------------------------------- */

static const char *
say_text(void *handle, const struct object *o, const char *stem,
         const char *suffix)
{
    const char *(*function)(void) = NULL;
    char name[64];

    snprintf(name, sizeof name, "%s%s", stem, suffix);
    take_function(&function, own_symbol(handle, o, name));
    return function ? function() : "";
}

static void
ask_openblas(struct qn_limit_library *l, void *handle, const struct object *o,
             const char *suffix)
{
    static const char *const builds[] = {"sequential", "pthreads", "OpenMP"};
    int (*parallel)(void) = NULL;
    char name[64];
    const char *config;
    int kind;

    snprintf(name, sizeof name, "openblas_get_parallel%s", suffix);
    take_function(&parallel, own_symbol(handle, o, name));
    kind = parallel ? parallel() : -1;
    if (kind >= 0 && kind <= 2)
        snprintf(l->build, sizeof l->build, "%s", builds[kind]);
    snprintf(l->core, sizeof l->core, "%s",
             say_text(handle, o, "openblas_get_corename", suffix));
    config = say_text(handle, o, "openblas_get_config", suffix);
    sscanf(config, "OpenBLAS %31s", l->version);
}

static void
add_library(struct qn_limit *l, size_t form, void *handle,
            const struct object *o)
{
    struct qn_limit_library *lib = &l->library[l->n];
    const char *slash = strrchr(o->path, '/');
    void *set = own_symbol(handle, o, forms[form].set);
    void *get = own_symbol(handle, o, forms[form].get);

    if (!set || !get || l->n == QN_LIMIT_MOST)
        return;
    *lib = (struct qn_limit_library){.kind = forms[form].kind};
    snprintf(lib->name, sizeof lib->name, "%s",
             slash ? slash + 1 : *o->path ? o->path : "the program itself");
    take_function(&lib->set, set);
    take_function(&lib->get, get);
    if (lib->kind == QN_LIMIT_OPENBLAS)
        ask_openblas(lib, handle, o, forms[form].suffix);
    lib->threads = lib->get();
    l->n++;
}

static void
look_into(struct qn_limit *l, const struct object *o)
{
    // already there: this only gives a handle to it
    void *handle = dlopen(*o->path ? o->path : NULL, RTLD_LAZY | RTLD_NOLOAD);

    if (!handle)
        return; // the kernel's own page, or gone by now
    for (size_t i = 0; i < NFORMS; i++)
        add_library(l, i, handle, o);
    dlclose(handle);
}

void
qn_limit_find(struct qn_limit *l)
{
    struct objects all = {0};
    unsigned long long changes = 0;

    dl_iterate_phdr(count_changes, &changes);
    if (changes == l->changes)
        return;
    dl_iterate_phdr(note_object, &all);
    l->n = 0;
    for (size_t i = 0; i < all.n; i++) {
        look_into(l, &all.v[i]);
        free(all.v[i].path);
    }
    free(all.v);
    l->changes = all.failed ? 0 : changes; // without memory: look again
}

/* ---- limits ------------------------------------------------------------------ */

int
qn_limit_openmp(const struct qn_limit *l, int threads)
{
    int before = 0;

    for (int i = 0; i < l->n; i++) {
        const struct qn_limit_library *lib = &l->library[i];

        if (lib->kind != QN_LIMIT_OPENMP)
            continue;
        before = before ? before : lib->get();
        lib->set(threads < 1 ? 1 : threads);
    }
    return before;
}

bool
qn_limit_set(struct qn_limit *l, int openmp, int blas)
{
    int most = openmp > blas ? openmp : blas;
    bool kept = true;

    qn_limit_find(l);
    // BLAS first: some versions of it tell OpenMP, too
    for (int i = 0; i < l->n; i++)
        if (l->library[i].kind != QN_LIMIT_OPENMP)
            l->library[i].set(blas < 1 ? 1 : blas);
    qn_limit_openmp(l, openmp);
    for (int i = 0; i < l->n; i++) {
        l->library[i].threads = l->library[i].get();
        kept = kept && l->library[i].threads <= (most < 1 ? 1 : most);
    }
    return kept;
}

void
qn_limit_say(struct qn_text *t, const struct qn_limit *l, int most)
{
    const char *first = NULL;

    for (int i = 0; i < l->n; i++) {
        const struct qn_limit_library *lib = &l->library[i];

        if (lib->threads > most)
            qn_text_add(t,
                        "%s was limited to %d thread%s and says that it uses "
                        "%d; set %s_NUM_THREADS=%d before quern starts\n",
                        lib->name, most, most == 1 ? "" : "s", lib->threads,
                        lib->kind == QN_LIMIT_OPENMP
                            ? "OMP"
                            : qn_limit_kind_name(lib->kind),
                        most);
        if (lib->kind != QN_LIMIT_OPENMP)
            continue;
        if (first)
            qn_text_add(t,
                        "two OpenMP runtimes are loaded, %s and %s: each "
                        "starts threads of its own; build the kernel with the "
                        "compiler of the other, or take a pthreads build of "
                        "BLAS (libopenblas0-pthread)\n",
                        first, lib->name);
        first = first ? first : lib->name;
    }
}

const char *
qn_limit_kind_name(enum qn_limit_kind kind)
{
    static const char *const names[] = {"OpenMP", "OPENBLAS", "MKL", "BLIS"};

    return names[kind];
}

void
qn_limit_objects(struct qn_text *t, const char *prefix)
{
    struct objects all = {0};

    dl_iterate_phdr(note_object, &all);
    for (size_t i = 0; i < all.n; i++) {
        const char *slash = strrchr(all.v[i].path, '/');
        const char *name = slash ? slash + 1 : all.v[i].path;
        size_t n = strlen(prefix);

        if (!strncmp(name, prefix, n))
            qn_text_add(t, "%s%.*s", t->len ? " " : "",
                        (int)strcspn(name + n, "."), name + n);
        free(all.v[i].path);
    }
    free(all.v);
}

qn_limit_function
qn_limit_symbol(const char *name)
{
    qn_limit_function function = NULL;
    struct objects all = {0};

    dl_iterate_phdr(note_object, &all);
    for (size_t i = 0; i < all.n; i++) {
        const struct object *o = &all.v[i];
        void *handle = function
                           ? NULL
                           : dlopen(*o->path ? o->path : NULL,
                                    RTLD_LAZY | RTLD_NOLOAD);

        if (handle) {
            take_function(&function, own_symbol(handle, o, name));
            dlclose(handle);
        }
        free(o->path);
    }
    free(all.v);
    return function;
}
