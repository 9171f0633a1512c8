#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* The lock ends with the process, whatever kills it; the file stays, since removing it would open a race. */
static bool lock(struct server *server) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s.lock", server->options.socket_path);
  server->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (server->lock < 0) {
    fprintf(stderr, "forkserver: cannot open %s: %s\n", path, strerror(errno));
    return false;
  }
  if (flock(server->lock, LOCK_EX | LOCK_NB) == 0) return true;
  fprintf(stderr, "forkserver: %s is already served\n", server->options.socket_path);
  return false;
}

/* A listener that is not ours: the TypeScript twin knows no lock. */
static bool is_served(const struct sockaddr_un *address) {
  int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  bool served = connect(probe, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN;
  close(probe);
  return served;
}

bool claim_socket(struct server *server) {
  const char *path = server->options.socket_path;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (path[0] != '/' || strlen(path) >= sizeof address.sun_path) {
    fprintf(stderr, "forkserver: --socket has to be an absolute path of at most %zu bytes\n",
            sizeof address.sun_path - 1);
    return false;
  }
  memcpy(address.sun_path, path, strlen(path) + 1);
  if (!lock(server)) return false;
  if (is_served(&address)) {
    fprintf(stderr, "forkserver: %s is already served\n", path);
    return false;
  }
  unlink(path);
  server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  mode_t mask = umask(0177);
  bool bound = server->listener >= 0 && bind(server->listener, (struct sockaddr *)&address, sizeof address) == 0 &&
               listen(server->listener, SOMAXCONN) == 0;
  umask(mask);
  struct stat status;
  if (!bound || stat(path, &status) < 0) {
    fprintf(stderr, "forkserver: cannot listen on %s: %s\n", path, strerror(errno));
    return false;
  }
  server->socket_device = status.st_dev;
  server->socket_inode = status.st_ino;
  return true;
}

void release_socket(const struct server *server) {
  struct stat status;
  if (stat(server->options.socket_path, &status) < 0) return;
  if (status.st_dev != server->socket_device || status.st_ino != server->socket_inode) return;
  unlink(server->options.socket_path);
}
