/* A worker: what it keeps between requests, and the requests it answers.
 *
 * A request is a JSON object with "op" and, where bulk data is concerned,
 * offsets into memory that the rank has sent descriptors for.  An answer is
 * {"ok": true, ...} or {"error": code, "text": sentence}.
 *
 *   stage   {program}                            keep a program
 *   memory  {slot} + descriptor, or none         keep it in place of the one
 *                                                before, which is let go
 *   probe   {program, path, names, fields?}      type and header values
 *   list    {program, path}                      what a file holds
 *   item    {program, path, fields, uses, ...}   one item, start to end
 *   part    {program, rows, folder, uses, ...}   many items into one output
 *   region  {program, path | use, start, count, dtype, offset}  part of a
 *           file, to memory
 *   band    {program, members | files, ...}      part of a combination
 *   write   {program, products, ...}             write a combined result
 *   key     {path}                               the key inside an output
 *   look    {path, concat, fields}               what a merge must know of an
 *                                                output
 *   merge   {do: open | add | finish, ...}       one file over outputs
 *   measure {threads, seconds, load?}            cores that it gets, and what
 *                                                libraries it has loaded
 *   hash    {path}                               the contents of any file
 *   exec    {argv, env, from, to, ...}           run a program once
 */
#ifndef QN_WORKER_WORKER_H
#define QN_WORKER_WORKER_H

#include <jansson.h>

#include "base/limit.h"
#include "io/bytes.h"
#include "io/channel.h"
#include "io/reader.h"
#include "io/writer_image.h"
#include "worker/opened.h"
#include "worker/operand.h"
#include "worker/program.h"

/* Memory shared with the rank. */
enum qn_slot {
    QN_SLOT_MEMBERS, /* samples of members: written by item, read by band */
    QN_SLOT_RESULT,  /* combined samples: written by band, read by write  */
    QN_SLOT_OPERANDS, /* operands of a stage: see shelf.h                  */
    QN_NSLOTS
};

struct qn_worker_memory {
    int fd;       /* owned; -1: none */
    char *data;   /* owned mapping of size bytes; NULL */
    size_t size;
};

/* A message that has come and waits for its turn. */
struct qn_worker_mail {
    json_t *request; /* owned; NULL: none */
    int fd[QN_CHANNEL_FDS];
    int nfds;
};

struct qn_writer_merge;

/* A file that stays open for the next of its frames, with what was unpacked
 * of it. */
struct qn_worker_open {
    struct qn_reader *reader; /* owned; NULL: none   */
    char *path;               /* owned               */
    const struct qn_program *program;
    struct stat of;           /* the file, as it was */
};

struct qn_worker {
    int sock;
    char **environment;        /* borrowed: that of programs, as it was given */
    struct qn_worker_mail next;
    struct qn_program *program; /* owned, [nprograms] */
    size_t nprograms;
    struct qn_worker_memory memory[QN_NSLOTS];
    struct qn_opened opened;   /* parts of packed results */
    struct qn_operands_cache operands; /* reads through opened */
    struct qn_writer_image image; /* of the last output */
    struct qn_writer_merge *merge; /* owned; NULL: none is open            */
    bool packing;              /* a part is at work: its items read nothing
                                  ahead                                    */
    struct qn_bytes_kept inflated; /* what the last gzipped file held       */
    struct qn_worker_open open; /* the file whose frames were last made     */
    struct qn_limit limit;     /* threads of foreign libraries             */
    unsigned long long warned; /* limit.changes that was last looked at    */
    struct qn_spawner *spawner; /* owned; NULL until a program is run */
};

/* Memory of a slot, at least up to offset + bytes: mapped again when it has
 * grown.  *p is borrowed. */
int
qn_worker_map(
    struct qn_worker *w, enum qn_slot slot, int64_t offset, int64_t bytes,
    void **p, struct qn_error *err);

/* Forget the memory, and close its descriptor. */
void
qn_worker_unmap(struct qn_worker_memory *m);

/* The next request, waited for; request NULL: the rank has closed the line. */
int
qn_worker_receive(struct qn_worker *w, struct qn_worker_mail *mail, struct qn_error *err);

