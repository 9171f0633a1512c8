/*
 * A file is lent under a number of its own, which is never given twice. The child opens it for writing; here it is open for
 * reading only. It is lent again only when nobody has it open for writing any more, which a read lease proves (fcntl(2),
 * F_SETLEASE): what a stray of one attempt still writes must never stand in the output of another.
 */
#include "spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "pool-"
/* The folder, a slash, the prefix, a number and a zero. */
#define PATH_ROOM(folder_bytes) ((folder_bytes) + sizeof "/" PREFIX + 20)

static void discard(struct spool_file *file) {
  unlink(file->path);
  close(file->reader);
  free(file);
}

static struct spool_file *make(struct server *server) {
  size_t room = PATH_ROOM(strlen(server->options.spool));
  struct spool_file *file = malloc(sizeof *file + room);
  if (file == NULL) return NULL;
  file->next = NULL;
  snprintf(file->path, room, "%s/" PREFIX "%" PRIu64, server->options.spool, server->spool_made++);
  file->reader = open(file->path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);
  if (file->reader >= 0) return file;
  free(file);
  return NULL;
}

static struct spool_file *lend(struct server *server) {
  struct spool_file *file = server->spool_free;
  if (file == NULL) return make(server);
  server->spool_free = file->next;
  server->spool_free_count--;
  return file;
}

static void give_back(struct server *server, struct spool_file *file) {
  if (server->spool_free_count >= SPOOL_FREE_MAX) {
    discard(file);
    return;
  }
  file->next = server->spool_free;
  server->spool_free = file;
  server->spool_free_count++;
}

/* Nobody writes to it any more, it is where it was made, and it is empty. */
static bool make_reusable(const struct spool_file *file, const struct stat *status) {
  if (status->st_nlink != 1) return false;
  if (fcntl(file->reader, F_SETLEASE, F_RDLCK) < 0) return false;
  fcntl(file->reader, F_SETLEASE, F_UNLCK);
  return status->st_size == 0 || truncate(file->path, 0) == 0;
}

static bool lies_in_spool(const struct server *server, const char *path) {
  const char *folder = server->options.spool;
  if (folder == NULL) return false;
  size_t length = strlen(folder);
  return strncmp(path, folder, length) == 0 && path[length] == '/' && strchr(path + length + 1, '/') == NULL;
}

static const char *stream_path(const struct attempt *attempt, int stream) {
  return stream == 0 ? attempt->stdout_path : attempt->stderr_path;
}

void spool_prepare(const struct server *server) {
  DIR *folder = server->options.spool == NULL ? NULL : opendir(server->options.spool);
  if (folder == NULL) return;
  for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
    if (strncmp(entry->d_name, PREFIX, sizeof PREFIX - 1) != 0) continue;
    /* A task may have put a folder in its place. */
    if (unlinkat(dirfd(folder), entry->d_name, 0) < 0) unlinkat(dirfd(folder), entry->d_name, AT_REMOVEDIR);
  }
  closedir(folder);
}

void spool_lend(struct server *server, struct attempt *attempt) {
  if (strcmp(attempt->stdout_path, attempt->stderr_path) == 0) return;
  for (int stream = 0; stream < 2; stream++) {
    if (lies_in_spool(server, stream_path(attempt, stream))) attempt->lent[stream] = lend(server);
  }
}

void spool_take_back(struct server *server, struct attempt *attempt) {
  for (int stream = 0; stream < 2; stream++) {
    struct spool_file *file = attempt->lent[stream];
    attempt->lent[stream] = NULL;
    if (file != NULL) give_back(server, file);
  }
}

void spool_watch(struct server *server, struct attempt *attempt) {
  if (attempt->lent[0] == NULL && attempt->lent[1] == NULL) return;
  attempt->is_young = true;
  attempt->young_next = NULL;
  attempt->young_previous = server->young_last;
  if (server->young_last != NULL) server->young_last->young_next = attempt;
  else server->young_first = attempt;
  server->young_last = attempt;
}

static void unwatch(struct server *server, struct attempt *attempt) {
  if (!attempt->is_young) return;
  attempt->is_young = false;
  if (attempt->young_previous != NULL) attempt->young_previous->young_next = attempt->young_next;
  else server->young_first = attempt->young_next;
  if (attempt->young_next != NULL) attempt->young_next->young_previous = attempt->young_previous;
  else server->young_last = attempt->young_previous;
}

/* From now on the file is the attempt's. */
static void give_away(struct attempt *attempt, int stream) {
  struct spool_file *file = attempt->lent[stream];
  attempt->lent[stream] = NULL;
  if (rename(file->path, stream_path(attempt, stream)) < 0) {
    log_line("cannot name %s: %s", stream_path(attempt, stream), strerror(errno));
  }
  attempt->is_named[stream] = true;
  close(file->reader);
  free(file);
}

/* False: it is too long, or there is no room for it. */
static bool read_short(struct server *server, struct attempt *attempt, int stream, int file, off_t size) {
  if (size > INLINE_BYTES_MAX || server->attempt_bytes + (uint64_t)size > ATTEMPT_BYTES_MAX) return false;
  attempt->is_inline[stream] = true;
  if (size == 0) return true;
  uint8_t *bytes = malloc((size_t)size);
  ssize_t count = bytes == NULL ? -1 : pread(file, bytes, (size_t)size, 0);
  if (count != size) {
    free(bytes);
    attempt->is_inline[stream] = false;
    return false;
  }
  attempt->inline_bytes[stream] = bytes;
  attempt->inline_length[stream] = (uint32_t)size;
  attempt->bytes += (size_t)size;
  server->attempt_bytes += (uint64_t)size;
  return true;
}

static void collect_named(struct server *server, struct attempt *attempt, int stream) {
  const char *path = stream_path(attempt, stream);
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) return;
  struct stat status;
  bool regular = fstat(file, &status) == 0 && S_ISREG(status.st_mode);
  if (regular && read_short(server, attempt, stream, file, status.st_size)) unlink(path);
  close(file);
}

void spool_collect(struct server *server, struct attempt *attempt) {
  unwatch(server, attempt);
  for (int stream = 0; stream < 2; stream++) {
    struct spool_file *file = attempt->lent[stream];
    if (attempt->is_named[stream]) collect_named(server, attempt, stream);
    if (file == NULL) continue;
    struct stat status;
    if (fstat(file->reader, &status) < 0 ||
        !read_short(server, attempt, stream, file->reader, status.st_size)) {
      give_away(attempt, stream);
      continue;
    }
    attempt->lent[stream] = NULL;
    if (make_reusable(file, &status)) give_back(server, file);
    else discard(file);
  }
}

uint64_t spool_due_at(const struct server *server) {
  return server->young_first == NULL ? UINT64_MAX : server->young_first->start_mono + NAME_MS * NANOS_PER_MS;
}

void spool_name_due(struct server *server, uint64_t now) {
  while (spool_due_at(server) <= now) {
    struct attempt *attempt = server->young_first;
    unwatch(server, attempt);
    for (int stream = 0; stream < 2; stream++) {
      if (attempt->lent[stream] != NULL) give_away(attempt, stream);
    }
  }
}

void spool_forget(struct attempt *attempt) {
  free(attempt->inline_bytes[0]);
  free(attempt->inline_bytes[1]);
}

void spool_close(struct server *server) {
  while (server->spool_free != NULL) {
    struct spool_file *file = server->spool_free;
    server->spool_free = file->next;
    discard(file);
  }
}
