/* The file of a merge: what stands where in it, and when it is written.
 *
 * Groups and datasets are made first (virtual ones last, when all that they
 * show is known), then every source is copied to its place, then the columns
 * follow.  Read writer_merge_data.c next. */
#include "io/writer_merge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "io/writer_merge_parts.h"

/* A failure to write is told from that of a source. */
static int
as_output(int rc, struct qn_error *err)
{
    if (rc == QN_EIO && err)
        err->code = QN_EOUTPUT;
    return rc == QN_EIO ? QN_EOUTPUT : rc;
}

/* ---- products ------------------------------------------------------------ */

/* The targets of one product: first ... first + the result - 1. */
static size_t
product_end(const struct qn_writer_merge *m, size_t first)
{
    size_t i = first + 1;

    while (i < m->n && !strcmp(m->target[i].set.like.product,
                               m->target[first].set.like.product))
        i++;
    return i;
}

/* "." is an axis without values of its own, it is counted.  What stands for
 * the places of an axis in each item alone is none of the whole. */
static int
put_axes(struct qn_writer_merge *m, hid_t group, size_t first, size_t end)
{
    const struct qn_merge_set *main = &m->target[first].set;
    const char *names[QN_MAX_DIMS + 1];
    int lead = main->way == QN_MERGE_STACK || main->like.type.shape.ndims == 0;
    int n = main->like.type.shape.ndims + lead;

    for (int a = 0; a < n; a++)
        names[a] = ".";
    for (size_t i = first + 1; i < end; i++) {
        const struct qn_merge_set *s = &m->target[i].set;
        bool joined = s->way == QN_MERGE_JOIN && s->like.axis == 0 && !lead;

        if (s->like.axis >= 0 && s->like.axis + lead < n &&
            (s->way == QN_MERGE_ONCE || joined))
            names[s->like.axis + lead] = s->like.name;
    }
    return qn_writer_parts_words(&m->w, group, "axes", names, (size_t)n);
}

static int
put_product(struct qn_writer_merge *m, size_t first, size_t end)
{
    const struct qn_hdf5_set *main = &m->target[first].set.like;
    hid_t group = -1;
    int rc =
        qn_writer_parts_group(&m->w, &group, m->entry, main->product, "NXdata");

    if (!rc && !main->table)
        rc = qn_writer_parts_word(&m->w, group, "signal", "data");
    if (!rc && !main->table)
        rc = put_axes(m, group, first, end);
    for (size_t i = first; i < end && !rc; i++)
        rc = qn_writer_merge_data_make(m, &m->target[i], group);
    if (group >= 0)
        H5Gclose(group);
    return rc;
}

static int
put_products(struct qn_writer_merge *m)
{
    for (size_t i = 0, end; i < m->n; i = end) {
        end = product_end(m, i);
        QN_TRY(put_product(m, i, end));
    }
    return 0;
}

/* ---- how it was made ----------------------------------------------------- */

/* What the first source says of itself goes for all: their steps are equal. */
static int
copy_texts(struct qn_writer_merge *m, hid_t process,
           const struct qn_hdf5_output *o)
{
    static const char *const names[] = {"job", "steps", "coretype"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *text;
        int rc;

        QN_TRY(qn_hdf5_output_text(o, names[i], &text, m->w.err));
        rc = text ? qn_writer_parts_text(&m->w, process, names[i], text) : 0;
        free(text);
        QN_TRY(rc);
    }
    return 0;
}

static int
put_process(struct qn_writer_merge *m, const struct qn_merge_form *form,
            const struct qn_hdf5_output *o)
{
    hid_t process = -1;
    int rc = qn_writer_parts_group(&m->w, &process, m->entry, "process",
                                   "NXprocess");

    if (!rc)
        rc = qn_writer_parts_text(&m->w, process, "program", "quern");
    if (!rc)
        rc = qn_writer_parts_text(&m->w, process, "version", QN_VERSION);
    if (!rc)
        rc = qn_writer_parts_text(&m->w, process, "stage", form->stage);
    if (!rc)
        rc = copy_texts(m, process, o);
    if (process >= 0)
        H5Gclose(process);
    return rc;
}

