/* What `quern status` says of a run, on stdout. */
#ifndef QN_CLI_STATUS_H
#define QN_CLI_STATUS_H

#include "engine/status.h"

/* One screen.  output: the folder, as it was named. */
void
qn_status_print(const struct qn_status *s, const char *output);

/* A line for each failed item: "STAGE: ITEM: REASON". */
void
qn_status_print_failures(const struct qn_status *s);

/* Items and bytes a second over the run, and seconds to go; NaN: not to be
 * told. */
struct qn_status_rate {
    double items, bytes, to_go;
};
struct qn_status_rate
qn_status_print_rate(const struct qn_status *s);

/* All of it as one JSON object; an exit code. */
int
qn_status_json(const struct qn_status *s);

/* The word for the state, in JSON: "running" ... "died". */
const char *
qn_status_json_word(enum qn_status_state state);

#endif
