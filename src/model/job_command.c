/* exec in a job file: the program, what it writes, what it uses.
 *
 * The words are taken apart here and filled in by command.c, item by item.
 * What stands behind exec in a stage is made a stage of its own, so that the
 * rest of quern knows two kinds only: stages of kernels, and of programs. */
#include "base/text.h"
#include "model/job_command.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "model/command.h"
#include "model/item.h"

static const struct qn_yaml_node *
name_of(const struct qn_yaml_node *entry)
{
    if (entry->kind == QN_YAML_SCALAR)
        return entry;
    return entry->kind == QN_YAML_MAP && entry->n == 1 ? entry->v[0].key
                                                       : NULL;
}

bool
qn_job_command_is(const struct qn_yaml_node *entry)
{
    const struct qn_yaml_node *name = name_of(entry);

    return name && !strcmp(name->text, "exec");
}

/* ---- values --------------------------------------------------------------- */

/* {input} without quotes is a mapping to YAML. */
static bool
is_bare_field(const struct qn_yaml_node *node)
{
    return node->kind == QN_YAML_MAP && node->flow && node->n == 1 &&
           qn_yaml_is_null(node->v[0].value);
}

struct braces {
    struct qn_job_reader *r;
    const struct qn_yaml_node *node;
    bool ok;
};

static void
check_brace(void *ctx, const char *name)
{
    struct braces *b = ctx;

    if (qn_job_read_is_field(name))
        return;
    QN_JOB_TELL(b->r, b->node,
                "{%.40s} is no name of a field; a brace itself is written {{",
                name);
    b->ok = false;
}

static bool
check_braces(struct qn_job_reader *r, const struct qn_yaml_node *node,
             const char *text)
{
    struct braces b = {r, node, true};
    struct qn_error err = {0};

    if (qn_fields_names(text, check_brace, &b, &err) && b.ok) {
        QN_JOB_TELL(r, node, "%s", err.text);
        b.ok = false;
    }
    return b.ok;
}

/* A word of a command, which may be empty; its braces are checked. */
static bool
read_word(struct qn_job_reader *r, const struct qn_yaml_node *node,
          const char *key, char **out)
{
    char *text = NULL;

    if (is_bare_field(node)) {
        if (asprintf(&text, "{%s}", node->v[0].key->text) < 0)
            text = NULL;
        r->failed |= !text;
    } else if (node->kind == QN_YAML_SCALAR) {
        text = qn_job_read_copy(r, node->text);
    } else {
        qn_job_read_wants(r, node, key, "words, each a text");
    }
    if (!text || !check_braces(r, node, text)) {
        free(text);
        return false;
    }
    *out = text;
    return true;
}

static void
read_command(struct qn_job_reader *r, const struct qn_yaml_node *node,
             void *target)
{
    struct qn_command *c = target;
    struct qn_error err = {0};

    if (node->kind == QN_YAML_LIST || is_bare_field(node)) {
        qn_job_read_list(r, node, "command", read_word, &c->words);
    } else if (node->kind != QN_YAML_SCALAR || qn_yaml_is_null(node)) {
        qn_job_read_wants(r, node, "command",
                          "a program and its words, as a text or a list");
    } else if (check_braces(r, node, node->text)) {
        if (qn_command_split(&c->words, node->text, &err))
            QN_JOB_TELL(r, node, "%s", err.text);
        else if (!c->words.n)
            QN_JOB_TELL(r, node, "'command' is empty; name a program");
    }
    if (c->words.n && !*c->words.v[0])
        QN_JOB_TELL(r, node, "the program, the first word of 'command', has "
                             "no name");
}

/* One name below the stage's folder. */
static bool
read_name(struct qn_job_reader *r, const struct qn_yaml_node *node,
          const char *key, char **out)
{
    char *name = NULL;
    bool ok = read_word(r, node, key, &name);
    size_t n = ok ? strlen(name) : 0;

    if (ok && (!n || name[0] == '/' || !strncmp(name, "../", 3) ||
               strstr(name, "/../") || !strcmp(name, "..") ||
               !strcmp(name, ".") || strstr(name, "//"))) {
        QN_JOB_TELL(r, node,
                    "'%s' wants names below the stage's folder, such as "
                    "\"{stem}.out\", not '%.60s'",
                    key, name);
        ok = false;
    }
    if (!ok) {
        free(name);
        return false;
    }
    *out = name;
    return true;
}

/* "NAME/": a folder, which must be the only one. */
static void
take_folder(struct qn_job_reader *r, const struct qn_yaml_node *node,
            struct qn_command *c)
{
    for (size_t i = 0; i < c->writes.n; i++) {
        size_t n = strlen(c->writes.v[i]);

        if (c->writes.v[i][n - 1] != '/')
            continue;
        c->writes.v[i][n - 1] = '\0';
        c->folder = true;
        if (c->writes.n > 1) {
            QN_JOB_TELL(r, node,
                        "a folder that the program fills must be all that it "
                        "writes; put the other files into it");
            return;
        }
    }
}

