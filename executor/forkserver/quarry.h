/* Which processes a hunt is after, and signals to them. */
#ifndef QREW_QUARRY_H
#define QREW_QUARRY_H

#include "processes.h"
#include "server.h"

/* new: nobody was looked for. asked: SIGTERM was sent. insisted: SIGKILL is sent at every look. */
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

/* `wanted` per process: 1 belongs to the hunt, 0 not. A descendant belongs to what its ancestor belongs to. */
void select_quarry(const struct server *server, const struct hunt *hunt, const struct snapshot *all, char *wanted);
void signal_quarry(const struct hunt *hunt, const struct snapshot *all, const char *wanted, int signal);
/* How many are alive; remembers them, and whether there still is a group. */
uint32_t count_alive(struct hunt *hunt, const struct snapshot *all, const char *wanted);
/* A process was seen that may belong to the hunt, and cannot be told yet. */
bool is_unsure(const struct server *server, const struct snapshot *all, const char *wanted);

#endif
