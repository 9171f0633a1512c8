#include "attempts.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "facts.h"
#include "hunt.h"
#include "output.h"
#include "spool.h"

static uint64_t key_hash(struct key key) {
  return hash_of((uint64_t)key.job << 32 | key.task, key.attempt);
}

struct attempt *attempt_find(const struct server *server, struct key key) {
  struct node *node = table_first(&server->attempts, key_hash(key));
  for (; node != NULL; node = table_next(node)) {
    struct attempt *attempt = ITEM_OF(node, struct attempt, by_key);
    const struct key *other = &attempt->key;
    if (other->job == key.job && other->task == key.task && other->attempt == key.attempt) return attempt;
  }
  return NULL;
}

struct attempt *attempt_by_pid(const struct server *server, pid_t pid) {
  struct node *node = table_first(&server->pids, hash_of((uint64_t)pid, 1));
  for (; node != NULL; node = table_next(node)) {
    struct attempt *attempt = ITEM_OF(node, struct attempt, by_pid);
    if (attempt->pid == pid) return attempt;
  }
  return NULL;
}

/* False: no memory. The table only fails for its first item. */
static bool adopt(struct server *server, struct attempt *attempt) {
  if (!table_add(&server->attempts, &attempt->by_key, key_hash(attempt->key))) return false;
  attempt->next = NULL;
  attempt->previous = server->last;
  if (server->last != NULL) server->last->next = attempt;
  else server->first = attempt;
  server->last = attempt;
  server->attempt_bytes += attempt->bytes;
  return true;
}

/* In the queue of its pool; or aside while its job is closing, where it keeps nobody else from starting. */
static void enqueue(struct server *server, struct attempt *attempt, bool is_first) {
  struct queue *queue = attempt->job->closing ? &attempt->job->aside : &attempt->pool->queue;
  struct attempt *previous = is_first ? NULL : queue->last;
  struct attempt *next = is_first ? queue->first : NULL;
  attempt->state = ATTEMPT_QUEUED;
  attempt->queue = queue;
  attempt->queue_previous = previous;
  attempt->queue_next = next;
  if (previous != NULL) previous->queue_next = attempt;
  else queue->first = attempt;
  if (next != NULL) next->queue_previous = attempt;
  else queue->last = attempt;
  server->queued++;
  pool_kick(server, attempt->pool);
}

static void dequeue(struct server *server, struct attempt *attempt) {
  struct queue *queue = attempt->queue;
  if (attempt->queue_previous != NULL) attempt->queue_previous->queue_next = attempt->queue_next;
  else queue->first = attempt->queue_next;
  if (attempt->queue_next != NULL) attempt->queue_next->queue_previous = attempt->queue_previous;
  else queue->last = attempt->queue_previous;
  attempt->queue = NULL;
  server->queued--;
}

static bool has_succeeded(const struct attempt *attempt) {
  return attempt->outcome == OUTCOME_EXITED && attempt->code == 0;
}

static void hold(struct server *server, struct attempt *attempt, bool urgent);

static void withdraw(struct server *server, struct attempt *attempt, bool urgent) {
  attempt->outcome = OUTCOME_WITHDRAWN;
  hold(server, attempt, urgent);
}

/* Who follows may start after a success, before all others of the pool, or never: then it is told first, the last one first. */
static void release_follower(struct server *server, struct attempt *attempt) {
  struct attempt *follower = attempt->follower;
  if (follower == NULL) return;
  if (has_succeeded(attempt)) {
    attempt->follower = NULL;
    follower->leader = NULL;
    server->queued--;
    enqueue(server, follower, true);
    return;
  }
  while (follower->follower != NULL) follower = follower->follower;
  while (follower != attempt) {
    struct attempt *leader = follower->leader;
    follower->leader = NULL;
    leader->follower = NULL;
    server->queued--;
    withdraw(server, follower, false);
    follower = leader;
  }
}

static void hold(struct server *server, struct attempt *attempt, bool urgent) {
  release_follower(server, attempt);
  if (attempt->pool != NULL) attempt->pool->users--;
  attempt->job = NULL;
  attempt->pool = NULL;
  attempt->state = ATTEMPT_ENDED;
  attempt->end_mono = mono_now();
  attempt->end_wall = wall_now();
  server->held++;
  say_ended(server, attempt, urgent);
}

