/* Rows of heat.c for one real type: included there twice, with REAL the type,
 * BITS an integer as wide, and OF(name) the name for it. */

/* What a row of results is made of. */
struct OF(row)
{
    REAL *to;
    const REAL *u;
    int64_t n;
    REAL alpha;
    bool along;           /* the last axis is acted on                    */
    bool left, right;     /* and there are samples before and behind u    */
    int npairs;           /* axes before it that are acted on, the last
                             first: rows, or NULL beyond the edge         */
    const REAL *before[QN_MAX_DIMS], *behind[QN_MAX_DIMS];
};

/* What a neighbour gives: a wall, nothing. */
static inline REAL
OF(flow)(REAL neighbour, REAL u)
{
    return neighbour == neighbour ? neighbour - u : 0;
}

/* One sample, with care. */
static REAL
OF(one)(const struct OF(row) * r, int64_t i)
{
    const REAL u = r->u[i];
    REAL sum = 0;
    bool first = true;

    for (int k = r->along ? -1 : 0; k < r->npairs; k++, first = false) {
        REAL a = 0, b = 0;

        if (k < 0) {
            a = i > 0 || r->left ? OF(flow)(r->u[i - 1], u) : 0;
            b = i < r->n - 1 || r->right ? OF(flow)(r->u[i + 1], u) : 0;
        } else {
            a = r->before[k] ? OF(flow)(r->before[k][i], u) : 0;
            b = r->behind[k] ? OF(flow)(r->behind[k][i], u) : 0;
        }
        sum = (first ? a : sum + a) + b;
    }
    return u + r->alpha * sum;
}

/* Samples of a line of cache, the widest vector. */
enum { OF(LINE) = 64 / sizeof(REAL) };

/* Of samples from `to` on, how many lie before a line of cache. */
static inline int64_t
OF(head)(const REAL *to)
{
    return (int64_t)(-(uintptr_t)to / sizeof(REAL) % OF(LINE));
}

/* Rows of samples all of whose neighbours exist. */
struct OF(band)
{
    REAL *to;
    const REAL *u;
    int64_t rows, n;    /* and samples of each                            */
    int64_t to_row, row; /* samples from one to the next, in to and in u   */
    int64_t south;      /* and to the neighbour along the next axis;      */
    int64_t below;      /* and in space, along the one before that        */
    REAL alpha;
};

/* n samples; not 0 where there may be walls among them, and nothing is said
 * of the results. */
QN_INTO_CLONES BITS
OF(plane_part)(REAL *restrict to, const REAL *restrict u, int64_t row,
               int64_t n, REAL alpha)
{
    const REAL *restrict north = u - row, *restrict south = u + row;
    BITS bad = 0;

    for (int64_t i = 0; i < n; i++) {
        const REAL v =
            u[i] + alpha * ((((u[i - 1] - u[i]) + (u[i + 1] - u[i])) +
                             (north[i] - u[i])) +
                            (south[i] - u[i]));

        bad |= v != v;
        to[i] = v;
    }
    return bad;
}

/* The same in space. */
QN_INTO_CLONES BITS
OF(space_part)(REAL *restrict to, const REAL *restrict u, int64_t row,
               int64_t layer, int64_t n, REAL alpha)
{
    const REAL *restrict north = u - row, *restrict south = u + row;
    const REAL *restrict above = u - layer, *restrict below = u + layer;
    BITS bad = 0;

    for (int64_t i = 0; i < n; i++) {
        const REAL v =
            u[i] + alpha * ((((((u[i - 1] - u[i]) + (u[i + 1] - u[i])) +
                               (north[i] - u[i])) +
                              (south[i] - u[i])) +
                             (above[i] - u[i])) +
                            (below[i] - u[i]));

        bad |= v != v;
        to[i] = v;
    }
    return bad;
}

/* False where there may be walls.  Whole lines of cache; what is before and
 * behind them is a line, too, some of it computed again: nothing is left. */
QN_CLONES_WIDE static bool
OF(plane)(const struct OF(band) * b)
{
    enum { LINE = OF(LINE) };
    const int64_t n = b->n, row = b->south, z = n - LINE;
    BITS bad = 0;

    for (int64_t i = 0; i < b->rows; i++) {
        REAL *to = b->to + i * b->to_row;
        const REAL *u = b->u + i * b->row;
        const int64_t k = OF(head)(to), m = (n - k) / LINE * LINE;

        if (z < LINE) {
            bad |= OF(plane_part)(to, u, row, n, b->alpha);
            continue;
        }
        bad |= OF(plane_part)(to, u, row, LINE, b->alpha);
        bad |= OF(plane_part)(to + k, u + k, row, m, b->alpha);
        bad |= OF(plane_part)(to + z, u + z, row, LINE, b->alpha);
    }
    return !bad;
}

