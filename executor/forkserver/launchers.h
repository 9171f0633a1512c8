/* Threads that start processes, each of which then waits for its own; and the turn, without which nobody touches any state. */
#ifndef QREW_LAUNCHERS_H
#define QREW_LAUNCHERS_H

#include "server.h"

/* Ignored by default, and blocked in the serving thread. */
#define CALL_BACK_SIGNAL SIGURG

/* After the last fork of our own: threads do not survive it. Without memory or threads there are fewer, and starts are made here. */
bool launchers_open(struct server *server);
/* A descriptor that can be read when a launcher has called the serving thread; see due.h. */
int launchers_descriptor(const struct server *server);

void turn_take(struct server *server);
void turn_give(struct server *server);

/* Starts what the caps allow, a few at most, or has it started; true if there may be more. */
bool start_some(struct server *server);
/* This child of ours may be one whose start is not concluded yet. */
bool launchers_may_own(const struct server *server, pid_t pid);
/* Somebody saw a dead child that is a launcher's, who reaps all others after it. */
void launchers_reap_later(struct server *server);
/* It is a process whose start is not concluded yet; or it bears the mark of one. */
bool launchers_start_child(const struct server *server, pid_t pid);
bool launchers_start_mark(const struct server *server, const char *mark);
/* Whether everything that runs is awaited by launchers; false if nothing runs. */
bool launchers_await_all(const struct server *server);
/* Whoever has waited long for an attempt is called back, to be there for short ones. */
void launchers_call_back(struct server *server, uint64_t now);
/* When there is one to call back; UINT64_MAX: never. */
uint64_t launchers_due_at(const struct server *server);

#endif
