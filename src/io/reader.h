/* Reading input files: one interface that reads regions.
 *
 * Only workers open input files: HDF5 and cfitsio can crash on hostile ones.
 * All local.  Calling sequence:
 *
 *     qn_reader_open(&r, &source, err);
 *     qn_reader_info(r)              dtype, shape, cards of what is read
 *     qn_reader_field(r, "EXPTIME")  a header value
 *     qn_reader_read(r, &box, dst)   as often as needed
 *     qn_reader_close(r);            NULL is fine
 *
 * A back-end (fits.c, npy.c, raw.c, hdf5.c, netcdf.c) is a struct qn_backend
 * in reader_backend.h; the front end here picks it by magic bytes, then by
 * suffix, and applies `frames` and `slice`.
 */
#ifndef QN_IO_READER_H
#define QN_IO_READER_H

#include "model/cards.h"
#include "model/shape.h"
#include "quern/array.h"

enum qn_links { QN_LINKS_OWN_FOLDER, QN_LINKS_ANY };

/* What the job says about an input.  All pointers borrowed; zero is default. */
struct qn_source {
    const char *path;
    const char *format;   /* NULL or "auto", "fits", "hdf5", "netcdf", "npy",
                             "raw", "grid" (generated)                     */
    const char *hdu;      /* NULL: the first with an image; "2" (from 0, the
                             primary is 0) or an EXTNAME                   */
    const char *dataset;  /* NULL: NXdata default or the only candidate;
                             "/entry/data/data_*": those that match, in
                             natural order, joined along the leading axis  */
    const char *const *datasets; /* the same for a list of them; dataset is
                             not looked at where ndatasets is above 0      */
    int ndatasets;
    bool undecoded;       /* decode: none                                  */
    const char *missing;  /* NULL, a number, or "non-finite": becomes NaN;
                             compared in the file's own type               */
    bool missing_given;
    const char *dtype;    /* raw: "uint16", ">i2"                          */
    struct qn_shape shape; /* raw: ndims 0 if not given; n[0] may be -1    */
    int64_t offset;       /* raw: bytes before the first sample            */
    const char *endian;   /* raw: NULL, "little", "big"                    */
    const char *frames;   /* NULL, or an expression: the places along the
                             leading axis for which it is true.  Its names
                             are datasets with a value for each place, and
                             `frame`, which counts from 0                  */
    bool one_row;         /* of packed results: of the leading axis the place
                             `row` alone, and no such axis; frames and slice
                             are of what is left                           */
    int64_t row;
    int nslice;           /* 0, or the number of axes named                */
    const char *const *slice; /* "0:16:2", ":"; or one "[x1:x2,y1:y2]"; of
                             what frames leaves                            */
    enum qn_links links;
    int threads;          /* that may unpack samples; 0 is 1               */
    int64_t window;       /* bytes of unpacked rows that may be held until they
                             are asked for; 0: hardly any                  */
    struct qn_bytes_kept *kept; /* NULL, or what was inflated last: taken if it
                             is this file's, and left to the next reader   */
    bool samples_only;    /* no field will be asked for: nothing stays open
                             but what reading takes                        */
    double value;         /* "grid": of all samples; shape says how many, and
                             there is no file: path is a name              */
};

struct qn_info {
    const char *format;  /* "fits"...                                     */
    const char *where;   /* dataset path or HDU as text, for messages     */
    enum qn_dtype stored; /* the widest type the file holds of it         */
    struct qn_type type; /* as qn_reader_read gives it, frames and slice
                            applied                                       */
    bool by_rows;        /* reading it row by row, in order, costs no more
                            than reading it at once: nothing is unpacked  */
    struct qn_shape chunk; /* ndims above 0: boxes whose ends are multiples
                            of this, or ends of the array, unpack nothing
                            but what is asked for                         */
    int64_t window;      /* bytes of rows that, if they may be held, let it be
                            read row after row without unpacking any twice;
                            0: none need be held                          */
    int64_t unpacks;     /* bytes that reading holds beside them: the content
                            of a gzipped file, what is unpacked at a time */
};

struct qn_reader;

/* QN_EFORMAT: not a file of a known format, truncated, no image, or several
 * candidates (the sentence lists them).  QN_EIO: cannot be opened.
 * QN_EMISSING: no dataset of that name, or a linked file is not there.
 * QN_EJOB, QN_ESHAPE: format, hdu, dataset, dtype, missing or slice cannot be
 * meant.
 * *r is NULL on failure. */
int
qn_reader_open(struct qn_reader **r, const struct qn_source *source, struct qn_error *err);

const struct qn_info *
qn_reader_info(const struct qn_reader *r);

/* Cards of the HDU read, for FITS; those that an HDF5 output of ours carries;
 * else an empty set.  Where slice leaves a part they are true of that part (see
 * qn_cards_remap); fields are always as the file has them. */
const struct qn_cards *
qn_reader_cards(const struct qn_reader *r);

/* A header value as text: FITS keyword (this HDU, then the primary), also of
 * an HDF5 output of ours; HDF5 and NetCDF scalar "/path", attribute
 * "/path@name" or "@name" (of the dataset read).  QN_EMISSING if there is
 * none. */
int
qn_reader_field(
    struct qn_reader *r, const char *name, char *value, size_t size,
    bool *is_text, struct qn_error *err);

/* Go to another row of a reader that was opened with one_row, and without
 * slice: what it says of itself stays, but for the cards.  QN_ESHAPE: there are
 * not as many. */
int
qn_reader_turn(struct qn_reader *r, int64_t row, struct qn_error *err);

/* Read a box of what frames and slice leave into dst: contiguous, row-major,
 * of qn_reader_info()->type.dtype. */
int
qn_reader_read(
    struct qn_reader *r, const struct qn_box *box, void *dst, struct qn_error *err);

void
qn_reader_close(struct qn_reader *r);

/* All that a reader gives into a new array, which owns its data. */
int
qn_reader_whole(struct qn_array *a, struct qn_reader *r, struct qn_error *err);

/* The same of a source. */
int
qn_reader_all(
    struct qn_array *a, const struct qn_source *source, struct qn_error *err);

#endif
