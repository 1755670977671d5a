/*
 * IP fragments to datagrams (RFC 791, 3.2; RFC 8200, 4.5).
 *
 * Fragments wait in the order in which they came; when the datagram is covered, they are laid over each other by the
 * policy of conf decode.defrag_policy.  Each 8-byte unit knows which fragment owns it, so a new fragment meets the
 * pieces that earlier ones still own, and the policy compares the two: who began first, who ends last (J. Novak,
 * Target-Based Fragmentation Reassembly, 2005).  An attacker sends copies that differ, to show us another text than the
 * host takes: that is an event whatever the policy.
 *
 * All memory is one pool of conf decode.defrag_memory; when it is full the oldest datagram makes room.
 */
#include "decode/inside.h"

#include <stdlib.h>

#define UNITS 8192          /* of 8 bytes: a datagram */
#define FRAGMENTS_MAX 1024  /* of one datagram */
#define HEADER_MAX 296      /* bytes kept of the first fragment's header */
#define NOBODY 0xffff

enum policy { POLICY_FIRST, POLICY_LAST, POLICY_BSD, POLICY_BSD_RIGHT, POLICY_LINUX, POLICY_SOLARIS, POLICY_WINDOWS };

struct key {
	struct cc_addr src, dst;
	uint32_t id, tunnel;
	uint16_t vlan[2];
	uint8_t proto, version, spare[2];
};

struct piece { /* one fragment */
	struct piece *next;
	uint32_t off, size;
	uint8_t data[];
};

struct datagram {
	struct datagram *next;           /* in its bucket */
	struct datagram *older, *newer;  /* by arrival */
	struct key key;
	uint32_t hash;
	uint64_t created;
	bool noted;                      /* another worker's: it counts what becomes of it */
	struct piece *first, **last;
	uint32_t count, units, end;      /* end: bytes of payload, when has_end */
	bool has_end;
	uint8_t proto;
	uint16_t header_size;            /* 0: the first fragment has not come */
	uint8_t header[HEADER_MAX];
	uint8_t covered[UNITS / 8];
};

struct defrag {
	struct pool *pool;
	enum policy policy;
	uint64_t timeout, seed;
	struct datagram **bucket;
	uint32_t mask;
	struct datagram *oldest, *newest;
	uint16_t owner[UNITS];
	const struct piece *piece[FRAGMENTS_MAX];
};

struct defrag *
decode_defrag_new(const struct conf *conf)
{
	struct defrag *defrag = calloc(1, sizeof(*defrag));
	uint32_t buckets = 64;

	if (defrag == NULL)
		return NULL;
	while (buckets < 65536 && buckets < conf->decode_defrag_memory / 4096)
		buckets *= 2;
	defrag->policy = (enum policy)conf->decode_defrag_policy;
	defrag->timeout = conf->decode_defrag_timeout;
	defrag->seed = hash_seed();
	defrag->mask = buckets - 1;
	defrag->bucket = calloc(buckets, sizeof(struct datagram *));
	defrag->pool = pool_new(conf->decode_defrag_memory);
	if (defrag->bucket == NULL || defrag->pool == NULL) {
		decode_defrag_free(defrag);
		return NULL;
	}
	return defrag;
}

void
decode_defrag_free(struct defrag *defrag)
{
	if (defrag == NULL)
		return;
	pool_free(defrag->pool);
	free(defrag->bucket);
	free(defrag);
}

static void
drop(struct defrag *defrag, struct datagram *dg)
{
	struct datagram **at = &defrag->bucket[dg->hash & defrag->mask];

	while (*at != dg)
		at = &(*at)->next;
	*at = dg->next;
	*(dg->older != NULL ? &dg->older->newer : &defrag->oldest) = dg->newer;
	*(dg->newer != NULL ? &dg->newer->older : &defrag->newest) = dg->older;
	for (struct piece *p = dg->first, *next; p != NULL; p = next) {
		next = p->next;
		pool_give(defrag->pool, p, sizeof(*p) + p->size);
	}
	pool_give(defrag->pool, dg, sizeof(*dg));
}

