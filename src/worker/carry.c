/* carry: datasets of the input that travel to the output as they are, cut to
 * the same frames. */
#include <stdlib.h>
#include <string.h>

#include "worker/worker.h"

/* Length of the leading axis before anything is chosen along it; -1: none. */
static int
full_length(int64_t *n, const struct qn_source *source, struct qn_error *err)
{
    struct qn_source whole = *source;
    struct qn_reader *r = NULL;

    *n = -1;
    whole.frames = NULL;
    whole.nslice = 0;
    QN_TRY(qn_reader_open(&r, &whole, err));
    if (qn_reader_info(r)->type.shape.ndims > 0)
        *n = qn_reader_info(r)->type.shape.n[0];
    qn_reader_close(r);
    return 0;
}

int
qn_carry_read(struct qn_array *a, const struct qn_source *main,
              const char *dataset, struct qn_error *err)
{
    struct qn_source source = *main;
    int64_t mine, theirs;
    int rc;

    source.dataset = dataset;
    source.ndatasets = 0;
    // said of the samples that are read: angles and times are another matter
    source.missing = NULL;
    source.missing_given = false;
    rc = full_length(&mine, &source, err);
    if (!rc)
        rc = full_length(&theirs, main, err);
    if (rc)
        return qn_wrap(err, "carry");
    // what has no value for each frame is not cut
    if (mine != theirs) {
        source.frames = NULL;
        source.nslice = 0;
    }
    if (source.nslice > 1)
        source.nslice = 1;
    if (qn_reader_all(a, &source, err))
        return qn_wrap(err, "carry");
    return 0;
}
