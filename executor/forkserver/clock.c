#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "server.h"

static uint64_t now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (uint64_t)time.tv_sec * NANOS_PER_SECOND + (uint64_t)time.tv_nsec;
}

uint64_t mono_now(void) { return now(CLOCK_MONOTONIC); }

uint64_t wall_now(void) { return now(CLOCK_REALTIME); }

void log_line(const char *format, ...) {
  static unsigned lines;
  if (++lines > LOG_LINES_MAX) return;
  char stamp[32];
  time_t seconds = time(NULL);
  struct tm utc;
  gmtime_r(&seconds, &utc);
  strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc);
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  dprintf(2, "%s %s\n", stamp, text);
}
