/* Words of a program: taken apart, filled in, quoted for people.
 *
 * A template is filled by one pass over its braces, so that what a value holds
 * is never looked at again.  Knows neither files nor processes. */
#include "model/command.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/json.h"

void
qn_command_drop(struct qn_strings *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->v[i]);
    free(s->v);
    *s = (struct qn_strings){0};
}

/* word is taken over. */
static int
keep(struct qn_strings *s, char *word, struct qn_error *err)
{
    char **v = word ? realloc(s->v, (s->n + 1) * sizeof *v) : NULL;

    if (!v) {
        free(word);
        return qn_fail(err, QN_ENOMEM, "no memory for a command");
    }
    s->v = v;
    v[s->n++] = word;
    return 0;
}

/* The text so far as a string of its own, "" if there is none. */
static char *
own(struct qn_text *t)
{
    char *s = t->failed ? NULL : t->s ? t->s : strdup("");

    if (s != t->s)
        free(t->s);
    *t = (struct qn_text){0};
    return s;
}

/* ---- words of a text ----------------------------------------------------- */

static const char blanks[] = " \t\n\r";

/* The quoted text that begins at *p (its quote); *p is behind it then. */
static int
take_quoted(struct qn_text *word, const char **p, const char *text,
            struct qn_error *err)
{
    char quote = *(*p)++;

    for (; **p && **p != quote; (*p)++) {
        // between " only these are quoted by a backslash, as in a shell
        if (quote == '"' && **p == '\\' && (*p)[1] &&
            strchr("\\\"$`", (*p)[1]))
            (*p)++;
        qn_text_bytes(word, *p, 1);
    }
    if (!**p)
        return qn_fail(err, QN_EJOB,
                       "the quote %c does not close in \"%.100s\"; close it, "
                       "or write the command as a list of words",
                       quote, text);
    (*p)++;
    return 0;
}

static int
take_word(struct qn_text *word, const char **p, const char *text,
          struct qn_error *err)
{
    while (**p && !strchr(blanks, **p)) {
        if (**p == '\'' || **p == '"') {
            QN_TRY(take_quoted(word, p, text, err));
            continue;
        }
        if (**p == '\\' && (*p)[1])
            (*p)++;
        qn_text_bytes(word, (*p)++, 1);
    }
    return 0;
}

int
qn_command_split(struct qn_strings *words, const char *text,
                 struct qn_error *err)
{
    const char *p = text;

    for (;;) {
        struct qn_text word = {0};
        int rc;

        p += strspn(p, blanks);
        if (!*p)
            return 0;
        rc = take_word(&word, &p, text, err);
        if (rc) {
            qn_text_clear(&word);
            return rc;
        }
        QN_TRY(keep(words, own(&word), err));
    }
}

void
qn_command_quote(struct qn_text *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-+=./:,@%^";

    if (*word && strspn(word, plain) == strlen(word)) {
        qn_text_add(out, "%s", word);
        return;
    }
    qn_text_add(out, "'");
    for (; *word; word++)
        if (*word == '\'')
            qn_text_add(out, "'\\''");
        else
            qn_text_bytes(out, word, 1);
    qn_text_add(out, "'");
}

/* ---- filling in ------------------------------------------------------------ */

static const char *const own_words[] = {"input", "output",  "outputs",
                                        "data",  "threads", NULL};

/* K of "outputK", from 1; 0 if it is no such name. */
static size_t
output_number(const char *name)
{
    char *end;
    unsigned long k;

    if (strncmp(name, "output", 6) || name[6] < '1' || name[6] > '9')
        return 0;
    k = strtoul(name + 6, &end, 10);
    return *end || k > 1000 ? 0 : k;
}

bool
qn_command_knows(const char *name)
{
    for (int i = 0; own_words[i]; i++)
        if (!strcmp(own_words[i], name))
            return true;
    return output_number(name) != 0;
}

