/* Copies of a hot function for newer processors, chosen when the program
 * starts.  They give the same bits: contraction is off, and each lane of a
 * loop is computed by itself. */
#ifndef QN_KERNELS_CLONES_H
#define QN_KERNELS_CLONES_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) &&       \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define QN_CLONES __attribute__((target_clones("arch=x86-64-v3", "default")))
/* Where 512 bits at a time pay, in cache. */
#define QN_CLONES_WIDE                                                         \
    __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3",           \
                                 "default")))
#else
#define QN_CLONES
#define QN_CLONES_WIDE
#endif

/* A part of such a function, compiled in it as each of the copies. */
#if defined(__GNUC__)
#define QN_INTO_CLONES static inline __attribute__((always_inline))
#else
#define QN_INTO_CLONES static inline
#endif

#endif
