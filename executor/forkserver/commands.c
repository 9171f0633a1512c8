#include "commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attempts.h"
#include "facts.h"
#include "hunt.h"

enum command_type {
  COMMAND_HELLO = 1,
  COMMAND_CONTEXT = 2,
  COMMAND_SPAWN = 3,
  COMMAND_SET_CAP = 4,
  COMMAND_STOP = 5,
  COMMAND_ACKNOWLEDGE = 6,
  COMMAND_CLOSE_JOB = 7,
  COMMAND_REPORT = 8,
  COMMAND_LEAVE = 9,
  COMMAND_SUSPEND_JOB = 10,
};

static struct key read_key(struct reader *reader) {
  struct key key;
  key.job = read_u32(reader);
  key.task = read_u32(reader);
  key.attempt = read_u32(reader);
  return key;
}

/* NULL with a failed reader: malformed; NULL without: no memory. `spare` entries are left free before the strings. */
static char **read_list(struct reader *reader, uint32_t *count) {
  *count = read_count(reader);
  if (reader->failed) return NULL;
  char **list = calloc((size_t)*count + 1, sizeof *list);
  if (list == NULL) return NULL;
  for (uint32_t i = 0; i < *count; i++) list[i] = read_str(reader, NULL);
  return list;
}

static bool hello(struct server *server, struct connection *connection, struct reader *reader) {
  uint32_t version = read_u32(reader);
  uint8_t control = read_u8(reader);
  if (!read_finished(reader) || control > 1) return false;
  if (version != FORKSERVER_VERSION) {
    char reason[96];
    snprintf(reason, sizeof reason, "version %u is spoken here, not %u", FORKSERVER_VERSION, version);
    connection_refuse(connection, reason);
    return true;
  }
  connection->greeted = true;
  if (control == 1) take_control(server, connection);
  server->facts_urgent = true;
  say_welcome(server, &connection->out, control == 1);
  return true;
}

static struct reader copy_payload(const struct reader *reader, uint8_t *payload) {
  size_t bytes = (size_t)(reader->end - reader->at);
  memcpy(payload, reader->at, bytes);
  return (struct reader){.at = payload, .end = payload + bytes};
}

static bool context(struct server *server, struct reader *frame) {
  uint32_t id = read_u32(frame);
  if (frame->failed) return false;
  struct context *made = calloc(1, sizeof *made + (size_t)(frame->end - frame->at));
  if (made == NULL) return true;
  struct reader reader = copy_payload(frame, made->payload);
  made->directory = read_str(&reader, NULL);
  made->umask = read_u32(&reader) & 0777;
  made->env = read_list(&reader, &made->env_count);
  if (!read_finished(&reader)) {
    bool malformed = reader.failed || made->env != NULL;
    context_free(made);
    return !malformed;
  }
  made->name_lengths = calloc((size_t)made->env_count + 1, sizeof *made->name_lengths);
  struct job *job = made->name_lengths == NULL ? NULL : job_open(server, id);
  if (job == NULL) {
    /* Its attempts are then refused for want of a context. */
    log_line("no room for the context of job %u", id);
    context_free(made);
    return true;
  }
  for (uint32_t i = 0; i < made->env_count; i++) {
    made->name_lengths[i] = (uint32_t)(strchrnul(made->env[i], '=') - made->env[i]);
  }
  context_free(job->context);
  job->context = made;
  job->reopened = job->closing;
  return true;
}

/* False: malformed, or no memory (the reader has not failed then). */
static bool read_spawn(struct reader *reader, struct attempt *attempt) {
  attempt->key = read_key(reader);
  attempt->cpus_milli = read_u32(reader);
  attempt->pool_id = read_u32(reader);
  attempt->arguments = read_list(reader, &attempt->argc);
  if (attempt->arguments == NULL) return false;
  if (attempt->argc == 0) reader->failed = true;
  attempt->env = read_list(reader, &attempt->env_count);
  if (attempt->env == NULL) return false;
  attempt->workdir = read_str(reader, NULL);
  uint8_t has_stdin = read_u8(reader);
  attempt->has_stdin = has_stdin == 1;
  attempt->stdin_text = read_str(reader, &attempt->stdin_length);
  attempt->stdout_path = read_str(reader, NULL);
  attempt->stderr_path = read_str(reader, NULL);
  attempt->mark = read_str(reader, NULL);
  uint8_t follows = read_u8(reader);
  attempt->follows = follows == 1;
  attempt->after.job = attempt->key.job;
  attempt->after.task = read_u32(reader);
  attempt->after.attempt = read_u32(reader);
  if (follows > 1) reader->failed = true;
  if (has_stdin > 1 || !read_finished(reader)) reader->failed = true;
  return !reader->failed;
}

static void refuse_start(struct attempt *attempt, const char *step, int error) {
  attempt->outcome = OUTCOME_NOT_STARTED;
  attempt->step = step;
  attempt->code = (uint32_t)error;
}

/* Told, and not held. */
static void refuse_for_want_of_room(struct server *server, struct attempt *attempt) {
  refuse_start(attempt, "spawn", EAGAIN);
  attempt->end_mono = mono_now();
  attempt->end_wall = wall_now();
  say_ended(server, attempt, true);
  attempt_free(attempt);
}

