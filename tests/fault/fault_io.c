/* Files: atomic ones, results, the journal, readers, lists. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/system.h"
#include "io/atomic.h"
#include "io/channel.h"
#include "io/discover.h"
#include "io/past.h"
#include "io/reader.h"
#include "io/writer.h"
#include "model/array.h"
#include "wrap.h"

/* ---- whole files ---------------------------------------------------------- */

static int
atomic(struct qn_error *err)
{
    char *text;
    size_t n;

    QN_TRY(qn_atomic_folder("a/b", err));
    QN_TRY(qn_atomic_write("a/b/x", "one", 3, err));
    QN_TRY(qn_atomic_write("a/b/x", "three", 5, err));
    QN_TRY(qn_system_slurp(&text, &n, "a/b/x", err));
    wrap_note(text, n);
    free(text);
    return 0;
}

/* ---- results -------------------------------------------------------------- */

static int
write_result(const char *path, bool fits, struct qn_error *err)
{
    float image[100 * 60];
    struct qn_type type = {QN_F32, {2, {100, 60}}};
    struct qn_array a = qn_array_view(&type, image);
    struct qn_product product = {
        .name = "data", .data = &a, .units = "adu"};
    struct qn_used used = {"raw/a.fits", 2880, 1, "used"};
    struct qn_cards cards = {0};
    struct qn_output out = {
        .path = path,
        .products = &product,
        .nproducts = 1,
        .compress = fits ? 0 : 4,
        .cards = &cards,
        .provenance = {.version = "0", .job = "name: x\n", .stage = "s",
                       .steps = "[]", .key = "00", .used = &used, .nused = 1},
    };
    int rc;

    for (int i = 0; i < 100 * 60; i++)
        image[i] = (float)(i % 251);
    rc = qn_cards_add(&cards, "OBJECT", "M67", "a cluster", 's', err);
    if (!rc)
        rc = fits ? qn_writer_fits(&out, err) : qn_writer_hdf5(&out, err);
    qn_cards_clear(&cards);
    return rc;
}

static int
hdf5(struct qn_error *err)
{
    return write_result("x.h5", false, err);
}

static int
fits(struct qn_error *err)
{
    return write_result("x.fits", true, err);
}

/* ---- readers -------------------------------------------------------------- */

static void
make_inputs(void)
{
    static const char npy[] = "\x93NUMPY\1\0v\0{'descr': '<i2', "
                              "'fortran_order': False, 'shape': (2, 3), }";
    char head[128];
    FILE *f = fopen("x.npy", "wb");

    assert_non_null(f);
    assert_int_equal(write_result("x.h5", false, NULL), 0);
    assert_int_equal(write_result("x.fits", true, NULL), 0);
    memset(head, ' ', sizeof head);
    memcpy(head, npy, sizeof npy - 1);
    head[127] = '\n';
    fwrite(head, 1, sizeof head, f);
    fwrite("\1\0\2\0\3\0\4\0\5\0\6\0", 1, 12, f);
    fclose(f);
}

static int
read_all(const struct qn_source *s, const char *field, struct qn_error *err)
{
    struct qn_reader *r = NULL;
    struct qn_array a = {0};
    char value[80];
    bool text;
    int rc = qn_reader_open(&r, s, err);

    if (!rc && field)
        rc = qn_reader_field(r, field, value, sizeof value, &text, err);
    if (!rc && field)
        wrap_note(value, strlen(value));
    qn_reader_close(r);
    if (!rc)
        rc = qn_reader_all(&a, s, err);
    if (!rc)
        wrap_note(a.data, qn_array_bytes(&a));
    qn_array_clear(&a);
    return rc;
}

static int
readers(struct qn_error *err)
{
    const char *part[] = {"10:20:3", ":"};

    QN_TRY(read_all(&(struct qn_source){.path = "x.h5"}, "OBJECT", err));
    QN_TRY(read_all(&(struct qn_source){.path = "x.fits"}, "OBJECT", err));
    QN_TRY(read_all(&(struct qn_source){.path = "x.fits", .nslice = 2,
                                        .slice = part}, NULL, err));
    QN_TRY(read_all(&(struct qn_source){.path = "x.npy",
                                        .frames = "frame > 0"}, NULL, err));
    return read_all(&(struct qn_source){.path = "x.npy", .format = "raw",
                                        .dtype = "uint8",
                                        .shape = {2, {-1, 4}}}, NULL, err);
}

