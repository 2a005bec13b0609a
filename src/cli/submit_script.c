/* A batch script: the template with its @WORDS@ filled in.
 *
 * Every word that comes from outside is quoted for the shell; values of
 * #SBATCH lines, which sbatch reads itself, were checked when they were set. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/submit.h"

/* ---- SLURM's numbers ---------------------------------------------------- */

double
qn_submit_script_seconds(const char *time)
{
    double part[3] = {0}, days = 0;
    const char *dash = strchr(time, '-'), *p = dash ? dash + 1 : time;
    char *end;
    int n = 0;

    if (!*time || time[strspn(time, "0123456789:-")])
        return -1;
    if (dash)
        days = strtod(time, NULL);
    for (; n < 3; n++) {
        part[n] = strtod(p, &end);
        if (end == p)
            return -1;
        p = end + 1;
        if (*end != ':')
            break;
    }
    if (n == 3 || *end)
        return -1;
    if (dash)
        return ((days * 24 + part[0]) * 60 + part[1]) * 60 + part[2];
    if (n == 2)
        return (part[0] * 60 + part[1]) * 60 + part[2];
    return part[0] * 60 + part[1];
}

int64_t
qn_submit_script_bytes(const char *mem)
{
    static const char units[] = "KMGT";
    const char *unit;
    char *end;
    double n = strtod(mem, &end);

    if (end == mem || !isdigit((unsigned char)*mem))
        return -1;
    unit = *end ? strchr(units, toupper((unsigned char)*end)) : units + 1;
    if (!unit || (*end && end[1]) || !(n < 1e9))
        return -1;
    return (int64_t)ldexp(n, 10 * (int)(unit - units + 1));
}

/* ---- pieces ------------------------------------------------------------- */

static void
add_quoted(struct qn_text *out, const char *word)
{
    if (*word && !word[strspn(word, "abcdefghijklmnopqrstuvwxyz"
                                    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789/._-+=:,@%")]) {
        qn_text_add(out, "%s", word);
        return;
    }
    qn_text_add(out, "'");
    for (; *word; word++)
        qn_text_add(out, *word == '\'' ? "'\\''" : "%c", *word);
    qn_text_add(out, "'");
}

/* In a comment a line must stay one. */
static void
add_plain(struct qn_text *out, const char *text)
{
    for (; *text; text++)
        qn_text_add(out, "%c", iscntrl((unsigned char)*text) ? '?' : *text);
}

/* The log: in its name SLURM fills in %A, so other % are doubled. */
static void
add_log(struct qn_text *out, const struct qn_submit_script *s)
{
    qn_text_add(out, "#SBATCH --output=\"");
    for (const char *p = s->output; *p; p++)
        qn_text_add(out,
                    *p == '%'                 ? "%%%%"
                    : *p == '"' || *p == '\\' ? "\\%c"
                                              : "%c",
                    *p);
    qn_text_add(out, "/.quern/submit/%s-%s.log\"", s->name,
                s->shards > 1 ? "%A_%a" : "%j");
}

static void
add_sbatch(struct qn_text *out, const struct qn_submit_script *s)
{
    static const bool known[] = {
#define KNOWN(name, key, sbatch) sbatch,
        QN_SUBMIT_SETTINGS(KNOWN)
#undef KNOWN
    };

    qn_text_add(out, "#SBATCH --job-name=quern-%s\n", s->name);
    if (s->shards > 1)
        qn_text_add(out, "#SBATCH --array=0-%d\n", s->shards - 1);
    for (int i = 0; i < QN_NSUBMIT; i++)
        if (known[i] && s->settings->v[i])
            qn_text_add(out, "#SBATCH --%s=%s\n", qn_submit_keys[i],
                        s->settings->v[i]);
    add_log(out, s);
}

/* Seconds before its limit at which a task is warned: two minutes, of a short
 * one a quarter. */
static int
grace(const struct qn_submit_script *s)
{
    const char *time = s->settings->v[QN_SUBMIT_TIME];
    double limit = time ? qn_submit_script_seconds(time) : -1;

    return limit > 0 && limit < 480 ? (int)(limit / 4) : 120;
}

static bool
add_word(struct qn_text *out, const struct qn_submit_script *s,
         const char *word, size_t n)
{
    const struct {
        const char *word, *value;
    } quoted[] = {
        {"QUERN", s->quern},
        {"OUTPUT", s->output},
        {"STAGE_WORD", s->stage},
        {"SCRIPT", s->path},
        {"LAUNCHER", s->settings->v[QN_SUBMIT_LAUNCHER]},
        {"REQUEUES", s->settings->v[QN_SUBMIT_REQUEUES]},
    };
    const char *setup = s->settings->v[QN_SUBMIT_SETUP];

    for (size_t i = 0; i < sizeof quoted / sizeof *quoted; i++)
        if (strlen(quoted[i].word) == n && !strncmp(quoted[i].word, word, n)) {
            add_quoted(out, quoted[i].value);
            return true;
        }
#define IS(name) (n == strlen(name) && !strncmp(word, name, n))
    if (IS("STAGE"))
        add_plain(out, s->stage);
    else if (IS("JOB"))
        add_plain(out, s->job);
    else if (IS("SBATCH"))
        add_sbatch(out, s);
    else if (IS("SHARDS"))
        qn_text_add(out, "%d", s->shards);
    else if (IS("GRACE"))
        qn_text_add(out, "%d", grace(s));
    else if (IS("SETUP"))
        qn_text_add(out, "%s", setup ? setup : "");
    else if (IS("RUN"))
        for (size_t i = 0; i < s->run->n; i++) {
            qn_text_add(out, i ? " " : "");
            add_quoted(out, s->run->v[i]);
        }
    else
        return false;
#undef IS
    return true;
}

const char qn_submit_merge_template[] =
    "#!/bin/bash\n"
    "# One file over stage @STAGE@ of @JOB@, written by `quern submit`.\n"
    "# To submit it again: sbatch @SCRIPT@\n"
    "@SBATCH@\n"
    "#SBATCH --open-mode=append\n"
    "\n"
    "@SETUP@\n"
    "exec @QUERN@ merge @RUN@\n";

/* ---- the script --------------------------------------------------------- */

int
qn_submit_script_make(struct qn_text *out, const char *template_text,
                      const struct qn_submit_script *script,
                      struct qn_error *err)
{
    for (const char *p = template_text; *p;) {
        size_t n = strspn(p + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");

        if (*p != '@' || !n || p[1 + n] != '@') {
            qn_text_bytes(out, p++, 1);
            continue;
        }
        if (!add_word(out, script, p + 1, n))
            return qn_fail(err, QN_EUSAGE,
                           "the sbatch template has @%.*s@, which is not "
                           "known; there are @STAGE@ @JOB@ @SCRIPT@ @SBATCH@ "
                           "@GRACE@ @QUERN@ @OUTPUT@ @SHARDS@ @RUN@ @SETUP@ "
                           "@LAUNCHER@ @STAGE_WORD@ @REQUEUES@",
                           (int)n, p + 1);
        p += n + 2;
    }
    return qn_text_check(out, err);
}
