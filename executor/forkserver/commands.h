/* What a connection asks for. */
#ifndef QREW_COMMANDS_H
#define QREW_COMMANDS_H

#include "connection.h"

/* One frame: type and payload. A frame that cannot be understood refuses the connection. */
void handle_command(struct server *server, struct connection *connection, struct reader *reader);

#endif
