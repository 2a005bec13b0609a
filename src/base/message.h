/* Messages to people: one line each on stderr, "quern: " in front.
 * Local; silent on ranks that were told so by qn_message_mute. */
#ifndef QN_BASE_MESSAGE_H
#define QN_BASE_MESSAGE_H

#include <stdbool.h>

enum qn_level {
    QN_NOTE,
    QN_WARNING,
    QN_ERROR,
    QN_OWN_NOTE /* of what this rank alone knows: said even when muted */
};

void
qn_message(enum qn_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* After qn_message_mute(true) only errors and own notes are said: ranks other
 * than 0. */
void
qn_message_mute(bool mute);

#endif
