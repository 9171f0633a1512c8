/*
 * An attempt ends with its first process. What is left of its group is killed while that one is still a zombie: until it is
 * reaped its number cannot be given to another group.
 */
#include "reap.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "attempts.h"
#include "hunt.h"
#include "launchers.h"

void reap_leader(struct server *server, struct attempt *attempt) {
  /* A stopped attempt has a grace period for all its processes. */
  if (attempt->hunt == NULL) kill(-attempt->pid, SIGKILL);
  while (wait4(attempt->pid, &attempt->status, 0, &attempt->usage) < 0 && errno == EINTR) continue;
  attempt->leader_reaped = true;
  table_remove(&server->pids, &attempt->by_pid);
  if (attempt->hunt != NULL) {
    hunt_leader_gone(server, attempt);
  } else if (kill(-attempt->pid, 0) < 0 && errno == ESRCH) {
    attempt_finish(server, attempt);
  } else {
    attempt->drain_until = mono_now() + DRAIN_MS * NANOS_PER_MS;
    attempt->drain_next = server->draining;
    server->draining = attempt;
  }
}

void reap(struct server *server) {
  for (;;) {
    siginfo_t info = {0};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    if (info.si_pid == 0) return;
    struct attempt *attempt = attempt_by_pid(server, info.si_pid);
    /* Its launcher wakes too, or concludes its start: it sees to it, and to what else has ended. */
    bool is_theirs = attempt == NULL ? launchers_may_own(server, info.si_pid) : attempt->launcher != NULL;
    if (is_theirs) {
      launchers_reap_later(server);
      return;
    }
    if (attempt != NULL) reap_leader(server, attempt);
    else wait4(info.si_pid, NULL, WNOHANG, NULL);
  }
}

void settle_draining(struct server *server) {
  uint64_t now = server->draining == NULL ? 0 : mono_now();
  struct attempt **link = &server->draining;
  while (*link != NULL) {
    struct attempt *attempt = *link;
    bool gone = kill(-attempt->pid, 0) < 0 && errno == ESRCH;
    if (attempt->hunt == NULL && !gone && now < attempt->drain_until) {
      link = &attempt->drain_next;
      continue;
    }
    *link = attempt->drain_next;
    if (attempt->hunt == NULL) attempt_finish(server, attempt);
  }
}
