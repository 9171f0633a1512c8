/*
 * The forkserver: starts, watches, stops and reaps the processes of attempts for a TaskExecutor that may die and be
 * replaced. Its socket is described in protocol/forkserver.md.
 *
 * starting: claims the socket, becomes a daemon; the process that was started exits 0 when the socket listens.
 * serving: one thread with one epoll reads, reaps, stops what is to be stopped, starts what may start, writes; launchers.h has threads
 * that take turns with it and start short attempts one after another.
 * leaving: on SIGTERM, or alone for too long: all attempts are stopped, then it exits and takes its socket with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attempts.h"
#include "connection.h"
#include "due.h"
#include "hunt.h"
#include "launchers.h"
#include "output.h"
#include "reap.h"
#include "slices.h"
#include "socket.h"
#include "spool.h"

#define EXIT_USAGE 2

static const char usage[] =
    "usage: forkserver --socket PATH [--log FILE] [--alone-seconds N] [--idle-seconds N] [--output-bytes-max N]\n"
    "       [--spool FOLDER] [--launchers N]\n";

static bool parse_number(const char *text, uint64_t *number) {
  char *end;
  errno = 0;
  unsigned long long value = strtoull(text, &end, 10);
  if (errno != 0 || end == text || *end != 0 || *text == '-' || value > UINT64_MAX / NANOS_PER_SECOND) return false;
  *number = value;
  return true;
}

static bool parse_options(int argc, char **argv, struct options *options) {
  static const struct option known[] = {
      {"socket", required_argument, NULL, 's'},        {"log", required_argument, NULL, 'l'},
      {"alone-seconds", required_argument, NULL, 'a'}, {"idle-seconds", required_argument, NULL, 'i'},
      {"output-bytes-max", required_argument, NULL, 'o'}, {"spool", required_argument, NULL, 'p'},
      {"launchers", required_argument, NULL, 't'},
      {NULL, 0, NULL, 0},
  };
  uint64_t alone_seconds = ALONE_SECONDS_DEFAULT;
  uint64_t idle_seconds = IDLE_SECONDS_DEFAULT;
  options->output_bytes_max = OUTPUT_BYTES_MAX_DEFAULT;
  options->launchers = UINT64_MAX;
  bool valid = true;
  int option;
  while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
    if (option == 's') options->socket_path = optarg;
    else if (option == 'l') options->log_path = optarg;
    else if (option == 'p') options->spool = optarg;
    else if (option == 'a') valid = valid && parse_number(optarg, &alone_seconds);
    else if (option == 'i') valid = valid && parse_number(optarg, &idle_seconds);
    else if (option == 'o') valid = valid && parse_number(optarg, &options->output_bytes_max);
    else if (option == 't') valid = valid && parse_number(optarg, &options->launchers);
    else valid = false;
  }
  options->alone_ns = alone_seconds * NANOS_PER_SECOND;
  options->idle_ns = idle_seconds * NANOS_PER_SECOND;
  return valid && optind == argc && options->socket_path != NULL;
}

static void close_inherited(void) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, 3u, ~0u, 0u) == 0) return;
#endif
  long most = sysconf(_SC_OPEN_MAX);
  for (int file = 3; file < most && file < 65536; file++) close(file);
}

/*
 * Every disposition is the default one, for good: children inherit it without a call. What we want to know of is
 * blocked and comes through a descriptor; writing to a socket that nobody reads is asked not to raise SIGPIPE.
 */
static bool prepare_signals(struct server *server) {
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGCHLD);
  sigaddset(&mask, SIGTERM);
  sigaddset(&mask, SIGINT);
  sigaddset(&mask, SIGHUP);
  sigaddset(&mask, SIGPIPE);
  /* Somebody opens a file on which we hold a lease, which we do for an instant only. */
  sigaddset(&mask, SIGIO);
  sigaddset(&mask, CALL_BACK_SIGNAL);
  if (sigprocmask(SIG_SETMASK, &mask, NULL) < 0) return false;
  sigdelset(&mask, SIGPIPE);
  sigdelset(&mask, SIGIO);
  sigdelset(&mask, CALL_BACK_SIGNAL);
  server->signals_watched = mask;
  server->children_watched = true;
  server->signals = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
  return server->signals >= 0;
}

