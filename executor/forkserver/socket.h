/* The socket path: claimed by one forkserver at a time. */
#ifndef QREW_SOCKET_H
#define QREW_SOCKET_H

#include "server.h"

/* Binds and listens. False: the reason is on standard error. */
bool claim_socket(struct server *server);
/* Removes the path if it still is ours. */
void release_socket(const struct server *server);

#endif
