/* The courier, as its two files know it: rings and the loop (courier.c), and what an entry is for (entries.c). */
#ifndef ENGINE_COURIER_OWN_H
#define ENGINE_COURIER_OWN_H

#include "engine/listen.h"
#include "engine/pieces.h"
#include "exchange/exchange.h"
#include "output/output.h"

struct head { /* of one ring, while it is peeked at */
	bool here;
	uint16_t kind;
	uint64_t key, sub;
	struct slice body;
};

/* Up to where entries were read, and what must be settled before they may go. */
struct mark {
	bool set;
	uint64_t position[WORKERS_MAX];
	uint64_t messages, pieces;
};

struct courier {
	const struct conf *conf;
	const char *outdir;
	struct shared *shared;
	bool live, failed, store_full;
	struct ring *ring[WORKERS_MAX];
	struct head head[WORKERS_MAX];
	bool broken[WORKERS_MAX]; /* a ring that lied is not read again */
	struct exchange *exchange;
	struct listen *listen;    /* partners, and what is remembered */
	uint64_t span, span_packets, span_lost; /* live: where the present hour's coverage began */
	struct pieces *pieces;    /* NULL: no evidence is kept */
	struct evelog *eve;
	struct eve *stats;
	uint64_t orphaned;        /* monotonic, since when the keeper is known to be gone */
	uint64_t beat_due;
	uint64_t flushed, said, covered, stats_due, stored;
	unsigned taken;           /* entries since the last mark */
	struct mark mark;
	bool last;                /* nobody writes to the rings any more: no promise is waited for */
	uint8_t *copy;            /* of the entry at hand */
	size_t copy_room;
};

/* entries.c */
void courier_say_lost(struct courier *c, const char *what); /* something is lost: the first of it goes to the log */
void courier_take(struct courier *c, const struct head *head);
uint64_t courier_stored_before(const char *outdir); /* bytes of extracted files */
uint64_t courier_lost(const uint64_t *counts);      /* of COUNTS_ALL: packets and entries */
void courier_coverage_of_files(struct courier *c, uint64_t key, uint64_t until);
void courier_coverage_live(struct courier *c, uint64_t now);
void courier_remember_coverage(struct courier *c, uint64_t now, uint64_t packets, uint64_t lost);

#endif
