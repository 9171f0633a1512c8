/* The ends of child processes. */
#ifndef QREW_REAP_H
#define QREW_REAP_H

#include "server.h"

/* Reaps all that have ended, adopted orphans among them. */
void reap(struct server *server);
/* The first process of an attempt has ended. */
void reap_leader(struct server *server, struct attempt *attempt);
/* Concludes the attempts whose groups are gone by now. */
void settle_draining(struct server *server);

#endif
