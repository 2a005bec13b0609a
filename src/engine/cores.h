/* The processors of this machine, and those that a process may use.
 *
 * The only module that knows hwloc.  All local. */
#ifndef QN_ENGINE_CORES_H
#define QN_ENGINE_CORES_H

#include <sys/types.h>

#include "base/mask.h"

enum { QN_CORES_PACKAGES = 64 };

struct qn_cores {
    struct qn_mask mask;   /* processors that this process may use           */
    struct qn_mask online; /* of the whole machine                           */
    short core[QN_MASK_MOST];    /* of a processor: its core's lowest one     */
    short package[QN_MASK_MOST]; /* and the number of its package             */
    int packages, numa, cores, processors;
    char model[96];        /* "AMD EPYC 7763"; "" if not known               */
};

/* Ask the machine; what hwloc cannot tell is taken from the system's affinity
 * mask, each processor for a core of its own.  Some ms.
 * synthetic: NULL, or a machine in hwloc's spelling, "package:2 core:4 pu:2",
 * all of whose processors are this process's. */
void
qn_cores_read(struct qn_cores *c, const char *synthetic);

/* Each core of which a processor is in mask, by its lowest processor. */
struct qn_mask
qn_cores_fold(const struct qn_cores *c, const struct qn_mask *mask);

/* The mask of any process of this machine; false: it is gone. */
bool
qn_cores_of(struct qn_mask *mask, pid_t pid);

#endif
