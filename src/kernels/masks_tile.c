/* Sums of frames under masks, over a tile of pixels: see masks_tile.h.
 *
 * What is computed is written once, in masks_tile_real.h, for registers of any
 * width; here are the instructions of the processors.  Each way gives the same
 * bits.  Knows no items. */
#include "kernels/masks_tile.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

/* Lanes are added in pairs, halves onto halves. */
static inline float
tree_float(const float *lane)
{
    float v[8];

    for (int i = 0; i < 8; i++)
        v[i] = lane[i] + lane[i + 8];
    for (int i = 0; i < 4; i++)
        v[i] += v[i + 4];
    return (v[0] + v[2]) + (v[1] + v[3]);
}

static inline double
tree_double(const double *lane)
{
    double v[4];

    for (int i = 0; i < 4; i++)
        v[i] = lane[i] + lane[i + 4];
    return (v[0] + v[2]) + (v[1] + v[3]);
}

#define MASKS 4

#if defined(__x86_64__)

#define TARGET __attribute__((target("avx512f")))
#define BYTES 64
#define FRAMES 6
#define REAL float
#define OF(name) name##_avx512_float
#define tree_avx512_float tree_float
#define MULTIPLY_ADD _mm512_fmadd_ps
#include "kernels/masks_tile_real.h"

#define TARGET __attribute__((target("avx512f")))
#define BYTES 64
#define FRAMES 6
#define REAL double
#define OF(name) name##_avx512_double
#define tree_avx512_double tree_double
#define MULTIPLY_ADD _mm512_fmadd_pd
#include "kernels/masks_tile_real.h"

#define TARGET __attribute__((target("avx2,fma")))
#define BYTES 32
#define FRAMES 3
#define REAL float
#define OF(name) name##_avx2_float
#define tree_avx2_float tree_float
#define MULTIPLY_ADD _mm256_fmadd_ps
#include "kernels/masks_tile_real.h"

#define TARGET __attribute__((target("avx2,fma")))
#define BYTES 32
#define FRAMES 3
#define REAL double
#define OF(name) name##_avx2_double
#define tree_avx2_double tree_double
#define MULTIPLY_ADD _mm256_fmadd_pd
#include "kernels/masks_tile_real.h"

#endif

#if defined(__aarch64__)
#define PLAIN_FLOAT(a, b, c) vfmaq_f32(c, a, b)
#define PLAIN_DOUBLE(a, b, c) vfmaq_f64(c, a, b)
#define PLAIN_NAME "neon"
#else
#define PLAIN_NAME "plain"

/* Without such an instruction the library computes it, slowly. */
typedef float plain_floats __attribute__((vector_size(16)));
typedef double plain_doubles __attribute__((vector_size(16)));

static inline plain_floats
PLAIN_FLOAT(plain_floats a, plain_floats b, plain_floats c)
{
    for (int i = 0; i < 4; i++)
        c[i] = fmaf(a[i], b[i], c[i]);
    return c;
}

static inline plain_doubles
PLAIN_DOUBLE(plain_doubles a, plain_doubles b, plain_doubles c)
{
    for (int i = 0; i < 2; i++)
        c[i] = fma(a[i], b[i], c[i]);
    return c;
}
#endif

#define TARGET
#define BYTES 16
#define FRAMES 4
#define REAL float
#define OF(name) name##_plain_float
#define tree_plain_float tree_float
#define MULTIPLY_ADD PLAIN_FLOAT
#include "kernels/masks_tile_real.h"

#define TARGET
#define BYTES 16
#define FRAMES 4
#define REAL double
#define OF(name) name##_plain_double
#define tree_plain_double tree_double
#define MULTIPLY_ADD PLAIN_DOUBLE
#include "kernels/masks_tile_real.h"

/* ---- which ----------------------------------------------------------------- */

#if defined(__x86_64__)
static bool
has_avx512(void)
{
    return __builtin_cpu_supports("avx512f");
}

static bool
has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#endif

static bool
has_plain(void)
{
    return true;
}

static const struct {
    bool (*can)(void);
    struct qn_masks_tile f32, f64;
} ways[] = {
#if defined(__x86_64__)
    {has_avx512, {"avx512", 6, add_avx512_float},
     {"avx512", 6, add_avx512_double}},
    {has_avx2, {"avx2", 3, add_avx2_float}, {"avx2", 3, add_avx2_double}},
#endif
    {has_plain, {PLAIN_NAME, 4, add_plain_float},
     {PLAIN_NAME, 4, add_plain_double}},
};

const struct qn_masks_tile *
qn_masks_tile_get(enum qn_dtype real, int i)
{
    for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++)
        if (ways[w].can() && i-- == 0)
            return real == QN_F64 ? &ways[w].f64 : &ways[w].f32;
    return NULL;
}
