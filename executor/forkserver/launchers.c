/*
 * Whoever calls vfork waits until the new process executes its program, 60 us, and then for its end: he sleeps meanwhile, and wakes on the
 * cpu that has just become free, to start the next one there. One thread for all would be in the way of those that run: with a launcher
 * for each cpu, short processes go by a tenth faster.
 *
 * Whoever has the turn may touch what the server knows. It is given away while waiting: for a vfork, for the end of a process, for something
 * to start, and, by the serving thread, for commands and for the time. What is being started has its attempt and its context for itself.
 *
 * A launcher is idle until it is handed an attempt; then it starts it, awaits its end, and takes the next one itself, until there is none.
 * Who waits for long is called back by a signal, and the serving thread, which is told of the end of any child, sees to that attempt.
 * Launchers live as long as the process, since a child is told of the death of the thread that started it (PR_SET_PDEATHSIG).
 */
#include "launchers.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>

#include "attempts.h"
#include "due.h"
#include "launch.h"
#include "reap.h"
#include "slices.h"

/* The search for a program has a path on its stack; the sanitizers take some more. */
#define STACK_BYTES (256 * 1024)

struct launcher {
  struct server *server;
  pthread_t thread;
  sem_t go;
  bool busy;
  /* What it starts: the attempt is NULL when that is concluded. */
  struct launch launch;
  /* Of that attempt among all that were taken from the queues. */
  uint64_t place;
  /* Whose end it waits for: nobody else reaps that one. */
  struct attempt *awaited;
  uint64_t call_back_at;
};

struct launchers {
  pthread_mutex_t turn;
  /* A start was: somebody may wait for that. */
  pthread_cond_t concluded;
  uint64_t taken;
  int wake;
  /* The serving thread, as it starts something itself. */
  struct launcher own;
  uint32_t count;
  uint32_t busy;
  /* Somebody saw a dead child that is a launcher's, and may not have seen others. */
  bool reap_again;
  struct launcher all[LAUNCHERS_MAX];
};

void turn_take(struct server *server) { pthread_mutex_lock(&server->launchers->turn); }

void turn_give(struct server *server) { pthread_mutex_unlock(&server->launchers->turn); }

int launchers_descriptor(const struct server *server) { return server->launchers->wake; }

static bool has_attempt(const struct launcher *launcher) {
  return launcher->launch.attempt != NULL || launcher->awaited != NULL;
}

static void conclude(struct server *server, struct launch *launch, struct failure failure) {
  struct attempt *attempt = launch->attempt;
  struct context *context = launch->context;
  launch->attempt = NULL;
  pthread_cond_broadcast(&server->launchers->concluded);
  if (context != NULL && --context->launches == 0 && context->dropped) context_free(context);
  attempt_launched(server, attempt, failure);
}

/* Gives the launcher the next attempt that can be prepared; false: there is none. */
static bool take_next(struct server *server, struct launcher *launcher) {
  struct launch *launch = &launcher->launch;
  while ((launch->attempt = attempt_take(server)) != NULL) {
    launcher->place = server->launchers->taken++;
    launch->context = launch->attempt->job->context;
    if (launch->context != NULL) launch->context->launches++;
    struct failure failure = launch_prepare(server, launch);
    if (failure.error == 0) return true;
    conclude(server, launch, failure);
  }
  return false;
}

static void reap_others(struct server *server) {
  if (!server->launchers->reap_again) return;
  server->launchers->reap_again = false;
  reap(server);
}

/* When it is not waited for any more: its program's folder may hang. */
static uint64_t waited_for_until(const struct launcher *other, const struct launcher *launcher) {
  const struct attempt *attempt = other->launch.attempt;
  if (attempt == NULL || other->place >= launcher->place) return 0;
  return attempt->start_mono + NAME_MS * NANOS_PER_MS;
}

/* Of two that start at the same time, the one that was taken first is told first. */
static void await_earlier_starts(struct server *server, const struct launcher *launcher) {
  struct launchers *launchers = server->launchers;
  for (;;) {
    uint64_t until = waited_for_until(&launchers->own, launcher);
    for (uint32_t i = 0; i < launchers->count; i++) {
      uint64_t other = waited_for_until(&launchers->all[i], launcher);
      if (other > until) until = other;
    }
    if (until == 0 || until <= mono_now()) return;
    struct timespec time = {(time_t)(until / NANOS_PER_SECOND), (long)(until % NANOS_PER_SECOND)};
    pthread_cond_timedwait(&launchers->concluded, &launchers->turn, &time);
  }
}

static void perform(struct server *server, struct launcher *launcher) {
  struct launch *launch = &launcher->launch;
  call_if_due(server);
  turn_give(server);
  launch_perform(launch);
  turn_take(server);
  await_earlier_starts(server, launcher);
  conclude(server, launch, launch_conclude(server, launch));
  reap_others(server);
}

static void await_end(struct server *server, struct launcher *launcher, struct attempt *attempt) {
  attempt->launcher = launcher;
  launcher->awaited = attempt;
  launcher->call_back_at = attempt->start_mono + NAME_MS * NANOS_PER_MS;
  call_if_due(server);
  id_t pid = (id_t)attempt->pid;
  turn_give(server);
  siginfo_t info;
  bool ended = waitid(P_PID, pid, &info, WEXITED | WNOWAIT) == 0;
  turn_take(server);
  launcher->awaited = NULL;
  attempt->launcher = NULL;
  if (ended) reap_leader(server, attempt);
  reap_others(server);
}

static struct launcher *find_idle(struct launchers *launchers) {
  if (launchers->busy == launchers->count) return NULL;
  for (uint32_t i = 0; i < launchers->count; i++) {
    if (!launchers->all[i].busy) return &launchers->all[i];
  }
  return NULL;
}

