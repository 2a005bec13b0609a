/* NumPy files: all header versions, both orders, both byte orders. */
#include "reader_run.h"

#define C23(descr)                                                             \
    "{'descr': '" descr "', 'fortran_order': False, 'shape': (2, 3), }"
#define F23(descr)                                                             \
    "{'descr': '" descr "', 'fortran_order': True, 'shape': (2, 3), }"

static const unsigned char bytes[6] = {1, 2, 3, 4, 5, 6};

// Magic, version, the dict, and n bytes of data.
static const char *
put_npy(int version, const char *dict, const void *data, size_t n)
{
    unsigned char p[1024] = "\x93NUMPY";
    size_t len = strlen(dict), at_dict = version == 1 ? 10 : 12;

    assert_true(at_dict + len + 1 + n <= sizeof p);
    p[6] = (unsigned char)version;
    p[8] = (unsigned char)((len + 1) & 255);
    p[9] = (unsigned char)((len + 1) >> 8);
    memcpy(p + at_dict, dict, len);
    p[at_dict + len] = '\n';
    memcpy(p + at_dict + len + 1, data, n);
    return put("a.npy", p, at_dict + len + 1 + n);
}

static void
refused(void **state)
{
    static const struct {
        const char *dict, *words;
    } bad[] = {
        {"", "descr"},
        {"{'descr': 'u1'", "not numbers"},
        {"{'descr': '|u1', 'fortran_order': False}", "shape"},
        {"{'descr': '|u1', 'shape': (2, 3)}", "fortran_order"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (2, x)}", "shape"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3", "shape"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (0, 3)}",
         "no samples"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (-2, 3)}",
         "no samples"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': "
         "(9223372036854775807, "
         "9)}",
         "impossibly large"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': "
         "(1, 1, 1, 1, 1, 1, 1, 1, 1)}",
         "more than 8 axes"},
        {C23("<f2"), "astype"},
        {C23("<f16"), "astype"},
        {C23("<c8"), "complex"},
        {C23("|S5"), "not numbers"},
        {C23("<U5"), "not numbers"},
        {C23("|O"), "not numbers"},
        {C23("<M8[ns]"), "not numbers"},
        {C23("<i3"), "not numbers"},
        {"{'descr': [('a', '<i2')], 'fortran_order': False, 'shape': (2, 3)}",
         "structured"},
        {C23("<i2"), "truncated"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        refuse(SOURCE(.path = put_npy(1, bad[i].dict, bytes, 6)), QN_EFORMAT,
               bad[i].words);
    refuse(SOURCE(.path = put_npy(4, C23("|u1"), bytes, 6)), QN_EFORMAT,
           "version 4");
    refuse(SOURCE(.path = put("a.npy", "\x93NUMPY\1\0", 8)), QN_EFORMAT,
           "truncated: 12 bytes are needed but it has 8");
    refuse(SOURCE(.path = put("a.npy", "\x93NUMPY\2\0\xff\xff\xff\xff  ", 14)),
           QN_EFORMAT, "damaged");
    refuse(SOURCE(.path = put("a.npy", "\x93NUMPY\1\0\xff\xff  ", 12)),
           QN_EFORMAT, "truncated");
}

static void
versions_and_orders(void **state)
{
    static const double c[] = {1, 2, 3, 4, 5, 6};
    static const double f[] = {1, 3, 5, 2, 4, 6};

    (void)state;
    for (int version = 1; version <= 3; version++) {
        expect(SOURCE(.path = put_npy(version, C23("|u1"), bytes, 6)), QN_U8, c,
               6);
        expect(SOURCE(.path = put_npy(version, F23("|u1"), bytes, 6)), QN_U8, f,
               6);
    }
    expect(SOURCE(.path = put_npy(1, C23("|b1"), bytes, 6)), QN_U8, c, 6);
    expect(SOURCE(.path = put_npy(1, F23("|u1"), bytes, 6), .nslice = 2,
                  .slice = (const char *const[]){"1", "::2"}),
           QN_U8, (const double[]){2, 6}, 2);
}

static void
byte_orders(void **state)
{
    static const unsigned char p[12] = {0, 1, 0, 2, 0, 3, 1, 0, 2, 0, 3, 0};
    static const double big[] = {1, 2, 3, 256, 512, 768};
    static const double little[] = {256, 512, 768, 1, 2, 3};
    static const double turned[] = {1, 3, 512, 2, 256, 768};

    (void)state;
    expect(SOURCE(.path = put_npy(1, C23(">i2"), p, 12)), QN_I16, big, 6);
    expect(SOURCE(.path = put_npy(1, C23("<u2"), p, 12)), QN_U16, little, 6);
    expect(SOURCE(.path = put_npy(1, F23(">u2"), p, 12)), QN_U16, turned, 6);
}

static void
one_number_and_gzip(void **state)
{
    static const char dict[] =
        "{'descr': '|i1', 'fortran_order': False, 'shape': (), }";
    struct qn_info info;
    unsigned char *p;
    double *v;
    size_t n;

    (void)state;
    v = load(SOURCE(.path = put_npy(1, dict, "\xfe", 1)), &info, &n);
    assert_int_equal(info.type.shape.ndims, 0);
    assert_true(v[0] == -2);
    free(v);
    put_npy(1, C23("|u1"), bytes, 6);
    p = slurp("a.npy", &n);
    expect(SOURCE(.path = put_gzip("a.npy.gz", p, n, 0)), QN_U8,
           (const double[]){1, 2, 3, 4, 5, 6}, 6);
    refuse(SOURCE(.path = put_gzip("cut.npy.gz", p, n, 9)), QN_EFORMAT,
           "truncated");
    free(p);
}

static void
real_files(void **state)
{
    struct total t =
        total(SOURCE(.path = shared("data/npy/jacksboro_fault_dem.npy")));

    (void)state;
    assert_true(t.sum == 73617913);
    assert_int_equal(t.n, 344 * 403);
    refuse(SOURCE(.path = shared("data/npy/jacksboro_fault_dem.npz")),
           QN_EFORMAT, "unzip");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused),     cmocka_unit_test(versions_and_orders),
        cmocka_unit_test(byte_orders), cmocka_unit_test(one_number_and_gzip),
        cmocka_unit_test(real_files),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
