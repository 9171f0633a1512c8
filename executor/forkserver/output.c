/*
 * Of a stream beyond the bound only the first and last half keep their disk blocks. The file keeps its length, so whoever
 * reads it knows what is missing: everything between the halves.
 */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES 4096

static void punch(struct server *server, const char *path, int64_t *punched) {
  int64_t half = (int64_t)(server->options.output_bytes_max / 2);
  struct stat status;
  if (lstat(path, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size <= 2 * half) return;
  int64_t from = (half + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
  int64_t to = (status.st_size - half) / BLOCK_BYTES * BLOCK_BYTES;
  if (*punched > from) from = *punched;
  if (to <= from) return;
  int file = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (file < 0) return;
  if (fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, to - from) == 0) *punched = to;
  close(file);
}

static bool has_own_file(const struct attempt *attempt, int stream) {
  return attempt->lent[stream] == NULL && !attempt->is_inline[stream];
}

void punch_output(struct server *server, struct attempt *attempt) {
  if (has_own_file(attempt, 0)) punch(server, attempt->stdout_path, &attempt->punched[0]);
  if (strcmp(attempt->stdout_path, attempt->stderr_path) == 0) return;
  if (has_own_file(attempt, 1)) punch(server, attempt->stderr_path, &attempt->punched[1]);
}

void punch_running(struct server *server) {
  for (struct attempt *attempt = server->first; attempt != NULL; attempt = attempt->next) {
    if (attempt->state == ATTEMPT_RUNNING) punch_output(server, attempt);
  }
}
