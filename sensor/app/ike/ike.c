/*
 * IKE versions 1 and 2 over UDP (RFC 2408, 2409, 7296), on port 4500 behind a marker of four zero bytes (RFC 3948):
 * a message in, a transaction out.
 *
 *     initiator's SPI 8 | responder's SPI 8 | next payload 1 | version 1 | exchange 1 | flags 1 | message's id 4 |
 *     size 4
 *     payload: next 1 | critical 1 | size 2 | body
 *
 * Payloads are read up to the first that is encrypted.  What goes beside IKE on port 4500 is ESP: it is passed by.  One
 * thread, a worker's.
 */
#include "base/base.h"
#include "concert/parser.h"

#include <stdio.h>

#define BOTH (CC_REQUEST | CC_RESPONSE)
#define HEAD_SIZE 28
#define V1_ENCRYPTED 1
#define V2_INITIATOR 8
#define V2_RESPONSE 32
#define PAIR(word, number) ((uint64_t)(word) << 32 | (uint32_t)(number))

/* A buffer of both sides has one index for each, in the order of enum cc_dir. */
enum {
	F_MAJOR, F_MINOR, F_INIT, F_RESP, F_ID, F_EXCHANGE, F_EXCHANGE_TEXT, F_ROLE, F_PAYLOAD, F_ERRORS, F_NOTIFY,
	F_DOI, F_ENCRYPTED, F_VENDORS, F_KE_TS, F_KE_TC, F_KE_SIZE_TS, F_KE_SIZE_TC, F_NONCE_TS, F_NONCE_TC,
	F_NONCE_SIZE_TS, F_NONCE_SIZE_TC, F_PROPOSAL, F_PROPOSAL_KEY, F_PROPOSAL_VALUE, F_PROPOSAL_RAW, F_ATTRIBUTE,
	F_ATTRIBUTE_KEY, F_ATTRIBUTE_VALUE, F_ATTRIBUTE_RAW, B_INIT_TS, B_INIT_TC, B_RESP_TS, B_RESP_TC, B_EXCHANGE_TS,
	B_EXCHANGE_TC, B_VENDOR_TS, B_VENDOR_TC, B_CHOSEN, B_KE_TS, B_KE_TC, B_KE_SIZE_TS, B_KE_SIZE_TC, B_NONCE_TS,
	B_NONCE_TC, B_NONCE_SIZE_TS, B_NONCE_SIZE_TC,
	F_COUNT,
};

#define TWO(index, buffer, eve, type, flags, help)                                                                     \
	[index] = {buffer, eve, type, CC_REQUEST | (flags), help},                                                     \
	[(index) + 1] = {buffer, eve, type, CC_RESPONSE | (flags), help}
#define SIDES(index, path, type, flags, help) \
	[index] = {NULL, "ikev1.client." path, type, CC_REQUEST | (flags), help}, \
	[(index) + 1] = {NULL, "ikev1.server." path, type, CC_RESPONSE | (flags), help}