/* ---- the journal ---------------------------------------------------------- */

static int
write_journal(struct qn_error *err)
{
    struct qn_record r = {.kind = QN_RECORD_DONE, .time_ns = 1,
                          .stage = "s", .name = "s/a.h5", .key = "00"};
    struct qn_journal j;
    int rc;

    QN_TRY(qn_journal_open(&j, "q/journal", 0, err));
    rc = qn_journal_add(&j, &r, err);
    if (!rc)
        rc = qn_journal_flush(&j, true, err);
    r.name = "s/b.h5";
    if (!rc)
        rc = qn_journal_add(&j, &r, err);
    if (!rc)
        rc = qn_journal_flush(&j, true, err);
    qn_journal_close(&j);
    return rc;
}

/* What was written is read, and a second writing is the same twice. */
static int
journal(struct qn_error *err)
{
    struct qn_past past = {0};
    int rc = write_journal(err);

    if (!rc)
        rc = qn_past_load(&past, "q/journal", NULL, err);
    for (size_t i = 0; !rc && i < past.nitems; i++)
        wrap_note(past.item[i].name, strlen(past.item[i].name));
    qn_past_clear(&past);
    // the lines of a first try stand: only the past counts
    if (!rc)
        unlink("q/journal/0.log");
    return rc;
}

/* ---- finding files -------------------------------------------------------- */

static void
make_folders(void)
{
    static const char list[] = "path,kind\na/1.x,dark\nb/2.x,flat\n";
    const char *files[] = {"a/1.x", "a/c/3.x", "b/2.x"};

    assert_int_equal(qn_atomic_folder("a/c", NULL), 0);
    assert_int_equal(qn_atomic_folder("b", NULL), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(qn_atomic_write(files[i], "x", 1, NULL), 0);
    assert_int_equal(qn_atomic_write("l.csv", list, strlen(list), NULL), 0);
}

static int
find(const char *pattern, struct qn_error *err)
{
    struct qn_finds found = {0};
    const char *not = "c/*";
    int rc = qn_discover(&found, ".", &pattern, 1, &not, 1, err);

    for (size_t i = 0; !rc && i < found.n; i++) {
        wrap_note(found.v[i].path, strlen(found.v[i].path));
        if (found.v[i].fields)
            wrap_note(found.v[i].fields, strlen(found.v[i].fields));
    }
    qn_discover_clear(&found);
    return rc;
}

static int
finding(struct qn_error *err)
{
    QN_TRY(find("**/{n}.x", err));
    QN_TRY(find("a", err));
    return find("@l.csv", err);
}

/* ---- between rank and worker ---------------------------------------------- */

static int
channel(struct qn_error *err)
{
    json_t *there = json_pack("{s:s,s:i}", "op", "x", "n", 3), *back = NULL;
    int line[2], fds[QN_CHANNEL_FDS], nfds = 0, rc;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line) < 0) {
        json_decref(there);
        return qn_fail(err, QN_EIO, "no socket");
    }
    rc = qn_channel_send(line[0], there, &line[1], 1, err);
    if (!rc)
        rc = qn_channel_receive(line[1], &back, fds, &nfds, err);
    if (!rc)
        wrap_note(&nfds, sizeof nfds);
    while (nfds > 0)
        close(fds[--nfds]);
    json_decref(there);
    json_decref(back);
    close(line[0]);
    close(line[1]);
    return rc;
}

int
main(void)
{
    static const struct scenario rows[] = {
        {"atomic files", atomic, NULL},  {"HDF5 results", hdf5, NULL},
        {"FITS results", fits, NULL},    {"readers", readers, make_inputs},
        {"journal", journal, NULL},      {"finding", finding, make_folders},
        {"channel", channel, NULL},
    };

    return wrap_main(rows, sizeof rows / sizeof *rows);
}
