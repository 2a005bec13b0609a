/* Tiles of a grid and blocks of ranks; knows neither ranks' names nor memory.
 */
#include "model/grid.h"

/* A sample of a halo costs about as much as so many of the interior: it is
 * packed, sent, received and unpacked. */
enum { HALO_COST = 4 };

/* Axes that are cut between ranks: the last three. */
enum { CUT_AXES = 3 };

static int
first_axis(const struct qn_shape *s)
{
    return s->ndims > CUT_AXES ? s->ndims - CUT_AXES : 0;
}

/* ---- tiles ---------------------------------------------------------------- */

/* The axis whose edge is to be doubled next; -1: the tile is as large as it
 * may become. */
static int
shortest_edge(const struct qn_lattice *l, int64_t samples)
{
    int axis = -1;

    if (2 * samples > QN_TILE_SAMPLES)
        return -1;
    for (int a = l->shape.ndims - 1; a >= first_axis(&l->shape); a--)
        if (l->edge[a] < l->shape.n[a] &&
            (axis < 0 || l->edge[a] < l->edge[axis]))
            axis = a;
    return axis;
}

void
qn_grid_lattice(struct qn_lattice *l, const struct qn_shape *s)
{
    int64_t samples = 1;
    int axis;

    *l = (struct qn_lattice){.shape = *s, .ntiles = 1};
    for (int a = 0; a < s->ndims; a++)
        l->edge[a] = 1;
    while ((axis = shortest_edge(l, samples)) >= 0) {
        int64_t old = l->edge[axis];

        l->edge[axis] = 2 * old < s->n[axis] ? 2 * old : s->n[axis];
        samples = samples / old * l->edge[axis];
    }
    for (int a = 0; a < s->ndims; a++) {
        l->tiles[a] = (s->n[a] + l->edge[a] - 1) / l->edge[a];
        l->ntiles *= l->tiles[a];
    }
}

/* Tiles first ... first + count - 1 along an axis, in samples. */
static void
set_range(struct qn_box *b, const struct qn_lattice *l, int axis,
          int64_t first, int64_t count)
{
    int64_t end = (first + count) * l->edge[axis];

    b->start[axis] = first * l->edge[axis];
    if (end > l->shape.n[axis])
        end = l->shape.n[axis];
    b->count[axis] = end - b->start[axis];
    b->step[axis] = 1;
}

struct qn_box
qn_grid_tile(const struct qn_lattice *l, int64_t i)
{
    struct qn_box b = {.ndims = l->shape.ndims};

    for (int a = b.ndims - 1; a >= 0; a--) {
        set_range(&b, l, a, i % l->tiles[a], 1);
        i /= l->tiles[a];
    }
    return b;
}

/* ---- blocks --------------------------------------------------------------- */

/* Samples along an axis of the largest and the smallest of n parts. */
static void
measure_parts(const struct qn_lattice *l, int axis, int64_t n, int64_t *most,
              int64_t *least)
{
    int64_t tiles = l->tiles[axis], edge = l->edge[axis];
    int64_t missing = tiles * edge - l->shape.n[axis];
    int64_t low = tiles / n, rest = tiles % n;

    *most = (rest ? low + 1 : low) * edge;
    if (*most > l->shape.n[axis])
        *most = l->shape.n[axis];
    // the last part has the short tile, and none that was left over
    *least = low * edge - missing;
}

/* Can the axis be cut so?  If it can, multiply in what a block has. */
static bool
weigh_axis(const struct qn_lattice *l, int axis, int n, int64_t radius,
           double *volume, double *faces)
{
    int64_t most, least;

    if (n > 1 && n > l->tiles[axis])
        return false;
    measure_parts(l, axis, n, &most, &least);
    if (n > 1 && least < radius)
        return false;
    *volume *= (double)most;
    if (n > 1) // of two parts each has a neighbour on one side
        *faces += (n > 2 ? 2 : 1) * (double)radius / (double)most;
    return true;
}

