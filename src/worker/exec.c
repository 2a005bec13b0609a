/* One item of a program: a fresh folder, the program, what it left.
 *
 * The words come filled in.  On success the outputs are synced and moved to
 * the names that the rank gave; on failure both streams are kept in a log.
 * Processes are spawn.c's. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/system.h"
#include "base/variables.h"
#include "io/atomic.h"
#include "model/json.h"
#include "worker/spawn.h"
#include "worker/worker.h"

enum { MOST_LOG = 1 << 20 }; /* bytes of each stream that are kept: the last */

struct running {
    struct qn_worker *w;
    const json_t *request;
    const char *folder;   /* fresh, for this item alone                     */
    const char **argv;    /* owned; ends with NULL                          */
    const char **more;    /* owned: additions to the environment, likewise  */
    char **env;           /* owned, likewise                                */
    char **plain;         /* owned: the environment without MPI's variables */
    int out, err;         /* owned; streams of the program                  */
    struct qn_spawn_end end;
};

static const char *
from(const struct running *r, size_t i)
{
    return json_string_value(
        json_array_get(json_object_get(r->request, "from"), i));
}

static size_t
count(const struct running *r)
{
    return json_array_size(json_object_get(r->request, "from"));
}

/* ---- folders ------------------------------------------------------------------- */

static int
remove_one(const char *path, const struct stat *st, int kind,
           struct FTW *where)
{
    (void)st, (void)where;
    if (kind == FTW_DNR || kind == FTW_D)
        return 0;
    if (remove(path) && errno != ENOENT)
        return 0; // what cannot be removed is left to `quern clean`
    return 0;
}

/* A folder and all in it, links not followed. */
static void
remove_tree(const char *path)
{
    if (rmdir(path) && errno != ENOENT)
        nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int
make_folder(const struct running *r, struct qn_error *err)
{
    int bad = mkdir(r->folder, 0777);

    if (bad && errno == EEXIST)
        remove_tree(r->folder); // of a run that was killed
    else if (bad && errno == ENOENT)
        QN_TRY(qn_atomic_parent(r->folder, err));
    if (bad)
        QN_TRY(QN_SYS(err, r->folder, mkdir(r->folder, 0777)));
    for (size_t i = 0; i < count(r); i++)
        QN_TRY(qn_atomic_parent(from(r, i), err));
    if (json_is_true(json_object_get(r->request, "fills")))
        return qn_atomic_folder(from(r, 0), err);
    return 0;
}

/* ---- streams -------------------------------------------------------------------- */

/* A file without a name beside the item's folder: it costs no memory, however
 * much a program says. */
static int
open_stream(const struct running *r, int *fd, struct qn_error *err)
{
    char *path = NULL;

    if (asprintf(&path, "%s.stream", r->folder) < 0)
        return qn_fail(err, QN_ENOMEM, "no memory for a path");
    *fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (*fd < 0)
        qn_fail(err, QN_EIO, "%s: %s", path, strerror(errno));
    else
        unlink(path);
    free(path);
    return *fd < 0 ? QN_EIO : 0;
}

static int
open_streams(struct running *r, struct qn_error *err)
{
    const char *path = from(r, count(r) - 1);

    QN_TRY(open_stream(r, &r->err, err));
    if (!json_is_true(json_object_get(r->request, "catches")))
        return open_stream(r, &r->out, err);
    r->out = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC,
                  0666);
    return r->out < 0
               ? qn_fail(err, QN_EIO, "%s: %s", path, strerror(errno))
               : 0;
}

/* The last n - 1 bytes of a stream. */
static size_t
read_tail(int fd, char *buf, size_t n)
{
    off_t end = lseek(fd, 0, SEEK_END);
    off_t at = end > (off_t)n - 1 ? end - (off_t)n + 1 : 0;
    size_t have = 0;
    ssize_t got = 1;

    while (have < n - 1 && got > 0) {
        got = pread(fd, buf + have, n - 1 - have, at + (off_t)have);
        have += got > 0 ? (size_t)got : 0;
    }
    buf[have] = '\0';
    return have;
}

/* ": LAST LINE OF STDERR", without control characters; "" if it said nothing. */
static void
last_words(const struct running *r, char *buf, size_t size)
{
    char tail[512], *line = tail;
    size_t n = read_tail(r->err, tail, sizeof tail);

    buf[0] = '\0';
    while (n && (unsigned char)tail[n - 1] <= ' ')
        tail[--n] = '\0';
    if (!n)
        return;
    if (strrchr(tail, '\n'))
        line = strrchr(tail, '\n') + 1;
    for (char *p = line; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 127)
            *p = ' ';
    snprintf(buf, size, ": %.300s", line);
}

