#!/usr/bin/env bash
# `quern submit` and one file over a stage: the job that merges waits for the
# array, is sent where it is wanted and not again where it is done.
. "$(dirname "$0")/lib.sh"

export XDG_CONFIG_HOME=$scratch/config
mkdir -p config/quern data/raw
make_sbatch
export SLURM_NTASKS=1
for i in 0 1 2 3 4 5 6 7; do
    head -c 32 /dev/urandom >data/raw/f$i.raw
done
cat >job.yaml <<'END'
name: job
stages:
  one:
    input: {files: "raw/*.raw", format: raw, dtype: uint16, shape: [4, 4]}
    steps: [multiply: 2]
    output: {layout: single, name: "{stem}"}
  used:
    input: {files: "raw/*.raw", format: raw, dtype: uint16, shape: [4, 4]}
  each:
    input: {stage: used}
    steps: [multiply: 3]
  sum:
    input: {stage: used}
    combine: {method: sum}
END

submit()
{
    run quern submit job.yaml --data data --output "$@"
}

# task FILE SHARD: run the script of a stage as SLURM would
task()
{
    SLURM_ARRAY_TASK_ID=${2:-0} expect_code 0 bash n.out/.quern/submit/"$1".sbatch
}

say "without --merge: only what the job asks for"
submit n.out --dry-run --array 2
[ $code -eq 0 ] || { show; fail "dry run"; }
expect_text out '^# sbatch --parsable --dependency=afterany:<one> --kill-on-invalid-dep=yes .*/one-merge.sbatch$'
[ "$(grep -c '^# sbatch' out)" -eq 5 ] || fail "not five jobs"
good
refuse_file n.out sent
submit n.out --dry-run --array 1
[ "$(grep -c '^# sbatch' out)" -eq 4 ] || fail "one task merges by itself"
good

say "with --merge: of stages of items that nobody reads"
submit n.out --array 2 --merge --ntasks 2
[ $code -eq 0 ] || { show; fail "submit"; }
expect_text out '^one, one file: job 102, after 101$'
expect_text out '^each, one file: job 105, after 104$'
[ "$(wc -l <sent)" -eq 6 ] || fail "not six jobs"
expect_text sent '^--parsable --dependency=afterany:104 --kill-on-invalid-dep=yes .*/each-merge.sbatch$'
refuse_text sent '(used|sum)-merge'
for script in one-merge each-merge; do
    bash -n n.out/.quern/submit/$script.sbatch || fail "$script is no script"
    expect_text n.out/.quern/submit/$script.sbatch '^#SBATCH --ntasks=1$'
    expect_text n.out/.quern/submit/$script.sbatch "^#SBATCH --job-name=quern-$script\$"
    refuse_text n.out/.quern/submit/$script.sbatch '@[A-Z_]+@|--array'
done
task one 0
task one 1
refuse_file n.out/one.h5
task one-merge
expect_file n.out/one.h5
for stage in used each; do
    task $stage 0
    task $stage 1
done
task each-merge
expect_quern 0 0 run job.yaml --data data --output whole.out
expect_quern 0 0 merge whole.out/each -o each.h5
# but for the text of the job, which has the memory that SLURM gives
/usr/bin/python3 - <<'END_PY' || fail "the shards give other files"
import h5py
for a, b in ("n.out/one.h5", "whole.out/one.h5"), ("n.out/each-merged.h5", "each.h5"):
    with h5py.File(a) as f, h5py.File(b) as g:
        assert (f["entry/data/data"][...] == g["entry/data/data"][...]).all()
        for name in "path", "file", "status", "key":
            assert list(f["entry/items"][name]) == list(g["entry/items"][name]), name
END_PY
good
cp n.out/one.h5 first.h5

say "what is done is not sent again"
rm sent
task sum
submit n.out --array 2 --merge
expect_text out '^Nothing is left to do'
refuse_file sent
rm n.out/one.h5 n.out/each-merged.h5
submit n.out --array 2 --merge
expect_text out '^one, one file: job 101$'
expect_text out '^each, one file: job 102$'
[ "$(wc -l <sent)" -eq 2 ] || fail "more than the merges was sent"
task one-merge
task each-merge
cmp n.out/one.h5 first.h5 || fail "one.h5 differs"
good

say "--strict, and what was sent before sbatch refused"
rm sent
submit s.out --array 2 --strict --merge
expect_text sent 'dependency=afterok:104 --kill.*/each-merge.sbatch$'
rm sent
REFUSED=3 submit r.out --array 2
expect_text err 'taken back what was sent: scancel 101 102$'

finish
