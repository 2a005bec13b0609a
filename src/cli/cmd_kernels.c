/* quern kernels [NAME]: the list, or one kernel's page, from its table; all of
 * them as the reference section of the manual. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"
#include "kernels/catalog.h"

static const char *
kind_name(enum qn_kind kind)
{
    static const char *const names[] = {"point",     "geometry", "stencil",
                                        "reduction", "combine",  "generator",
                                        "other"};

    return names[kind];
}

static const char *
type_name(enum qn_option_type type)
{
    static const char *const names[] = {
        "number", "integer", "yes or no",          "one of",
        "text",   "type",    "number or list",     "section",
        "one or a list of"};

    return names[type];
}

static void
print_list(void)
{
    for (const struct qn_kernel *const *k = qn_catalog(); *k; k++)
        printf("%-12s %-10s %s\n", (*k)->name, kind_name((*k)->kind),
               (*k)->summary);
    printf("\n`quern kernels NAME` gives options, units, defaults and the "
           "exact definition.\n");
}

/* Text in lines of at most 76 characters, each behind indent. */
static void
print_wrapped(const char *text, const char *indent)
{
    size_t room = 78 - strlen(indent), used = 0;

    while (*text) {
        size_t word = strcspn(text, " ");

        if (used && used + 1 + word > room) {
            printf("\n");
            used = 0;
        }
        used += (size_t)printf("%s%.*s", used ? " " : indent, (int)word,
                               text);
        text += word + (text[word] == ' ');
    }
    printf("\n");
}

static void
print_option(const struct qn_option *o)
{
    printf("  %s: %s", o->name, type_name(o->type));
    if (o->choices)
        printf(" %s", o->choices);
    if (o->unit)
        printf(", in %s", o->unit);
    if (!o->preset)
        printf(" (must be given)");
    else if (*o->preset)
        printf(" (default %s)", o->preset);
    printf("\n");
    print_wrapped(o->help, "      ");
}

static const char *
operand_text(const struct qn_kernel *k)
{
    static const char *const texts[] = {
        NULL, "one: a number, {header: NAME}, {stage: NAME} or {file: PATH}",
        "may have one: {stage: NAME} or {file: PATH}",
        "may have weights: {file: PATH} or {stage: NAME}",
        "any number, by the names used in expr"};

    return texts[k->operands];
}

static void
print_page(const struct qn_kernel *k)
{
    printf("%s (%s)\n  %s\n\nDefinition\n", k->name, kind_name(k->kind),
           k->summary);
    print_wrapped(k->definition, "  ");
    if (operand_text(k))
        printf("\nOperand\n  %s\n", operand_text(k));
    if (k->options && k->options->name) {
        printf("\nOptions\n");
        for (const struct qn_option *o = k->options; o->name; o++)
            print_option(o);
    }
    if (k->shorthand)
        printf("\nShort form\n  `%s: VALUE` is `%s: {%s: VALUE}`\n", k->name,
               k->name, k->shorthand);
    if (k->source)
        printf("\nSource\n  %s\n", k->source);
}

/* ---- the reference section ---------------------------------------------- */

/* Text with what Markdown would take for its own escaped. */
static void
print_escaped(const char *text)
{
    for (; *text; text++)
        printf("%s%c", strchr("*_<>|[]\\", *text) ? "\\" : "", *text);
}

/* "a|b|c" as `a`, `b`, `c`. */
static void
print_choices(const char *choices)
{
    while (*choices) {
        size_t n = strcspn(choices, "|");

        printf(" `%.*s`", (int)n, choices);
        choices += n;
        if (*choices++ != '|')
            return;
        printf(",");
    }
}

static void
print_row(const struct qn_option *o)
{
    printf("| `%s` | %s", o->name, type_name(o->type));
    if (o->choices)
        print_choices(o->choices);
    printf(" | %s | ", o->unit ? o->unit : "");
    if (!o->preset)
        printf("must be given");
    else if (*o->preset)
        printf("`%s`", o->preset);
    printf(" | ");
    print_escaped(o->help);
    printf(" |\n");
}

static void
print_options_table(const struct qn_option *options)
{
    printf("\n| option | type | unit | default | meaning |\n"
           "| --- | --- | --- | --- | --- |\n");
    for (const struct qn_option *o = options; o->name; o++)
        print_row(o);
}

static void
print_section(const struct qn_kernel *k)
{
    printf("\n## %s\n\n*%s:* ", k->name, kind_name(k->kind));
    print_escaped(k->summary);
    printf(".\n\n");
    print_escaped(k->definition);
    printf("\n");
    if (operand_text(k))
        printf("\n**Operand:** %s.\n", operand_text(k));
    if (k->options && k->options->name)
        print_options_table(k->options);
    if (k->shorthand)
        printf("\n**Short form:** `%s: VALUE` is `%s: {%s: VALUE}`.\n",
               k->name, k->name, k->shorthand);
    if (k->source) {
        printf("\n**Source:** ");
        print_escaped(k->source);
        printf("\n");
    }
}

static void
print_markdown(void)
{
    printf("# Kernels\n\nWhat a step, or `combine`, can be: as `quern kernels "
           "NAME` says it. This page is made by\n`scripts/docs.sh` from the "
           "tables that also read the job files.\n\n"
           "| kernel | kind | what it does |\n| --- | --- | --- |\n");
    for (const struct qn_kernel *const *k = qn_catalog(); *k; k++) {
        printf("| [%s](#%s) | %s | ", (*k)->name, (*k)->name,
               kind_name((*k)->kind));
        print_escaped((*k)->summary);
        printf(" |\n");
    }
    for (const struct qn_kernel *const *k = qn_catalog(); *k; k++)
        print_section(*k);
}

/* ---- the command -------------------------------------------------------- */

static int
unknown(const char *name)
{
    const char *names[128], *near;
    size_t n = 0;

    for (const struct qn_kernel *const *k = qn_catalog(); *k && n < 127; k++)
        names[n++] = (*k)->name;
    names[n] = NULL;
    near = qn_text_nearest(name, names);
    fprintf(stderr, "quern: unknown kernel '%s'; %s%s%s\n", name,
            near ? "did you mean '" : "`quern kernels` lists them",
            near ? near : "", near ? "'?" : "");
    return QN_EXIT_USAGE;
}

int
qn_cmd_kernels(int argc, char **argv)
{
    const struct qn_kernel *k;

    if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
        printf("Usage: quern kernels [NAME | --markdown]\n\nList the kernels, "
               "or show one kernel's options and definition.\n\n"
               "  --markdown   all of them, as a page of the manual\n");
        return QN_EXIT_DONE;
    }
    if (argc == 2 && !strcmp(argv[1], "--markdown")) {
        print_markdown();
        return QN_EXIT_DONE;
    }
    if (argc < 2) {
        print_list();
        return QN_EXIT_DONE;
    }
    if (argv[1][0] == '-' || argc > 2) {
        fprintf(stderr, "quern: usage: quern kernels [NAME | --markdown]\n");
        return QN_EXIT_USAGE;
    }
    k = qn_catalog_find(argv[1]);
    if (!k)
        return unknown(argv[1]);
    print_page(k);
    return QN_EXIT_DONE;
}
