/*
 * A packet's place in the table: the canonical key, its hash, the flow's id.
 *
 * In: a decoded packet.  Out: the same key for both ways of a conversation.  ICMP has numbers in the place of ports as
 * the community id (https://github.com/corelight/community-id-spec, version 1) wants them: the type, and the type that
 * answers it, or the code where none does; such one-way flows keep their two ways apart.  No state, any thread.
 */
#include "flow/own.h"

enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ICMP6 = 58, PROTO_SCTP = 132 };

static const uint8_t icmp4_pair[][2] = {{8, 0}, {13, 14}, {15, 16}, {10, 9}, {17, 18}};
static const uint8_t icmp6_pair[][2] = {{128, 129}, {130, 131}, {133, 134}, {135, 136}, {139, 140}, {144, 145}};

bool
icmp_ports(uint8_t proto, uint8_t type, uint8_t code, uint16_t *ret_sport, uint16_t *ret_dport)
{
	const uint8_t(*pair)[2] = proto == PROTO_ICMP ? icmp4_pair : icmp6_pair;
	size_t count = proto == PROTO_ICMP ? sizeof(icmp4_pair) / 2 : sizeof(icmp6_pair) / 2;

	*ret_sport = type;
	for (size_t i = 0; i < count; i++) {
		if (type == pair[i][0] || type == pair[i][1]) {
			*ret_dport = pair[i][type == pair[i][0]];
			return true;
		}
	}
	*ret_dport = code;
	return false;
}

static inline uint64_t
half(const uint8_t *p)
{
	uint64_t n;

	memcpy(&n, p, sizeof(n));
	return n;
}

/* Any total order does, as long as both ways of a conversation agree on it. */
static inline bool
src_first(const uint64_t src[2], uint16_t sport, const uint64_t dst[2], uint16_t dport)
{
	if (src[0] != dst[0])
		return src[0] < dst[0];
	if (src[1] != dst[1])
		return src[1] < dst[1];
	return sport <= dport;
}

/* False: no flow can be made for this packet.  *ret_swapped: the key's first end is the packet's destination. */
bool
key_of(const struct flows *flows, const struct packet *pkt, struct key *ret_key, bool *ret_swapped)
{
	uint64_t src[2] = {half(pkt->src.b), half(pkt->src.b + 8)}, dst[2] = {half(pkt->dst.b), half(pkt->dst.b + 8)};
	uint16_t sport = pkt->sport, dport = pkt->dport;
	bool one_way = false, first;

	if (pkt->ip_count == 0 || pkt->is_fragment)
		return false;
	switch (pkt->proto) {
	case PROTO_ICMP:
	case PROTO_ICMP6:
		if (!pkt->has_transport)
			return false;
		one_way = !icmp_ports(pkt->proto, pkt->icmp.type, pkt->icmp.code, &sport, &dport);
		break;
	case PROTO_TCP:
	case PROTO_UDP:
	case PROTO_SCTP:
		if (!pkt->has_transport)
			return false;
		break;
	default:
		sport = dport = 0;
	}
	first = src_first(src, sport, dst, dport);
	for (unsigned i = 0; i < 2; i++) { /* number by number, as they are read again right away */
		ret_key->addr[i] = first ? src[i] : dst[i];
		ret_key->addr[2 + i] = first ? dst[i] : src[i];
	}
	ret_key->ports = first ? (uint32_t)sport << 16 | dport : (uint32_t)dport << 16 | sport;
	ret_key->kind =
	    pkt->proto | (one_way ? (first ? 0x100u : 0x200u) : 0) | (uint32_t)pkt->ip[pkt->ip_count - 1].version << 16;
	ret_key->path = (struct path){.tunnel = pkt->tunnel_flow};
	if (flows->conf->flow_vlan && pkt->vlan_count > 0) {
		memcpy(&ret_key->path.vlan, pkt->vlan, (size_t)(pkt->vlan_count < 4 ? pkt->vlan_count : 4) * 2);
		ret_key->path.vlan_count = pkt->vlan_count;
	}
	*ret_swapped = !first;
	return true;
}

static inline uint64_t
mix(uint64_t a, uint64_t b)
{
	unsigned __int128 m = (unsigned __int128)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* Both factors hold secret bits, so that nobody can choose one that is zero. */
struct hashes
key_hash(const struct flows *flows, const struct key *key)
{
	uint64_t seed = flows->hash_seed, turned = seed << 32 | seed >> 32, h;
	struct hashes hash;

	h = mix(key->addr[0] ^ seed, key->addr[1] ^ turned ^ 0x9e3779b97f4a7c15ull);
	h ^= mix(key->addr[2] ^ seed * 3, key->addr[3] ^ turned ^ 0xc2b2ae3d27d4eb4full);
	h ^= mix(((uint64_t)key->ports << 32 | key->kind) ^ seed * 5, turned);
	hash.ends = (uint32_t)(h >> 32);
	h = mix(h ^ key->path.vlan, turned ^ ((uint64_t)key->path.tunnel << 32 | key->path.vlan_count));
	hash.all = (uint32_t)(h ^ h >> 32);
	return hash;
}

/* Without the table's secret seed, so that it is the same in every run; 53 bits, never 0. */
uint64_t
key_id(const struct key *key, uint64_t time, uint64_t seq)
{
	struct {
		struct key key;
		uint64_t time, seq;
	} all;
	uint64_t id;

	memset(&all, 0, sizeof(all));
	all.key = *key;
	all.time = time;
	all.seq = seq;
	id = hash64(slice_of(&all, sizeof(all)), 0) & ((1ull << 53) - 1);
	return id != 0 ? id : 1;
}
