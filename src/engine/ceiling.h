/* What the host can do at most: memory, page cache, the output's file system.
 *
 * Measured once and kept for each user and host, so that the rates of a run
 * stand beside something.  Takes a quarter of a second and 96 MiB.  All
 * local. */
#ifndef QN_ENGINE_CEILING_H
#define QN_ENGINE_CEILING_H

#include <jansson.h>
#include <stdbool.h>

/* Bytes that measuring takes. */
#define QN_CEILING_BYTES ((int64_t)96 << 20)

/* {"memory": {"one", "all"}, "read", "write"}: bytes/s of a triad on one core
 * and on so many, of a read from the page cache by one process, and of a
 * write, synced, to the file system of the folder `output`, as far as they are
 * known (new reference).  NULL: this host has not been measured by this
 * version; a damaged file counts as none.  */
json_t *
qn_ceiling_kept(const char *output);

/* The same, measured now where it is not known, and kept: in the user's cache
 * folder, or where that cannot be written in `output`/.quern if that is there.
 * again: measure what is known too. */
json_t *
qn_ceiling_measure(const char *output, int cores, bool again);

/* What stands beside the phases of qn_spent_json (new reference): of one
 * process, as their seconds are. */
json_t *
qn_ceiling_phases(const json_t *ceilings);

#endif
