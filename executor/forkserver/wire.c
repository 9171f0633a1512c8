#include "wire.h"

#include <stdlib.h>
#include <string.h>

/* Two reads of a turn fit; see READ_BYTES_PER_TURN. */
#define KEEP_BYTES (512 * 1024)

static uint8_t *take(struct reader *reader, size_t bytes) {
  if (reader->failed || (size_t)(reader->end - reader->at) < bytes) {
    reader->failed = true;
    return NULL;
  }
  uint8_t *at = reader->at;
  reader->at += bytes;
  return at;
}

uint8_t read_u8(struct reader *reader) {
  const uint8_t *at = take(reader, 1);
  return at == NULL ? 0 : *at;
}

uint32_t read_u32(struct reader *reader) {
  const uint8_t *at = take(reader, 4);
  if (at == NULL) return 0;
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

char *read_str(struct reader *reader, size_t *length) {
  static char empty[1];
  uint8_t *start = reader->at;
  size_t bytes = read_u32(reader);
  const uint8_t *text = take(reader, bytes);
  if (text != NULL && memchr(text, 0, bytes) != NULL) reader->failed = true;
  if (text == NULL || reader->failed) {
    empty[0] = 0;
    if (length != NULL) *length = 0;
    return empty;
  }
  memmove(start, text, bytes);
  start[bytes] = 0;
  if (length != NULL) *length = bytes;
  return (char *)start;
}

uint32_t read_count(struct reader *reader) {
  uint32_t count = read_u32(reader);
  if (count > (size_t)(reader->end - reader->at) / 4) reader->failed = true;
  return reader->failed ? 0 : count;
}

bool read_finished(const struct reader *reader) {
  return !reader->failed && reader->at == reader->end;
}

void buffer_free(struct buffer *buffer) {
  free(buffer->bytes);
  memset(buffer, 0, sizeof *buffer);
}

void buffer_shrink(struct buffer *buffer) {
  if (buffer->capacity <= KEEP_BYTES || buffer->length > KEEP_BYTES) return;
  uint8_t *shrunk = realloc(buffer->bytes, KEEP_BYTES);
  if (shrunk == NULL) return;
  buffer->bytes = shrunk;
  buffer->capacity = KEEP_BYTES;
}

bool buffer_reserve(struct buffer *buffer, size_t bytes) {
  if (buffer->failed) return false;
  size_t needed = buffer->length + bytes;
  if (needed <= buffer->capacity) return true;
  size_t capacity = buffer->capacity == 0 ? 16 * 1024 : buffer->capacity;
  while (capacity < needed) capacity *= 2;
  uint8_t *grown = realloc(buffer->bytes, capacity);
  if (grown == NULL) {
    buffer->failed = true;
    return false;
  }
  buffer->bytes = grown;
  buffer->capacity = capacity;
  return true;
}

size_t frame_begin(struct buffer *buffer, uint8_t type) {
  size_t frame = buffer->length;
  write_u32(buffer, 0);
  write_u8(buffer, type);
  return frame;
}

static void put_u32(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)value;
  at[1] = (uint8_t)(value >> 8);
  at[2] = (uint8_t)(value >> 16);
  at[3] = (uint8_t)(value >> 24);
}

void frame_end(struct buffer *buffer, size_t frame) {
  if (buffer->failed) return;
  put_u32(buffer->bytes + frame, (uint32_t)(buffer->length - frame - 4));
}

void write_u8(struct buffer *buffer, uint8_t value) {
  if (!buffer_reserve(buffer, 1)) return;
  buffer->bytes[buffer->length++] = value;
}

void write_u32(struct buffer *buffer, uint32_t value) {
  if (!buffer_reserve(buffer, 4)) return;
  put_u32(buffer->bytes + buffer->length, value);
  buffer->length += 4;
}

void write_u64(struct buffer *buffer, uint64_t value) {
  write_u32(buffer, (uint32_t)value);
  write_u32(buffer, (uint32_t)(value >> 32));
}

void write_str(struct buffer *buffer, const char *text) {
  write_bytes(buffer, (const uint8_t *)text, (uint32_t)strlen(text));
}

void write_bytes(struct buffer *buffer, const uint8_t *bytes, uint32_t length) {
  write_u32(buffer, length);
  if (length == 0 || !buffer_reserve(buffer, length)) return;
  memcpy(buffer->bytes + buffer->length, bytes, length);
  buffer->length += length;
}
