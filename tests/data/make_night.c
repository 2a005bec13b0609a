/* quern-night: a small synthetic night of CCD frames, for the demo and tests.
 *
 * Writes plain FITS files by itself and knows nothing of quern.  The same
 * options give the same bytes on every machine: the random numbers are our
 * own, each frame has its own seed, and no function of libm is used whose
 * last bit could differ (stars are Moffat profiles, noise is a sum of
 * uniform numbers; sqrt is exact).
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define BLOCK 2880
#define CARD 80
#define NSTARS 60
#define PIXEL_MAX 65535

static const double GAIN = 1.5;       /* electrons a count           */
static const double READ_NOISE = 6.0; /* electrons                   */
static const double PEDESTAL = 1000;  /* counts of an empty exposure */

struct options {
    const char *folder;
    int64_t frames; /* science frames a filter */
    int64_t size;   /* pixels a side           */
    uint64_t seed;
};

/* What the pixels of one frame are made of. */
struct frame {
    const char *kind;   /* IMAGETYP: bias, flat, object     */
    const char *filter; /* NULL: none in the light's way    */
    int number;         /* from 1, in its file name         */
    double seconds;     /* exposure                         */
    double level;       /* counts of even light, at gain 1  */
    const float *stars; /* [size, size] counts/s or NULL    */
    int rays;           /* cosmic rays                      */
};

/* ---- random numbers ----------------------------------------------------- */