void attempt_hold_unqueued(struct server *server, struct attempt *attempt) {
  if (adopt(server, attempt)) hold(server, attempt, true);
  else attempt_free(attempt);
}

/* One attempt has one follower; whoever comes too late, or for nobody, is withdrawn. */
void attempt_accept(struct server *server, struct job *job, struct job *pool, struct attempt *attempt) {
  if (!adopt(server, attempt)) {
    attempt_free(attempt);
    return;
  }
  attempt->job = job;
  attempt->pool = pool;
  pool->users++;
  struct attempt *leader = attempt->follows ? attempt_find(server, attempt->after) : NULL;
  if (!attempt->follows || (leader != NULL && leader->state == ATTEMPT_ENDED && has_succeeded(leader))) {
    enqueue(server, attempt, false);
  } else if (leader == NULL || leader == attempt || leader->state == ATTEMPT_ENDED || leader->follower != NULL) {
    withdraw(server, attempt, true);
  } else {
    attempt->state = ATTEMPT_FOLLOWING;
    attempt->leader = leader;
    leader->follower = attempt;
    server->queued++;
  }
}

void attempt_withdraw(struct server *server, struct attempt *attempt) {
  struct job *pool = attempt->pool;
  if (attempt->state == ATTEMPT_FOLLOWING) {
    attempt->leader->follower = NULL;
    attempt->leader = NULL;
    server->queued--;
  } else {
    dequeue(server, attempt);
  }
  withdraw(server, attempt, true);
  pool_kick(server, pool);
}

static void count_running(struct server *server, struct attempt *attempt, bool runs) {
  uint32_t one = runs ? 1 : -1u;
  uint64_t milli = runs ? attempt->cpus_milli : -(uint64_t)attempt->cpus_milli;
  attempt->job->running += one;
  attempt->pool->running_milli += milli;
  server->running += one;
  server->running_milli += milli;
  if (attempt->job->closing && attempt->job->running == 0) hunt_job_idle(server, attempt->job->id);
}

void attempt_finish(struct server *server, struct attempt *attempt) {
  struct job *pool = attempt->pool;
  count_running(server, attempt, false);
  if (WIFSIGNALED(attempt->status)) {
    attempt->outcome = OUTCOME_SIGNALLED;
    attempt->code = (uint32_t)WTERMSIG(attempt->status);
  } else {
    attempt->outcome = attempt->stop_asked ? OUTCOME_STOPPED : OUTCOME_EXITED;
    attempt->code = (uint32_t)WEXITSTATUS(attempt->status);
  }
  spool_collect(server, attempt);
  punch_output(server, attempt);
  /* With nothing left that could start somebody waits for this end: it decides what comes next. */
  hold(server, attempt, pool->queue.first == NULL && (attempt->follower == NULL || !has_succeeded(attempt)));
  pool_kick(server, pool);
}

void attempt_forget(struct server *server, struct attempt *attempt) {
  table_remove(&server->attempts, &attempt->by_key);
  if (attempt->previous != NULL) attempt->previous->next = attempt->next;
  else server->first = attempt->next;
  if (attempt->next != NULL) attempt->next->previous = attempt->previous;
  else server->last = attempt->previous;
  server->attempt_bytes -= attempt->bytes;
  server->held--;
  attempt_free(attempt);
}

void attempt_free(struct attempt *attempt) {
  spool_forget(attempt);
  free(attempt->arguments);
  free(attempt->env);
  free(attempt);
}

void context_free(struct context *context) {
  if (context == NULL) return;
  context->dropped = true;
  if (context->launches > 0) return;
  free(context->env);
  free(context->name_lengths);
  free(context);
}

struct job *job_find(const struct server *server, uint32_t id) {
  struct node *node = table_first(&server->jobs, hash_of(id, 2));
  for (; node != NULL; node = table_next(node)) {
    struct job *job = ITEM_OF(node, struct job, node);
    if (job->id == id) return job;
  }
  return NULL;
}