void
decode_defrag_tick(struct decode *d, uint64_t now)
{
	struct defrag *defrag = d->defrag;

	while (defrag->oldest != NULL && defrag->oldest->created + defrag->timeout < now) {
		if (!defrag->oldest->noted)
			decode_count(d, DECODE_DEFRAG_TIMEOUT);
		drop(defrag, defrag->oldest);
	}
}

/* Memory for a fragment; the oldest datagrams go for it, but not the one that it belongs to. */
static void *
take(struct decode *d, size_t size, const struct datagram *keep)
{
	struct defrag *defrag = d->defrag;
	void *p;

	while ((p = pool_take(defrag->pool, size)) == NULL) {
		if (defrag->oldest == NULL || defrag->oldest == keep) {
			decode_count(d, DECODE_DEFRAG_NO_MEMORY);
			return NULL;
		}
		if (!defrag->oldest->noted)
			decode_count(d, DECODE_DEFRAG_EVICTED);
		drop(defrag, defrag->oldest);
	}
	return p;
}

static struct key
key_of(const struct packet *pkt, const struct fragment *frag)
{
	struct key key;

	memset(&key, 0, sizeof(key)); /* padding is compared too */
	key.src = frag->ip->src;
	key.dst = frag->ip->dst;
	key.id = frag->id;
	key.tunnel = pkt->tunnel;
	for (unsigned i = 0; i < 2 && i < pkt->vlan_count; i++)
		key.vlan[i] = pkt->vlan[i];
	key.version = frag->ip->version;
	if (key.version == 4)
		key.proto = frag->proto; /* IPv6 leaves it out: only the first fragment's counts */
	return key;
}

static struct datagram *
find(struct decode *d, const struct packet *pkt, const struct fragment *frag)
{
	struct defrag *defrag = d->defrag;
	struct key key = key_of(pkt, frag);
	uint32_t hash = (uint32_t)hash64(slice_of(&key, sizeof(key)), defrag->seed);
	struct datagram *dg, **bucket = &defrag->bucket[hash & defrag->mask];

	for (dg = *bucket; dg != NULL; dg = dg->next)
		if (dg->hash == hash && memcmp(&dg->key, &key, sizeof(key)) == 0)
			return dg;
	dg = take(d, sizeof(*dg), NULL);
	if (dg == NULL)
		return NULL;
	memset(dg, 0, sizeof(*dg));
	dg->key = key;
	dg->hash = hash;
	dg->created = pkt->frame->time;
	dg->noted = d->noting;
	dg->last = &dg->first;
	dg->next = *bucket;
	*bucket = dg;
	dg->older = defrag->newest;
	*(dg->older != NULL ? &dg->older->newer : &defrag->oldest) = dg;
	defrag->newest = dg;
	return dg;
}

/* Marks the units of a fragment; returns how many were new. */
static uint32_t
cover(struct datagram *dg, uint32_t off, uint32_t size, bool commit)
{
	uint32_t fresh = 0;

	for (uint32_t unit = off / 8; unit < (off + size + 7) / 8; unit++) {
		uint8_t bit = (uint8_t)(1u << unit % 8);

		fresh += (dg->covered[unit / 8] & bit) == 0;
		if (commit)
			dg->covered[unit / 8] |= bit;
	}
	return fresh;
}

