/* Files for the output of attempts: lent to short ones again and again, since making and removing one costs a tenth of a start. */
#ifndef QREW_SPOOL_H
#define QREW_SPOOL_H

#include "server.h"

/* What an earlier forkserver left of its own is removed. */
void spool_prepare(const struct server *server);
/* Gives the attempt files for those of its streams whose path lies in the spool folder; without one it makes its own. */
void spool_lend(struct server *server, struct attempt *attempt);
/* It was not started: its files are free again. */
void spool_take_back(struct server *server, struct attempt *attempt);
/* It runs. */
void spool_watch(struct server *server, struct attempt *attempt);
/* It has ended: short output is read, long output gets the attempt's name. */
void spool_collect(struct server *server, struct attempt *attempt);
/* What runs for a while gets files of its own name, where it can be read while it grows. */
void spool_name_due(struct server *server, uint64_t now);
/* When the next one is due; UINT64_MAX if none. */
uint64_t spool_due_at(const struct server *server);
/* Frees what was read. */
void spool_forget(struct attempt *attempt);
/* Removes the files that are lent to nobody. */
void spool_close(struct server *server);

#endif