static const struct cc_field ike_fields[F_COUNT] = {
	[F_MAJOR] = {NULL, "version_major", CC_UINT, BOTH, "1 or 2."},
	[F_MINOR] = {NULL, "version_minor", CC_UINT, BOTH, "Minor version."},
	[F_INIT] = {NULL, "init_spi", CC_BYTES, BOTH | CC_HEX, "The initiator's number of the association."},
	[F_RESP] = {NULL, "resp_spi", CC_BYTES, BOTH | CC_HEX, "The responder's number of the association."},
	[F_ID] = {NULL, "message_id", CC_UINT, BOTH, "Number of the message."},
	[F_EXCHANGE] = {NULL, "exchange_type", CC_UINT, BOTH, "Kind of the exchange."},
	[F_EXCHANGE_TEXT] = {NULL, "exchange_type_verbose", CC_BYTES, BOTH, "The same as text."},
	[F_ROLE] = {NULL, "role", CC_BYTES, BOTH, "Version 2: the sender is \"initiator\" or \"responder\"."},
	[F_PAYLOAD] = {NULL, "payload", CC_BYTES, BOTH | CC_MULTI, "Kinds of the payloads."},
	[F_ERRORS] = {NULL, "ikev2.errors", CC_UINT, BOTH, "Number of notifications that are errors."},
	[F_NOTIFY] = {NULL, "ikev2.notify", CC_BYTES, BOTH | CC_MULTI, "Notifications."},
	[F_DOI] = {NULL, "ikev1.doi", CC_UINT, BOTH, "Domain of interpretation: 1 is IPsec."},
	[F_ENCRYPTED] = {NULL, "ikev1.encrypted_payloads", CC_FLAG, BOTH, "The payloads are encrypted."},
	[F_VENDORS] = {NULL, "ikev1.vendor_ids", CC_BYTES, BOTH | CC_MULTI, "Vendors' marks, as hex."},
	SIDES(F_KE_TS, "key_exchange_payload", CC_BYTES, CC_HEX, "Public key."),
	SIDES(F_KE_SIZE_TS, "key_exchange_payload_length", CC_UINT, 0, "Its size."),
	SIDES(F_NONCE_TS, "nonce_payload", CC_BYTES, CC_HEX, "Nonce."),
	SIDES(F_NONCE_SIZE_TS, "nonce_payload_length", CC_UINT, 0, "Its size."),
	[F_PROPOSAL] = {NULL, "ikev1.client.proposals[]", CC_ROW, CC_REQUEST, "What the client offers."},
	[F_PROPOSAL_KEY] = {NULL, "ikev1.client.proposals[].key", CC_BYTES, CC_REQUEST, "Attribute."},
	[F_PROPOSAL_VALUE] = {NULL, "ikev1.client.proposals[].value", CC_BYTES, CC_REQUEST, "Its value."},
	[F_PROPOSAL_RAW] = {NULL, "ikev1.client.proposals[].raw", CC_UINT, CC_REQUEST, "The same as a number."},
	[F_ATTRIBUTE] = {NULL, "attributes[]", CC_ROW, CC_RESPONSE, "What the server chose."},
	[F_ATTRIBUTE_KEY] = {NULL, "attributes[].key", CC_BYTES, CC_RESPONSE, "Attribute."},
	[F_ATTRIBUTE_VALUE] = {NULL, "attributes[].value", CC_BYTES, CC_RESPONSE, "Its value."},
	[F_ATTRIBUTE_RAW] = {NULL, "attributes[].raw", CC_UINT, CC_RESPONSE, "The same as a number."},
	TWO(B_INIT_TS, "ike.init_spi", NULL, CC_BYTES, 0, "The initiator's SPI, as hex."),
	TWO(B_RESP_TS, "ike.resp_spi", NULL, CC_BYTES, 0, "The responder's SPI, as hex."),
	TWO(B_EXCHANGE_TS, "ike.exchtype", NULL, CC_UINT, 0, "Kind of the exchange."),
	TWO(B_VENDOR_TS, "ike.vendor", NULL, CC_BYTES, CC_MULTI, "A vendor's mark, as hex."),
	[B_CHOSEN] = {"ike.chosen_sa_attribute", NULL, CC_UINT, CC_RESPONSE | CC_MULTI,
	    "An attribute that the server chose, \"alg_hash=2\"."},
	TWO(B_KE_TS, "ike.key_exchange_payload", NULL, CC_BYTES, 0, "Public key."),
	TWO(B_KE_SIZE_TS, "ike.key_exchange_payload_length", NULL, CC_UINT, 0, "Size of the public key."),
	TWO(B_NONCE_TS, "ike.nonce_payload", NULL, CC_BYTES, 0, "Nonce."),
	TWO(B_NONCE_SIZE_TS, "ike.nonce_payload_length", NULL, CC_UINT, 0, "Size of the nonce."),
};

enum {
	A_MALFORMED, A_ENC, A_PRF, A_AUTH, A_DH, A_NO_DH, A_NO_AUTH, A_NO_ENC, A_INVALID, A_UNKNOWN, A_MULTIPLE,
	A_PAYLOADS, A_AGGRESSIVE,
	A_COUNT,
};

