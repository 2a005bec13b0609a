/* Results on disk: failures first, then the same bytes, a new result from the
 * one before, and keys.  What readers see: test_writer_hdf5.c, _fits.c. */
#include "writer_run.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/system.h"
#include "io/writer_image.h"

typedef int write_function(const struct qn_output *, struct qn_error *);

/* ---- failures ----------------------------------------------------------- */

static void
wrong_products(void **state)
{
    static const char *const names[] = {"process", "header", "", ".", "a/b"};
    struct sample *s = make_sample("wrong.h5");
    struct qn_error err;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        s->products[1].name = names[i];
        assert_int_equal(qn_writer_hdf5(&s->out, &err), QN_EVALUE);
    }
    s->out.nproducts = 0;
    assert_int_equal(qn_writer_hdf5(&s->out, &err), QN_EVALUE);
    assert_int_equal(qn_writer_fits(&s->out, &err), QN_EVALUE);
    assert_int_equal(size_of("wrong.h5"), -1);
    clear_sample(s);
}

static void
nowhere(void **state)
{
    struct sample *s = make_sample("no/where.h5");
    struct qn_error err;

    (void)state;
    assert_int_equal(qn_writer_hdf5(&s->out, &err), QN_EIO);
    assert_string_equal(
        err.text, "cannot write no/where.h5: No such file or directory");
    assert_int_equal(qn_writer_fits(&s->out, &err), QN_EIO);
    assert_string_equal(
        err.text, "cannot write no/where.h5: No such file or directory");
    clear_sample(s);
}

/* Whatever call the disk fills up at: a sentence, no file, nothing leaked. */
static void
fill_up(write_function *write_it, int compress, rlim_t step)
{
    struct sample *s = make_sample("full");
    struct rlimit before, limit;
    struct qn_error err;
    int rc = QN_EIO, failures = 0;

    s->out.compress = compress;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    for (limit.rlim_cur = 0; rc; limit.rlim_cur += step) {
        err.text[0] = '\0';
        setrlimit(RLIMIT_FSIZE, &limit);
        rc = write_it(&s->out, &err);
        setrlimit(RLIMIT_FSIZE, &before);
        assert_int_equal(open_ids(), 0);
        if (!rc)
            break;
        failures++;
        assert_int_equal(rc, QN_EIO);
        assert_string_equal(
            err.text, "cannot write full: File too large; raise the limit of "
                      "file sizes (ulimit -f)");
        assert_int_equal(size_of("full"), -1);
    }
    assert_true(failures > 10);
    assert_int_equal(remove("full"), 0);
    clear_sample(s);
}

static void
full_disk(void **state)
{
    (void)state;
    fill_up(qn_writer_hdf5, 0, 97);
    fill_up(qn_writer_hdf5, 4, 97);
    fill_up(qn_writer_fits, 0, 499);
}

/* ---- the same bytes ----------------------------------------------------- */

static void
same_bytes(write_function *write_it, int compress)
{
    struct sample *s = make_sample("one");
    char *one, *two;
    size_t n, m;

    s->out.compress = compress;
    assert_int_equal(write_it(&s->out, NULL), 0);
    s->out.path = "two";
    s->out.nosync = false;
    assert_int_equal(write_it(&s->out, NULL), 0);
    assert_int_equal(write_it(&s->out, NULL), 0); // over the old one
    assert_int_equal(qn_system_slurp(&one, &n, "one", NULL), 0);
    assert_int_equal(qn_system_slurp(&two, &m, "two", NULL), 0);
    assert_int_equal(n, m);
    assert_memory_equal(one, two, n);
    assert_int_equal(open_ids(), 0);
    free(one);
    free(two);
    clear_sample(s);
}

static void
bytes(void **state)
{
    (void)state;
    same_bytes(qn_writer_hdf5, 0);
    same_bytes(qn_writer_hdf5, 9);
    same_bytes(qn_writer_fits, 0);
}

/* ---- from the output before ------------------------------------------------ */

/* What changes from item to item. */
static void
change_data(struct sample *s)
{
    s->image[7] += 1;
    s->count[1] += 5;
    s->used[0].mtime_ns += 1000;
    s->out.provenance.key = KEY "";
}

static void
assert_same_files(const char *a, const char *b, bool same)
{
    char *one, *two;
    size_t n, m;

    assert_int_equal(qn_system_slurp(&one, &n, a, NULL), 0);
    assert_int_equal(qn_system_slurp(&two, &m, b, NULL), 0);
    assert_int_equal(n == m && !memcmp(one, two, n), same);
    free(one);
    free(two);
}

