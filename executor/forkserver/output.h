/* Keeps the output of attempts within its bound. */
#ifndef QREW_OUTPUT_H
#define QREW_OUTPUT_H

#include "server.h"

/* Frees the disk blocks in the middle of streams that have outgrown the bound. */
void punch_output(struct server *server, struct attempt *attempt);
/* The same for all running attempts; once a second. */
void punch_running(struct server *server);

#endif
