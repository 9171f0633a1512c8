/*
 * S: how fast this machine starts and reaps processes when nothing is kept of them. posix_spawn and wait in a loop.
 *
 *   spawn [--parallel K] [--count N] [--output FOLDER] [--each] -- PROGRAM [ARGUMENT]...
 *   spawn [--parallel K] [--output FOLDER] --list FILE
 *   spawn --serve -- PROGRAM [ARGUMENT]...
 *
 * At most K processes (default 1) live at a time. The list has one command per line, its arguments separated by tabs.
 * What they print goes nowhere, or with --output each one's stdout into a file FOLDER/NUMBER of its own. Prints one line of JSON:
 * the seconds from the first start to the last end, the number of processes that failed, and with --each the microseconds
 * of each. With --serve: a process for each byte that comes in, and a byte when it has ended, until nothing comes any more. Exit code 2 for wrong arguments, 1 where a process cannot be started.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct run {
  long parallel;
  long count;
  const char *output;
  const char *list;
  int each;
  int serve;
  char **command;
  FILE *report;
};

static _Noreturn void fail(const char *what, const char *which, int code) {
  fprintf(stderr, "spawn: %s %s\n", what, which);
  exit(code);
}

static double seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static long positive(const char *name, const char *text) {
  char *end;
  long value = text == NULL ? 0 : strtol(text, &end, 10);
  if (value < 1 || *end != 0) fail("not a positive number:", name, 2);
  return value;
}

static struct run parse(char **argument) {
  struct run run = {.parallel = 1, .count = 1};
  for (argument++; *argument != NULL; argument++) {
    if (strcmp(*argument, "--") == 0) {
      run.command = argument + 1;
      break;
    }
    if (strcmp(*argument, "--each") == 0) {
      run.each = 1;
      continue;
    }
    if (strcmp(*argument, "--serve") == 0) {
      run.serve = 1;
      continue;
    }
    const char *name = *argument++;
    if (*argument == NULL) fail("no value for", name, 2);
    if (strcmp(name, "--parallel") == 0) run.parallel = positive(name, *argument);
    else if (strcmp(name, "--count") == 0) run.count = positive(name, *argument);
    else if (strcmp(name, "--output") == 0) run.output = *argument;
    else if (strcmp(name, "--list") == 0) run.list = *argument;
    else fail("no such argument:", name, 2);
  }
  int is_command = run.command != NULL && *run.command != NULL;
  if (is_command == (run.list != NULL)) fail("give either --list or", "-- PROGRAM", 2);
  if (run.serve && !is_command) fail("give -- PROGRAM with", "--serve", 2);
  if (run.each && run.parallel > 1) fail("times are told of processes one after another:", "--each", 2);
  return run;
}

/* All commands of the list, cut in place; never freed. */
static char ***read_list(const char *path, long *count) {
  FILE *file = fopen(path, "re");
  if (file == NULL) fail("cannot read", path, 1);
  char ***commands = NULL;
  char *line = NULL;
  size_t capacity = 0;
  ssize_t length;
  for (*count = 0; (length = getline(&line, &capacity, file)) > 0;) {
    if (line[length - 1] == '\n') line[length - 1] = 0;
    size_t words = 2;
    for (const char *at = line; *at != 0; at++) words += *at == '\t';
    char **command = calloc(words, sizeof *command);
    commands = realloc(commands, (size_t)(*count + 1) * sizeof *commands);
    char *rest = strdup(line);
    if (command == NULL || commands == NULL || rest == NULL) fail("no memory for", path, 1);
    for (size_t word = 0; rest != NULL; word++) command[word] = strsep(&rest, "\t");
    commands[(*count)++] = command;
  }
  free(line);
  fclose(file);
  return commands;
}

static void start(const struct run *run, char **command, long number) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  char path[4096];
  if (run->output != NULL) {
    snprintf(path, sizeof path, "%s/%ld", run->output, number);
    posix_spawn_file_actions_addopen(&actions, 1, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  }
  extern char **environ;
  pid_t pid;
  int error = posix_spawn(&pid, command[0], run->output == NULL ? NULL : &actions, NULL, command, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) fail(strerror(error), command[0], 1);
}

/* 1 if it failed. */
static int await_one(void) {
  int status;
  while (wait(&status) < 0) {
    if (errno != EINTR) fail("nothing to wait for:", strerror(errno), 1);
  }
  return status != 0;
}

/* Requests come one by one: whoever asks waits for the answer. */
static void serve(const struct run *run, int requests) {
  char byte;
  while (read(requests, &byte, 1) == 1) {
    start(run, run->command, 0);
    if (await_one() != 0) fail("it failed:", run->command[0], 1);
    fputc(byte, run->report);
    fflush(run->report);
  }
}

int main(int argc, char **argv) {
  if (argc < 2) fail("give a program, or a list of them", "", 2);
  struct run run = parse(argv);
  char ***commands = run.list == NULL ? NULL : read_list(run.list, &run.count);
  double *seconds = run.each ? calloc((size_t)run.count, sizeof *seconds) : NULL;
  if (run.each && seconds == NULL) fail("no memory for", "--each", 1);

  run.report = fdopen(fcntl(1, F_DUPFD_CLOEXEC, 3), "w");
  int requests = fcntl(0, F_DUPFD_CLOEXEC, 3);
  int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (run.report == NULL || nowhere < 0) fail("cannot open", "/dev/null", 1);
  dup2(nowhere, 0);
  dup2(nowhere, 1);
  if (run.serve) {
    serve(&run, requests);
    return 0;
  }

  long failed = 0;
  double began = seconds_now();
  for (long number = 0, living = 0; number < run.count || living > 0;) {
    while (living < run.parallel && number < run.count) {
      if (run.each) seconds[number] = seconds_now();
      start(&run, commands == NULL ? run.command : commands[number], number);
      number++;
      living++;
    }
    failed += await_one();
    living--;
    if (run.each) seconds[number - 1] = seconds_now() - seconds[number - 1];
  }
  fprintf(run.report, "{\"seconds\": %.6f, \"failed\": %ld", seconds_now() - began, failed);
  for (long number = 0; run.each && number < run.count; number++) {
    fprintf(run.report, "%s%.1f", number == 0 ? ", \"micros\": [" : ", ", seconds[number] * 1e6);
  }
  fprintf(run.report, run.each ? "]}\n" : "}\n");
  return fclose(run.report) == 0 ? 0 : 1;
}
