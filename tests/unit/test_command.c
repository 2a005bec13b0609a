/* Words of programs: taken apart like a shell's, filled in like none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kernels/catalog.h"
#include "model/command.h"
#include "model/item.h"

/* ---- words ------------------------------------------------------------------ */

static void
quotes_must_close(void **state)
{
    static const char *const bad[] = {"a 'b", "\"", "a \"b\\\"", "x'y z"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct qn_strings words = {0};
        struct qn_error err = {0};

        assert_int_equal(qn_command_split(&words, bad[i], &err), QN_EJOB);
        assert_non_null(strstr(err.text, "does not close"));
        qn_command_drop(&words);
    }
}

static void
splits_as_a_shell(void **state)
{
    static const struct {
        const char *text, *words; // joined by |
    } table[] = {
        {"", ""},
        {" \t\n ", ""},
        {"a", "a|"},
        {"a  b\tc\nd", "a|b|c|d|"},
        {"sh -c 'a b \"c\" \\n' x", "sh|-c|a b \"c\" \\n|x|"},
        {"a\\ b \\'c", "a b|'c|"},
        {"\"a b\"'c d'e", "a bc de|"},
        {"\"\\\"\\\\\\$\\n\"", "\"\\$\\n|"},
        {"'' \"\"", "||"},
        {"{input} >x; $(y) `z` *", "{input}|>x;|$(y)|`z`|*|"},
        {"a\\", "a\\|"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct qn_strings words = {0};
        char joined[256] = "";

        assert_int_equal(qn_command_split(&words, table[i].text, NULL), 0);
        for (size_t k = 0; k < words.n; k++) {
            strcat(joined, words.v[k]);
            strcat(joined, "|");
        }
        assert_string_equal(joined, table[i].words);
        qn_command_drop(&words);
    }
}

static void
quoted_words_come_back(void **state)
{
    static const char *const words[] = {"plain", "", "a b", "it's", "$(x)",
                                        "new\nline", "--x=1", "\\", "*"};

    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct qn_strings back = {0};
        struct qn_text t = {0};

        qn_command_quote(&t, words[i]);
        assert_int_equal(qn_command_split(&back, qn_text_get(&t), NULL), 0);
        assert_int_equal(back.n, 1);
        assert_string_equal(back.v[0], words[i]);
        qn_command_drop(&back);
        qn_text_clear(&t);
    }
}

/* ---- filling in --------------------------------------------------------------- */

struct fixture {
    struct qn_items items;
    struct qn_lookup fields;
    struct qn_command_facts facts;
};

static const char *const two[] = {"/s/a.out", "/s/b.log"};

static void
open_item(struct fixture *f, const char *path)
{
    struct qn_item *item;

    *f = (struct fixture){0};
    assert_int_equal(qn_item_add(&f->items, path, &item, NULL), 0);
    assert_int_equal(qn_item_field(&f->items.pool, item, "n", "007", false, NULL), 0);
    assert_int_equal(qn_item_field(&f->items.pool, item, "x", "1.50", false, NULL), 0);
    assert_int_equal(qn_item_field(&f->items.pool, item, "evil", "a; rm {input} $(x) 'q'",
                                   true, NULL), 0);
    assert_int_equal(qn_item_field(&f->items.pool, item, "mate", "raw/m 2.gz", true, NULL),
                     0);
    assert_int_equal(qn_item_field(&f->items.pool, item, "@mate", "1:2", true, NULL), 0);
    f->fields = qn_item_lookup(item);
    f->facts = (struct qn_command_facts){
        .input = "/d/in file ", .outputs = two, .noutputs = 2, .threads = 3,
        .data = "/d", .fields = &f->fields};
}

static void
close_item(struct fixture *f)
{
    qn_item_clear(&f->items);
}

static void
refuses_what_it_cannot_fill(void **state)
{
    static const struct {
        const char *pattern;
        int code;
        const char *says;
    } table[] = {
        {"{inptu}", QN_EMISSING, "'inptu'"},
        {"{output3}", QN_EMISSING, "names 2"},
        {"a{outputs}", QN_EJOB, "by itself"},
        {"{", QN_EJOB, "brace"},
        {"}", QN_EJOB, "brace"},
        {"{a{b}", QN_EJOB, "brace"},
        {"{}", QN_EJOB, "brace"},
    };
    struct fixture f;

    (void)state;
    open_item(&f, "raw/a.txt");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct qn_error err = {0};
        char *out = (char *)1;

        assert_int_equal(
            qn_command_fill(&out, table[i].pattern, &f.facts, &err),
            table[i].code);
        assert_null(out);
        assert_non_null(strstr(err.text, table[i].says));
    }
    f.facts.input = NULL;
    f.facts.noutputs = 0;
    for (int i = 0; i < 2; i++) {
        char *out;

        assert_int_equal(qn_command_fill(&out, i ? "{input}" : "{output}",
                                         &f.facts, NULL), QN_EMISSING);
    }
    close_item(&f);
}

static void
fills_words_once(void **state)
{
    static const struct {
        const char *pattern, *out;
    } table[] = {
        {"", ""},
        {"{input}", "/d/in file "}, // a trailing blank is part of the name
        {"-o{output}", "-o/s/a.out"},
        {"{output1}:{output2}", "/s/a.out:/s/b.log"},
        {"{threads}x{{n}}", "3x{n}"},
        {"{stem}{ext} {n} {x}", "a.txt 007 1.50"},
        {"{evil}", "a; rm {input} $(x) 'q'"},
        {"{data}/{mate}", "/d//d/raw/m 2.gz"},
    };
    struct fixture f;

    (void)state;
    open_item(&f, "raw/a.txt");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *out;

        assert_int_equal(
            qn_command_fill(&out, table[i].pattern, &f.facts, NULL), 0);
        assert_string_equal(out, table[i].out);
        free(out);
    }
    close_item(&f);
}

