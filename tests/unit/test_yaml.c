/* YAML: what is refused and how it is explained, places, aliases, --set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model/yaml.h"

struct loaded {
    struct qn_yaml_node *root;
    struct qn_problems problems;
    struct qn_text text; // of the problems
};

static void
load_bytes(struct loaded *l, const char *text, size_t len)
{
    *l = (struct loaded){0};
    l->problems = (struct qn_problems){.file = "f", .source = text, .len = len};
    assert_int_equal(qn_yaml_load(&l->root, &l->problems, NULL), 0);
    qn_problem_print(&l->problems, &l->text);
}

static void
load(struct loaded *l, const char *text)
{
    load_bytes(l, text, strlen(text));
}

static void
unload(struct loaded *l)
{
    qn_yaml_clear(l->root);
    qn_problem_clear(&l->problems);
    qn_text_clear(&l->text);
}

/* ---- what is refused ---------------------------------------------------- */

static const struct {
    const char *text;
    const char *place;   // "f:LINE:COLUMN: "
    const char *message; // a part of the sentence
} wrong[] = {
    {"", "f: ", "says nothing"},
    {"# only a comment\n", "f: ", "says nothing"},
    {"a:\n\tb: 1\n", "f:2:1: ", "a tab indents this line"},
    {"a:\n  b: 1\n\tc: 2\n", "f:3:1: ", "a tab indents this line"},
    {"a: *.fits\n", "f:1:4: ", "put it in quotes: a: \"*.fits\""},
    {"a: **/*.fits\n", "f:1:4: ", "put it in quotes: a: \"**/*.fits\""},
    {"a: *x\n", "f:1:4: ", "put it in quotes: a: \"*x\""},
    {"- *.fits # all\n", "f:1:3: ", "put it in quotes: - \"*.fits\" # all"},
    {"a: {b: *.fits, c: 1}\n", "f:1:8: ", "a: {b: \"*.fits\", c: 1}"},
    {"a: [x, *.fits]\n", "f:1:8: ", "a: [x, \"*.fits\"]"},
    {"a: {s}-{X}\nb: 1\n", "f:1:4: ", "a: \"{s}-{X}\""},
    {"a: {s}/x\n", "f:1:4: ", "a: \"{s}/x\""},
    {"- {s}/x\n- y\n", "f:1:3: ", "- \"{s}/x\""},
    {"a: {b: {s}-{X}, c: 4}\n", "f:1:8: ", "a: {b: \"{s}-{X}\", c: 4}"},
    {"a: @list\n", "f:1:4: ", "a: \"@list\""},
    {"a: [@list, b]\n", "f:1:5: ", "a: [\"@list\", b]"},
    {"a: %x\n", "f:1:4: ", "a: \"%x\""},
    {"a: >u2\nb: 1\n", "f:1:4: ", "a: \">u2\""},
    {"a: `x`\n", "f:1:4: ", "a: \"`x`\""},
    {"a: 'x' == X\n", "f:1:4: ", "a: \"'x' == X\""},
    {"a: \"x\" == X\n", "f:1:4: ", "a: '\"x\" == X'"},
    {"a: {w: X in ['q', 'r'], n: 1}\n",
     "f:1:8: ", "a: {w: \"X in ['q', 'r']\", n: 1}"},
    {"a: x: y\n", "f:1:5: ", "a: \"x: y\""},
    {"a: !has(X)\n", "f:1:4: ", "begins a tag"},
    {"a: [0:2, :]\n", "f:1:10: ", "put it in quotes: \":\""},
    {"a: [*,1:2]\n", "f:1:5: ", "a: [\"*\",1:2]"},
    {"a: {b: 1}}\n", "f:1:10: ", "'}' closes nothing"},
    {"a: ]\n", "f:1:4: ", "']' closes nothing"},
    {"a: {b: \"x\" c: 1}\n", "f:1:12: ", "a comma is missing"},
    {"a: {b: x,\nc: 1\nd:\n  e: 1\n", "f:1:4: ", "'{' is not closed"},
    {"a: [1, 2\nb: 3\n", "f:1:4: ", "'[' is not closed"},
    {"a: \"x\nb: 1\n", "f:1:4: ", "quote is not closed"},
    {"a: \"C:\\data\"\n", "f:1:7: ", "use '...' quotes"},
    {"a:1\nb: 1\n", "f:1:1: ", "a blank is missing"},
    {"a: 1\n  b: 2\n", "f:2:3: ", "indented deeper"},
    {"a:\n  b: 1\n c: 2\n", "f:3:2: ", "fits no line above"},
    {"a: 1\n- b\n", "f:2:1: ", "cannot stand among keys"},
    {"a:\n  - b\n  c: 1\n", "f:3:3: ", "begin with '- '"},
    {"a:\n- b\nc\n", "f:3:1: ", "followed by ': '"},
    {"a: - b\n", "f:1:4: ", "on the line below its key"},
    {"a: 1\n---\nb: 2\n", "f:2:1: ", "a second document"},
    {"a: 1\nb: 2\na: 3\n", "f:3:1: ", "given twice, first in line 1"},
    {"? [a]\n: b\n", "f:1:3: ", "a key must be a word"},
    {"a: \"x\\0y\"\n", "f:1:4: ", "zero byte"},
    {"\xff\xfe"
     "a",
     "f:1:1: ", "save the file as UTF-8"},
    {"a: \x01\n", "f:1:4: ", "save the file as UTF-8"},
};

