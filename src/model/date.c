/* Dates as headers write them, and the night they belong to.
 *
 * Arithmetic on the Gregorian calendar in days since 1970-01-01; leap seconds
 * are read (:60) but not counted, as they cannot change the date of a night.
 */
#include "model/date.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "model/fields.h"

#define DAY        86400.0     /* s */
#define MAX_OFFSET (1e5 * DAY) /* s: far more than any night */

/* ---- the calendar ------------------------------------------------------- */

/* Days since 1970-01-01.  Years are counted from March, so that the leap day
 * is the last one; 400 of them have 146,097 days.
 * Source: Hinnant, "chrono-compatible low-level date algorithms". */
static int64_t
days_from_date(int64_t year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year =
        (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
           719468;
}

static void
date_from_days(int64_t days, int64_t *year, int *month, int *day)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t of_era = z - era * 146097;
    int64_t y =
        (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
    int64_t march = (5 * of_year + 2) / 153;

    *day = (int)(of_year - (153 * march + 2) / 5) + 1;
    *month = (int)(march < 10 ? march + 3 : march - 9);
    *year = era * 400 + y + (*month <= 2);
}

static bool
is_date(int year, int month, int day)
{
    static const int length[] = {31, 28, 31, 30, 31, 30,
                                 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    if (month < 1 || month > 12 || day < 1)
        return false;
    return day <= length[month - 1] + (leap && month == 2);
}

/* ---- reading ------------------------------------------------------------ */

/* Exactly n digits at *s, which moves on. */
static bool
take_digits(const char **s, int n, int *value)
{
    *value = 0;
    for (int i = 0; i < n; i++) {
        char c = (*s)[i];

        if (c < '0' || c > '9')
            return false;
        *value = *value * 10 + (c - '0');
    }
    *s += n;
    return true;
}

static bool
take(const char **s, char c)
{
    if (**s != c)
        return false;
    (*s)++;
    return true;
}

/* hh:mm, hh:mm:ss or hh:mm:ss.sss: seconds of the day */
static bool
take_clock(const char **s, double *seconds)
{
    int hour, minute, second = 0;
    double fraction = 0, unit = 1;

    if (!take_digits(s, 2, &hour) || !take(s, ':') ||
        !take_digits(s, 2, &minute))
        return false;
    if (take(s, ':')) {
        if (!take_digits(s, 2, &second))
            return false;
        if (take(s, '.'))
            for (; **s >= '0' && **s <= '9'; (*s)++)
                fraction += (**s - '0') * (unit /= 10);
    }
    *seconds = hour * 3600 + minute * 60 + second + fraction;
    return hour < 24 && minute < 60 && second <= 60;
}

/* A zone behind the clock: Z, +hh:mm, -hhmm, +hh */
static void
skip_zone(const char **s)
{
    int ignored;

    if (take(s, 'Z') || (**s != '+' && **s != '-'))
        return;
    (*s)++;
    if (take_digits(s, 2, &ignored)) {
        take(s, ':');
        take_digits(s, 2, &ignored);
    }
}

static bool
take_old_date(const char **s, int *year, int *month, int *day)
{
    if (!take_digits(s, 2, day) || !take(s, '/') || !take_digits(s, 2, month) ||
        !take(s, '/') || !take_digits(s, 2, year))
        return false;
    *year += 1900;
    return true;
}

static bool
take_date(const char **s, int *year, int *month, int *day)
{
    return take_digits(s, 4, year) && take(s, '-') &&
           take_digits(s, 2, month) && take(s, '-') && take_digits(s, 2, day);
}

/* Seconds since 1970-01-01T00:00 on the clock that wrote text. */
static bool
read_moment(double *moment, const char *text)
{
    const char *s = text + strspn(text, " ");
    bool old = strlen(s) > 2 && s[2] == '/';
    int year, month, day;
    double clock = 0;

    if (!(old ? take_old_date : take_date)(&s, &year, &month, &day))
        return false;
    if (!old && (*s == 'T' || (*s == ' ' && s[1] > ' '))) {
        s++;
        if (!take_clock(&s, &clock))
            return false;
        skip_zone(&s);
    }
    s += strspn(s, " ");
    if (*s || !is_date(year, month, day))
        return false;
    *moment = (double)days_from_date(year, month, day) * DAY + clock;
    return true;
}

int
qn_date_offset(double *seconds, const char *text, struct qn_error *err)
{
    static const struct {
        const char *name;
        double seconds;
    } unit[] = {{"s", 1}, {"min", 60}, {"h", 3600}, {"d", DAY}};
    const char *s = text + strspn(text, " ");
    size_t n = strspn(s, "+-.0123456789");
    char number[32];
    double x;

    if (n && n < sizeof number) {
        memcpy(number, s, n);
        number[n] = '\0';
        s += n + strspn(s + n, " ");
        for (size_t i = 0; i < sizeof unit / sizeof unit[0]; i++) {
            if (strcmp(s, unit[i].name) != 0 || !qn_fields_number(&x, number))
                continue;
            *seconds = x * unit[i].seconds;
            if (fabs(*seconds) <= MAX_OFFSET)
                return 0;
        }
    }
    return qn_fail(err, QN_EVALUE,
                   "'%.60s' is no span of time; write a number and s, min, h "
                   "or d, like '-12 h'",
                   text);
}

int
qn_date_shift(char date[QN_DATE_SIZE], const char *text, double offset,
              struct qn_error *err)
{
    double moment;
    int64_t year;
    int month, day;

    if (!read_moment(&moment, text))
        return qn_fail(err, QN_EVALUE,
                       "'%.60s' is no date; dates look like "
                       "2018-08-10T01:33:43.5, 2018-08-10 or 10/08/98",
                       text);
    date_from_days((int64_t)floor((moment + offset) / DAY), &year, &month,
                   &day);
    if (year < 0 || year > 9999)
        return qn_fail(err, QN_EVALUE,
                       "'%.60s' is shifted out of the years 0 to 9999", text);
    snprintf(date, QN_DATE_SIZE, "%04d-%02d-%02d", (int)year, month, day);
    return 0;
}
