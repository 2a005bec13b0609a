/* A job: what the YAML file says, checked, in plain structs.
 *
 * qn_job_parse is a function on bytes: it opens nothing.  Built once, const
 * from then on.  All problems of a file are reported in one go.  Local.
 */
#ifndef QN_MODEL_JOB_H
#define QN_MODEL_JOB_H

#include <jansson.h>

#include "base/text.h"
#include "model/expr.h"
#include "model/problem.h"
#include "quern/kernel.h"

enum qn_precision { QN_PRECISION_AUTO, QN_PRECISION_F32, QN_PRECISION_F64 };
enum qn_each { QN_EACH_FILE, QN_EACH_FRAME, QN_EACH_HDU };

struct qn_strings {
    char **v; /* owned, each owned */
    size_t n;
};

struct qn_input {
    struct qn_mark mark;
    struct qn_strings files;   /* patterns, vars and ${ENV} filled in     */
    struct qn_strings exclude;
    char *stage;               /* owned or NULL: results of that stage    */
    int stage_index;           /* in job->stages; -1 where stage is NULL  */
    char *product;             /* of that stage; NULL: its first          */
    char *rows;                /* a CSV, a row an item; NULL              */
    bool arguments;            /* the files named behind the job: set by
                                  the command line, never by the parser   */
    json_t *with;              /* owned or NULL: {name: pattern}          */
    char *where;               /* NULL: all                               */
    struct qn_expr where_expr;
    char *format, *hdu, *missing, *dtype, *endian, *frames; /* NULL: default */
    struct qn_strings dataset; /* n 0: default                            */
    struct qn_strings slice;
    struct qn_shape shape;     /* raw, and of a generated grid            */
    bool generated;            /* grid: no file; format is "grid"         */
    double value;              /* of a generated grid's samples           */
    int64_t offset;            /* raw, bytes                              */
    bool undecoded;            /* decode: none                            */
    bool links_any;
    bool unread;               /* a program opens them, not quern         */
    int each;                  /* enum qn_each                            */
};

enum qn_operand_kind {
    QN_OPERAND_NUMBER, QN_OPERAND_HEADER, QN_OPERAND_STAGE, QN_OPERAND_FILE,
    QN_OPERAND_DATASET /* of the item's own file */
};

struct qn_match {     /* one element of match:, or of the stage's per */
    char *field;       /* owned */
    bool nearest;
    double within;     /* NaN: any distance */
};

struct qn_operand {
    struct qn_mark mark;
    char *name;        /* of a named operand (calculate); NULL            */
    enum qn_operand_kind kind;
    double number;
    char *text;        /* header name, stage, file pattern or dataset     */
    int stage_index;   /* STAGE: in job->stages                           */
    char *product, *dataset, *hdu; /* NULL: default                       */
    char *reduce;      /* DATASET, FILE: mean, median, ... over the leading
                          axis; NULL                                      */
    double scale;      /* 1 where not given                               */
    char *scale_header; /* this item's value over the operand's; NULL     */
    struct qn_match *match; /* owned; nmatch 0: the default rule          */
    size_t nmatch;
};

struct qn_step {
    struct qn_mark mark;
    const struct qn_kernel *kernel;
    json_t *params;    /* owned: canonical, defaults filled in            */
    struct qn_operand *operand; /* owned */
    int noperands;
    char *product;     /* owned: a reduction whose result has that name, of
                          what the steps before the first of them give;
                          NULL: a step proper                             */
};

struct qn_group {      /* combine's keys that are not the kernel's        */
    bool given;        /* the stage combines                              */
    struct qn_mark mark;
    const struct qn_kernel *kernel; /* the catalog's `combine`            */
    json_t *params;    /* owned: canonical, of that kernel                */
    struct qn_strings per; /* texts as written                            */
    struct qn_expr *per_expr; /* owned, [per.n]                           */
    bool per_file;     /* per: file (per.n is then 0)                     */
    double at_least;   /* members; or a fraction if at_least_fraction     */
    bool at_least_fraction;
    char *weights;     /* NULL, or the field that holds a member's weight */
};

