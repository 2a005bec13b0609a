/* The workers of one rank: requests go in, answers come out.
 *
 * A worker has up to two requests in hand: the one it works on, and the next,
 * whose file it reads ahead.  One that dies or takes too long is reaped and
 * replaced.  What it had in hand then goes to fresh workers, each request
 * alone; only a request whose worker dies while it is alone has failed, after
 * as many more tries as `retries` says.  An answer comes in any case.  The
 * rank itself never opens an input file.  All local. */
#ifndef QN_ENGINE_FARM_H
#define QN_ENGINE_FARM_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/child.h"
#include "engine/spent.h"

enum {
    QN_FARM_SLOTS = 3, /* kinds of shared memory; see worker.h */
    QN_FARM_MOST = 256 /* workers a rank may have                */
};

/* A request in the hands of a worker. */
struct qn_farm_hand {
    int64_t unit;      /* what it is about; -1: none                 */
    json_t *request;   /* owned: to be sent again                    */
    int deaths;        /* how often its worker died or it met EIO    */
    bool alone;        /* nothing else may be in the worker's hands  */
    double timeout;    /* s; INFINITY: none                          */
};

struct qn_farm_worker {
    struct qn_child child;
    size_t programs;   /* how many of the farm's programs it has     */
    int memory[QN_FARM_SLOTS];    /* generation of each it has       */
    struct qn_farm_hand hand, ahead; /* at work; read ahead          */
    bool sent;         /* the worker knows of the one ahead          */
    double deadline;   /* clock: of the one at work                  */
};

struct qn_farm {
    struct qn_farm_worker *worker; /* owned, [n] */
    int n;
    int most;          /* of them that may have something in hand    */
    int busy;          /* workers with something in hand             */
    int retries;
    struct qn_spent spent; /* of all answers so far                  */
    json_t *cautions;      /* owned: of all answers since they were told; NULL:
                              none (model/caution.h)                  */
    bool warned;       /* of what a worker said of its libraries     */
    bool draining;     /* what is ahead is not to be begun any more  */
    json_t **program;  /* owned, [nprograms]; sent before use        */
    size_t nprograms;
    int memory[QN_FARM_SLOTS];     /* borrowed descriptors; -1       */
    int generation[QN_FARM_SLOTS];
    /* Local.  While qn_farm_ask waits: whatever is to go on; NULL: nothing. */
    void (*poll)(void *whom);
    void *whom;                    /* borrowed                       */
};

/* What became of a request. */
struct qn_answer {
    int64_t unit;         /* -1: only next is told                   */
    int64_t next;         /* the unit that is worked on from now on in its
                             place; -1: none                         */
    json_t *reply;        /* owned by the receiver; NULL on failure  */
    struct qn_error why;  /* on failure                              */
};

/* n workers, started when first needed; `most` is set to as many. */
int
qn_farm_open(struct qn_farm *f, int n, struct qn_error *err);

/* Start the first workers now, for who will need them soon: loading a program
 * takes longer than planning a small job.  What does not start is started, or
 * failed, when it is needed. */
void
qn_farm_early(struct qn_farm *f);

/* Keep cautions (borrowed; NULL: none) until they are told. */
void
qn_farm_caution(struct qn_farm *f, const json_t *cautions);

/* Stop all workers; those with something in hand are killed. */
void
qn_farm_close(struct qn_farm *f);

/* Register a program (taken over); *id is what requests name it by. */
int
qn_farm_program(struct qn_farm *f, json_t *program, size_t *id, struct qn_error *err);

/* From the next request on, slot is the memory behind fd (-1: none; workers
 * with nothing in hand let go of it at once). */
void
qn_farm_memory(struct qn_farm *f, int slot, int fd);

/* Is there a worker with nothing in hand, and may it have something? */
bool
qn_farm_free(const struct qn_farm *f);

/* Is there one that could read ahead?  Only asked where none is free. */
bool
qn_farm_room(const struct qn_farm *f);

/* Hand a request (taken over) to a free worker, else to one that can read
 * ahead. */
int
qn_farm_start(
    struct qn_farm *f, int64_t unit, json_t *request, double timeout, struct qn_error *err);

/* Wait at most milliseconds for an answer; *got says whether there is one.
 * Returns an error only when a worker cannot be replaced. */
int
qn_farm_wait(
    struct qn_farm *f, int milliseconds, struct qn_answer *answer, bool *got,
    struct qn_error *err);

/* One request to one worker, where all are free, waited for; what became of it
 * is in the answer. */
int
qn_farm_ask(
    struct qn_farm *f, json_t *request, double timeout, struct qn_answer *answer,
    struct qn_error *err);

#endif