static void
refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct loaded l;

        load(&l, wrong[i].text);
        if (!strstr(qn_text_get(&l.text), wrong[i].place) ||
            !strstr(qn_text_get(&l.text), wrong[i].message))
            fail_msg("%s\ngives\n%s\nnot %s... %s", wrong[i].text,
                     qn_text_get(&l.text), wrong[i].place, wrong[i].message);
        unload(&l);
    }
}

static void
limits(void **state)
{
    struct qn_text t = {0};
    struct loaded l;

    (void)state;
    for (int i = 0; i < 100; i++)
        qn_text_add(&t, "[");
    load(&l, t.s);
    assert_non_null(strstr(qn_text_get(&l.text), "more than 64 deep"));
    unload(&l);
    qn_text_clear(&t);

    // a thousand million laughs
    qn_text_add(&t, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 10; i++) {
        qn_text_add(&t, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++)
            qn_text_add(&t, "*a%d, ", i - 1);
        qn_text_add(&t, "]\n");
    }
    load(&l, t.s);
    assert_non_null(strstr(qn_text_get(&l.text), "values, those of aliases"));
    unload(&l);
    qn_text_clear(&t);

    for (int i = 0; i < 1100; i++)
        qn_text_add(&t, "k%d: 1\n", i);
    load(&l, t.s);
    assert_non_null(strstr(qn_text_get(&l.text), "more than 1000 keys"));
    unload(&l);
    for (int i = 0; i < 200000; i++)
        qn_text_add(&t, "# long\n");
    load(&l, t.s);
    assert_non_null(strstr(qn_text_get(&l.text), "larger than 1 MiB"));
    unload(&l);
    qn_text_clear(&t);
}

/* No NUL behind the bytes that count, and any of them. */
static void
any_bytes(void **state)
{
    static const char piece[] = "a: {b: [*x, @y], 'c\"d: - \t#\n&x !t | > \xc3";
    char text[64];
    unsigned seed = 1;

    (void)state;
    for (int i = 0; i < 3000; i++) {
        struct loaded l;

        for (size_t k = 0; k < sizeof text - 1; k++) {
            seed = seed * 1103515245u + 12345u;
            text[k] = piece[(seed >> 16) % (sizeof piece - 1)];
        }
        text[sizeof text - 1] = '\0';
        load_bytes(&l, text, sizeof text - 1);
        assert_true(l.root || qn_problem_count(&l.problems));
        unload(&l);
    }
}

/* ---- what is read ------------------------------------------------------- */