static const struct cc_anomaly ike_anomalies[A_COUNT] = {
	[A_MALFORMED] = {"malformed_data", "A message's payloads don't fit into it."},
	[A_ENC] = {"weak_crypto_enc", "A cipher that is broken or has short blocks."},
	[A_PRF] = {"weak_crypto_prf", "A pseudo-random function made of MD5 or SHA-1."},
	[A_AUTH] = {"weak_crypto_auth", "Integrity, or a hash, made of MD5, SHA-1 or DES."},
	[A_DH] = {"weak_crypto_dh", "A Diffie-Hellman group of 1536 bits or fewer."},
	[A_NO_DH] = {"weak_crypto_no_dh", "No Diffie-Hellman exchange."},
	[A_NO_AUTH] = {"weak_crypto_no_auth", "No integrity, and a cipher that has none of its own."},
	[A_NO_ENC] = {"no_encryption", "AH alone: nothing is encrypted."},
	[A_INVALID] = {"invalid_proposal", "A proposal that doesn't fit into its payload."},
	[A_UNKNOWN] = {"unknown_proposal", "A proposal for a protocol that isn't IKE, AH or ESP."},
	[A_MULTIPLE] = {"multiple_server_proposal", "The server answers with more than one proposal."},
	[A_PAYLOADS] = {"too_many_payloads", "More than ike.payloads_limit payloads; the rest is not read."},
	[A_AGGRESSIVE] = {"aggressive_mode", "Version 1's aggressive mode, which gives away a hash of the shared key."},
};

enum attribute { K_ENC = 1, K_HASH, K_AUTH, K_DH, K_LIFE_TYPE, K_LIFE, K_KEY_LENGTH, K_PRF, K_GROUP_TYPE,
    K_FIELD_SIZE };

static const struct cc_word chosen_words[] = {
	{"alg_enc", K_ENC}, {"alg_hash", K_HASH}, {"alg_auth", K_AUTH}, {"alg_dh", K_DH}, {"sa_life_type", K_LIFE_TYPE},
	{"sa_life_duration", K_LIFE}, {"sa_key_length", K_KEY_LENGTH}, {"alg_prf", K_PRF},
	{"sa_group_type", K_GROUP_TYPE},
	{"sa_field_size", K_FIELD_SIZE},
};
static const struct cc_words ike_words[] = {
	{B_CHOSEN, CC_PAIR, chosen_words, sizeof(chosen_words) / sizeof(chosen_words[0])},
};

struct ike_state {
	bool marked; /* messages have the marker: what has none is ESP */
};

struct message {
	struct slice init, resp;
	uint8_t next, major, minor, exchange, flags;
	uint32_t id;
	struct cur payloads;
	bool marked;
};

/* What one message is odd in, each told once. */
struct tell {
	struct cc_ctx *ctx;
	struct cc_tx *tx;
	enum cc_dir dir;
	uint32_t told;
};

static void
report(struct tell *t, unsigned anomaly)
{
	if ((t->told >> anomaly & 1) == 0)
		cc_anomaly(t->ctx, t->tx, anomaly);
	t->told |= 1u << anomaly;
}

static bool
exchange_known(unsigned major, unsigned exchange)
{
	return major == 1 ? (exchange >= 1 && exchange <= 6) || (exchange >= 32 && exchange <= 33)
			  : exchange >= 34 && exchange <= 44;
}

static bool
payload_known(unsigned major, unsigned type)
{
	return type == 0 || (major == 1 ? type <= 21 || type >= 128 : (type >= 33 && type <= 54) || type >= 128);
}

