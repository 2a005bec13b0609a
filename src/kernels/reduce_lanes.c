/* Sums, least and largest of samples, as loops that compilers make vectors of.
 *
 * Each loop takes NaN for a sample that is not there.  Knows neither axes nor
 * types; read reduce_lanes.h first. */
#include "kernels/reduce_lanes.h"

#include "kernels/clones.h"

/* ---- many samples, one result -------------------------------------------- */

#define EACH_LANE                                                              \
    for (size_t i = 0; i < n; i += QN_REDUCE_LANES)                            \
        for (size_t l = 0; l < QN_REDUCE_LANES; l++)

QN_CLONES static void
run_sum(struct qn_reduce_lanes *restrict r, const double *restrict x, size_t n)
{
    EACH_LANE
    {
        const double v = x[i + l];

        r->sum[l] += v == v ? v : 0.0;
        r->weight[l] += v == v ? 1.0 : 0.0;
    }
}

QN_CLONES static void
run_weighted(struct qn_reduce_lanes *restrict r, const double *restrict x,
             const double *restrict w, size_t n)
{
    EACH_LANE
    {
        const double v = x[i + l], product = v * w[i + l];

        r->sum[l] += v == v ? product : 0.0;
        r->weight[l] += v == v ? w[i + l] : 0.0;
    }
}

QN_CLONES static void
run_squares(struct qn_reduce_lanes *restrict r, const double *restrict x, double mean,
            size_t n)
{
    EACH_LANE
    {
        const double v = x[i + l], d = v - mean;

        r->sum[l] += v == v ? d * d : 0.0;
        r->weight[l] += v == v ? 1.0 : 0.0;
    }
}

QN_CLONES static void
run_min(struct qn_reduce_lanes *restrict r, const double *restrict x, size_t n)
{
    EACH_LANE
    {
        const double v = x[i + l];

        r->sum[l] = v < r->sum[l] ? v : r->sum[l];
        r->weight[l] += v == v ? 1.0 : 0.0;
    }
}

QN_CLONES static void
run_max(struct qn_reduce_lanes *restrict r, const double *restrict x, size_t n)
{
    EACH_LANE
    {
        const double v = x[i + l];

        r->sum[l] = v > r->sum[l] ? v : r->sum[l];
        r->weight[l] += v == v ? 1.0 : 0.0;
    }
}

void
qn_reduce_lanes_begin(struct qn_reduce_lanes *r, enum qn_reduce_method method)
{
    for (size_t l = 0; l < QN_REDUCE_LANES; l++) {
        r->sum[l] = qn_reduce_lanes_none(method);
        r->weight[l] = 0;
    }
}

void
qn_reduce_lanes_add(struct qn_reduce_lanes *r, const struct qn_reduce_block *b,
                    double mean)
{
    if (b->w)
        run_weighted(r, b->x, b->w, b->n);
    else if (b->squares)
        run_squares(r, b->x, mean, b->n);
    else if (b->method == QN_REDUCE_MIN)
        run_min(r, b->x, b->n);
    else if (b->method == QN_REDUCE_MAX)
        run_max(r, b->x, b->n);
    else
        run_sum(r, b->x, b->n);
}

void
qn_reduce_lanes_end(struct qn_reduce_lanes *r, enum qn_reduce_method method)
{
    for (size_t half = QN_REDUCE_LANES / 2; half; half /= 2)
        for (size_t l = 0; l < half; l++) {
            r->sum[l] = qn_reduce_lanes_join(method, r->sum[l],
                                             r->sum[l + half]);
            r->weight[l] += r->weight[l + half];
        }
}

/* ---- a sample for each of many results ----------------------------------- */

/* n results from sum and weight on take one sample each. */
#define COLUMN(NAME, EXPR)                                                     \
    QN_CLONES static void column_##NAME(double *restrict sum,                  \
                                        double *restrict weight,               \
                                        const double *restrict x, size_t n)    \
    {                                                                          \
        for (size_t i = 0; i < n; i++) {                                       \
            const double v = x[i], was = sum[i];                               \
                                                                               \
            sum[i] = (EXPR);                                                   \
            weight[i] += v == v ? 1.0 : 0.0;                                   \
        }                                                                      \
    }

COLUMN(sum, was + (v == v ? v : 0.0))
COLUMN(min, v < was ? v : was)
COLUMN(max, v > was ? v : was)

QN_CLONES static void
column_weighted(double *restrict sum, double *restrict weight,
                const double *restrict x, const double *restrict w, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const double v = x[i], product = v * w[i];

        sum[i] += v == v ? product : 0.0;
        weight[i] += v == v ? w[i] : 0.0;
    }
}

QN_CLONES static void
column_squares(double *restrict sum, double *restrict weight,
               const double *restrict x, const double *restrict mean, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const double v = x[i], d = v - mean[i];

        sum[i] += v == v ? d * d : 0.0;
        weight[i] += v == v ? 1.0 : 0.0;
    }
}

void
qn_reduce_lanes_columns(double *sum, double *weight,
                        const struct qn_reduce_block *b, const double *mean)
{
    if (b->w)
        column_weighted(sum, weight, b->x, b->w, b->n);
    else if (b->squares)
        column_squares(sum, weight, b->x, mean, b->n);
    else if (b->method == QN_REDUCE_MIN)
        column_min(sum, weight, b->x, b->n);
    else if (b->method == QN_REDUCE_MAX)
        column_max(sum, weight, b->x, b->n);
    else
        column_sum(sum, weight, b->x, b->n);
}
