/* Finding input files: what is not there, then patterns, lists, links. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "io/discover.h"

#include "scratch.h"

static void
put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* The folder of all tests:
 *
 *     raw/n1/{flat-B-1,flat-V-1,bias-1}.fits   raw/n2/flat-V-2.fits
 *     raw/.hid/x.fits  raw/.x.fits  raw/.a.fits.7.tmp
 *     link/{up -> .., twin -> ../raw/n2, dead.fits -> nowhere}
 *     odd[1].fits  empty/  data/pipe (a FIFO)
 */
static int
enter_folder(void **state)
{
    static const char *const folders[] = {"raw",  "raw/n1", "raw/n2",
                                          "raw/.hid", "link", "empty", "data"};
    static const char *const files[] = {
        "raw/n1/flat-B-1.fits", "raw/n1/flat-V-1.fits", "raw/n1/bias-1.fits",
        "raw/n2/flat-V-2.fits", "raw/.hid/x.fits",      "raw/.x.fits",
        "raw/.a.fits.7.tmp",    "odd[1].fits"};

    if (scratch_enter(state))
        return -1;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (mkdir(folders[i], 0777))
            return -1;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        put(files[i], "12345");
    return symlink("..", "link/up") || symlink("../raw/n2", "link/twin") ||
                   symlink("nowhere", "link/dead.fits") ||
                   mkfifo("data/pipe", 0666)
               ? -1
               : 0;
}

/* What one pattern (and one exclude, or NULL) finds, as "path path". */
static int
find(struct qn_text *out, const char *base, const char *pattern,
     const char *exclude, struct qn_error *err)
{
    struct qn_finds f;
    int rc = qn_discover(&f, base, &pattern, 1, &exclude, exclude ? 1 : 0, err);

    for (size_t i = 0; i < f.n; i++)
        qn_text_add(out, "%s%s", i ? " " : "", f.v[i].path);
    qn_discover_clear(&f);
    qn_discover_clear(&f);
    return rc;
}

/* ---- nothing there ------------------------------------------------------ */

static const struct {
    const char *pattern, *exclude;
    int rc;
    const char *says;
} missing[] = {
    {"raw/*.fitz", NULL, QN_EMISSING, "no file matches 'raw/*.fitz' in /"},
    {"rew/n1/*.fits", NULL, QN_EMISSING, "there is no folder /"},
    {"odd\\[1].fits/*", NULL, QN_EMISSING, "there is no folder /"},
    {"empty", NULL, QN_EMISSING, "no file matches 'empty'"},
    {"data/pipe", NULL, QN_EMISSING, "no file matches 'data/pipe'"},
    {"raw/.a.fits.7.tmp", NULL, QN_EMISSING, "no file matches"},
    {"raw/.*.tmp", NULL, QN_EMISSING, "no file matches"},
    {"raw/n1/*", "*.fits", QN_EMISSING, "that 'exclude' does not leave out"},
    {"raw/n1/*", "raw/**", QN_EMISSING, "that 'exclude' does not leave out"},
    {"raw/n1/*", "../*", QN_EJOB, "write its full path"},
    {"@nolist.txt", NULL, QN_EIO, "nolist.txt"},
    {"@empty.txt", NULL, QN_EMISSING, "the list '@empty.txt' names no file"},
    {"@nul.txt", NULL, QN_EFORMAT, "nul.txt: line 1: a NUL byte"},
    {"@tag.txt", NULL, QN_EFORMAT, "tag.txt: line 2: a tag without a path"},
    {"@nopath.csv", NULL, QN_EFORMAT, "there is no column 'path' (there are: "
                                      "file, night)"},
    {"@ragged.csv", NULL, QN_EFORMAT, "ragged.csv: line 3: 1 cells for 2"},
    {"@nocell.csv", NULL, QN_EFORMAT, "line 2: the path is empty"},
    {"@none.csv", NULL, QN_EFORMAT, "the table is empty"},
    {"@equal.csv", NULL, QN_EFORMAT, "column 'a=b'"},
};

static void
nothing_there(void **state)
{
    FILE *f = fopen("nul.txt", "w");

    (void)state;
    assert_int_equal(fwrite("a\0b\n", 4, 1, f), 1);
    fclose(f);
    put("empty.txt", "\n\r\n");
    put("tag.txt", "a\n\tx\n");
    put("nopath.csv", "file,night\na,b\n");
    put("ragged.csv", "path,night\na,b\nc\n");
    put("nocell.csv", "path,night\n,b\n");
    put("none.csv", "");
    put("equal.csv", "path,a=b\nx,y\n");
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        struct qn_text out = {0};
        struct qn_error err = {0};
        int rc = find(&out, ".", missing[i].pattern, missing[i].exclude, &err);

        if (rc != missing[i].rc || !strstr(err.text, missing[i].says))
            fail_msg("%s: %d '%s'", missing[i].pattern, rc, err.text);
        assert_null(out.s);
    }
}