/* The head; what it says has to be so, or it is no IKE. */
static bool
read_head(struct slice in, struct message *ret)
{
	static const uint8_t zero[8];
	struct cur c = cur_slice(in);
	struct message m = {.marked = false};
	uint8_t version;
	uint32_t size;

	if (in.size >= 4 && memcmp(in.p, zero, 4) == 0) {
		cur_skip(&c, 4);
		in = cur_rest(&c);
		m.marked = true;
	}
	m.init = cur_take(&c, 8);
	m.resp = cur_take(&c, 8);
	m.next = cur_u8(&c);
	version = cur_u8(&c);
	m.exchange = cur_u8(&c);
	m.flags = cur_u8(&c);
	m.id = cur_u32(&c);
	size = cur_u32(&c);
	m.major = version >> 4;
	m.minor = version & 15;
	if (c.bad || size < HEAD_SIZE || size != in.size || (m.major != 1 && m.major != 2) || m.minor > 1)
		return false;
	if (memcmp(m.init.p, zero, 8) == 0 || !exchange_known(m.major, m.exchange) || !payload_known(m.major, m.next))
		return false;
	if ((m.flags & (m.major == 1 ? ~7u : ~0x38u)) != 0)
		return false;
	m.payloads = c;
	*ret = m;
	return true;
}

static bool
is_sealed(const struct message *m)
{
	return m->major == 1 && (m->flags & V1_ENCRYPTED) != 0;
}

/* All payloads fit, one behind the other, to the end: nobody else's datagram does that. */
static enum cc_status
ike_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	struct message m;
	struct cur c;
	unsigned next;

	(void)ctx;
	(void)dir;
	if (!read_head(in, &m))
		return CC_BAD;
	if (is_sealed(&m))
		return cur_left(&m.payloads) >= 8 && cur_left(&m.payloads) % 4 == 0 ? CC_OK : CC_BAD;
	c = m.payloads;
	for (next = m.next; next != 0;) {
		bool last = m.major == 2 && (next == 46 || next == 53);
		unsigned after = cur_u8(&c), size;

		cur_skip(&c, 1);
		size = cur_u16(&c);
		if (c.bad || size < 4 || !payload_known(m.major, after))
			return CC_BAD;
		cur_skip(&c, size - 4);
		if (c.bad)
			return CC_BAD;
		next = last ? 0 : after;
	}
	return cur_left(&c) < 8 ? CC_OK : CC_BAD; /* some fill up */
}

/* ---- what was proposed ---- */

static const char *
key_text(unsigned key)
{
	for (size_t i = 0; i < sizeof(chosen_words) / sizeof(chosen_words[0]); i++)
		if (chosen_words[i].value == key)
			return chosen_words[i].name;
	return "";
}

static const char *
dh_text(uint32_t group)
{
	static const char *const text[] = {"None", "Modp768", "Modp1024", "EC2N155", "EC2N185", "Modp1536", NULL, NULL,
	    NULL, NULL, NULL, NULL, NULL, NULL, "Modp2048", "Modp3072", "Modp4096", "Modp6144", "Modp8192", "Ecp256",
	    "Ecp384", "Ecp521", "Modp1024s160", "Modp2048s224", "Modp2048s256", "Ecp192", "Ecp224", "BrainpoolP224r1",
	    "BrainpoolP256r1", "BrainpoolP384r1", "BrainpoolP512r1", "Curve25519", "Curve448"};

	return group < sizeof(text) / sizeof(text[0]) ? text[group] : NULL;
}

static const char *
enc1_text(uint32_t value)
{
	static const char *const text[] = {NULL, "EncDesCbc", "EncIdeaCbc", "EncBlowfishCbc", "EncRc5R16B64Cbc",
	    "EncTripleDesCbc", "EncCastCbc", "EncAesCbc", "EncCamelliaCbc"};

	return value < sizeof(text) / sizeof(text[0]) ? text[value] : NULL;
}

static const char *
hash_text(uint32_t value)
{
	static const char *const text[] = {
	    NULL, "HashMd5", "HashSha", "HashTiger", "HashSha2_256", "HashSha2_384", "HashSha2_512"};

	return value < sizeof(text) / sizeof(text[0]) ? text[value] : NULL;
}

