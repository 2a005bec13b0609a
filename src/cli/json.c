/* What the commands print for other programs: values as JSON. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "model/dtype.h"
#include "model/json.h"

json_t *
qn_cli_json_text(const char *s)
{
    json_t *text = json_string(s ? s : "");

    // a file name may be any bytes
    return text ? text : qn_fields_value(s, true);
}

json_t *
qn_cli_json_value(const struct qn_value *v)
{
    const double exact = 9007199254740992.0; // 2^53

    if (v->kind == QN_VALUE_BOOL)
        return json_boolean(v->number != 0);
    if (v->kind == QN_VALUE_TEXT)
        return qn_cli_json_text(v->text);
    if (v->kind != QN_VALUE_NUMBER || !isfinite(v->number))
        return json_null();
    if (v->number == floor(v->number) && fabs(v->number) < exact)
        return json_integer((json_int_t)v->number);
    return json_real(v->number);
}

json_t *
qn_cli_json_type(const struct qn_type *t)
{
    return json_pack("{s:o,s:s}", "shape", qn_json_shape(&t->shape), "dtype",
                     qn_dtype_name(t->dtype));
}

int
qn_cli_json_print(json_t *object)
{
    struct qn_error err = {0};
    int bad = !object || json_dumpf(object, stdout, JSON_INDENT(2));

    json_decref(object);
    printf("\n");
    if (!bad && !fflush(stdout))
        return QN_EXIT_DONE;
    qn_fail(&err, QN_EIO, "the answer could not be written");
    return qn_cli_exit(&err, true);
}