static void
read_writes(struct qn_job_reader *r, const struct qn_yaml_node *node,
            void *target)
{
    struct qn_command *c = target;

    qn_job_read_list(r, node, "writes", read_name, &c->writes);
    take_folder(r, node, c);
}

static bool
read_use(struct qn_job_reader *r, const struct qn_yaml_node *node,
         const char *key, char **out)
{
    if (!qn_job_read_path(r, node, key, out))
        return false;
    if (!strchr(*out, '{'))
        return true;
    QN_JOB_TELL(r, node,
                "'uses' names files that all items use; a file that goes with "
                "each item is named in the input: with: {NAME: \"%.60s\"}",
                *out);
    return true;
}

static void
read_uses(struct qn_job_reader *r, const struct qn_yaml_node *node,
          void *target)
{
    struct qn_command *c = target;

    qn_job_read_list(r, node, "uses", read_use, &c->uses);
}

static void
read_env(struct qn_job_reader *r, const struct qn_yaml_node *node,
         void *target)
{
    struct qn_command *c = target;

    if (node->kind != QN_YAML_MAP) {
        qn_job_read_wants(r, node, "env", "a mapping {NAME: value}");
        return;
    }
    if (!c->env)
        c->env = json_object();
    for (size_t i = 0; i < node->n; i++) {
        const struct qn_yaml_pair *p = &node->v[i];
        char *value = NULL;

        if (!qn_text_is_name(p->key->text))
            QN_JOB_TELL(r, p->key,
                        "an environment variable is named with letters, "
                        "digits and _ only, not '%.40s'",
                        p->key->text);
        else if (read_word(r, p->value, p->key->text, &value))
            json_object_set_new(c->env, p->key->text, json_string(value));
        free(value);
    }
}

static void
read_cwd(struct qn_job_reader *r, const struct qn_yaml_node *node,
         void *target)
{
    struct qn_command *c = target;

    qn_job_read_pattern(r, node, "cwd", &c->cwd);
}

/* Read behind all others, so that it is the last of what is written. */
static void
read_stdout(struct qn_job_reader *r, const struct qn_yaml_node *node,
            void *target)
{
    (void)r, (void)node, (void)target;
}

static void
take_stdout(struct qn_job_reader *r, const struct qn_yaml_node *node,
            struct qn_command *c)
{
    char *name = NULL;

    if (!node || !read_name(r, node, "stdout", &name))
        return;
    if (c->folder)
        QN_JOB_TELL(r, node,
                    "a folder that the program fills must be all that it "
                    "writes; leave 'stdout' out");
    c->catches = true;
    qn_job_read_add(r, &c->writes, name);
}

/* ---- the step --------------------------------------------------------------- */

static const struct qn_job_key keys[] = {
    {"command", read_command}, {"writes", read_writes}, {"stdout", read_stdout},
    {"uses", read_uses},       {"env", read_env},       {"cwd", read_cwd},
    {NULL, NULL},
};

void
qn_job_command_read(struct qn_job_reader *r, const struct qn_yaml_node *entry,
                    size_t index, struct qn_stage *stage)
{
    const struct qn_yaml_node *name = name_of(entry);
    const struct qn_yaml_node *value =
        entry->kind == QN_YAML_MAP ? entry->v[0].value : NULL;
    struct qn_command *c = &stage->command;

    if (index) {
        QN_JOB_TELL(r, name,
                    "%s; put %s into a stage of its own that reads "
                    "{stage: %.60s}",
                    c->given ? "a stage runs one program an item"
                             : "exec reads files, so it is the first step",
                    c->given ? "the second" : "exec", stage->name);
        return;
    }
    c->given = true;
    c->mark = name->mark;
    if (!value || qn_yaml_is_null(value))
        QN_JOB_TELL(r, name, "exec needs a program: exec: {command: "
                             "\"PROGRAM {input} {output}\", writes: "
                             "\"{stem}.out\"}");
    else if (value->kind == QN_YAML_MAP)
        qn_job_read_map(r, value, "option of exec", keys, c);
    else
        read_command(r, value, c);
    if (value && value->kind == QN_YAML_MAP) {
        take_stdout(r, qn_yaml_find(value, "stdout"), c);
        if (!qn_yaml_find(value, "command"))
            QN_JOB_TELL(r, name, "exec has no 'command'; add command: "
                                 "\"PROGRAM {input} {output}\"");
    }
}

/* ---- what goes together ------------------------------------------------------- */

enum { MOST_KNOWN = 64 };

struct known {
    const char *word[MOST_KNOWN + 1]; /* ends with NULL */
    char *owned[MOST_KNOWN];
    size_t n, nowned;
};

static void
know(struct known *k, const char *word)
{
    if (k->n < MOST_KNOWN)
        k->word[k->n++] = word;
}

