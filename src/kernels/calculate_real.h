/* The evaluation of calculate.c for one real type: included there twice, with
 * REAL the type and OF(name) the name for it.
 *
 * Functions are computed in float64 and rounded to REAL. */

/* A run of samples on its way. */
struct OF(run)
{
    const struct qn_expr *e;
    const struct qn_lane *lane;
    size_t at, n; /* the samples of the lane at hand                  */
    REAL *slot;   /* intermediate results, `length` samples each      */
    size_t length;
};

static const REAL *OF(eval)(const struct OF(run) * r, int id, size_t slot);

static const REAL *
OF(constant)(const struct OF(run) * r, REAL value, size_t slot)
{
    REAL *out = r->slot + slot * r->length;

    for (size_t i = 0; i < r->n; i++)
        out[i] = value;
    return out;
}

static const REAL *
OF(operand)(const struct OF(run) * r, const char *name, size_t slot)
{
    const struct qn_lane *lane = r->lane;
    const struct qn_feed *f = lane->feed;

    if (strcmp(name, "x") == 0)
        return (const REAL *)lane->x + r->at;
    for (int i = 0; i < lane->nfeeds; i++, f++)
        if (strcmp(name, lane->names[i]) == 0)
            return f->one ? OF(constant)(r, *(const REAL *)f->v, slot)
                          : (const REAL *)f->v + r->at;
    return OF(constant)(r, NAN, slot);
}

#define EACH(EXPR)                                                           \
    do {                                                                     \
        for (size_t i = 0; i < n; i++) {                                     \
            const REAL a = left[i];                                          \
            out[i] = (REAL)(EXPR);                                           \
        }                                                                    \
    } while (0)

#define EACH_PAIR(EXPR)                                                      \
    do {                                                                     \
        for (size_t i = 0; i < n; i++) {                                     \
            const REAL a = left[i], b = right[i];                            \
            out[i] = (REAL)(EXPR);                                           \
        }                                                                    \
    } while (0)

#define TRUE(v) ((v) != 0 && (v) == (v))

static void
OF(apply_pair)(enum qn_expr_op op, REAL *out, const REAL *left,
               const REAL *right, size_t n)
{
    switch (op) {
    case QN_OP_ADD: EACH_PAIR(a + b); break;
    case QN_OP_SUB: EACH_PAIR(a - b); break;
    case QN_OP_MUL: EACH_PAIR(a * b); break;
    case QN_OP_DIV: EACH_PAIR(b == 0 ? (REAL)NAN : a / b); break;
    case QN_OP_MOD: EACH_PAIR(fmod((double)a, (double)b)); break;
    case QN_OP_POW: EACH_PAIR(pow((double)a, (double)b)); break;
    case QN_OP_EQ: EACH_PAIR(a == b); break;
    case QN_OP_NE: EACH_PAIR(a != b); break;
    case QN_OP_LT: EACH_PAIR(a < b); break;
    case QN_OP_LE: EACH_PAIR(a <= b); break;
    case QN_OP_GT: EACH_PAIR(a > b); break;
    case QN_OP_GE: EACH_PAIR(a >= b); break;
    case QN_OP_AND: EACH_PAIR(TRUE(a) && TRUE(b)); break;
    default: EACH_PAIR(TRUE(a) || TRUE(b)); break; // QN_OP_OR
    }
}

static void
OF(apply_function)(const struct function *f, REAL *out, const REAL *left,
                   const REAL *right, size_t n)
{
    if (f->two)
        EACH_PAIR(f->two((double)a, (double)b));
    else
        EACH(f->one((double)a));
}

static const REAL *
OF(eval)(const struct OF(run) * r, int id, size_t slot)
{
    const struct qn_expr_node *node = &r->e->node[id];
    const int *arg = r->e->arg + node->first;
    const size_t n = r->n;
    REAL *out = r->slot + slot * r->length;
    const REAL *left, *right;

    if (node->op == QN_OP_NUMBER)
        return OF(constant)(r, (REAL)node->number, slot);
    if (node->op == QN_OP_NAME)
        return OF(operand)(r, node->text, slot);
    left = OF(eval)(r, arg[0], slot);
    right = node->nargs > 1 ? OF(eval)(r, arg[1], slot + 1) : left;
    if (node->op == QN_OP_CALL)
        OF(apply_function)(find_function(node->text), out, left, right, n);
    else if (node->op == QN_OP_NEG)
        EACH(-a);
    else if (node->op == QN_OP_NOT)
        EACH(!TRUE(a));
    else
        OF(apply_pair)(node->op, out, left, right, n);
    return out;
}

static void
OF(eval_lane)(const struct params *p, const struct qn_lane *lane, REAL *slots,
              size_t capacity)
{
    struct OF(run) r = {.e = &p->parsed, .lane = lane, .slot = slots};
    REAL *x = lane->x;

    r.length = capacity / p->slots < RUN ? capacity / p->slots : RUN;
    for (r.at = 0; r.at < lane->n; r.at += r.length) {
        r.n = lane->n - r.at < r.length ? lane->n - r.at : r.length;
        // Evaluated whole before x, which it may use, is overwritten.
        memmove(x + r.at, OF(eval)(&r, r.e->root, 0), r.n * sizeof *x);
    }
}

#undef EACH
#undef EACH_PAIR
#undef TRUE