/* Compares with what came before.  ret_same: an exact copy of one fragment, as a mirror may send it. */
static bool
differs(const struct datagram *dg, const struct fragment *frag, bool *ret_same)
{
	uint32_t end = frag->off + (uint32_t)frag->data.size;
	bool differ = false;

	*ret_same = false;
	for (const struct piece *p = dg->first; p != NULL; p = p->next) {
		uint32_t from = p->off > frag->off ? p->off : frag->off;
		uint32_t to = p->off + p->size < end ? p->off + p->size : end;

		if (from >= to)
			continue;
		if (memcmp(p->data + (from - p->off), frag->data.p + (from - frag->off), to - from) != 0)
			differ = true;
		else if (p->off == frag->off && p->off + p->size == end)
			*ret_same = true;
	}
	return differ;
}

/*
 * Does a new fragment take what it shares with a piece of an older one?  n, o: where they begin; ne, oe: where they
 * end.
 */
static bool
newer_wins(enum policy policy, uint32_t n, uint32_t ne, uint32_t o, uint32_t oe)
{
	switch (policy) {
	case POLICY_FIRST:
		return false;
	case POLICY_LAST:
		return true;
	case POLICY_BSD:
		return n < o;
	case POLICY_BSD_RIGHT:
		return n >= o;
	case POLICY_LINUX:
		return n <= o;
	case POLICY_SOLARIS:
		return n < o && ne >= oe;
	case POLICY_WINDOWS:
	default:
		return n < o && ne > oe;
	}
}

/* Lays one fragment over those before it. */
static void
lay(struct defrag *defrag, uint32_t index, uint32_t total)
{
	const struct piece *p = defrag->piece[index];
	uint32_t start = p->off / 8, end = (p->off + p->size + 7) / 8;

	for (uint32_t unit = start; unit < end;) {
		uint16_t who = defrag->owner[unit];
		uint32_t from = unit, to = unit;
		bool win = true;

		while (from > 0 && unit == start && defrag->owner[from - 1] == who)
			from--;
		while (to < total && defrag->owner[to] == who)
			to++;
		if (who != NOBODY && defrag->policy == POLICY_BSD_RIGHT) /* that one looks at fragments as they came */
			win = newer_wins(defrag->policy, start, end, defrag->piece[who]->off / 8, to);
		else if (who != NOBODY)
			win = newer_wins(defrag->policy, start, end, from, to);
		for (; unit < to && unit < end; unit++)
			if (win)
				defrag->owner[unit] = (uint16_t)index;
	}
}

static size_t
assemble(struct defrag *defrag, const struct datagram *dg, uint8_t *out)
{
	uint32_t count = 0, total = (dg->end + 7) / 8;

	memset(defrag->owner, 0xff, total * sizeof(defrag->owner[0]));
	for (const struct piece *p = dg->first; p != NULL; p = p->next) {
		defrag->piece[count] = p;
		lay(defrag, count++, total);
	}
	for (uint32_t unit = 0; unit < total; unit++) {
		const struct piece *p = defrag->piece[defrag->owner[unit]];
		uint32_t off = unit * 8, size = p->off + p->size - off < 8 ? p->off + p->size - off : 8;

		memcpy(out + off, p->data + (off - p->off), size);
	}
	return dg->end;
}

/* The header that the datagram would have had. */
static void
mend_header(uint8_t *header, size_t header_size, uint8_t version, size_t payload)
{
	size_t said = version == 4 ? header_size + payload : header_size - 40 + payload;

	if (said > 65535)
		said = 65535;
	header[version == 4 ? 2 : 4] = (uint8_t)(said >> 8);
	header[version == 4 ? 3 : 5] = (uint8_t)said;
	if (version == 4) {
		header[6] &= 0x40;
		header[7] = 0;
	}
}

