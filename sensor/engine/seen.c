/*
 * Remote addresses of flows, gathered in a small table: an address of a thousand flows costs one line in the ring.
 *
 *   addr:16 first:u64 last:u64 count:u32 proof:u8, for each, big endian
 *
 * One datagram with a forged source is a flow as well.  Of such addresses only so many are told each time, or who
 * forges could drive all else out of the courier's memory; the rest is left out.
 */
#include "engine/seen.h"

#include <stdlib.h>

#include "indicate/indicate.h"

#define SLOTS 4096u
#define ITEMS_MAX 2048
#define CHEAP_MAX 512 /* of them that one datagram can forge */
#define ITEM_SIZE 37
#define DUE_NS (10 * NS_PER_S)
#define HOUR_NS (3600 * NS_PER_S)

struct seen {
	struct home *home;
	uint64_t seed, written;
	unsigned count, cheap;
	uint16_t slot[SLOTS]; /* place in item, and one */
	struct seen_item item[ITEMS_MAX];
};

enum cc_status
seen_new(const struct conf *conf, struct seen **ret_seen, char **ret_why)
{
	struct seen *seen = calloc(1, sizeof(*seen));
	enum cc_status st = seen != NULL ? home_new(conf, &seen->home, ret_why) : CC_NOMEM;

	if (st != CC_OK) {
		seen_free(seen);
		return st;
	}
	seen->seed = hash_seed();
	*ret_seen = seen;
	return CC_OK;
}

void
seen_free(struct seen *seen)
{
	if (seen == NULL)
		return;
	home_free(seen->home);
	free(seen);
}

/* Nobody's: nothing to be remembered. */
static bool
is_somebody(const struct cc_addr *addr)
{
	return cc_addr_is4(addr) ? addr->b[12] != 0 && addr->b[12] != 127 && addr->b[12] < 224
				 : addr->b[0] != 0xff && addr->b[0] != 0;
}

static enum cc_proof
proof_of(const struct flow *flow)
{
	bool both = flow->side[0].packets > 0 && flow->side[1].packets > 0;

	if (!both || !flow->established)
		return CC_PROOF_SPOOFABLE;
	return flow->proto == 6 ? CC_PROOF_DIALOGUE : CC_PROOF_HANDSHAKE;
}

static bool
add(struct seen *seen, const struct flow *flow, const struct cc_addr *addr, enum cc_proof proof)
{
	unsigned at = (unsigned)hash64(slice_of(addr->b, 16), seen->seed) % SLOTS;
	struct seen_item *item = NULL;

	for (; seen->slot[at] != 0; at = (at + 1) % SLOTS) {
		item = &seen->item[seen->slot[at] - 1];
		/* One item is one hour's. */
		if (cc_addr_cmp(&item->addr, addr) == 0 && item->first / HOUR_NS == flow->first / HOUR_NS)
			break;
		item = NULL;
	}
	if (item == NULL) {
		if (proof == CC_PROOF_SPOOFABLE && seen->cheap >= CHEAP_MAX)
			return true;
		if (seen->count == ITEMS_MAX)
			return false;
		seen->cheap += proof == CC_PROOF_SPOOFABLE;
		item = &seen->item[seen->count++];
		*item = (struct seen_item){.addr = *addr, .first = flow->first};
		seen->slot[at] = (uint16_t)seen->count;
	}
	item->first = flow->first < item->first ? flow->first : item->first;
	item->last = flow->last > item->last ? flow->last : item->last;
	item->count++;
	item->proof = (uint8_t)proof > item->proof ? (uint8_t)proof : item->proof;
	return true;
}

bool
seen_flow(struct seen *seen, const struct flow *flow)
{
	enum cc_proof proof = proof_of(flow);

	if (seen->count + 2 > ITEMS_MAX)
		return false;
	for (unsigned side = 0; side < 2; side++) {
		const struct cc_addr *addr = &flow->side[side].addr;

		if (is_somebody(addr) && !home_has(seen->home, addr))
			(void)add(seen, flow, addr, proof);
	}
	return true;
}

bool
seen_due(const struct seen *seen, uint64_t now)
{
	return seen->count > 0 && (now < seen->written || now - seen->written >= DUE_NS);
}

size_t
seen_size(const struct seen *seen)
{
	return (size_t)seen->count * ITEM_SIZE;
}

void
seen_write(const struct seen *seen, struct buf *out)
{
	for (unsigned i = 0; i < seen->count; i++) {
		const struct seen_item *item = &seen->item[i];

		buf_add(out, item->addr.b, 16);
		buf_add_u64(out, item->first);
		buf_add_u64(out, item->last);
		buf_add_u32(out, item->count);
		buf_add_u8(out, item->proof);
	}
}

void
seen_clear(struct seen *seen, uint64_t now)
{
	memset(seen->slot, 0, sizeof(seen->slot));
	seen->count = seen->cheap = 0;
	seen->written = now;
}

enum cc_status
seen_next(struct cur *c, struct seen_item *ret_item)
{
	struct cur mine = *c;
	struct seen_item item;
	const uint8_t *addr;

	if (cur_left(&mine) == 0)
		return CC_END;
	addr = cur_bytes(&mine, 16);
	item.first = cur_u64(&mine);
	item.last = cur_u64(&mine);
	item.count = cur_u32(&mine);
	item.proof = cur_u8(&mine);
	if (mine.bad || item.proof > CC_PROOF_CONTENT || item.last < item.first || item.last > INT64_MAX)
		return CC_BAD;
	item.addr = cc_addr6(addr);
	*c = mine;
	*ret_item = item;
	return CC_OK;
}
