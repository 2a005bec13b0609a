/* The pieces of an HDF5 output: see writer_parts.h.
 *
 * Knows the library and its habits, not what an output consists of; that is
 * writer.c. */
#include "io/writer_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/system.h"
#include "model/dtype.h"

/* Datasets up to here lie in their object's header: one piece of metadata. */
#define COMPACT_MAX 4096
#define SENTENCE 160

/* ---- causes ------------------------------------------------------------- */

/* The innermost call comes first, and its sentence is the one to keep. */
static herr_t
take_sentence(unsigned n, const H5E_error2_t *e, void *sentence)
{
    (void)n;
    snprintf(sentence, SENTENCE, "%s", e->desc ? e->desc : "");
    return 1;
}

int
qn_writer_parts_check(struct qn_writer_parts *w, int64_t result)
{
    char sentence[SENTENCE] = "no reason given";

    if (w->sink.cause)
        return qn_system_cannot(w->err, "write", w->sink.path, w->sink.cause);
    if (result >= 0)
        return 0;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_sentence, sentence);
    return qn_fail(w->err, QN_EIO, "cannot write %s: HDF5: %s", w->sink.path,
                   sentence);
}

int
qn_writer_parts_list(struct qn_writer_parts *w, hid_t *list, hid_t of)
{
    *list = H5Pcreate(of);
    QN_TRY(qn_writer_parts_check(w, *list));
    return qn_writer_parts_check(w, H5Pset_obj_track_times(*list, false));
}

/* ---- types and spaces --------------------------------------------------- */

/* A text of at most n - 1 bytes, and NUL. */
static int
make_text_type(struct qn_writer_parts *w, hid_t *type, size_t n)
{
    *type = H5Tcopy(H5T_C_S1);
    QN_TRY(qn_writer_parts_check(w, *type));
    QN_TRY(qn_writer_parts_check(w, H5Tset_size(*type, n)));
    QN_TRY(qn_writer_parts_check(w, H5Tset_strpad(*type, H5T_STR_NULLTERM)));
    return qn_writer_parts_check(w, H5Tset_cset(*type, H5T_CSET_UTF8));
}

/* n elements in a row, or one without a row where n is 0. */
static int
make_space(struct qn_writer_parts *w, hid_t *space, hsize_t n)
{
    *space = n ? H5Screate_simple(1, &n, NULL) : H5Screate(H5S_SCALAR);
    return qn_writer_parts_check(w, *space);
}

static void
close_both(hid_t type, hid_t space)
{
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
}

/* ---- the file ------------------------------------------------------------ */

/* Open with the format of HDF5 1.8: read everywhere, and small groups stay
 * small. */
static int
create_file(struct qn_writer_parts *w, hid_t create, hid_t access)
{
    QN_TRY(qn_writer_parts_check(w, access));
    QN_TRY(qn_writer_parts_check(
        w, H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V110)));
    QN_TRY(qn_writer_parts_check(w, qn_writer_sink_access(access, &w->sink)));
    w->file = H5Fcreate(w->sink.path, H5F_ACC_TRUNC, create, access);
    return qn_writer_parts_check(w, w->file);
}

int
qn_writer_parts_open(struct qn_writer_parts *w)
{
    hid_t create = -1, access = H5Pcreate(H5P_FILE_ACCESS);
    int rc = qn_writer_parts_list(w, &create, H5P_FILE_CREATE);

    if (!rc)
        rc = create_file(w, create, access);
    if (create >= 0)
        H5Pclose(create);
    if (access >= 0)
        H5Pclose(access);
    return rc;
}

hid_t
qn_writer_parts_type(enum qn_dtype t)
{
    switch (t) {
    case QN_I8: return H5T_STD_I8LE;
    case QN_U8: return H5T_STD_U8LE;
    case QN_I16: return H5T_STD_I16LE;
    case QN_U16: return H5T_STD_U16LE;
    case QN_I32: return H5T_STD_I32LE;
    case QN_U32: return H5T_STD_U32LE;
    case QN_I64: return H5T_STD_I64LE;
    case QN_U64: return H5T_STD_U64LE;
    case QN_F32: return H5T_IEEE_F32LE;
    case QN_F64: return H5T_IEEE_F64LE;
    case QN_NDTYPES: break;
    }
    return -1;
}

