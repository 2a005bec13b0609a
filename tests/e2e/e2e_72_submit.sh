#!/usr/bin/env bash
# `quern submit` without a cluster: what it prints and what it would send; the
# settings of a site and of a user; a template of one's own; words that are
# wrong.
. "$(dirname "$0")/lib.sh"

export XDG_CONFIG_HOME=$scratch/config
mkdir -p config/quern
make_sbatch
make_night data --size 32

submit()
{
    run quern submit "$NIGHT" --data data --output "$@"
}

say "words that are wrong"
for bad in --array=0 --array=x --nodes=-1 --time=soon --time=1:2:3:4 --mem=lots \
    --launcher=ssh '--partition=a b' --partition= --requeues=x --arry=2; do
    submit n.out --dry-run "$bad"
    [ $code -eq 2 ] || { show; fail "$bad gives $code"; }
    good
done
expect_code 2 quern submit
expect_code 2 quern submit "$NIGHT" data/raw/bias-001.fits
expect_text err "takes one job"
expect_code 2 quern submit nothing.yaml
submit n.out --stage nothing
[ $code -eq 2 ] || fail "a stage that is not there"
expect_code 0 quern submit --help
expect_text out 'cpus-per-task'
refuse_file n.out sent

say "--dry-run prints all, writes and sends nothing"
submit n.out --dry-run --array 4 --ntasks 2 --time 30 --set output=x -- --mail-type=END
[ $code -eq 0 ] || { show; fail "dry run"; }
refuse_file n.out sent
[ "$(grep -c '^#!/bin/bash$' out)" -eq 4 ] || fail "not four scripts"
good
expect_text out '^# sbatch --parsable --dependency=afterany:<bias>:<flat> --kill-on-invalid-dep=yes --mail-type=END .*/science.sbatch$'
expect_text out '^#SBATCH --array=0-3$'
expect_text out '^#SBATCH --ntasks=2$'
expect_text out '^#SBATCH --signal=B:USR1@120$'
expect_text out "^run=.* --stage science .*--set output=x\)$"
[ "$(grep -c '^#SBATCH --array' out)" -eq 1 ] || fail "a combined stage has an array"
good
refuse_text out '@[A-Z_]+@'
awk '/^#!/ { n++ } n { print > "script-" n }' out
for script in script-[1-4]; do
    bash -n "$script" || fail "$script is no script"
    good
done

say "sent in order; nothing is left to do afterwards"
submit n.out --array 2 --time 2
[ $code -eq 0 ] || { show; fail "submit"; }
expect_text out '^science: job 103, an array of 2, after 101 and 102$'
expect_text sent '^--parsable --dependency=afterany:103 --kill-on-invalid-dep=yes .*/stack.sbatch$'
expect_text n.out/.quern/submit/science.sbatch '^#SBATCH --signal=B:USR1@30$'
[ -x n.out/.quern/submit/bias.sbatch ] || fail "the script cannot be run"
export SLURM_NTASKS=1
expect_code 0 bash n.out/.quern/submit/bias.sbatch
expect_code 0 bash n.out/.quern/submit/flat.sbatch
for i in 0 1; do
    SLURM_ARRAY_TASK_ID=$i expect_code 0 bash n.out/.quern/submit/science.sbatch
done
rm sent
submit n.out --array 2
expect_text out '^stack: job 101$'
[ "$(wc -l <sent)" -eq 1 ] || fail "what is done was sent again"
expect_code 0 bash n.out/.quern/submit/stack.sbatch
submit n.out
expect_text out '^Nothing is left to do'
expect_quern 0 0 run "$NIGHT" --data data --output whole.out
compare whole.out n.out

say "what was learned: the time an item took"
touch data/raw/science-B-001.fits
run quern submit "$NIGHT" --data data --output whole.out --dry-run
expect_text out '^#SBATCH --time=10$' # of nothing it would be 60

