/*
 * From a worker into its ring: EVE lines, files, evidence and indicator records, each an entry with its place in the
 * order of all workers.
 *
 * An entry is written where it will be read, its room being asked for first.  Live, a full ring loses events first,
 * then sightings, alerts last, each counted; over files the worker waits.  The worker's own thread.
 */
#include "engine/worker_own.h"

#include <time.h>

#define LINE_SIZE_MAX (64u << 10) /* of one EVE line: room that is asked of the ring */

/* ---- into the ring ---- */

static void
nap(void)
{
	struct timespec t = {0, 200000};

	nanosleep(&t, NULL);
}

/* Live: what this class may fill of the ring, so that alerts find room when events don't any more. */
static bool
class_fits(const struct worker *w, enum cc_class class)
{
	size_t used, size = w->shared->ring_size;

	if (!w->live || class == CC_CLASS_ALERT)
		return true;
	used = ring_used(w->ring);
	return used < (class == CC_CLASS_EVENT ? size / 4 * 3 : size / 16 * 15);
}

static void *
ring_room(struct worker *w, enum cc_class class, size_t size)
{
	void *p = NULL;

	if (class_fits(w, class))
		p = ring_reserve(w->ring, size);
	while (p == NULL && !w->live) {
		worker_promise(w, w->key);
		if (w->setup.waiting != NULL && !w->setup.waiting(w->setup.waiting_ctx))
			break;
		nap();
		p = ring_reserve(w->ring, size);
	}
	if (p == NULL)
		w->count[ENGINE_RING_LOST_ALERT + class]++;
	return p;
}

/* Opens an entry of up to size bytes behind its head; false: the ring is full, and that is counted. */
static bool
entry_open(struct worker *w, enum cc_class class, size_t size, uint64_t sub, struct buf *ret_out)
{
	struct entry_head *head = ring_room(w, class, sizeof(*head) + size);

	if (head == NULL)
		return false;
	head->sub = sub;
	buf_over(ret_out, head + 1, size);
	return true;
}

static void
entry_push(struct worker *w, enum ring_kind kind, const struct buf *out)
{
	ring_push(w->ring, (uint16_t)kind, w->key, sizeof(struct entry_head) + out->size);
}

static void
push_record(struct worker *w, const struct cc_record *rec, uint64_t sub)
{
	struct buf out;

	if (!entry_open(w, rec->class, RECORD_SIZE_MAX, sub, &out))
		return;
	if (record_encode(rec, &out) == CC_OK)
		entry_push(w, RING_RECORD, &out);
	else
		w->count[ENGINE_RECORD_TOO_LONG]++;
}

/* said: eve_x() had something to say and it fitted. */
static void
push_line(struct worker *w, bool said, const struct buf *out)
{
	if (said && !out->full) {
		w->count[ENGINE_LINES_CUT] += eve_cut(w->eve);
		entry_push(w, RING_EVE, out);
	} else if (out->full) {
		w->count[ENGINE_LINE_TOO_LONG]++;
	}
}

/* ---- what a batch brought forth ---- */

static void
emit_file(struct worker *w, const struct flow *flow, const struct cc_file *file, uint64_t sub)
{
	struct buf out;

	if (w->logs_file && entry_open(w, CC_CLASS_EVENT, LINE_SIZE_MAX, sub, &out))
		push_line(w, eve_file(w->eve, flow, file, w->now, &out), &out);
	if (!w->stores_files || file->state != FILE_WHOLE || file->content == NULL || file->content_cut || file->gap ||
	    !file->has_sha256)
		return;
	if (file->content_size + 32 > w->shared->ring_size / 4) {
		w->count[ENGINE_FILE_TOO_LARGE]++;
	} else if (entry_open(w, CC_CLASS_EVENT, file->content_size + 32, sub, &out)) {
		buf_add(&out, file->sha256, 32);
		buf_add(&out, file->content, file->content_size);
		entry_push(w, RING_FILE, &out);
	}
}

static bool
logs_parser(const struct worker *w, const struct cc_parser *parser)
{
	for (unsigned i = 0; i < app_parser_count && i < 64; i++) {
		if (app_parsers[i] == parser)
			return w->logs_app[i];
	}
	return w->logs && eve_wants(w->eve, cc_event_name(parser));
}