static void hand_out(struct server *server) {
  struct launchers *launchers = server->launchers;
  struct launcher *idle;
  while ((idle = find_idle(launchers)) != NULL && take_next(server, idle)) {
    idle->busy = true;
    launchers->busy++;
    sem_post(&idle->go);
  }
}

static void *run(void *argument) {
  struct launcher *launcher = argument;
  struct server *server = launcher->server;
  ask_for_short_slices();
  sigset_t call_back;
  sigemptyset(&call_back);
  sigaddset(&call_back, CALL_BACK_SIGNAL);
  pthread_sigmask(SIG_UNBLOCK, &call_back, NULL);
  for (;;) {
    while (sem_wait(&launcher->go) < 0) continue;
    turn_take(server);
    do {
      hand_out(server);
      struct attempt *attempt = launcher->launch.attempt;
      perform(server, launcher);
      if (attempt->state == ATTEMPT_RUNNING && !attempt->leader_reaped) await_end(server, launcher, attempt);
    } while (take_next(server, launcher));
    launcher->busy = false;
    server->launchers->busy--;
    call_if_due(server);
    turn_give(server);
  }
  return NULL;
}

static uint64_t count_wanted(const struct server *server) {
  if (server->options.launchers != UINT64_MAX) return server->options.launchers;
  cpu_set_t cpus;
  return sched_getaffinity(0, sizeof cpus, &cpus) < 0 ? 0 : (uint64_t)CPU_COUNT(&cpus);
}

static void called_back(int number) { (void)number; }

static void start_threads(struct server *server, uint64_t wanted) {
  struct launchers *launchers = server->launchers;
  struct sigaction action = {.sa_handler = called_back};
  sigaction(CALL_BACK_SIGNAL, &action, NULL);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  while (wanted > launchers->count && launchers->count < LAUNCHERS_MAX) {
    struct launcher *launcher = &launchers->all[launchers->count];
    launcher->server = server;
    sem_init(&launcher->go, 0, 0);
    int error = pthread_create(&launcher->thread, &attributes, run, launcher);
    if (error != 0) {
      log_line("only %u threads start processes: %s", launchers->count, strerror(error));
      break;
    }
    launchers->count++;
  }
  pthread_attr_destroy(&attributes);
}

bool launchers_open(struct server *server) {
  struct launchers *launchers = calloc(1, sizeof *launchers);
  if (launchers == NULL) return false;
  launchers->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (launchers->wake < 0) {
    free(launchers);
    return false;
  }
  pthread_mutex_init(&launchers->turn, NULL);
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&launchers->concluded, &attributes);
  pthread_condattr_destroy(&attributes);
  server->launchers = launchers;
  start_threads(server, count_wanted(server));
  return true;
}

/* The way to another thread is not worth it for one attempt with nothing beside it. */
bool start_some(struct server *server) {
  struct launchers *launchers = server->launchers;
  for (int starts = 0; starts < STARTS_PER_TURN; starts++) {
    if (server->queued > 1 || launchers->busy > 0) hand_out(server);
    if (!take_next(server, &launchers->own)) return false;
    perform(server, &launchers->own);
  }
  return attempt_may_start(server);
}

static bool may_be(const struct launcher *launcher, pid_t pid) {
  if (launcher->launch.attempt == NULL) return false;
  pid_t child = atomic_load(&launcher->launch.child);
  /* 0: not said yet. */
  return child == pid || child == 0;
}

bool launchers_may_own(const struct server *server, pid_t pid) {
  const struct launchers *launchers = server->launchers;
  bool may = may_be(&launchers->own, pid);
  for (uint32_t i = 0; i < launchers->count && !may; i++) may = may_be(&launchers->all[i], pid);
  return may;
}

void launchers_reap_later(struct server *server) { server->launchers->reap_again = true; }

bool launchers_start_child(const struct server *server, pid_t pid) {
  const struct launchers *launchers = server->launchers;
  for (uint32_t i = 0; i < launchers->count; i++) {
    const struct launch *launch = &launchers->all[i].launch;
    if (launch->attempt != NULL && atomic_load(&launch->child) == pid) return true;
  }
  return false;
}

bool launchers_start_mark(const struct server *server, const char *mark) {
  const struct launchers *launchers = server->launchers;
  for (uint32_t i = 0; i < launchers->count; i++) {
    const struct attempt *attempt = launchers->all[i].launch.attempt;
    if (attempt != NULL && strcmp(attempt->mark, mark) == 0) return true;
  }
  return false;
}

bool launchers_await_all(const struct server *server) {
  const struct launchers *launchers = server->launchers;
  uint32_t theirs = 0;
  for (uint32_t i = 0; i < launchers->count; i++) theirs += has_attempt(&launchers->all[i]);
  return server->running > 0 && server->running == theirs;
}

void launchers_call_back(struct server *server, uint64_t now) {
  struct launchers *launchers = server->launchers;
  for (uint32_t i = 0; i < launchers->count; i++) {
    struct launcher *launcher = &launchers->all[i];
    if (launcher->awaited == NULL || launcher->call_back_at > now) continue;
    /* Again and again: it may be just about to wait. */
    launcher->call_back_at = now + NAME_MS * NANOS_PER_MS;
    pthread_kill(launcher->thread, CALL_BACK_SIGNAL);
  }
}

uint64_t launchers_due_at(const struct server *server) {
  const struct launchers *launchers = server->launchers;
  uint64_t due = UINT64_MAX;
  for (uint32_t i = 0; i < launchers->count; i++) {
    const struct launcher *launcher = &launchers->all[i];
    if (launcher->awaited != NULL && launcher->call_back_at < due) due = launcher->call_back_at;
  }
  return due;
}
