#include "hunt.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "attempts.h"
#include "facts.h"
#include "quarry.h"

static struct hunt *hunt_new(struct server *server, const char *mark, uint64_t grace_ms) {
  struct hunt *hunt = calloc(1, sizeof *hunt);
  if (hunt == NULL) return NULL;
  hunt->mark = strdup(mark);
  if (hunt->mark == NULL) {
    free(hunt);
    return NULL;
  }
  hunt->look_at = mono_now();
  hunt->insist_at = hunt->look_at + grace_ms * NANOS_PER_MS;
  hunt->pause_ms = SCAN_PAUSE_MIN_MS;
  hunt->next = server->hunts;
  server->hunts = hunt;
  return hunt;
}

static void advance_deadline(struct hunt *hunt, uint64_t grace_ms) {
  uint64_t insist_at = mono_now() + grace_ms * NANOS_PER_MS;
  if (insist_at < hunt->insist_at) hunt->insist_at = insist_at;
  if (hunt->insist_at < hunt->look_at) hunt->look_at = hunt->insist_at;
}

void stop_attempt(struct server *server, struct attempt *attempt, uint64_t grace_ms) {
  if (attempt->state == ATTEMPT_ENDED) return;
  if (attempt->state == ATTEMPT_QUEUED || attempt->state == ATTEMPT_FOLLOWING) {
    attempt_withdraw(server, attempt);
    return;
  }
  if (!attempt->stop_asked || grace_ms < attempt->stop_grace_ms) attempt->stop_grace_ms = grace_ms;
  if (!attempt->leader_reaped) attempt->stop_asked = true;
  if (attempt->state == ATTEMPT_STARTING) return;
  if (attempt->hunt != NULL) {
    advance_deadline(attempt->hunt, grace_ms);
    return;
  }
  struct hunt *hunt = hunt_new(server, attempt->mark, grace_ms);
  if (hunt == NULL) {
    /* Without memory for a search at least its group goes; its end is then told in the usual way. */
    if (!attempt->leader_reaped) kill(-attempt->pid, SIGKILL);
    return;
  }
  hunt->attempt = attempt;
  hunt->group_live = true;
  attempt->hunt = hunt;
}

static struct hunt *find_closing(const struct server *server, uint32_t job) {
  for (struct hunt *hunt = server->hunts; hunt != NULL; hunt = hunt->next) {
    if (hunt->attempt == NULL && hunt->job == job) return hunt;
  }
  return NULL;
}

void close_job(struct server *server, uint32_t id, uint64_t grace_ms, const char *mark) {
  /* Opened if need be, so that what is sent for it before `jobClosed` does not start. */
  struct job *job = job_open(server, id);
  if (job != NULL) {
    job->closing = true;
    job->reopened = false;
    context_free(job->context);
    job->context = NULL;
    job->cap_milli = 0;
    job->suspended = false;
    struct attempt *next;
    for (struct attempt *attempt = server->first; attempt != NULL; attempt = next) {
      next = attempt->next;
      if (attempt->job == job) stop_attempt(server, attempt, grace_ms);
    }
  }
  struct hunt *hunt = find_closing(server, id);
  if (hunt != NULL) {
    advance_deadline(hunt, grace_ms);
    return;
  }
  hunt = hunt_new(server, mark, grace_ms);
  if (hunt == NULL) log_line("no memory to close job %u; its controller asks again", id);
  else hunt->job = id;
}

void hunt_leader_gone(struct server *server, struct attempt *attempt) {
  (void)server;
  attempt->hunt->look_at = mono_now();
  attempt->hunt->pause_ms = SCAN_PAUSE_MIN_MS;
}

void hunt_job_idle(const struct server *server, uint32_t job) {
  struct hunt *closing = find_closing(server, job);
  if (closing != NULL) closing->look_at = mono_now();
}

static void hunt_free(struct server *server, struct hunt *hunt) {
  struct hunt **link = &server->hunts;
  while (*link != hunt) link = &(*link)->next;
  *link = hunt->next;
  free(hunt->known);
  free(hunt->mark);
  free(hunt);
}

static void conclude(struct server *server, struct hunt *hunt, uint32_t survivors) {
  struct attempt *attempt = hunt->attempt;
  uint32_t id = hunt->job;
  uint32_t ended = hunt->ended - (survivors < hunt->ended ? survivors : hunt->ended);
  hunt_free(server, hunt);
  if (attempt != NULL) {
    attempt->hunt = NULL;
    attempt->survivors = survivors;
    attempt_finish(server, attempt);
    return;
  }
  struct job *job = job_find(server, id);
  if (job != NULL) job_closed(server, job);
  say_job_closed(server, id, ended, survivors);
}