static void
places(void **state)
{
    struct loaded l;

    (void)state;
    load(&l, "a: 1\n# c\nb:\n  - {x: \"y z\", e: }\n  - 'it''s'\nm: |\n  p\n");
    assert_string_equal(qn_text_get(&l.text), "");
    const struct qn_yaml_node *b = qn_yaml_find(l.root, "b");
    const struct qn_yaml_node *x = qn_yaml_find(b->v[0].value, "x");

    assert_int_equal(b->kind, QN_YAML_LIST);
    assert_false(b->flow);
    assert_true(b->v[0].value->flow);
    assert_string_equal(x->text, "y z");
    assert_false(x->plain);
    assert_int_equal(x->mark.line, 4);
    assert_int_equal(x->mark.column, 9);
    assert_int_equal(x->width, 5);
    assert_true(qn_yaml_is_null(qn_yaml_find(b->v[0].value, "e")));
    assert_string_equal(b->v[1].value->text, "it's");
    assert_string_equal(qn_yaml_find(l.root, "m")->text, "p\n");
    assert_true(qn_yaml_find(l.root, "m")->block);
    assert_null(qn_yaml_find(l.root, "q"));
    unload(&l);
}

/* Reading goes on behind what lacked quotes, and places stay true. */
static void
mended(void **state)
{
    struct loaded l;

    (void)state;
    load(&l, "a: {b: *.fits, c: {s}-{X}, d: 5}\ne: *.x\nf: it\n");
    assert_int_equal(qn_problem_count(&l.problems), 3);
    const struct qn_yaml_node *a = qn_yaml_find(l.root, "a");

    assert_string_equal(qn_yaml_find(a, "b")->text, "*.fits");
    assert_string_equal(qn_yaml_find(a, "c")->text, "{s}-{X}");
    assert_int_equal(qn_yaml_find(a, "d")->mark.column, 31);
    assert_string_equal(qn_yaml_find(l.root, "f")->text, "it");
    unload(&l);
}

static void
aliases(void **state)
{
    struct loaded l;

    (void)state;
    load(&l, "a: &a {x: 1, y: 2}\nb: *a\nc:\n  <<: *a\n  y: 3\n");
    assert_string_equal(qn_text_get(&l.text), "");
    assert_string_equal(qn_yaml_find(qn_yaml_find(l.root, "b"), "y")->text,
                        "2");
    const struct qn_yaml_node *c = qn_yaml_find(l.root, "c");

    assert_string_equal(qn_yaml_find(c, "y")->text, "3");
    assert_string_equal(qn_yaml_find(c, "x")->text, "1");
    assert_int_equal(c->n, 2);
    unload(&l);
    // of what is not kept
    load(&l, "a: 1\na: &x [2]\nb: *x\n");
    assert_int_equal(qn_problem_count(&l.problems), 1);
    assert_int_equal(qn_yaml_find(l.root, "b")->n, 1);
    unload(&l);
}

/* ---- set on the command line -------------------------------------------- */

static const struct {
    const char *word;
    const char *problem; // NULL: none
} sets[] = {
    {"a.b.1.c=5", NULL},
    {"a.new.deep=[1, 2]", NULL},
    {"a.v1.x.y=7", NULL},
    {"a.glob=*.fits", NULL},
    {"a.empty.k=1", NULL},
    {"no-value", "write path.to.key=value"},
    {"=3", "write path.to.key=value"},
    {"a.b.2=1", "counted from 0 to 1"},
    {"a.b.x=1", "counted from 0 to 1"},
    {"a.list.0=1", "a.list is an empty list"},
    {"a.s.t=1", "a.s is the single value 'text'"},
    {"a..x=1", "a word is missing"},
    {"a.x.=1", "ends in a point"},
    {"a.x=1\nb", "one line"},
};

static void
set_values(void **state)
{
    static const char text[] = "a:\n  b: [x, {c: 1}]\n  v1.x: {y: 1}\n"
                               "  s: text\n  list: []\n  empty:\n";

    (void)state;
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        struct loaded l;

        load(&l, text);
        l.problems.sets = &sets[i].word;
        l.problems.nsets = 1;
        assert_int_equal(
            qn_yaml_set(&l.root, sets[i].word, 1, &l.problems, NULL), 0);
        qn_problem_print(&l.problems, &l.text);
        if (!sets[i].problem)
            assert_string_equal(qn_text_get(&l.text), "");
        else if (!strstr(qn_text_get(&l.text), sets[i].problem) ||
                 strncmp(qn_text_get(&l.text), "--set ", 6))
            fail_msg("%s: %s", sets[i].word, qn_text_get(&l.text));
        unload(&l);
    }
}