static void queue_or_refuse(struct server *server, struct attempt *attempt) {
  struct job *job = job_find(server, attempt->key.job);
  uint64_t bytes = server->attempt_bytes + attempt->bytes;
  if (server->leaving || server->attempts.count >= ATTEMPTS_MAX || bytes > ATTEMPT_BYTES_MAX) {
    refuse_for_want_of_room(server, attempt);
  } else if (job != NULL && job->closing && !job->reopened) {
    attempt->outcome = OUTCOME_WITHDRAWN;
    attempt_hold_unqueued(server, attempt);
  } else if (job == NULL || job->context == NULL) {
    refuse_start(attempt, "context", EINVAL);
    attempt_hold_unqueued(server, attempt);
  } else {
    /* Opened if need be: until it is given a cap, nothing starts in it. */
    struct job *pool = attempt->pool_id == job->id ? job : job_open(server, attempt->pool_id);
    if (pool == NULL) refuse_for_want_of_room(server, attempt);
    else attempt_accept(server, job, pool, attempt);
  }
}

static bool spawn(struct server *server, struct reader *frame) {
  size_t bytes = sizeof(struct attempt) + (size_t)(frame->end - frame->at);
  struct attempt *attempt = calloc(1, bytes);
  if (attempt == NULL) return true;
  struct reader reader = copy_payload(frame, attempt->payload);
  attempt->bytes = bytes;
  attempt->step = "";
  if (!read_spawn(&reader, attempt)) {
    /* Without memory not even a refusal can be kept; the controller finds the attempt missing in the next list. */
    attempt_free(attempt);
    return !reader.failed;
  }
  if (attempt_find(server, attempt->key) != NULL) {
    attempt_free(attempt);
    return true;
  }
  queue_or_refuse(server, attempt);
  return true;
}

static bool set_cap(struct server *server, struct reader *reader) {
  uint32_t id = read_u32(reader);
  uint32_t serial = read_u32(reader);
  uint32_t cap_milli = read_u32(reader);
  if (!read_finished(reader)) return false;
  struct job *job = job_open(server, id);
  if (job == NULL) return true;
  job->cap_milli = cap_milli;
  say_cap_set(server, job, serial);
  pool_kick(server, job);
  return true;
}

static bool stop(struct server *server, struct reader *reader) {
  struct key key = read_key(reader);
  uint32_t grace_ms = read_u32(reader);
  if (!read_finished(reader)) return false;
  struct attempt *attempt = attempt_find(server, key);
  /* The largest grace only withdraws: an attempt that has started meanwhile goes on. */
  bool withdraws = grace_ms == UINT32_MAX;
  if (attempt != NULL && (!withdraws || attempt->state == ATTEMPT_QUEUED || attempt->state == ATTEMPT_FOLLOWING)) {
    stop_attempt(server, attempt, grace_ms);
  }
  return true;
}

static bool suspend_job(struct server *server, struct reader *reader) {
  uint32_t id = read_u32(reader);
  uint8_t suspended = read_u8(reader);
  if (!read_finished(reader) || suspended > 1) return false;
  struct job *job = job_find(server, id);
  if (job != NULL) job_suspend(server, job, suspended == 1);
  return true;
}

static bool acknowledge(struct server *server, struct reader *reader) {
  struct key key = read_key(reader);
  if (!read_finished(reader)) return false;
  struct attempt *attempt = attempt_find(server, key);
  if (attempt != NULL && attempt->state == ATTEMPT_ENDED) attempt_forget(server, attempt);
  return true;
}

static bool close_job_command(struct server *server, struct reader *reader) {
  uint32_t id = read_u32(reader);
  uint32_t grace_ms = read_u32(reader);
  const char *mark = read_str(reader, NULL);
  /* An empty prefix would be everybody's. */
  if (!read_finished(reader) || *mark == 0) return false;
  close_job(server, id, grace_ms, mark);
  return true;
}

/* What is being closed is closed first. */
static bool leave(struct server *server, const struct reader *reader) {
  if (!read_finished(reader)) return false;
  server->leave_asked = server->first == NULL;
  return true;
}

static bool report(struct server *server, struct connection *connection, const struct reader *reader) {
  if (!read_finished(reader)) return false;
  server->facts_urgent = true;
  say_report(server, &connection->out);
  return true;
}

/* False: unknown or malformed. */
static bool control(struct server *server, uint8_t type, struct reader *reader) {
  server->leave_asked = false;
  switch (type) {
    case COMMAND_CONTEXT:
      return context(server, reader);
    case COMMAND_SPAWN:
      return spawn(server, reader);
    case COMMAND_SET_CAP:
      return set_cap(server, reader);
    case COMMAND_STOP:
      return stop(server, reader);
    case COMMAND_ACKNOWLEDGE:
      return acknowledge(server, reader);
    case COMMAND_CLOSE_JOB:
      return close_job_command(server, reader);
    case COMMAND_LEAVE:
      return leave(server, reader);
    case COMMAND_SUSPEND_JOB:
      return suspend_job(server, reader);
    default:
      return false;
  }
}

void handle_command(struct server *server, struct connection *connection, struct reader *reader) {
  uint8_t type = read_u8(reader);
  bool understood;
  if (type == COMMAND_HELLO) {
    understood = hello(server, connection, reader);
  } else if (!connection->greeted) {
    connection_refuse(connection, "the first frame has to be a hello");
    return;
  } else if (type == COMMAND_REPORT) {
    understood = report(server, connection, reader);
  } else if (server->controller != connection && type >= COMMAND_CONTEXT && type <= COMMAND_SUSPEND_JOB) {
    connection_refuse(connection, "only the controller may ask for this");
    return;
  } else {
    understood = control(server, type, reader);
  }
  if (understood) return;
  char reason[96];
  snprintf(reason, sizeof reason, "a frame of type %u that cannot be understood", type);
  log_line("refused: %s", reason);
  connection_refuse(connection, reason);
}
