/*
 * Repeats of an indicator: the first sight passes at once, later ones are counted, and when the window closes one
 * update with the sum passes.
 *
 * All windows are of one length, so that they close in the order in which they opened: a list is all the clock there
 * is. Bounded by indicate.max: beyond it the oldest window closes early.  What passes depends on the records and their
 * times alone.
 *
 * Who wants to go on where another left off writes down the changes and gives them to the next one: a window that
 * closed is 'C' and its key; one that opened or counted is 'W', key, due, last, count, latest, gaps, proof, marking,
 * severity, the size of its first sight, and that, once.  The courier's thread.
 */
#include "indicate/indicate.h"

#include <stdlib.h>

#define GAPS 15              /* between repeats, the first ones: what a period is told from */
#define GAPS_LEAST 5
#define CLOSED_MAX (1u << 20) /* bytes of windows that closed, between two looks: then all is written anew */

struct window {
	struct window *next; /* the next to be opened */
	struct window *changed_before, *changed_next;
	bool changed, known; /* since the last look; at the last look */
	uint8_t key[32];
	uint64_t due;
	uint64_t last, count;
	uint64_t latest;     /* start of the last one that came, for the gap to the next */
	uint32_t gap[GAPS];  /* ms */
	uint8_t gaps;
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
	struct window *changed_first, *changed_last; /* in the order in which they changed first */
	struct buf closed;   /* changes that are not told yet */
	bool looked_at;      /* somebody writes down the changes */
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
	buf_open(&aggregate->closed, CLOSED_MAX);
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
	buf_close(&aggregate->closed);
	free(aggregate);
}

/* ---- changes ---- */

static void
note_change(struct aggregate *aggregate, struct window *w)
{
	if (w->changed || !aggregate->looked_at)
		return;
	w->changed = true;
	w->changed_next = NULL;
	w->changed_before = aggregate->changed_last;
	if (aggregate->changed_last != NULL)
		aggregate->changed_last->changed_next = w;
	else
		aggregate->changed_first = w;
	aggregate->changed_last = w;
}

static void
forget_change(struct aggregate *aggregate, struct window *w)
{
	if (!w->changed)
		return;
	if (w->changed_before != NULL)
		w->changed_before->changed_next = w->changed_next;
	else
		aggregate->changed_first = w->changed_next;
	if (w->changed_next != NULL)
		w->changed_next->changed_before = w->changed_before;
	else
		aggregate->changed_last = w->changed_before;
	w->changed = false;
}

static void
note_close(struct aggregate *aggregate, struct window *w)
{
	forget_change(aggregate, w);
	if (!w->known)
		return;
	buf_add_u8(&aggregate->closed, 'C');
	buf_add(&aggregate->closed, w->key, sizeof(w->key));
}

static void
put_number(struct buf *out, uint64_t n, unsigned bytes)
{
	while (bytes > 0)
		buf_add_u8(out, (uint8_t)(n >> 8 * --bytes));
}

static void
put_window(struct buf *out, struct window *w)
{
	buf_add_u8(out, 'W');
	buf_add(out, w->key, sizeof(w->key));
	put_number(out, w->due, 8);
	put_number(out, w->last, 8);
	put_number(out, w->count, 8);
	put_number(out, w->latest, 8);
	buf_add_u8(out, w->gaps);
	for (unsigned i = 0; i < w->gaps; i++)
		put_number(out, w->gap[i], 4);
	buf_add_u8(out, (uint8_t)w->proof);
	buf_add_u8(out, (uint8_t)w->tlp);
	buf_add_u8(out, w->severity);
	put_number(out, w->known ? 0 : w->size, 4);
	if (!w->known)
		buf_add(out, w->bytes, w->size);
	w->known = true;
}

bool
aggregate_changes(struct aggregate *aggregate, bool all, struct buf *out)
{
	struct window *w;

	all = all || !aggregate->looked_at || aggregate->closed.full;
	aggregate->looked_at = true;
	if (!all)
		buf_add_slice(out, buf_slice(&aggregate->closed));
	buf_clear(&aggregate->closed);
	while ((w = aggregate->changed_first) != NULL) {
		forget_change(aggregate, w);
		if (!all)
			put_window(out, w);
	}
	for (w = all ? aggregate->oldest : NULL; w != NULL; w = w->next) {
		w->known = false;
		put_window(out, w);
	}
	return all;
}