static int
add_output(struct qn_text *out, size_t k, const struct qn_command_facts *f,
           struct qn_error *err)
{
    if (!f->noutputs)
        return qn_fail(err, QN_EMISSING,
                       "the command names {output}, but nothing says what it "
                       "is called; add writes: \"{stem}.out\"");
    if (k > f->noutputs)
        return qn_fail(err, QN_EMISSING,
                       "there is no {output%zu}: `writes` names %zu", k,
                       f->noutputs);
    qn_text_add(out, "%s", f->outputs[k - 1]);
    return 0;
}

/* The words of exec itself; *known: it was one. */
static int
add_own(struct qn_text *out, const char *name,
        const struct qn_command_facts *f, bool *known, struct qn_error *err)
{
    *known = true;
    if (!strcmp(name, "input")) {
        if (!f->input)
            return qn_fail(err, QN_EMISSING,
                           "a row is no file and has no {input}; name its "
                           "columns");
        qn_text_add(out, "%s", f->input);
    } else if (!strcmp(name, "output")) {
        return add_output(out, 1, f, err);
    } else if (!strcmp(name, "outputs")) {
        return qn_fail(err, QN_EJOB, "{outputs} must be a word by itself");
    } else if (!strcmp(name, "threads")) {
        qn_text_add(out, "%d", f->threads);
    } else if (!strcmp(name, "data")) {
        qn_text_add(out, "%s", f->data);
    } else if (output_number(name)) {
        return add_output(out, output_number(name), f, err);
    } else {
        *known = false;
    }
    return 0;
}

/* A companion file (`with`) is a path in the data folder. */
static bool
is_companion(const struct qn_command_facts *f, const char *name)
{
    char hidden[256];
    struct qn_value v;

    snprintf(hidden, sizeof hidden, "@%s", name);
    return qn_fields_find(f->fields, hidden, &v);
}

static int
add_name(struct qn_text *out, const char *name,
         const struct qn_command_facts *f, struct qn_error *err)
{
    struct qn_value v = {0};
    char number[64];
    bool known;

    QN_TRY(add_own(out, name, f, &known, err));
    if (known)
        return 0;
    if (!qn_fields_find(f->fields, name, &v))
        return qn_fail(err, QN_EMISSING,
                       "there is no field '%.60s', which the command needs",
                       name);
    if (v.kind == QN_VALUE_TEXT && v.text[0] != '/' && is_companion(f, name))
        qn_text_add(out, "%s/", f->data);
    // a number as it was written, where that is known: 1.50, not 1.5
    if (!v.text)
        qn_fields_text(number, sizeof number, &v);
    qn_text_add(out, "%s", v.text ? v.text : number);
    return 0;
}

/* A brace at *p: a doubled one, or a name. */
static int
add_brace(struct qn_text *out, const char **p,
          const struct qn_command_facts *f, struct qn_error *err)
{
    const char *at = *p;
    size_t n;
    char *name;
    int rc;

    if (at[1] == at[0]) {
        qn_text_bytes(out, at, 1);
        *p += 2;
        return 0;
    }
    n = strcspn(at + 1, "{}");
    if (*at == '}' || !n || at[n + 1] != '}')
        return qn_fail(err, QN_EJOB,
                       "a brace without partner in \"%.100s\"; a brace itself "
                       "is written {{ or }}",
                       at);
    name = strndup(at + 1, n);
    if (!name)
        return qn_fail(err, QN_ENOMEM, "no memory for a command");
    rc = add_name(out, name, f, err);
    free(name);
    *p += n + 2;
    return rc;
}

int
qn_command_fill(char **out, const char *pattern,
                const struct qn_command_facts *f, struct qn_error *err)
{
    struct qn_text t = {0};
    const char *p = pattern;
    int rc = 0;

    *out = NULL;
    while (*p && !rc) {
        size_t n = strcspn(p, "{}");

        qn_text_bytes(&t, p, n);
        p += n;
        if (*p)
            rc = add_brace(&t, &p, f, err);
    }
    if (rc) {
        qn_text_clear(&t);
        return rc;
    }
    *out = own(&t);
    return *out ? 0 : qn_fail(err, QN_ENOMEM, "no memory for a command");
}

