/* NetCDF classic: the three formats, record variables, and cut files, which
 * libnetcdf itself would fill with zeros. */
#include <netcdf.h>

#include "reader_run.h"

#define NC(call) assert_int_equal(call, NC_NOERR)

static const double six[] = {0, 1, 2, 3, 4, 5};

// t (unlimited) x y (2) x x (3): x fixed, v and w by record, n a number.
static const char *
put_grid(const char *name, int mode, size_t nrecords)
{
    int id, t, y, x, vx, vv, vw, vn, vs, dims[3];
    short rows[6] = {0, 1, 2, 3, 4, 5}, fill = 3;
    const short gaps[2] = {4, 77};
    double half = 0.5, axis[3] = {10, 20, 30};
    const char *path = at(name);
    unsigned char seven = 7;

    NC(nc_create(path, NC_CLOBBER | mode, &id));
    NC(nc_def_dim(id, "t", NC_UNLIMITED, &t));
    NC(nc_def_dim(id, "y", 2, &y));
    NC(nc_def_dim(id, "x", 3, &x));
    NC(nc_def_var(id, "x", NC_DOUBLE, 1, &x, &vx));
    dims[0] = t, dims[1] = y, dims[2] = x;
    NC(nc_def_var(id, "v", NC_SHORT, 3, dims, &vv));
    NC(nc_def_var(id, "w", NC_BYTE, 2, dims, &vw));
    NC(nc_def_var(id, "n", NC_INT, 0, NULL, &vn));
    NC(nc_def_var(id, "s", NC_CHAR, 1, &x, &vs));
    NC(nc_put_att_double(id, vv, "scale_factor", NC_DOUBLE, 1, &half));
    NC(nc_put_att_short(id, vv, "_FillValue", NC_SHORT, 1, &fill));
    NC(nc_put_att_short(id, vv, "missing_value", NC_SHORT, 2, gaps));
    NC(nc_put_att_text(id, vv, "units", 6, "kelvin"));
    NC(nc_put_att_text(id, NC_GLOBAL, "title", 5, "a bit"));
    NC(nc_put_att_text(id, vw, "_Unsigned", 4, "true"));
    NC(nc_enddef(id));
    NC(nc_put_var_double(id, vx, axis));
    NC(nc_put_var_int(id, vn, &(int){42}));
    for (size_t r = 0; r < nrecords; r++) {
        size_t start[3] = {r, 0, 0}, count[3] = {1, 2, 3};
        unsigned char w[2] = {(unsigned char)(200 + r), seven};

        NC(nc_put_vara_short(id, vv, start, count, rows));
        NC(nc_put_vara(id, vw, start, count, w));
    }
    NC(nc_close(id));
    return path;
}

static void
decoding(void **state)
{
    static const int modes[] = {0, NC_64BIT_OFFSET, NC_64BIT_DATA};
    static const double want[] = {0, 0.5, 1, NAN, NAN, 2.5};
    static const double twice[] = {0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5};
    static const char *const second[] = {"1"};
    static const char *const part[] = {"::2", "1", "::2"};

    (void)state;
    for (size_t i = 0; i < COUNT(modes); i++) {
        const char *p = put_grid("a.nc", modes[i], 3);

        expect(SOURCE(.path = p, .dataset = "v", .nslice = 1, .slice = second),
               QN_F32, want, 6);
        expect(SOURCE(.path = p, .dataset = "/v", .undecoded = true,
                      .nslice = 1, .slice = (const char *const[]){"1:3"}),
               QN_I16, twice, 12);
        expect(SOURCE(.path = p, .dataset = "v", .undecoded = true, .nslice = 3,
                      .slice = part),
               QN_I16, (const double[]){3, 5, 3, 5}, 4);
        expect(SOURCE(.path = p, .dataset = "w"), QN_U8,
               (const double[]){200, 7, 201, 7, 202, 7}, 6);
        expect(SOURCE(.path = p, .dataset = "n"), QN_I32, (const double[]){42},
               1);
        expect(SOURCE(.path = p, .dataset = "x", .format = "netcdf"), QN_F64,
               (const double[]){10, 20, 30}, 3);
    }
}

static void
choosing(void **state)
{
    const char *p = put_grid("c.nc", 0, 1);
    int id, dim, var;

    (void)state;
    refuse(SOURCE(.path = p), QN_EFORMAT,
           "name one as dataset: v (1 x 2 x 3, int16), w (1 x 2, int8)");
    refuse(SOURCE(.path = p, .dataset = "u"), QN_EMISSING, "no variable 'u'");
    refuse(SOURCE(.path = p, .dataset = "s"), QN_EFORMAT, "no numbers");
    refuse(SOURCE(.path = put_grid("none.nc", 0, 0), .dataset = "v"),
           QN_EFORMAT, "no samples");
    NC(nc_create(at("one.nc"), NC_CLOBBER, &id));
    NC(nc_def_dim(id, "x", 6, &dim));
    NC(nc_enddef(id));
    NC(nc_close(id));
    refuse(SOURCE(.path = at("one.nc")), QN_EFORMAT, "no variable of numbers");
    NC(nc_open(at("one.nc"), NC_WRITE, &id));
    NC(nc_redef(id));
    NC(nc_def_var(id, "x", NC_INT, 1, &dim, &var));
    NC(nc_def_var(id, "f", NC_FLOAT, 1, &dim, &var));
    NC(nc_enddef(id));
    NC(nc_put_var_double(id, var, six));
    NC(nc_close(id));
    expect(SOURCE(.path = at("one.nc")), QN_F32, six, 6);
}

