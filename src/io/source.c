/* The JSON form of how an input is read.
 *
 * One table names the texts; what is not a text is said by hand.  Every key
 * is always there, so that equal inputs give equal objects. */
#include "io/source.h"

#include <string.h>

#include "model/json.h"

static json_t *
text_or_null(const char *s)
{
    return s ? json_string(s) : json_null();
}

json_t *
qn_source_json(const struct qn_input *in)
{
    return json_pack(
        "{s:o,s:o,s:o,s:b,s:o,s:o,s:o,s:I,s:o,s:o,s:o,s:b,s:f}", //
        "format", text_or_null(in->format), "hdu", text_or_null(in->hdu),
        "dataset", qn_json_strings(&in->dataset), "undecoded", in->undecoded,
        "missing", text_or_null(in->missing), "dtype", text_or_null(in->dtype),
        "shape", qn_json_shape(&in->shape), "offset", (json_int_t)in->offset,
        "endian", text_or_null(in->endian), "frames", text_or_null(in->frames),
        "slice", qn_json_strings(&in->slice), "links_any", in->links_any,
        "value", in->value);
}

int
qn_source_load(struct qn_source *source, const char **slice,
               const json_t *object, struct qn_error *err)
{
    json_t *shape = json_object_get(object, "shape");
    json_t *cuts = json_object_get(object, "slice");

    *source = (struct qn_source){
        .format = qn_json_text(object, "format"),
        .hdu = qn_json_text(object, "hdu"),
        .undecoded = json_is_true(json_object_get(object, "undecoded")),
        .missing = qn_json_text(object, "missing"),
        .dtype = qn_json_text(object, "dtype"),
        .offset = qn_json_integer(object, "offset"),
        .endian = qn_json_text(object, "endian"),
        .frames = qn_json_text(object, "frames"),
        .slice = slice,
        .value = json_number_value(json_object_get(object, "value")),
    };
    source->dataset = json_string_value(
        json_array_get(json_object_get(object, "dataset"), 0));
    source->missing_given = source->missing != NULL;
    if (json_is_true(json_object_get(object, "links_any")))
        source->links = QN_LINKS_ANY;
    if (json_array_size(shape) > QN_MAX_DIMS ||
        json_array_size(cuts) > QN_MAX_DIMS)
        return qn_fail(err, QN_EJOB, "shape and slice may name %d axes",
                       QN_MAX_DIMS);
    for (size_t i = 0; i < json_array_size(shape); i++)
        source->shape.n[i] = json_integer_value(json_array_get(shape, i));
    source->shape.ndims = (int)json_array_size(shape);
    for (size_t i = 0; i < json_array_size(cuts); i++)
        slice[i] = json_string_value(json_array_get(cuts, i));
    source->nslice = (int)json_array_size(cuts);
    return 0;
}