/* To be called once the samples of an item are read: if the next request has
 * come already, the kernel is asked to bring its file into memory while this
 * one is computed. */
void
qn_worker_read_ahead(struct qn_worker *w);

/* Open a file for its frames: the one that is open already if it is that, as
 * it was.  It is the caller's until it is put back. */
int
qn_worker_take_open(
    struct qn_worker *w, struct qn_reader **r, const struct qn_program *p,
    const struct qn_source *source, struct qn_error *err);
void
qn_worker_put_open(
    struct qn_worker *w, struct qn_reader *r, const struct qn_program *p,
    const char *path);

/* Forget it, and what was inflated. */
void
qn_worker_drop_open(struct qn_worker *w);

/* The program that a request names. */
int
qn_worker_program(
    const struct qn_worker *w, const json_t *request, const struct qn_program **p,
    struct qn_error *err);

/* One request each: reply is an object to be filled. */
int
qn_probe_run(struct qn_worker *w, const json_t *request, json_t *reply, struct qn_error *err);
int
qn_list_run(struct qn_worker *w, const json_t *request, json_t *reply, struct qn_error *err);
int
qn_item_run(struct qn_worker *w, const json_t *request, json_t *reply, struct qn_error *err);
int
qn_pack_run(struct qn_worker *w, const json_t *request, json_t *reply, struct qn_error *err);
int
qn_region_run(struct qn_worker *w, const json_t *request, json_t *reply, struct qn_error *err);
int
qn_band_run(struct qn_worker *w, const json_t *request, json_t *reply, struct qn_error *err);
int
qn_result_write(struct qn_worker *w, const json_t *request, json_t *reply, struct qn_error *err);
int
qn_result_key(struct qn_worker *w, const json_t *request, json_t *reply, struct qn_error *err);
int
qn_result_hash(struct qn_worker *w, const json_t *request, json_t *reply, struct qn_error *err);

int
qn_merge_look(struct qn_worker *w, const json_t *request, json_t *reply, struct qn_error *err);
int
qn_merge_run(struct qn_worker *w, const json_t *request, json_t *reply, struct qn_error *err);
int
qn_libraries_measure(
    struct qn_worker *w, const json_t *request, json_t *reply, struct qn_error *err);

/* Before a request: one thread for each library, also for those that came
 * with the last one.  After it: say in reply, once, what is wrong with them. */
void
qn_libraries_limit(struct qn_worker *w);
void
qn_libraries_warn(struct qn_worker *w, json_t *reply);

int
qn_exec_run(struct qn_worker *w, const json_t *request, json_t *reply, struct qn_error *err);

/* One item, for who puts many together. */
struct qn_product;
struct qn_cards;
struct qn_item_call {
    const struct qn_program *program;
    const json_t *uses;    /* of all steps                              */
    const json_t *request; /* of it fields, hdu and row; NULL: none     */
    const char *path;
    json_t *cautions;      /* added to; NULL: they are not asked for    */
    double read, compute;  /* s: added to                               */
    int64_t decoded;       /* bytes of samples: added to                */
};

/* Read it, apply the steps and show what comes out to take, which copies. */
int
qn_item_make(
    struct qn_worker *w, struct qn_item_call *call,
    int (*take)(
        void *ctx, const struct qn_product *products, size_t n,
        const struct qn_cards *cards, struct qn_error *err),
    void *ctx, struct qn_error *err);

/* Write products with the provenance that the request brings; *bytes of the
 * file. */
int
qn_result_save(
    struct qn_worker *w, const struct qn_program *p, const json_t *request,
    const struct qn_product *products, size_t nproducts,
    const struct qn_cards *cards, int64_t *bytes, struct qn_error *err);

/* The same for an output whose products, cards, rows, inputs and key the
 * caller has filled in. */
struct qn_output;
int
qn_result_output(
    struct qn_worker *w, const struct qn_program *p, const json_t *request,
    struct qn_output *out, int64_t *bytes, struct qn_error *err);

/* Read a dataset of the file that main reads, cut to the same frames. */
int
qn_carry_read(
    struct qn_array *a, const struct qn_source *main, const char *dataset,
    struct qn_error *err);

#endif
