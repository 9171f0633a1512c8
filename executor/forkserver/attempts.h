/* The registry of attempts and jobs, and the queues of the pools under their caps. */
#ifndef QREW_ATTEMPTS_H
#define QREW_ATTEMPTS_H

#include "launch.h"
#include "server.h"

struct attempt *attempt_find(const struct server *server, struct key key);
struct attempt *attempt_by_pid(const struct server *server, pid_t pid);
/* Takes the attempt over and queues it as the last of its pool; or has it follow, if it says so. */
void attempt_accept(struct server *server, struct job *job, struct job *pool, struct attempt *attempt);
/* Takes over an attempt whose outcome is known without a start: it is held like any other end. */
void attempt_hold_unqueued(struct server *server, struct attempt *attempt);
/* Frees it; it must have ended. */
void attempt_forget(struct server *server, struct attempt *attempt);
void attempt_free(struct attempt *attempt);
/* A waiting attempt ends without having started. */
void attempt_withdraw(struct server *server, struct attempt *attempt);
/* It runs, or could not be started. */
void attempt_launched(struct server *server, struct attempt *attempt, struct failure failure);
/* The first process and all that has to go with it is gone. */
void attempt_finish(struct server *server, struct attempt *attempt);

/* Or after the last start that reads it. */
void context_free(struct context *context);
struct job *job_find(const struct server *server, uint32_t id);
/* NULL: too many jobs, or no memory. */
struct job *job_open(struct server *server, uint32_t id);
/* Nothing of its round before lives any more: it is forgotten, or what waits for its next round joins the queues. */
void job_closed(struct server *server, struct job *job);
/* What runs of it, and what starts from now on, is stopped by SIGSTOP, or goes on. */
void job_suspend(struct server *server, struct job *job, bool suspended);
/* Its queue is worth a look. */
void pool_kick(struct server *server, struct job *pool);
bool attempt_may_start(struct server *server);
/* The next one that may start, which counts as running from now on; NULL if there is none. */
struct attempt *attempt_take(struct server *server);

#endif
