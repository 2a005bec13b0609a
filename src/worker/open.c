/* A file between one of its frames and the next.
 *
 * Frames that are items by themselves come one request after the other: with
 * the file still open, what was unpacked with the last one is there for the
 * next.  Another request closes it, so that its memory counts once. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "worker/worker.h"

static void
close_it(struct qn_worker *w)
{
    qn_reader_close(w->open.reader);
    free(w->open.path);
    w->open = (struct qn_worker_open){0};
}

static bool
is_as_it_was(const struct stat *was, const char *path)
{
    struct stat now;

    return !stat(path, &now) && was->st_dev == now.st_dev &&
           was->st_ino == now.st_ino && was->st_size == now.st_size &&
           was->st_mtim.tv_sec == now.st_mtim.tv_sec &&
           was->st_mtim.tv_nsec == now.st_mtim.tv_nsec;
}

int
qn_worker_take_open(struct qn_worker *w, struct qn_reader **r,
                    const struct qn_program *p, const struct qn_source *source,
                    struct qn_error *err)
{
    struct qn_worker_open *o = &w->open;

    if (o->reader && o->program == p && !strcmp(o->path, source->path) &&
        is_as_it_was(&o->of, source->path)) {
        *r = o->reader;
        o->reader = NULL;
        return 0;
    }
    close_it(w);
    // before it is read: what changes meanwhile is opened anew
    if (stat(source->path, &o->of))
        o->of = (struct stat){0};
    return qn_reader_open(r, source, err);
}

void
qn_worker_put_open(struct qn_worker *w, struct qn_reader *r,
                   const struct qn_program *p, const char *path)
{
    struct qn_worker_open *o = &w->open;

    qn_reader_close(o->reader);
    o->reader = r;
    o->program = p;
    if (!o->path || strcmp(o->path, path)) {
        free(o->path);
        o->path = strdup(path);
    }
    if (!o->path)
        close_it(w);
}

void
qn_worker_drop_open(struct qn_worker *w)
{
    close_it(w);
    qn_bytes_drop(&w->inflated);
}