static int
copy_stream(int to, int fd, const char *title, const char *path,
            struct qn_error *err)
{
    char *buf = malloc(MOST_LOG + 1), head[64];
    size_t n = buf ? read_tail(fd, buf, MOST_LOG + 1) : 0;
    int k = snprintf(head, sizeof head, "==== %s%s ====\n", title,
                     n == MOST_LOG ? " (its end)" : "");
    int rc = n ? qn_system_write(to, head, (size_t)k, path, err) : 0;

    if (!rc && n)
        rc = qn_system_write(to, buf, n, path, err);
    if (!rc && n && buf[n - 1] != '\n')
        rc = qn_system_write(to, "\n", 1, path, err);
    free(buf);
    return rc;
}

/* Keep both streams; false: there is no such log. */
static bool
keep_log(const struct running *r)
{
    const char *path = qn_json_text(r->request, "log");
    struct qn_error why;
    int fd, rc;

    if (qn_atomic_parent(path, &why))
        return false;
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return false;
    rc = copy_stream(fd, r->out, "stdout", path, &why);
    if (!rc)
        rc = copy_stream(fd, r->err, "stderr", path, &why);
    close(fd);
    return !rc;
}

/* ---- words and environment -------------------------------------------------------- */

static int
take_list(const char ***out, const json_t *list, struct qn_error *err)
{
    size_t n = json_array_size(list);

    QN_TRY(qn_memory_make((void **)out, n + 1, sizeof **out, "a command",
                          err));
    for (size_t i = 0; i < n; i++)
        (*out)[i] = json_string_value(json_array_get(list, i));
    return 0;
}

/* A program that is itself linked to MPI would take these for its own. */
static bool
is_of_mpi(const char *variable)
{
    static const char *const heads[] = {"OMPI_", "PMIX_", "PMI_", "PRTE_",
                                        "PMI2_", "MPI_LOCAL", "HYDI_"};

    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (!strncmp(variable, heads[i], strlen(heads[i])))
            return true;
    return false;
}

static int
make_environment(struct running *r, struct qn_error *err)
{
    char **from = r->w->environment;
    int threads = (int)qn_json_integer(r->request, "threads");
    struct qn_variables v = {.openmp = threads, .blas = threads};
    size_t n = 0, k = 0;

    while (from[n])
        n++;
    QN_TRY(qn_memory_make((void **)&r->plain, n + 1, sizeof *r->plain,
                          "an environment", err));
    for (size_t i = 0; i < n; i++)
        if (!is_of_mpi(from[i]))
            r->plain[k++] = from[i];
    return qn_variables_make(&r->env, r->plain, &v, r->more, err);
}

/* ---- what it left -------------------------------------------------------------------- */

static int
sync_file(const char *path, struct qn_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), rc = 0;

    if (fd < 0)
        return qn_fail(err, QN_EIO, "%s: %s", path, strerror(errno));
    if (fsync(fd) < 0 && errno != EINVAL && errno != ENOTSUP)
        rc = qn_fail(err, QN_EIO, "%s: %s", path, strerror(errno));
    close(fd);
    return rc;
}

static int
sync_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st, (void)where;
    return kind == FTW_F || kind == FTW_D || kind == FTW_DP
               ? sync_file(path, NULL)
               : 0;
}

static const char *
name_in(const struct running *r, const char *path)
{
    return path + strlen(r->folder) + 1;
}

static bool
is_empty(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *d;
    int n = 0;

    while (dir && (d = readdir(dir)))
        n += strcmp(d->d_name, ".") && strcmp(d->d_name, "..");
    if (dir)
        closedir(dir);
    return !n;
}

static int
check_output(const struct running *r, const char *path, int64_t *bytes,
             struct qn_error *err)
{
    bool fills = json_is_true(json_object_get(r->request, "fills"));
    struct stat st;

    if (lstat(path, &st) < 0)
        return qn_fail(err, QN_EMISSING,
                       "the program ended well but did not write %s; it was "
                       "to be written to {output}",
                       name_in(r, path));
    if (fills && (!S_ISDIR(st.st_mode) || is_empty(path)))
        return qn_fail(err, QN_EMISSING,
                       "the program ended well but wrote nothing into the "
                       "folder %s; that is what {output} names",
                       name_in(r, path));
    if (!fills && !S_ISREG(st.st_mode))
        return qn_fail(err, QN_EVALUE,
                       "%s, which the program wrote, is no regular file",
                       name_in(r, path));
    *bytes += st.st_size;
    if (!fills)
        return sync_file(path, err);
    return nftw(path, sync_one, 16, FTW_PHYS)
               ? qn_fail(err, QN_EIO, "%s cannot be synced", path)
               : 0;
}

