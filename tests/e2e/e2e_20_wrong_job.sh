#!/usr/bin/env bash
# A wrong job file: exit code 2, the place is named, nothing is written.
. "$(dirname "$0")/lib.sh"

make_night data --size 32 --frames 2

# wrong TEXT PATTERN: the job is refused, and the message says so.
wrong()
{
    printf '%s\n' "$1" >wrong.yaml
    local n
    for n in 0 3; do
        expect_quern 2 $n run wrong.yaml --data data --output wrong.out
        expect_text err "$2"
        refuse_file wrong.out
    done
    expect_code 2 quern plan wrong.yaml --data data --output wrong.out
    expect_text err "$2"
    refuse_file wrong.out
}

say "an unknown kernel, with the nearest known one"
wrong 'name: wrong
stages:
  a:
    input: "raw/bias-*.fits"
    steps:
      - subtrakt: 3' "wrong.yaml:6:9: .*subtrakt.*subtract"

say "an unknown key"
wrong 'name: wrong
stages:
  a:
    inptu: "raw/bias-*.fits"' "wrong.yaml:4:5: .*inptu.*input"

say "an option that a kernel does not have, one of the wrong kind"
wrong 'name: wrong
stages:
  a:
    input: "raw/bias-*.fits"
    steps:
      - bin: {faktor: 2}' "wrong.yaml:6:.*faktor.*factor"
wrong 'name: wrong
stages:
  a:
    input: "raw/bias-*.fits"
    steps:
      - bin: {factor: two}' "wrong.yaml:6:.*two"

say "a stage that is not there, and a circle"
wrong 'name: wrong
stages:
  a:
    input: "raw/bias-*.fits"
    steps:
      - subtract: {stage: bais}
  bias:
    input: "raw/bias-*.fits"
    combine: {method: mean}' "wrong.yaml:6:.*bais.*bias"
wrong 'name: wrong
stages:
  a:
    input: {stage: b}
    combine: {method: mean}
  b:
    input: {stage: a}
    combine: {method: mean}' "wrong.yaml:"

say "all problems in one go"
wrong 'name: wrong
stages:
  a:
    inptu: "raw/bias-*.fits"
  b:
    input: "raw/bias-*.fits"
    steps:
      - subtrakt: 3' "subtrakt"
expect_text err "inptu"

say "not YAML at all"
wrong 'name: [wrong' "wrong.yaml:"

say "a pattern that matches nothing"
wrong 'name: wrong
stages:
  a:
    input: "raw/baias-*.fits"' "baias"

finish