static const char *
auth1_text(uint32_t value)
{
	static const char *const text[] = {NULL, "AuthPreSharedKey", "AuthDssSignatures", "AuthRsaSignatures",
	    "AuthEncryptionWithRsa", "AuthRevisedEncryptionWithRsa"};

	return value < sizeof(text) / sizeof(text[0]) ? text[value] : NULL;
}

/* One attribute of a proposal: the server's is what was chosen, the client's what was offered (version 1 has a place
 * for it). */
static void
put_attribute(struct tell *t, unsigned major, unsigned key, uint32_t value, const char *text)
{
	bool server = t->dir == CC_TO_CLIENT, told = key <= K_KEY_LENGTH;
	unsigned row = server ? F_ATTRIBUTE : F_PROPOSAL;
	char number[16];

	if (server)
		cc_put_uint(t->ctx, t->tx, B_CHOSEN, PAIR(key, value));
	if (!told || (!server && major != 1))
		return;
	snprintf(number, sizeof(number), "%u", value);
	cc_put_row(t->ctx, t->tx, row);
	cc_put_text(t->ctx, t->tx, row + 1, key_text(key));
	cc_put_text(t->ctx, t->tx, row + 2, text != NULL ? text : number);
	cc_put_uint(t->ctx, t->tx, row + 3, value);
}

static bool
weak_group(uint32_t group)
{
	return group == 1 || group == 2 || group == 5 || group == 22;
}

/* type 2 (high bit: value 2; else size 2, value) */
static bool
attributes1(struct tell *t, struct cur *c)
{
	static const uint8_t key[] = {0, K_ENC, K_HASH, K_AUTH, K_DH, K_GROUP_TYPE, 0, 0, 0, 0, 0, K_LIFE_TYPE, K_LIFE,
	    K_PRF, K_KEY_LENGTH, K_FIELD_SIZE};

	while (cur_left(c) > 0) {
		uint16_t type = cur_u16(c), size = cur_u16(c);
		uint32_t value = size;
		const char *text = NULL;
		unsigned k = (type & 0x7fff) < sizeof(key) ? key[type & 0x7fff] : 0;

		if ((type & 0x8000) == 0) {
			struct slice bytes = cur_take(c, size);

			value = 0;
			for (size_t i = 0; i < bytes.size && i < 4; i++)
				value = value << 8 | bytes.p[i];
		}
		if (c->bad)
			return false;
		if (k == K_ENC) {
			text = enc1_text(value);
			if (value >= 1 && value <= 6)
				report(t, A_ENC);
		} else if (k == K_HASH) {
			text = hash_text(value);
			if (value == 1 || value == 2)
				report(t, A_AUTH);
		} else if (k == K_AUTH) {
			text = auth1_text(value);
		} else if (k == K_DH) {
			text = dh_text(value);
			if (weak_group(value))
				report(t, A_DH);
		}
		if (k != 0)
			put_attribute(t, 1, k, value, text);
	}
	return true;
}

/* Version 2's transforms of one proposal, as they come. */
struct proposal {
	bool aead, has_auth, has_dh, no_dh;
};

static void
transform2(struct tell *t, struct proposal *p, unsigned type, uint32_t id, struct cur *c)
{
	uint16_t attribute = cur_u16(c), length = cur_u16(c);

	switch (type) {
	case 1:
		if (id <= 9 || id == 11)
			report(t, A_ENC);
		p->aead = (id >= 14 && id <= 16) || (id >= 18 && id <= 20) || (id >= 25 && id <= 31);
		put_attribute(t, 2, K_ENC, id, NULL);
		if (!c->bad && attribute == 0x800e)
			put_attribute(t, 2, K_KEY_LENGTH, length, NULL);
		break;
	case 2:
		if (id == 1 || id == 2)
			report(t, A_PRF);
		put_attribute(t, 2, K_PRF, id, NULL);
		break;
	case 3:
		p->has_auth = p->has_auth || id != 0;
		if ((id >= 1 && id <= 4) || id == 6 || id == 7)
			report(t, A_AUTH);
		put_attribute(t, 2, K_AUTH, id, NULL);
		break;
	case 4:
		p->has_dh = p->has_dh || id != 0;
		p->no_dh = p->no_dh || id == 0;
		if (weak_group(id))
			report(t, A_DH);
		put_attribute(t, 2, K_DH, id, dh_text(id));
		break;
	default:
		break;
	}
}

