/* A look at all processes of the machine through /proc, and signals to one that cannot reach another. */
#ifndef QREW_PROCESSES_H
#define QREW_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
  pid_t pid;
  pid_t parent;
  pid_t group;
  pid_t session;
  /* Field 22 of stat: with the pid it names one process within a boot. */
  uint64_t start;
  /* Neither a zombie nor dead. */
  bool alive;
  /* It was just executing a program and had no environment yet: what it belongs to cannot be said. */
  bool unsure;
  /* Where its mark is kept, for process_mark. */
  size_t mark_offset;
  /* NULL: not in the snapshot. Each of thousands of hunts asks for all of them. */
  const struct process *parent_process;
};

struct snapshot {
  /* In the order of their pids. */
  struct process *processes;
  size_t count;
};

/* NULL: no memory, or /proc cannot be read. The result is valid until the next call. */
const struct snapshot *look_at_processes(void);
const struct process *process_find(const struct snapshot *snapshot, pid_t pid);
/* Value of QREW_MARK in its environment; "" without one or where we may not look. Valid until the next look. */
const char *process_mark(const struct process *process);
/* Sends the signal if the pid still is this process. */
void process_signal(const struct process *process, int signal);

#endif
