/*
 * vfork: the child borrows our memory until it executes, so nothing is copied however much memory is in use, and it
 * reports a failure by writing to `failure`. Only the thread that calls it waits meanwhile; see launchers.c. It may therefore only make system calls and must not allocate. Our signals
 * are blocked, and all but the launchers' call at their default, so nothing of ours can run in the child; unblocking is its last act.
 */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Comparing more pairs of names than this takes 30 ms; execve would refuse such an environment anyway. */
#define ENV_PAIRS_MAX 16000000ull
#define DEFAULT_PATH "/bin:/usr/bin"

static _Noreturn void fail(volatile struct failure *failure, const char *step, int error) {
  failure->step = step;
  failure->error = error;
  _exit(127);
}

/*
 * Returns only if it failed, with errno of the most telling failure. Not execvp: that hands a script without an
 * interpreter line to the shell, and a list is executed without one.
 */
static void search(const struct launch *launch) {
  char **arguments = launch->attempt->arguments;
  const char *name = arguments[0];
  if (*name == 0) {
    errno = ENOENT;
    return;
  }
  if (strchr(name, '/') != NULL) {
    execve(name, arguments, launch->envp);
    return;
  }
  char file[PATH_MAX];
  size_t name_bytes = strlen(name);
  int error = ENOENT;
  for (const char *at = launch->path; at != NULL;) {
    const char *end = strchrnul(at, ':');
    size_t folder_bytes = (size_t)(end - at);
    if (folder_bytes + name_bytes + 2 <= sizeof file) {
      memcpy(file, at, folder_bytes);
      if (folder_bytes > 0) file[folder_bytes++] = '/';
      memcpy(file + folder_bytes, name, name_bytes + 1);
      execve(file, arguments, launch->envp);
      if (errno == EACCES) error = EACCES;
      else if (errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG) return;
    }
    at = *end == ':' ? end + 1 : NULL;
  }
  errno = error;
}

/*
 * O_NONBLOCK only for the opening, so that a pipe somebody put there cannot stop the forkserver.
 */
static int open_output(const char *path) {
  int flags = O_WRONLY | O_CREAT | O_APPEND | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  int file = open(path, flags, 0600);
  if (file >= 0) fcntl(file, F_SETFL, O_APPEND);
  return file;
}

static int open_stream(const struct spool_file *lent, const char *path) {
  if (lent == NULL) return open_output(path);
  return open(lent->path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
}

static __attribute__((noinline)) _Noreturn void child(struct launch *launch) {
  volatile struct failure *failure = &launch->failure;
  const struct attempt *attempt = launch->attempt;
  atomic_store(&launch->child, getpid());
  if (setsid() < 0) fail(failure, "spawn", errno);
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) fail(failure, "spawn", errno);
  if (getppid() != launch->parent) _exit(127);

  if (chdir(launch->context->directory) < 0) fail(failure, "chdir", errno);
  if (*attempt->workdir != 0 && chdir(attempt->workdir) < 0) fail(failure, "chdir", errno);

  if (dup2(launch->input, 0) < 0) fail(failure, "stdin", errno);
  int output = open_stream(attempt->lent[0], attempt->stdout_path);
  if (output < 0 || dup2(output, 1) < 0) fail(failure, "stdout", errno);
  if (strcmp(attempt->stdout_path, attempt->stderr_path) != 0) {
    output = open_stream(attempt->lent[1], attempt->stderr_path);
    if (output < 0) fail(failure, "stderr", errno);
  }
  if (dup2(output, 2) < 0) fail(failure, "stderr", errno);

  umask(launch->context->umask);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  search(launch);
  fail(failure, "exec", errno);
}

/* An unlinked file for where memfd is forbidden. */
static int open_unnamed(void) {
  int file = -1;
#ifdef SYS_memfd_create
  /* Through syscall(), since the C library may be older than the kernel; 1 is MFD_CLOEXEC. */
  file = (int)syscall(SYS_memfd_create, "stdin", 1u);
  if (file >= 0) return file;
#endif
  file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file >= 0) return file;
  char path[] = "/tmp/qrew-stdin-XXXXXX";
  file = mkostemp(path, O_CLOEXEC);
  if (file >= 0) unlink(path);
  return file;
}