/* ---- attributes and groups ---------------------------------------------- */

static int
put_attribute(struct qn_writer_parts *w, hid_t object, const char *name,
              hid_t type, hid_t space, const void *value)
{
    hid_t a =
        H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    int rc = qn_writer_parts_check(w, a);

    if (!rc)
        rc = qn_writer_parts_check(w, H5Awrite(a, type, value));
    if (a >= 0)
        H5Aclose(a);
    return rc;
}

/* count texts of width bytes each, NUL included; count 0 is a scalar. */
static int
put_texts(struct qn_writer_parts *w, hid_t object, const char *name,
          const char *texts, size_t width, size_t count)
{
    hid_t type = -1, space = -1;
    int rc;

    if (w->form) {
        qn_text_add(&w->form->text, "@%s %zu=", name, count);
        qn_text_bytes(&w->form->text, texts, width * (count ? count : 1));
        return 0;
    }
    rc = make_text_type(w, &type, width);
    if (!rc)
        rc = make_space(w, &space, count);
    if (!rc)
        rc = put_attribute(w, object, name, type, space, texts);
    close_both(type, space);
    return rc;
}

int
qn_writer_parts_word(struct qn_writer_parts *w, hid_t object,
                     const char *name, const char *text)
{
    return put_texts(w, object, name, text, strlen(text) + 1, 0);
}

int
qn_writer_parts_words(struct qn_writer_parts *w, hid_t object,
                      const char *name, const char *const *words, size_t n)
{
    size_t width = 1;
    char *texts;
    int rc;

    for (size_t i = 0; i < n; i++)
        width = strlen(words[i]) + 1 > width ? strlen(words[i]) + 1 : width;
    rc = qn_memory_make((void **)&texts, n, width, "an attribute", w->err);
    for (size_t i = 0; i < n && !rc; i++)
        memcpy(texts + i * width, words[i], strlen(words[i]));
    if (!rc)
        rc = put_texts(w, object, name, texts, width, n);
    free(texts);
    return rc;
}

int
qn_writer_parts_group(struct qn_writer_parts *w, hid_t *group, hid_t parent,
                      const char *name, const char *nx_class)
{
    hid_t list = -1;
    int rc;

    *group = -1;
    if (w->form) {
        qn_text_add(&w->form->text, "/%s %s\n", name, nx_class);
        return 0;
    }
    rc = qn_writer_parts_list(w, &list, H5P_GROUP_CREATE);
    if (!rc) {
        *group = H5Gcreate2(parent, name, H5P_DEFAULT, list, H5P_DEFAULT);
        rc = qn_writer_parts_check(w, *group);
    }
    if (!rc)
        rc = qn_writer_parts_word(w, *group, "NX_class", nx_class);
    if (list >= 0)
        H5Pclose(list);
    return rc;
}

/* ---- small datasets ----------------------------------------------------- */

void
qn_writer_parts_placed(struct qn_writer_parts *w, hid_t dataset, size_t bytes)
{
    if (w->nholes < QN_WRITER_HOLES)
        w->hole[w->nholes++] =
            (struct qn_writer_hole){H5Dget_offset(dataset), bytes};
}

/* What a small dataset consists of. */
struct small {
    const char *name;
    hid_t type, space;
    const void *data;
    size_t bytes;
    bool fixed; /* the same in every output of a form */
};

static int
put_with(struct qn_writer_parts *w, hid_t group, const struct small *s,
         hid_t list)
{
    hid_t d = H5Dcreate2(group, s->name, s->type, s->space, H5P_DEFAULT, list,
                         H5P_DEFAULT);
    int rc = qn_writer_parts_check(w, d);

    if (!rc)
        rc = qn_writer_parts_check(w, H5Dwrite(d, s->type, H5S_ALL, H5S_ALL,
                                               H5P_DEFAULT, s->data));
    if (!rc && !s->fixed)
        qn_writer_parts_placed(w, d, s->bytes);
    if (d >= 0)
        H5Dclose(d);
    return rc;
}

