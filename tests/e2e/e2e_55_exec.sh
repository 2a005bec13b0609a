#!/usr/bin/env bash
# exec: any program once per item.  What it is given, what becomes of what it
# leaves, how it fails, and that nothing of it is left running.
. "$(dirname "$0")/lib.sh"

# job NAME INPUT STEP [MORE]: a job of one stage, `go`.
job()
{
    printf 'stages:\n  go:\n    input: %s\n%s    steps:\n      - exec: %s\n' \
        "$2" "${4:-}" "$3" >"$1.yaml"
}

mkdir raw
for name in a 'b c' "d'e" 'f$(touch hacked)' $'g\nh' '-rf' '{stem}'; do
    printf 'data of %s\n' "$name" >"raw/$name.txt"
done

say "a program a file, whatever the file is called"
job up '"raw/*.txt"' \
    "{command: 'sh -c ''tr a-z A-Z <\"\$1\" >\"\$2\"; echo run >>../../../ran'' sh {input} {output}', writes: '{stem}.out'}"
expect_quern 0 0 run up.yaml
expect_text err '7 of 7 items done'
expect_file up.out/go/a.out up.out/go/b%20c.out up.out/go/g%0Ah.out
[ "$(cat up.out/go/b%20c.out)" = "DATA OF B C" ] || fail "b c: wrong text"
good
[ "$(wc -l <up.out/ran)" -eq 7 ] || fail "not seven programs"
good
refuse_file hacked raw/hacked up.out/hacked
[ -z "$(ls -A up.out/.quern/scratch)" ] || fail "scratch folders are left"
good

say "the same again runs nothing; without the journal neither; a lost file is made"
expect_quern 0 0 run up.yaml
rm -r up.out/.quern/journal
expect_quern 0 0 run up.yaml
[ "$(wc -l <up.out/ran)" -eq 7 ] || fail "a program ran again"
good
rm up.out/go/a.out
expect_quern 0 2 run up.yaml
[ "$(wc -l <up.out/ran)" -eq 8 ] || fail "not one program ran again"
good
expect_file up.out/go/a.out

say "an edited script makes items stale; lists, folders and stdout"
cat >s.sh <<'X'
#!/bin/sh
cp "$1" "$2"; echo two >"$3"; echo three; echo "$OMP_NUM_THREADS $OPENBLAS_NUM_THREADS"
X
chmod +x s.sh
job list '"raw/[ab]*"' \
    "{command: [./s.sh, {input}, {outputs}], writes: ['{stem}.1', 'x/{stem}.2'], stdout: '{stem}.3', uses: s.sh}" \
    $'    retries: 0\n'
expect_quern 0 0 run list.yaml
expect_text list.out/go/a.3 '^1 1$'
expect_file list.out/go/x/a.2
expect_quern 0 0 run list.yaml
expect_text err '\(2 before\)'
rm list.out/go/x/a.2
expect_quern 0 0 run list.yaml
expect_text err '\(1 before\)'
sed -i 's/three/four/' s.sh
expect_quern 0 0 run list.yaml
expect_text err '\(0 before\)'
expect_text list.out/go/a.3 four
job folder '"raw/[ab]*"' "{command: 'cp {input} {output}/copy.h5', writes: '{stem}/'}"
expect_quern 0 0 run folder.yaml
expect_quern 0 0 run folder.yaml
expect_text err '\(2 before\)'
expect_quern 0 0 clean folder.out
expect_file folder.out/go/a/copy.h5
expect_quern 0 0 run folder.yaml --fresh
expect_file folder.out/go/b%20c/copy.h5

say "failures: status, signal, time, no output; with logs"
cat >bad.sh <<'X'
#!/bin/sh
case $1 in
*/a.txt) echo out; echo "no good" >&2; exit 3 ;;
*/b*) kill -SEGV $$ ;;
*/"d'e"*) sleep 73421 & sleep 73421 ;;
esac
X
chmod +x bad.sh
job bad '"raw/[abdf]*"' "{command: './bad.sh {input} {output}', writes: '{stem}.out'}" \
    $'    timeout: 1\n    retries: 0\n'
expect_quern 3 0 run bad.yaml
expect_text err 'a.txt: exit status 3: no good; see .*bad.out/.quern/logs/go/a.out.log'
expect_text err 'b c.txt: the program was killed by SIGSEGV'
expect_text err 'longer than its time limit of 1 s'
expect_text err 'did not write f'
expect_text bad.out/.quern/logs/go/a.out.log '^no good$'
expect_quern 3 0 status --failed bad.out
expect_text out 'exit status 3'
[ -z "$(ls -A bad.out/go)" ] || fail "a failed item left something"
good
pgrep -f 'sleep 7342[1]' >/dev/null && fail "a sleep is left after a timeout"
good

say "wrong jobs"
job wrong '"raw/*"' "{command: 'cat {inptu}'}"
expect_quern 2 0 run wrong.yaml
expect_text err 'did you mean \{input\}'
job wrong '"raw/*"' "{command: 'no-such-program-here {input}'}"
expect_quern 2 0 run wrong.yaml
expect_text err 'not in PATH'
job wrong '"raw/*"' "{command: 'cat {input}', uses: gone.py}"
expect_quern 2 0 run wrong.yaml
expect_text err 'gone.py, which exec uses, is not in'
job wrong '"raw/*"' "{command: 'cp {input} {output}', writes: same}"
expect_quern 2 0 run wrong.yaml
expect_text err 'would both be written to go/same'

finish
