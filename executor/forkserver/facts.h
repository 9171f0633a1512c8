/* What is told to the controller, and to one who asks. */
#ifndef QREW_FACTS_H
#define QREW_FACTS_H

#include "server.h"

struct connection;

/*
 * To the controller, if there is one. Starts, and ends that are not urgent, wait a moment for company: one frame for many spares
 * everybody behind us a wake-up each. A start is then often told together with its end.
 */
void say_started(struct server *server, const struct attempt *attempt);
void say_ended(struct server *server, const struct attempt *attempt, bool urgent);
void say_cap_set(struct server *server, const struct job *job, uint32_t serial);
void say_job_closed(struct server *server, uint32_t job, uint32_t ended, uint32_t survivors);

/* Whether what is to be said to this connection may wait until `facts_due_at`. */
bool facts_may_wait(const struct server *server, const struct connection *connection);

/* When there is something to be sent to the controller; UINT64_MAX: nothing now. */
uint64_t facts_due_at(const struct server *server);

/* The answer to `hello`; with control also every attempt. */
void say_welcome(const struct server *server, struct buffer *out, bool control);
void say_report(const struct server *server, struct buffer *out);
void say_refused(struct buffer *out, const char *reason);

#endif
