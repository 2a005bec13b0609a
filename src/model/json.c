/* Plain data in and out of JSON objects; knows no object by name. */
#include "model/json.h"

const char *
qn_json_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

const char *
qn_json_word(const json_t *object, const char *key)
{
    const char *s = qn_json_text(object, key);

    return s ? s : "";
}

int64_t
qn_json_integer(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

json_t *
qn_json_strings(const struct qn_strings *s)
{
    json_t *a = json_array();

    for (size_t i = 0; i < s->n; i++)
        json_array_append_new(a, json_string(s->v[i]));
    return a;
}

json_t *
qn_json_integers(const int64_t *v, int n)
{
    json_t *a = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(a, json_integer((json_int_t)v[i]));
    return a;
}

json_t *
qn_json_shape(const struct qn_shape *s)
{
    return qn_json_integers(s->n, s->ndims);
}
