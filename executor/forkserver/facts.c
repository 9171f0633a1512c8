#include "facts.h"

#include "connection.h"

enum fact_type {
  FACT_WELCOME = 129,
  FACT_STARTED = 130,
  FACT_ENDED = 131,
  FACT_QUEUED = 132,
  FACT_LISTED = 133,
  FACT_CAP_SET = 134,
  FACT_JOB_CLOSED = 135,
  FACT_REPORT = 136,
  FACT_REFUSED = 137,
};

#define FLAVOUR_C 1

static void write_key(struct buffer *out, struct key key) {
  write_u32(out, key.job);
  write_u32(out, key.task);
  write_u32(out, key.attempt);
}

static void write_started(struct buffer *out, const struct attempt *attempt) {
  size_t frame = frame_begin(out, FACT_STARTED);
  write_key(out, attempt->key);
  write_u32(out, (uint32_t)attempt->pid);
  write_u64(out, attempt->start_mono);
  write_u64(out, attempt->start_wall);
  frame_end(out, frame);
}

static uint64_t micros(struct timeval time) { return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec; }

#define STREAM_INLINE 0
#define STREAM_FILE 1

static void write_stream(struct buffer *out, const struct attempt *attempt, int stream, const char *path) {
  if (attempt->is_inline[stream]) {
    write_u8(out, STREAM_INLINE);
    write_bytes(out, attempt->inline_bytes[stream], attempt->inline_length[stream]);
  } else {
    write_u8(out, STREAM_FILE);
    write_str(out, path);
  }
}

static void write_ended(struct buffer *out, const struct attempt *attempt) {
  bool started = attempt->pid != 0;
  size_t frame = frame_begin(out, FACT_ENDED);
  write_key(out, attempt->key);
  write_u8(out, (uint8_t)attempt->outcome);
  write_u32(out, attempt->code);
  write_str(out, attempt->outcome == OUTCOME_NOT_STARTED ? attempt->step : "");
  write_u32(out, attempt->survivors);
  write_u8(out, started);
  write_u64(out, started ? attempt->start_mono : 0);
  write_u64(out, started ? attempt->start_wall : 0);
  write_u64(out, attempt->end_mono);
  write_u64(out, attempt->end_wall);
  write_u8(out, started);
  write_u64(out, started ? micros(attempt->usage.ru_utime) : 0);
  write_u64(out, started ? micros(attempt->usage.ru_stime) : 0);
  write_u64(out, started ? (uint64_t)attempt->usage.ru_maxrss * 1024 : 0);
  write_stream(out, attempt, 0, attempt->stdout_path);
  write_stream(out, attempt, 1, attempt->stderr_path);
  frame_end(out, frame);
}

/* A fact that can wait for others. */
static void hold_facts(struct server *server) {
  if (server->controller->out.length > 0) return;
  server->facts_due_at = mono_now() + FACTS_HOLD_MS * NANOS_PER_MS;
}

uint64_t facts_due_at(const struct server *server) {
  const struct connection *controller = server->controller;
  if (controller == NULL || controller->waits_for_room) return UINT64_MAX;
  if (controller->out.length == 0 && !controller->out.failed) return UINT64_MAX;
  return facts_may_wait(server, controller) ? server->facts_due_at : 0;
}

bool facts_may_wait(const struct server *server, const struct connection *connection) {
  if (connection != server->controller || connection->closing || connection->waits_for_room) return false;
  if (connection->out.failed || server->facts_urgent || server->leaving || server->finished) return false;
  return connection->out.length < FACTS_HOLD_BYTES && mono_now() < server->facts_due_at;
}

void say_started(struct server *server, const struct attempt *attempt) {
  if (server->controller == NULL) return;
  hold_facts(server);
  write_started(&server->controller->out, attempt);
}

void say_ended(struct server *server, const struct attempt *attempt, bool urgent) {
  if (server->controller == NULL) return;
  hold_facts(server);
  if (urgent) server->facts_urgent = true;
  write_ended(&server->controller->out, attempt);
}

void say_cap_set(struct server *server, const struct job *job, uint32_t serial) {
  if (server->controller == NULL) return;
  server->facts_urgent = true;
  struct buffer *out = &server->controller->out;
  size_t frame = frame_begin(out, FACT_CAP_SET);
  write_u32(out, job->id);
  write_u32(out, serial);
  write_u32(out, (uint32_t)job->running_milli);
  frame_end(out, frame);
}

void say_job_closed(struct server *server, uint32_t job, uint32_t ended, uint32_t survivors) {
  if (server->controller == NULL) return;
  server->facts_urgent = true;
  struct buffer *out = &server->controller->out;
  size_t frame = frame_begin(out, FACT_JOB_CLOSED);
  write_u32(out, job);
  write_u32(out, ended);
  write_u32(out, survivors);
  frame_end(out, frame);
}

void say_welcome(const struct server *server, struct buffer *out, bool control) {
  size_t frame = frame_begin(out, FACT_WELCOME);
  write_u32(out, FORKSERVER_VERSION);
  write_u32(out, (uint32_t)server->pid);
  write_u8(out, FLAVOUR_C);
  frame_end(out, frame);
  if (!control) return;
  for (const struct attempt *attempt = server->first; attempt != NULL; attempt = attempt->next) {
    if (attempt->state == ATTEMPT_RUNNING) {
      write_started(out, attempt);
    } else if (attempt->state == ATTEMPT_ENDED) {
      write_ended(out, attempt);
    } else {
      frame = frame_begin(out, FACT_QUEUED);
      write_key(out, attempt->key);
      frame_end(out, frame);
    }
  }
  frame = frame_begin(out, FACT_LISTED);
  frame_end(out, frame);
}

void say_report(const struct server *server, struct buffer *out) {
  size_t frame = frame_begin(out, FACT_REPORT);
  write_u32(out, server->running);
  write_u32(out, (uint32_t)server->running_milli);
  write_u32(out, server->queued);
  write_u32(out, server->held);
  frame_end(out, frame);
}

void say_refused(struct buffer *out, const char *reason) {
  size_t frame = frame_begin(out, FACT_REFUSED);
  write_str(out, reason);
  frame_end(out, frame);
}