/* last 1 | 0 1 | size 2 | version 1: number 1, id 1, 0 2; version 2: type 1, 0 1, id 2 | attributes */
static bool
transforms(struct tell *t, unsigned major, struct cur *c, struct proposal *p)
{
	while (cur_left(c) > 0) {
		unsigned size, type;
		uint32_t id;
		struct cur body;

		cur_skip(c, 2);
		size = cur_u16(c);
		body = cur_sub(c, size >= 8 ? size - 4 : SIZE_MAX);
		type = cur_u8(&body);
		if (c->bad || body.bad)
			return false;
		if (major == 1) {
			cur_skip(&body, 3);
			if (!attributes1(t, &body))
				return false;
			continue;
		}
		cur_skip(&body, 1);
		id = cur_u16(&body);
		transform2(t, p, type, id, &body);
	}
	return true;
}

/* last 1 | 0 1 | size 2 | number 1 | protocol 1 | size of SPI 1 | transforms 1 | SPI | transforms */
static void
proposals(struct tell *t, unsigned major, struct cur *c)
{
	for (unsigned count = 0; cur_left(c) > 0; count++) {
		struct proposal p = {.aead = false};
		unsigned size, protocol;
		struct cur body;

		cur_skip(c, 2);
		size = cur_u16(c);
		body = cur_sub(c, size >= 8 ? size - 4 : SIZE_MAX);
		cur_skip(&body, 1);
		protocol = cur_u8(&body);
		size = cur_u8(&body);
		cur_skip(&body, 1 + size);
		if (c->bad || body.bad) {
			report(t, A_INVALID);
			return;
		}
		if (count == 1 && t->dir == CC_TO_CLIENT)
			report(t, A_MULTIPLE);
		if (protocol < 1 || protocol > 3) {
			report(t, A_UNKNOWN);
			continue;
		}
		if (protocol == 2)
			report(t, A_NO_ENC);
		if (!transforms(t, major, &body, &p)) {
			report(t, A_INVALID);
			return;
		}
		if (major == 1 || protocol != 1)
			continue;
		if (!p.has_dh)
			report(t, A_NO_DH);
		if (!p.has_auth && !p.aead)
			report(t, A_NO_AUTH);
	}
}

/* ---- payloads ---- */

static const char *
payload_text(unsigned major, unsigned type)
{
	static const char *const v1[] = {"", "SecurityAssociation", "Proposal", "Transform", "KeyExchange",
	    "Identification", "Certificate", "CertificateRequest", "Hash", "Signature", "Nonce", "Notification",
	    "Delete", "VendorID", "", "SAKEKPayload", "SATEKPayload", "KeyDownload", "SequenceNumber",
	    "ProofOfPossession", "NatDiscovery", "NatOriginalAddress"};
	static const char *const v2[] = {"SecurityAssociation", "KeyExchange", "IDi", "IDr", "Certificate",
	    "CertificateRequest", "Authentication", "Nonce", "Notify", "Delete", "VendorID", "TSi", "TSr",
	    "EncryptedAndAuthenticated", "Configuration", "EAP", "GSPM", "IDg", "GSA", "KeyDownload",
	    "EncryptedFragment", "PuzzleSolution"};

	if (major == 1 && type < sizeof(v1) / sizeof(v1[0]))
		return v1[type];
	if (major == 2 && type >= 33 && type - 33 < sizeof(v2) / sizeof(v2[0]))
		return v2[type - 33];
	return "Private";
}

static void
put_sized(struct tell *t, unsigned major, unsigned eve, unsigned buffer, struct slice bytes)
{
	if (major == 1) {
		cc_put(t->ctx, t->tx, eve + t->dir, bytes);
		cc_put_uint(t->ctx, t->tx, eve + 2 + t->dir, bytes.size);
	}
	cc_put_ref(t->ctx, t->tx, buffer + t->dir, bytes);
	cc_put_uint(t->ctx, t->tx, buffer + 2 + t->dir, bytes.size);
}

