/*
 * Ending all processes of an attempt (`stop`) or of a job (`closeJob`), those included that left their process group:
 * found by group and session, as descendants, or by the mark in their environment.
 *
 * A hunt asks first (SIGTERM to what is there, once; what is started afterwards is the clean-up of what was asked), and at
 * its deadline insists (SIGKILL to all, again and again) until nothing is left. One look at /proc serves all hunts.
 */
#ifndef QREW_HUNT_H
#define QREW_HUNT_H

#include "server.h"

/* A waiting attempt is withdrawn; of two stops the earlier deadline counts. */
void stop_attempt(struct server *server, struct attempt *attempt, uint64_t grace_ms);
void close_job(struct server *server, uint32_t job, uint64_t grace_ms, const char *mark);
/* The first process of a stopped attempt was reaped: look at once for what is left. */
void hunt_leader_gone(struct server *server, struct attempt *attempt);
/* Nothing runs any more of a job that is being closed: look at once for what is left. */
void hunt_job_idle(const struct server *server, uint32_t job);
/* Does what is due. */
void hunts_turn(struct server *server);
/* When hunts_turn has something to do; UINT64_MAX: never. */
uint64_t hunts_due_at(const struct server *server);

#endif