static int
put_default(struct qn_writer_merge *m, const struct qn_hdf5_output *o)
{
    char name[QN_HDF5_NAME];
    size_t i = 0;

    qn_hdf5_output_default(o, name, sizeof name);
    while (i < m->n && strcmp(m->target[i].set.like.product, name) != 0)
        i++;
    return qn_writer_parts_word(&m->w, m->entry, "default",
                                i < m->n ? name
                                         : m->target[0].set.like.product);
}

static int
put_tree(struct qn_writer_merge *m, const struct qn_merge_form *form,
         const struct qn_hdf5_output *o)
{
    struct qn_writer_parts *w = &m->w;

    QN_TRY(qn_writer_parts_word(w, w->file, "NX_class", "NXroot"));
    QN_TRY(qn_writer_parts_word(w, w->file, "default", "entry"));
    QN_TRY(qn_writer_parts_word(w, w->file, "creator", "quern " QN_VERSION));
    QN_TRY(qn_writer_parts_group(w, &m->entry, w->file, "entry", "NXentry"));
    QN_TRY(put_default(m, o));
    QN_TRY(put_process(m, form, o));
    return m->is_virtual ? 0 : put_products(m);
}

/* ---- opening ------------------------------------------------------------- */

static int
make_targets(struct qn_writer_merge *m, const struct qn_merge_form *form,
             struct qn_error *err)
{
    QN_TRY(qn_memory_make((void **)&m->target, form->nsets, sizeof *m->target,
                          "products", err));
    QN_TRY(qn_memory_make((void **)&m->buffer, QN_MERGE_BUFFER, 1, "a buffer",
                          err));
    for (; m->n < form->nsets; m->n++)
        m->target[m->n] = (struct qn_merge_target){
            .set = form->set[m->n], .dataset = -1, .list = -1};
    return qn_writer_merge_index_open(&m->index, form, err);
}

