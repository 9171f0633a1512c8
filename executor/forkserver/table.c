#include "table.h"

#include <stdlib.h>

uint64_t hash_of(uint64_t a, uint64_t b) {
  uint64_t hash = (a ^ (b << 32 | b >> 32)) * 0x9e3779b97f4a7c15ull;
  hash ^= hash >> 29;
  hash *= 0xbf58476d1ce4e5b9ull;
  return hash ^ hash >> 32;
}

struct node *table_first(const struct table *table, uint64_t hash) {
  if (table->bucket_count == 0) return NULL;
  struct node *node = table->buckets[hash & (table->bucket_count - 1)];
  while (node != NULL && node->hash != hash) node = node->next;
  return node;
}

struct node *table_next(const struct node *node) {
  struct node *next = node->next;
  while (next != NULL && next->hash != node->hash) next = next->next;
  return next;
}

/* Without memory the table stays as it is, with longer chains. */
static void grow(struct table *table) {
  size_t bucket_count = table->bucket_count == 0 ? 64 : table->bucket_count * 2;
  struct node **buckets = calloc(bucket_count, sizeof *buckets);
  if (buckets == NULL) return;
  for (size_t i = 0; i < table->bucket_count; i++) {
    struct node *node = table->buckets[i];
    while (node != NULL) {
      struct node *next = node->next;
      struct node **bucket = &buckets[node->hash & (bucket_count - 1)];
      node->next = *bucket;
      *bucket = node;
      node = next;
    }
  }
  free(table->buckets);
  table->buckets = buckets;
  table->bucket_count = bucket_count;
}

bool table_add(struct table *table, struct node *node, uint64_t hash) {
  if (table->count >= table->bucket_count) grow(table);
  if (table->bucket_count == 0) return false;
  struct node **bucket = &table->buckets[hash & (table->bucket_count - 1)];
  node->hash = hash;
  node->next = *bucket;
  *bucket = node;
  table->count++;
  return true;
}

void table_remove(struct table *table, struct node *node) {
  struct node **link = &table->buckets[node->hash & (table->bucket_count - 1)];
  while (*link != NULL && *link != node) link = &(*link)->next;
  if (*link == NULL) return;
  *link = node->next;
  table->count--;
}
