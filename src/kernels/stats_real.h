/* The routines of stats.c for one real type: included there twice, with REAL
 * the type and OF(name) the name for it. */

static size_t
OF(gather)(REAL *dst, const REAL *src, size_t n, int64_t step, bool finite)
{
    size_t kept = 0;

    // x - x is 0 for the finite, NaN for all else.
    for (size_t i = 0; i < n; i++) {
        const REAL x = src[(int64_t)i * step];
        const REAL test = finite ? x - x : x;

        dst[kept] = x;
        kept += test == test;
    }
    return kept;
}

static void
OF(swap)(REAL *v, size_t i, size_t j)
{
    const REAL x = v[i];

    v[i] = v[j];
    v[j] = x;
}

/* Put the root of a heap of n in its place. */
static void
OF(sift)(REAL *v, size_t root, size_t n)
{
    for (;;) {
        size_t child = 2 * root + 1;

        if (child >= n)
            return;
        if (child + 1 < n && v[child] < v[child + 1])
            child++;
        if (v[child] <= v[root])
            return;
        OF(swap)(v, root, child);
        root = child;
    }
}

static void
OF(heapsort)(REAL *v, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        OF(sift)(v, i, n);
    for (size_t i = n; i-- > 1;) {
        OF(swap)(v, 0, i);
        OF(sift)(v, 0, i);
    }
}

/* The middle one of the first, middle and last of n >= 1. */
static REAL
OF(pivot)(const REAL *v, size_t n)
{
    const REAL a = v[0], b = v[n / 2], c = v[n - 1];

    if (a < b)
        return b < c ? b : a < c ? c : a;
    return a < c ? a : b < c ? c : b;
}

/* Reorder so that v[k] is the one of rank k, none before it is larger and
 * none behind it is smaller.  Selection by partition; after too many rounds
 * without luck, by sorting. */
static void
OF(select)(REAL *v, size_t n, size_t k)
{
    size_t first = 0, end = n;
    int rounds = 0;

    while (end - first > 1) {
        const REAL p = OF(pivot)(v + first, end - first);
        size_t less = first, i = first, more = end;

        if (++rounds > 128) {
            OF(heapsort)(v + first, end - first);
            return;
        }
        while (i < more) {
            if (v[i] < p)
                OF(swap)(v, less++, i++);
            else if (v[i] > p)
                OF(swap)(v, i, --more);
            else
                i++;
        }
        if (k < less)
            end = less;
        else if (k >= more)
            first = more;
        else
            return;
    }
}

static double
OF(median)(REAL *v, size_t n)
{
    const size_t k = n / 2;
    REAL below;

    if (n == 0)
        return NAN;
    OF(select)(v, n, k);
    if (n % 2)
        return (double)v[k];
    below = v[0];
    for (size_t i = 1; i < k; i++)
        below = v[i] > below ? v[i] : below;
    return ((double)below + (double)v[k]) / 2;
}

static double
OF(sum)(const REAL *v, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (double)v[i];
    return sum;
}

static double
OF(max)(const REAL *v, size_t n)
{
    REAL max = v[0];

    for (size_t i = 1; i < n; i++)
        max = v[i] > max ? v[i] : max;
    return (double)max;
}
