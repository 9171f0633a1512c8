/*
 * Stands for a task of a recorded workflow: sleeps for its recorded time, then writes its output files with their sizes.
 *
 *   replay [--seconds S] [--write PATH=BYTES]...
 *
 * Folders of the paths are made. Exit code 0; 1 if a file cannot be written; 2 for wrong arguments, before it sleeps.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BLOCK_BYTES (1024 * 1024)

static char block[BLOCK_BYTES];

static int fail(const char *what, const char *which, int code) {
  fprintf(stderr, "replay: %s %s\n", what, which);
  return code;
}

static int is_number(const char *text, int with_fraction) {
  size_t digits = strspn(text, "0123456789");
  if (digits == 0) return 0;
  if (with_fraction && text[digits] == '.') digits += 1 + strspn(text + digits + 1, "0123456789");
  return text[digits] == '\0';
}

/* The kernel continues a sleep that a signal interrupted with what is left of it. */
static void sleep_for(double seconds) {
  struct timespec left = {.tv_sec = (time_t)seconds};
  left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

static int make_folders(char *path) {
  for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    int result = mkdir(path, 0777);
    *slash = '/';
    if (result != 0 && errno != EEXIST) return -1;
  }
  return 0;
}

static int write_file(char *path, unsigned long long bytes) {
  if (make_folders(path) != 0) return -1;
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) return -1;
  while (bytes > 0) {
    ssize_t written = write(file, block, bytes < BLOCK_BYTES ? bytes : BLOCK_BYTES);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      int reason = errno;
      close(file);
      errno = reason;
      return -1;
    }
    bytes -= (unsigned long long)written;
  }
  return close(file);
}

int main(int argc, char **argv) {
  double seconds = 0;
  if (argc % 2 == 0) return fail("an argument has no value:", argv[argc - 1], 2);
  for (int index = 1; index < argc; index += 2) {
    const char *value = argv[index + 1];
    const char *equals = strrchr(value, '=');
    if (strcmp(argv[index], "--seconds") == 0 && is_number(value, 1)) seconds = strtod(value, NULL);
    else if (strcmp(argv[index], "--write") == 0 && equals != NULL && equals != value && is_number(equals + 1, 0)) continue;
    else return fail("wrong argument", argv[index], 2);
  }
  sleep_for(seconds);
  for (int index = 1; index < argc; index += 2) {
    if (strcmp(argv[index], "--write") != 0) continue;
    char *equals = strrchr(argv[index + 1], '=');
    *equals = '\0';
    if (write_file(argv[index + 1], strtoull(equals + 1, NULL, 10)) != 0) {
      fprintf(stderr, "replay: %s cannot be written: %s\n", argv[index + 1], strerror(errno));
      return 1;
    }
  }
  return 0;
}
