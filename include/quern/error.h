/* Errors: a code, and one sentence that says where, what and what to do.
 *
 * Every function that can fail returns 0 or one of these codes and takes a
 * struct qn_error * as its last argument, which may be NULL.  qn_fail fills
 * it and returns the code, so that reporting and leaving are one statement:
 *
 *     return qn_fail(err, QN_ESHAPE, "mask is %lld wide but ...", ...);
 */
#ifndef QUERN_ERROR_H
#define QUERN_ERROR_H

/* code, number (stable: it is written to journals), what it means */
#define QN_ERRORS(X)                                                         \
    X(QN_EUSAGE, -1, "the command line is wrong")                            \
    X(QN_EJOB, -2, "the job file is wrong")                                  \
    X(QN_EFORMAT, -3, "a file is not what it claims to be")                  \
    X(QN_ESHAPE, -4, "shapes do not fit together")                           \
    X(QN_EMPI, -5, "an MPI call failed")                                     \
    X(QN_EIO, -6, "a file could not be read or written")                     \
    X(QN_ENOMEM, -7, "memory ran out")                                       \
    X(QN_ECRASH, -8, "a worker died")                                        \
    X(QN_ETIMEOUT, -9, "an item took longer than it may")                    \
    X(QN_EVALUE, -10, "a value cannot be represented or used")               \
    X(QN_EMISSING, -11, "a partner, field or file is missing")               \
    X(QN_ESTOPPED, -12, "the run was stopped before the end")                \
    X(QN_EUNAVAILABLE, -13, "not available in this version")                 \
    X(QN_EOUTPUT, -14, "an output could not be written")

#define QN_ERROR_ENUM(name, number, sentence) name = number,
enum qn_code { QN_OK = 0, QN_ERRORS(QN_ERROR_ENUM) };
#undef QN_ERROR_ENUM

struct qn_error {
    int code;        /* 0 or an enum qn_code                             */
    char text[1024]; /* one sentence; "..." at its end where it was cut  */
};

/* Local.  Fill err (unless NULL) and return code. */
int
qn_fail(
    struct qn_error *err, /* out: may be NULL           */
    int code,             /* one of enum qn_code, not 0 */
    const char *fmt,      /* printf's                   */
    ...) __attribute__((format(printf, 3, 4)));

/* Local.  Put a place in front of the sentence: "PLACE: SENTENCE".
 * Returns err->code (QN_EIO where err is NULL). */
int
qn_wrap(
    struct qn_error *err, /* in/out: already filled; may be NULL */
    const char *fmt,      /* printf's, the place                 */
    ...) __attribute__((format(printf, 2, 3)));

/* Return at once on failure.  Only while the function owns nothing. */
#define QN_TRY(call)                                                         \
    do {                                                                     \
        int qn_try_rc_ = (call);                                             \
        if (qn_try_rc_)                                                      \
            return qn_try_rc_;                                               \
    } while (0)

#endif
