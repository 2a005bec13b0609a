/* Measuring a host for a moment, and remembering what came out.
 *
 * Each figure is the best of a few tries: a ceiling is what can be had when
 * nobody disturbs.  A figure that cannot be had is left out. */
#include "engine/ceiling.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/system.h"
#include "io/atomic.h"
#include "model/json.h"

enum {
    SAMPLES = 4 << 20, // of each of three arrays: more than most caches hold
    TILES = 64,
    TRIES = 4,
    FILE_BYTES = 16 << 20
};

/* ---- memory ------------------------------------------------------------------ */

struct arrays {
    double *a, *b, *c; // [SAMPLES]
};

static int
triad(void *ctx, size_t tile, int thread, struct qn_error *err)
{
    const struct arrays *v = ctx;
    const size_t n = SAMPLES / TILES, from = tile * n;

    (void)thread, (void)err;
    for (size_t i = from; i < from + n; i++)
        v->a[i] = v->b[i] + 3.0 * v->c[i];
    return 0;
}

static double
measure_triad(struct arrays *v, int cores)
{
    double best = 0;

    for (int i = 0; i <= TRIES; i++) {
        double t0 = qn_clock_now(), rate;

        if (qn_parallel_for(cores, TILES, triad, v, NULL))
            return 0;
        rate = 3.0 * SAMPLES * sizeof(double) / (qn_clock_now() - t0);
        // the first one only brings the pages
        best = i && rate > best ? rate : best;
    }
    return best;
}

/* ---- files -------------------------------------------------------------------- */

static bool
read_all(int fd, char *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t got = pread(fd, p + at, n - at, (off_t)at);

        if (got <= 0)
            return false;
        at += (size_t)got;
    }
    return true;
}

/* A file without a name: nothing is left, whatever happens. */
static void
measure_file(json_t *all, const char *folder, char *buffer)
{
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    double t0, best = 0;

    if (fd < 0)
        return;
    t0 = qn_clock_now();
    if (!qn_system_write(fd, buffer, FILE_BYTES, folder, NULL) &&
        !fdatasync(fd)) {
        json_object_set_new(all, "write",
                            json_real(FILE_BYTES / (qn_clock_now() - t0)));
        for (int i = 0; i < TRIES; i++) {
            t0 = qn_clock_now();
            if (!read_all(fd, buffer, FILE_BYTES))
                break;
            t0 = FILE_BYTES / (qn_clock_now() - t0);
            best = t0 > best ? t0 : best;
        }
        if (best > 0)
            json_object_set_new(all, "read", json_real(best));
    }
    close(fd);
}

/* ---- what is kept --------------------------------------------------------------- */

static char *
join(const char *folder, const char *name, const char *host)
{
    char *path = NULL;

    return asprintf(&path, "%s/%s%s.json", folder, name, host) < 0 ? NULL
                                                                   : path;
}

/* Where it is kept for this user, or else for this output; NULL: nowhere. */
static char *
path_of(const char *output, bool own)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char host[256] = "", folder[4096];

    gethostname(host, sizeof host - 1);
    if (!own)
        snprintf(folder, sizeof folder, "%s/.quern", output);
    else if (cache && *cache == '/')
        snprintf(folder, sizeof folder, "%s/quern", cache);
    else if (home && *home == '/')
        snprintf(folder, sizeof folder, "%s/.cache/quern", home);
    else
        return NULL;
    return join(folder, own ? "" : "ceilings-", host);
}

/* A folder that is not there yet will be on the file system of its parent. */
static void
nearest(char *buf, size_t size, const char *output)
{
    snprintf(buf, size, "%s", output);
    while (access(buf, F_OK)) {
        char *slash = strrchr(buf, '/');

        if (!slash) {
            snprintf(buf, size, ".");
            return;
        }
        slash[slash == buf] = 0;
    }
}

/* The file systems differ, the host is one: each has its figures. */
static bool
place_of(char *buf, size_t size, const char *output)
{
    char folder[4096];
    struct stat st;

    nearest(folder, sizeof folder, output);
    if (stat(folder, &st))
        return false;
    snprintf(buf, size, "%llx", (unsigned long long)st.st_dev);
    return true;
}