static void
emit_event(struct worker *w, const struct flow *flow, const struct event *event, const struct packet *pkt, uint64_t sub)
{
	struct buf out;

	switch (event->kind) {
	case EVENT_DONE:
		if (logs_parser(w, event->parser) &&
		    entry_open(w, CC_CLASS_EVENT, LINE_SIZE_MAX, sub, &out))
			push_line(w, eve_tx(w->eve, flow, event->tx, pkt, event->dir, w->now, &out), &out);
		break;
	case EVENT_FILE_DONE:
		emit_file(w, flow, event->file, sub);
		break;
	case EVENT_ANOMALY:
		if (w->logs_anomaly && entry_open(w, CC_CLASS_EVENT, LINE_SIZE_MAX, sub, &out))
			push_line(w, eve_anomaly(w->eve, flow, event, pkt, w->now, &out), &out);
		break;
	default:
		break;
	}
}

void
worker_emit_odd(struct worker *w, const struct flow *flow, const struct packet *pkt, const uint64_t *flow_events)
{
	struct buf out;
	unsigned at = 0;
	bool more = w->logs_anomaly;

	while (more && entry_open(w, CC_CLASS_EVENT, LINE_SIZE_MAX, 0, &out)) {
		more = eve_odd(w->eve, flow, pkt, flow_events, &at, w->now, &out);
		push_line(w, more, &out);
	}
}

/* The packets behind a record go to the courier before it, once; the record commits to them only if they did. */
static void
add_evidence(struct worker *w, struct flow *flow, struct cc_record *rec, uint64_t sub)
{
	struct evidence_piece piece;
	struct slice bytes;
	struct buf out;
	enum cc_status st;
	bool room;

	if (flow == NULL || rec->detector == CC_BY_POLICY)
		return;
	st = evidence_take(w->evidence, flow, w->frame, &bytes, &piece);
	if (st != CC_OK && st != CC_END)
		return;
	if (st == CC_OK) {
		room = bytes.size + 40 <= w->shared->ring_size / 4 &&
		       entry_open(w, CC_CLASS_SIGHTING, bytes.size + 40, sub, &out);
		if (!room) {
			evidence_lost(w->evidence);
			return;
		}
		for (unsigned i = 0; i < 8; i++)
			buf_add_u8(&out, (uint8_t)(w->now >> (56 - 8 * i)));
		buf_add(&out, piece.sha256, sizeof(piece.sha256));
		buf_add_slice(&out, bytes);
		entry_push(w, RING_EVIDENCE, &out);
	}
	memcpy(rec->evidence_sha256, piece.sha256, sizeof(piece.sha256));
	rec->evidence_size = piece.size;
	rec->evidence_packets = piece.packets;
	rec->evidence_whole = piece.whole;
}

void
worker_emit(struct worker *w, struct flow *flow, const struct packet *pkt, uint64_t sub)
{
	struct cc_record rec;
	struct cc_tx *tx;
	struct buf out;

	for (unsigned i = 0; i < w->batch.match_count; i++) {
		if (entry_open(w, CC_CLASS_ALERT, LINE_SIZE_MAX, sub, &out))
			push_line(w, eve_alert(w->eve, w->batch.match[i], pkt, w->now, &out), &out);
	}
	for (unsigned i = 0; i < w->batch.event_count; i++)
		emit_event(w, flow, &w->batch.event[i], pkt, sub);
	while (indicate_next(w->indicate, flow, pkt, &w->batch, w->now, &rec) == CC_OK) {
		add_evidence(w, flow, &rec, sub);
		push_record(w, &rec, sub);
	}
	for (tx = app_next_dead(&w->batch, NULL); tx != NULL; tx = app_next_dead(&w->batch, tx))
		detect_tx_free(w->detect, tx);
	app_batch_reset(w->app, &w->batch);
}

void
worker_emit_flow(struct worker *w, const struct flow *flow, uint64_t sub)
{
	struct buf out;

	if (w->logs_flow && entry_open(w, CC_CLASS_EVENT, LINE_SIZE_MAX, sub, &out))
		push_line(w, eve_flow(w->eve, flow, w->now, &out), &out);
}

/* ---- what the courier remembers ---- */

void
worker_push_seen(struct worker *w)
{
	struct buf out;

	if (seen_size(w->seen) == 0)
		return;
	if (entry_open(w, CC_CLASS_EVENT, seen_size(w->seen), 0, &out)) {
		seen_write(w->seen, &out);
		entry_push(w, RING_SEEN, &out);
	}
	seen_clear(w->seen, w->now);
}

void
worker_note_seen(struct worker *w, const struct flow *flow)
{
	if (w->seen != NULL && !flow->stray && !seen_flow(w->seen, flow)) {
		worker_push_seen(w);
		(void)seen_flow(w->seen, flow);
	}
}
