/* Looking at a file: what is in it, without its samples. */
#include <string.h>

#include "io/reader.h"
#include "model/dtype.h"
#include "model/json.h"
#include "worker/worker.h"

/* A header may hold bytes that are no UTF-8: then the value is left empty. */
static json_t *
text_json(const char *s)
{
    json_t *t = json_string(s);

    return t ? t : json_string("");
}

/* Header values as [name, text, is text]; a missing one is left out: whether
 * it matters is for the plan to say.  One that cannot be read is no missing
 * one. */
static int
add_fields(json_t *reply, struct qn_reader *r, const json_t *names,
           struct qn_error *err)
{
    json_t *fields = json_array(), *name;
    size_t i;

    json_object_set_new(reply, "fields", fields);
    json_array_foreach(names, i, name) {
        char value[1024];
        bool is_text = false;
        int rc = qn_reader_field(r, json_string_value(name), value,
                                 sizeof value, &is_text, err);

        if (rc == QN_EMISSING)
            continue;
        if (rc)
            return rc;
        json_array_append_new(
            fields, json_pack("[O,o,b]", name, text_json(value), is_text));
    }
    return 0;
}

int
qn_probe_run(struct qn_worker *w, const json_t *request, json_t *reply,
             struct qn_error *err)
{
    const struct qn_program *p;
    const struct qn_info *info;
    struct qn_source source;
    struct qn_reader *r = NULL;
    int rc;

    QN_TRY(qn_worker_program(w, request, &p, err));
    source = p->source;
    source.path = qn_json_text(request, "path");
    if (json_object_get(request, "dataset"))
        source.dataset = qn_json_text(request, "dataset");
    if (json_object_get(request, "hdu"))
        source.hdu = qn_json_text(request, "hdu");
    QN_TRY(qn_reader_open(&r, &source, err));
    info = qn_reader_info(r);
    json_object_set_new(reply, "stored",
                        json_string(qn_dtype_name(info->stored)));
    json_object_set_new(reply, "dtype",
                        json_string(qn_dtype_name(info->type.dtype)));
    json_object_set_new(reply, "shape", qn_json_shape(&info->type.shape));
    json_object_set_new(reply, "format", json_string(info->format));
    json_object_set_new(reply, "window", json_integer(info->window));
    json_object_set_new(reply, "unpacks", json_integer(info->unpacks));
    rc = add_fields(reply, r, json_object_get(request, "names"), err);
    qn_reader_close(r);
    return rc;
}
