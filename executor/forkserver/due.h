/* When the serving thread has something to do, and what wakes it before that. */
#ifndef QREW_DUE_H
#define QREW_DUE_H

#include "server.h"

/* When it is to leave, as things are; UINT64_MAX: not at all. */
uint64_t leave_at(const struct server *server);
/* It was to leave, or asked to, and nothing is left. */
bool may_finish(const struct server *server);
/* For the serving thread, about to wait until somebody calls: how long at most, in ms (epoll_wait). `more`: not at all. */
int plan_wait(struct server *server, bool more);
/* It does not wait any more. */
void end_wait(struct server *server);
/* For a launcher, about to give the turn away: if something has become due before the serving thread wakes, that is called. */
void call_if_due(struct server *server);

#endif
