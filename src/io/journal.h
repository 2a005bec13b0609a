/* The journal: what happened to each item, as lines added to files and never
 * changed.
 *
 * OUT/.quern/journal/RANK.log holds the lines of rank RANK of every run, that
 * of a shard is SHARD.RANK.log: their number grows with ranks, never with
 * items.  A line is text, to be read with grep and cut: fields between tabs,
 * with the CRC-32 of all that follows its first tab in front:
 *
 *     5d3f0a91  done  run=00c0ffee00c0ffee  t=1700000000.123456789
 *     stage=science  name=science/a.h5  item=raw/a.fits  key=9f...
 *     bytes=8388608  mtime=1700000000.100000000  input=8640000
 *     read=0.012000  compute=0.100000  rank=3  host=n07  pid=4711
 *
 * Empty fields are left out.  Tab, newline, carriage return and backslash are
 * written \t \n \r \\, other control characters \x1b.  `code` is one of enum
 * qn_code, `why` its sentence.
 *
 * A line whose checksum is wrong (torn by a full disk or a power cut, damaged
 * later) is skipped and counted, never misread; the lines around it count.
 * Whoever adds to a file that ends inside a line begins on a fresh one.
 *
 *     QN_TRY(qn_journal_open(&j, folder, rank, err));
 *     qn_journal_add(&j, &record, err);          begin, done, failed ...
 *     qn_journal_flush(&j, true, err);           once a group
 *     qn_journal_close(&j);
 *
 * Several processes of one machine may add to one file.  On a network file
 * system, where appending is not atomic between machines, each needs a number
 * of its own.  Knows nothing of what a line means: past.h does.  All local.
 */
#ifndef QN_IO_JOURNAL_H
#define QN_IO_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "model/key.h"

/* What a line tells, and its word */
#define QN_RECORDS(X)                                                        \
    X(QN_RECORD_RUN_BEGIN, "run-begin") /* a run was started               */ \
    X(QN_RECORD_BEGIN, "begin")         /* an item is in a worker's hands  */ \
    X(QN_RECORD_DONE, "done")           /* its result stands at its name   */ \
    X(QN_RECORD_FAILED, "failed")       /* it has none: code, reason       */ \
    X(QN_RECORD_RUN_END, "run-end")     /* a run came to its end           */

#define QN_RECORD_ENUM(name, word) name,
enum qn_record_kind { QN_RECORDS(QN_RECORD_ENUM) QN_NRECORDS };
#undef QN_RECORD_ENUM

/* One line.  Texts are borrowed; NULL is written as "", and read back so. */
struct qn_record {
    enum qn_record_kind kind;
    uint64_t run;         /* made at random by rank 0; 0: none              */
    int64_t time_ns;      /* wall time, ns since 1970                       */
    const char *stage;
    const char *name;     /* the result's file, relative to the output
                             folder; of a member of a combination the item  */
    const char *item;     /* its path                                       */
    char key[QN_KEY_HEX]; /* "" if none                                     */
    int64_t bytes;        /* of the output                                  */
    int64_t mtime_ns;     /* of the output, ns since 1970                   */
    int64_t input_bytes;
    int64_t items;        /* in the output, where it holds more than one; of
                             a member its frames                            */
    int64_t lost;         /* of these frames, failed by themselves: each has
                             a line before this one; of a failed result not
                             0 if lines of its members say all              */
    double read_s, decode_s, compute_s, write_s; /* kept to a microsecond   */
    int attempt;          /* 1: the first                                   */
    int rank;
    int64_t pid;
    const char *host;
    int code;             /* enum qn_code                                   */
    const char *reason;   /* any bytes; cut to 4096                         */
};

/* The word for a kind: "done". */
const char *
qn_journal_word(enum qn_record_kind kind);

/* ---- writing ------------------------------------------------------------- */

struct qn_journal {
    char *path;           /* owned; NULL: closed                            */
    int fd;
    struct qn_text lines; /* not yet written, behind one newline            */
    int64_t end;          /* of the file behind our last line; -1: unknown  */
    bool unsynced;        /* written to since the last sync                 */
    bool fresh;           /* the file is new: its name is not synced either */
};

/* Open FOLDER/RANK.log for adding; folder and file are made where missing. */
int
qn_journal_open(struct qn_journal *j, const char *folder, int rank, struct qn_error *err);

/* Open FOLDER/TAG.RANK.log: for runs that go on side by side, so that each
 * file has one writer.  tag "": the same as above. */
int qn_journal_open_as(struct qn_journal *j, const char *folder,
                       const char *tag, int rank, struct qn_error *err);

/* Add a line to those in memory.  QN_EVALUE if it is longer than a line may
 * be (1 MiB), QN_ENOMEM; the other lines stay. */
int
qn_journal_add(struct qn_journal *j, const struct qn_record *r, struct qn_error *err);

/* Write all lines in memory with one write; sync: they survive a power cut.
 *
 * QN_EIO if not all could be written (disk full): the lines that were not
 * stay in memory for the next flush, and a piece of a line is cut off the
 * file again. */
int
qn_journal_flush(struct qn_journal *j, bool sync, struct qn_error *err);

/* Close.  Lines still in memory are written if that is possible, and nobody
 * hears of it if not: flush first.  Safe on a zero struct, and twice. */
void
qn_journal_close(struct qn_journal *j);

/* ---- reading ------------------------------------------------------------- */

/* Call each for every whole line of all files of the folder, by wall time; of
 * one file in the order they stand there, even where its clock stepped back;
 * of equal times the lower rank first.  Texts of a record last until each
 * returns; what it returns, if not 0, ends the reading and is returned.
 *
 * *damaged (may be NULL): lines skipped because of their checksum.  A piece at
 * the end of a file is not counted: it may be just being written.  Lines of
 * kinds that this version does not know are passed over.
 *
 * Writes nothing, and may be called while runs are writing: what stands there
 * when it begins is read.  A folder that is not there has no lines.  Memory
 * and descriptors do not grow with lines.  QN_EIO, QN_ENOMEM. */
int
qn_journal_load(
    const char *folder,
    int (*each)(void *ctx, const struct qn_record *r, struct qn_error *err),
    void *ctx, long *damaged, struct qn_error *err);

#endif
