/* Settings of a site and of a user, and where templates are looked for.
 *
 * The user's word counts before the site's, and the command line before both. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/system.h"
#include "cli/submit.h"
#include "model/yaml.h"

/* The user's own file of that name; the caller frees it; NULL: no home. */
static char *
own_file(const char *name)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char *path = NULL;
    int n = -1;

    if (config && *config == '/')
        n = asprintf(&path, "%s/quern/%s", config, name);
    else if (home)
        n = asprintf(&path, "%s/.config/quern/%s", home, name);
    return n < 0 ? NULL : path;
}

/* ---- submit.yaml -------------------------------------------------------- */

static void
take_pair(struct qn_submit_settings *s, struct qn_problems *p,
          const struct qn_yaml_pair *pair)
{
    struct qn_error err = {0};
    const char *near;
    int i = 0;

    while (qn_submit_keys[i] && strcmp(qn_submit_keys[i], pair->key->text))
        i++;
    if (!qn_submit_keys[i]) {
        near = qn_text_nearest(pair->key->text, qn_submit_keys);
        qn_problem_add(p, pair->key->mark, pair->key->width,
                       "unknown setting '%s'%s%s%s", pair->key->text,
                       near ? "; did you mean '" : "", near ? near : "",
                       near ? "'?" : "");
    } else if (pair->value->kind != QN_YAML_SCALAR) {
        qn_problem_add(p, pair->value->mark, pair->value->width,
                       "%s needs one value", qn_submit_keys[i]);
    } else if (qn_submit_set(s, (enum qn_submit_setting)i, pair->value->text,
                             qn_submit_keys[i], &err)) {
        qn_problem_add(p, pair->value->mark, pair->value->width, "%s",
                       err.text);
    }
}

static int
parse(struct qn_submit_settings *s, const char *path, const char *text,
      size_t n, struct qn_error *err)
{
    struct qn_problems p = {.file = path, .source = text, .len = n};
    struct qn_yaml_node *root = NULL;
    struct qn_text said = {0};
    int rc = qn_yaml_load(&root, &p, err);

    if (!rc && root && root->kind == QN_YAML_MAP)
        for (size_t i = 0; i < root->n; i++)
            take_pair(s, &p, &root->v[i]);
    else if (!rc && root && !qn_yaml_is_null(root))
        qn_problem_add(&p, root->mark, root->width,
                       "settings are needed here, such as `partition: long`");
    if (!rc && qn_problem_count(&p)) {
        qn_problem_print(&p, &said);
        fputs(qn_text_get(&said), stderr);
        rc = QN_EUSAGE;
    }
    qn_text_clear(&said);
    qn_yaml_clear(root);
    qn_problem_clear(&p);
    return rc;
}

/* Nothing but comments? */
static bool
is_empty(const char *text)
{
    while (*(text += strspn(text, " \t\r\n")) == '#')
        text += strcspn(text, "\n");
    return !*text;
}

/* A file that is not there sets nothing. */
static int
load_file(struct qn_submit_settings *s, const char *path, struct qn_error *err)
{
    char *text = NULL;
    size_t n = 0;
    int rc;

    if (!path || access(path, F_OK))
        return 0;
    rc = qn_system_slurp(&text, &n, path, err);
    if (!rc && !is_empty(text))
        rc = parse(s, path, text, n, err);
    free(text);
    return rc;
}

int
qn_submit_site_load(struct qn_submit_settings *s, struct qn_error *err)
{
    struct qn_submit_settings site = {.v = {NULL}}, own = {.v = {NULL}};
    char *path = own_file("submit.yaml");
    int rc = load_file(&site, "/etc/quern/submit.yaml", err);

    if (!rc)
        rc = load_file(&own, path, err);
    if (!rc)
        rc = qn_submit_fill(s, &own, err);
    if (!rc)
        rc = qn_submit_fill(s, &site, err);
    qn_submit_clear(&site);
    qn_submit_clear(&own);
    free(path);
    return rc;
}

/* ---- the template ------------------------------------------------------- */

int
qn_submit_site_template(char **text, struct qn_error *err)
{
    const char *given = getenv("QUERN_SBATCH_TEMPLATE");
    char *own = own_file("sbatch");
    const char *paths[] = {given, own, "/etc/quern/sbatch"};
    size_t n;
    int rc = 0;

    *text = NULL;
    for (int i = 0; i < 3 && !rc && !*text; i++)
        // one that was named must be there
        if (paths[i] && *paths[i] && (i == 0 || !access(paths[i], F_OK)))
            rc = qn_system_slurp(text, &n, paths[i], err);
    free(own);
    if (rc || *text)
        return rc ? qn_wrap(err, "the template") : 0;
    *text = strndup((const char *)qn_submit_template, qn_submit_template_size);
    return *text ? 0 : qn_fail(err, QN_ENOMEM, "no memory for the template");
}