static int open_input(const struct attempt *attempt) {
  int file = open_unnamed();
  if (file < 0) return -1;
  size_t written = 0;
  while (written < attempt->stdin_length) {
    ssize_t count = write(file, attempt->stdin_text + written, attempt->stdin_length - written);
    if (count < 0) {
      if (errno == EINTR) continue;
      int error = errno;
      close(file);
      errno = error;
      return -1;
    }
    written += (size_t)count;
  }
  lseek(file, 0, SEEK_SET);
  return file;
}

static size_t name_length(const char *entry) { return (size_t)(strchrnul(entry, '=') - entry); }

/* The context's environment with the attempt's over it, by name; 0 or errno. */
static int merge_env(struct launch *launch) {
  const struct context *context = launch->context;
  const struct attempt *attempt = launch->attempt;
  size_t most = (size_t)context->env_count + attempt->env_count + 1;
  if ((uint64_t)attempt->env_count * most > ENV_PAIRS_MAX) return E2BIG;
  if (most > launch->envp_capacity) {
    char **grown = realloc(launch->envp, most * sizeof *grown);
    if (grown == NULL) return ENOMEM;
    launch->envp = grown;
    launch->envp_capacity = most;
  }
  char **envp = launch->envp;
  size_t count = context->env_count;
  if (count > 0) memcpy(envp, context->env, count * sizeof *envp);
  for (uint32_t i = 0; i < attempt->env_count; i++) {
    char *entry = attempt->env[i];
    size_t length = name_length(entry);
    size_t at = 0;
    for (; at < count; at++) {
      size_t other = at < context->env_count ? context->name_lengths[at] : name_length(envp[at]);
      if (other == length && memcmp(envp[at], entry, length) == 0) break;
    }
    envp[at] = entry;
    if (at == count) count++;
  }
  envp[count] = NULL;
  return 0;
}

static const char *find_path(char **envp) {
  for (; *envp != NULL; envp++) {
    if (strncmp(*envp, "PATH=", 5) == 0) return *envp + 5;
  }
  return DEFAULT_PATH;
}

static __attribute__((noinline)) pid_t fork_child(struct launch *launch) {
  pid_t pid = vfork();
  if (pid == 0) child(launch);
  return pid;
}

struct failure launch_prepare(struct server *server, struct launch *launch) {
  launch->failure.error = 0;
  launch->failure.step = "";
  atomic_store(&launch->child, 0);
  if (launch->context == NULL) return (struct failure){EINVAL, "context"};
  int error = merge_env(launch);
  if (error != 0) return (struct failure){error, error == ENOMEM ? "spawn" : "exec"};
  launch->parent = server->pid;
  launch->path = find_path(launch->envp);
  launch->input = launch->attempt->has_stdin ? open_input(launch->attempt) : server->null_input;
  launch->attempt->start_mono = mono_now();
  launch->attempt->start_wall = wall_now();
  if (launch->input < 0) return (struct failure){errno, "stdin"};
  return (struct failure){0, ""};
}

void launch_perform(struct launch *launch) {
  launch->pid = fork_child(launch);
  launch->fork_error = errno;
}

struct failure launch_conclude(struct server *server, struct launch *launch) {
  struct attempt *attempt = launch->attempt;
  pid_t pid = launch->pid;
  if (attempt->has_stdin) close(launch->input);
  if (pid < 0) return (struct failure){launch->fork_error, "spawn"};
  if (launch->failure.error != 0) {
    /* It ended before it could become anything; nobody else can know its pid. */
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
    return (struct failure){launch->failure.error, launch->failure.step};
  }
  attempt->pid = pid;
  attempt->leader_reaped = false;
  if (!table_add(&server->pids, &attempt->by_pid, hash_of((uint64_t)pid, 1))) {
    attempt->pid = 0;
    kill(-pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
    return (struct failure){ENOMEM, "spawn"};
  }
  return (struct failure){0, ""};
}
