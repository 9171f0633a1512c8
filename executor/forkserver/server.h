/* What the forkserver knows: connections, jobs, attempts, hunts. It belongs to whoever has the turn; see launchers.h. */
#ifndef QREW_SERVER_H
#define QREW_SERVER_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "limits.h"
#include "table.h"
#include "wire.h"

struct key {
  uint32_t job;
  uint32_t task;
  uint32_t attempt;
};

/* What the attempts of a job share. The strings lie in `payload`. */
struct context {
  /* Starts under way that read it; it is freed after the last of them when it has been replaced. */
  uint32_t launches;
  bool dropped;
  const char *directory;
  mode_t umask;
  uint32_t env_count;
  char **env;
  /* Length of the name of each. */
  uint32_t *name_lengths;
  uint8_t payload[];
};

/* Attempts that wait, the next one first. */
struct queue {
  struct attempt *first;
  struct attempt *last;
};

/*
 * Lives from its first command until closeJob is done. What comes after closeJob, a context first of all, is of its next round: that waits
 * until the close is done.
 *
 * It is two things: the job of the attempts that bear its number, and a pool, the cap and the queue of the attempts that were sent to it.
 * These are mostly its own, and may be of any job; while there are such it is not freed.
 */
struct job {
  struct node node;
  uint32_t id;

  /* As a pool. */
  uint32_t cap_milli;
  uint64_t running_milli;
  /* How many attempts wait, follow or run in it. */
  uint32_t users;
  /* Of jobs that are not closing, so that whatever is its head may start. */
  struct queue queue;
  /* In the server's list of pools whose queue is worth a look. */
  bool runnable;
  struct job *runnable_next;

  /* As a job. */
  struct context *context;
  uint32_t running;
  /* While it is closing: what waits for the end of that, and then goes to the queues of its pools. */
  struct queue aside;
  bool closing;
  /* While it is closing: it has a context again. */
  bool reopened;
  bool suspended;
};

/* A file that takes the output of one attempt after another. */
struct spool_file {
  struct spool_file *next;
  int reader;
  char path[];
};

/* Starting: it counts as running, and has no process that we know of. */
/* Following: it joins the queue when another attempt has succeeded. */
enum attempt_state { ATTEMPT_FOLLOWING, ATTEMPT_QUEUED, ATTEMPT_STARTING, ATTEMPT_RUNNING, ATTEMPT_ENDED };
enum outcome {
  OUTCOME_EXITED = 1,
  OUTCOME_SIGNALLED = 2,
  OUTCOME_NOT_STARTED = 3,
  OUTCOME_WITHDRAWN = 4,
  /* It exited after it was asked to stop. */
  OUTCOME_STOPPED = 5,
};

struct attempt {
  struct node by_key;
  struct node by_pid;
  /* All attempts, in the order of their arrival. */
  struct attempt *previous;
  struct attempt *next;
  /* While it waits: where, and between whom. */
  struct queue *queue;
  struct attempt *queue_previous;
  struct attempt *queue_next;
  /* The list of those whose group is dying. */
  struct attempt *drain_next;
  /* While it follows: whom; and who follows it. */
  struct attempt *leader;
  struct attempt *follower;
  struct key key;
  /* While it waits or runs: its job, and the pool in whose queue it waits and under whose cap it runs. */
  struct job *job;
  struct job *pool;
  enum attempt_state state;
  uint32_t cpus_milli;
  uint32_t pool_id;
  /* The attempt of its job that it was sent to follow. */
  bool follows;
  struct key after;

  uint32_t argc;
  uint32_t env_count;
  char **arguments;
  char **env;
  const char *workdir;
  const char *stdin_text;
  size_t stdin_length;
  bool has_stdin;
  const char *stdout_path;
  const char *stderr_path;
  const char *mark;
  size_t bytes;
  /* Of stdout and stderr: the file it writes to, while that has not its own name. */
  struct spool_file *lent[2];
  /* It has its own name, which lies in the spool folder. */
  bool is_named[2];
  /* What was read of them at the end. */
  bool is_inline[2];
  uint8_t *inline_bytes[2];
  uint32_t inline_length[2];
  /* The list of those that run and whose files are lent, the oldest first. */
  bool is_young;
  struct attempt *young_previous;
  struct attempt *young_next;

  /* Asked to stop while it was starting or ran; the grace is kept until it runs. */
  bool stop_asked;
  uint64_t stop_grace_ms;

  pid_t pid;
  /* The launcher that waits for the end of its first process, if there is one. */
  struct launcher *launcher;
  bool leader_reaped;
  int status;
  struct rusage usage;
  uint64_t start_mono;
  uint64_t start_wall;
  uint64_t end_mono;
  uint64_t end_wall;
  uint64_t drain_until;
  struct hunt *hunt;
  /* Where the middle of its output has been punched out so far. */
  int64_t punched[2];

  enum outcome outcome;
  uint32_t code;
  const char *step;
  uint32_t survivors;
  uint8_t payload[];
};

struct options {
  const char *socket_path;
  const char *log_path;
  /* NULL: every attempt makes its own files. */
  const char *spool;
  uint64_t idle_ns;
  uint64_t alone_ns;
  uint64_t output_bytes_max;
  uint64_t launchers;
};

struct server {
  struct options options;
  pid_t pid;
  int epoll;
  int listener;
  int signals;
  sigset_t signals_watched;
  /* The serving thread is told of the ends of children. */
  bool children_watched;
  int null_input;
  int lock;
  /* Which file our socket is, so that only our own is removed at the end. */
  dev_t socket_device;
  ino_t socket_inode;

  struct connection *connections;
  struct connection *controller;
  uint32_t connection_count;

  struct table attempts;
  struct table pids;
  struct table jobs;
  struct attempt *first;
  struct attempt *last;
  struct attempt *draining;
  uint32_t running;
  uint64_t running_milli;
  uint32_t queued;
  uint32_t held;
  uint64_t attempt_bytes;
  struct job *runnable_first;
  struct job *runnable_last;
  struct launchers *launchers;

  struct spool_file *spool_free;
  uint32_t spool_free_count;
  uint64_t spool_made;
  struct attempt *young_first;
  struct attempt *young_last;

  /* Facts that can wait are sent at the latest then; see facts.h. */
  bool facts_urgent;
  uint64_t facts_due_at;

  struct hunt *hunts;
  uint64_t scan_allowed_at;
  uint64_t close_scan_allowed_at;

  /* When the serving thread wakes by itself; 0: it does not wait. */
  uint64_t wakes_at;
  uint64_t punch_at;
  uint64_t alone_since;
  /* Its controller has asked it to leave, while something was still being looked for. */
  bool leave_asked;
  bool leaving;
  bool finished;
};

uint64_t mono_now(void);
uint64_t wall_now(void);
/* One line on standard error, which is the log. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
