/* quern init KIND: a commented job file to start from. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/system.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/init.h"

/* What people may ask for.  A kind without its file in jobs/init/ is not in
 * this version. */
static const struct {
    const char *kind, *summary;
} kinds[] = {
    {"night", "CCD frames: bias, flats, science frames, stacks"},
    {"scan", "HDF5 tomography: projections, dark and white frames"},
    {"grid", "a gridded NetCDF or HDF5 variable: cut, average, convert"},
    {"table", "a catalogue against another"},
    {"exec", "a program of your own, once a file"},
};

enum { NKINDS = sizeof kinds / sizeof kinds[0] };

static const struct qn_init_job *
find_job(const char *kind)
{
    for (const struct qn_init_job *j = qn_init_jobs; j->kind; j++)
        if (!strcmp(j->kind, kind))
            return j;
    return NULL;
}

static void
print_help(void)
{
    printf("Usage: quern init KIND [FILE]\n\n"
           "Write a commented job file to start from. FILE is KIND.yaml "
           "unless given; a file\nthat is there is never overwritten; - is "
           "standard output.\n\n");
    for (int i = 0; i < NKINDS; i++)
        if (find_job(kinds[i].kind))
            printf("  %-8s %s\n", kinds[i].kind, kinds[i].summary);
}

static int
unknown_kind(const char *word)
{
    const char *names[NKINDS + 1], *near;
    int n = 0;

    for (int i = 0; i < NKINDS; i++) {
        if (!strcmp(kinds[i].kind, word)) {
            fprintf(stderr,
                    "quern: `init %s` is not available in this version\n",
                    word);
            return QN_EXIT_USAGE;
        }
        if (find_job(kinds[i].kind))
            names[n++] = kinds[i].kind;
    }
    names[n] = NULL;
    near = qn_text_nearest(word, names);
    fprintf(stderr, "quern: unknown kind '%s'; %s%s%s\n", word,
            near ? "did you mean '" : "`quern init --help` lists them",
            near ? near : "", near ? "'?" : "");
    return QN_EXIT_USAGE;
}

static int
write_new(const char *file, const struct qn_init_job *job,
          struct qn_error *err)
{
    int rc, fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

    if (fd < 0 && errno == EEXIST)
        return qn_fail(err, QN_EUSAGE,
                       "%s is there already and stays as it is; give another "
                       "name: quern init %s FILE",
                       file, job->kind);
    if (fd < 0)
        return qn_fail(err, QN_EUSAGE, "%s cannot be written: %s", file,
                       strerror(errno));
    rc = qn_system_write(fd, job->text, job->size, file, err);
    if (close(fd) && !rc)
        rc = qn_fail(err, QN_EIO, "%s: %s", file, strerror(errno));
    if (rc)
        unlink(file); // half a job file helps nobody
    return rc;
}

static void
say_next(const char *file)
{
    const char *quote = strchr(file, ' ') ? "'" : "";

    printf("Wrote %s. Type next:\n"
           "  quern plan %s%s%s             what it would do: writes nothing\n"
           "  quern run %s%s%s              do it\n"
           "Its folder `raw`, beside it, is where the input is looked for: "
           "change the file, or\nname another place with --data DIR.\n",
           file, quote, file, quote, quote, file, quote);
}

static int
write_job(const struct qn_init_job *job, const char *file)
{
    struct qn_error err = {0};
    char name[64];

    if (file && !strcmp(file, "-")) {
        fwrite(job->text, 1, job->size, stdout);
        if (!fflush(stdout))
            return QN_EXIT_DONE;
        qn_fail(&err, QN_EIO, "the job file could not be written");
        return qn_cli_exit(&err, true);
    }
    snprintf(name, sizeof name, "%s.yaml", job->kind);
    if (write_new(file ? file : name, job, &err))
        return qn_cli_exit(&err, true);
    say_next(file ? file : name);
    return QN_EXIT_DONE;
}

int
qn_cmd_init(int argc, char **argv)
{
    const struct qn_init_job *job;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            print_help();
            return QN_EXIT_DONE;
        }
        if (argv[i][0] == '-' && argv[i][1]) {
            fprintf(stderr, "quern: init has no option %s; see `quern init "
                            "--help`\n",
                    argv[i]);
            return QN_EXIT_USAGE;
        }
    }
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "quern: usage: quern init KIND [FILE]; `quern init "
                        "--help` lists the kinds\n");
        return QN_EXIT_USAGE;
    }
    job = find_job(argv[1]);
    return job ? write_job(job, argv[2]) : unknown_kind(argv[1]);
}