static void
know_copy(void *ctx, const char *name)
{
    struct known *k = ctx;

    if (k->nowned < MOST_KNOWN && (k->owned[k->nowned] = strdup(name)))
        know(k, k->owned[k->nowned++]);
}

struct checking {
    struct qn_job_reader *r;
    const struct qn_stage *stage;
    const struct known *known;
};

/* Header fields are not known before the files are: what is spelled like the
 * words that are, and is none, is a mistake. */
static void
check_word(void *ctx, const char *name)
{
    const struct checking *c = ctx;
    const char *near;

    for (size_t i = 0; i < c->known->n; i++)
        if (!strcmp(c->known->word[i], name))
            return;
    for (const char *p = name; *p; p++)
        if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p))
            return;
    near = qn_text_nearest(name, c->known->word);
    qn_problem_add(c->r->problems, c->stage->command.mark, 4,
                   "unknown word {%.40s} in exec; %s%s%s", name,
                   near ? "did you mean {"
                        : "it knows input, output, threads, data, the fields "
                          "of an item (path, dir, name, stem, ext) and those "
                          "that the input's pattern captures",
                   near ? near : "", near ? "}?" : "");
}

static void
check_words(struct qn_job_reader *r, const struct qn_stage *stage)
{
    static const char *const plain[] = {
        "input", "output", "outputs", "threads", "data", "path",  "dir",
        "name",  "stem",   "ext",     "frame",   "hdu",  "dataset"};
    const struct qn_input *in = &stage->input;
    struct known k = {.n = 0};
    struct checking c = {r, stage, &k};
    const char *name;
    json_t *value;
    bool listed = in->stage || in->rows || in->arguments;

    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        know(&k, plain[i]);
    for (size_t i = 0; i < in->files.n; i++) {
        qn_fields_names(in->files.v[i], know_copy, &k, NULL);
        listed = listed || in->files.v[i][0] == '@'; // has columns
    }
    json_object_foreach(in->with, name, value)
        know(&k, name);
    if (!listed)
        qn_command_names(&stage->command, check_word, &c, NULL);
    for (size_t i = 0; i < k.nowned; i++)
        free(k.owned[i]);
}

void
qn_job_command_check(struct qn_job_reader *r, const struct qn_yaml_node *node,
                     const struct qn_stage *stage)
{
    const struct qn_yaml_node *output = qn_yaml_find(node, "output");
    const struct qn_input *in = &stage->input;
    bool more = stage->nsteps || stage->combine.given;

    if (!stage->command.given) {
        if (in->rows)
            qn_problem_add(r->problems, in->mark, 1,
                           "'rows' makes items without a file, which only a "
                           "program can work on; its first step must be exec");
        return;
    }
    if (output && !more)
        QN_JOB_TELL(r, output,
                    "what exec leaves is named by its `writes`; leave "
                    "'output' out");
    if (more && !stage->command.writes.n)
        qn_problem_add(r->problems, stage->command.mark, 4,
                       "the next step reads what exec writes, but nothing "
                       "says what that is; add writes: \"{stem}.h5\"");
    if (more && stage->command.folder)
        qn_problem_add(r->problems, stage->command.mark, 4,
                       "the next step reads a file, but exec writes a folder");
    if (in->each != QN_EACH_FILE || in->slice.n || in->frames ||
        in->dataset.n > 1)
        qn_problem_add(r->problems, in->mark, 1,
                       "exec hands whole files to its program; leave 'each', "
                       "'slice', 'frames' and lists of datasets out");
    check_words(r, stage);
}

/* ---- parting --------------------------------------------------------------------- */

void
qn_job_command_part(struct qn_job_reader *r, int index)
{
    struct qn_job *job = r->job;
    struct qn_stage *rest = &job->stages[index];
    struct qn_stage *first = &job->stages[job->nstages];
    char *name = NULL;

    if (!rest->command.given || (!rest->nsteps && !rest->combine.given))
        return;
    if (asprintf(&name, "%s.exec", rest->name) < 0)
        name = NULL;
    *first = (struct qn_stage){
        .name = name,
        .mark = rest->mark,
        .input = rest->input,
        .command = rest->command,
        .output = {.dtype = -1},
        .memory = rest->memory,
        .retries = rest->retries,
        .timeout = rest->timeout,
    };
    rest->command = (struct qn_command){0};
    rest->input = (struct qn_input){.mark = first->input.mark,
                                    .stage_index = job->nstages++};
    rest->input.stage = name ? qn_job_read_copy(r, name) : NULL;
    r->failed |= !name;
    if (name && qn_job_stage(job, name) != job->nstages - 1)
        qn_problem_add(r->problems, rest->mark, 1,
                       "the program of stage '%.60s' becomes the stage "
                       "'%.80s', and there is one of that name; rename it",
                       rest->name, name);
}
