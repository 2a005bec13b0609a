/* Chunks inflated without the library: which are left to it, and every type,
 * shape of chunk and box against what the library reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/parallel.h"
#include "io/hdf5_chunks.h"
#include "io/unshuffle.h"
#include "model/dtype.h"

#define COUNT(x) (sizeof(x) / sizeof *(x))

enum { SHUFFLE = 1, DEFLATE = 2, FLETCHER = 4, LATE = 8, PARTIAL = 16 };

static hid_t
filters(int which, int ndims, const hsize_t *chunk)
{
    hid_t p = H5Pcreate(H5P_DATASET_CREATE);

    if (chunk[0])
        H5Pset_chunk(p, ndims, chunk);
    if (which & SHUFFLE)
        H5Pset_shuffle(p);
    if (which & DEFLATE)
        H5Pset_deflate(p, 4);
    if (which & LATE)
        H5Pset_shuffle(p);
    if (which & FLETCHER)
        H5Pset_fletcher32(p);
    if (which & PARTIAL)
        H5Pset_chunk_opts(p, H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS);
    return p;
}

/* A file of one dataset, in memory only, full of bytes that mean nothing. */
static hid_t
make(hid_t *dataset, hid_t type, int which, int ndims, const hsize_t *n,
     const hsize_t *chunk)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), f, space, p;
    size_t bytes = H5Tget_size(type);
    unsigned char *v;

    H5Pset_fapl_core(access, 1 << 20, 0);
    f = H5Fcreate("chunks.h5", H5F_ACC_TRUNC, H5P_DEFAULT, access);
    space = H5Screate_simple(ndims, n, NULL);
    p = filters(which, ndims, chunk);
    *dataset = H5Dcreate2(f, "x", type, space, H5P_DEFAULT, p, H5P_DEFAULT);
    assert_true(*dataset >= 0);
    for (int a = 0; a < ndims; a++)
        bytes *= n[a];
    v = malloc(bytes);
    for (size_t i = 0; i < bytes; i++)
        v[i] = (unsigned char)(i * 2654435761u >> 13);
    H5Dwrite(*dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, v);
    free(v);
    H5Pclose(p);
    H5Pclose(access);
    H5Sclose(space);
    return f;
}

static struct qn_hdf5_chunks
look(hid_t dataset, hid_t native, int ndims, const hsize_t *n, int threads)
{
    struct qn_type type = {QN_U8, {.ndims = ndims}};
    struct qn_hdf5_chunks c;

    for (int a = 0; a < ndims; a++)
        type.shape.n[a] = (int64_t)n[a];
    qn_hdf5_chunks_look(&c, dataset, &type, native, threads);
    return c;
}

/* ---- left to the library ---------------------------------------------------- */

static void
leaves(void **state)
{
    const struct {
        int which;
        hsize_t chunk[2];
        bool turned;
    } rows[] = {
        {0, {0}, false},               // in one piece
        {0, {3, 4}, false},            // nothing to undo
        {SHUFFLE, {3, 4}, false},
        {DEFLATE | FLETCHER, {3, 4}, false},
        {SHUFFLE | DEFLATE | FLETCHER, {3, 4}, false},
        {DEFLATE | LATE, {3, 4}, false},
        {DEFLATE | PARTIAL, {3, 4}, false},
        {SHUFFLE | DEFLATE, {3, 4}, true}, // the other byte order
    };
    const hsize_t n[] = {7, 9};
    const hid_t other =
        H5Tget_order(H5T_NATIVE_SHORT) == H5T_ORDER_LE ? H5T_STD_I16BE
                                                       : H5T_STD_I16LE;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        hid_t d, f = make(&d, rows[i].turned ? other : H5T_NATIVE_SHORT,
                          rows[i].which, 2, n, rows[i].chunk);

        assert_false(look(d, H5T_NATIVE_SHORT, 2, n, 1).use);
        H5Dclose(d);
        H5Fclose(f);
    }
}

/* Steps, and chunks not there. */
static void
leaves_boxes(void **state)
{
    const hsize_t n[] = {8, 64}, chunk[] = {4, 64}, late[] = {16, 64};
    const hsize_t most[] = {16, 64};
    const struct qn_box steps = {2, {0, 0}, {4, 64}, {2, 1}};
    const struct qn_box behind = {2, {8, 0}, {4, 64}, {1, 1}};
    struct qn_hdf5_chunks c;
    unsigned char dst[16 * 64];
    hid_t d, f = make(&d, H5T_NATIVE_UCHAR, DEFLATE, 2, n, chunk), p, space;

    (void)state;
    c = look(d, H5T_NATIVE_UCHAR, 2, n, 1);
    assert_true(c.use);
    assert_false(qn_hdf5_chunks_read(&c, &steps, dst));
    H5Dclose(d);
    space = H5Screate_simple(2, late, most);
    p = filters(DEFLATE, 2, chunk);
    d = H5Dcreate2(f, "y", H5T_NATIVE_UCHAR, space, H5P_DEFAULT, p,
                   H5P_DEFAULT);
    c = look(d, H5T_NATIVE_UCHAR, 2, late, 1);
    assert_true(c.use);
    assert_false(qn_hdf5_chunks_read(&c, &behind, dst));
    H5Pclose(p);
    H5Sclose(space);
    H5Dclose(d);
    H5Fclose(f);
}

