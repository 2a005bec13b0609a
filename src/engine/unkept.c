/* Which members of a combination need not be kept between being read and being
 * combined.  It goes by what is known without opening a file; the worker that
 * opens it has the last word. */
#include "engine/unkept.h"

#include <math.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#include "engine/bands.h"
#include "model/dtype.h"

/* What a file that is open takes, about, in bytes. */
enum { OPEN_FILE = 1 << 14 };

/* Each thread of a rank holds those rows of all members, and a descriptor for
 * each; half of them are for others. */
static bool
has_room(const struct qn_run *run, int s, const struct qn_target *t,
         int64_t rows)
{
    const int64_t members = qn_plan_members(&run->plan.stage[s], t);
    const int64_t threads = run->farm.most * run->split.threads;
    const int64_t row = rows * qn_bands_row(t) *
                        (int64_t)qn_dtype_size((enum qn_dtype)t->member);
    const uint64_t files = (uint64_t)t->ntasks * (uint64_t)run->split.threads;
    struct rlimit most;

    if (getrlimit(RLIMIT_NOFILE, &most) || files > most.rlim_cur / 2)
        return false;
    return (row + OPEN_FILE) * members * threads <=
           qn_run_memory(run, s) / 8;
}

/* Is that a file that is likely to lie there uncompressed, row by row; or, if
 * a member is only part of it, in chunks? */
static bool
looks_plain(const struct qn_input *input, const char *path)
{
    static const char *const suffixes[] = {".fits", ".fit",  ".fts", ".npy",
                                           ".h5",   ".hdf5", ".nxs"};
    const size_t known = sizeof suffixes / sizeof *suffixes;
    const size_t n = strlen(path), hdf5 = 3;

    if (input->format && !strcmp(input->format, "raw"))
        return true;
    for (size_t i = 0;
         i < (input->each == QN_EACH_FRAME ? known : known - hdf5); i++) {
        const size_t length = strlen(suffixes[i]);

        if (n > length && !strcasecmp(path + n - length, suffixes[i]))
            return true;
    }
    return false;
}

/* Results of another stage are what that writes, whatever the files were that
 * they are called after. */
static bool
lies_plain(const struct qn_run *run, const struct qn_input *input,
           const struct qn_item *item)
{
    const struct qn_stage *from;

    if (!input->stage)
        return looks_plain(input, item->path);
    from = &run->job->stages[input->stage_index];
    return from->output.format == QN_FORMAT_FITS && !from->command.given;
}

static bool
can_target(const struct qn_run *run, int s, const struct qn_target *t,
           int64_t rows)
{
    const struct qn_plan_stage *st = &run->plan.stage[s];

    for (int i = 0; i < t->ntasks; i++)
        if (!lies_plain(run, &st->stage->input, st->task[t->task[i]].item))
            return false;
    return has_room(run, s, t, rows);
}

bool
qn_unkept_can(struct qn_run *run, int s, int first, int last, int64_t rows)
{
    const struct qn_plan_stage *st = &run->plan.stage[s];
    // a time that is given is one for each item; ranks that share an item
    // keep its blocks
    bool can = st->stage->nsteps == 0 && st->team == 1 &&
               st->stage->input.each != QN_EACH_HDU &&
               isnan(st->stage->timeout) && !qn_plan_joins(st);

    for (int g = first; g < last && can; g++)
        can = can_target(run, s, &st->target[g], rows);
    return !qn_comm_agree(run->comm, can ? 0 : QN_EUNAVAILABLE, NULL);
}
