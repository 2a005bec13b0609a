/* Undoing HDF5's shuffle filter.  Local, pure. */
#ifndef QN_IO_UNSHUFFLE_H
#define QN_IO_UNSHUFFLE_H

#include <stddef.h>

/* n samples of `size` bytes to dst.  The first byte of the first of them is at
 * planes, its second one `stride` bytes behind it, and so on; the bytes of the
 * next sample lie beside them. */
void
qn_unshuffle(
    void *dst, const void *planes, size_t n, size_t size, size_t stride);

#endif
