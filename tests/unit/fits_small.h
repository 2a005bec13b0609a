/* The first image of a FITS file of 16-bit integers, for tests that want real
 * frames without the readers. */
#ifndef QN_TEST_FITS_SMALL_H
#define QN_TEST_FITS_SMALL_H

#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quern/array.h"

/* The integer value of a card of the header at h, or none. */
static inline long
fits_small_card(const char *h, const char *keyword, long none)
{
    for (; strncmp(h, "END     ", 8) != 0; h += 80)
        if (strncmp(h, keyword, 8) == 0 && h[8] == '=')
            return strtol(h + 10, NULL, 10);
    return none;
}

/* Behind the header at h: the next multiple of 2880 bytes. */
static inline const char *
fits_small_data(const char *h)
{
    const char *end = h;

    while (strncmp(end, "END     ", 8) != 0)
        end += 80;
    return h + ((end - h) / 2880 + 1) * 2880;
}

/* The whole file, decompressed where its name ends in .gz; NULL if it cannot
 * be read. */
static inline char *
fits_small_bytes(const char *path)
{
    enum { MOST = 1 << 24 };
    FILE *f = fopen(path, "rb");
    char *raw, *plain;
    struct libdeflate_decompressor *d;
    size_t n;

    if (!f)
        return NULL;
    raw = calloc(MOST, 1);
    n = fread(raw, 1, MOST, f);
    fclose(f);
    if (strcmp(path + strlen(path) - 3, ".gz") != 0)
        return raw;
    plain = calloc(MOST, 1);
    d = libdeflate_alloc_decompressor();
    if (libdeflate_gzip_decompress(d, raw, n, plain, MOST, &n) != 0) {
        free(plain);
        plain = NULL;
    }
    libdeflate_free_decompressor(d);
    free(raw);
    return plain;
}

/* Physical values (BZERO added) as float64, owned by the caller; NULL if the
 * file cannot be read. */
static inline double *
fits_small_load(const char *path, struct qn_shape *shape)
{
    char *bytes = fits_small_bytes(path);
    const char *h = bytes;
    const unsigned char *p;
    double *x, zero;
    int64_t n;

    if (!bytes)
        return NULL;
    if (fits_small_card(h, "NAXIS   ", 0) == 0)
        h = fits_small_data(h);
    zero = (double)fits_small_card(h, "BZERO   ", 0);
    *shape = (struct qn_shape){.ndims = 2,
                               .n = {fits_small_card(h, "NAXIS2  ", 0),
                                     fits_small_card(h, "NAXIS1  ", 0)}};
    n = shape->n[0] * shape->n[1];
    x = calloc((size_t)n, sizeof *x);
    p = (const unsigned char *)fits_small_data(h);
    for (int64_t i = 0; i < n; i++)
        x[i] = (double)(int16_t)(uint16_t)(p[2 * i] << 8 | p[2 * i + 1]) +
               zero;
    free(bytes);
    return x;
}

#endif
