/*
 * Google's QUIC before it was the IETF's, Q039 to Q046: the client's hello in clear, guarded by a hash that anybody can
 * compute (FNV-1a of 128 bits, 96 of them sent), and by which such a datagram is known.
 *
 *     flags 1 | connection id 8 | version 4 | number 1..6 | hash 12 | frames        up to Q043
 *     flags 1 | version 4 | sizes of ids 1 | ids | number 1..4 | hash 12 | frames   Q044 to Q046
 *
 * A client that doesn't know the server says hello twice, the second time with its key share (PUBS).
 *
 *     "CHLO" | tags 2le | 0 2 | { tag 4 | end of its value 4le } ... | values       in the first frame of stream 1
 */
#include "app/quic/own.h"

static unsigned __int128
fnv_add(unsigned __int128 hash, struct slice bytes)
{
	const unsigned __int128 prime = (unsigned __int128)1 << 88 | 0x13b;

	for (size_t i = 0; i < bytes.size; i++)
		hash = (hash ^ bytes.p[i]) * prime;
	return hash;
}

static bool
hash_right(struct slice header, const uint8_t sent[12], struct slice payload)
{
	unsigned __int128 hash = (unsigned __int128)0x6c62272e07bb0142ull << 64 | 0x62b821756295c58dull;

	hash = fnv_add(hash, header);
	hash = fnv_add(hash, payload);
	hash = fnv_add(hash, slice_str("Client"));
	for (unsigned i = 0; i < 12; i++)
		if (sent[i] != (uint8_t)(hash >> 8 * i))
			return false;
	return true;
}

static bool
read_header(struct cur *c, uint32_t *ret_version)
{
	uint8_t first = cur_u8(c), sizes;

	if ((first & 0x80) != 0) {
		*ret_version = cur_u32(c);
		sizes = cur_u8(c);
		cur_skip(c, sizes >> 4 != 0 ? (sizes >> 4) + 3u : 0);
		cur_skip(c, (sizes & 15) != 0 ? (sizes & 15) + 3u : 0);
		cur_skip(c, (first & 3u) + 1);
		return !c->bad && quic_is_google(*ret_version) && *ret_version >= QUIC_Q044;
	}
	if ((first & 0x01) == 0 || (first & 0x02) != 0)
		return false;
	cur_skip(c, (first & 0x08) != 0 ? 8 : 0);
	*ret_version = cur_u32(c);
	cur_skip(c, (first & 0x30) == 0 ? 1 : (first >> 4 & 3u) * 2);
	return !c->bad && quic_is_google(*ret_version) && *ret_version <= QUIC_Q043;
}

enum cc_status
quic_google(struct slice datagram, uint32_t *ret_version, struct slice *ret_hello)
{
	struct cur c = cur_slice(datagram);
	struct slice header;
	const uint8_t *sent;
	uint64_t size = 0;
	uint8_t type;

	if (!read_header(&c, ret_version))
		return CC_BAD;
	header = slice_of(datagram.p, (size_t)(c.p - datagram.p));
	sent = cur_bytes(&c, 12);
	if (sent == NULL || !hash_right(header, sent, cur_rest(&c)))
		return CC_BAD;
	*ret_hello = slice_of(NULL, 0);
	/*
	 * A stream frame, type 1 F D OOO SS: of stream 1, anywhere in it, for a second hello stands where the first
	 * ended.  Behind another frame no hello is sought.
	 */
	type = cur_u8(&c);
	if ((type & 0x80) == 0 || (type & 3) != 0 || cur_u8(&c) != 1)
		return CC_OK;
	cur_skip(&c, (type & 0x1c) != 0 ? (type >> 2 & 7u) + 1 : 0);
	size = (type & 0x20) != 0 ? cur_u16(&c) : cur_left(&c);
	*ret_hello = cur_take(&c, (size_t)size);
	return CC_OK;
}

static void
put_cyu(struct cc_ctx *ctx, struct cc_tx *tx, struct slice text)
{
	uint8_t md5[16];
	char hash[33];

	md5_of(text, md5);
	hex_text(slice_of(md5, sizeof(md5)), hash);
	cc_put_row(ctx, tx, QUIC_F_CYU);
	cc_put_text(ctx, tx, QUIC_F_CYU_HASH, hash);
	cc_put(ctx, tx, QUIC_F_CYU_STRING, text);
	cc_put_text(ctx, tx, QUIC_F_CYU_HASH_BUFFER, hash);
	cc_put(ctx, tx, QUIC_F_CYU_STRING_BUFFER, text);
}

/* A second hello says again what the first said. */
static void
put_once(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, struct slice value)
{
	if (cc_get(tx, field) == NULL)
		cc_put(ctx, tx, field, value);
}

enum cc_status
quic_chlo(struct cc_ctx *ctx, struct cc_tx *tx, uint32_t version, struct slice bytes, bool *ret_full)
{
	struct cur c = cur_slice(bytes), tags, values;
	uint8_t room[8 + QUIC_TAGS_MAX * 5];
	struct buf cyu;
	uint32_t at = 0;
	unsigned count;
	char word[4];

	if (!slice_is(cur_take(&c, 4), "CHLO"))
		return c.bad ? CC_MORE : CC_BAD;
	count = cur_u16le(&c);
	cur_skip(&c, 2);
	if (count > QUIC_TAGS_MAX)
		return CC_BAD;
	tags = cur_sub(&c, 8 * (size_t)count);
	if (c.bad)
		return CC_MORE;
	values = c;
	/* Is all of it here, and do the ends go up? */
	for (struct cur t = tags; cur_left(&t) > 0;) {
		uint32_t end;

		cur_skip(&t, 4);
		end = cur_u32le(&t);
		if (end < at || end > QUIC_CRYPTO_MAX)
			return CC_BAD;
		at = end;
	}
	if (at > cur_left(&values))
		return CC_MORE;
	buf_over(&cyu, room, sizeof(room));
	word[0] = (char)(version >> 8 & 0xff);
	word[1] = (char)(version & 0xff);
	buf_add(&cyu, word, 2);
	at = 0;
	*ret_full = false;
	for (unsigned i = 0; i < count; i++) {
		struct slice tag = cur_take(&tags, 4), value;
		uint32_t end = cur_u32le(&tags);

		value = cur_take(&values, end - at);
		at = end;
		buf_add_u8(&cyu, i == 0 ? ',' : '-');
		for (size_t j = 0; j < 4 && tag.p[j] != 0; j++)
			buf_add_u8(&cyu, tag.p[j]);
		if (memcmp(tag.p, "SNI\0", 4) == 0)
			put_once(ctx, tx, QUIC_F_SNI, value);
		else if (memcmp(tag.p, "UAID", 4) == 0)
			put_once(ctx, tx, QUIC_F_UA, value);
		else if (memcmp(tag.p, "PUBS", 4) == 0)
			*ret_full = true;
	}
	put_cyu(ctx, tx, buf_slice(&cyu));
	return CC_OK;
}
