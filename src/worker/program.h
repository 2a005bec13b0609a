/* A stage as a worker knows it: sent once, used for every item.  Local. */
#ifndef QN_WORKER_PROGRAM_H
#define QN_WORKER_PROGRAM_H

#include <jansson.h>

#include "io/reader.h"
#include "kernels/combine.h"
#include "quern/kernel.h"

struct qn_program_step {
    const struct qn_kernel *kernel;
    json_t *params;      /* borrowed from the text of the program */
    int noperands;
    const char *names[QN_MAX_OPERANDS]; /* NULL unless named */
    const char *product; /* what a reduction's result is called; NULL */
};

struct qn_program {
    json_t *text;         /* owned: everything below borrows from it     */
    struct qn_source source;
    const char *slice[QN_MAX_DIMS];
    struct qn_program_step *steps; /* owned */
    int nsteps;           /* steps proper                                */
    int64_t memory;       /* bytes an item may fill; 0: no limit is known */
    int64_t operands;     /* bytes of operands to keep from item to item */
    int64_t shelf;        /* and of those that workers keep together      */
    bool blas;            /* some step or product goes through BLAS      */
    int nproducts;        /* behind them: reductions of what they give   */
    enum qn_dtype precision;
    int threads;          /* on which one item or band may be computed   */
    int dtype;            /* of the output; -1: as computed              */
    bool fits;            /* write FITS                                  */
    int compress;
    bool kept;            /* items go to shared memory, not to a file:
                             members of a combination, runs of frames    */
    struct qn_combine combine;
    bool keep_steps;      /* what comes out of each step is a product    */
    const char *datasets[64]; /* several: each becomes a product         */
    size_t ndatasets;
};

/* Take over the message of op "stage". */
int
qn_program_make(struct qn_program *p, json_t *text, struct qn_error *err);

void
qn_program_clear(struct qn_program *p);

#endif
