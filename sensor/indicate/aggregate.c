/*
 * Repeats of an indicator: the first sight passes at once, later ones are counted, and when the window closes one
 * update with the sum passes.
 *
 * All windows are of one length, so that they close in the order in which they opened: a list is all the clock there
 * is. Bounded by indicate.max: beyond it the oldest window closes early.  What passes depends on the records and their
 * times alone.  The courier's thread.
 */
#include "indicate/indicate.h"

#include <stdlib.h>

struct window {
	struct window *next; /* the next to be opened */
	uint8_t key[32];
	uint64_t due;
	uint64_t last, count;
	enum cc_proof proof;
	enum cc_tlp tlp;
	uint8_t severity;
	size_t size;
	uint8_t bytes[]; /* the first sight, encoded */
};

struct aggregate {
	aggregate_fn *fn;
	void *ctx;
	uint64_t length, max;
	uint64_t repeats, early;
	struct map *map;
	struct window *oldest, **newest;
	struct buf encoded;
};

struct aggregate *
aggregate_new(const struct conf *conf, aggregate_fn *fn, void *ctx)
{
	struct aggregate *aggregate = calloc(1, sizeof(*aggregate));

	if (aggregate == NULL)
		return NULL;
	aggregate->fn = fn;
	aggregate->ctx = ctx;
	aggregate->length = conf->indicate_window;
	aggregate->max = conf->indicate_max;
	aggregate->newest = &aggregate->oldest;
	buf_open(&aggregate->encoded, RECORD_SIZE_MAX);
	aggregate->map = map_new(0);
	if (aggregate->map == NULL) {
		aggregate_free(aggregate);
		return NULL;
	}
	return aggregate;
}

void
aggregate_free(struct aggregate *aggregate)
{
	struct window *next;

	if (aggregate == NULL)
		return;
	for (struct window *w = aggregate->oldest; w != NULL; w = next) {
		next = w->next;
		free(w);
	}
	map_free(aggregate->map, NULL);
	buf_close(&aggregate->encoded);
	free(aggregate);
}

/* Ends the oldest window: its sum goes out when there is one. */
static void
close_oldest(struct aggregate *aggregate)
{
	struct window *w = aggregate->oldest;
	struct cc_record rec;

	aggregate->oldest = w->next;
	if (aggregate->oldest == NULL)
		aggregate->newest = &aggregate->oldest;
	(void)map_remove(aggregate->map, slice_of(w->key, sizeof(w->key)));
	if (w->count > 1 && record_decode(slice_of(w->bytes, w->size), &rec) == CC_OK) {
		rec.last = w->last;
		rec.count = w->count;
		rec.proof = w->proof;
		rec.tlp = w->tlp;
		rec.severity = w->severity;
		aggregate->fn(aggregate->ctx, &rec, true);
	}
	free(w);
}

static void
open_window(struct aggregate *aggregate, const struct cc_record *rec, const uint8_t key[32])
{
	struct window *w;

	while (map_count(aggregate->map) >= aggregate->max) {
		close_oldest(aggregate);
		aggregate->early++;
	}
	buf_clear(&aggregate->encoded);
	if (record_encode(rec, &aggregate->encoded) != CC_OK)
		return;
	/* Without memory every sight is a first one. */
	w = malloc(sizeof(*w) + aggregate->encoded.size);
	if (w == NULL)
		return;
	*w = (struct window){
	    .due = rec->last + aggregate->length,
	    .last = rec->last,
	    .count = rec->count,
	    .proof = rec->proof,
	    .tlp = rec->tlp,
	    .severity = rec->severity,
	    .size = aggregate->encoded.size,
	};
	memcpy(w->key, key, sizeof(w->key));
	memcpy(w->bytes, aggregate->encoded.p, w->size);
	if (map_put(aggregate->map, slice_of(w->key, sizeof(w->key)), w, NULL) != CC_OK) {
		free(w);
		return;
	}
	*aggregate->newest = w;
	aggregate->newest = &w->next;
}

void
aggregate_add(struct aggregate *aggregate, const struct cc_record *rec)
{
	uint8_t key[32];
	struct window *w;

	aggregate_tick(aggregate, rec->last);
	record_key(rec, key);
	w = map_get(aggregate->map, slice_of(key, sizeof(key)));
	if (w == NULL) {
		open_window(aggregate, rec, key);
		aggregate->fn(aggregate->ctx, rec, false);
		return;
	}
	aggregate->repeats++;
	w->count += rec->count;
	if (rec->last > w->last)
		w->last = rec->last;
	if (rec->proof > w->proof)
		w->proof = rec->proof;
	if (rec->tlp > w->tlp)
		w->tlp = rec->tlp;
	if (rec->severity < w->severity)
		w->severity = rec->severity;
}

void
aggregate_tick(struct aggregate *aggregate, uint64_t now)
{
	while (aggregate->oldest != NULL && aggregate->oldest->due <= now)
		close_oldest(aggregate);
}

void
aggregate_flush(struct aggregate *aggregate)
{
	while (aggregate->oldest != NULL)
		close_oldest(aggregate);
}

uint64_t
aggregate_repeats(const struct aggregate *aggregate)
{
	return aggregate->repeats;
}

uint64_t
aggregate_early(const struct aggregate *aggregate)
{
	return aggregate->early;
}