/* ---- read here --------------------------------------------------------------- */

static void
compare(const struct qn_hdf5_chunks *c, hid_t native, const struct qn_box *box)
{
    hsize_t start[3], count[3];
    size_t bytes = c->size;
    unsigned char *want, *got;
    hid_t space = H5Dget_space(c->dataset), mem;

    for (int a = 0; a < box->ndims; a++) {
        start[a] = (hsize_t)box->start[a];
        count[a] = (hsize_t)box->count[a];
        bytes *= count[a];
    }
    want = malloc(bytes);
    got = calloc(bytes, 1);
    mem = H5Screate_simple(box->ndims, count, NULL);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
    H5Dread(c->dataset, native, mem, space, H5P_DEFAULT, want);
    assert_true(qn_hdf5_chunks_read(c, box, got));
    assert_memory_equal(got, want, bytes);
    H5Sclose(mem);
    H5Sclose(space);
    free(want);
    free(got);
}

static void
as_the_library(void **state)
{
    const struct {
        int ndims;
        hsize_t n[3], chunk[3];
        struct qn_box box;
    } rows[] = {
        {1, {1000}, {300}, {1, {0}, {1000}, {1}}},
        {1, {1000}, {100}, {1, {310}, {480}, {1}}},
        {2, {50, 70}, {7, 70}, {2, {7, 0}, {28, 70}, {1, 1}}},
        {2, {50, 70}, {7, 11}, {2, {0, 0}, {50, 70}, {1, 1}}},
        {2, {50, 70}, {7, 11}, {2, {7, 11}, {42, 59}, {1, 1}}},
        {3, {4, 20, 300}, {1, 5, 300}, {3, {2, 0, 0}, {1, 20, 300}, {1, 1, 1}}},
        {3, {4, 20, 300}, {2, 9, 130}, {3, {0, 0, 0}, {4, 20, 300}, {1, 1, 1}}},
        {3, {4, 20, 300}, {4, 20, 300}, {3, {0, 0, 0}, {4, 20, 299}, {1, 1, 1}}},
        {3, {40, 9, 11}, {16, 4, 5}, {3, {17, 0, 0}, {1, 9, 11}, {1, 1, 1}}},
        {3, {40, 9, 11}, {16, 4, 5}, {3, {15, 3, 6}, {2, 2, 1}, {1, 1, 1}}},
    };
    const hid_t natives[] = {H5T_NATIVE_UCHAR, H5T_NATIVE_USHORT,
                             H5T_NATIVE_INT, H5T_NATIVE_DOUBLE};

    (void)state;
    for (size_t i = 0; i < COUNT(rows) * COUNT(natives) * 4; i++) {
        const size_t row = i / 16, native = i / 4 % 4;
        const int which = DEFLATE | (i & 1 ? SHUFFLE : 0);
        hid_t d, f = make(&d, natives[native], which, rows[row].ndims,
                          rows[row].n, rows[row].chunk);
        struct qn_hdf5_chunks c =
            look(d, natives[native], rows[row].ndims, rows[row].n,
                 i & 2 ? 3 : 1);

        assert_true(c.use);
        compare(&c, natives[native], &rows[row].box);
        H5Dclose(d);
        H5Fclose(f);
    }
    qn_parallel_close();
}

/* Any length, any size of sample, planes that do not begin at a chunk's. */
static void
unshuffles(void **state)
{
    unsigned char planes[2048], got[1200], want[1200];

    (void)state;
    for (size_t i = 0; i < sizeof planes; i++)
        planes[i] = (unsigned char)(i * 7 + i / 256);
    for (size_t size = 1; size <= 9; size++)
        for (size_t n = 0; n <= 131; n += n < 3 ? 1 : 16) {
            memset(got, 0xee, sizeof got);
            memset(want, 0xee, sizeof want);
            for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < size; j++)
                    want[i * size + j] = planes[5 + j * 200 + i];
            qn_unshuffle(got, planes + 5, n, size, 200);
            assert_memory_equal(got, want, sizeof got);
        }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves),
        cmocka_unit_test(leaves_boxes),
        cmocka_unit_test(as_the_library),
        cmocka_unit_test(unshuffles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