static void
restore_window(struct aggregate *aggregate, const uint8_t *key, struct cur *c)
{
	struct window *w = map_get(aggregate->map, slice_of(key, 32)), values;
	struct slice bytes;

	values.due = cur_u64(c);
	values.last = cur_u64(c);
	values.count = cur_u64(c);
	values.latest = cur_u64(c);
	if ((values.gaps = cur_u8(c)) > GAPS)
		c->bad = true;
	for (unsigned i = 0; i < values.gaps && !c->bad; i++)
		values.gap[i] = cur_u32(c);
	values.proof = (enum cc_proof)cur_u8(c);
	values.tlp = (enum cc_tlp)cur_u8(c);
	values.severity = cur_u8(c);
	bytes = cur_take(c, cur_u32(c));
	if (c->bad || (w == NULL && (bytes.size == 0 || (w = malloc(sizeof(*w) + bytes.size)) == NULL)))
		return;
	if (map_get(aggregate->map, slice_of(key, 32)) == NULL) {
		*w = (struct window){.size = bytes.size};
		memcpy(w->key, key, sizeof(w->key));
		memcpy(w->bytes, bytes.p, bytes.size);
		if (map_put(aggregate->map, slice_of(w->key, sizeof(w->key)), w, NULL) != CC_OK) {
			free(w);
			return;
		}
		*aggregate->newest = w;
		aggregate->newest = &w->next;
	}
	w->due = values.due;
	w->last = values.last;
	w->count = values.count;
	w->latest = values.latest;
	w->gaps = values.gaps;
	for (unsigned i = 0; i < w->gaps && !c->bad; i++)
		w->gap[i] = values.gap[i];
	w->proof = values.proof;
	w->tlp = values.tlp;
	w->severity = values.severity;
}

/* Without a word: what it had to say was said. */
static void
restore_close(struct aggregate *aggregate, const uint8_t *key)
{
	struct window *w = map_remove(aggregate->map, slice_of(key, 32)), **at = &aggregate->oldest;

	while (w != NULL && *at != w && *at != NULL)
		at = &(*at)->next;
	if (w == NULL || *at == NULL)
		return;
	*at = w->next;
	if (*at == NULL)
		aggregate->newest = at;
	free(w);
}

void
aggregate_restore(struct aggregate *aggregate, struct slice changes)
{
	struct cur c = cur_slice(changes);

	while (!c.bad && cur_left(&c) > 0) {
		uint8_t what = cur_u8(&c);
		const uint8_t *key = cur_bytes(&c, 32);

		if (c.bad || (what != 'C' && what != 'W'))
			return;
		if (what == 'C')
			restore_close(aggregate, key);
		else
			restore_window(aggregate, key, &c);
	}
}

/* ---- windows ---- */

static int
by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* The median of the gaps, since a beacon that was lost makes one of them twice as long; and the median of how far they
 * are from it. */
static void
tell_period(const struct window *w, struct cc_record *rec)
{
	uint32_t gap[GAPS], median;

	if (w->gaps < GAPS_LEAST)
		return;
	memcpy(gap, w->gap, w->gaps * sizeof(*gap));
	qsort(gap, w->gaps, sizeof(*gap), by_size);
	if ((median = gap[w->gaps / 2]) == 0)
		return;
	for (unsigned i = 0; i < w->gaps; i++)
		gap[i] = gap[i] > median ? gap[i] - median : median - gap[i];
	qsort(gap, w->gaps, sizeof(*gap), by_size);
	rec->period = (uint64_t)median * (NS_PER_S / 1000);
	rec->jitter = (uint16_t)((uint64_t)gap[w->gaps / 2] * 1000 / median);
}

static void
note_gap(struct window *w, const struct cc_record *rec)
{
	uint64_t ms = rec->first > w->latest ? (rec->first - w->latest) / (NS_PER_S / 1000) : 0;

	if (w->gaps < GAPS)
		w->gap[w->gaps++] = ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
	if (rec->first > w->latest)
		w->latest = rec->first;
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
	note_close(aggregate, w);
	if (w->count > 1 && record_decode(slice_of(w->bytes, w->size), &rec) == CC_OK) {
		rec.last = w->last;
		rec.count = w->count;
		rec.proof = w->proof;
		rec.tlp = w->tlp;
		rec.severity = w->severity;
		tell_period(w, &rec);
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
	    .latest = rec->first,
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
	note_change(aggregate, w);
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
	note_change(aggregate, w);
	w->count += rec->count;
	note_gap(w, rec);
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
