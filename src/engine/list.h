/* Looking into files that no job names: what `quern ls` says of each.
 *
 * Files are only ever opened in workers; one that crashes its reader is there
 * with its reason, like any that cannot be read.  Local, without MPI. */
#ifndef QN_ENGINE_LIST_H
#define QN_ENGINE_LIST_H

#include <jansson.h>

#include "model/item.h"
#include "model/job.h"

/* What is asked.  All pointers borrowed. */
struct qn_list_ask {
    const struct qn_strings *patterns; /* see io/discover.h; from here     */
    const struct qn_strings *names;    /* header fields that are wanted    */
    char *dataset, *hdu;       /* what would be read; NULL: the default    */
    bool tree;                 /* of a lone file: all that is in it        */
};

struct qn_list_file {
    char *format; /* owned; NULL: not known                                */
    json_t *tree; /* owned or NULL: see io/listing.h; there for a lone file,
                     and for one that cannot be read as it is              */
    bool unclear; /* nothing is wrong with it, but nothing or too much can be
                     read: the item's reason says what                     */
};

struct qn_list {
    struct qn_items items;     /* owned: in byte order of their paths      */
    struct qn_list_file *file; /* owned, [items.n]                         */
};

/* Find the files and look at all of them.  QN_EMISSING: a pattern matches
 * nothing.  A file that cannot be read is no error. */
int
qn_list_open(struct qn_list *l, const struct qn_list_ask *ask, struct qn_error *err);

void
qn_list_clear(struct qn_list *l);

#endif
