/* What is in a file: see listing.h.  Knows no format; a back-end that has
 * more than one array to offer adds the entries itself.
 */
#include "io/listing.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/reader_backend.h"
#include "model/dtype.h"
#include "model/json.h"

#define ENTRIES_MOST 10000

/* ---- pieces ------------------------------------------------------------- */

int
qn_listing_add(struct qn_listing *listing, json_t *entry, struct qn_error *err)
{
    if (entry && json_array_size(listing->entries) >= ENTRIES_MOST) {
        json_decref(entry);
        listing->left_out++;
        return 0;
    }
    if (!entry || json_array_append_new(listing->entries, entry))
        return qn_fail(err, QN_ENOMEM, "no memory for a listing");
    return 0;
}

json_t *
qn_listing_text(const char *text)
{
    char *copy;
    json_t *made;

    if (!text)
        return json_null();
    if (qn_memory_copy(&copy, text, NULL))
        return NULL;
    qn_reader_text_clean(copy);
    made = json_string(copy);
    free(copy);
    return made;
}

/* ---- the default -------------------------------------------------------- */

static json_t *
default_json(const struct qn_source *source, struct qn_error *why)
{
    struct qn_reader *r = NULL;
    const struct qn_info *info;
    json_t *made;

    if (qn_reader_open(&r, source, why))
        return json_null();
    info = qn_reader_info(r);
    made = json_pack("{s:o,s:s,s:s,s:o}", "where", qn_listing_text(info->where),
                     "stored", qn_dtype_name(info->stored), "dtype",
                     qn_dtype_name(info->type.dtype), "shape",
                     qn_json_shape(&info->type.shape));
    qn_reader_close(r);
    return made;
}

// A file of one array: it is as it is read.
static int
add_only(struct qn_listing *listing, const struct qn_source *source,
         const struct qn_backend *backend, const struct qn_bytes *bytes,
         struct qn_error *err)
{
    struct qn_held held = {0};
    json_t *entry;
    void *state;

    QN_TRY(backend->open(&state, &held, source, bytes, err));
    entry = json_pack("{s:s,s:o}", "dtype", qn_dtype_name(held.decode.stored),
                      "shape", qn_json_shape(&held.shape));
    backend->close(state);
    return qn_listing_add(listing, entry, err);
}

/* ---- all of it ---------------------------------------------------------- */

static int
add_entries(struct qn_listing *listing, const struct qn_backend **backend,
            const struct qn_source *source, struct qn_error *err)
{
    struct qn_bytes bytes = {.fd = -1};
    int rc = qn_bytes_open(&bytes, source->path, source->kept, err);

    if (!rc)
        rc = qn_reader_pick(backend, source, &bytes, err);
    if (!rc && (*backend)->list)
        rc = (*backend)->list(listing, source, &bytes, err);
    else if (!rc)
        rc = add_only(listing, source, *backend, &bytes, err);
    qn_bytes_close(&bytes);
    return rc;
}

int
qn_listing_make(json_t **listing, const struct qn_source *source,
                struct qn_error *err)
{
    struct qn_listing made = {.entries = json_array()};
    const struct qn_backend *backend = NULL;
    struct qn_error why = {0};
    json_t *read;
    int rc;

    *listing = NULL;
    if (!made.entries)
        return qn_fail(err, QN_ENOMEM, "no memory for a listing");
    rc = add_entries(&made, &backend, source, err);
    if (rc) {
        if (err)
            qn_reader_text_clean(err->text);
        qn_wrap(err, "%s", source->path);
        json_decref(made.entries);
        return rc;
    }
    read = default_json(source, &why);
    *listing = json_pack("{s:s,s:o,s:I,s:o,s:o}", "format", backend->name,
                         "entries", made.entries, "left_out",
                         (json_int_t)made.left_out, "default", read, "why",
                         qn_listing_text(why.code ? why.text : NULL));
    return *listing ? 0 : qn_fail(err, QN_ENOMEM, "no memory for a listing");
}
