/* quern plan JOB: what `run` would do.  Writes nothing, starts no MPI. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/plan_view.h"
#include "engine/shard.h"

static const struct argp_option options[] = {
    {"data", 'd', "DIR", 0,
     "Base of relative inputs (default: the job file's folder)", 0},
    {"output", 'o', "DIR", 0,
     "Where results would go (default: the job's `output`, else NAME.out "
     "beside the job file)",
     0},
    {"stage", 's', "NAME", 0, "Only that stage and what it needs", 0},
    {"set", 'S', "PATH=VALUE", 0, "Change the job; may be repeated", 0},
    {"threads", 't', "N", 0,
     "Threads a rank, all its workers together (default: the job's `threads`, "
     "else QUERN_THREADS, SLURM_CPUS_PER_TASK, OMP_NUM_THREADS, else the cores "
     "that it may use, shared among the ranks of its node)",
     0},
    {"ranks", QN_CLI_RANKS, "N", 0,
     "For a run of so many ranks (default: those of the launcher, else 1)", 0},
    {"team", QN_CLI_TEAM, "N|all", 0,
     "Ranks that share an item, in stages where they can and the job does not "
     "say (default: as many as an item needs to fit)",
     0},
    {"shard", QN_CLI_SHARD, "I/N", 0,
     "Only what `run --shard I/N` would make", 0},
    {"memory", 'M', "SIZE", 0,
     "What a rank may fill, 4GiB for example (default: the job's `memory`, "
     "else half of what the node has free, shared by its ranks)",
     0},
    {"items", 'i', NULL, 0, "Name every item, its result and its partners",
     0},
    {"list-outputs", 'l', NULL, 0,
     "Only the paths of the results, one a line", 0},
    {"commands", 'c', NULL, 0,
     "Only the programs that exec would start, a line each", 0},
    {"json", 'j', NULL, 0, "The plan for other programs", 0},
    {"help", 'h', NULL, 0, "Show this text", 0},
    {0},
};

static const char doc[] =
    "Say what `quern run JOB` would do: items, shapes and types after each "
    "step, results, problems. Writes nothing.\vA result is stale where a file of "
    "its name is in the output folder and `run` would make it again: its "
    "input, its steps or what it uses have changed.";

static int
show(struct qn_run *run, const struct qn_cli_job *o)
{
    struct qn_plan_view v = {0};
    struct qn_error err = {0};
    int code = QN_EXIT_DONE;

    if (qn_plan_view_open(&v, run, &err))
        code = qn_cli_exit(&err, true);
    else if (o->json)
        code = qn_plan_json(&v, o->items);
    else if (o->commands)
        code = qn_plan_print_commands(&v);
    else if (o->list_outputs)
        qn_plan_print_outputs(&v);
    else
        qn_plan_print(&v, o->items);
    qn_plan_view_clear(&v);
    return code;
}

int
qn_cmd_plan_job(struct qn_cli_job *o)
{
    struct qn_comm alone = {.size = 1, .nodes = 1, .node_size = 1};
    struct qn_cli_loaded l = {0};
    struct qn_run run = {0};
    struct qn_error err = {0};
    int code, rc;

    if (!o->ranks)
        o->ranks = qn_comm_promised();
    rc = qn_cli_load(&l, o, &alone, &err);
    if (!rc)
        rc = qn_run_prepare(&run, &l.job, &l.options, &alone, &err);
    if (!rc)
        rc = qn_shard_choose(&run, false, &err);
    for (int s = 0; !rc && s < l.job.nstages; s++)
        run.plan.stage[s].wanted = qn_shard_makes(&run, s);
    code = rc ? qn_cli_exit(&err, true) : show(&run, o);
    qn_run_clear(&run);
    qn_cli_unload(&l);
    return code;
}

int
qn_cmd_plan(int argc, char **argv)
{
    struct qn_cli_job o = {.speak = true};
    int code = QN_EXIT_DONE;

    if (qn_cli_parse(&o, options, doc, argc, argv))
        code = QN_EXIT_USAGE;
    else if (!o.help)
        code = qn_cmd_plan_job(&o);
    qn_cli_free(&o);
    return code;
}
