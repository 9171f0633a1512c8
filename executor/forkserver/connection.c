#include "connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "commands.h"
#include "facts.h"

void accept_connections(struct server *server) {
  for (;;) {
    int socket = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket < 0) {
      /* The peer goes on knocking; without a pause that would keep a cpu busy until there are descriptors again. */
      if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) usleep(ACCEPT_PAUSE_US);
      return;
    }
    struct connection *connection = NULL;
    if (server->connection_count < CONNECTIONS_MAX) connection = calloc(1, sizeof *connection);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (connection == NULL || epoll_ctl(server->epoll, EPOLL_CTL_ADD, socket, &event) < 0) {
      free(connection);
      close(socket);
      continue;
    }
    connection->socket = socket;
    connection->next = server->connections;
    server->connections = connection;
    server->connection_count++;
  }
}

void connection_close(struct server *server, struct connection *connection) {
  struct connection **link = &server->connections;
  while (*link != connection) link = &(*link)->next;
  *link = connection->next;
  server->connection_count--;
  if (server->controller == connection) {
    server->controller = NULL;
    server->alone_since = mono_now();
  }
  /* A child that is just executing still has a copy of the descriptor: closing ours would not end the watch. */
  epoll_ctl(server->epoll, EPOLL_CTL_DEL, connection->socket, NULL);
  close(connection->socket);
  buffer_free(&connection->in);
  buffer_free(&connection->out);
  free(connection);
}

void connection_refuse(struct connection *connection, const char *reason) {
  if (connection->closing) return;
  say_refused(&connection->out, reason);
  connection->closing = true;
}

void take_control(struct server *server, struct connection *connection) {
  if (server->controller == connection) return;
  if (server->controller != NULL) {
    connection_refuse(server->controller, "another controller has taken over");
  }
  server->controller = connection;
}

static uint32_t frame_length(const uint8_t *at) {
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void handle_frames(struct server *server, struct connection *connection) {
  struct buffer *in = &connection->in;
  size_t at = 0;
  while (!connection->closing && in->length - at >= 4) {
    uint32_t length = frame_length(in->bytes + at);
    if (length == 0 || length > FRAME_BYTES_MAX) {
      char reason[96];
      snprintf(reason, sizeof reason, "a frame of %u bytes; 1 to %u are allowed", length, FRAME_BYTES_MAX);
      log_line("refused: %s", reason);
      connection_refuse(connection, reason);
      return;
    }
    if (in->length - at - 4 < length) break;
    struct reader reader = {.at = in->bytes + at + 4, .end = in->bytes + at + 4 + length};
    handle_command(server, connection, &reader);
    at += 4 + length;
  }
  if (at == 0) return;
  memmove(in->bytes, in->bytes + at, in->length - at);
  in->length -= at;
  buffer_shrink(in);
}

void connection_read(struct server *server, struct connection *connection) {
  struct buffer *in = &connection->in;
  if (!buffer_reserve(in, READ_BYTES_PER_TURN)) {
    connection_close(server, connection);
    return;
  }
  ssize_t count = recv(connection->socket, in->bytes + in->length, READ_BYTES_PER_TURN, 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) {
    connection_close(server, connection);
    return;
  }
  if (connection->closing) return;
  in->length += (size_t)count;
  handle_frames(server, connection);
}

static void watch(struct server *server, struct connection *connection, bool waits_for_room) {
  if (connection->waits_for_room == waits_for_room) return;
  connection->waits_for_room = waits_for_room;
  uint32_t events = EPOLLIN | (waits_for_room ? (uint32_t)EPOLLOUT : 0);
  struct epoll_event event = {.events = events, .data.ptr = connection};
  epoll_ctl(server->epoll, EPOLL_CTL_MOD, connection->socket, &event);
}

/* False: the connection is of no more use. */
static bool flush(struct server *server, struct connection *connection) {
  struct buffer *out = &connection->out;
  if (out->failed) return false;
  while (out->sent < out->length) {
    size_t rest = out->length - out->sent;
    ssize_t count = send(connection->socket, out->bytes + out->sent, rest, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno != EAGAIN) return false;
    if (count < 0) {
      watch(server, connection, true);
      if (rest > UNSENT_BYTES_MAX) log_line("a reader is %zu bytes behind: closed", rest);
      if (out->sent > rest) {
        memmove(out->bytes, out->bytes + out->sent, rest);
        out->sent = 0;
        out->length = rest;
      }
      return rest <= UNSENT_BYTES_MAX;
    }
    out->sent += (size_t)count;
  }
  out->sent = 0;
  out->length = 0;
  buffer_shrink(out);
  watch(server, connection, false);
  return true;
}

void flush_connections(struct server *server) {
  struct connection *next;
  for (struct connection *connection = server->connections; connection != NULL; connection = next) {
    next = connection->next;
    if (facts_may_wait(server, connection)) continue;
    const struct buffer *out = &connection->out;
    bool usable = !out->failed && (out->length == 0 || flush(server, connection));
    if (!usable || connection->closing) connection_close(server, connection);
  }
  server->facts_urgent = false;
}