static void
makes_paths_absolute(void **state)
{
    static char prog[] = "./p.sh", script[] = "s.py", input[] = "{input}",
                outputs[] = "{outputs}", other[] = "t.py";
    char *words[] = {prog, script, input, outputs, other}, *uses[] = {script};
    struct qn_command c = {.given = true, .words = {words, 5},
                           .uses = {uses, 1}};
    static const char *const want[] = {"/d/p.sh", "/d/s.py", "/d/in file ",
                                       "/s/a.out", "/s/b.log", "t.py"};
    struct qn_strings out = {0};
    struct fixture f;

    (void)state;
    open_item(&f, "raw/a.txt");
    assert_int_equal(qn_command_words(&out, &c, &f.facts, NULL), 0);
    assert_int_equal(out.n, 6);
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(out.v[i], want[i]);
    qn_command_drop(&out);
    close_item(&f);
}

/* ---- in a job --------------------------------------------------------------------- */

static void
parse(struct qn_job *job, const char *step, const char *more,
      struct qn_text *problems, int want)
{
    char text[1024];
    struct qn_error err = {0};

    snprintf(text, sizeof text,
             "stages:\n  s:\n    input: 'raw/{night}/*.txt'\n    steps:\n"
             "      - %s\n%s",
             step, more);
    assert_int_equal(qn_job_parse(job, "t.yaml", text, strlen(text), NULL, 0,
                                  qn_catalog(), problems, &err), want);
}

static void
job_refuses(void **state)
{
    static const struct {
        const char *step, *more, *says;
    } table[] = {
        {"exec", "", "exec needs a program"},
        {"exec: {}", "", "no 'command'"},
        {"exec: {command: ''}", "", "empty"},
        {"exec: {command: 'a \"b'}", "", "does not close"},
        {"exec: {command: ['']}", "", "has no name"},
        {"exec: 'cat {inptu}'", "", "did you mean {input}"},
        {"exec: 'cat {input'", "", "no partner"},
        {"exec: {command: a, writes: /abs}", "", "below the stage's folder"},
        {"exec: {command: a, writes: ../up}", "", "below the stage's folder"},
        {"exec: {command: a, writes: [x/, y]}", "", "must be all"},
        {"exec: {command: a, uses: '{stem}.py'}", "", "with:"},
        {"exec: {command: a, env: [x]}", "", "mapping"},
        {"exec: {command: a, env: {'1x': y}}", "", "letters"},
        {"exec: {comand: a}", "", "'command'"},
        {"exec: a", "    output: {dtype: int16}\n", "leave 'output' out"},
        {"exec: a", "      - exec: b\n", "stage of its own"},
        {"add: 1", "      - exec: b\n", "first step"},
        {"exec: a", "    combine: mean\n", "add writes"},
        {"exec: {command: a, writes: x/}", "    combine: mean\n", "folder"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct qn_text problems = {0};
        struct qn_job job;

        parse(&job, table[i].step, table[i].more, &problems, QN_EJOB);
        if (!strstr(qn_text_get(&problems), table[i].says))
            fail_msg("%s: %s", table[i].step, qn_text_get(&problems));
        qn_text_clear(&problems);
    }
}

static void
job_reads(void **state)
{
    struct qn_text problems = {0};
    struct qn_job job;
    const struct qn_command *c;

    (void)state;
    parse(&job,
          "exec: {stdout: '{night}.txt', command: [a, {input}, ''], writes: "
          "['{stem}.x'], env: {A: '{threads}'}}",
          "", &problems, 0);
    c = &job.stages[0].command;
    assert_int_equal(job.nstages, 1);
    assert_int_equal(job.stages[0].nsteps, 0);
    assert_true(c->given && c->catches && !c->folder);
    assert_int_equal(c->words.n, 3);
    assert_string_equal(c->words.v[1], "{input}");
    assert_string_equal(c->words.v[2], "");
    assert_int_equal(c->writes.n, 2);
    assert_string_equal(c->writes.v[1], "{night}.txt");
    qn_job_clear(&job);
    qn_text_clear(&problems);
}

static void
job_parts_what_follows(void **state)
{
    struct qn_text problems = {0};
    struct qn_job job;

    (void)state;
    parse(&job, "exec: {command: a, writes: '{stem}.npy'}",
          "      - add: 1\n    combine: mean\n", &problems, 0);
    assert_int_equal(job.nstages, 2);
    assert_string_equal(job.stages[0].name, "s.exec");
    assert_true(job.stages[0].command.given);
    assert_int_equal(job.stages[0].input.files.n, 1);
    assert_string_equal(job.stages[1].name, "s");
    assert_false(job.stages[1].command.given);
    assert_int_equal(job.stages[1].input.stage_index, 0);
    assert_int_equal(job.stages[1].nsteps, 1);
    qn_job_clear(&job);
    qn_text_clear(&problems);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_must_close),
        cmocka_unit_test(splits_as_a_shell),
        cmocka_unit_test(quoted_words_come_back),
        cmocka_unit_test(refuses_what_it_cannot_fill),
        cmocka_unit_test(fills_words_once),
        cmocka_unit_test(makes_paths_absolute),
        cmocka_unit_test(job_refuses),
        cmocka_unit_test(job_reads),
        cmocka_unit_test(job_parts_what_follows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
