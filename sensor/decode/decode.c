/*
 * The frame's way in: resets the parts of a packet that matter, walks the layers, counts the outcome.  Nothing here or
 * below allocates: reassembly has its memory from the start.
 */
#include "decode/inside.h"

#include <stdlib.h>

const char *const decode_count_name[DECODE_COUNT] = {
#define COUNT(symbol, name, help) name,
#include "decode/counters.def"
#undef COUNT
};

const char *const decode_event_name[DECODE_EVENT_COUNT] = {
#define EVENT(symbol, name, help) name,
#include "decode/events.def"
#undef EVENT
};

static const char *const layer_name[LAYER_COUNT] = {
#define LAYER(symbol, text) text,
#include "decode/layers.def"
#undef LAYER
};

_Static_assert(DECODE_COUNT - DECODE_SAW_IPV4_PKT_TOO_SMALL == DECODE_EVENT_COUNT,
    "a counter for each event, in order");
_Static_assert(DECODE_SAW_IPV4_PKT_TOO_SMALL - DECODE_LAYER_ETH == LAYER_COUNT, "a counter for each layer, in order");

const char *
layer_text(enum layer layer)
{
	return (unsigned)layer < LAYER_COUNT ? layer_name[layer] : "?";
}

struct decode *
decode_new(const struct conf *conf)
{
	struct decode *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->depth = (unsigned)conf->decode_depth;
	if (d->depth < 1 || d->depth > DECODE_IP_MAX)
		d->depth = DECODE_IP_MAX;
	d->check = conf->decode_checksums == 1;
	decode_read_tunnels(d, conf);
	d->defrag = decode_defrag_new(conf);
	for (unsigned i = 0; i < DECODE_IP_MAX; i++)
		d->whole[i] = malloc(DECODE_WHOLE); /* pages come when they are used */
	for (unsigned i = 0; i < DECODE_IP_MAX; i++)
		if (d->defrag == NULL || d->whole[i] == NULL) {
			decode_free(d);
			return NULL;
		}
	return d;
}

void
decode_free(struct decode *d)
{
	if (d == NULL)
		return;
	for (unsigned i = 0; i < DECODE_IP_MAX; i++)
		free(d->whole[i]);
	decode_defrag_free(d->defrag);
	free(d);
}

/* Only what is not always written later: the whole struct has a kilobyte. */
static void
packet_reset(struct packet *pkt, const struct frame *frame)
{
	pkt->frame = frame;
	pkt->ip_count = 0;
	pkt->sport = pkt->dport = 0;
	pkt->proto = 0;
	pkt->is_fragment = pkt->reassembled = pkt->has_last = pkt->cut = pkt->has_transport = false;
	pkt->l4 = pkt->payload = pkt->link = (struct slice){NULL, 0};
	pkt->vlan_count = pkt->layer_count = 0;
	pkt->tunnel = pkt->tunnel_flow = 0;
	for (size_t i = 0; i < sizeof(pkt->events) / sizeof(pkt->events[0]); i++)
		pkt->events[i] = 0;
	pkt->ethertype = 0;
}

bool
decode_slice(struct decode *d, struct packet *pkt, uint64_t missing, enum decode_event why)
{
	if (pkt->ip_count > 0) { /* inside a tunnel a wrong length says that this is no tunnel */
		decode_bad(d, pkt, why);
		return false;
	}
	decode_event(d, pkt, why);
	pkt->cut = true;
	d->missing = missing;
	return true;
}

enum cc_status
decode_cut_fragment(struct decode *d, struct packet *pkt, struct slice l4)
{
	enum cc_status st;

	pkt->is_fragment = false;
	pkt->cut = true;
	d->missing = UINT16_MAX; /* the other fragments */
	st = decode_transport(d, pkt, l4);
	if (st != CC_OK || !pkt->has_transport)
		pkt->is_fragment = true;
	return CC_OK;
}

enum cc_status
decode_frame(struct decode *d, const struct frame *frame, struct packet *ret_packet)
{
	enum cc_status st;

	packet_reset(ret_packet, frame);
	count_add(&d->counts[DECODE_FRAMES], 1);
	count_add(&d->counts[DECODE_BYTES], frame->wire_size);
	d->missing = frame->wire_size > frame->size ? frame->wire_size - frame->size : 0;
	d->whole_used = 0;
	st = decode_link(d, ret_packet, frame->linktype, slice_of(frame->p, frame->size));
	if (st == CC_OK && d->check && ret_packet->ip_count > 0 &&
	    (!decode_ip_checksum_ok(ret_packet) || !decode_l4_checksum_ok(ret_packet))) {
		decode_count(d, DECODE_BAD_CHECKSUM);
		st = CC_BAD;
	}
	if (ret_packet->cut)
		ret_packet->payload.size = 0;
	if (st != CC_OK)
		decode_count(d, DECODE_GIVEN_UP);
	else if (ret_packet->ip_count == 0)
		decode_count(d, DECODE_NOT_IP);
	return st == CC_OK ? CC_OK : CC_BAD;
}

void
decode_outer(const struct packet *pkt, unsigned level, struct packet *ret_packet)
{
	struct cur c = cur_slice(pkt->ip[level].payload);

	memset(ret_packet, 0, sizeof(*ret_packet));
	ret_packet->frame = pkt->frame;
	memcpy(ret_packet->ip, pkt->ip, (level + 1) * sizeof(pkt->ip[0]));
	ret_packet->ip_count = (uint8_t)(level + 1);
	ret_packet->reassembled = pkt->ip[level].reassembled;
	ret_packet->layer_count = pkt->layer_count;
	memcpy(ret_packet->layer, pkt->layer, sizeof(pkt->layer));
	ret_packet->ethertype = pkt->ethertype;
	ret_packet->link = pkt->link;
	decode_settle(ret_packet, pkt->ip[level].payload);
	if (ret_packet->proto == 17) {
		ret_packet->sport = cur_u16(&c);
		ret_packet->dport = cur_u16(&c);
		cur_skip(&c, 4);
		ret_packet->has_transport = !c.bad;
	}
	/* What another protocol than UDP carries is the inner packet, and seen there. */
	ret_packet->payload = ret_packet->proto == 17 ? cur_rest(&c) : slice_of(c.p, 0);
}

bool
decode_last_fragment(const struct packet *pkt, struct packet *ret_packet)
{
	if (!pkt->has_last)
		return false;
	memset(ret_packet, 0, sizeof(*ret_packet));
	ret_packet->frame = pkt->frame;
	memcpy(ret_packet->ip, pkt->ip, pkt->last_level * sizeof(pkt->ip[0]));
	ret_packet->ip[pkt->last_level] = pkt->last_fragment;
	ret_packet->ip_count = (uint8_t)(pkt->last_level + 1);
	ret_packet->is_fragment = true;
	ret_packet->layer_count = pkt->layer_count;
	memcpy(ret_packet->layer, pkt->layer, sizeof(pkt->layer));
	ret_packet->ethertype = pkt->ethertype;
	ret_packet->link = pkt->link;
	decode_settle(ret_packet, pkt->last_fragment.payload);
	return true;
}

void
decode_tick(struct decode *d, uint64_t now)
{
	decode_defrag_tick(d, now);
}

const uint64_t *
decode_counts(const struct decode *d)
{
	return d->counts;
}
