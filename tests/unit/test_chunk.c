/* Chunks packed by us, and room left for samples: the files are byte for byte
 * those that the writer makes of the samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "base/system.h"
#include "io/chunk.h"
#include "model/array.h"
#include "model/dtype.h"
#include "model/shape.h"

#include "scratch.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const struct qn_type types[] = {
    {QN_F64, {1, {511}}},          {QN_F64, {1, {512}}},
    {QN_F32, {1, {300001}}},       {QN_U8, {2, {2, 1100000}}},
    {QN_F64, {2, {200, 901}}},     {QN_I16, {2, {2, 600001}}},
    {QN_F32, {3, {41, 70, 93}}},   {QN_F64, {3, {2, 300, 500}}},
    {QN_I64, {4, {2, 1, 200, 700}}}, {QN_F32, {3, {1, 1, 2000}}},
};

static void
make_samples(struct qn_array *a, const struct qn_type *type, bool noise)
{
    uint64_t state = 7;
    unsigned char *p;

    assert_int_equal(qn_array_make(a, type, NULL), 0);
    p = a->data;
    for (size_t i = 0; i < qn_array_bytes(a); i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        p[i] = noise ? (unsigned char)(state >> 56)
                     : (unsigned char)(i / 8 % 251);
    }
}

static void
write_file(const char *path, const struct qn_product *p, int compress)
{
    const struct qn_output out = {.path = path, .products = p, .nproducts = 1,
                                  .compress = compress, .nosync = true};
    struct qn_error err = {0};

    if (qn_writer_hdf5(&out, &err))
        fail_msg("%s", err.text);
}

static void
same_file(const char *one, const char *other)
{
    char *a, *b;
    size_t n, m;

    assert_int_equal(qn_system_slurp(&a, &n, one, NULL), 0);
    assert_int_equal(qn_system_slurp(&b, &m, other, NULL), 0);
    assert_int_equal(n, m);
    assert_memory_equal(a, b, n);
    free(a);
    free(b);
}

/* All chunks of a, packed one behind the other. */
static void
pack(struct qn_array *packed, struct qn_writer_chunk **chunk,
     const struct qn_array *a, int level)
{
    const size_t size = qn_dtype_size(a->type.dtype);
    int64_t full, n = qn_chunk_count(&full, &a->type), next = 0;
    size_t bytes = (size_t)full * size;
    char *all = malloc((size_t)n * qn_chunk_bound(bytes));
    char *one = malloc(bytes), *scratch = malloc(bytes);

    *chunk = calloc((size_t)n, sizeof **chunk);
    for (int64_t i = 0, at = 0; i < n; i++) {
        int64_t first, count, start[QN_MAX_DIMS];

        qn_chunk_run(&first, &count, start, &a->type, i);
        assert_int_equal(first, next);
        assert_in_range(count, 1, full);
        next += count;
        memset(one, 0, bytes);
        memcpy(one, (const char *)a->data + (size_t)first * size,
               (size_t)count * size);
        assert_int_equal(qn_chunk_pack(&(*chunk)[i], all + at, one, bytes,
                                       size, level, scratch, NULL), 0);
        (*chunk)[i].at = at;
        at += (*chunk)[i].bytes;
    }
    assert_int_equal(next, qn_shape_count(&a->type.shape));
    free(one);
    free(scratch);
    *packed = qn_array_view(&a->type, all);
}

static void
chunks(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * COUNT(types); i++) {
        const struct qn_type *type = &types[i / 2];
        const int level = i % 2 ? 6 : 1;
        struct qn_writer_chunk *chunk;
        struct qn_array a, packed;

        make_samples(&a, type, i % 2);
        assert_int_equal(qn_chunk_used(type, level), i / 2 > 0);
        if (!qn_chunk_used(type, level)) {
            qn_array_clear(&a);
            continue;
        }
        pack(&packed, &chunk, &a, level);
        write_file("whole.h5",
                   &(struct qn_product){.name = "data", .data = &a}, level);
        write_file("packed.h5",
                   &(struct qn_product){.name = "data", .data = &packed,
                                        .chunk = chunk},
                   level);
        same_file("whole.h5", "packed.h5");
        free(packed.data);
        free(chunk);
        qn_array_clear(&a);
    }
}

static void
room(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(types); i++) {
        int64_t place = -1;
        struct qn_array a, none = {.type = types[i]};
        int fd;

        make_samples(&a, &types[i], true);
        write_file("whole.h5",
                   &(struct qn_product){.name = "data", .data = &a}, 0);
        write_file("room.h5",
                   &(struct qn_product){.name = "data", .data = &none,
                                        .place = &place},
                   0);
        assert_true(place > 0);
        fd = open("room.h5", O_WRONLY);
        assert_int_equal(pwrite(fd, a.data, qn_array_bytes(&a), place),
                         qn_array_bytes(&a));
        close(fd);
        same_file("whole.h5", "room.h5");
        qn_array_clear(&a);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks),
        cmocka_unit_test(room),
    };

    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
