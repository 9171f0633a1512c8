/*
 * A thread that calls vfork waits until the new process executes its program: 60 us, and some 8,000 starts a second at best. On many
 * cpus other threads do that, and the server, which alone owns all state, goes on meanwhile. A launcher reads one attempt and its
 * context, which stay as they are until the start is concluded, and writes the start's own fields; nothing else.
 *
 * idle: waits on its `go`. busy: from launchers_start until its `done` is seen. Threads live as long as the process, since a child is
 * told of the death of the thread that started it (PR_SET_PDEATHSIG).
 */
#include "launchers.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "attempts.h"

/* The search for a program has a path on its stack; the sanitizers take some more. */
#define STACK_BYTES (256 * 1024)

struct launcher {
  pthread_t thread;
  sem_t go;
  bool busy;
  /* Of those that are busy, the next one that was told to start. */
  struct launcher *later;
  atomic_bool done;
  struct launch launch;
  int wake;
};

struct launchers {
  /* For what the server starts itself. */
  struct launch own;
  int wake;
  uint32_t count;
  uint32_t busy;
  struct launcher *busy_first;
  struct launcher *busy_last;
  struct launcher all[LAUNCHERS_MAX];
};

static void *run(void *argument) {
  struct launcher *launcher = argument;
  for (;;) {
    while (sem_wait(&launcher->go) < 0) continue;
    launch_perform(&launcher->launch);
    atomic_store(&launcher->done, true);
    uint64_t one = 1;
    while (write(launcher->wake, &one, sizeof one) < 0 && errno == EINTR) continue;
  }
  return NULL;
}

static uint64_t count_wanted(const struct server *server) {
  if (server->options.launchers != UINT64_MAX) return server->options.launchers;
  cpu_set_t cpus;
  if (sched_getaffinity(0, sizeof cpus, &cpus) < 0) return 0;
  uint64_t count = (uint64_t)CPU_COUNT(&cpus);
  return count <= CPUS_PER_LAUNCHER ? 0 : count / CPUS_PER_LAUNCHER;
}

bool launchers_open(struct server *server) {
  struct launchers *launchers = calloc(1, sizeof *launchers);
  if (launchers == NULL) return false;
  launchers->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (launchers->wake < 0) {
    free(launchers);
    return false;
  }
  server->launchers = launchers;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  for (uint64_t wanted = count_wanted(server); wanted > launchers->count && launchers->count < LAUNCHERS_MAX;) {
    struct launcher *launcher = &launchers->all[launchers->count];
    launcher->wake = launchers->wake;
    sem_init(&launcher->go, 0, 0);
    int error = pthread_create(&launcher->thread, &attributes, run, launcher);
    if (error != 0) {
      log_line("only %u threads start processes: %s", launchers->count, strerror(error));
      break;
    }
    launchers->count++;
  }
  pthread_attr_destroy(&attributes);
  return true;
}

int launchers_descriptor(const struct server *server) { return server->launchers->wake; }

/* NULL: none is free, or the way to another thread is not worth it, as nothing else is to be started. */
static struct launcher *free_launcher(const struct server *server) {
  struct launchers *launchers = server->launchers;
  if (launchers->busy == launchers->count || (launchers->busy == 0 && server->queued == 0)) return NULL;
  for (uint32_t i = 0; i < launchers->count; i++) {
    if (!launchers->all[i].busy) return &launchers->all[i];
  }
  return NULL;
}

static void conclude(struct server *server, struct launch *launch, struct failure failure) {
  struct attempt *attempt = launch->attempt;
  struct context *context = launch->context;
  launch->attempt = NULL;
  if (context != NULL && --context->launches == 0 && context->dropped) context_free(context);
  attempt_launched(server, attempt, failure);
}

static void mark_busy(struct launchers *launchers, struct launcher *launcher) {
  launcher->busy = true;
  launcher->later = NULL;
  if (launchers->busy_last != NULL) launchers->busy_last->later = launcher;
  else launchers->busy_first = launcher;
  launchers->busy_last = launcher;
  launchers->busy++;
}

static void mark_idle_first(struct launchers *launchers) {
  struct launcher *launcher = launchers->busy_first;
  launcher->busy = false;
  launchers->busy_first = launcher->later;
  if (launchers->busy_first == NULL) launchers->busy_last = NULL;
  launchers->busy--;
}

void launchers_start(struct server *server, struct context *context, struct attempt *attempt) {
  struct launcher *launcher = free_launcher(server);
  struct launch *launch = launcher == NULL ? &server->launchers->own : &launcher->launch;
  launch->attempt = attempt;
  launch->context = context;
  if (context != NULL) context->launches++;
  struct failure failure = launch_prepare(server, launch);
  if (failure.error != 0) {
    conclude(server, launch, failure);
  } else if (launcher == NULL) {
    launch_perform(launch);
    conclude(server, launch, launch_conclude(server, launch));
  } else {
    mark_busy(server->launchers, launcher);
    atomic_store(&launcher->done, false);
    sem_post(&launcher->go);
  }
}

/* In the order in which they were told, so that what is said of starts keeps it. */
void launchers_conclude(struct server *server) {
  struct launchers *launchers = server->launchers;
  while (launchers->busy_first != NULL && atomic_load(&launchers->busy_first->done)) {
    struct launch *launch = &launchers->busy_first->launch;
    mark_idle_first(launchers);
    conclude(server, launch, launch_conclude(server, launch));
  }
}

bool launchers_may_own(const struct server *server, pid_t pid) {
  struct launcher *launcher = server->launchers->busy_first;
  for (; launcher != NULL; launcher = launcher->later) {
    pid_t child = atomic_load(&launcher->launch.child);
    /* Not said yet: it may be any. */
    if (child == pid || child == 0) return true;
  }
  return false;
}