static bool may_conclude(const struct server *server, const struct hunt *hunt) {
  if (hunt->attempt != NULL) return hunt->attempt->leader_reaped;
  const struct job *job = job_find(server, hunt->job);
  /* What waits aside is of its next round. */
  return job == NULL || job->running == 0;
}

static void plan_next_look(const struct server *server, struct hunt *hunt, uint64_t now) {
  hunt->look_at = now + hunt->pause_ms * NANOS_PER_MS;
  if (hunt->pause_ms < SCAN_PAUSE_MAX_MS) hunt->pause_ms *= 2;
  /* Until the first process of an attempt, or the last attempt of a job, has gone there is no end to see; it wakes us. */
  bool waiting = !may_conclude(server, hunt);
  if (hunt->phase != HUNT_INSISTED && (waiting || hunt->look_at > hunt->insist_at)) hunt->look_at = hunt->insist_at;
}

static void take_turn(struct server *server, struct hunt *hunt, const struct snapshot *all, char *wanted) {
  uint64_t now = mono_now();
  select_quarry(server, hunt, all, wanted);
  uint32_t alive = count_alive(hunt, all, wanted);
  bool insist = now >= hunt->insist_at;
  if (insist) {
    if (hunt->phase != HUNT_INSISTED) hunt->pause_ms = SCAN_PAUSE_MIN_MS;
    hunt->phase = HUNT_INSISTED;
    signal_quarry(hunt, all, wanted, SIGKILL);
  } else if (hunt->phase == HUNT_NEW) {
    hunt->phase = HUNT_ASKED;
    signal_quarry(hunt, all, wanted, SIGTERM);
  }
  bool leader_alive = hunt->attempt != NULL && !hunt->attempt->leader_reaped;
  if (alive > (leader_alive ? 1u : 0u)) hunt->found = true;
  hunt->clean_looks = alive == 0 && !is_unsure(server, all, wanted) ? hunt->clean_looks + 1 : 0;
  /* A process that forks while we look can hide behind the order of pids: where there was one, look twice. */
  bool clean = hunt->clean_looks >= (hunt->found ? 2u : 1u);
  bool given_up = now >= hunt->insist_at + GIVE_UP_MS * NANOS_PER_MS;
  if (may_conclude(server, hunt) && (clean || given_up)) conclude(server, hunt, alive);
  else plan_next_look(server, hunt, now);
}

static bool is_close(const struct hunt *hunt) { return hunt->attempt == NULL && !hunt->found; }

static uint64_t due_at(const struct server *server, const struct hunt *hunt) {
  uint64_t allowed = is_close(hunt) ? server->close_scan_allowed_at : server->scan_allowed_at;
  return hunt->look_at > allowed ? hunt->look_at : allowed;
}

uint64_t hunts_due_at(const struct server *server) {
  uint64_t due = UINT64_MAX;
  for (const struct hunt *hunt = server->hunts; hunt != NULL; hunt = hunt->next) {
    uint64_t at = due_at(server, hunt);
    if (at < due) due = at;
  }
  return due;
}

void hunts_turn(struct server *server) {
  uint64_t begin = mono_now();
  if (hunts_due_at(server) > begin) return;
  const struct snapshot *all = look_at_processes();
  char *wanted = all == NULL ? NULL : malloc(all->count + 1);
  if (wanted != NULL) {
    struct hunt *next;
    for (struct hunt *hunt = server->hunts; hunt != NULL; hunt = next) {
      next = hunt->next;
      if (hunt->look_at <= begin) take_turn(server, hunt, all, wanted);
    }
    free(wanted);
  }
  uint64_t end = mono_now();
  uint64_t pause = (end - begin) * SCAN_PAUSE_FACTOR;
  if (pause < SCAN_PAUSE_MIN_MS * NANOS_PER_MS) pause = SCAN_PAUSE_MIN_MS * NANOS_PER_MS;
  server->scan_allowed_at = end + pause;
  server->close_scan_allowed_at = end + pause;
  if (pause < CLOSE_PAUSE_MS * NANOS_PER_MS) server->close_scan_allowed_at = end + CLOSE_PAUSE_MS * NANOS_PER_MS;
}
