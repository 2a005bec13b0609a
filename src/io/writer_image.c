/* Writing an output from the bytes of the one before: see writer_image.h.
 *
 * Knows neither HDF5 nor what the bytes mean; writer.c describes and compares.
 */
#include "io/writer_image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/system.h"
#include "model/array.h"
#include "model/shape.h"

/* ---- forms ----------------------------------------------------------------- */

void
qn_writer_image_add(struct qn_writer_form *f, const void *bytes, size_t n,
                   void *own)
{
    // nothing lies in the file for an empty dataset
    f->loose = f->loose || n == 0 || f->ndata == QN_WRITER_HOLES;
    if (f->loose) {
        free(own);
        return;
    }
    f->data[f->ndata++] = (struct qn_writer_data){.bytes = bytes, .n = n,
                                                  .own = own};
}

void
qn_writer_image_product(struct qn_writer_form *f, const struct qn_product *p)
{
    qn_writer_image_add(f, p->source ? NULL : p->data->data,
                        qn_array_bytes(p->data), NULL);
    if (!f->loose)
        f->data[f->ndata - 1].product = p;
}

void
qn_writer_image_drop(struct qn_writer_form *f)
{
    for (size_t i = 0; i < f->ndata; i++)
        free(f->data[i].own);
    qn_text_clear(&f->text);
    *f = (struct qn_writer_form){0};
}

/* ---- writing --------------------------------------------------------------- */

bool
qn_writer_image_fits(const struct qn_writer_image *m,
                     const struct qn_writer_form *f)
{
    return m->form.len && !f->loose && !f->text.failed &&
           m->form.len == f->text.len && m->nholes == f->ndata &&
           !memcmp(m->form.s, f->text.s, f->text.len);
}

/* All parts, over short writes. */
static void
write_parts(struct qn_writer_sink *s, struct iovec *part, int n)
{
    while (n > 0) {
        ssize_t done = writev(s->fd, part, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0 || qn_system_fault()) {
            s->cause = errno ? errno : EIO;
            return;
        }
        while (n > 0 && (size_t)done >= part->iov_len) {
            done -= (ssize_t)part->iov_len;
            part++;
            n--;
        }
        if (n > 0) {
            part->iov_base = (char *)part->iov_base + done;
            part->iov_len -= (size_t)done;
        }
    }
}

/* Rows as they are made, while they are in cache; with the first of them the n
 * parts that lie in front. */
static int
write_source(struct qn_writer_sink *s, const struct qn_product *p,
             struct iovec *part, int n, struct qn_error *err)
{
    const struct qn_shape *shape = &p->data->type.shape;
    const int64_t rows = shape->n[qn_shape_row_axis(shape)];
    const size_t row = qn_array_bytes(p->data) / (size_t)rows;

    for (int64_t first = 0, count; first < rows && !s->cause; first += count) {
        const void *v;

        count = rows - first < p->source->rows ? rows - first
                                               : p->source->rows;
        QN_TRY(p->source->get(p->source->ctx, first, count, &v, err));
        part[n++] = (struct iovec){(void *)(uintptr_t)v, (size_t)count * row};
        write_parts(s, part, n);
        n = 0;
    }
    return 0;
}

int
qn_writer_image_write(const struct qn_writer_image *m,
                      const struct qn_writer_form *f,
                      struct qn_writer_sink *s, struct qn_error *err)
{
    struct iovec part[2 * QN_WRITER_HOLES + 1];
    char *from = m->bytes;
    uint64_t at = 0;
    int n = 0;

    s->end = m->size;
    for (size_t i = 0; i < m->nholes && !s->cause; i++) {
        const struct qn_writer_data *d = &f->data[m->order[i]];
        size_t before = (size_t)(m->hole[i].at - at);

        part[n++] = (struct iovec){from, before};
        if (d->bytes) {
            part[n++] = (struct iovec){(void *)(uintptr_t)d->bytes, d->n};
        } else {
            QN_TRY(write_source(s, d->product, part, n, err));
            n = 0;
        }
        from += before;
        at = m->hole[i].at + m->hole[i].n;
    }
    part[n++] = (struct iovec){from, (size_t)(m->size - at)};
    if (!s->cause)
        write_parts(s, part, n);
    return 0;
}

/* ---- remembering ------------------------------------------------------------ */

/* Holes in the order of the file, with what each is for. */
static void
sort_holes(struct qn_writer_image *m, const struct qn_writer_hole *hole,
           size_t n)
{
    m->nholes = n;
    for (size_t i = 0; i < n; i++) {
        size_t k = i;

        for (; k > 0 && m->hole[k - 1].at > hole[i].at; k--) {
            m->hole[k] = m->hole[k - 1];
            m->order[k] = m->order[k - 1];
        }
        m->hole[k] = hole[i];
        m->order[k] = i;
    }
}

static int
read_range(int fd, char *to, uint64_t at, size_t n)
{
    while (n > 0) {
        ssize_t got = pread(fd, to, n, (off_t)at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return -1;
        to += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return 0;
}

/* What lies between the holes; -1 if they are not where data can lie. */
static int
read_around(struct qn_writer_image *m, const struct qn_writer_form *f, int fd)
{
    uint64_t at = 0, kept = m->size;
    char *to;

    for (size_t i = 0; i < m->nholes; i++) {
        const struct qn_writer_hole *h = &m->hole[i];

        if (h->at < at || h->at + h->n > m->size ||
            h->n != f->data[m->order[i]].n)
            return -1;
        at = h->at + h->n;
        kept -= h->n;
    }
    if (qn_memory_make((void **)&m->bytes, (size_t)kept, 1, "an image", NULL))
        return -1;
    to = m->bytes;
    at = 0;
    for (size_t i = 0; i <= m->nholes; i++) {
        uint64_t end = i < m->nholes ? m->hole[i].at : m->size;

        if (read_range(fd, to, at, (size_t)(end - at)))
            return -1;
        to += end - at;
        at = i < m->nholes ? end + m->hole[i].n : end;
    }
    return 0;
}

void
qn_writer_image_keep(struct qn_writer_image *m, struct qn_writer_form *f,
                     const struct qn_writer_sink *s,
                     const struct qn_writer_hole *hole, size_t nholes)
{
    qn_writer_image_clear(m);
    if (f->loose || f->text.failed || nholes != f->ndata)
        return;
    m->size = s->end;
    sort_holes(m, hole, nholes);
    if (read_around(m, f, s->fd)) {
        qn_writer_image_clear(m);
        return;
    }
    m->form = f->text;
    f->text = (struct qn_text){0};
}

void
qn_writer_image_clear(struct qn_writer_image *m)
{
    qn_text_clear(&m->form);
    free(m->bytes);
    *m = (struct qn_writer_image){0};
}