/* Is this fragment's size possible, and does it agree with the end that is known? */
static bool
plausible(struct decode *d, struct packet *pkt, const struct datagram *dg, const struct fragment *frag)
{
	bool four = frag->ip->version == 4;
	size_t end = frag->off + frag->data.size;

	if (end + (four ? frag->ip->header.size : frag->ip->header.size - 40) > 65535) {
		decode_event(d, pkt, four ? DECODE_EVENT_IPV4_FRAG_PKT_TOO_LARGE :
		    DECODE_EVENT_IPV6_FRAG_PKT_TOO_LARGE);
		return false;
	}
	if (frag->data.size == 0 || frag->ip->header.size > HEADER_MAX)
		return false;
	if (dg->has_end && (end > dg->end || (!frag->more && end != dg->end)))
		return false;
	if (!frag->more && !dg->has_end)
		for (const struct piece *p = dg->first; p != NULL; p = p->next)
			if (p->off + p->size > end)
				return false;
	return true;
}

static enum cc_status
refuse(struct decode *d, struct packet *pkt, const struct fragment *frag)
{
	decode_event(d, pkt, frag->ip->version == 4 ? DECODE_EVENT_IPV4_FRAG_IGNORED : DECODE_EVENT_IPV6_FRAG_IGNORED);
	return CC_BAD;
}

/* Puts the fragment with the others.  CC_MORE: done; CC_BAD: refused, or a mere copy. */
static enum cc_status
keep(struct decode *d, struct packet *pkt, struct datagram *dg, const struct fragment *frag)
{
	bool four = frag->ip->version == 4, same;
	uint32_t off = frag->off, size = (uint32_t)frag->data.size;
	struct piece *p;

	if (!plausible(d, pkt, dg, frag))
		return refuse(d, pkt, frag);
	if (cover(dg, off, size, false) < (size + 7) / 8) {
		bool differ = differs(dg, frag, &same);

		if (same && !differ)
			return CC_BAD;
		decode_event(d, pkt, four ? DECODE_EVENT_IPV4_FRAG_OVERLAP : DECODE_EVENT_IPV6_FRAG_OVERLAP);
		if (differ)
			decode_event(d, pkt, four ? DECODE_EVENT_IPV4_FRAG_DIFFERS : DECODE_EVENT_IPV6_FRAG_DIFFERS);
	}
	if (dg->count >= FRAGMENTS_MAX) {
		decode_count(d, DECODE_DEFRAG_TOO_MANY);
		drop(d->defrag, dg);
		return refuse(d, pkt, frag);
	}
	p = take(d, sizeof(*p) + size, dg);
	if (p == NULL)
		return refuse(d, pkt, frag);
	p->next = NULL;
	p->off = off;
	p->size = size;
	memcpy(p->data, frag->data.p, size);
	*dg->last = p;
	dg->last = &p->next;
	dg->count++;
	dg->units += cover(dg, off, size, true);
	if (!frag->more) {
		dg->has_end = true;
		dg->end = off + size;
	}
	if (off == 0 && dg->header_size == 0) {
		dg->proto = frag->proto;
		dg->header_size = (uint16_t)frag->ip->header.size;
		memcpy(dg->header, frag->ip->header.p, dg->header_size);
	}
	return CC_MORE;
}

enum cc_status
decode_defrag_put(struct decode *d, struct packet *pkt, const struct fragment *frag, uint8_t *out,
    struct slice *ret_whole,
    size_t *ret_header, uint8_t *ret_proto)
{
	struct datagram *dg;
	enum cc_status st;
	size_t size;

	decode_defrag_tick(d, pkt->frame->time);
	dg = find(d, pkt, frag);
	if (dg == NULL)
		return refuse(d, pkt, frag);
	st = keep(d, pkt, dg, frag);
	if (st != CC_MORE)
		return st;
	if (!dg->has_end || dg->units < (dg->end + 7) / 8)
		return CC_MORE;
	memcpy(out, dg->header, dg->header_size);
	size = assemble(d->defrag, dg, out + dg->header_size);
	mend_header(out, dg->header_size, dg->key.version, size);
	*ret_whole = slice_of(out, dg->header_size + size);
	*ret_header = dg->header_size;
	*ret_proto = dg->proto;
	drop(d->defrag, dg);
	decode_count(d, DECODE_DEFRAG_WHOLE);
	return CC_OK;
}