static void
set_is_there(void **state)
{
    struct loaded l;
    const char *words[] = {"a.v1.x.y=7", "a.g=*.fits", "a.n.d=[1, 2]",
                           "a.q=\"1\"", "a.e="};

    (void)state;
    load(&l, "a: {v1.x: {y: 1}}\n");
    l.problems.sets = words;
    l.problems.nsets = 5;
    for (int i = 0; i < 5; i++)
        assert_int_equal(
            qn_yaml_set(&l.root, words[i], i + 1, &l.problems, NULL), 0);
    const struct qn_yaml_node *a = qn_yaml_find(l.root, "a");

    assert_string_equal(qn_yaml_find(qn_yaml_find(a, "v1.x"), "y")->text, "7");
    assert_string_equal(qn_yaml_find(a, "g")->text, "*.fits");
    assert_int_equal(qn_yaml_find(qn_yaml_find(a, "n"), "d")->n, 2);
    assert_false(qn_yaml_find(a, "q")->plain);
    assert_true(qn_yaml_is_null(qn_yaml_find(a, "e")));
    assert_int_equal(qn_yaml_find(a, "g")->mark.line, 0);
    assert_int_equal(qn_yaml_find(a, "g")->mark.column, 2);
    unload(&l);
}

/* ---- how problems are shown --------------------------------------------- */

static void
shown(void **state)
{
    struct qn_problems p = {
        .file = "job.yaml", .source = "one\r\ntwo\tx\xff\n", .len = 11};
    struct qn_text t = {0};

    (void)state;
    qn_problem_add(&p, (struct qn_mark){2, 5}, 2, "second");
    qn_problem_add(&p, (struct qn_mark){1, 1}, 9, "first\n%d", 1);
    qn_problem_add(&p, (struct qn_mark){1, 1}, 9, "first\n%d", 1);
    qn_problem_add(&p, (struct qn_mark){9, 1}, 1, "nowhere");
    qn_problem_print(&p, &t);
    assert_string_equal(qn_text_get(&t), "job.yaml:1:1: first?1\n"
                                         "   1 | one\n"
                                         "     | ^~~\n"
                                         "job.yaml:2:5: second\n"
                                         "   2 | two x?\n"
                                         "     |     ^~\n"
                                         "job.yaml:9:1: nowhere\n");
    qn_problem_clear(&p);
    qn_problem_clear(&p);
    qn_text_clear(&t);
}

static void
long_lines_are_cut(void **state)
{
    char line[1001];
    struct qn_problems p = {.file = "f", .source = line, .len = 1000};
    struct qn_text t = {0};

    (void)state;
    memset(line, 'a', 1000);
    line[1000] = '\0';
    qn_problem_add(&p, (struct qn_mark){1, 500}, 1, "here");
    qn_problem_print(&p, &t);
    assert_true(t.len < 320);
    assert_non_null(strstr(t.s, "1 | ...aaa"));
    for (int i = 0; i < 200; i++)
        qn_problem_add(&p, (struct qn_mark){1, i + 1}, 1, "many");
    assert_int_equal(qn_problem_count(&p), 201);
    qn_text_clear(&t);
    qn_problem_print(&p, &t);
    assert_non_null(strstr(t.s, "and 101 more problems"));
    qn_problem_clear(&p);
    qn_text_clear(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused),    cmocka_unit_test(limits),
        cmocka_unit_test(any_bytes),  cmocka_unit_test(places),
        cmocka_unit_test(mended),     cmocka_unit_test(aliases),
        cmocka_unit_test(set_values), cmocka_unit_test(set_is_there),
        cmocka_unit_test(shown),      cmocka_unit_test(long_lines_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