/* splitmix64: also a good hash of a pixel's number. */
static uint64_t
scramble(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t
seed_of(uint64_t seed, const char *word, uint64_t number)
{
    uint64_t h = scramble(seed);

    for (; *word; word++)
        h = scramble(h ^ (unsigned char)*word);
    return scramble(h ^ number) | 1; // xorshift must not start at 0
}

static uint64_t
next_random(uint64_t *state)
{
    uint64_t x = *state;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

/* Even in [0, 1). */
static double
uniform(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}

/* Mean 0, deviation 1, nearly normal: four 16-bit uniforms in one number. */
static double
noise(uint64_t bits)
{
    int64_t sum = 0;

    for (int i = 0; i < 4; i++)
        sum += (int64_t)(bits >> (16 * i) & 0xffff);
    return ((double)sum * 0x1p-16 - 2.0) * 1.7320508075688772;
}

/* ---- the sky and the camera --------------------------------------------- */

static void
add_star(float *sky, int64_t size, double x0, double y0, double peak)
{
    const double width = 2.2; // pixels
    const int64_t reach = 24;
    int64_t cx = (int64_t)x0, cy = (int64_t)y0;

    for (int64_t y = cy - reach; y <= cy + reach; y++) {
        for (int64_t x = cx - reach; x <= cx + reach; x++) {
            if (x < 0 || y < 0 || x >= size || y >= size)
                continue;
            double dx = ((double)x - x0) / width;
            double dy = ((double)y - y0) / width;
            double m = 1.0 + dx * dx + dy * dy;
            sky[y * size + x] += (float)(peak / (m * m * m));
        }
    }
}

/* Counts a second of the stars seen through a filter. */
static float *
make_sky(const struct options *o, const char *filter)
{
    float *sky = calloc((size_t)(o->size * o->size), sizeof *sky);
    uint64_t place = seed_of(o->seed, "stars", 0);
    uint64_t colour = seed_of(o->seed, filter, 0);

    if (!sky)
        return NULL;
    for (int i = 0; i < NSTARS; i++) {
        double x = uniform(next_random(&place)) * (double)o->size;
        double y = uniform(next_random(&place)) * (double)o->size;
        double u = uniform(next_random(&place));
        double c = 0.5 + uniform(next_random(&colour));
        add_star(sky, o->size, x, y, c * 1.5 / (0.004 + u * u));
    }
    return sky;
}

/* Sensitivity of a pixel: vignetting, and one percent from pixel to pixel. */
static double
response(const struct options *o, const char *filter, int64_t y, int64_t x)
{
    double half = (double)o->size / 2.0;
    double dx = ((double)x - half) / half, dy = ((double)y - half) / half;
    uint64_t h = scramble(seed_of(o->seed, filter, 1) +
                          (uint64_t)(y * o->size + x));

    return (1.0 - 0.12 * (dx * dx + dy * dy)) * (1.0 + 0.01 * noise(h));
}

/* One pixel in 2,500 is hot: counts a second, the same in all frames. */
static double
hot(const struct options *o, int64_t y, int64_t x)
{
    uint64_t h = scramble(seed_of(o->seed, "hot", 0) +
                          (uint64_t)(y * o->size + x));

    return h % 2500 == 0 ? 20.0 + 100.0 * uniform(scramble(h)) : 0.0;
}

static double
bias_level(const struct options *o, int64_t x)
{
    return PEDESTAL +
           5.0 * noise(scramble(seed_of(o->seed, "column", (uint64_t)x)));
}

/* A short straight track. */
static void
add_ray(uint16_t *pixels, int64_t size, uint64_t *state)
{
    double x = uniform(next_random(state)) * (double)size;
    double y = uniform(next_random(state)) * (double)size;
    double dx = uniform(next_random(state)) - 0.5;
    double dy = uniform(next_random(state)) - 0.5;
    int length = 2 + (int)(next_random(state) % 10);

    for (int i = 0; i < length; i++, x += dx, y += dy) {
        if (x < 0 || y < 0 || x >= (double)size || y >= (double)size)
            return;
        uint16_t *p = &pixels[(int64_t)y * size + (int64_t)x];
        int value = *p + 1500 + (int)(next_random(state) % 6000);
        *p = (uint16_t)(value > PIXEL_MAX ? PIXEL_MAX : value);
    }
}

static void
expose(uint16_t *pixels, const struct options *o, const struct frame *f)
{
    char stream[32];
    uint64_t state;

    snprintf(stream, sizeof stream, "%s-%s", f->kind,
             f->filter ? f->filter : "");
    state = seed_of(o->seed, stream, (uint64_t)f->number);
    for (int64_t y = 0; y < o->size; y++) {
        for (int64_t x = 0; x < o->size; x++) {
            int64_t i = y * o->size + x;
            double light = f->level;
            if (f->stars)
                light += (double)f->stars[i] * f->seconds;
            if (f->filter)
                light *= response(o, f->filter, y, x);
            light += hot(o, y, x) * f->seconds;
            double electrons =
                sqrt(light * GAIN + READ_NOISE * READ_NOISE);
            double v = bias_level(o, x) + light +
                       electrons / GAIN * noise(next_random(&state));
            v = v < 0 ? 0 : v > PIXEL_MAX ? PIXEL_MAX : v;
            pixels[i] = (uint16_t)(v + 0.5);
        }
    }
    for (int i = 0; i < f->rays; i++)
        add_ray(pixels, o->size, &state);
}

/* ---- FITS ---------------------------------------------------------------- */

struct header {
    char text[2 * BLOCK];
    int cards;
};

__attribute__((format(printf, 2, 3))) static void
add_card(struct header *h, const char *fmt, ...)
{
    char line[CARD + 1];
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    if (n < 0 || n > CARD || (h->cards + 1) * CARD > (int)sizeof h->text) {
        fprintf(stderr, "quern-night: a header card is too long\n");
        abort();
    }
    memcpy(h->text + h->cards++ * CARD, line, (size_t)n);
}

static void
add_text(struct header *h, const char *name, const char *value)
{
    add_card(h, "%-8s= '%-8s'", name, value);
}

static void
add_integer(struct header *h, const char *name, int64_t value)
{
    add_card(h, "%-8s= %20lld", name, (long long)value);
}

static void
add_number(struct header *h, const char *name, double value)
{
    add_card(h, "%-8s= %20.8f", name, value);
}

/* The time an exposure began: biases at dusk, then flats, then the sky. */
static void
add_date(struct header *h, const struct frame *f)
{
    time_t begin = 1773511200; // 2026-03-14T18:00:00
    char text[32];
    struct tm tm;

    if (strcmp(f->kind, "flat") == 0)
        begin += f->filter[0] == 'B' ? 1200 : 1800;
    if (strcmp(f->kind, "object") == 0)
        begin += f->filter[0] == 'B' ? 7200 : 7290;
    begin += (f->number - 1) * (f->stars ? 180 : 30);
    gmtime_r(&begin, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    add_text(h, "DATE-OBS", text);
}

static void
fill_header(struct header *h, const struct options *o, const struct frame *f)
{
    memset(h->text, ' ', sizeof h->text);
    h->cards = 0;
    add_card(h, "%-8s= %20s", "SIMPLE", "T");
    add_integer(h, "BITPIX", 16);
    add_integer(h, "NAXIS", 2);
    add_integer(h, "NAXIS1", o->size);
    add_integer(h, "NAXIS2", o->size);
    add_number(h, "BZERO", 32768);
    add_number(h, "BSCALE", 1);
    add_text(h, "IMAGETYP", f->kind);
    if (f->filter)
        add_text(h, "FILTER", f->filter);
    add_text(h, "OBJECT", f->stars ? "M67" : f->kind);
    add_number(h, "EXPTIME", f->seconds);
    add_date(h, f);
    add_text(h, "INSTRUME", "synthetic CCD");
    add_integer(h, "CCDXBIN", 1);
    add_integer(h, "CCDYBIN", 1);
    add_number(h, "GAIN", GAIN);
    add_number(h, "RDNOISE", READ_NOISE);
    if (f->stars) {
        add_text(h, "RA", "10:47:38.400");
        add_text(h, "DEC", "+12:35:24.00");
        add_text(h, "CTYPE1", "RA---TAN");
        add_text(h, "CTYPE2", "DEC--TAN");
        add_number(h, "CRPIX1", (double)o->size / 2.0 + 0.5);
        add_number(h, "CRPIX2", (double)o->size / 2.0 + 0.5);
        add_number(h, "CRVAL1", 161.91);
        add_number(h, "CRVAL2", 12.59);
        add_number(h, "CD1_1", -0.0001);
        add_number(h, "CD1_2", 0);
        add_number(h, "CD2_1", 0);
        add_number(h, "CD2_2", 0.0001);
    }
    add_card(h, "END");
}

/* Big-endian, signed with an offset of 32768, as FITS keeps uint16. */
static void
encode(uint16_t *pixels, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned v = pixels[i] ^ 0x8000u;
        unsigned char *b = (unsigned char *)&pixels[i];
        b[0] = (unsigned char)(v >> 8);
        b[1] = (unsigned char)(v & 0xff);
    }
}

static bool
write_file(const char *path, const struct header *h, const void *data,
           size_t bytes)
{
    static const char zeros[BLOCK] = {0};
    size_t head = ((size_t)h->cards * CARD + BLOCK - 1) / BLOCK * BLOCK;
    size_t pad = (BLOCK - bytes % BLOCK) % BLOCK;
    FILE *file = fopen(path, "wb");
    bool good;

    if (file) {
        good = fwrite(h->text, 1, head, file) == head &&
               fwrite(data, 1, bytes, file) == bytes &&
               fwrite(zeros, 1, pad, file) == pad;
        if (fclose(file) == 0 && good)
            return true;
    }
    fprintf(stderr, "quern-night: %s: %s\n", path, strerror(errno));
    return false;
}

/* ---- the night ------------------------------------------------------------ */

static bool
take(const struct options *o, const struct frame *f, uint16_t *pixels)
{
    const char *word = f->stars ? "science" : f->kind;
    size_t n = (size_t)(o->size * o->size);
    struct header h;
    char path[4096];
    int len;

    len = snprintf(path, sizeof path, "%s/%s%s%s-%03d.fits", o->folder, word,
                   f->filter ? "-" : "", f->filter ? f->filter : "",
                   f->number);
    if (len < 0 || len >= (int)sizeof path) {
        fprintf(stderr, "quern-night: the folder's name is too long\n");
        return false;
    }
    expose(pixels, o, f);
    fill_header(&h, o, f);
    encode(pixels, n);
    return write_file(path, &h, pixels, n * sizeof *pixels);
}

static bool
take_biases(const struct options *o, uint16_t *pixels)
{
    for (int i = 1; i <= 7; i++) {
        struct frame f = {.kind = "bias", .number = i};
        if (!take(o, &f, pixels))
            return false;
    }
    return true;
}

static bool
take_filter(const struct options *o, const char *filter, uint16_t *pixels)
{
    float *stars = make_sky(o, filter);
    bool good = stars != NULL;

    if (!stars)
        fprintf(stderr, "quern-night: no memory for frames of that size\n");
    for (int i = 1; i <= 5 && good; i++) {
        // twilight brightens from flat to flat: normalize takes that out
        struct frame f = {.kind = "flat",
                          .filter = filter,
                          .number = i,
                          .seconds = 3,
                          .level = 18000 + 1500 * i};
        good = take(o, &f, pixels);
    }
    for (int i = 1; i <= o->frames && good; i++) {
        struct frame f = {.kind = "object",
                          .filter = filter,
                          .number = i,
                          .seconds = 60,
                          .level = 300,
                          .stars = stars,
                          .rays = 12};
        good = take(o, &f, pixels);
    }
    free(stars);
    return good;
}

static bool
take_night(const struct options *o)
{
    uint16_t *pixels = malloc((size_t)(o->size * o->size) * sizeof *pixels);
    bool good;

    if (!pixels) {
        fprintf(stderr, "quern-night: no memory for frames of that size\n");
        return false;
    }
    good = take_biases(o, pixels) && take_filter(o, "B", pixels) &&
           take_filter(o, "V", pixels);
    free(pixels);
    if (good)
        printf("%s: 7 biases, 5 flats and %lld science frames in each of B "
               "and V, %lld x %lld\n",
               o->folder, (long long)o->frames, (long long)o->size,
               (long long)o->size);
    return good;
}

static bool
make_folders(const char *folder)
{
    char path[4096];

    if (strlen(folder) >= sizeof path) {
        fprintf(stderr, "quern-night: the folder's name is too long\n");
        return false;
    }
    strcpy(path, folder);
    for (char *p = path + 1;; p++) {
        char end = *p;
        if (end != '/' && end != '\0')
            continue;
        *p = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST) {
            fprintf(stderr, "quern-night: %s: %s\n", path, strerror(errno));
            return false;
        }
        if (!end)
            return true;
        *p = end;
    }
}

static bool
parse_number(int64_t *value, const char *text, int64_t low, int64_t high)
{
    char *end;

    errno = 0;
    *value = strtoll(text, &end, 10);
    return end != text && !*end && !errno && *value >= low && *value <= high;
}

static bool
parse_words(struct options *o, int argc, char **argv)
{
    int64_t seed;

    for (int i = 1; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--frames") == 0 &&
            parse_number(&o->frames, next, 1, 99999)) {
            i++;
        } else if (strcmp(argv[i], "--size") == 0 &&
                   parse_number(&o->size, next, 16, 16384)) {
            i++;
        } else if (strcmp(argv[i], "--seed") == 0 &&
                   parse_number(&seed, next, 0, INT64_MAX)) {
            o->seed = (uint64_t)seed;
            i++;
        } else if (argv[i][0] != '-' && argv[i][0] && !o->folder) {
            o->folder = argv[i];
        } else {
            return false;
        }
    }
    return o->folder != NULL;
}

int
main(int argc, char **argv)
{
    struct options o = {.frames = 6, .size = 256, .seed = 2026};

    if (!parse_words(&o, argc, argv)) {
        fprintf(stderr,
                "usage: quern-night OUTDIR [--frames N] [--size N] [--seed N]\n"
                "  --frames N  science frames a filter, 1 to 99999 (6)\n"
                "  --size N    pixels a side, 16 to 16384 (256)\n"
                "  --seed N    another night (2026)\n");
        return 2;
    }
    return make_folders(o.folder) && take_night(&o) ? 0 : 1;
}