QN_CLONES_WIDE static bool
OF(space)(const struct OF(band) * b)
{
    enum { LINE = OF(LINE) };
    const int64_t n = b->n, row = b->south, layer = b->below, z = n - LINE;
    BITS bad = 0;

    for (int64_t i = 0; i < b->rows; i++) {
        REAL *to = b->to + i * b->to_row;
        const REAL *u = b->u + i * b->row;
        const int64_t k = OF(head)(to), m = (n - k) / LINE * LINE;

        if (z < LINE) {
            bad |= OF(space_part)(to, u, row, layer, n, b->alpha);
            continue;
        }
        bad |= OF(space_part)(to, u, row, layer, LINE, b->alpha);
        bad |= OF(space_part)(to + k, u + k, row, layer, m, b->alpha);
        bad |= OF(space_part)(to + z, u + z, row, layer, LINE, b->alpha);
    }
    return !bad;
}

/* One pair of neighbours of many samples. */
QN_CLONES_WIDE static void
OF(add_pair)(REAL *restrict sum, const REAL *restrict u,
             const REAL *restrict a, const REAL *restrict b, int64_t n,
             bool first)
{
    for (int64_t i = 0; i < n; i++) {
        const REAL x = OF(flow)(a[i], u[i]), y = OF(flow)(b[i], u[i]);

        sum[i] = (first ? x : sum[i] + x) + y;
    }
}

QN_CLONES_WIDE static void
OF(finish)(REAL *restrict to, const REAL *restrict u, const REAL *restrict sum,
           REAL alpha, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = u[i] + alpha * sum[i];
}

/* Where all neighbours exist, but some may be walls. */
static void
OF(walls)(const struct OF(row) * r, int64_t first, int64_t end)
{
    enum { RUN = 512 };
    REAL sum[RUN];

    for (int64_t at = first; at < end; at += RUN) {
        const int64_t n = end - at < RUN ? end - at : RUN;

        if (r->along)
            OF(add_pair)(sum, r->u + at, r->u + at - 1, r->u + at + 1, n, true);
        for (int k = 0; k < r->npairs; k++)
            OF(add_pair)(sum, r->u + at, r->before[k] + at, r->behind[k] + at,
                         n, !r->along && k == 0);
        OF(finish)(r->to + at, r->u + at, sum, r->alpha, n);
    }
}

static void
OF(step_row)(const struct OF(row) * r)
{
    int64_t first = r->along && !r->left, end = r->n - (r->along && !r->right);
    bool whole = true;

    for (int k = 0; k < r->npairs; k++)
        whole = whole && r->before[k] && r->behind[k];
    if (!whole || first >= end) {
        for (int64_t i = 0; i < r->n; i++)
            r->to[i] = OF(one)(r, i);
        return;
    }
    if (first)
        r->to[0] = OF(one)(r, 0);
    if (end < r->n)
        r->to[end] = OF(one)(r, end);
    OF(walls)(r, first, end);
}

/* A row at index `at` of the grid. */
static void
OF(heat_row)(const struct heat *h, const int64_t at[QN_MAX_DIMS],
             const void *from, void *to)
{
    const struct qn_shape *grid = &h->in->grid.shape;
    const int last = grid->ndims - 1;
    const int64_t start = h->out->start[last], n = grid->n[last];
    struct OF(row) r = {.to = to, .u = from, .alpha = (REAL)h->alpha};
    const bool held = h->on[last] && h->boundary[last] == FIXED;
    int64_t lead = held && start == 0;
    int64_t trail = held && start + h->out->count[last] == n;

    r.n = h->out->count[last];
    for (int a = 0; a < last; a++)
        if (h->on[a] && h->boundary[a] == FIXED &&
            (at[a] == 0 || at[a] == grid->n[a] - 1))
            lead = r.n;
    if (lead + trail >= r.n) {
        memcpy(to, from, (size_t)r.n * sizeof(REAL));
        return;
    }
    r.to[0] = r.u[0];
    r.to[r.n - 1] = r.u[r.n - 1];
    r.to += lead;
    r.u += lead;
    r.n -= lead + trail;
    r.along = h->on[last];
    r.left = lead || start > 0 || h->boundary[last] == PERIODIC;
    r.right = trail || start + h->out->count[last] < n ||
              h->boundary[last] == PERIODIC;
    for (int a = last - 1; a >= 0; a--) {
        const bool wraps = h->boundary[a] == PERIODIC;

        if (!h->on[a])
            continue;
        r.before[r.npairs] =
            at[a] > 0 || wraps ? r.u - h->in->stride[a] : NULL;
        r.behind[r.npairs++] =
            at[a] < grid->n[a] - 1 || wraps ? r.u + h->in->stride[a] : NULL;
    }
    OF(step_row)(&r);
}

/* Rows of the box from `at` of the grid on whose neighbours all exist, where
 * the last axis is acted on and one or two others; false where there may be
 * walls, and nothing is said of the results. */
static bool
OF(heat_band)(const struct heat *h, int64_t rows, const void *from, void *to)
{
    const int last = h->in->grid.shape.ndims - 1;
    struct OF(band) b = {.to = to, .u = from, .rows = rows,
                         .n = h->out->count[last], .alpha = (REAL)h->alpha};
    int a = last - 1;

    b.row = h->in->stride[last - 1];
    b.to_row = h->out->stride[last - 1];
    while (!h->on[a])
        a--;
    b.south = h->in->stride[a];
    if (h->pairs == 1)
        return OF(plane)(&b);
    do
        a--;
    while (!h->on[a]);
    b.below = h->in->stride[a];
    return OF(space)(&b);
}
