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

/* Sets pid and start times, and registers the pid. */
struct failure launch(struct server *server, const struct context *context, struct attempt *attempt);

#endif