static void
vendor(struct tell *t, unsigned major, struct slice bytes)
{
	char text[2 * 128 + 1];

	if (bytes.size > 128)
		bytes.size = 128;
	hex_text(bytes, text);
	if (major == 1)
		cc_put_text(t->ctx, t->tx, F_VENDORS, text);
	cc_put_text(t->ctx, t->tx, B_VENDOR_TS + t->dir, text);
}

/* protocol 1 | size of SPI 1 | kind 2: below 16384 it is an error */
static void
notify(struct tell *t, struct cur *c, unsigned *errors)
{
	static const struct {
		uint16_t kind;
		const char *text;
	} known[] = {{1, "UNSUPPORTED_CRITICAL_PAYLOAD"}, {4, "INVALID_IKE_SPI"}, {5, "INVALID_MAJOR_VERSION"},
	    {7, "INVALID_SYNTAX"}, {9, "INVALID_MESSAGE_ID"}, {11, "INVALID_SPI"}, {14, "NO_PROPOSAL_CHOSEN"},
	    {17, "INVALID_KE_PAYLOAD"}, {24, "AUTHENTICATION_FAILED"}, {16388, "NAT_DETECTION_SOURCE_IP"},
	    {16389, "NAT_DETECTION_DESTINATION_IP"}, {16390, "COOKIE"}, {16404, "MULTIPLE_AUTH_SUPPORTED"},
	    {16406, "REDIRECT_SUPPORTED"}, {16430, "IKEV2_FRAGMENTATION_SUPPORTED"},
	    {16431, "SIGNATURE_HASH_ALGORITHMS"}};
	uint16_t kind;
	char number[16];

	cur_skip(c, 2);
	kind = cur_u16(c);
	if (c->bad) {
		report(t, A_MALFORMED);
		return;
	}
	if (kind < 16384)
		++*errors;
	snprintf(number, sizeof(number), "%u", kind);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].kind == kind) {
			cc_put_text(t->ctx, t->tx, F_NOTIFY, known[i].text);
			return;
		}
	cc_put_text(t->ctx, t->tx, F_NOTIFY, number);
}

static void
payload(struct tell *t, unsigned major, unsigned type, struct cur *c, unsigned *errors)
{
	cc_put_text(t->ctx, t->tx, F_PAYLOAD, payload_text(major, type));
	switch (major * 100 + type) {
	case 101: {
		uint32_t doi = cur_u32(c);

		cc_put_uint(t->ctx, t->tx, F_DOI, doi);
		cur_skip(c, 4);
		if (c->bad)
			report(t, A_MALFORMED);
		else if (doi <= 1)
			proposals(t, 1, c);
		break;
	}
	case 104:
		put_sized(t, 1, F_KE_TS, B_KE_TS, cur_rest(c));
		break;
	case 110:
		put_sized(t, 1, F_NONCE_TS, B_NONCE_TS, cur_rest(c));
		break;
	case 113:
	case 243:
		vendor(t, major, cur_rest(c));
		break;
	case 233:
		proposals(t, 2, c);
		break;
	case 234: {
		uint16_t group = cur_u16(c);

		cur_skip(c, 2);
		if (c->bad) {
			report(t, A_MALFORMED);
			break;
		}
		if (weak_group(group))
			report(t, A_DH);
		put_sized(t, 2, F_KE_TS, B_KE_TS, cur_rest(c));
		break;
	}
	case 240:
		put_sized(t, 2, F_NONCE_TS, B_NONCE_TS, cur_rest(c));
		break;
	case 241:
		notify(t, c, errors);
		break;
	default:
		break;
	}
}

