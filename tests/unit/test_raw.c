/* Flat binary files: what the job says must fit the file exactly. */
#include "reader_run.h"

static const unsigned char six[12] = {0, 1, 0, 2, 0, 3, 0xff, 0xff, 1, 0, 2, 0};

#define SHAPE2(a, b) .shape = {2, {a, b}}

static void
refused(void **state)
{
    const char *p = put("bad.raw", six, sizeof six);

    (void)state;
    refuse(SOURCE(.path = p, .format = "raw"), QN_EJOB,
           "needs dtype and shape");
    refuse(SOURCE(.path = p, .format = "raw", .dtype = "u2"), QN_EJOB, "shape");
    refuse(SOURCE(.path = p, .dtype = "uint12", SHAPE2(2, 3)), QN_EVALUE,
           "uint12");
    refuse(SOURCE(.path = p, .dtype = "u2", SHAPE2(2, 4)), QN_EFORMAT,
           "has 12 bytes, but an offset of 0 and 2 x 4 of uint16 make 16");
    refuse(SOURCE(.path = p, .dtype = "u2", SHAPE2(2, 2)), QN_EFORMAT,
           "make 8");
    refuse(SOURCE(.path = p, .dtype = "u2", SHAPE2(-1, 4)), QN_EFORMAT,
           "no whole number of frames of 8 bytes");
    refuse(SOURCE(.path = p, .dtype = "u2", SHAPE2(2, -1)), QN_EJOB,
           "only the first may be -1");
    refuse(SOURCE(.path = p, .dtype = "u2", SHAPE2(0, 3)), QN_EJOB, "axis 0");
    refuse(SOURCE(.path = p, .dtype = "u2", SHAPE2(2, 3), .offset = -1),
           QN_EJOB, "offset");
    refuse(SOURCE(.path = p, .dtype = "u2", SHAPE2(-1, 3), .offset = 100),
           QN_EFORMAT, "offset");
    refuse(SOURCE(.path = p, .dtype = "u2", SHAPE2(INT64_MAX, INT64_MAX)),
           QN_EFORMAT, "impossibly large");
    refuse(SOURCE(.path = p, .dtype = "u2", SHAPE2(1 << 20, (int64_t)1 << 40)),
           QN_EFORMAT, "impossibly large");
    refuse(SOURCE(.path = p, .dtype = "u2", SHAPE2(2, 3), .endian = "middle"),
           QN_EJOB, "middle");
    refuse(SOURCE(.path = p, .dtype = "<u2", SHAPE2(2, 3), .endian = "big"),
           QN_EJOB, "contradict");
    put("empty.raw", "", 0);
    refuse(SOURCE(.path = at("empty.raw"), .dtype = "u1", SHAPE2(-1, 3)),
           QN_EFORMAT, "0 bytes");
}

static void
byte_orders(void **state)
{
    static const double big[] = {1, 2, 3, -1, 256, 512};
    static const double little[] = {256, 512, 768, -1, 1, 2};
    const char *p = put("six.raw", six, sizeof six);

    (void)state;
    expect(SOURCE(.path = p, .dtype = ">i2", SHAPE2(2, 3)), QN_I16, big, 6);
    expect(SOURCE(.path = p, .dtype = "<i2", SHAPE2(2, 3)), QN_I16, little, 6);
    expect(SOURCE(.path = p, .dtype = "int16", SHAPE2(3, 2), .endian = "big"),
           QN_I16, big, 6);
    expect(
        SOURCE(.path = p, .dtype = "int16", SHAPE2(3, 2), .endian = "little"),
        QN_I16, little, 6);
}

static void
free_axis_offset_and_gzip(void **state)
{
    static const double big[] = {1, 2, 3, -1, 256, 512};
    unsigned char head[17] = "abcde";
    const char *p;

    (void)state;
    memcpy(head + 5, six, sizeof six);
    p = put("head.raw", head, sizeof head);
    expect(SOURCE(.path = p, .dtype = ">i2", SHAPE2(-1, 3), .offset = 5),
           QN_I16, big, 6);
    p = put_gzip("six.raw.gz", six, sizeof six, 0);
    expect(SOURCE(.path = p, .dtype = ">i2", SHAPE2(-1, 2)), QN_I16, big, 6);
    expect(SOURCE(.path = p, .dtype = ">i2", .shape = {1, {-1}}), QN_I16, big,
           6);
}

static void
missing_becomes_nan(void **state)
{
    static const double want[] = {1, 2, 3, NAN, 256, 512};
    const char *p = put("miss.raw", six, sizeof six);

    (void)state;
    expect(SOURCE(.path = p, .dtype = ">i2", SHAPE2(2, 3), .missing = "-1"),
           QN_F32, want, 6);
    expect(SOURCE(.path = p, .dtype = ">u2", SHAPE2(2, 3), .missing = "65535"),
           QN_F32, want, 6);
}

static void
real_files(void **state)
{
    struct total t = total(
        SOURCE(.path = shared("data/raw/hatp32_171220043012_650x500_i16be.raw"),
               .dtype = "int16", .endian = "big", SHAPE2(500, 650)));

    (void)state;
    assert_true(t.sum == 115278531);
    t = total(SOURCE(.path = shared("data/raw/s1045.ima.gz"), .dtype = ">u2",
                     SHAPE2(-1, 256)));
    assert_true(t.sum == 2533090);
    assert_int_equal(t.n, 65536);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused),
        cmocka_unit_test(byte_orders),
        cmocka_unit_test(free_axis_offset_and_gzip),
        cmocka_unit_test(missing_becomes_nan),
        cmocka_unit_test(real_files),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
