/* Starting the process of an attempt. */
#ifndef QREW_LAUNCH_H
#define QREW_LAUNCH_H

#include "server.h"

struct failure {
  /* errno, 0: it runs. */
  int error;
  /* What failed; a name of forkserver.md. */
  const char *step;
};

/* One start, in three steps: the second is made without the turn (launchers.h), and reads what the first has prepared. */
struct launch {
  struct attempt *attempt;
  struct context *context;
  pid_t parent;
  int input;
  const char *path;
  /* Kept for the next start. */
  char **envp;
  size_t envp_capacity;
  volatile struct failure failure;
  /* Said by the child itself, before anything else; 0 until then. */
  _Atomic pid_t child;
  pid_t pid;
  int fork_error;
};

struct failure launch_prepare(struct server *server, struct launch *launch);
/* Until the child executes its program, or has failed. */
void launch_perform(struct launch *launch);
/* Sets the pid and registers it. */
struct failure launch_conclude(struct server *server, struct launch *launch);

#endif