/* The processor's name as the system has it; "" where it has none. */
static void
read_model(char *buf, size_t size)
{
    static const char key[] = "model name";
    FILE *f = fopen("/proc/cpuinfo", "re");
    char line[512];

    *buf = 0;
    while (f && !*buf && fgets(line, sizeof line, f))
        if (!strncmp(line, key, sizeof key - 1) && strchr(line, ':'))
            snprintf(buf, size, "%.*s",
                     (int)strcspn(strchr(line, ':') + 1, "\n"),
                     strchr(line, ':') + 1);
    if (f)
        fclose(f);
}

static json_t *
load(const char *output, bool own)
{
    char *path = path_of(output, own);
    json_t *all = path ? json_load_file(path, 0, NULL) : NULL;
    char model[512];
    const char *version = qn_json_text(all, "quern");
    const char *of = qn_json_text(all, "model");

    free(path);
    read_model(model, sizeof model);
    if (version && of && !strcmp(version, QN_VERSION) && !strcmp(of, model) &&
        json_is_real(json_object_get(json_object_get(all, "memory"), "one")) &&
        json_is_object(json_object_get(all, "places")))
        return all;
    json_decref(all);
    return NULL;
}

static json_t *
load_any(const char *output)
{
    json_t *all = load(output, true);

    return all ? all : load(output, false);
}

static bool
save(const json_t *all, const char *output, bool own)
{
    char *path = path_of(output, own), *text;
    bool kept = false;

    if (path && own)
        kept = !qn_atomic_parent(path, NULL);
    text = path && (kept || !own) ? json_dumps(all, JSON_INDENT(1)) : NULL;
    kept = text && !qn_atomic_write(path, text, strlen(text), NULL);
    free(text);
    free(path);
    return kept;
}

/* What is known for an output: its own file system's figures. */
static json_t *
view(const json_t *all, const char *output)
{
    char place[32];
    json_t *v;

    if (!all)
        return NULL;
    v = json_pack("{s:O}", "memory", json_object_get(all, "memory"));
    if (v && place_of(place, sizeof place, output))
        json_object_update(
            v, json_object_get(json_object_get(all, "places"), place));
    return v;
}

/* ---- all of it ---------------------------------------------------------------------- */

static json_t *
measure_memory(struct arrays *v, int cores)
{
    const double one = measure_triad(v, 1);

    return json_pack("{s:f,s:f,s:i}", "one", one, "all",
                     cores > 1 ? measure_triad(v, cores) : one, "cores",
                     cores);
}

static void
fill(json_t **all, const char *output, int cores)
{
    struct arrays v = {0};
    char place[32], folder[4096], model[512];
    json_t *file;

    nearest(folder, sizeof folder, output);
    read_model(model, sizeof model);
    if (!qn_memory_make((void **)&v.a, SAMPLES, sizeof(double), "", NULL) &&
        !qn_memory_make((void **)&v.b, SAMPLES, sizeof(double), "", NULL) &&
        !qn_memory_make((void **)&v.c, SAMPLES, sizeof(double), "", NULL)) {
        if (!*all)
            *all = json_pack("{s:s,s:s,s:o,s:{}}", "quern", QN_VERSION,
                             "model", model, "memory",
                             measure_memory(&v, cores), "places");
        if (*all && place_of(place, sizeof place, output)) {
            file = json_object();
            measure_file(file, folder, (char *)v.a);
            json_object_set_new(json_object_get(*all, "places"), place, file);
        }
    }
    free(v.a);
    free(v.b);
    free(v.c);
}

static bool
knows(const json_t *all, const char *output)
{
    char place[32];

    return all && (!place_of(place, sizeof place, output) ||
                   json_object_get(json_object_get(all, "places"), place));
}

json_t *
qn_ceiling_kept(const char *output)
{
    json_t *all = load_any(output), *v = view(all, output);

    json_decref(all);
    return v;
}

json_t *
qn_ceiling_measure(const char *output, int cores,
                   bool again)
{
    json_t *all = again ? NULL : load_any(output), *v;

    if (!knows(all, output)) {
        fill(&all, output, cores);
        if (all && !save(all, output, true))
            save(all, output, false);
    }
    v = view(all, output);
    json_decref(all);
    return v;
}

json_t *
qn_ceiling_phases(const json_t *ceilings)
{
    json_t *memory = json_object_get(ceilings, "memory");

    return json_pack("{s:O*,s:O*,s:O*}", "read",
                     json_object_get(ceilings, "read"), "compute",
                     json_object_get(memory, "one"), "write",
                     json_object_get(ceilings, "write"));
}
