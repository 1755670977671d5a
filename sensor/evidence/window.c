/*
 * A worker's window of young packets, and pieces of evidence made of it.
 *
 * One block that goes round.  A packet lies in it behind a small head that names the place of the flow's packet before;
 * places count up for ever, so a place that is more than the block's size ago is known to be overwritten.  A flow
 * itself keeps only where its last packet lies.  Only the first evidence.flow_bytes of each flow go in, so that one
 * long download does not sweep out everybody's beginnings; once something matched, its flow gets that much again.
 */
#include "evidence/evidence.h"

#include <stdlib.h>
#include <sys/mman.h>

#define ALIGN 8
#define LINKTYPES_MAX 4     /* in one piece */
#define FRAME_MAX 262144    /* longer ones are left out */
#define FRAME_LEAST 14      /* no frame is shorter than its Ethernet header; those that are count as such */
#define AROUND 40           /* bytes of pcapng around a packet, padding included */

const char *const evidence_count_name[EVIDENCE_COUNT] = {
#define COUNT(symbol, name, help) [EVIDENCE_##symbol] = name,
#include "evidence/counters.def"
#undef COUNT
};

struct kept {
	uint64_t before; /* place + 1 of the flow's packet before, 0: it is the first that was kept */
	uint64_t time;
	uint32_t size, wire_size;
	uint16_t linktype;
	uint16_t first;  /* of its flow */
};

struct evidence {
	uint8_t *block;
	uint64_t size, head; /* head: place of the next */
	uint32_t flow_bytes, per_flow;
	struct buf out;      /* the piece at hand */
	uint64_t *place;     /* of the packets of the piece at hand, last first */
	size_t places;
	struct { /* the piece made last, for other matches of the same packet */
		const struct flow *flow;
		uint64_t at;
		struct evidence_piece piece;
	} last;
	uint64_t counts[EVIDENCE_COUNT];
};