static void
payloads(struct tell *t, struct message *m)
{
	uint64_t most = cc_limit(t->ctx, "ike.payloads_limit"), count = 0;
	unsigned next = m->next, errors = 0;

	while (next != 0) {
		unsigned type = next, size;
		struct cur body;

		if (count++ == most) {
			report(t, A_PAYLOADS);
			break;
		}
		next = cur_u8(&m->payloads);
		cur_skip(&m->payloads, 1);
		size = cur_u16(&m->payloads);
		body = cur_sub(&m->payloads, size >= 4 ? size - 4 : SIZE_MAX);
		if (m->payloads.bad) {
			report(t, A_MALFORMED);
			break;
		}
		payload(t, m->major, type, &body, &errors);
		if (m->major == 2 && (type == 46 || type == 53))
			break; /* what it names as next lies inside */
	}
	if (m->major == 2)
		cc_put_uint(t->ctx, t->tx, F_ERRORS, errors);
}

static const char *
exchange_text(unsigned exchange)
{
	static const char *const v1[] = {
	    "", "Base", "Identity Protection", "Authentication Only", "Aggressive", "Informational", "Transaction"};
	static const char *const v2[] = {"Quick Mode", "New Group Mode", "IKE_SA_INIT", "IKE_AUTH", "CREATE_CHILD_SA",
	    "INFORMATIONAL", "IKE_SESSION_RESUME", "GSA_AUTH", "GSA_REGISTRATION", "GSA_REKEY", "", "IKE_INTERMEDIATE",
	    "IKE_FOLLOWUP_KE"};

	return exchange < 7 ? v1[exchange] : exchange >= 32 && exchange - 32 < 13 ? v2[exchange - 32] : "";
}

static void
message(struct cc_ctx *ctx, enum cc_dir dir, struct message *m)
{
	struct tell t = {ctx, cc_tx_new(ctx), dir, 0};
	char text[17];

	cc_put_uint(ctx, t.tx, F_MAJOR, m->major);
	cc_put_uint(ctx, t.tx, F_MINOR, m->minor);
	cc_put_ref(ctx, t.tx, F_INIT, m->init);
	cc_put_ref(ctx, t.tx, F_RESP, m->resp);
	cc_put_text(ctx, t.tx, B_INIT_TS + dir, hex_text(m->init, text));
	cc_put_text(ctx, t.tx, B_RESP_TS + dir, hex_text(m->resp, text));
	cc_put_uint(ctx, t.tx, F_ID, m->id);
	cc_put_uint(ctx, t.tx, F_EXCHANGE, m->exchange);
	cc_put_uint(ctx, t.tx, B_EXCHANGE_TS + dir, m->exchange);
	cc_put_text(ctx, t.tx, F_EXCHANGE_TEXT, exchange_text(m->exchange));
	if (m->major == 2)
		cc_put_text(ctx, t.tx, F_ROLE, (m->flags & V2_INITIATOR) != 0 ? "initiator" : "responder");
	else
		cc_put_uint(ctx, t.tx, F_ENCRYPTED, is_sealed(m));
	if (m->major == 1 && m->exchange == 4)
		report(&t, A_AGGRESSIVE);
	if (!is_sealed(m))
		payloads(&t, m);
	cc_tx_side_done(ctx, t.tx, dir);
	cc_tx_done(ctx, t.tx);
}

static enum cc_status
ike_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct ike_state *state = own;
	struct slice datagram = cur_take(in, cur_left(in));
	struct message m;

	if (read_head(datagram, &m)) {
		state->marked = m.marked;
		message(ctx, dir, &m);
	} else if (!state->marked) {
		cc_anomaly(ctx, NULL, A_MALFORMED);
	}
	return CC_OK;
}

const struct cc_parser ike_parser = {
	.name = "ike",
	.ports = "udp/500 udp/4500",
	.fields = ike_fields,
	.field_count = F_COUNT,
	.anomalies = ike_anomalies,
	.anomaly_count = A_COUNT,
	.words = ike_words,
	.words_count = 1,
	.state_size = sizeof(struct ike_state),
	.udp = true,
	.one_way = true,
	.by_message = true,
	.probe = ike_probe,
	.feed = ike_feed,
};
