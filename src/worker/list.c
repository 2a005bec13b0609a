/* Listing a file: what it holds, and which of that would be read. */
#include "io/listing.h"
#include "model/json.h"
#include "worker/worker.h"

int
qn_list_run(struct qn_worker *w, const json_t *request, json_t *reply,
            struct qn_error *err)
{
    const struct qn_program *p;
    struct qn_source source;
    json_t *listing = NULL;
    int rc = 0;

    QN_TRY(qn_worker_program(w, request, &p, err));
    source = p->source;
    source.path = qn_json_text(request, "path");
    QN_TRY(qn_listing_make(&listing, &source, err));
    if (json_object_update(reply, listing))
        rc = qn_fail(err, QN_ENOMEM, "no memory for a listing");
    json_decref(listing);
    return rc;
}
