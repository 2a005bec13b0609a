#!/usr/bin/env bash
# The command line: help, version, words that are wrong.
. "$(dirname "$0")/lib.sh"

say "help and version go to stdout and are no error"
expect_code 0 quern --version
expect_text out '^quern [0-9]+\.[0-9]+'
[ ! -s err ] || fail "--version said something on stderr"
expect_code 0 quern --help
for word in run plan kernels; do
    expect_text out "(^|[^a-z])$word([^a-z]|$)"
    expect_code 0 quern $word --help
    expect_text out '[Uu]sage'
    expect_code 0 quern --help
done

say "wrong words are exit code 2, one line says which"
while read -r -a words; do
    expect_code 2 quern "${words[@]}"
    [ -s err ] || fail "nothing on stderr for: quern ${words[*]}"
    [ ! -s out ] || fail "an error on stdout for: quern ${words[*]}"
done <<END
rum
run
run no-such-job.yaml
run $NIGHT --no-such-option
run $NIGHT --threads many
run $NIGHT --stage no-such-stage
plan no-such-job.yaml
END
expect_code 2 quern rum
expect_text err "run"

expect_code 2 quern run "$NIGHT" --trace=file
expect_text err '`--trace` is not available in this version'
expect_code 2 quern run "$NIGHT" --memory lots
expect_text err "4GiB"

say "under a launcher an error is said once"
expect_quern 2 3 run no-such-job.yaml
[ "$(grep -c 'no-such-job.yaml' err)" -eq 1 ] || { show; fail "not said once"; }

say "the kernels"
expect_code 0 quern kernels
for kernel in subtract divide normalize bin combine; do
    expect_text out "$kernel"
done
expect_code 0 quern kernels combine
expect_text out 'sigma'
expect_code 2 quern kernels medain

finish
