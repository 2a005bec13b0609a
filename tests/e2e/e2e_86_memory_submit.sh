#!/usr/bin/env bash
# Memory of SLURM jobs: what is asked for comes from the plan, what is too little
# is refused before anything is sent, and a job needs no room for stages that
# others have made.
. "$(dirname "$0")/lib.sh"

export XDG_CONFIG_HOME=$scratch/config
mkdir -p raw
truncate -s 64000000 raw/a.bin raw/b.bin raw/c.bin
cat >big.yaml <<'END'
name: big
stages:
  mean:
    input: {files: "raw/*.bin", format: raw, dtype: float32, shape: [4000, 4000], endian: little}
    combine: {method: mean}
  small:
    input: {stage: mean}
    steps: [bin: {factor: 100, method: mean}]
  last:
    input: {stage: small}
    steps: [add: 1]
END

# mib WORD: the number behind it in the script of each stage
mib()
{
    sed -n "s/.*$1\([0-9]*\)M.*/\1/p" out | xargs
}

say "as much as the plan says, and a quarter more"
expect_code 0 quern plan big.yaml --memory 4GiB --json
/usr/bin/python3 -c 'import json
print(*(s["memory"]["need"] >> 20 for s in json.load(open("out"))["stages"]))' >need ||
    fail "plan --json"
expect_code 0 quern submit big.yaml --dry-run --cpus-per-task 1
read -r mean small last <<<"$(mib --mem=)"
[ "$mean" -ge "$(cut -d' ' -f1 need)" ] && [ "$mean" -gt 512 ] && [ "$mean" -le 1024 ] &&
    [ "$last" -eq 512 ] && [ "$small" -le "$mean" ] || { cat need; fail "$mean $small $last"; }
good
read -r mean small last <<<"$(mib '--memory ')"
[ "$last" -eq 409 ] || fail "$last of 512 MiB"
good

say "what a job says of memory holds, and what SLURM is asked for is more"
expect_code 0 quern submit big.yaml --dry-run --cpus-per-task 8 --set memory=400MiB
[ "$(mib --mem=)" = "1024 1024 1024" ] || fail "$(mib --mem=)"
refuse_text out '--memory'
expect_code 0 quern submit big.yaml --dry-run --set stages.mean.memory=2GiB
[ "$(mib --mem=)" = "2816 768 512" ] || fail "$(mib --mem=)"
good

say "too little is refused, and nothing is sent"
make_sbatch
expect_code 2 quern submit big.yaml --mem 60M
expect_text err 'mean: --mem 60M is too little: a rank with 4 workers takes 128 MiB '
refuse_file sent
expect_code 2 quern submit big.yaml --mem 150M
expect_text err 'mean: --mem 150M gives a rank 22 MiB: stage mean: .* needs '
refuse_file sent

say "room for its own stage is enough"
expect_quern 0 0 run big.yaml --output whole.out
expect_quern 0 0 run big.yaml --output big.out --stage small
expect_quern 2 0 run big.yaml --output big.out --stage last --memory 60MiB
expect_quern 0 0 run big.yaml --output big.out --stage last --shard 0/1 --memory 60MiB
compare whole.out big.out
expect_quern 2 0 run big.yaml --output new.out --stage mean --shard 0/1 --memory 60MiB
expect_text err 'stage mean: what it combines needs'

finish
