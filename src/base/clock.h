/* Time that only goes forward.  Local. */
#ifndef QN_BASE_CLOCK_H
#define QN_BASE_CLOCK_H

/* Seconds since some moment in the past; never steps back. */
double
qn_clock_now(void);

#endif
