/* Which MPI this is.  Local. */
#ifndef QN_COMM_ABOUT_H
#define QN_COMM_ABOUT_H

#include <jansson.h>

#include "comm/comm.h"

/* {"library": "Open MPI v4.1.4, ...", "launcher": variable or null, "started",
 * "thread_level", "transport": "ob1; self vader tcp"}; what is only known once
 * MPI is started is null before.  New reference; NULL without memory. */
json_t *
qn_about_mpi(const struct qn_comm *c);

#endif
