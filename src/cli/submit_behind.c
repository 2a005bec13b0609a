/* What stands behind -- for sbatch: what it must not say, and what is joined
 * with quern's own words.
 *
 * Of an option that is given twice sbatch takes the last one: a --dependency
 * behind -- would take the place of that between the stages. */
#include "cli/submit_jobs.h"

#include <string.h>

/* sbatch's short form of quern's own options, and "" where there is none. */
static const struct {
    enum qn_submit_setting setting;
    const char *letter;
} own[] = {
    {QN_SUBMIT_ARRAY, "-a"}, {QN_SUBMIT_NODES, "-N"}, {QN_SUBMIT_NTASKS, "-n"},
    {QN_SUBMIT_CPUS, "-c"},  {QN_SUBMIT_TIME, "-t"},  {QN_SUBMIT_MEM, ""},
};

/* Is it --NAME, --NAME=VALUE, or LETTER with or without a value? */
static bool
is_option(const char *word, const char *name, const char *letter)
{
    size_t n = strlen(name);

    if (*letter && !strncmp(word, letter, 2))
        return true;
    return !strncmp(word, "--", 2) && !strncmp(word + 2, name, n) &&
           (!word[2 + n] || word[2 + n] == '=');
}

/* The value of a --dependency that begins at words[0]; *n: words it takes. */
static const char *
dependency(char *const words[], int left, int *n)
{
    const char *word = words[0];

    *n = 1;
    if (!is_option(word, "dependency", "-d"))
        return NULL;
    if (word[1] == '-' && strchr(word, '='))
        return strchr(word, '=') + 1;
    if (word[1] != '-' && word[2])
        return word + 2;
    *n = left > 1 ? 2 : 1;
    return left > 1 ? words[1] : "";
}

int
qn_submit_behind_check(char *const words[], int n, struct qn_error *err)
{
    for (int i = 0; i < n; i++) {
        const char *value;
        int taken;

        for (size_t k = 0; k < sizeof own / sizeof *own; k++) {
            const char *name = qn_submit_keys[own[k].setting];

            if (is_option(words[i], name, own[k].letter))
                return qn_fail(err, QN_EUSAGE,
                               "%s stands behind --, where quern does not see "
                               "it; write --%s before --",
                               words[i], name);
        }
        value = dependency(&words[i], n - i, &taken);
        if (value && strchr(value, '?'))
            return qn_fail(err, QN_EUSAGE,
                           "%s cannot be joined with what the stages wait "
                           "for; use , instead of ?",
                           words[i]);
    }
    return 0;
}

size_t
qn_submit_behind_add(char **out, char *const words[], int n,
                     struct qn_text *waits)
{
    size_t kept = 0;
    int taken;

    for (int i = 0; i < n; i += taken) {
        const char *value = dependency(&words[i], n - i, &taken);

        if (value && waits->len)
            qn_text_add(waits, ",%s", value);
        for (int k = i; k < i + taken && !(value && waits->len); k++)
            out[kept++] = words[k];
    }
    return kept;
}
