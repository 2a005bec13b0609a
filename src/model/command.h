/* A program and its words: what `exec` runs once per item.
 *
 * Words are templates.  A command written as one text is taken apart first,
 * as a shell would (quotes, backslashes) but with nothing expanded, and the
 * fields are filled in afterwards: whatever a file name holds, it never
 * becomes two words, an option by itself, or a command of a shell.
 *
 * Words of the item in {}: input output outputN threads data row's columns,
 * captures, header fields; a word that is just {outputs} becomes one word an
 * output.  {{ and }} are braces.  All local, pure. */
#ifndef QN_MODEL_COMMAND_H
#define QN_MODEL_COMMAND_H

#include <stdint.h>

#include "model/fields.h"
#include "model/job.h"

/* What only the engine knows of an item's use of its program.  Borrowed; paths
 * are absolute. */
struct qn_command_facts {
    const char *input;          /* NULL: a row has none                   */
    const char *const *outputs; /* [noutputs]: where it is to write       */
    size_t noutputs;
    int threads;
    const char *data;           /* the data folder                        */
    const struct qn_lookup *fields; /* of the item                        */
};

/* Words of that text: blanks part them, '...' "..." and \ keep them together.
 * Appended to words (owned); QN_EJOB for a quote that does not close. */
int
qn_command_split(struct qn_strings *words, const char *text, struct qn_error *err);

/* One template filled in; *out is the caller's.  QN_EMISSING names a field
 * that is not there. */
int
qn_command_fill(
    char **out, const char *pattern, const struct qn_command_facts *f,
    struct qn_error *err);

/* All words, filled in, to be handed to exec.  A word that `uses` names, and
 * a program given by a path, become absolute. */
int
qn_command_words(
    struct qn_strings *out, const struct qn_command *c,
    const struct qn_command_facts *f, struct qn_error *err);

/* The environment's additions, "NAME=value". */
int
qn_command_env(
    struct qn_strings *out, const struct qn_command *c,
    const struct qn_command_facts *f, struct qn_error *err);

/* The name of output i below the stage's folder, values percent-encoded. */
int
qn_command_output(
    char **name, const struct qn_command *c, size_t i,
    const struct qn_lookup *fields, struct qn_error *err);

/* Is that a word that exec itself knows? */
bool
qn_command_knows(const char *name);

/* Call each with every name that is not exec's own. */
int
qn_command_names(
    const struct qn_command *c, void (*each)(void *ctx, const char *name),
    void *ctx, struct qn_error *err);

/* What decides the results, as canonical JSON (new reference). */
json_t *
qn_command_json(const struct qn_command *c);

/* A word as a shell would have to be given it. */
void
qn_command_quote(struct qn_text *out, const char *word);

void
qn_command_clear(struct qn_command *c);

/* Free a list of strings that is owned. */
void
qn_command_drop(struct qn_strings *s);

#endif
