/* Choosing frames by an expression: see frames.h.
 *
 * The datasets that the expression names are loaded whole, once; then it is
 * evaluated place by place.
 */
#include "io/frames.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/expr.h"

struct named {
    const char *name; /* borrowed from the expression   */
    struct qn_column column;
    bool absent;
};

struct choice {
    struct qn_expr expr;
    struct named *named; /* owned */
    size_t n, cap;
    int64_t place;       /* that is evaluated              */
    struct qn_error missing; /* of the first that is absent */
    struct qn_error *err;
    int rc;
};

static void
choice_clear(struct choice *c)
{
    for (size_t i = 0; i < c->n; i++)
        qn_column_clear(&c->named[i].column);
    free(c->named);
    qn_expr_clear(&c->expr);
}

/* ---- names -------------------------------------------------------------- */

static void
note_name(void *ctx, const char *name)
{
    struct choice *c = ctx;

    if (c->rc || strcmp(name, "frame") == 0)
        return;
    c->rc = qn_memory_grow((void **)&c->named, &c->cap, c->n + 1,
                           sizeof *c->named, c->err);
    if (!c->rc)
        c->named[c->n++] = (struct named){.name = name};
}

// has(NAME) may ask for what is absent; anything else fails when it is used.
static int
load_names(struct choice *c, int64_t n, qn_frames_load *load, void *ctx,
           struct qn_error *err)
{
    c->err = err;
    qn_expr_names(&c->expr, note_name, c);
    QN_TRY(c->rc);
    for (size_t i = 0; i < c->n; i++) {
        struct named *m = &c->named[i];
        struct qn_error why = {0};
        int rc = load(ctx, m->name, n, &m->column, &why);

        m->absent = rc == QN_EMISSING;
        if (m->absent && !c->missing.code)
            c->missing = why;
        if (rc && !m->absent)
            return qn_fail(err, rc, "%s", why.text);
    }
    return 0;
}

static bool
find(void *ctx, const char *name, struct qn_value *value)
{
    const struct choice *c = ctx;

    if (strcmp(name, "frame") == 0) {
        value->kind = QN_VALUE_NUMBER;
        value->number = (double)c->place;
        return true;
    }
    for (size_t i = 0; i < c->n; i++) {
        if (strcmp(c->named[i].name, name) != 0)
            continue;
        if (!c->named[i].absent)
            qn_column_value(&c->named[i].column, c->place, value);
        return !c->named[i].absent;
    }
    return false;
}

/* ---- choosing ----------------------------------------------------------- */

static int
choose(struct qn_frames *f, struct choice *c, int64_t n, struct qn_error *err)
{
    struct qn_lookup lookup = {find, c};
    size_t cap = 0;

    for (c->place = 0; c->place < n; c->place++) {
        bool yes = false;
        int rc = qn_expr_true(&c->expr, &lookup, &yes, err);

        if (rc == QN_EMISSING && c->missing.code)
            return qn_fail(err, rc, "%s", c->missing.text);
        QN_TRY(rc);
        if (!yes)
            continue;
        QN_TRY(qn_memory_grow((void **)&f->index, &cap, (size_t)f->n + 1,
                              sizeof *f->index, err));
        f->index[f->n++] = c->place;
    }
    return 0;
}

static int
refuse_none(const struct choice *c, int64_t n, struct qn_error *err)
{
    struct qn_text t = {0};

    for (size_t i = 0; i < c->n; i++) {
        if (c->named[i].absent)
            continue;
        qn_text_add(&t, "; %s holds ", c->named[i].name);
        qn_column_list(&c->named[i].column, &t);
    }
    qn_fail(err, QN_EVALUE, "'%s' is true for none of the %lld frames%s",
            c->expr.source, (long long)n, qn_text_get(&t));
    qn_text_clear(&t);
    return QN_EVALUE;
}

int
qn_frames_make(struct qn_frames *f, const char *text, int64_t n,
               qn_frames_load *load, void *ctx, struct qn_error *err)
{
    struct choice c = {0};
    int rc = qn_expr_parse(&c.expr, text, QN_EXPR_FIELDS, err);

    *f = (struct qn_frames){0};
    if (!rc)
        rc = load_names(&c, n, load, ctx, err);
    if (!rc)
        rc = choose(f, &c, n, err);
    if (!rc && f->n == 0)
        rc = refuse_none(&c, n, err);
    choice_clear(&c);
    if (rc) {
        qn_frames_clear(f);
        qn_wrap(err, "frames");
    }
    return rc;
}

void
qn_frames_clear(struct qn_frames *f)
{
    free(f->index);
    *f = (struct qn_frames){0};
}

/* ---- reading ------------------------------------------------------------ */

int64_t
qn_frames_run(const struct qn_frames *f, int64_t at, int64_t step,
              int64_t count, int64_t *start, int64_t *stride)
{
    const int64_t *p = f->index + at;
    int64_t n = 1;

    *start = p[0];
    *stride = 1;
    if (count < 2)
        return 1;
    *stride = p[step] - p[0];
    while (n < count && p[n * step] - p[(n - 1) * step] == *stride)
        n++;
    if (n > 2 || *stride == 1)
        return n;
    // Two that happen to lie apart: the second may begin a longer run.
    *stride = 1;
    return 1;
}