enum qn_format { QN_FORMAT_HDF5, QN_FORMAT_FITS };

struct qn_result {     /* output: of a stage                              */
    struct qn_mark mark;
    char *name;        /* pattern; NULL: default                          */
    int format;        /* enum qn_format                                  */
    int dtype;         /* enum qn_dtype or -1: as computed                */
    int compress;      /* 0..9 */
    bool packed;       /* many small results a file: see plan_pack.c      */
    bool single;       /* one file in the end, OUT/STAGE.h5; packed too,
                          where small results may be                      */
    struct qn_strings carry;
};

struct qn_command {    /* the step `exec`: a program, once an item         */
    bool given;
    struct qn_mark mark;
    struct qn_strings words;  /* templates (command.h); the first: program */
    struct qn_strings writes; /* templates: names of what it leaves, below
                                 the stage's folder                        */
    bool folder;              /* the one of writes is a folder             */
    bool catches;             /* the last of writes is its stdout          */
    struct qn_strings uses;   /* files that all items use: part of keys    */
    json_t *env;              /* owned: {NAME: template}; NULL             */
    char *cwd;                /* template; NULL: a fresh folder an item    */
};

struct qn_stage {
    char *name;
    struct qn_mark mark;
    struct qn_input input;
    struct qn_command command; /* before the steps; see job_command.c     */
    struct qn_step *steps; /* owned; products stand behind steps proper  */
    int nsteps;
    int nproducts;         /* of them; 0: the result is the item itself  */
    struct qn_group combine;
    struct qn_result output;
    int64_t memory;     /* bytes a rank for this stage; 0: the job's       */
    int team;           /* ranks that share an item; 0: auto, -1: all     */
    int retries;        /* default 1 */
    double timeout;     /* s; NaN: 300 plus bytes / 10 MB/s; INFINITY: none */
};

#define QN_JOB_MAX_STAGES 1000
#define QN_JOB_MAX_PRODUCTS 32

struct qn_job {
    char *name;
    char *text;         /* as read, with one "# --set A=B" line per --set  */
    char *output;       /* NULL: NAME.out                                  */
    int precision;      /* enum qn_precision                               */
    int threads, concurrency; /* 0: auto                                   */
    int64_t memory;     /* bytes a rank; 0: auto                           */
    struct qn_stage *stages; /* owned; in an order in which each stage stands
                               behind those it uses, else as written       */
    int nstages;
};

/* Parse text.  file is the name used in messages.  sets are "path.to.key=value"
 * words applied before any check.  catalog ends with NULL and holds `combine`.
 * On QN_EJOB problems holds every problem, each as
 *
 *     job.yaml:14:11: unknown kernel 'medain'; did you mean 'median'?
 *       14 |   kernel: medain
 *          |           ^~~~~~
 *
 * and err a sentence that counts them. */
int
qn_job_parse(
    struct qn_job *job, const char *file, const char *text, size_t len,
    const char *const *sets, size_t nsets,
    const struct qn_kernel *const *catalog,
    struct qn_text *problems, struct qn_error *err);

/* Index of the stage of that name, or -1. */
int
qn_job_stage(const struct qn_job *job, const char *name);

/* The part of a step or a combination that decides its result, as canonical
 * JSON (new reference): kernel, version, params, operands as written. */
json_t *
qn_job_step_json(const struct qn_step *step);
json_t *
qn_job_combine_json(const struct qn_group *g, const struct qn_kernel *k);

/* Is stage b (an index) used, directly or not, by stage a? */
bool
qn_job_uses(const struct qn_job *job, int a, int b);

/* Directly? */
bool
qn_job_reads(const struct qn_job *job, int a, int b);

void
qn_job_clear(struct qn_job *job);

#endif