static void
unreadable_folder(void **state)
{
    struct qn_text out = {0};
    struct qn_error err;

    (void)state;
    if (geteuid() == 0)
        skip(); // root reads everything
    assert_int_equal(mkdir("shut", 0), 0);
    assert_int_equal(find(&out, ".", "shut/*.fits", NULL, &err), QN_EIO);
    assert_non_null(strstr(err.text, "shut: Permission denied"));
    assert_int_equal(rmdir("shut"), 0);
}

/* ---- patterns ----------------------------------------------------------- */

static const struct {
    const char *base, *pattern, *exclude, *paths;
} rows[] = {
    {".", "raw/*/*V*.fits", NULL,
     "raw/n1/flat-V-1.fits raw/n2/flat-V-2.fits"},
    {".", "./raw//n1/../n1/bias-?.fits", NULL, "raw/n1/bias-1.fits"},
    {".", "raw/**/*.fits", "*V*",
     "raw/n1/bias-1.fits raw/n1/flat-B-1.fits"},
    {".", "raw/**", "raw/n1/**", "raw/n2/flat-V-2.fits"},
    {".", "raw/**", "./raw/n?/flat*", "raw/n1/bias-1.fits"},
    {".", "raw/n2", NULL, "raw/n2/flat-V-2.fits"},
    {".", "raw/n2/", NULL, "raw/n2/flat-V-2.fits"},
    {"raw/n2", ".", NULL, "flat-V-2.fits"},
    {"raw/n2", "", NULL, "flat-V-2.fits"},
    {"raw/n1", "../n?/flat-?-2.fits", NULL, NULL},
    {"raw/n1", "../n1/bias*", NULL, "bias-1.fits"},
    // hidden only where it is asked for
    {".", "raw/.*", NULL, "raw/.x.fits"},
    {".", "raw/.hid/*", NULL, "raw/.hid/x.fits"},
    {".", "raw/.x.fits", NULL, "raw/.x.fits"},
    // a name that looks like a pattern
    {".", "odd[1].fits", NULL, "odd[1].fits"},
    {".", "odd[[]1].fits", NULL, "odd[1].fits"},
    // links: to a folder, to nowhere, back to where one is
    {".", "link/twin/*", NULL, "link/twin/flat-V-2.fits"},
    {".", "link/*.fits", NULL, "link/dead.fits"},
    {".", "link/**/*V-2.fits", NULL, "link/twin/flat-V-2.fits"},
    {"link", "up/link/up/raw/n2/*", NULL,
     "up/link/up/raw/n2/flat-V-2.fits"},
    {".", "link/up/raw/n2/*", NULL, "link/up/raw/n2/flat-V-2.fits"},
    {"link", "up/**/*V-2.fits", NULL,
     "up/link/twin/flat-V-2.fits up/raw/n2/flat-V-2.fits"},
    {".", "**/flat-V-2.fits", NULL,
     "link/twin/flat-V-2.fits raw/n2/flat-V-2.fits"},
};

static void
patterns(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct qn_text out = {0}, want = {0};
        struct qn_error err = {0};

        if (find(&out, rows[i].base, rows[i].pattern, rows[i].exclude, &err))
            fail_msg("%s: %s", rows[i].pattern, err.text);
        if (rows[i].paths)
            qn_text_add(&want, "%s", rows[i].paths);
        else // outside the base: absolute
            qn_text_add(&want, "%s/raw/n2/flat-V-2.fits", (char *)*state);
        assert_string_equal(qn_text_get(&out), qn_text_get(&want));
        qn_text_clear(&out);
        qn_text_clear(&want);
    }
}

/* An absolute pattern, relative to a base above it and to one elsewhere. */
static void
absolute(void **state)
{
    struct qn_text pattern = {0}, out = {0};

    qn_text_add(&pattern, "%s/raw/n2/*", (char *)*state);
    assert_int_equal(find(&out, *state, pattern.s, NULL, NULL), 0);
    assert_string_equal(out.s, "raw/n2/flat-V-2.fits");
    qn_text_clear(&out);
    assert_int_equal(find(&out, "/", pattern.s, NULL, NULL), 0);
    assert_string_equal(out.s + strlen(out.s) - 13, "flat-V-2.fits");
    assert_true(out.s[0] != '/');
    qn_text_clear(&out);
    assert_int_equal(find(&out, "raw/n1", pattern.s, NULL, NULL), 0);
    assert_string_equal(out.s + strlen(*state), "/raw/n2/flat-V-2.fits");
    qn_text_clear(&out);
    qn_text_clear(&pattern);
}

/* By name only: the same paths in the same order; links and what was named
 * are looked at all the same. */
static void
names_only(void **state)
{
    const char *const patterns_of[] = {"raw/{night}/flat-{filter}-*", "raw/n1",
                                       "link/**"};
    struct qn_finds f, names;

    (void)state;
    assert_int_equal(qn_discover(&f, ".", patterns_of, 3, NULL, 0, NULL), 0);
    assert_int_equal(
        qn_discover_names(&names, ".", patterns_of, 3, NULL, 0, NULL), 0);
    assert_int_equal(names.n, f.n);
    for (size_t i = 0; i < f.n; i++) {
        struct stat st;
        bool plain = !lstat(f.v[i].path, &st) && S_ISREG(st.st_mode);

        assert_string_equal(names.v[i].path, f.v[i].path);
        assert_int_equal(names.v[i].bytes,
                         plain ? QN_FOUND_LATER : f.v[i].bytes);
        assert_int_equal(names.v[i].mtime_ns, plain ? 0 : f.v[i].mtime_ns);
    }
    qn_discover_clear(&f);
    qn_discover_clear(&names);
}

