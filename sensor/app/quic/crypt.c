/*
 * The protection of Initial packets (RFC 9001, 5): keys that everybody can derive from a connection id by HKDF-SHA256,
 * AES-128 for the header, AES-128-GCM for the payload.
 *
 * OpenSSL's EVP interface allocates, and nothing here may; so HKDF and GCM (NIST SP 800-38D) are built from SHA-256 and
 * the bare AES block.  Nothing is secret: no care is taken against timing.  GHASH goes by four bits at a time.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/aes.h>

#include "app/quic/own.h"

struct block {
	uint64_t high, low;
};

struct ghash {
	struct block table[16]; /* H times each four bits */
	struct block y;
	uint8_t part[16];
	size_t part_size;
};

static const uint8_t salts[QUIC_S_COUNT][20] = {
	[QUIC_S_V1] = {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad,
	    0xcc, 0xbb, 0x7f, 0x0a},
	[QUIC_S_D29] = {0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97, 0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0,
	    0x43, 0x90, 0xa8, 0x99},
	[QUIC_S_D23] = {0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7, 0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65,
	    0xbe, 0xf9, 0xf5, 0x02},
	[QUIC_S_D21] = {0x7f, 0xbc, 0xdb, 0x0e, 0x7c, 0x66, 0xbb, 0xe9, 0x19, 0x3a, 0x96, 0xcd, 0x21, 0x51, 0x9e, 0xbd,
	    0x7a, 0x02, 0x64, 0x4a},
	[QUIC_S_V2] = {0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb,
	    0xf9, 0xbd, 0x2e, 0xd9},
	[QUIC_S_Q050] = {0x50, 0x45, 0x74, 0xef, 0xd0, 0x66, 0xfe, 0x2f, 0x9d, 0x94, 0x5c, 0xfc, 0xdb, 0xd3, 0xa7, 0xf0,
	    0xd3, 0xb5, 0x6b, 0x45},
	[QUIC_S_T051] = {0x7a, 0x4e, 0xde, 0xf4, 0xe7, 0xcc, 0xee, 0x5f, 0xa4, 0x50, 0x6c, 0x19, 0x12, 0x4f, 0xc8, 0xcc,
	    0xda, 0x6e, 0x03, 0x3d},
};

/* RFC 2104; key_size <= 64. */
static void
hmac(const uint8_t *key, size_t key_size, struct slice message, uint8_t ret_mac[32])
{
	uint8_t inner[64] = {0}, outer[64];
	struct digest digest;

	memcpy(inner, key, key_size);
	memcpy(outer, inner, sizeof(outer));
	for (size_t i = 0; i < sizeof(inner); i++) {
		inner[i] ^= 0x36;
		outer[i] ^= 0x5c;
	}
	digest_open(&digest, DIGEST_SHA256);
	digest_add(&digest, slice_of(inner, sizeof(inner)));
	digest_add(&digest, message);
	digest_close(&digest, NULL, NULL, ret_mac);
	digest_open(&digest, DIGEST_SHA256);
	digest_add(&digest, slice_of(outer, sizeof(outer)));
	digest_add(&digest, slice_of(ret_mac, 32));
	digest_close(&digest, NULL, NULL, ret_mac);
}

/* HKDF-Expand-Label (RFC 8446, 7.1) without context; one round is enough for size <= 32. */
static void
expand(const uint8_t secret[32], const char *label, uint8_t *ret_key, size_t size)
{
	uint8_t room[64], mac[32];
	struct buf info;

	buf_over(&info, room, sizeof(room));
	buf_add_u8(&info, 0);
	buf_add_u8(&info, (uint8_t)size);
	buf_add_u8(&info, (uint8_t)(6 + strlen(label)));
	buf_add(&info, "tls13 ", 6);
	buf_add(&info, label, strlen(label));
	buf_add_u8(&info, 0);
	buf_add_u8(&info, 1);
	hmac(secret, 32, buf_slice(&info), mac);
	memcpy(ret_key, mac, size);
}

