/* Words of the commands that take one output folder. */
#ifndef QN_CLI_FOLDER_H
#define QN_CLI_FOLDER_H

#include <argp.h>
#include <stdbool.h>

struct qn_folder_words {
    const char *output;     /* DIR, as it was typed  */
    bool failed, json, dry; /* 'F', 'j', 'n'         */
    const char *stage;      /* 's'; NULL             */
    int shard, shards;      /* 'S'; of 0: none       */
    bool help;              /* asked for, and shown  */
};

/* Parse argv; what is wrong is said.  0, QN_EUSAGE, QN_ENOMEM. */
int
qn_folder_words(
    struct qn_folder_words *w, const struct argp_option *options,
    const char *doc, int argc, char **argv);

#endif
