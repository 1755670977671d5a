/*
 * Frames that a mirror port sends twice, on their way in and out of the switch: the second differs in what a hop
 * changes, the link header, TTL and checksum, and comes soon.  A small fixed table of hashes with times; a pair that is
 * too far apart in frames is missed.  A host's own retransmission within the window counts as a copy too, so the window
 * should be short (a few milliseconds).
 */
#include "capture/inside.h"

#include <stdlib.h>

#define SETS 4096 /* a power of two */
#define WAYS 4

struct entry {
	uint64_t hash, time;
};

struct same {
	uint64_t window, seed;
	struct entry entry[SETS][WAYS];
};

struct same *
capture_same_new(uint64_t window)
{
	struct same *same = calloc(1, sizeof(*same));

	if (same == NULL)
		return NULL;
	same->window = window;
	same->seed = hash_seed();
	return same;
}

void
capture_same_free(struct same *same)
{
	free(same);
}

/* The network packet, where the link header is a common one; else an empty slice. */
static struct slice
network(const struct frame *frame)
{
	struct cur c = cur_of(frame->p, frame->size);
	uint16_t type;

	switch (frame->linktype) {
	case 1:
		cur_skip(&c, 12);
		break;
	case 113:
		cur_skip(&c, 14);
		break;
	case 12:
	case 14:
	case 101:
	case 228:
	case 229:
		return cur_rest(&c);
	default:
		return slice_of(NULL, 0);
	}
	type = cur_u16(&c);
	for (unsigned tags = 0; (type == 0x8100 || type == 0x88a8) && tags < 4; tags++) {
		cur_skip(&c, 2);
		type = cur_u16(&c);
	}
	return type == 0x0800 || type == 0x86dd ? cur_rest(&c) : slice_of(NULL, 0);
}

static uint64_t
frame_hash(const struct same *same, const struct frame *frame)
{
	struct cur c = cur_slice(network(frame)), h = c;
	uint8_t version = cur_u8(&h) >> 4, head[40];
	size_t size = version == 4 ? 20 : 40, total;

	cur_skip(&h, version == 4 ? 1 : 3);
	total = cur_u16(&h) + (version == 4 ? 0u : 40u);
	if ((version != 4 && version != 6) || cur_left(&c) < size)
		return hash64(slice_of(frame->p, frame->size), same->seed ^ frame->linktype);
	if (total >= size && total < cur_left(&c)) /* padding of short frames is nobody's */
		c = cur_slice(slice_of(c.p, total));
	memcpy(head, cur_bytes(&c, size), size);
	if (size == 20)
		head[8] = head[10] = head[11] = 0; /* TTL, checksum */
	else
		head[7] = 0; /* hop limit */
	return hash64(cur_rest(&c), hash64(slice_of(head, size), same->seed));
}

bool
capture_same_seen(struct same *same, const struct frame *frame)
{
	uint64_t hash = frame_hash(same, frame);
	struct entry *set = same->entry[hash & (SETS - 1)], *oldest = set;

	for (unsigned i = 0; i < WAYS; i++) {
		uint64_t apart = frame->time > set[i].time ? frame->time - set[i].time : set[i].time - frame->time;

		if (set[i].hash == hash && set[i].time != 0 && apart <= same->window) {
			set[i].time = 0; /* a third copy is the first of another pair */
			return true;
		}
		if (set[i].time < oldest->time)
			oldest = &set[i];
	}
	oldest->hash = hash;
	oldest->time = frame->time;
	return false;
}
