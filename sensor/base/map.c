/*
 * Bytes to pointer.  The entries lie in one array in the order of insertion; an index of twice as many places, probed
 * linearly and hashed with the process's seed, says where.  A removed entry leaves a gap in the array, which the next
 * growth closes, so that a walk may remove what it meets.  Not for the packet path.  One thread.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/digest.h"
#include "base/map.h"

#define ROOM_FIRST 16
#define EMPTY UINT32_MAX

struct entry {
	uint8_t *key; /* NULL: removed */
	size_t size;
	uint64_t hash;
	void *value;
};

struct map {
	struct entry *entries;
	size_t room, end; /* places in entries; where the next goes */
	size_t count, max;
	uint32_t *index; /* 2 * room places, a power of two */
};

static inline uint64_t
hash_of(struct slice key)
{
	return hash64(key, hash_seed());
}

static inline size_t
mask_of(const struct map *map)
{
	return 2 * map->room - 1;
}

struct map *
map_new(size_t max)
{
	struct map *map = calloc(1, sizeof(*map));

	if (map != NULL)
		map->max = max > 0 ? max : SIZE_MAX;
	return map;
}

void
map_free(struct map *map, void (*free_value)(void *))
{
	if (map == NULL)
		return;
	for (size_t i = 0; i < map->end; i++) {
		if (map->entries[i].key != NULL && free_value != NULL)
			free_value(map->entries[i].value);
		free(map->entries[i].key);
	}
	free(map->entries);
	free(map->index);
	free(map);
}

/* The place in the index that points to key, or the empty one where it would. */
static size_t
place_of(const struct map *map, struct slice key, uint64_t hash)
{
	size_t mask = mask_of(map), at = hash & mask;

	for (; map->index[at] != EMPTY; at = (at + 1) & mask) {
		const struct entry *entry = &map->entries[map->index[at]];

		if (entry->hash == hash && slice_eq(slice_of(entry->key, entry->size), key))
			break;
	}
	return at;
}

static struct entry *
find(const struct map *map, struct slice key, size_t *ret_place)
{
	size_t place;

	if (map->room == 0)
		return NULL;
	place = place_of(map, key, hash_of(key));
	*ret_place = place;
	return map->index[place] != EMPTY ? &map->entries[map->index[place]] : NULL;
}

void *
map_get(const struct map *map, struct slice key)
{
	size_t place;
	struct entry *entry = find(map, key, &place);

	return entry != NULL ? entry->value : NULL;
}

/* The array is full: closes its gaps, and doubles it unless that has freed a good part. */
static enum cc_status
make_room(struct map *map)
{
	size_t room = map->room == 0 ? ROOM_FIRST : map->count > map->room / 4 * 3 ? 2 * map->room : map->room, end = 0;
	struct entry *entries;
	uint32_t *index;

	if (room > UINT32_MAX / 2)
		return CC_FULL;
	entries = malloc(room * sizeof(*entries));
	index = malloc(2 * room * sizeof(*index));
	if (entries == NULL || index == NULL) {
		free(entries);
		free(index);
		return CC_NOMEM;
	}
	memset(index, 0xff, 2 * room * sizeof(*index));
	for (size_t i = 0; i < map->end; i++) {
		size_t at = map->entries[i].hash & (2 * room - 1);

		if (map->entries[i].key == NULL)
			continue;
		while (index[at] != EMPTY)
			at = (at + 1) & (2 * room - 1);
		index[at] = (uint32_t)end;
		entries[end++] = map->entries[i];
	}
	free(map->entries);
	free(map->index);
	map->entries = entries;
	map->index = index;
	map->room = room;
	map->end = end;
	return CC_OK;
}

enum cc_status
map_put(struct map *map, struct slice key, void *value, void **ret_old)
{
	size_t place = 0;
	struct entry *entry = find(map, key, &place);
	enum cc_status st = CC_OK;
	uint64_t hash;
	uint8_t *copy;

	if (ret_old != NULL)
		*ret_old = entry != NULL ? entry->value : NULL;
	if (entry != NULL) {
		entry->value = value;
		return CC_OK;
	}
	if (map->count >= map->max)
		return CC_FULL;
	if (map->end == map->room && (st = make_room(map)) != CC_OK)
		return st;
	copy = malloc(key.size > 0 ? key.size : 1);
	if (copy == NULL)
		return CC_NOMEM;
	if (key.size > 0)
		memcpy(copy, key.p, key.size);
	hash = hash_of(key);
	map->index[place_of(map, key, hash)] = (uint32_t)map->end;
	map->entries[map->end++] = (struct entry){copy, key.size, hash, value};
	map->count++;
	return CC_OK;
}

/* Empties a place of the index and moves up those behind it that had passed it on their way (Knuth 6.4, R). */
static void
close_gap(struct map *map, size_t gap)
{
	size_t mask = mask_of(map), at = gap;

	for (;;) {
		size_t home;

		map->index[gap] = EMPTY;
		do {
			at = (at + 1) & mask;
			if (map->index[at] == EMPTY)
				return;
			home = map->entries[map->index[at]].hash & mask;
		} while (((at - home) & mask) < ((at - gap) & mask));
		map->index[gap] = map->index[at];
		gap = at;
	}
}

void *
map_remove(struct map *map, struct slice key)
{
	size_t place = 0;
	struct entry *entry = find(map, key, &place);
	void *value;

	if (entry == NULL)
		return NULL;
	value = entry->value;
	close_gap(map, place);
	free(entry->key); /* after the last look at key, which may be this one */
	*entry = (struct entry){NULL, 0, 0, NULL};
	map->count--;
	if (map->count == 0)
		map->end = 0;
	return value;
}

size_t
map_count(const struct map *map)
{
	return map->count;
}

bool
map_next(const struct map *map, size_t *at, struct slice *ret_key, void **ret_value)
{
	while (*at < map->end) {
		const struct entry *entry = &map->entries[(*at)++];

		if (entry->key == NULL)
			continue;
		*ret_key = slice_of(entry->key, entry->size);
		*ret_value = entry->value;
		return true;
	}
	return false;
}