/* ---- a whole command --------------------------------------------------------- */

static bool
is_used(const struct qn_command *c, const char *word)
{
    for (size_t i = 0; i < c->uses.n; i++)
        if (!strcmp(c->uses.v[i], word))
            return true;
    return false;
}

static int
add_word(struct qn_strings *out, const struct qn_command *c, size_t i,
         const struct qn_command_facts *f, struct qn_error *err)
{
    const char *pattern = c->words.v[i];
    char *word = NULL, *full = NULL;
    bool path;

    if (!strcmp(pattern, "{outputs}") && f->noutputs) {
        for (size_t k = 0; k < f->noutputs; k++)
            QN_TRY(keep(out, strdup(f->outputs[k]), err));
        return 0;
    }
    QN_TRY(qn_command_fill(&word, pattern, f, err));
    path = is_used(c, pattern) || (i == 0 && strchr(word, '/'));
    if (!path || word[0] == '/')
        return keep(out, word, err);
    if (asprintf(&full, "%s/%s", f->data,
                 word + (strncmp(word, "./", 2) ? 0 : 2)) < 0)
        full = NULL;
    free(word);
    return keep(out, full, err);
}

int
qn_command_words(struct qn_strings *out, const struct qn_command *c,
                 const struct qn_command_facts *f, struct qn_error *err)
{
    for (size_t i = 0; i < c->words.n; i++)
        QN_TRY(add_word(out, c, i, f, err));
    return 0;
}

int
qn_command_env(struct qn_strings *out, const struct qn_command *c,
               const struct qn_command_facts *f, struct qn_error *err)
{
    const char *name;
    json_t *value;

    json_object_foreach(c->env, name, value) {
        char *filled = NULL, *pair = NULL;

        QN_TRY(qn_command_fill(&filled, json_string_value(value), f, err));
        if (asprintf(&pair, "%s=%s", name, filled) < 0)
            pair = NULL;
        free(filled);
        QN_TRY(keep(out, pair, err));
    }
    return 0;
}

int
qn_command_output(char **name, const struct qn_command *c, size_t i,
                  const struct qn_lookup *fields, struct qn_error *err)
{
    return qn_fields_fill(name, c->writes.v[i], fields, true, err);
}

/* ---- what it names ------------------------------------------------------------- */

struct naming {
    void (*each)(void *ctx, const char *name);
    void *ctx;
};

static void
pass_on(void *ctx, const char *name)
{
    const struct naming *n = ctx;

    if (!qn_command_knows(name))
        n->each(n->ctx, name);
}

int
qn_command_names(const struct qn_command *c,
                 void (*each)(void *ctx, const char *name), void *ctx,
                 struct qn_error *err)
{
    struct naming n = {each, ctx};
    const char *name;
    json_t *value;

    for (size_t i = 0; i < c->words.n; i++)
        QN_TRY(qn_fields_names(c->words.v[i], pass_on, &n, err));
    for (size_t i = 0; i < c->writes.n; i++)
        QN_TRY(qn_fields_names(c->writes.v[i], each, ctx, err));
    json_object_foreach(c->env, name, value)
        QN_TRY(qn_fields_names(json_string_value(value), pass_on, &n, err));
    if (c->cwd)
        QN_TRY(qn_fields_names(c->cwd, pass_on, &n, err));
    return 0;
}

json_t *
qn_command_json(const struct qn_command *c)
{
    return json_pack("{s:s,s:i,s:o,s:o,s:b,s:b,s:O?,s:s?}", "kernel", "exec",
                     "version", 1, "command", qn_json_strings(&c->words),
                     "writes", qn_json_strings(&c->writes), "folder", c->folder,
                     "stdout", c->catches, "env", c->env, "cwd", c->cwd);
}

void
qn_command_clear(struct qn_command *c)
{
    qn_command_drop(&c->words);
    qn_command_drop(&c->writes);
    qn_command_drop(&c->uses);
    json_decref(c->env);
    free(c->cwd);
    *c = (struct qn_command){0};
}
