/* Memory shared with the rank, and the programs kept by number. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker/worker.h"

static void
let_go(struct qn_worker_memory *m)
{
    if (m->data)
        munmap(m->data, m->size);
    m->data = NULL;
    m->size = 0;
}

void
qn_worker_unmap(struct qn_worker_memory *m)
{
    let_go(m);
    if (m->fd >= 0)
        close(m->fd);
    m->fd = -1;
}

static int
map_again(struct qn_worker_memory *m, struct qn_error *err)
{
    struct stat st;
    void *p;

    let_go(m);
    if (fstat(m->fd, &st) < 0)
        return qn_fail(err, QN_EIO, "shared memory: %s", strerror(errno));
    p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED,
             m->fd, 0);
    if (p == MAP_FAILED)
        return qn_fail(err, QN_ENOMEM, "shared memory of %lld bytes: %s",
                       (long long)st.st_size, strerror(errno));
    m->data = p;
    m->size = (size_t)st.st_size;
    return 0;
}

int
qn_worker_map(struct qn_worker *w, enum qn_slot slot, int64_t offset,
              int64_t bytes, void **p, struct qn_error *err)
{
    struct qn_worker_memory *m = &w->memory[slot];

    if (m->fd < 0 || offset < 0 || bytes < 0)
        return qn_fail(err, QN_EUNAVAILABLE, "no shared memory was sent");
    if ((uint64_t)(offset + bytes) > m->size)
        if (map_again(m, err))
            return err ? err->code : QN_ENOMEM;
    if ((uint64_t)(offset + bytes) > m->size)
        return qn_fail(err, QN_EUNAVAILABLE,
                       "shared memory is shorter than was said");
    *p = m->data + offset;
    return 0;
}

int
qn_worker_program(const struct qn_worker *w, const json_t *request,
                  const struct qn_program **p, struct qn_error *err)
{
    json_t *id = json_object_get(request, "program");
    size_t i = (size_t)json_integer_value(id);

    if (!json_is_integer(id) || i >= w->nprograms || !w->program[i].text)
        return qn_fail(err, QN_EUNAVAILABLE, "an unknown stage was named");
    *p = &w->program[i];
    return 0;
}