// Other variables choose places; a pattern joins variables.
static void
frames_and_patterns(void **state)
{
    static const double last[] = {0, 1, 2, 3, 4, 5}, rows[] = {200, 7, 202, 7};
    const char *p = put_grid("f.nc", 0, 3);

    (void)state;
    expect(SOURCE(.path = p, .dataset = "v", .undecoded = true,
                  .frames = "frame == 2"),
           QN_I16, last, 6);
    expect(SOURCE(.path = p, .dataset = "[w]", .frames = "frame != 1"), QN_U8,
           rows, 4);
    expect(SOURCE(.path = p, .dataset = "x", .frames = "x > 10 and /x < 30"),
           QN_F64, (const double[]){20}, 1);
    refuse(SOURCE(.path = p, .dataset = "v", .frames = "u == 1"), QN_EMISSING,
           "frames: there is no variable 'u'");
    refuse(SOURCE(.path = p, .dataset = "v", .frames = "v == 1"), QN_ESHAPE,
           "frames: v holds 3 x 2 x 3 values");
    refuse(SOURCE(.path = p, .dataset = "u*"), QN_EMISSING,
           "no variable matches 'u*'");
    refuse(SOURCE(.path = p, .dataset = "[xw]"), QN_ESHAPE, "cannot be joined");
}

// Whatever the length, either all samples are right or it is refused.
static void
cut_files(void **state)
{
    static const int modes[] = {0, NC_64BIT_OFFSET, NC_64BIT_DATA};

    (void)state;
    for (size_t i = 0; i < COUNT(modes); i++) {
        unsigned char *p;
        size_t n;
        int refusals = 0;

        put_grid("whole.nc", modes[i], 2);
        p = slurp("whole.nc", &n);
        for (size_t len = 1; len < n; len++) {
            struct qn_source s = {.path = put("cut.nc", p, len),
                                  .dataset = "v"};
            struct qn_reader *r = NULL;
            struct qn_error err;

            if (qn_reader_open(&r, &s, &err)) {
                refusals++;
                assert_true(err.code == QN_EFORMAT || err.code == QN_EMISSING);
                continue;
            }
            qn_reader_close(r);
            // Only the two bytes of w and its padding follow v's last record.
            if (len + 4 < n)
                fail_msg("%zu of %zu bytes were taken for whole", len, n);
        }
        assert_true(refusals > 100);
        assert_int_equal(total(SOURCE(.path = at("whole.nc"), .dataset = "v",
                                      .undecoded = true))
                             .n,
                         12);
        refuse(SOURCE(.path = put("cut.nc", p, n - 5), .dataset = "v"),
               QN_EFORMAT, "truncated");
        expect(SOURCE(.path = put_gzip("a.nc.gz", p, n, 0), .dataset = "n"),
               QN_I32, (const double[]){42}, 1);
        refuse(SOURCE(.path = put_gzip("a.nc.gz", p, n - 9, 0), .dataset = "v"),
               QN_EFORMAT, "truncated");
        free(p);
    }
}

static void
damaged_headers(void **state)
{
    unsigned char *p;
    size_t n;

    (void)state;
    put_grid("d.nc", 0, 2);
    p = slurp("d.nc", &n);
    // Every byte of the header in turn: an answer, of whatever kind.
    for (size_t i = 4; i < 400 && i < n; i++) {
        struct qn_source s = {.dataset = "v"};
        struct qn_reader *r = NULL;
        unsigned char kept = p[i];

        p[i] ^= 0xff;
        s.path = put("d.nc", p, n);
        if (!qn_reader_open(&r, &s, NULL))
            qn_reader_close(r);
        p[i] = kept;
    }
    free(p);
}

static void
fields(void **state)
{
    struct qn_reader *r =
        open_good(SOURCE(.path = put_grid("f.nc", 0, 1), .dataset = "v"));

    (void)state;
    expect_field(r, "@units", "kelvin", true, 0);
    expect_field(r, "/v@scale_factor", "0.5", false, 0);
    expect_field(r, "/@title", "a bit", true, 0);
    expect_field(r, "/n", "42", false, 0);
    expect_field(r, "@missing_value", NULL, false, QN_EVALUE);
    expect_field(r, "/v", NULL, false, QN_EVALUE);
    expect_field(r, "/", NULL, false, QN_EVALUE);
    expect_field(r, "/absent", NULL, false, QN_EMISSING);
    expect_field(r, "@absent", NULL, false, QN_EMISSING);
    expect_field(r, "title", NULL, false, QN_EMISSING);
    qn_reader_close(r);
}

static void
names_mean_files(void **state)
{
    static const char *const names[] = {"http:a.nc", "b#mode=bytes",
                                        "[dap4]c.nc", "d e.nc", "file:f.nc"};
    char here[PATH_MOST];

    (void)state;
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(scratch), 0);
    for (size_t i = 0; i < COUNT(names); i++) {
        put_grid("a.nc", 0, 1);
        assert_int_equal(rename("a.nc", names[i]), 0);
        expect(SOURCE(.path = names[i], .dataset = "n"), QN_I32,
               (const double[]){42}, 1);
    }
    assert_int_equal(chdir(here), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choosing),
        cmocka_unit_test(frames_and_patterns),        cmocka_unit_test(cut_files),
        cmocka_unit_test(damaged_headers), cmocka_unit_test(decoding),
        cmocka_unit_test(fields),          cmocka_unit_test(names_mean_files),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
