/* The key inside an output of ours, whichever format it has.
 *
 * What stands at the path may be anything, so nothing is believed: only
 * workers call this.  Knows where writer.c and writer_fits.c put the key. */
#include "io/writer.h"

#include <errno.h>
#include <hdf5.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "io/fits_card.h"

#define KEY_MAX 64
#define CARD 80
/* A header longer than this is none of ours. */
#define CARDS_MAX 100000

static int
not_ours(const char *path, struct qn_error *err)
{
    return qn_fail(err, QN_EFORMAT, "%s: holds no key, so quern did not "
                                    "write it",
                   path);
}

/* ---- FITS --------------------------------------------------------------- */

static int
key_of_fits(FILE *f, const char *path, char key[KEY_MAX + 1],
            struct qn_error *err)
{
    char record[CARD + 1] = {0};
    struct qn_card card;

    rewind(f);
    for (int i = 0; i < CARDS_MAX && fread(record, CARD, 1, f) == 1; i++) {
        if (!strncmp(record, "END     ", 8))
            break;
        if (strncmp(record, "QNKEY   =", 9) != 0)
            continue;
        qn_fits_card_parse(&card, record);
        const size_t length = strlen(card.value);

        if (length == 0 || length > KEY_MAX)
            break;
        memcpy(key, card.value, length + 1);
        return 0;
    }
    return not_ours(path, err);
}

/* ---- HDF5 --------------------------------------------------------------- */

/* Is it a scalar text of fixed length that fits? */
static bool
is_key(hid_t type, hid_t space)
{
    return type >= 0 && space >= 0 && H5Tget_class(type) == H5T_STRING &&
           H5Tis_variable_str(type) == 0 && H5Tget_size(type) <= KEY_MAX + 1 &&
           H5Sget_simple_extent_type(space) == H5S_SCALAR;
}

static bool
read_key(hid_t dataset, char key[KEY_MAX + 1])
{
    hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    bool good = is_key(type, space);

    memset(key, 0, KEY_MAX + 1);
    if (good)
        good = H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, key) >=
                   0 &&
               *key;
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    return good;
}

static bool
key_of_hdf5(const char *path, char key[KEY_MAX + 1])
{
    hid_t file, dataset = -1;
    bool good = false;

    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file < 0)
        return false;
    dataset = H5Dopen2(file, "/entry/process/key", H5P_DEFAULT);
    if (dataset >= 0) {
        good = read_key(dataset, key);
        H5Dclose(dataset);
    }
    H5Fclose(file);
    return good;
}

int
qn_writer_key(const char *path, char key[65], struct qn_error *err)
{
    char magic[6] = {0};
    struct stat st;
    FILE *f;
    int rc = 0;

    // A FIFO would be waited for, so look before opening.
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return not_ours(path, err);
    if (!(f = fopen(path, "rbe")))
        return qn_fail(err, errno == ENOENT ? QN_EMISSING : QN_EIO,
                       "cannot read %s: %s", path, strerror(errno));
    if (fread(magic, sizeof magic, 1, f) == 1 && !memcmp(magic, "SIMPLE", 6))
        rc = key_of_fits(f, path, key, err);
    else if (!key_of_hdf5(path, key))
        rc = not_ours(path, err);
    fclose(f);
    return rc;
}
