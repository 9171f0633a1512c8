/*
 * The serving thread is told of the end of a child only if there are some that no launcher awaits: a thread that wakes up at each end costs
 * as much as the end does. With all awaited, orphans that were left to us stay unreaped for a tick.
 */
#include "due.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include "attempts.h"
#include "facts.h"
#include "hunt.h"
#include "launchers.h"
#include "spool.h"

static bool has_nothing(const struct server *server) { return server->first == NULL && server->hunts == NULL; }

uint64_t leave_at(const struct server *server) {
  if (server->controller != NULL || server->leaving) return UINT64_MAX;
  return server->alone_since + (has_nothing(server) ? server->options.idle_ns : server->options.alone_ns);
}

bool may_finish(const struct server *server) {
  return (server->leaving && server->running == 0) || (server->leave_asked && has_nothing(server));
}

static uint64_t earlier(uint64_t left, uint64_t right) { return left < right ? left : right; }

static uint64_t due_at(struct server *server) {
  /* A launcher has handed out what it can before it calls. */
  if (may_finish(server) || attempt_may_start(server)) return 0;
  uint64_t due = earlier(hunts_due_at(server), leave_at(server));
  if (server->running > 0) due = earlier(due, server->punch_at);
  due = earlier(due, spool_due_at(server));
  due = earlier(due, facts_due_at(server));
  due = earlier(due, launchers_due_at(server));
  return server->draining == NULL ? due : earlier(due, mono_now() + DRAIN_TICK_MS * NANOS_PER_MS);
}

static void watch_children(struct server *server) {
  bool watched = !launchers_await_all(server);
  if (watched == server->children_watched) return;
  server->children_watched = watched;
  if (!watched) sigdelset(&server->signals_watched, SIGCHLD);
  else sigaddset(&server->signals_watched, SIGCHLD);
  if (signalfd(server->signals, &server->signals_watched, 0) < 0) log_line("cannot change what is watched");
}

int plan_wait(struct server *server, bool more) {
  watch_children(server);
  uint64_t due = more ? 0 : due_at(server);
  server->wakes_at = due;
  if (due == UINT64_MAX) return -1;
  uint64_t now = mono_now();
  if (due <= now) return 0;
  uint64_t wait = (due - now + NANOS_PER_MS - 1) / NANOS_PER_MS;
  return wait > 60000 ? 60000 : (int)wait;
}

void end_wait(struct server *server) { server->wakes_at = 0; }

void call_if_due(struct server *server) {
  watch_children(server);
  if (due_at(server) >= server->wakes_at) return;
  server->wakes_at = 0;
  if (eventfd_write(launchers_descriptor(server), 1) < 0) log_line("cannot wake the serving thread");
}