struct job *job_open(struct server *server, uint32_t id) {
  struct job *job = job_find(server, id);
  if (job != NULL) return job;
  if (server->jobs.count >= JOBS_MAX) return NULL;
  job = calloc(1, sizeof *job);
  if (job == NULL) return NULL;
  job->id = id;
  if (table_add(&server->jobs, &job->node, hash_of(id, 2))) return job;
  free(job);
  return NULL;
}

/* Nothing may wait or run in it, nor of it. */
static void job_forget(struct server *server, struct job *job) {
  if (job->runnable) {
    struct job **link = &server->runnable_first;
    struct job *previous = NULL;
    while (*link != job) {
      previous = *link;
      link = &previous->runnable_next;
    }
    *link = job->runnable_next;
    if (server->runnable_last == job) server->runnable_last = previous;
  }
  table_remove(&server->jobs, &job->node);
  context_free(job->context);
  free(job);
}

void job_closed(struct server *server, struct job *job) {
  if (!job->reopened && job->users == 0) {
    job_forget(server, job);
    return;
  }
  job->closing = false;
  job->reopened = false;
  while (job->aside.first != NULL) {
    struct attempt *attempt = job->aside.first;
    dequeue(server, attempt);
    enqueue(server, attempt, false);
  }
}

void pool_kick(struct server *server, struct job *pool) {
  if (pool->runnable || pool->queue.first == NULL) return;
  pool->runnable = true;
  pool->runnable_next = NULL;
  if (server->runnable_last != NULL) server->runnable_last->runnable_next = pool;
  else server->runnable_first = pool;
  server->runnable_last = pool;
}

/* Of an attempt that nobody is stopping; while its first process is unreaped the number is its group's. */
static void signal_group(const struct attempt *attempt, bool suspended) {
  if (attempt->hunt == NULL && !attempt->leader_reaped) kill(-attempt->pid, suspended ? SIGSTOP : SIGCONT);
}

void job_suspend(struct server *server, struct job *job, bool suspended) {
  if (job->suspended == suspended) return;
  job->suspended = suspended;
  for (const struct attempt *attempt = server->first; attempt != NULL; attempt = attempt->next) {
    if (attempt->job == job && attempt->state == ATTEMPT_RUNNING) signal_group(attempt, suspended);
  }
}

void attempt_launched(struct server *server, struct attempt *attempt, struct failure failure) {
  struct job *pool = attempt->pool;
  free(attempt->arguments);
  free(attempt->env);
  attempt->arguments = NULL;
  attempt->env = NULL;
  if (failure.error != 0) {
    count_running(server, attempt, false);
    spool_take_back(server, attempt);
    attempt->outcome = OUTCOME_NOT_STARTED;
    attempt->code = (uint32_t)failure.error;
    attempt->step = failure.step;
    hold(server, attempt, true);
    pool_kick(server, pool);
    return;
  }
  attempt->state = ATTEMPT_RUNNING;
  spool_watch(server, attempt);
  if (attempt->job->suspended) signal_group(attempt, true);
  say_started(server, attempt);
  if (attempt->stop_asked) stop_attempt(server, attempt, attempt->stop_grace_ms);
}

static void drop_first_runnable(struct server *server) {
  struct job *pool = server->runnable_first;
  server->runnable_first = pool->runnable_next;
  if (server->runnable_first == NULL) server->runnable_last = NULL;
  pool->runnable = false;
}

/* Pools whose queue is not worth a look after all leave the list. */
static struct job *first_runnable(struct server *server) {
  for (;;) {
    struct job *pool = server->runnable_first;
    if (pool == NULL) return NULL;
    const struct attempt *head = pool->queue.first;
    if (head != NULL && pool->running_milli + head->cpus_milli <= pool->cap_milli) return pool;
    drop_first_runnable(server);
  }
}

bool attempt_may_start(struct server *server) { return first_runnable(server) != NULL; }

/* Pools take turns, so that one with a long queue of short attempts does not keep the others waiting. */
struct attempt *attempt_take(struct server *server) {
  struct job *pool = first_runnable(server);
  if (pool == NULL) return NULL;
  drop_first_runnable(server);
  struct attempt *attempt = pool->queue.first;
  dequeue(server, attempt);
  spool_lend(server, attempt);
  attempt->state = ATTEMPT_STARTING;
  count_running(server, attempt, true);
  pool_kick(server, pool);
  return attempt;
}
