/* The contents of files as numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <xxhash.h>

#include "io/hash.h"

#include "scratch.h"

static void
write_bytes(const char *path, const char *bytes, size_t n)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void
what_is_no_file(void **state)
{
    struct qn_error err = {0};
    char hex[QN_HASH_HEX];

    (void)state;
    assert_int_equal(qn_hash_file(hex, "nowhere", &err), QN_EMISSING);
    assert_non_null(strstr(err.text, "nowhere"));
    assert_int_equal(qn_hash_file(hex, ".", &err), QN_EIO);
}

static void
nothing_has_the_known_hash(void **state)
{
    char hex[QN_HASH_HEX];

    (void)state;
    write_bytes("empty", "", 0);
    assert_int_equal(qn_hash_file(hex, "empty", NULL), 0);
    assert_string_equal(hex, "99aa06d3014798d86001c324468d497f");
}

/* In pieces as at once, and every byte counts. */
static void
all_bytes_count(void **state)
{
    const size_t n = (3u << 20) + 17;
    char *bytes = calloc(n, 1), hex[QN_HASH_HEX], want[QN_HASH_HEX];
    XXH128_hash_t h;

    (void)state;
    assert_non_null(bytes);
    for (int i = 0; i < 3; i++) {
        bytes[(size_t)i * (n - 1) / 2] ^= 1;
        write_bytes("large", bytes, n);
        h = XXH3_128bits(bytes, n);
        snprintf(want, sizeof want, "%016llx%016llx",
                 (unsigned long long)h.high64, (unsigned long long)h.low64);
        assert_int_equal(qn_hash_file(hex, "large", NULL), 0);
        assert_string_equal(hex, want);
    }
    free(bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_file),
        cmocka_unit_test(nothing_has_the_known_hash),
        cmocka_unit_test(all_bytes_count),
    };

    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
