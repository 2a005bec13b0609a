/* Room for samples: see writer_hollow.h.
 *
 * The library is asked to write addresses that hold no memory; the file driver
 * (writer_sink.c) knows them and only counts.  So the library does what it
 * always does, and the file looks as if the samples had been written. */
#include "io/writer_hollow.h"

#include <sys/mman.h>

#include "io/chunk.h"
#include "model/array.h"

int
qn_writer_hollow_leave(struct qn_writer_parts *w, hid_t dataset,
                       hid_t memory_type, const struct qn_product *p)
{
    size_t n = qn_array_bytes(p->data);
    haddr_t at;
    // read-only and never touched: it costs addresses, no memory
    void *nothing = mmap(NULL, n, PROT_READ,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    int rc;

    if (nothing == MAP_FAILED)
        return qn_fail(w->err, QN_ENOMEM, "no addresses for %zu bytes", n);
    w->sink.hollow = nothing;
    w->sink.nhollow = n;
    rc = qn_writer_parts_check(w, H5Dwrite(dataset, memory_type, H5S_ALL,
                                           H5S_ALL, H5P_DEFAULT, nothing));
    // a small dataset is in a buffer of the library's now
    w->sink.hollow = NULL;
    munmap(nothing, n);
    at = rc ? HADDR_UNDEF : H5Dget_offset(dataset);
    if (!rc && at == HADDR_UNDEF)
        rc = qn_writer_parts_check(w, -1);
    *p->place = rc ? -1 : (int64_t)at;
    return rc;
}

int
qn_writer_hollow_chunks(struct qn_writer_parts *w, hid_t dataset,
                        const struct qn_product *p)
{
    const struct qn_type *type = &p->data->type;
    int64_t samples, n = qn_chunk_count(&samples, type);

    for (int64_t i = 0; i < n; i++) {
        const struct qn_writer_chunk *c = &p->chunk[i];
        const char *bytes = (const char *)p->data->data + c->at;
        int64_t first, count, start[QN_MAX_DIMS];
        hsize_t at[QN_MAX_DIMS];

        qn_chunk_run(&first, &count, start, type, i);
        for (int a = 0; a < type->shape.ndims; a++)
            at[a] = (hsize_t)start[a];
        QN_TRY(qn_writer_parts_check(
            w, H5Dwrite_chunk(dataset, H5P_DEFAULT, (uint32_t)c->mask, at,
                              (size_t)c->bytes, bytes)));
    }
    return 0;
}
