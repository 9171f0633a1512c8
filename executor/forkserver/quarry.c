#include "quarry.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "attempts.h"
#include "launchers.h"

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
  /* It is stopped as soon as it is known to run. */
  if (launchers_start_mark(server, mark)) return false;
  for (const struct hunt *other = server->hunts; other != NULL; other = other->next) {
    if (other->attempt != NULL && strcmp(mark, other->mark) == 0) return false;
  }
  return true;
}

void select_quarry(const struct server *server, const struct hunt *hunt, const struct snapshot *all, char *wanted) {
  for (size_t i = 0; i < all->count; i++) {
    const struct process *process = &all->processes[i];
    wanted[i] = in_group(hunt, process) || is_marked(server, hunt, process_mark(process)) || is_known(hunt, process);
  }
  /* Parents mostly have lower pids, so that one or two rounds are enough; a chain against that order takes more. */
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 0; i < all->count; i++) {
      if (wanted[i]) continue;
      const struct process *parent = all->processes[i].parent_process;
      if (parent == NULL || !wanted[parent - all->processes]) continue;
      wanted[i] = 1;
      changed = true;
    }
  }
}

/* A group is signalled as a whole while its first process is ours and unreaped: then its number cannot be another's. */
void signal_quarry(const struct hunt *hunt, const struct snapshot *all, const char *wanted, int signal) {
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

uint32_t count_alive(struct hunt *hunt, const struct snapshot *all, const char *wanted) {
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

/* What belongs to the session of another attempt is known, whatever its environment will be. */
bool is_unsure(const struct server *server, const struct snapshot *all, const char *wanted) {
  for (size_t i = 0; i < all->count; i++) {
    const struct process *process = &all->processes[i];
    if (!process->unsure || wanted[i] || attempt_by_pid(server, process->session) != NULL) continue;
    if (!launchers_start_child(server, process->session)) return true;
  }
  return false;
}