/* The process that was started leaves here with 0; its grandchild goes on in a session of its own. */
static bool become_daemon(struct server *server) {
  int log = open(server->options.log_path == NULL ? "/dev/null" : server->options.log_path,
                 O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
  if (log < 0) {
    fprintf(stderr, "forkserver: cannot open the log %s: %s\n", server->options.log_path, strerror(errno));
    return false;
  }
  server->null_input = open("/dev/null", O_RDONLY | O_CLOEXEC);
  pid_t child = server->null_input < 0 ? -1 : fork();
  if (child < 0) {
    fprintf(stderr, "forkserver: cannot become a daemon: %s\n", strerror(errno));
    return false;
  }
  if (child > 0) _exit(0);
  setsid();
  pid_t grandchild = fork();
  if (grandchild < 0) log_line("no second fork (%s): serving as leader of the session", strerror(errno));
  if (grandchild > 0) _exit(0);
  if (chdir("/") < 0) log_line("cannot change to /: %s", strerror(errno));
  umask(077);
  dup2(server->null_input, 0);
  dup2(log, 1);
  dup2(log, 2);
  close(log);
  server->pid = getpid();
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  ask_for_short_slices();
  return true;
}

static bool watch(const struct server *server, int file, const void *tag) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = (void *)tag};
  return epoll_ctl(server->epoll, EPOLL_CTL_ADD, file, &event) == 0;
}

static void leave(struct server *server, const char *reason) {
  if (server->leaving) return;
  server->leaving = true;
  log_line("leaving: %s", reason);
  struct attempt *next;
  for (struct attempt *attempt = server->first; attempt != NULL; attempt = next) {
    next = attempt->next;
    stop_attempt(server, attempt, LEAVE_GRACE_MS);
  }
}

/* Several at a time: where fewer come than fit, no more are there, and a call that would say so is spared. */
static void read_signals(struct server *server) {
  struct signalfd_siginfo infos[8];
  ssize_t bytes;
  do {
    bytes = read(server->signals, infos, sizeof infos);
    for (size_t i = 0; bytes > 0 && i < (size_t)bytes / sizeof infos[0]; i++) {
      if (infos[i].ssi_signo == SIGTERM || infos[i].ssi_signo == SIGINT) leave(server, "asked by a signal");
    }
  } while (bytes == (ssize_t)sizeof infos);
}

/*
 * Linux counts into the peak memory of a child that was started by vfork the peak of its parent. Ours is set back to what
 * we use now (proc(5), clear_refs), so that one large batch does not show in all attempts after it.
 */
static void forget_peak_memory(void) {
  int file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  if (write(file, "5", 1) < 0) log_line("cannot set back the peak memory: %s", strerror(errno));
  close(file);
}

static void look_at_time(struct server *server) {
  uint64_t now = mono_now();
  if (server->running > 0 && now >= server->punch_at) {
    punch_running(server);
    forget_peak_memory();
    server->punch_at = now + PUNCH_TICK_MS * NANOS_PER_MS;
  }
  spool_name_due(server, now);
  launchers_call_back(server, now);
  if (now >= leave_at(server)) leave(server, "alone for too long");
  if (may_finish(server)) server->finished = true;
}

static void clear_wake(const struct server *server) {
  eventfd_t count;
  /* Whatever it says, all is looked at. */
  if (eventfd_read(launchers_descriptor(server), &count) < 0) return;
}

static void serve(struct server *server) {
  struct epoll_event events[64];
  bool more = false;
  turn_take(server);
  while (!server->finished) {
    int wait = plan_wait(server, more);
    turn_give(server);
    int count = epoll_wait(server->epoll, events, 64, wait);
    turn_take(server);
    end_wait(server);
    for (int i = 0; i < count; i++) {
      void *tag = events[i].data.ptr;
      if (tag == &server->launchers) clear_wake(server);
      else if (tag == &server->listener) accept_connections(server);
      else if (tag == &server->signals) read_signals(server);
      else connection_read(server, tag);
    }
    reap(server);
    settle_draining(server);
    hunts_turn(server);
    more = start_some(server);
    look_at_time(server);
    flush_connections(server);
  }
}

int main(int argc, char **argv) {
  static struct server server;
  if (!parse_options(argc, argv, &server.options)) {
    fputs(usage, stderr);
    return EXIT_USAGE;
  }
  close_inherited();
  if (!claim_socket(&server)) return EXIT_FAILURE;
  server.epoll = epoll_create1(EPOLL_CLOEXEC);
  if (server.epoll < 0 || !prepare_signals(&server)) {
    fprintf(stderr, "forkserver: cannot prepare to wait: %s\n", strerror(errno));
    return EXIT_FAILURE;
  }
  if (!become_daemon(&server)) return EXIT_FAILURE;
  server.alone_since = mono_now();
  spool_prepare(&server);
  if (!launchers_open(&server) || !watch(&server, launchers_descriptor(&server), &server.launchers) ||
      !watch(&server, server.listener, &server.listener) || !watch(&server, server.signals, &server.signals)) {
    log_line("cannot wait for connections: %s", strerror(errno));
    return EXIT_FAILURE;
  }
  log_line("serving %s as %d", server.options.socket_path, server.pid);
  serve(&server);
  spool_close(&server);
  release_socket(&server);
  return EXIT_SUCCESS;
}