say "a script that stops: exit codes, and who is requeued"
cat >programs/scontrol <<'END'
#!/bin/sh
echo "$*" >>"$SENT"
[ "$1" = show ]
END
chmod +x programs/scontrol
rm -rf n.out sent
submit n.out
SLURM_JOB_ID=7 expect_code 75 bash n.out/.quern/submit/science.sbatch
expect_text err 'science needs bias, of which'
refuse_text sent 'requeue'
truncate -s 3000 data/raw/bias-001.fits
expect_code 3 bash n.out/.quern/submit/bias.sbatch
expect_code 0 bash n.out/.quern/submit/flat.sbatch
refuse_text sent 'requeue'
make_night data --size 32

say "a launcher that leaves with 0 and has started nothing"
printf '#!/bin/sh\nexit 0\n' >programs/srun
chmod +x programs/srun
run quern submit "$NIGHT" --data data --output l.out --ntasks 2 --launcher srun
expect_code 1 bash l.out/.quern/submit/bias.sbatch
expect_text err '^no run has begun: srun --mpi=pmix'
rm programs/srun

say "a script whose run stops before it is warned goes on"
# its own deadline may come before SLURM's warning; --deadline stands for it
cat >slow.yaml <<'END'
name: slow
stages:
  slow:
    input: "data/raw/flat-B-00*.fits"
    steps:
      - exec: {command: [sh, -c, "sleep 0.4; cp {input} {output}"], writes: "{stem}.fits"}
END
run quern submit slow.yaml
sed -i 's/^run=(/&--deadline 0.6 --set concurrency=1 /' slow.out/.quern/submit/slow.sbatch
SLURM_JOB_ID=8 expect_code 75 bash slow.out/.quern/submit/slow.sbatch
expect_text sent '^requeue 8$'
expect_code 75 quern status slow.out --json
expect_text out '"stopped_by": "deadline"'
sed -i 's/^run=(--deadline 0.6 /run=(/' slow.out/.quern/submit/slow.sbatch
SLURM_JOB_ID=9 expect_code 0 bash slow.out/.quern/submit/slow.sbatch
refuse_text sent 'requeue 9'
expect_code 0 quern status slow.out --json
expect_text out '"stopped_by": null'
# asked when nothing is left to begin: that is no stop
rm -rf slow.out
sed -i 's/sleep 0.4/sleep 1.5/' slow.yaml
quern run slow.yaml --limit 2 --set concurrency=2 >run.txt 2>&1 </dev/null &
begun()
{
    [ "$(cat slow.out/.quern/journal/*.log 2>/dev/null | grep -cP '\tbegin\t')" -eq 2 ]
}
wait_until begun || fail "two items do not begin"
expect_code 0 quern stop slow.out
wait $! || { cat run.txt; fail "all was done, and the code is not 0"; }
expect_code 0 quern status slow.out

say "--strict and at-least: only where all went well"
rm sent
submit s.out --strict
expect_text sent 'dependency=afterok:101:102 --kill'
rm sent
submit a.out --set stages.stack.combine.at-least=100%
expect_text sent 'dependency=afterok:103 --kill'
expect_text sent 'dependency=afterany:101:102'
rm sent
submit b.out --set stages.stack.combine.at-least=100% --allow-failures 5%
expect_text sent 'dependency=afterany:103'
expect_text b.out/.quern/submit/science.sbatch 'allow-failures 5%\)$'

say "sbatch refuses: what was sent before is taken back"
printf '#!/bin/sh\necho "cancel $*" >>"$SENT"\nexit ${STUCK:-0}\n' >programs/scancel
chmod +x programs/scancel
for STUCK in 0 1; do
    rm sent
    export STUCK
    REFUSED=3 submit r.out
    [ $code -eq 1 ] || { show; fail "sbatch refused and submit said $code"; }
    good
    expect_text err 'no such partition'
    expect_text err '^quern: science: sbatch did not take the job; correct '
    expect_text sent '^cancel 101 102$'
    expect_text err "^quern: take[n]* back what was sent: scancel 101 102$"