static int
open_file(struct qn_writer_merge *m, const char *path, struct qn_error *err)
{
    int fd;

    QN_TRY(qn_unnamed_open(&m->file, path, "merge", err));
    // the sink closes its own when all is written, this one is for the name
    fd = fcntl(m->file.fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return qn_fail(err, QN_EIO, "cannot write %s: %s", path,
                       strerror(errno));
    qn_writer_sink_take(&m->w.sink, m->file.path, fd);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return qn_writer_parts_open(&m->w);
}

static int
open_merge(struct qn_writer_merge *m, const struct qn_merge_form *form,
           struct qn_error *err)
{
    struct qn_hdf5_output *o;
    int rc;

    QN_TRY(make_targets(m, form, err));
    QN_TRY(qn_hdf5_output_open(&o, form->first, err));
    m->w.err = err;
    rc = open_file(m, form->path, err);
    if (!rc)
        rc = put_tree(m, form, o);
    qn_hdf5_output_close(o);
    return as_output(rc, err);
}

int
qn_writer_merge_open(struct qn_writer_merge **out,
                     const struct qn_merge_form *form, struct qn_error *err)
{
    struct qn_writer_merge *m;
    int rc;

    *out = NULL;
    QN_TRY(qn_memory_make((void **)&m, 1, sizeof *m, "a merge", err));
    m->file.fd = m->w.sink.fd = -1;
    m->w.file = m->entry = -1;
    m->is_virtual = form->is_virtual;
    rc = open_merge(m, form, err);
    if (rc)
        qn_writer_merge_close(m);
    else
        *out = m;
    return rc;
}

const char *
qn_writer_merge_temporary(const struct qn_writer_merge *m)
{
    return m->file.named ? m->file.tmp : NULL;
}

/* ---- items --------------------------------------------------------------- */

/* Is it the file that was looked at? */
static int
check_same(int fd, const struct qn_merge_source *s, struct qn_error *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return qn_fail(err, QN_EFORMAT, "%s", strerror(errno));
    if (st.st_size == s->bytes &&
        st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec ==
            s->mtime_ns)
        return 0;
    return qn_fail(err, QN_EFORMAT,
                   "it was written again while it was merged; type the "
                   "command once more");
}

static int
copy_source(struct qn_writer_merge *m, const struct qn_merge_source *s,
            struct qn_error *err)
{
    struct qn_hdf5_output *o = NULL;
    int fd = open(s->path, O_RDONLY | O_CLOEXEC), rc;

    if (fd < 0)
        return qn_fail(err, QN_EFORMAT, "it cannot be read: %s",
                       strerror(errno));
    rc = check_same(fd, s, err);
    for (size_t i = 0; i < m->n && !rc; i++)
        rc = qn_writer_merge_data_copy(m, i, s, fd, &o, err);
    qn_hdf5_output_close(o);
    close(fd);
    return rc;
}

static int
place(struct qn_writer_merge *m, const struct qn_merge_source *s,
      struct qn_error *err)
{
    int rc = 0;

    if (s->path && !m->is_virtual)
        return copy_source(m, s, err);
    for (size_t i = 0; i < m->n && !rc; i++) {
        if (s->path)
            rc = qn_writer_merge_data_link(m, i, s);
        else if (!m->is_virtual)
            rc = qn_writer_merge_data_skip(m, &m->target[i]);
    }
    return rc;
}

int
qn_writer_merge_add(struct qn_writer_merge *m,
                    const struct qn_merge_source *source,
                    const char *const *cells, struct qn_error *err)
{
    int64_t n = qn_writer_merge_data_items(source);

    m->w.err = err;
    QN_TRY(as_output(place(m, source, err), err));
    m->row += n;
    for (int64_t i = 0; i < n; i++)
        QN_TRY(qn_writer_merge_index_add(
            &m->index, cells + (size_t)i * m->index.n, err));
    return 0;
}

/* ---- the end ------------------------------------------------------------- */

static int
close_hdf5(struct qn_writer_merge *m)
{
    bool good = true;

    for (size_t i = 0; i < m->n; i++)
        qn_writer_merge_data_close(&m->target[i]);
    if (m->entry >= 0)
        good = H5Gclose(m->entry) >= 0;
    if (m->w.file >= 0)
        good = H5Fclose(m->w.file) >= 0 && good;
    m->entry = m->w.file = -1;
    return qn_writer_parts_check(&m->w, good ? 0 : -1);
}

static int
finish(struct qn_writer_merge *m, int64_t *bytes, struct qn_error *err)
{
    struct stat st;
    int rc = m->is_virtual ? put_products(m) : 0;

    if (!rc)
        rc = qn_writer_merge_index_write(&m->index, m);
    if (!rc)
        rc = close_hdf5(m);
    if (!rc)
        rc = qn_writer_sink_close(&m->w.sink, true, err);
    if (!rc && !fstat(m->file.fd, &st))
        *bytes = st.st_size;
    return rc ? rc : qn_unnamed_commit(&m->file, err);
}

int
qn_writer_merge_finish(struct qn_writer_merge *m, int64_t *bytes,
                       struct qn_error *err)
{
    m->w.err = err;
    return as_output(finish(m, bytes, err), err);
}

void
qn_writer_merge_close(struct qn_writer_merge *m)
{
    if (!m)
        return;
    m->w.err = NULL;
    // nobody will read it: what HDF5 has still to write goes nowhere
    if (!m->w.sink.cause)
        m->w.sink.cause = ECANCELED;
    close_hdf5(m);
    if (m->w.sink.fd >= 0)
        qn_writer_sink_close(&m->w.sink, false, NULL);
    qn_unnamed_close(&m->file);
    qn_writer_merge_index_close(&m->index);
    free(m->target);
    free(m->buffer);
    free(m);
}
