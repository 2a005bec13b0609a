/* An output with three products, cards and inputs, for tests of the writers. */
#ifndef QN_TEST_WRITER_RUN_H
#define QN_TEST_WRITER_RUN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <hdf5.h>
#include <math.h>
#include <signal.h>

#include "io/writer.h"
#include "model/array.h"

#include "scratch.h"

#define KEY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SIDE 40

#define KEY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SIDE 40

typedef int write_function(const struct qn_output *, struct qn_error *);

/* Everything an output points to. */
struct sample {
    float image[SIDE * SIDE];
    int32_t count[3];
    double total;
    struct qn_array arrays[3];
    struct qn_product products[3];
    struct qn_cards cards;
    struct qn_used used[2];
    struct qn_output out;
};

static inline void
add_card(struct qn_cards *c, const char *keyword, const char *value, char kind)
{
    assert_int_equal(qn_cards_add(c, keyword, value, "note", kind, NULL), 0);
}

static inline void
make_cards(struct qn_cards *c)
{
    add_card(c, "SIMPLE", "T", 'b');
    add_card(c, "NAXIS1", "7", 'n');
    add_card(c, "BZERO", "32768", 'n');
    add_card(c, "DATE", "2018-08-10", 's');
    add_card(c, "EXTNAME", "SCI", 's');
    add_card(c, "BUNIT", "adu", 's');
    add_card(c, "QNKEY", "older", 's');
    add_card(c, "OBJECT", "O'Neill \xC3\xA9", 's');
    add_card(c, "EXPTIME", "1.50E+01", 'n');
    add_card(c, "GOOD", "T", 'b');
    add_card(c, "NOTHING", "", 'u');
    add_card(c, "ESO DET CHIP ID", "ccd 9", 's');
    add_card(c, "BAD?KEY", "1", 'n');
    add_card(c, "COMMENT", "as it came", 'c');
}

static inline struct sample *
make_sample(const char *path)
{
    struct sample *s = calloc(1, sizeof *s);
    const struct qn_type types[] = {
        {QN_F32, {2, {SIDE, SIDE}}}, {QN_I32, {1, {3}}}, {QN_F64, {0, {0}}}};

    assert_non_null(s);
    for (int i = 0; i < SIDE * SIDE; i++)
        s->image[i] = (float)(i % 100) - 50;
    s->image[5] = NAN;
    for (int i = 0; i < 3; i++)
        s->count[i] = -i;
    s->total = 0.1;
    s->arrays[0] = qn_array_view(&types[0], s->image);
    s->arrays[1] = qn_array_view(&types[1], s->count);
    s->arrays[2] = qn_array_view(&types[2], &s->total);
    s->products[0] = (struct qn_product){
        .name = "data", .data = &s->arrays[0], .units = "electrons", .axis = -1};
    s->products[1] = (struct qn_product){
        .name = "count", .data = &s->arrays[1], .units = NULL, .axis = -1};
    s->products[2] = (struct qn_product){
        .name = "total", .data = &s->arrays[2], .units = "", .axis = -1};
    make_cards(&s->cards);
    s->used[0] =
        (struct qn_used){"raw/a.fits", 2880, 1500000000000000001, NULL};
    s->used[1] = (struct qn_used){"raw/longer.fits", -1, 0, "truncated"};
    s->out = (struct qn_output){
        .path = path,
        .products = s->products,
        .nproducts = 3,
        .nosync = true,
        .cards = &s->cards,
        .provenance = {.version = "0.1.0",
                       .job = "name: x\n",
                       .stage = "flat",
                       .steps = "[{\"kernel\":\"subtract\",\"operand\":"
                                "{\"stage\":\"bias\"}},"
                                "{\"kernel\":\"bin\"},1234]",
                       .key = KEY,
                       .used = s->used,
                       .nused = 2,
                       .members = 2,
                       .members_used = 1},
    };
    return s;
}

static inline void
clear_sample(struct sample *s)
{
    qn_cards_clear(&s->cards);
    free(s);
}

static inline int
enter_folder(void **state)
{
    signal(SIGXFSZ, SIG_IGN);
    return scratch_enter(state);
}

static inline long
open_ids(void)
{
    return (long)H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL);
}

static inline off_t
size_of(const char *path)
{
    struct stat st;

    return stat(path, &st) ? -1 : st.st_size;
}

#endif