/* from -> to; a folder takes the place of one that is there. */
static int
move_output(const struct running *r, size_t i, struct qn_error *err)
{
    const char *to = json_string_value(
        json_array_get(json_object_get(r->request, "to"), i));
    const char *old = qn_json_text(r->request, "replaces");

    if (old) {
        remove_tree(old);
        remove_tree(to); // of a run that was killed
    }
    if (!rename(from(r, i), to))
        return 0;
    if (errno == ENOENT)
        QN_TRY(qn_atomic_parent(to, err));
    return QN_SYS(err, to, rename(from(r, i), to));
}

/* The last first: a result is there when its first output is. */
static int
take_outputs(const struct running *r, json_t *reply, struct qn_error *err)
{
    int64_t bytes = 0;

    for (size_t i = 0; i < count(r); i++)
        QN_TRY(check_output(r, from(r, i), &bytes, err));
    for (size_t i = count(r); i-- > 0;)
        QN_TRY(move_output(r, i, err));
    json_object_set_new(reply, "bytes", json_integer(bytes));
    return 0;
}

/* ---- how it ended ------------------------------------------------------------------------ */

static int
say_end(const struct running *r, struct qn_error *err)
{
    double limit =
        json_number_value(json_object_get(r->request, "timeout"));
    char said[400];

    if (r->end.refused)
        return qn_fail(err, QN_EMISSING, "%s cannot be started: %s",
                       r->argv[0], strerror(r->end.refused));
    last_words(r, said, sizeof said);
    if (r->end.late)
        return qn_fail(err, QN_ETIMEOUT,
                       "the program took longer than its time limit of %g s; "
                       "raise `timeout:` of the stage if it needs more%s",
                       limit, said);
    if (WIFSIGNALED(r->end.status))
        return qn_fail(err, QN_ECRASH, "the program was killed by SIG%s%s",
                       sigabbrev_np(WTERMSIG(r->end.status)), said);
    if (WEXITSTATUS(r->end.status))
        return qn_fail(err, QN_EVALUE, "exit status %d%s",
                       WEXITSTATUS(r->end.status), said);
    return 0;
}

/* "; see LOG" behind the sentence. */
static void
name_log(const struct running *r, struct qn_error *err)
{
    struct qn_error why = *err;

    if (why.code != QN_EIO && keep_log(r))
        qn_fail(err, why.code, "%s; see %s", why.text,
                qn_json_text(r->request, "log"));
}

static int
run_program(struct running *r, json_t *reply, struct qn_error *err)
{
    const char *cwd = qn_json_text(r->request, "cwd");
    struct qn_spawn what = {
        .argv = (char *const *)(uintptr_t)r->argv,
        .env = r->env,
        .folder = cwd ? cwd : r->folder,
        .out = r->out,
        .err = r->err,
        .timeout = json_number_value(json_object_get(r->request, "timeout")),
    };
    int rc;

    if (cwd && access(cwd, X_OK))
        return qn_fail(err, QN_EMISSING, "its `cwd`, %s: %s", cwd,
                       strerror(errno));
    QN_TRY(qn_spawn_run(r->w->spawner, &what, &r->end, err));
    rc = say_end(r, err);
    if (!rc)
        rc = take_outputs(r, reply, err);
    if (rc)
        name_log(r, err);
    else
        unlink(qn_json_text(r->request, "log")); // of an earlier failure
    return rc;
}

int
qn_exec_run(struct qn_worker *w, const json_t *request, json_t *reply,
            struct qn_error *err)
{
    struct running r = {.w = w,
                        .request = request,
                        .out = -1,
                        .err = -1,
                        .folder = qn_json_text(request, "folder")};
    double t0 = qn_clock_now();
    int rc = w->spawner ? 0 : qn_spawn_open(&w->spawner, err);

    if (!rc)
        rc = take_list(&r.argv, json_object_get(request, "argv"), err);
    if (!rc)
        rc = take_list(&r.more, json_object_get(request, "env"), err);
    if (!rc)
        rc = make_environment(&r, err);
    if (!rc)
        rc = make_folder(&r, err);
    if (!rc)
        rc = open_streams(&r, err);
    if (!rc)
        rc = run_program(&r, reply, err);
    if (r.out >= 0)
        close(r.out);
    if (r.err >= 0)
        close(r.err);
    remove_tree(r.folder);
    free(r.argv);
    free(r.more);
    free(r.env);
    free(r.plain);
    json_object_set_new(reply, "seconds",
                        json_pack("[f,f,f]", 0.0, qn_clock_now() - t0, 0.0));
    return rc;
}
