#include "hunt.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "attempts.h"
#include "facts.h"
#include "processes.h"

enum phase { HUNT_NEW, HUNT_ASKED, HUNT_INSISTED };

struct quarry {
  pid_t pid;
  uint64_t start;
};

struct hunt {
  struct hunt *next;
  /* The attempt to stop; NULL: a job is closed. */
  struct attempt *attempt;
  uint32_t job;
  char *mark;
  enum phase phase;
  uint64_t insist_at;
  uint64_t look_at;
  uint64_t pause_ms;
  /* The attempt's pid still names its group: a member was there when we last looked. */
  bool group_live;
  /* All that was ever found: their descendants count too, and they need no mark to be found again. */
  struct quarry *known;
  size_t known_count;
  size_t known_capacity;
  uint32_t ended;
  bool found;
  unsigned clean_looks;
};

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
  if (attempt->state == ATTEMPT_QUEUED) {
    attempt_withdraw(server, attempt);
    return;
  }
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
  /* Opened if need be, so that what is sent for it before `jobClosed` is withdrawn. */
  struct job *job = job_open(server, id);
  if (job != NULL) {
    job->closing = true;
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

static bool is_known(const struct hunt *hunt, const struct process *process) {
  for (size_t i = 0; i < hunt->known_count; i++) {
    if (hunt->known[i].pid == process->pid && hunt->known[i].start == process->start) return true;
  }
  return false;
}

static void remember(struct hunt *hunt, const struct process *process) {
  if (is_known(hunt, process)) return;
  hunt->ended++;
  if (hunt->known_count == hunt->known_capacity) {
    size_t capacity = hunt->known_capacity == 0 ? 16 : hunt->known_capacity * 2;
    struct quarry *grown = realloc(hunt->known, capacity * sizeof *grown);
    if (grown == NULL) return;
    hunt->known = grown;
    hunt->known_capacity = capacity;
  }
  hunt->known[hunt->known_count++] = (struct quarry){process->pid, process->start};
}

static bool in_group(const struct hunt *hunt, const struct process *process) {
  const struct attempt *attempt = hunt->attempt;
  if (attempt == NULL || !hunt->group_live) return false;
  return process->group == attempt->pid || process->session == attempt->pid;
}

/* What an attempt of the job is being stopped for is left to that: it was asked already and has its own deadline. */
static bool is_marked(const struct server *server, const struct hunt *hunt, const char *mark) {
  if (*mark == 0) return false;
  if (hunt->attempt != NULL) return strcmp(mark, hunt->mark) == 0;
  if (strncmp(mark, hunt->mark, strlen(hunt->mark)) != 0) return false;
  for (const struct hunt *other = server->hunts; other != NULL; other = other->next) {
    if (other->attempt != NULL && strcmp(mark, other->mark) == 0) return false;
  }
  return true;
}

/* `wanted` per process: 1 belongs to the hunt, 0 not. A descendant belongs to what its ancestor belongs to. */
static void select_quarry(const struct server *server, const struct hunt *hunt, const struct snapshot *all,
                          char *wanted) {
  for (size_t i = 0; i < all->count; i++) {
    const struct process *process = &all->processes[i];
    wanted[i] = in_group(hunt, process) || is_marked(server, hunt, process_mark(process)) || is_known(hunt, process);
  }
  /* Parents mostly have lower pids, so that one or two rounds are enough; a chain against that order takes more. */
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 0; i < all->count; i++) {
      if (wanted[i]) continue;
      const struct process *parent = process_find(all, all->processes[i].parent);
      if (parent == NULL || !wanted[parent - all->processes]) continue;
      wanted[i] = 1;
      changed = true;
    }
  }
}

/* A group is signalled as a whole while its first process is ours and unreaped: then its number cannot be another's. */
static void signal_quarry(const struct hunt *hunt, const struct snapshot *all, const char *wanted, int signal) {
  const struct attempt *attempt = hunt->attempt;
  bool whole_group = attempt != NULL && !attempt->leader_reaped;
  if (whole_group) {
    kill(-attempt->pid, signal);
    if (signal != SIGKILL) kill(-attempt->pid, SIGCONT);
  }
  for (size_t i = 0; i < all->count; i++) {
    const struct process *process = &all->processes[i];
    if (!wanted[i] || !process->alive) continue;
    if (whole_group && process->group == attempt->pid) continue;
    process_signal(process, signal);
    if (signal != SIGKILL) process_signal(process, SIGCONT);
  }
}

static uint32_t count_alive(struct hunt *hunt, const struct snapshot *all, const char *wanted) {
  uint32_t alive = 0;
  bool member = false;
  for (size_t i = 0; i < all->count; i++) {
    if (!wanted[i]) continue;
    const struct process *process = &all->processes[i];
    if (in_group(hunt, process)) member = true;
    if (!process->alive) continue;
    remember(hunt, process);
    alive++;
  }
  if (hunt->attempt != NULL && hunt->attempt->leader_reaped) {
    /* A process with the leader's pid is another one: the group is gone and its number was given again. */
    if (!member || process_find(all, hunt->attempt->pid) != NULL) hunt->group_live = false;
  }
  return alive;
}

/* What belongs to the session of another running attempt is known, whatever its environment will be. */
static bool is_unsure(const struct server *server, const struct snapshot *all, const char *wanted) {
  for (size_t i = 0; i < all->count; i++) {
    const struct process *process = &all->processes[i];
    if (process->unsure && !wanted[i] && attempt_by_pid(server, process->session) == NULL) return true;
  }
  return false;
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
    struct hunt *closing = find_closing(server, attempt->key.job);
    if (closing != NULL) closing->look_at = mono_now();
    attempt_finish(server, attempt);
    return;
  }
  struct job *job = job_find(server, id);
  if (job != NULL) job_forget(server, job);
  say_job_closed(server, id, ended, survivors);
}

static bool may_conclude(const struct server *server, const struct hunt *hunt) {
  if (hunt->attempt != NULL) return hunt->attempt->leader_reaped;
  const struct job *job = job_find(server, hunt->job);
  return job == NULL || (job->running == 0 && job->queue_first == NULL);
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
