/* Frames as bytes: a cursor over a received payload, and a growing buffer of frames to send. */
#ifndef QREW_WIRE_H
#define QREW_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A fault is remembered, and what is read after it is zero or "": decoders look once, at the end. */
struct reader {
  uint8_t *at;
  uint8_t *end;
  bool failed;
};

uint8_t read_u8(struct reader *reader);
uint32_t read_u32(struct reader *reader);
/* The text is moved over its own length field and ended with a zero: valid as long as the payload, no copy. */
char *read_str(struct reader *reader, size_t *length);
/* The count of a list whose items have at least four bytes each; a count that cannot be is a fault. */
uint32_t read_count(struct reader *reader);
/* All was well, and nothing is left over. */
bool read_finished(const struct reader *reader);

struct buffer {
  uint8_t *bytes;
  size_t length;
  size_t sent;
  size_t capacity;
  /* No memory: what is in it is incomplete, close the connection. */
  bool failed;
};

void buffer_free(struct buffer *buffer);
/* Gives memory back that one large frame has needed. */
void buffer_shrink(struct buffer *buffer);
bool buffer_reserve(struct buffer *buffer, size_t bytes);
/* Returns the offset of the frame, for frame_end. */
size_t frame_begin(struct buffer *buffer, uint8_t type);
void frame_end(struct buffer *buffer, size_t frame);
void write_u8(struct buffer *buffer, uint8_t value);
void write_u32(struct buffer *buffer, uint32_t value);
void write_u64(struct buffer *buffer, uint64_t value);
void write_str(struct buffer *buffer, const char *text);
/* Like a text, but any bytes. */
void write_bytes(struct buffer *buffer, const uint8_t *bytes, uint32_t length);

#endif
