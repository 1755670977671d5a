/*
 * A hash table from bytes to a pointer, for loading and for the courier; grows up to max entries (malloc inside).  The
 * flow table and other things of the packet path have their own.  Keyed hash against flooding.  One thread.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "concert/slice.h"
#include "concert/status.h"

struct map;

struct map *map_new(size_t max); /* max 0: no limit; NULL: no memory */
void map_free(struct map *map, void (*free_value)(void *)); /* free_value may be NULL */

void *map_get(const struct map *map, struct slice key); /* NULL: not there */
/* Copies the key.  A value that is there already is replaced, and returned in *ret_old (may be NULL). */
enum cc_status map_put(struct map *map, struct slice key, void *value, void **ret_old);
void *map_remove(struct map *map, struct slice key);
size_t map_count(const struct map *map);
/* Walk: start with *at = 0; false at the end.  In order of insertion when nothing was removed. */
bool map_next(const struct map *map, size_t *at, struct slice *ret_key, void **ret_value);

#endif
