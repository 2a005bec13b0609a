/* quern doctor [JOB]: facts of this machine, and every warning with its fix. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/message.h"
#include "cli/cli.h"
#include "cli/doctor.h"
#include "engine/doctor.h"

static const struct argp_option options[] = {
    {"data", 'd', "DIR", 0,
     "Base of relative inputs (default: the job file's folder)", 0},
    {"output", 'o', "DIR", 0,
     "Where results would go (default: the job's `output`, else NAME.out "
     "beside the job file; without a job the current folder)",
     0},
    {"set", 'S', "PATH=VALUE", 0, "Change the job; may be repeated", 0},
    {"threads", 't', "N", 0,
     "Threads a rank that are to be tried (default: as `quern run`)", 0},
    {"json", 'j', NULL, 0, "The facts for other programs", 0},
    {"help", 'h', NULL, 0, "Show this text", 0},
    {0},
};

static const char doc[] =
    "Say what quern finds here: cores and how ranks are bound to them, what "
    "threads really deliver, libraries, limits, the file system of the output "
    "folder; and of everything that is wrong what mends it. With a JOB, check "
    "that too, and that every host sees its inputs. Start it as you would "
    "start the run: under mpirun or srun it shows every rank.\vExit codes: 0 "
    "nothing is wrong, 1 there are warnings, 2 usage or job file.";

/* Without a job: --threads and the like are all that counts. */
static int
plain_job(struct qn_job *job, const struct qn_cli_job *o)
{
    for (size_t i = 0; i < o->sets.n; i++) {
        const char *value = strchr(o->sets.v[i], '=') + 1;

        if (strncmp(o->sets.v[i], "threads=", 8)) {
            if (o->speak)
                fprintf(stderr, "quern: --set changes a job, and none is "
                                "named\n");
            return QN_EUSAGE;
        }
        job->threads = atoi(value); // auto gives 0
    }
    return 0;
}

static int
look(json_t **facts, struct qn_cli_job *o, struct qn_comm *comm,
     struct qn_error *err)
{
    char here[4096] = ".";
    struct qn_doctor_ask ask = {.output = o->output ? o->output : here};
    struct qn_cli_loaded l = {0};
    struct qn_run run = {0};
    int rc = 0;

    if (!getcwd(here, sizeof here))
        strcpy(here, ".");
    if (o->file)
        rc = qn_cli_load(&l, o, comm, err);
    else if (plain_job(&l.job, o))
        return QN_EUSAGE;
    if (o->file && !rc) {
        ask.output = l.output;
        // its warnings about threads are the doctor's own
        qn_message_mute(true);
        rc = qn_run_prepare(&run, &l.job, &l.options, comm, err);
        qn_message_mute(comm->rank != 0);
        ask.run = &run;
    }
    ask.job = &l.job;
    if (!rc)
        rc = qn_doctor_make(facts, &ask, comm, err);
    qn_run_clear(&run);
    qn_cli_unload(&l);
    return rc;
}

static int
diagnose(struct qn_cli_job *o, struct qn_comm *comm)
{
    json_t *facts = NULL;
    struct qn_error err = {.code = QN_EUSAGE};
    int code = QN_EXIT_DONE;

    if (look(&facts, o, comm, &err))
        return qn_cli_exit(&err, o->speak);
    if (!facts)
        return QN_EXIT_DONE;
    if (json_array_size(json_object_get(facts, "warnings")))
        code = QN_EXIT_RUN;
    if (!o->json)
        qn_doctor_print(facts);
    if (!o->json)
        json_decref(facts);
    else if (qn_cli_json_print(facts))
        code = QN_EXIT_RUN;
    return code;
}

int
qn_cmd_doctor(int argc, char **argv)
{
    struct qn_cli_job o = {.no_job = true};
    struct qn_comm comm = {0};
    int code = qn_cli_join(&comm, &o.speak);

    if (code)
        return code;
    if (qn_cli_parse(&o, options, doc, argc, argv))
        code = QN_EXIT_USAGE;
    else if (!o.help)
        code = diagnose(&o, &comm);
    qn_cli_free(&o);
    if (comm.rank)
        code = QN_EXIT_DONE;
    qn_comm_close(&comm);
    return code;
}