done
rm sent
REFUSED=1 submit r.out
[ $code -eq 1 ] || fail "sbatch refused and submit said $code"
refuse_text sent cancel
refuse_text err 'back'

say "words behind --"
for words in --array=0-7%2 -a4 "-N 2" --nodes=2 "--time 5" -t5 --mem=1G -c4 \
    "--dependency afterok:1?afterok:2"; do
    # shellcheck disable=SC2086 # words
    submit r.out --dry-run -- $words
    [ $code -eq 2 ] || { show; fail "-- $words gives $code"; }
    expect_text err "^quern: -.* behind --|^quern: --dependency cannot be joined"
done
submit r.out --dry-run -- --nice=3 -d afterok:9 --exclusive
expect_text out '^# sbatch --parsable --nice=3 -d afterok:9 --exclusive .*/bias.sbatch$'
expect_text out '^# sbatch --parsable --dependency=afterany:<bias>:<flat>,afterok:9 --kill.* --nice=3 --exclusive /'

say "no more tasks than items"
submit r.out --dry-run --array 9999
expect_text out '^#SBATCH --array=0-11$'

say "settings of one's own"
cat >config/quern/submit.yaml <<'END'
partition: long
account: astro
time: "2-00:00:00"
cpus-per-task: 8
setup: |
  module load openmpi
  ulimit -c 0
END
submit n2.out --dry-run --partition short
expect_text out '^#SBATCH --partition=short$'
expect_text out '^#SBATCH --account=astro$'
expect_text out '^#SBATCH --time=2-00:00:00$'
expect_text out '^module load openmpi$'
printf 'partiton: long\ntime: later\nmem: [1]\n' >config/quern/submit.yaml
submit n2.out --dry-run
[ $code -eq 2 ] || fail "settings that are wrong"
expect_text err "submit.yaml:1:1: unknown setting 'partiton'; did you mean 'partition'"
expect_text err 'submit.yaml:2:7: time needs minutes'
expect_text err 'submit.yaml:3:6: mem needs one value'
echo '- a' >config/quern/submit.yaml
submit n2.out --dry-run
[ $code -eq 2 ] || fail "settings that are a list"
: >config/quern/submit.yaml

say "a template of one's own"
# shellcheck disable=SC2016 # for the script
printf '#!/bin/sh\n@SBATCH@\n#SBATCH -C gpu\n%s\n' \
    'exec @QUERN@ run @RUN@ --shard ${SLURM_ARRAY_TASK_ID:-0}/@SHARDS@ # a@b.c' \
    >config/quern/sbatch
submit n2.out --dry-run
expect_text out '^#SBATCH -C gpu$'
expect_text out '# a@b.c$'
echo '@NOTHING@' >mine
QUERN_SBATCH_TEMPLATE=mine submit n2.out --dry-run
[ $code -eq 2 ] || fail "a template with an unknown word"
expect_text err 'has @NOTHING@, which is not known'
QUERN_SBATCH_TEMPLATE=nowhere submit n2.out --dry-run
[ $code -ne 0 ] || fail "a template that is not there"
rm config/quern/sbatch

say "names that need quotes"
odd="it's 50% of \"this\""
run quern submit "$NIGHT" --data data --output "$odd"
[ $code -eq 0 ] || { show; fail "an odd name"; }
expect_text out "^.quern status '.*50% of .*'. says how it stands"
expect_text "$odd/.quern/submit/bias.sbatch" "^#SBATCH --output=.*50%% of "
expect_code 0 bash "$odd/.quern/submit/bias.sbatch"
expect_file "$odd/bias.h5"

say "no SLURM at all"
rm programs/sbatch
if ! command -v sbatch >/dev/null; then
    submit z.out
    [ $code -eq 2 ] || { show; fail "without sbatch: $code"; }
    expect_text err 'sbatch cannot be started: .* --dry-run prints'
fi

finish