/* What the largest block costs; infinite if the cut is not possible. */
static double
weigh(const struct qn_cut *c, const int64_t radius[QN_MAX_DIMS])
{
    double volume = 1, faces = 0;

    for (int a = 0; a < c->lattice.shape.ndims; a++)
        if (!weigh_axis(&c->lattice, a, c->parts[a], radius[a], &volume,
                        &faces))
            return 1.0 / 0.0;
    return volume * (1 + HALO_COST * faces);
}

struct search {
    struct qn_cut now, best;
    double cost;
    const int64_t *radius;
};

/* All ways to cut the axes from `axis` on for what is left of the ranks.  Many
 * parts of a leading axis are tried first: those are long rows. */
static void
search_axis(struct search *s, int axis, int ranks)
{
    const struct qn_lattice *l = &s->now.lattice;
    int64_t most = ranks < l->tiles[axis] ? ranks : l->tiles[axis];

    if (axis == l->shape.ndims - 1) {
        for (int n = (int)most; n >= 1; n--) {
            double cost;

            s->now.parts[axis] = n;
            cost = weigh(&s->now, s->radius);
            if (cost < s->cost) {
                s->cost = cost;
                s->best = s->now;
            }
        }
        return;
    }
    for (int n = (int)most; n >= 1; n--) {
        s->now.parts[axis] = n;
        search_axis(s, axis + 1, ranks / n);
    }
}

void
qn_grid_cut(struct qn_cut *c, const struct qn_shape *shape, int ranks,
            const int64_t radius[QN_MAX_DIMS])
{
    struct search s = {.cost = 1.0 / 0.0, .radius = radius};

    qn_grid_lattice(&s.now.lattice, shape);
    for (int a = 0; a < shape->ndims; a++)
        s.now.parts[a] = 1;
    s.best = s.now;
    if (shape->ndims && s.now.lattice.ntiles)
        search_axis(&s, first_axis(shape), ranks);
    *c = s.best;
    c->nblocks = 1;
    for (int a = 0; a < shape->ndims; a++)
        c->nblocks *= c->parts[a];
}

/* Where block i stands among the blocks. */
static void
find_place(const struct qn_cut *c, int i, int place[QN_MAX_DIMS])
{
    for (int a = c->lattice.shape.ndims - 1; a >= 0; a--) {
        place[a] = i % c->parts[a];
        i /= c->parts[a];
    }
}

struct qn_box
qn_grid_block(const struct qn_cut *c, int i)
{
    struct qn_box b = {.ndims = c->lattice.shape.ndims};
    int place[QN_MAX_DIMS];

    for (int a = 0; a < b.ndims; a++)
        b.step[a] = 1;
    if (i < 0 || i >= c->nblocks)
        return b;
    find_place(c, i, place);
    for (int a = 0; a < b.ndims; a++) {
        int64_t first, count;

        qn_shape_part(&first, &count, c->lattice.tiles[a], c->parts[a],
                      place[a]);
        set_range(&b, &c->lattice, a, first, count);
    }
    return b;
}

struct qn_box
qn_grid_grow(const struct qn_shape *s, const struct qn_box *box,
             const int64_t radius[QN_MAX_DIMS],
             const bool periodic[QN_MAX_DIMS])
{
    struct qn_box b = *box;

    for (int a = 0; a < b.ndims; a++) {
        int64_t low = b.start[a] - radius[a];
        int64_t high = b.start[a] + b.count[a] + radius[a];

        if (!periodic[a] && low < 0)
            low = 0;
        if (!periodic[a] && high > s->n[a])
            high = s->n[a];
        b.start[a] = low;
        b.count[a] = high - low;
    }
    return b;
}

int
qn_grid_neighbour(const struct qn_cut *c, int i, const int step[QN_MAX_DIMS],
                  const bool periodic[QN_MAX_DIMS])
{
    int place[QN_MAX_DIMS], at = 0;

    find_place(c, i, place);
    for (int a = 0; a < c->lattice.shape.ndims; a++) {
        int n = c->parts[a], p = place[a] + step[a];

        if (p < 0 || p >= n) {
            if (!periodic[a])
                return -1;
            p = (p + n) % n;
        }
        at = at * n + p;
    }
    return at;
}
