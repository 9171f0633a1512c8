/* Bounds of the forkserver; each with its reason. */
#ifndef QREW_LIMITS_H
#define QREW_LIMITS_H

#define FORKSERVER_VERSION 4

/* Arguments and environment of one attempt fit; equal to FORKSERVER_FRAME_BYTES_MAX in protocol/limits.ts. */
#define FRAME_BYTES_MAX (4u * 1024 * 1024)

/* A reader this far behind is closed rather than waited for; ends are held, so nothing is lost. */
#define UNSENT_BYTES_MAX (64u * 1024 * 1024)

/* One controller and a few that ask for a report; a leak on the other side must not eat our descriptors. */
#define CONNECTIONS_MAX 32

/* Attempts that wait, run or are held: beyond it a start is answered like one for which there is no process. */
#define ATTEMPTS_MAX 65536

/* What the frames of the known attempts may occupy together. */
#define ATTEMPT_BYTES_MAX (512ull * 1024 * 1024)

/* Without descriptors for a new connection, all else waits so long per turn. */
#define ACCEPT_PAUSE_US 10000

/* Numbers with a context, a cap or a queue; a QWorker runs 64 jobs side by side. */
#define JOBS_MAX 4096

/* Threads that start processes, one for each cpu: a task takes 300 us at least, and some 20 us of them the turn. */
#define LAUNCHERS_MAX 16

/* Starts before the socket is looked at again: at 0.3 ms each a stop waits 3 ms at most. */
#define STARTS_PER_TURN 8

/* Bytes read from one connection before the others and the children get their turn. */
#define READ_BYTES_PER_TURN (256u * 1024)

/* Environments are searched for the mark; Linux allows 6 MiB of arguments and environment. */
#define ENVIRON_BYTES_MAX (8u * 1024 * 1024)

/* Output of an attempt up to this size per stream is told with its end; more stays in a file. */
#define INLINE_BYTES_MAX 4096

/* An attempt that runs so long gets output files of its own name, where a person may read them while it runs, and keeps no launcher. */
#define NAME_MS 50

/* Output files kept for the next attempts, each with a descriptor: as many as run at once on a large node. */
#define SPOOL_FREE_MAX 256

/*
 * A start, and an end after which another attempt has started, can wait so long for company: some 200 of them at full speed on two cpus. Each
 * message costs everybody behind it a turn, and the caches of the tasks: with 20 ms, a task costs a tenth more.
 */
#define FACTS_HOLD_MS 60
/* Or until there are so many bytes of them. */
#define FACTS_HOLD_BYTES (64u * 1024)

/* Lines in the log in all: a misbehaving peer must not fill a disk. */
#define LOG_LINES_MAX 10000

#define NANOS_PER_MS 1000000ull
#define NANOS_PER_SECOND 1000000000ull

/* What is left of a group after its SIGKILL is gone within this time, unless it hangs in the kernel. */
#define DRAIN_MS 1000
#define DRAIN_TICK_MS 2

/* After SIGKILL a process that is still there hangs in the kernel and runs no more of its own code. */
#define GIVE_UP_MS 10000

/* Looking through /proc costs about 10 us per process: at most a fifth of the time goes there. */
#define SCAN_PAUSE_FACTOR 4
#define SCAN_PAUSE_MIN_MS 5
#define SCAN_PAUSE_MAX_MS 100
/* Many short jobs close one after another and leave nothing behind: one look serves all of this time. */
#define CLOSE_PAUSE_MS 100

/* Grace of what runs when the forkserver itself is asked to go. */
#define LEAVE_GRACE_MS 5000

#define PUNCH_TICK_MS 1000

#define IDLE_SECONDS_DEFAULT 10
#define ALONE_SECONDS_DEFAULT (24 * 3600)
#define OUTPUT_BYTES_MAX_DEFAULT (64ull * 1024 * 1024)

#endif
