/* A hash table whose links are inside its items: finding, adding and removing without memory of their own. */
#ifndef QREW_TABLE_H
#define QREW_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct node {
  struct node *next;
  uint64_t hash;
};

struct table {
  struct node **buckets;
  size_t bucket_count;
  size_t count;
};

uint64_t hash_of(uint64_t a, uint64_t b);
/* First item of this hash, and the next one of the same; the caller compares the rest of the key. */
struct node *table_first(const struct table *table, uint64_t hash);
struct node *table_next(const struct node *node);
/* False: no memory for a first bucket. */
bool table_add(struct table *table, struct node *node, uint64_t hash);
void table_remove(struct table *table, struct node *node);

#define ITEM_OF(node, type, member) ((type *)(void *)((char *)(node) - offsetof(type, member)))

#endif
