/* Messages: prefix, one line, one write, and who may speak. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "base/message.h"

// stderr as packets: each write arrives by itself.
static int saved, ears;

static int
listen_in(void **state)
{
    int pair[2];

    (void)state;
    saved = dup(STDERR_FILENO);
    if (saved < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
        return -1;
    ears = pair[0];
    int rc = dup2(pair[1], STDERR_FILENO);
    close(pair[1]);
    return rc < 0 ? -1 : 0;
}

static int
stop_listening(void **state)
{
    (void)state;
    qn_message_mute(false);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ears);
    return 0;
}

// The next write, "" where there is none.
static const char *
heard(void)
{
    static char line[8192];
    ssize_t n = recv(ears, line, sizeof line - 1, MSG_DONTWAIT);

    line[n > 0 ? n : 0] = '\0';
    return line;
}

static void
long_line_is_cut(void **state)
{
    static char text[6000];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    qn_message(QN_ERROR, "%s", text);
    const char *line = heard();
    size_t n = strlen(line);
    assert_in_range(n, 3900, 4096);
    assert_string_equal(line + n - 5, "x...\n");
    assert_string_equal(heard(), "");
}

static void
control_characters(void **state)
{
    (void)state;
    qn_message(QN_ERROR, "%s", "a\nquern: all\tis\x1b[31m well\n\n");
    assert_string_equal(heard(), "quern: a?quern: all is?[31m well\n");
    qn_message(QN_NOTE, "%s", "");
    assert_string_equal(heard(), "quern: \n");
}

static void
levels(void **state)
{
    (void)state;
    errno = ENOSPC;
    qn_message(QN_NOTE, "%d files", 3);
    assert_int_equal(errno, ENOSPC);
    assert_string_equal(heard(), "quern: 3 files\n");
    qn_message(QN_WARNING, "%s: caf\xC3\xA9", "a");
    assert_string_equal(heard(), "quern: warning: a: caf\xC3\xA9\n");
    qn_message(QN_ERROR, "no");
    assert_string_equal(heard(), "quern: no\n");
}

static void
muted_ranks(void **state)
{
    (void)state;
    qn_message_mute(true);
    qn_message(QN_NOTE, "a");
    qn_message(QN_WARNING, "b");
    assert_string_equal(heard(), "");
    qn_message(QN_ERROR, "c");
    assert_string_equal(heard(), "quern: c\n");
    qn_message(QN_OWN_NOTE, "mine");
    assert_string_equal(heard(), "quern: mine\n");
    qn_message_mute(false);
    qn_message(QN_NOTE, "d");
    assert_string_equal(heard(), "quern: d\n");
}

int
main(void)
{
    // A failed assertion prints to stderr: each test gives it back first.
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(long_line_is_cut, listen_in,
                                        stop_listening),
        cmocka_unit_test_setup_teardown(control_characters, listen_in,
                                        stop_listening),
        cmocka_unit_test_setup_teardown(levels, listen_in, stop_listening),
        cmocka_unit_test_setup_teardown(muted_ranks, listen_in, stop_listening),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
