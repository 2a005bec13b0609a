/* An item that is larger than memory: read, taken through the steps and
 * written some rows at a time.  Local. */
#ifndef QN_WORKER_SLABS_H
#define QN_WORKER_SLABS_H

#include "io/reader.h"
#include "io/writer.h"
#include "model/array.h"
#include "worker/pass.h"

struct qn_slabs {
    struct qn_writer_source source; /* what the writer asks for samples  */
    struct qn_array result;         /* of the type written, without samples */
    const struct qn_program *program;
    struct qn_reader *reader;       /* borrowed                          */
    struct qn_pass_stream *steps;   /* owned; NULL: there are none       */
    int64_t unit;                   /* rows read that become one         */
    struct qn_array in, out, as;    /* owned: as read, after the steps, as
                                       written                           */
    double read, compute;           /* s                                 */
    int rc;                         /* of what failed but the writing    */
    struct qn_error why;
};

/* Ready for the writer.  Only for steps that qn_pass_streams. */
int
qn_slabs_open(
    struct qn_slabs *s, const struct qn_pass *pass, struct qn_reader *reader,
    struct qn_error *err);

void
qn_slabs_close(struct qn_slabs *s);

#endif
