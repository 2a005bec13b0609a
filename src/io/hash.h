/* The contents of a file as 128 bits.  Local. */
#ifndef QN_IO_HASH_H
#define QN_IO_HASH_H

#include "quern/error.h"

#define QN_HASH_HEX 33 /* 32 digits and the NUL */

/* XXH3's 128-bit hash of all bytes of the file, as `xxhsum -H128` prints it:
 * against accidents, not against forgers.  QN_EMISSING, QN_EIO.
 * Source: XXH3 as frozen in xxHash 0.8.0, Collet. */
int
qn_hash_file(char hex[QN_HASH_HEX], const char *path, struct qn_error *err);

#endif
