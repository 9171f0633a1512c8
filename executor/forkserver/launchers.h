/* Threads that start processes, where there are many cpus. */
#ifndef QREW_LAUNCHERS_H
#define QREW_LAUNCHERS_H

#include "server.h"

/* After the last fork of our own: threads do not survive it. Without memory or threads there are fewer, and starts are made here. */
bool launchers_open(struct server *server);
/* A descriptor that can be read when starts are to be concluded. */
int launchers_descriptor(const struct server *server);
/* Starts the attempt at once, or has it started; attempt_launched says how it went. */
void launchers_start(struct server *server, struct context *context, struct attempt *attempt);
/* Of what other threads have started since. */
void launchers_conclude(struct server *server);
/* This child of ours may be one whose start is not concluded yet. */
bool launchers_may_own(const struct server *server, pid_t pid);

#endif
