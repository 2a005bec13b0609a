/* What `quern doctor` found, for people. */
#ifndef QN_CLI_DOCTOR_H
#define QN_CLI_DOCTOR_H

#include <jansson.h>

/* Print facts as qn_doctor_make gives them, on stdout. */
void
qn_doctor_print(const json_t *facts);

#endif