/* The output of changed data is what HDF5 writes of them alone. */
static void
from_image(void **state)
{
    struct sample *s = make_sample("one");
    struct qn_writer_image image = {0};

    (void)state;
    s->out.provenance.key = "fedcba9876543210fedcba9876543210"
                            "fedcba9876543210fedcba9876543210";
    s->out.image = &image;
    assert_int_equal(qn_writer_hdf5(&s->out, NULL), 0);
    assert_true(image.form.len > 0);
    change_data(s);
    s->out.path = "two";
    assert_int_equal(qn_writer_hdf5(&s->out, NULL), 0);
    s->out.path = "three";
    s->out.image = NULL;
    assert_int_equal(qn_writer_hdf5(&s->out, NULL), 0);
    assert_same_files("two", "three", true);
    assert_same_files("one", "three", false);
    // that it was written from the image at all
    s->out.image = &image;
    s->out.path = "four";
    image.bytes[0] = 'X';
    assert_int_equal(qn_writer_hdf5(&s->out, NULL), 0);
    assert_same_files("four", "three", false);
    qn_writer_image_clear(&image);
    clear_sample(s);
}

/* Whatever else changes, HDF5 writes. */
static void
other_forms(void **state)
{
    struct sample *s = make_sample("one");
    struct qn_writer_image image = {0};

    (void)state;
    for (int i = 0; i < 7; i++) {
        s->out.image = &image;
        s->out.path = "one";
        assert_int_equal(qn_writer_hdf5(&s->out, NULL), 0);
        switch (i) {
        case 0: s->out.provenance.steps = "[]"; break;
        case 1: s->used[0].path = "a/longer/path/than/before.fits"; break;
        case 2: s->out.provenance.members++; break;
        case 3: s->products[0].units = "K"; break;
        case 4: s->out.nproducts--; break;
        case 5: s->out.compress = 4; break;
        default: add_card(&s->cards, "NEW", "1", 'n'); break;
        }
        assert_int_equal(qn_writer_hdf5(&s->out, NULL), 0);
        s->out.image = NULL;
        s->out.path = "two";
        assert_int_equal(qn_writer_hdf5(&s->out, NULL), 0);
        assert_same_files("one", "two", true);
    }
    assert_int_equal(open_ids(), 0);
    qn_writer_image_clear(&image);
    clear_sample(s);
}

/* ---- keys --------------------------------------------------------------- */

static void
put(const char *path, const void *data, size_t n)
{
    FILE *f = fopen(path, "w");

    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void
no_keys(void **state)
{
    struct qn_error err;
    char key[65], cards[160];
    hid_t file, number, space;

    (void)state;
    assert_int_equal(qn_writer_key("none", key, &err), QN_EMISSING);
    assert_int_equal(qn_writer_key(".", key, &err), QN_EFORMAT);
    assert_int_equal(mkfifo("pipe", 0666), 0);
    assert_int_equal(qn_writer_key("pipe", key, &err), QN_EFORMAT);
    put("empty", "", 0);
    assert_int_equal(qn_writer_key("empty", key, &err), QN_EFORMAT);
    put("text", "SIMPLE text", 11);
    assert_int_equal(qn_writer_key("text", key, &err), QN_EFORMAT);
    memset(cards, ' ', sizeof cards);
    memcpy(cards, "SIMPLE  = T", 11);
    memcpy(cards + 80, "QNKEY   = ", 10);
    memset(cards + 90, 'x', 70); // longer than a key
    put("long", cards, sizeof cards);
    assert_int_equal(qn_writer_key("long", key, &err), QN_EFORMAT);
    assert_string_equal(err.text,
                        "long: holds no key, so quern did not write it");

    // The right name, the wrong thing.
    file = H5Fcreate("number", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    assert_int_equal(H5Gclose(H5Gcreate2(file, "entry", 0, 0, 0)), 0);
    assert_int_equal(H5Gclose(H5Gcreate2(file, "entry/process", 0, 0, 0)), 0);
    space = H5Screate(H5S_SCALAR);
    number = H5Dcreate2(file, "entry/process/key", H5T_NATIVE_INT, space, 0, 0,
                        0);
    H5Dclose(number);
    H5Sclose(space);
    H5Fclose(file);
    assert_int_equal(qn_writer_key("number", key, &err), QN_EFORMAT);
    assert_int_equal(open_ids(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_products),
        cmocka_unit_test(nowhere),
        cmocka_unit_test(full_disk),
        cmocka_unit_test(bytes),
        cmocka_unit_test(from_image),
        cmocka_unit_test(other_forms),
        cmocka_unit_test(no_keys),
    };

    return cmocka_run_group_tests(tests, enter_folder, scratch_leave);
}