void
quic_derive(enum quic_suite suite, struct slice cid, bool of_server, struct quic_keys *ret_keys)
{
	bool v2 = suite == QUIC_S_V2;
	uint8_t initial[32], secret[32];

	hmac(salts[suite], sizeof(salts[suite]), cid, initial);
	expand(initial, of_server ? "server in" : "client in", secret, sizeof(secret));
	expand(secret, v2 ? "quicv2 key" : "quic key", ret_keys->key, sizeof(ret_keys->key));
	expand(secret, v2 ? "quicv2 iv" : "quic iv", ret_keys->iv, sizeof(ret_keys->iv));
	expand(secret, v2 ? "quicv2 hp" : "quic hp", ret_keys->hp, sizeof(ret_keys->hp));
}

static uint64_t
load64(const uint8_t *p)
{
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 8 | p[i];
	return n;
}

static void
store64(uint8_t *p, uint64_t n)
{
	for (int i = 7; i >= 0; i--, n >>= 8)
		p[i] = (uint8_t)n;
}

/* Times x in GCM's field, whose bits stand the other way round. */
static struct block
times_x(struct block v)
{
	bool carry = (v.low & 1) != 0;

	v.low = v.low >> 1 | v.high << 63;
	v.high = v.high >> 1 ^ (carry ? 0xe1ull << 56 : 0);
	return v;
}

static void
ghash_start(struct ghash *g, const AES_KEY *aes)
{
	uint8_t h[16] = {0};
	struct block v;

	memset(g, 0, sizeof(*g));
	AES_encrypt(h, h, aes);
	v = (struct block){load64(h), load64(h + 8)};
	for (unsigned bit = 8; bit > 0; bit >>= 1) {
		g->table[bit] = v;
		v = times_x(v);
	}
	for (unsigned i = 2; i < 16; i <<= 1)
		for (unsigned j = 1; j < i; j++)
			g->table[i + j] = (struct block){g->table[i].high ^ g->table[j].high,
			    g->table[i].low ^ g->table[j].low};
}

/* y = (y ^ bytes) * H */
static void
ghash_block(struct ghash *g, const uint8_t bytes[16])
{
	/* What the four bits that fall out at the end come back as, on top: the product of each with 0xe1. */
	static const uint16_t back[16] = {
		0x0000, 0x1c20, 0x3840, 0x2460, 0x7080, 0x6ca0, 0x48c0, 0x54e0,
		0xe100, 0xfd20, 0xd940, 0xc560, 0x9180, 0x8da0, 0xa9c0, 0xb5e0,
	};
	uint64_t word[2] = {g->y.high ^ load64(bytes), g->y.low ^ load64(bytes + 8)};
	struct block z = {0, 0};

	for (int i = 31; i >= 0; i--) {
		const struct block *add = &g->table[word[i / 16] >> (60 - i % 16 * 4) & 15];
		unsigned out = (unsigned)z.low & 15;

		z.low = (z.low >> 4 | z.high << 60) ^ add->low;
		z.high = (z.high >> 4 ^ (uint64_t)back[out] << 48) ^ add->high;
	}
	g->y = z;
}

static void
ghash_add(struct ghash *g, const uint8_t *p, size_t size)
{
	while (size > 0) {
		size_t n = 16 - g->part_size;

		if (g->part_size == 0 && size >= 16) {
			ghash_block(g, p);
			n = 16;
		} else {
			n = n < size ? n : size;
			memcpy(g->part + g->part_size, p, n);
			g->part_size = (g->part_size + n) % 16;
			if (g->part_size == 0)
				ghash_block(g, g->part);
		}
		p += n;
		size -= n;
	}
}

static void
ghash_pad(struct ghash *g)
{
	static const uint8_t zeros[16];

	if (g->part_size > 0)
		ghash_add(g, zeros, 16 - g->part_size);
}

struct sealed {
	uint8_t first;          /* of the header, and the packet number, both without protection */
	uint8_t number[4];
	size_t number_size, number_at;
	struct slice header;    /* as it was sent, with the number */
	struct slice body;      /* encrypted */
	const uint8_t *tag;
};

