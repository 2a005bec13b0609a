/* When the SLURM allocation that this process runs in ends.  Local. */
#ifndef QN_ENGINE_ALLOCATION_H
#define QN_ENGINE_ALLOCATION_H

/* Seconds until nothing new should be begun: the allocation's end less a
 * minute, or half of what is left where that is more.  INFINITY: no allocation,
 * or its end cannot be told, or is over.  Asks `squeue` once, for at most 3 seconds. */
double
qn_allocation_left(void);

/* The same from squeue's answer ("2026-02-03T04:05:06", local time; blanks
 * around it) and the wall time in seconds since 1970. */
double
qn_allocation_parse(const char *answer, double now);

#endif
