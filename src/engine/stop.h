/* Being asked to stop: TERM, INT, USR1, USR2, or a deadline.
 *
 * The first signal drains: nothing new is begun.  The second abandons what is
 * in hand.  What else asks drains too, and is no first signal: the warning that
 * SLURM sends may come behind a deadline, and the word of another rank before
 * the signal that all of them get.
 *
 * Open MPI's launcher, when it is asked to stop (TERM, INT), sends its ranks TERM
 * and kills them a second later (odls_base_sigkill_timeout): of a TERM that comes
 * from it a second signal is made while there is time to record how far the run
 * is.  Local. */
#ifndef QN_ENGINE_STOP_H
#define QN_ENGINE_STOP_H

/* From now on signals are counted instead of ending the process. */
void
qn_stop_listen(void);

/* Local: take the appearance of a file (rank 0 looks for it), and the passing of
 * a moment (seconds of qn_clock_now; INFINITY: none), for being asked to drain.
 * path is borrowed; NULL: no file. */
void
qn_stop_watch(const char *path, double deadline);

/* Local.  Drain: too many items failed, or another rank was asked. */
void
qn_stop_ask(void);

/* Local.  Seconds left before the deadline; INFINITY: there is none. */
double
qn_stop_left(void);

/* Local.  Of a run that was asked, or left what there was no time for, who did
 * so: "signal", "file" or "deadline". */
const char *
qn_stop_by(void);

/* How often this rank was asked: 0, 1: drain, 2: at once. */
int
qn_stop_asked(void);

#endif