enum cc_status
evidence_new(const struct conf *conf, unsigned workers, struct evidence **ret_evidence)
{
	struct evidence *evidence;
	size_t piece;

	*ret_evidence = NULL;
	if (conf->evidence_window == 0)
		return CC_OK;
	evidence = calloc(1, sizeof(*evidence));
	if (evidence == NULL)
		return CC_NOMEM;
	evidence->size = conf->evidence_window / workers / ALIGN * ALIGN;
	evidence->flow_bytes = (uint32_t)conf->evidence_flow_bytes;
	evidence->per_flow = (uint32_t)conf->evidence_per_flow;
	/* Before each match, and after the last, a flow has flow_bytes and one packet beyond. */
	piece = (size_t)(evidence->per_flow + 1) * (evidence->flow_bytes + FRAME_MAX);
	evidence->places = (size_t)(evidence->per_flow + 1) * (evidence->flow_bytes / FRAME_LEAST + 2);
	buf_open(&evidence->out, piece + evidence->places * AROUND + 1024);
	evidence->place = calloc(evidence->places, sizeof(*evidence->place));
	evidence->block = mmap(NULL, evidence->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (evidence->block == MAP_FAILED)
		evidence->block = NULL;
	if (evidence->block == NULL || evidence->place == NULL || !buf_reserve(&evidence->out, evidence->out.max)) {
		evidence_free(evidence);
		return CC_NOMEM;
	}
	*ret_evidence = evidence;
	return CC_OK;
}

void
evidence_free(struct evidence *evidence)
{
	if (evidence == NULL)
		return;
	if (evidence->block != NULL)
		munmap(evidence->block, evidence->size);
	buf_close(&evidence->out);
	free(evidence->place);
	free(evidence);
}

const uint64_t *
evidence_counts(const struct evidence *evidence)
{
	static const uint64_t none[EVIDENCE_COUNT];

	return evidence != NULL ? evidence->counts : none;
}

static uint64_t
room_of(uint32_t size)
{
	return (sizeof(struct kept) + size + ALIGN - 1) / ALIGN * ALIGN;
}

/* A packet never lies across the block's end: the rest of the round is left empty. */
static void
put(struct evidence *evidence, struct flow *flow, const struct frame *frame)
{
	uint64_t room = room_of(frame->size), left = evidence->size - evidence->head % evidence->size;
	struct kept kept = {.before = flow->evidence,
	    .time = frame->time,
	    .size = frame->size,
	    .wire_size = frame->wire_size,
	    .linktype = frame->linktype,
	    .first = flow->first_seq == frame->seq};
	uint8_t *p;

	if (frame->size > FRAME_MAX || room > evidence->size / 2)
		return;
	if (left < room)
		evidence->head += left;
	p = evidence->block + evidence->head % evidence->size;
	memcpy(p, &kept, sizeof(kept));
	memcpy(p + sizeof(kept), frame->p, frame->size);
	flow->evidence = evidence->head + 1;
	evidence->head += room;
	evidence->counts[EVIDENCE_PACKETS]++;
}

void
evidence_keep(struct evidence *evidence, struct flow *flow, const struct frame *frame)
{
	if (evidence == NULL || flow->stray)
		return;
	if (flow->evidence_bytes >= evidence->flow_bytes) {
		evidence->counts[EVIDENCE_PACKETS_PASSED]++;
		return;
	}
	flow->evidence_bytes += frame->size > FRAME_LEAST ? frame->size : FRAME_LEAST;
	put(evidence, flow, frame);
}

/* The packet at a place, copied out; false: overwritten since.  What is read was written here, by this thread. */
static bool
kept_at(const struct evidence *evidence, uint64_t place, struct kept *ret_kept, const uint8_t **ret_bytes)
{
	if (evidence->head - place > evidence->size)
		return false;
	memcpy(ret_kept, evidence->block + place % evidence->size, sizeof(*ret_kept));
	*ret_bytes = evidence->block + place % evidence->size + sizeof(*ret_kept);
	return true;
}

/* ---- pcapng, in this machine's byte order, as its reader must cope with either ---- */

static void
put16(struct buf *out, uint16_t n)
{
	buf_add(out, &n, sizeof(n));
}

static void
put32(struct buf *out, uint32_t n)
{
	buf_add(out, &n, sizeof(n));
}

static void
put_section(struct buf *out)
{
	static const uint8_t unknown[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	put32(out, 0x0a0d0d0a);
	put32(out, 28);
	put32(out, 0x1a2b3c4d);
	put16(out, 1);
	put16(out, 0);
	buf_add(out, unknown, sizeof(unknown));
	put32(out, 28);
}

static void
put_interface(struct buf *out, uint16_t linktype)
{
	put32(out, 1);
	put32(out, 32);
	put16(out, linktype);
	put16(out, 0);
	put32(out, 0);  /* snap length: none */
	put16(out, 9);  /* if_tsresol */
	put16(out, 1);
	put32(out, 9);  /* 10^-9, padded */
	put32(out, 0);  /* opt_endofopt */
	put32(out, 32);
}

static void
put_packet(struct buf *out, uint32_t interface, const struct kept *kept, const uint8_t *bytes)
{
	static const uint8_t zero[4];
	uint32_t pad = (4 - kept->size % 4) % 4, total = 32 + kept->size + pad;

	put32(out, 6);
	put32(out, total);
	put32(out, interface);
	put32(out, (uint32_t)(kept->time >> 32));
	put32(out, (uint32_t)kept->time);
	put32(out, kept->size);
	put32(out, kept->wire_size);
	buf_add(out, bytes, kept->size);
	buf_add(out, zero, pad);
	put32(out, total);
}

/* ---- a piece ---- */

/* Places of the flow's packets from the last back to the first that is there; *ret_whole: that is the flow's first. */
static size_t
collect(struct evidence *evidence, const struct flow *flow, bool *ret_whole)
{
	uint64_t at = flow->evidence;
	const uint8_t *bytes;
	struct kept kept = {0};
	size_t count = 0;

	*ret_whole = false;
	while (at != 0 && count < evidence->places && kept_at(evidence, at - 1, &kept, &bytes)) {
		evidence->place[count++] = at - 1;
		*ret_whole = kept.first;
		at = kept.before;
	}
	return count;
}

static uint32_t
interface_of(struct buf *out, uint16_t linktype, uint16_t known[LINKTYPES_MAX], uint32_t *count)
{
	uint32_t i = 0;

	while (i < *count && known[i] != linktype)
		i++;
	if (i == *count && i < LINKTYPES_MAX) {
		put_interface(out, linktype);
		known[(*count)++] = linktype;
	}
	return i;
}

static uint32_t
write_piece(const struct evidence *evidence, size_t count, struct buf *out)
{
	uint16_t linktype[LINKTYPES_MAX];
	uint32_t interfaces = 0, packets = 0;

	put_section(out);
	while (count > 0) {
		const uint8_t *bytes;
		struct kept kept;
		uint32_t interface;

		if (!kept_at(evidence, evidence->place[--count], &kept, &bytes))
			continue;
		interface = interface_of(out, kept.linktype, linktype, &interfaces);
		if (interface == LINKTYPES_MAX)
			continue;
		put_packet(out, interface, &kept, bytes);
		packets++;
	}
	return packets;
}

enum cc_status
evidence_take(struct evidence *evidence, struct flow *flow, const struct frame *frame, struct slice *ret_bytes,
    struct evidence_piece *ret_piece)
{
	struct evidence_piece piece = {0};
	size_t count;
	const uint8_t *bytes;
	struct kept kept;
	bool new;

	if (evidence == NULL || flow->stray)
		return CC_ABSENT;
	new = frame != NULL &&
	      (flow->evidence == 0 || !kept_at(evidence, flow->evidence - 1, &kept, &bytes) ||
		  kept.time != frame->time || kept.size != frame->size || memcmp(bytes, frame->p, frame->size) != 0);
	if (!new && flow->evidence == evidence->last.at && flow == evidence->last.flow && flow->evidence != 0) {
		*ret_piece = evidence->last.piece;
		return CC_END;
	}
	if (flow->evidence_pieces >= evidence->per_flow) {
		evidence->counts[EVIDENCE_REFUSED]++;
		return CC_ABSENT;
	}
	/* The packet that matched belongs to it, however long its flow has been going on. */
	if (new)
		put(evidence, flow, frame);
	count = collect(evidence, flow, &piece.whole);
	if (count == 0) {
		evidence->counts[EVIDENCE_REFUSED]++;
		return CC_ABSENT;
	}
	buf_clear(&evidence->out);
	piece.packets = write_piece(evidence, count, &evidence->out);
	*ret_bytes = buf_slice(&evidence->out);
	piece.size = ret_bytes->size;
	sha256_of(*ret_bytes, piece.sha256);
	flow->evidence_pieces++;
	flow->evidence_bytes = 0; /* what follows a match is of interest again */
	evidence->counts[EVIDENCE_PIECES]++;
	evidence->counts[EVIDENCE_CUT] += !piece.whole;
	evidence->last.flow = flow;
	evidence->last.at = flow->evidence;
	evidence->last.piece = piece;
	*ret_piece = piece;
	return CC_OK;
}

void
evidence_lost(struct evidence *evidence)
{
	evidence->counts[EVIDENCE_LOST]++;
	evidence->last.flow = NULL;
}