static int
put_dataset(struct qn_writer_parts *w, hid_t group, const struct small *s)
{
    hid_t list = -1;
    int rc = qn_writer_parts_list(w, &list, H5P_DATASET_CREATE);

    if (!rc && s->fixed && s->bytes <= COMPACT_MAX)
        rc = qn_writer_parts_check(w, H5Pset_layout(list, H5D_COMPACT));
    if (!rc)
        rc = put_with(w, group, s, list);
    if (list >= 0)
        H5Pclose(list);
    return rc;
}

static int
put_text(struct qn_writer_parts *w, hid_t group, const char *name,
         const char *text, bool fixed)
{
    struct small s = {.name = name, .type = -1, .space = -1, .data = text,
                      .bytes = strlen(text) + 1, .fixed = fixed};
    int rc = make_text_type(w, &s.type, s.bytes);

    if (!rc)
        rc = make_space(w, &s.space, 0);
    if (!rc)
        rc = put_dataset(w, group, &s);
    close_both(s.type, s.space);
    return rc;
}

int
qn_writer_parts_text(struct qn_writer_parts *w, hid_t group, const char *name,
                     const char *text)
{
    if (!w->form)
        return put_text(w, group, name, text, true);
    qn_text_add(&w->form->text, "%s=", name);
    qn_text_bytes(&w->form->text, text, strlen(text) + 1);
    return 0;
}

int
qn_writer_parts_mark(struct qn_writer_parts *w, hid_t group, const char *name,
                     const char *text)
{
    size_t n = strlen(text) + 1;

    if (!w->form)
        return put_text(w, group, name, text, false);
    qn_text_add(&w->form->text, "%s %zu\n", name, n);
    qn_writer_image_add(w->form, text, n, NULL);
    return 0;
}

int
qn_writer_parts_number(struct qn_writer_parts *w, hid_t group,
                       const char *name, int64_t number)
{
    struct small s = {.name = name, .type = H5T_STD_I64LE, .space = -1,
                      .data = &number, .bytes = sizeof number, .fixed = true};
    int rc;

    if (w->form) {
        qn_text_add(&w->form->text, "%s=%lld\n", name, (long long)number);
        return 0;
    }
    rc = make_space(w, &s.space, 0);
    if (!rc)
        rc = put_dataset(w, group, &s);
    close_both(-1, s.space);
    return rc;
}

int
qn_writer_parts_texts(struct qn_writer_parts *w, hid_t group,
                      const char *name, const char *const *texts, size_t n)
{
    struct small s = {.name = name, .type = -1, .space = -1};
    size_t width = 1;
    char *all;
    int rc;

    for (size_t i = 0; i < n; i++)
        width = strlen(texts[i]) + 1 > width ? strlen(texts[i]) + 1 : width;
    QN_TRY(qn_memory_make((void **)&all, n, width, "a column", w->err));
    for (size_t i = 0; i < n; i++)
        memcpy(all + i * width, texts[i], strlen(texts[i]));
    s.data = all;
    s.bytes = n * width;
    rc = make_text_type(w, &s.type, width);
    if (!rc)
        rc = make_space(w, &s.space, n);
    if (!rc)
        rc = put_dataset(w, group, &s);
    close_both(s.type, s.space);
    free(all);
    return rc;
}

int
qn_writer_parts_samples(struct qn_writer_parts *w, hid_t group,
                        const char *name, enum qn_dtype t, const void *data,
                        size_t n)
{
    struct small s = {.name = name, .type = qn_writer_parts_type(t),
                      .space = -1, .data = data,
                      .bytes = n * qn_dtype_size(t)};
    int rc = make_space(w, &s.space, n);

    if (!rc)
        rc = put_dataset(w, group, &s);
    close_both(-1, s.space);
    return rc;
}

/* ---- tables ------------------------------------------------------------- */

/* Bytes of a column: its longest text, or those of a number. */
static size_t
column_width(const struct qn_writer_parts_table *t, int column)
{
    size_t width = 1;

    for (size_t row = 0; row < t->n; row++) {
        const char *text = t->text(t->source, row, column);
        if (!text)
            return sizeof(int64_t);
        size_t n = strlen(text) + 1;
        width = n > width ? n : width;
    }
    return width;
}