static bool
authentic(const AES_KEY *aes, const uint8_t nonce[16], const struct sealed *s)
{
	uint8_t mask[16], sizes[16], tag[16];
	struct ghash g;

	ghash_start(&g, aes);
	ghash_add(&g, &s->first, 1);
	ghash_add(&g, s->header.p + 1, s->number_at - 1);
	ghash_add(&g, s->number, s->number_size);
	ghash_pad(&g);
	ghash_add(&g, s->body.p, s->body.size);
	ghash_pad(&g);
	store64(sizes, 8 * (uint64_t)s->header.size);
	store64(sizes + 8, 8 * (uint64_t)s->body.size);
	ghash_add(&g, sizes, sizeof(sizes));
	store64(tag, g.y.high);
	store64(tag + 8, g.y.low);
	AES_encrypt(nonce, mask, aes);
	for (int i = 0; i < 16; i++)
		tag[i] ^= mask[i];
	return memcmp(tag, s->tag, 16) == 0;
}

/* nonce: with GCM's counter in its last four bytes, which goes on from 2. */
static void
decrypt(const AES_KEY *aes, uint8_t nonce[16], struct slice body, uint8_t *ret_plain)
{
	uint32_t counter = 1;
	uint8_t mask[16];

	for (size_t i = 0; i < body.size; i++) {
		if (i % 16 == 0) {
			counter++;
			for (unsigned j = 0; j < 4; j++)
				nonce[12 + j] = (uint8_t)(counter >> (24 - 8 * j));
			AES_encrypt(nonce, mask, aes);
		}
		ret_plain[i] = body.p[i] ^ mask[i % 16];
	}
}

bool
quic_open(const struct quic_keys *keys, const struct quic_packet *packet, uint8_t ret_plain[QUIC_PLAIN_MAX],
    size_t *ret_size)
{
	const uint8_t *p = packet->all.p;
	uint8_t mask[16], nonce[16];
	struct sealed s;
	AES_KEY aes;

	/* The sample stands where it would with a number of four bytes (RFC 9001, 5.4.2). */
	if (packet->all.size < packet->number + 4 + 16)
		return false;
	AES_set_encrypt_key(keys->hp, 128, &aes);
	AES_encrypt(p + packet->number + 4, mask, &aes);
	s.first = p[0] ^ (mask[0] & 0x0f);
	s.number_at = packet->number;
	s.number_size = (s.first & 3u) + 1;
	if (packet->all.size < packet->number + s.number_size + 16)
		return false;
	for (size_t i = 0; i < s.number_size; i++)
		s.number[i] = p[packet->number + i] ^ mask[1 + i];
	s.header = slice_of(p, packet->number + s.number_size);
	s.body = slice_of(p + s.header.size, packet->all.size - s.header.size - 16);
	s.tag = p + packet->all.size - 16;
	if (s.body.size > QUIC_PLAIN_MAX)
		return false;
	/* Initial packets are few: what was sent of the number is all of it. */
	memcpy(nonce, keys->iv, 12);
	memcpy(nonce + 12, "\0\0\0\1", 4);
	for (size_t i = 0; i < s.number_size; i++)
		nonce[12 - s.number_size + i] ^= s.number[i];
	AES_set_encrypt_key(keys->key, 128, &aes);
	if (!authentic(&aes, nonce, &s))
		return false;
	decrypt(&aes, nonce, s.body, ret_plain);
	*ret_size = s.body.size;
	return true;
}

bool
quic_unlock(const struct quic_packet *packet, struct slice cid, bool of_server, uint8_t ret_plain[QUIC_PLAIN_MAX],
    size_t *ret_size)
{
	unsigned suites = quic_suites(packet->version);
	struct quic_keys keys;

	for (unsigned suite = 0; suite < QUIC_S_COUNT; suite++) {
		if ((suites >> suite & 1) == 0)
			continue;
		quic_derive((enum quic_suite)suite, cid, of_server, &keys);
		if (quic_open(&keys, packet, ret_plain, ret_size))
			return true;
	}
	return false;
}
