/* Arrays: whose memory.  An array frees its data exactly if it owns them; a
 * view never does.
 *
 * Data start at a cache line and are not set to anything: whoever makes an
 * array fills it.  Budgets are the planner's.
 */
#include "model/array.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/memory.h"
#include "base/text.h"
#include "model/dtype.h"
#include "model/shape.h"

#define ALIGNMENT 64 /* bytes: a cache line, and the widest vector */
#define HUGE_PAGE ((size_t)2 << 20)
#define HUGE_FROM ((size_t)8 << 20) /* bytes of an array */

/* A large array is met page by page, thousands of times: in large pages, of
 * which only whole ones are asked for, so that none is larger than it was. */
static void *
allocate(size_t bytes)
{
    void *data;

    if (bytes < HUGE_FROM)
        return aligned_alloc(ALIGNMENT, bytes);
    data = aligned_alloc(HUGE_PAGE,
                         (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
#ifdef MADV_HUGEPAGE
    // a hint: where there are none, nothing is lost
    if (data)
        (void)madvise(data, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
#endif
    return data;
}

int
qn_array_make(struct qn_array *a, const struct qn_type *type,
              struct qn_error *err)
{
    char shape[192], text[32];
    int64_t count;
    size_t bytes;

    *a = (struct qn_array){0};
    QN_TRY(qn_shape_size(&count, &type->shape, err));
    QN_TRY(qn_memory_mul(&bytes, (size_t)count, qn_dtype_size(type->dtype),
                         "an array", err));
    // Whole lines, and one at least, so that no array has data NULL.
    size_t lines = bytes / ALIGNMENT + 1;
    void *data = lines > (PTRDIFF_MAX - HUGE_PAGE) / ALIGNMENT
                     ? NULL
                     : allocate(lines * ALIGNMENT);
    if (!data)
        return qn_fail(err, QN_ENOMEM,
                       "no memory for an array of %s %s (%s): use fewer ranks "
                       "on this node, or a smaller `memory`",
                       qn_shape_text(shape, sizeof shape, &type->shape),
                       qn_dtype_name(type->dtype),
                       qn_text_size(text, sizeof text, (double)bytes));
    *a = (struct qn_array){.type = *type, .data = data, .own = true};
    return 0;
}

struct qn_array
qn_array_view(const struct qn_type *type, void *data)
{
    return (struct qn_array){.type = *type, .data = data};
}

void
qn_array_clear(struct qn_array *a)
{
    if (a->own)
        free(a->data);
    *a = (struct qn_array){0};
}

size_t
qn_array_bytes(const struct qn_array *a)
{
    return (size_t)qn_shape_bytes(&a->type);
}

int
qn_array_convert(struct qn_array *out, const struct qn_array *in,
                 enum qn_dtype dtype, struct qn_error *err)
{
    struct qn_type type = in->type;

    type.dtype = dtype;
    QN_TRY(qn_array_make(out, &type, err));
    size_t n = (size_t)qn_shape_count(&type.shape);
    int rc =
        qn_dtype_convert(out->data, dtype, in->data, in->type.dtype, n, err);
    if (rc)
        qn_array_clear(out);
    return rc;
}