/* 's' text, 'i' whole numbers, 'f' others. */
static char
column_kind(const struct qn_writer_parts_table *t, int column)
{
    double real;

    if (t->text(t->source, 0, column))
        return 's';
    return t->real && t->real(t->source, 0, column, &real) ? 'f' : 'i';
}

static int
add_column(struct qn_writer_parts *w, hid_t compound, const char *name,
           size_t offset, size_t width, char kind)
{
    hid_t type = -1;
    int rc = 0;

    if (kind == 's')
        rc = make_text_type(w, &type, width);
    if (!rc)
        rc = qn_writer_parts_check(
            w, H5Tinsert(compound, name, offset,
                         kind == 's'   ? type
                         : kind == 'f' ? H5T_IEEE_F64LE
                                       : H5T_STD_I64LE));
    close_both(type, -1);
    return rc;
}

static int
make_row_type(struct qn_writer_parts *w, hid_t *type,
              const struct qn_writer_parts_table *t, const size_t *width)
{
    size_t row = 0, offset = 0;
    int rc;

    for (int c = 0; c < t->ncolumns; c++)
        row += width[c];
    *type = H5Tcreate(H5T_COMPOUND, row);
    rc = qn_writer_parts_check(w, *type);
    for (int c = 0; c < t->ncolumns && !rc; c++) {
        rc = add_column(w, *type, t->names[c], offset, width[c],
                        column_kind(t, c));
        offset += width[c];
    }
    return rc;
}

/* data comes zeroed, so every text ends. */
static void
fill_rows(char *data, const struct qn_writer_parts_table *t,
          const size_t *width)
{
    for (size_t row = 0; row < t->n; row++) {
        for (int c = 0; c < t->ncolumns; c++) {
            const char *text = t->text(t->source, row, c);
            double real;

            if (text) {
                memcpy(data, text, strlen(text));
            } else if (t->real && t->real(t->source, row, c, &real)) {
                memcpy(data, &real, sizeof real);
            } else {
                int64_t number = t->number(t->source, row, c);
                memcpy(data, &number, sizeof number);
            }
            data += width[c];
        }
    }
}

/* data is taken over. */
static int
describe_rows(struct qn_writer_form *f, const char *name,
              const struct qn_writer_parts_table *t, const size_t *width,
              void *data, size_t bytes)
{
    qn_text_add(&f->text, "%s %zu", name, t->n);
    for (int c = 0; c < t->ncolumns; c++)
        qn_text_add(&f->text, " %s%c%zu", t->names[c],
                    column_kind(t, c), width[c]);
    qn_text_add(&f->text, "\n");
    qn_writer_image_add(f, data, bytes, data);
    return 0;
}

static int
put_rows(struct qn_writer_parts *w, hid_t group, const char *name,
         const struct qn_writer_parts_table *t, const size_t *width,
         const void *data, size_t bytes)
{
    struct small s = {.name = name, .type = -1, .space = -1, .data = data,
                      .bytes = bytes};
    int rc = make_row_type(w, &s.type, t, width);

    if (!rc)
        rc = make_space(w, &s.space, t->n);
    if (!rc)
        rc = put_dataset(w, group, &s);
    close_both(s.type, s.space);
    return rc;
}

int
qn_writer_parts_rows(struct qn_writer_parts *w, hid_t group, const char *name,
                     const struct qn_writer_parts_table *t)
{
    size_t *width, size = 0, bytes;
    char *data = NULL;
    int rc;

    QN_TRY(qn_memory_make((void **)&width, (size_t)t->ncolumns, sizeof *width,
                          "a table", w->err));
    for (int c = 0; c < t->ncolumns; c++) {
        width[c] = column_width(t, c);
        size += width[c];
    }
    rc = qn_memory_mul(&bytes, t->n, size, "a table", w->err);
    if (!rc)
        rc = qn_memory_make((void **)&data, bytes, 1, "a table", w->err);
    if (!rc) {
        fill_rows(data, t, width);
        if (w->form) {
            // the form takes them over
            rc = describe_rows(w->form, name, t, width, data, bytes);
            data = NULL;
        } else {
            rc = put_rows(w, group, name, t, width, data, bytes);
        }
    }
    free(data);
    free(width);
    return rc;
}
