/* Facts of the machine this process runs on.  Local. */
#ifndef QN_ENGINE_DOCTOR_HOST_H
#define QN_ENGINE_DOCTOR_HOST_H

#include <jansson.h>

#include "engine/cores.h"

/* {host, system, kernel, container, model, packages, numa, cores, processors,
 * memory, available, memory_limit, quota, shm, open_files, address_space}:
 * sizes in bytes, null where there is no limit.  What is wrong goes to
 * warnings. */
json_t *
qn_doctor_host_json(const struct qn_cores *c, json_t *warnings);

/* The variables by which SLURM describes a job; null outside of one. */
json_t *
qn_doctor_host_slurm(json_t *warnings);

/* The folder that results go to, or the nearest above it that is there:
 * {path, exists, file_system, free, stripes, locks, writable}. */
json_t *
qn_doctor_host_output(const char *path, json_t *warnings);

#endif
