/* Connections: bytes in, bytes out, and who is the controller. */
#ifndef QREW_CONNECTION_H
#define QREW_CONNECTION_H

#include "server.h"

struct connection {
  struct connection *next;
  int socket;
  struct buffer in;
  struct buffer out;
  bool greeted;
  /* Waiting for room to write. */
  bool waits_for_room;
  /* Was refused: close it. */
  bool closing;
};

void accept_connections(struct server *server);
void connection_read(struct server *server, struct connection *connection);
void connection_close(struct server *server, struct connection *connection);
/* Tells the peer why and closes the connection at the end of the turn. */
void connection_refuse(struct connection *connection, const char *reason);
/* From now on the facts go here; the earlier controller is refused. */
void take_control(struct server *server, struct connection *connection);
/* Writes what there is to write, and closes what is to be closed. */
void flush_connections(struct server *server);

#endif
