/* Files that appear whole or not at all.  All local.
 *
 * A temporary lives beside its target as ".NAME.TAG.tmp"; clean and the next
 * run recognise it by that form.  Sequence: write the temporary, sync it,
 * qn_atomic_commit.
 */
#ifndef QN_IO_ATOMIC_H
#define QN_IO_ATOMIC_H

#include <stdbool.h>
#include <stddef.h>

#include "quern/error.h"

/* Create the folder and its parents; an existing one is fine. */
int
qn_atomic_folder(const char *path, struct qn_error *err);

/* Create the folder in which path lies. */
int
qn_atomic_parent(const char *path, struct qn_error *err);

/* The temporary name of path: owned by the caller. */
int
qn_atomic_name(char **tmp, const char *path, const char *tag, struct qn_error *err);

/* Rename tmp to path and sync the folder (unless !sync). */
int
qn_atomic_commit(const char *tmp, const char *path, bool sync, struct qn_error *err);

/* Make renames in the folder of path survive a power cut. */
int
qn_atomic_sync(const char *path, struct qn_error *err);

/* Write a whole small file atomically.  write may be called by several
 * processes at once, on several machines.  replace is for the one that holds the folder's lock: its
 * temporary has one name, so that what a killed run left is written over; it
 * leaves it to the system when the file reaches the disk, unless sync. */
int
qn_atomic_write(const char *path, const void *data, size_t n, struct qn_error *err);
int
qn_atomic_replace(
    const char *path, const void *data, size_t n, bool sync, struct qn_error *err);

/* Is this file name (no folder) a temporary of ours? */
bool
qn_atomic_is_temporary(const char *name);

#endif
