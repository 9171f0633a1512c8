#include "processes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "limits.h"

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

#define MARK_PREFIX "QREW_MARK="
#define KERNEL_THREAD 0x00200000ul

/* Fields of /proc/PID/stat by their number in proc(5). */
enum stat_field {
  FIELD_PARENT = 4,
  FIELD_GROUP = 5,
  FIELD_SESSION = 6,
  FIELD_FLAGS = 9,
  FIELD_START = 22,
  FIELD_ENV_START = 50,
  FIELD_ENV_END = 51,
  FIELDS = 52,
};

struct stat_fields {
  char state;
  unsigned long long values[FIELDS];
};

static struct snapshot snapshot;
static size_t capacity;
static char *environment;
static size_t environment_capacity;
/* The marks of the snapshot; the first is the empty one. */
static char *marks;
static size_t marks_length;
static size_t marks_capacity;

static bool read_stat(pid_t pid, struct stat_fields *fields) {
  char path[32];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  char text[2048];
  ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  if (length <= 0) return false;
  text[length] = 0;
  /* The name in parentheses may contain anything; the last one ends it. */
  char *at = strrchr(text, ')');
  if (at == NULL || at[1] != ' ') return false;
  fields->state = at[2];
  if (at[2] == 0) return false;
  at += 3;
  for (int field = FIELD_PARENT; field < FIELDS; field++) fields->values[field] = strtoull(at, &at, 10);
  return true;
}

static void fill(struct process *process, pid_t pid, const struct stat_fields *fields) {
  process->pid = pid;
  process->parent = (pid_t)fields->values[FIELD_PARENT];
  process->group = (pid_t)fields->values[FIELD_GROUP];
  process->session = (pid_t)fields->values[FIELD_SESSION];
  process->start = fields->values[FIELD_START];
  process->alive = fields->state != 'Z' && fields->state != 'X' && fields->state != 'x';
  process->unsure = false;
  process->mark_offset = 0;
  process->parent_process = NULL;
}

/* Bytes of the environment; 0 if it is empty or the process is between two programs; -1 if we may not look. */
static ssize_t read_environment(pid_t pid) {
  char path[32];
  snprintf(path, sizeof path, "/proc/%d/environ", pid);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  size_t length = 0;
  for (;;) {
    if (environment_capacity - length < 4096) {
      size_t wanted = environment_capacity == 0 ? 64 * 1024 : environment_capacity * 2;
      char *grown = wanted <= ENVIRON_BYTES_MAX ? realloc(environment, wanted) : NULL;
      if (grown == NULL) break;
      environment = grown;
      environment_capacity = wanted;
    }
    ssize_t count = read(file, environment + length, environment_capacity - length - 1);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    length += (size_t)count;
  }
  close(file);
  return (ssize_t)length;
}

/* Keeps a copy and returns its offset (the memory moves when it grows); 0, the empty mark, if there is no memory. */
static size_t keep_mark(const char *mark) {
  size_t bytes = strlen(mark) + 1;
  if (marks_length + bytes > marks_capacity) {
    size_t wanted = (marks_length + bytes) * 2;
    char *grown = realloc(marks, wanted);
    if (grown == NULL) return 0;
    marks = grown;
    marks_capacity = wanted;
  }
  size_t offset = marks_length;
  memcpy(marks + offset, mark, bytes);
  marks_length += bytes;
  return offset;
}

static size_t find_mark(size_t length) {
  environment[length] = 0;
  const char *end = environment + length;
  const char *at = environment;
  while ((at = memmem(at, (size_t)(end - at), MARK_PREFIX, sizeof MARK_PREFIX - 1)) != NULL) {
    if (at == environment || at[-1] == 0) return keep_mark(at + sizeof MARK_PREFIX - 1);
    at++;
  }
  return 0;
}

static bool add(const struct process *process) {
  if (snapshot.count == capacity) {
    size_t wanted = capacity == 0 ? 256 : capacity * 2;
    struct process *grown = realloc(snapshot.processes, wanted * sizeof *grown);
    if (grown == NULL) return false;
    snapshot.processes = grown;
    capacity = wanted;
  }
  snapshot.processes[snapshot.count++] = *process;
  return true;
}

static int by_pid(const void *left, const void *right) {
  pid_t a = ((const struct process *)left)->pid;
  pid_t b = ((const struct process *)right)->pid;
  return (a > b) - (a < b);
}

static bool look_at(pid_t pid) {
  struct process process;
  struct stat_fields fields;
  if (!read_stat(pid, &fields)) return true;
  if ((fields.values[FIELD_FLAGS] & KERNEL_THREAD) != 0) return true;
  fill(&process, pid, &fields);
  if (process.alive) {
    ssize_t length = read_environment(pid);
    unsigned long long env_end = fields.values[FIELD_ENV_END];
    bool empty = env_end != 0 && fields.values[FIELD_ENV_START] == env_end;
    process.unsure = length == 0 && !empty;
    if (length > 0) process.mark_offset = find_mark((size_t)length);
  }
  return add(&process);
}

const struct snapshot *look_at_processes(void) {
  DIR *folder = opendir("/proc");
  if (folder == NULL) return NULL;
  snapshot.count = 0;
  marks_length = 0;
  keep_mark("");
  bool complete = marks_length > 0;
  pid_t self = getpid();
  struct dirent *entry;
  while (complete && (entry = readdir(folder)) != NULL) {
    char *end;
    long pid = strtol(entry->d_name, &end, 10);
    if (*end != 0 || pid <= 1 || pid == self) continue;
    complete = look_at((pid_t)pid);
  }
  closedir(folder);
  if (!complete) return NULL;
  qsort(snapshot.processes, snapshot.count, sizeof *snapshot.processes, by_pid);
  for (size_t i = 0; i < snapshot.count; i++) {
    struct process *process = &snapshot.processes[i];
    process->parent_process = process_find(&snapshot, process->parent);
  }
  return &snapshot;
}

const struct process *process_find(const struct snapshot *all, pid_t pid) {
  struct process key = {.pid = pid};
  if (all->count == 0) return NULL;
  return bsearch(&key, all->processes, all->count, sizeof *all->processes, by_pid);
}

const char *process_mark(const struct process *process) { return marks + process->mark_offset; }

void process_signal(const struct process *process, int signal) {
  int handle = (int)syscall(SYS_pidfd_open, process->pid, 0);
  if (handle < 0 && errno == ESRCH) return;
  struct stat_fields fields;
  bool same = read_stat(process->pid, &fields) && fields.values[FIELD_START] == process->start;
  /* Kernels before 5.3 have no pidfd: there the pid was looked at an instant before. */
  if (same && handle < 0) kill(process->pid, signal);
  else if (same) syscall(SYS_pidfd_send_signal, handle, signal, NULL, 0);
  if (handle >= 0) close(handle);
}