static void
facts(void **state)
{
    const char *const patterns_of[] = {"raw/{night}/flat-{filter}-*", "raw/n1",
                                       "link/dead.fits"};
    struct qn_finds f;
    struct stat st;

    (void)state;
    assert_int_equal(qn_discover(&f, ".", patterns_of, 3, NULL, 0, NULL), 0);
    // Each path once, with the fields of the first pattern that found it.
    assert_int_equal(f.n, 5);
    assert_string_equal(f.v[0].path, "link/dead.fits");
    assert_int_equal(f.v[0].bytes, -1);
    assert_string_equal(f.v[1].path, "raw/n1/bias-1.fits");
    assert_null(f.v[1].fields);
    assert_string_equal(f.v[2].path, "raw/n1/flat-B-1.fits");
    assert_string_equal(f.v[2].fields, "night=n1\nfilter=B\n");
    assert_int_equal(f.v[2].bytes, 5);
    assert_int_equal(stat(f.v[2].path, &st), 0);
    assert_int_equal(f.v[2].mtime_ns, (int64_t)st.st_mtim.tv_sec * 1000000000 +
                                          st.st_mtim.tv_nsec);
    assert_string_equal(f.v[4].fields, "night=n2\nfilter=V\n");
    qn_discover_clear(&f);
}

/* ---- lists -------------------------------------------------------------- */

static void
lists(void **state)
{
    const char *list = "@sub.txt", *table = "@frames.CSV";
    struct qn_finds f;

    (void)state;
    put("sub.txt", "\xEF\xBB\xBFraw/n2/flat-V-2.fits\tgood one\r\n\n"
                   "./raw/n1/../n1/bias-1.fits\nnot/there.fits\t\n"
                   "raw/.a.fits.7.tmp\nraw/n1/bias-1.fits\ttwice");
    assert_int_equal(qn_discover(&f, ".", &list, 1, NULL, 0, NULL), 0);
    assert_int_equal(f.n, 3);
    assert_string_equal(f.v[0].path, "not/there.fits");
    assert_int_equal(f.v[0].bytes, -1);
    assert_string_equal(f.v[0].fields, "tag=\n");
    assert_string_equal(f.v[1].path, "raw/n1/bias-1.fits");
    assert_null(f.v[1].fields);
    assert_string_equal(f.v[2].fields, "tag=good one\n");
    qn_discover_clear(&f);

    put("frames.CSV", "night,path,\"the, note\",\r\n"
                      "1,raw/n2/flat-V-2.fits,\"two\nlines\",x\r\n"
                      "2,odd[1].fits,,\r\n");
    assert_int_equal(qn_discover(&f, ".", &table, 1, NULL, 0, NULL), 0);
    assert_int_equal(f.n, 2);
    assert_string_equal(f.v[0].path, "odd[1].fits");
    assert_string_equal(f.v[0].fields, "night=2\nthe, note=\n");
    assert_string_equal(f.v[1].fields, "night=1\nthe, note=two\\nlines\n");
    qn_discover_clear(&f);
}

static void
list_on_stdin(void **state)
{
    const char *list = "@-";
    struct qn_finds f;
    int before = dup(0), fd;

    (void)state;
    put("stdin.txt", "odd[1].fits\n");
    assert_true((fd = open("stdin.txt", O_RDONLY)) >= 0);
    assert_int_equal(dup2(fd, 0), 0);
    assert_int_equal(qn_discover(&f, ".", &list, 1, NULL, 0, NULL), 0);
    dup2(before, 0);
    close(fd);
    close(before);
    assert_int_equal(f.n, 1);
    assert_string_equal(f.v[0].path, "odd[1].fits");
    qn_discover_clear(&f);
}

static void
match(void **state)
{
    (void)state;
    assert_true(qn_discover_match("raw/*/a.h5", "raw/n1/a.h5"));
    assert_true(qn_discover_match("a*.h5", "raw/n1/a.h5"));
    assert_true(qn_discover_match("{kind}-*.h5", "raw/n1/a-1.h5"));
    assert_true(qn_discover_match("/x/*.h5", "/x/a.h5"));
    assert_false(qn_discover_match("x/*.h5", "/x/a.h5"));
    assert_false(qn_discover_match("n1/*.h5", "raw/n1/a.h5"));
    assert_false(qn_discover_match("", "a"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_there), cmocka_unit_test(unreadable_folder),
        cmocka_unit_test(patterns),      cmocka_unit_test(absolute),
        cmocka_unit_test(names_only),
        cmocka_unit_test(facts),         cmocka_unit_test(lists),
        cmocka_unit_test(list_on_stdin), cmocka_unit_test(match),
    };

    return cmocka_run_group_tests(tests, enter_folder, scratch_leave);
}
