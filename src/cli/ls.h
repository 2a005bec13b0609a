/* What `quern ls` was asked and what it found. */
#ifndef QN_CLI_LS_H
#define QN_CLI_LS_H

#include "engine/list.h"
#include "model/expr.h"

struct qn_ls {
    struct qn_strings patterns; /* PATH...                                 */
    struct qn_strings fields;   /* --fields, one each                      */
    struct qn_strings count;    /* --count, one each                       */
    struct qn_strings names;    /* all that headers are asked for          */
    const char *where;
    char *dataset, *hdu;
    struct qn_expr where_expr;
    bool json, help;

    struct qn_list list;
    bool *shown; /* owned, [list.items.n]: can be read and passes --where  */
    size_t nshown, nfailed;
};

/* All of these print on stdout and return an exit code. */
int
qn_ls_print_files(const struct qn_ls *ls); /* a line each                  */
int
qn_ls_print_tree(const struct qn_ls *ls);  /* the only file                */
int
qn_ls_print_count(const struct qn_ls *ls); /* values and how many files    */
int
qn_ls_json(const struct qn_ls *ls);        /* any of them, as JSON         */

/* Can file i not be read, or its condition not be told? */
bool
qn_ls_print_failed(const struct qn_ls *ls, size_t i);

/* The value of a field as text, "-" where the file has none. */
const char *
qn_ls_print_field(
    char *buf, size_t size, const struct qn_item *item, const char *name);

/* Values of the --count fields that occur, sorted, with the number of files;
 * each is called with the first file that has them. */
int
qn_ls_print_groups(
    const struct qn_ls *ls,
    void (*each)(void *ctx, const struct qn_item *item, size_t number),
    void *ctx, struct qn_error *err);

#endif
