/* masks_tile.c for one real type and one set of instructions: included there
 * with REAL the type, OF(name) the name for it, BYTES of a vector register,
 * TARGET the instructions, MULTIPLY_ADD(a, b, c) a x b + c with one rounding,
 * and FRAMES x MASKS the sums that are computed at a time; MASKS is 4. */

typedef REAL OF(vector) __attribute__((vector_size(BYTES)));

/* Lanes of FRAMES frames under `masks` masks, a number that is known when this
 * is compiled. */
TARGET static inline __attribute__((always_inline)) void
OF(lanes)(REAL *lane, const REAL *x, const REAL *mask, int64_t stride,
          int64_t n, int masks)
{
    enum {
        SIZE = sizeof(REAL),
        REGISTER = BYTES / SIZE,
        LANES = QN_MASKS_LANES / SIZE,
        ROW = QN_MASKS_ROW / SIZE
    };

    for (int part = 0; part < LANES; part += REGISTER) {
        OF(vector) sum[MASKS][FRAMES];

#pragma GCC unroll 8
        for (int m = 0; m < masks; m++)
#pragma GCC unroll 8
            for (int f = 0; f < FRAMES; f++)
                sum[m][f] = (OF(vector)){0};


        for (int64_t i = part; i < n; i += LANES) {
            OF(vector) v[FRAMES];

#pragma GCC unroll 8
            for (int f = 0; f < FRAMES; f++)
                memcpy(&v[f], x + f * ROW + i, BYTES);
#pragma GCC unroll 8
            for (int m = 0; m < masks; m++) {
                OF(vector) w;

                memcpy(&w, mask + m * stride + i, BYTES);
#pragma GCC unroll 8
                for (int f = 0; f < FRAMES; f++)
                    sum[m][f] = MULTIPLY_ADD(v[f], w, sum[m][f]);
            }
        }
        for (int m = 0; m < masks; m++)
            for (int f = 0; f < FRAMES; f++)
                memcpy(lane + (f * MASKS + m) * LANES + part, &sum[m][f],
                       BYTES);
    }
}

/* Under at most MASKS masks: each number is a loop of its own, whose sums stay
 * in registers. */
TARGET static void
OF(few)(REAL *lane, const REAL *x, const REAL *mask, int64_t stride, int64_t n,
        int masks)
{
    switch (masks) {
    case 1: OF(lanes)(lane, x, mask, stride, n, 1); break;
    case 2: OF(lanes)(lane, x, mask, stride, n, 2); break;
    case 3: OF(lanes)(lane, x, mask, stride, n, 3); break;
    default: OF(lanes)(lane, x, mask, stride, n, MASKS);
    }
}

TARGET static void
OF(add)(double *sum, int64_t step, int64_t nframes, int64_t nmasks,
        const void *panel, const void *mask, int64_t stride, int64_t n)
{
    enum { LANES = QN_MASKS_LANES / (int)sizeof(REAL) };
    REAL lane[FRAMES * MASKS * LANES];

    for (int64_t k = 0; k < nmasks; k += MASKS) {
        const int masks = nmasks - k < MASKS ? (int)(nmasks - k) : MASKS;

        OF(few)(lane, panel, (const REAL *)mask + k * stride, stride, n, masks);
        for (int64_t f = 0; f < nframes; f++)
            for (int m = 0; m < masks; m++)
                sum[f * step + k + m] +=
                    (double)OF(tree)(lane + (f * MASKS + m) * LANES);
    }
}

#undef REAL
#undef OF
#undef BYTES
#undef TARGET
#undef MULTIPLY_ADD
#undef FRAMES
