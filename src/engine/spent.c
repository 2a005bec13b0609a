/* Adding up phases.  Knows neither who did the work nor when. */
#include "engine/spent.h"
#include "model/json.h"

static double
seconds_of(const json_t *reply, size_t i)
{
    return json_number_value(
        json_array_get(json_object_get(reply, "seconds"), i));
}

void
qn_spent_take(struct qn_spent *s, const json_t *reply)
{
    s->read += seconds_of(reply, 0);
    s->compute += seconds_of(reply, 1);
    s->write += seconds_of(reply, 2);
    s->decoded += qn_json_integer(reply, "decoded");
    s->written += qn_json_integer(reply, "bytes");
}

void
qn_spent_add(struct qn_spent *s, const struct qn_spent *other, int sign)
{
    s->read += sign * other->read;
    s->compute += sign * other->compute;
    s->write += sign * other->write;
    s->exchange += sign * other->exchange;
    s->stored += sign * other->stored;
    s->decoded += sign * other->decoded;
    s->written += sign * other->written;
    s->moved += sign * other->moved;
}

/* seconds < 0: they are part of another phase's. */
static void
add_phase(json_t *all, const char *name, int64_t bytes, double seconds,
          const json_t *ceilings)
{
    json_t *ceiling = json_object_get(ceilings, name);
    json_t *j = json_pack("{s:I,s:o,s:o}", "bytes", (json_int_t)bytes,
                          "seconds",
                          seconds < 0 ? json_null() : json_real(seconds),
                          "rate",
                          seconds > 0 ? json_real((double)bytes / seconds)
                                      : json_null());

    if (j && ceiling)
        json_object_set(j, "ceiling", ceiling);
    json_object_set_new(all, name, j);
}

json_t *
qn_spent_json(const struct qn_spent *s, double wait, const json_t *ceilings)
{
    json_t *all = json_object();

    add_phase(all, "read", s->stored, s->read, ceilings);
    add_phase(all, "decode", s->decoded, -1, ceilings);
    add_phase(all, "compute", s->decoded, s->compute, ceilings);
    add_phase(all, "exchange", s->moved, s->exchange, ceilings);
    add_phase(all, "write", s->written, s->write, ceilings);
    add_phase(all, "wait", 0, wait > 0 ? wait : 0, ceilings);
    return all;
}
