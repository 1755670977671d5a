/* QUIC: the vectors of RFC 9001 and RFC 9369, flows sealed here by OpenSSL, cut at every byte, broken, flipped. */
#include <openssl/evp.h>

#include "parser_rig.h"
#include "../test.h"
#include "app/quic/own.h"
#include "base/base.h"

extern const struct cc_parser quic_parser;

/* RFC 9001, A.2: the CRYPTO frame of the client. */
static const char hello_hex[] =
    "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c00000413011302010000c0000000"
    "10000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c706e0005000501000000000033"
    "00260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b0003020304000d0010000e040305"
    "0306030203080408050806002d00020101001c00024001003900320408ffffffffffffffff05048000ffff07048000ffff08011001048000"
    "75300901100f088394c8f03e51570806048000ffff";
/* A.3: the server's answer; RFC 9369, A.3: the same in version 2. */
static const char server_hex[] =
    "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf7"
    "3c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84022f8ef4cdd93795d77d06edbb7aaf2f"
    "58891850abbdca3d20398c276456cbc42158407dd074ee";
static const char server2_hex[] =
    "dc6b3343cf0008f067a5502a4262b5004075d92faaf16f05d8a4398c47089698baeea26b91eb761d9b89237bbf87263017915358230035f7"
    "fd3945d88965cf17f9af6e16886c61bfc703106fbaf3cb4cfa52382dd16a393e42757507698075b2c984c707f0a0812d8cd5a6881eaf21ce"
    "da98f4bd23f6fe1a3e2c43edd9ce7ca84bed8521e2e140";

static const uint8_t rfc_cid[8] = {0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08};

struct made {
	uint8_t b[32768];
	size_t size;
};

static struct slice
made_slice(const struct made *m)
{
	return slice_of(m->b, m->size);
}

static void
add(struct made *m, const void *p, size_t size)
{
	memcpy(m->b + m->size, p, size);
	m->size += size;
}

static void
add_u8(struct made *m, unsigned n)
{
	m->b[m->size++] = (uint8_t)n;
}

static void
add_hex(struct made *m, const char *hex)
{
	size_t size = strlen(hex) / 2;

	CHECK(hex_parse(slice_str(hex), m->b + m->size, size) == CC_OK);
	m->size += size;
}

static void
add_number(struct made *m, size_t n)
{
	add_u8(m, 0x40u | (unsigned)(n >> 8));
	add_u8(m, (unsigned)n & 0xff);
}

/* OpenSSL's own AES: an opinion beside ours. */
static void
cipher(const EVP_CIPHER *kind, const uint8_t *key, const uint8_t *iv, struct slice aad, struct slice in, uint8_t *out)
{
	EVP_CIPHER_CTX *evp = EVP_CIPHER_CTX_new();
	int n;

	EVP_EncryptInit_ex(evp, kind, NULL, key, iv);
	EVP_CIPHER_CTX_set_padding(evp, 0);
	if (aad.size > 0)
		EVP_EncryptUpdate(evp, NULL, &n, aad.p, (int)aad.size);
	EVP_EncryptUpdate(evp, out, &n, in.p, (int)in.size);
	EVP_EncryptFinal_ex(evp, out + n, &n);
	if (aad.size > 0)
		EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_GCM_GET_TAG, 16, out + in.size);
	EVP_CIPHER_CTX_free(evp);
}

struct seal {
	uint32_t version;
	enum quic_suite suite;
	struct slice key_cid, dcid, scid;
	bool of_server;
	uint32_t number;
};

/* Appends an Initial packet with these frames, padded to pad bytes of frames, its number in four bytes. */
static void
add_initial(struct made *m, const struct seal *s, const struct made *frames, size_t pad)
{
	size_t from = m->size, header, size = frames->size > pad ? frames->size : pad;
	struct quic_keys keys;
	static struct made plain;
	uint8_t nonce[12], mask[16];

	quic_derive(s->suite, s->key_cid, s->of_server, &keys);
	plain = *frames;
	memset(plain.b + plain.size, 0, size - frames->size);
	add_u8(m, s->version == QUIC_V2 ? 0xd3 : 0xc3);
	for (int shift = 24; shift >= 0; shift -= 8)
		add_u8(m, s->version >> shift & 0xff);
	add_u8(m, (unsigned)s->dcid.size);
	add(m, s->dcid.p, s->dcid.size);
	add_u8(m, (unsigned)s->scid.size);
	if (s->scid.size > 0)
		add(m, s->scid.p, s->scid.size);
	add_u8(m, 0);
	add_number(m, 4 + size + 16);
	header = m->size;
	memcpy(nonce, keys.iv, 12);
	for (int i = 0; i < 4; i++) {
		add_u8(m, s->number >> (24 - 8 * i) & 0xff);
		nonce[8 + i] ^= m->b[header + (size_t)i];
	}
	cipher(EVP_aes_128_gcm(), keys.key, nonce, slice_of(m->b + from, m->size - from), slice_of(plain.b, size),
	    m->b + m->size);
	m->size += size + 16;
	cipher(EVP_aes_128_ecb(), keys.hp, NULL, slice_of(NULL, 0), slice_of(m->b + header + 4, 16), mask);
	m->b[from] ^= mask[0] & 0x0f;
	for (size_t i = 0; i < 4; i++)
		m->b[header + i] ^= mask[1 + i];
}

static struct seal
client_seal(void)
{
	struct slice cid = slice_of(rfc_cid, sizeof(rfc_cid));

	return (struct seal){.version = QUIC_V1, .suite = QUIC_S_V1, .key_cid = cid, .dcid = cid, .number = 2};
}

static bool
keys_are(enum quic_suite suite, bool of_server, const char *key, const char *iv, const char *hp)
{
	char text[40];
	struct quic_keys k;

	quic_derive(suite, slice_of(rfc_cid, sizeof(rfc_cid)), of_server, &k);
	return strcmp(hex_text(slice_of(k.key, 16), text), key) == 0 &&
	    strcmp(hex_text(slice_of(k.iv, 12), text), iv) == 0 &&
	    strcmp(hex_text(slice_of(k.hp, 16), text), hp) == 0;
}

TEST(table)
{
	CHECK(rig_table_right(&quic_parser));
}

TEST(keys_of_the_rfcs)
{
	CHECK(keys_are(QUIC_S_V1, false, "1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c",
	    "9f50449e04a0e810283a1e9933adedd2"));
	CHECK(keys_are(QUIC_S_V1, true, "cf3a5331653c364c88f0f379b6067e37", "0ac1493ca1905853b0bba03e",
	    "c206b8d9b9f0f37644430b490eeaa314"));
	CHECK(keys_are(QUIC_S_V2, false, "8b1a0bc121284290a29e0971b5cd045d", "91f73e2351d8fa91660e909f",
	    "45b95e15235d6f45a6b19cbcb0294ba9"));
	CHECK(keys_are(QUIC_S_V2, true, "82db637861d55e1d011f19ea71d5d2a7", "dd13c276499c0249d3310652",
	    "edf6d05c83121201b436e16877593c3a"));
}

/* The packet of A.2 begins and ends as printed there, and the whole exchange is read. */
static void
rfc_exchange(uint32_t version, enum quic_suite suite, const char *begin, const char *end, const char *answer_hex,
    const char *text)
{
	static struct made frames, m, answer;
	struct seal s = client_seal();
	uint8_t want[64];
	struct cc_ctx rig;

	frames.size = m.size = answer.size = 0;
	add_hex(&frames, hello_hex);
	s.version = version;
	s.suite = suite;
	add_initial(&m, &s, &frames, 1162);
	CHECK_UINT(m.size, 1200);
	CHECK(hex_parse(slice_str(begin), want, strlen(begin) / 2) == CC_OK &&
	    memcmp(m.b, want, strlen(begin) / 2) == 0);
	CHECK(hex_parse(slice_str(end), want, strlen(end) / 2) == CC_OK &&
	    memcmp(m.b + 1200 - strlen(end) / 2, want, strlen(end) / 2) == 0);
	add_hex(&answer, answer_hex);
	rig_open(&rig, &quic_parser, true, 443);
	CHECK(quic_parser.probe(&rig, CC_TO_SERVER, made_slice(&m)) == CC_OK);
	CHECK(quic_parser.probe(&rig, CC_TO_CLIENT, made_slice(&answer)) == CC_MORE);
	rig.other_known = true;
	CHECK(quic_parser.probe(&rig, CC_TO_CLIENT, made_slice(&answer)) == CC_OK);
	CHECK(rig_feed(&rig, CC_TO_SERVER, made_slice(&m)) == CC_OK);
	CHECK(rig.enough[CC_TO_SERVER] && !rig.enough[CC_TO_CLIENT] && rig.done_count == 0);
	CHECK(rig_feed(&rig, CC_TO_CLIENT, made_slice(&answer)) == CC_OK);
	CHECK(rig.enough[CC_TO_CLIENT] && rig.done_count == 1);
	CHECK_TEXT(rig_value(&rig, 0, "quic.sni", 0), "example.com");
	CHECK_TEXT(rig_value(&rig, 0, "version", 0), text);
	CHECK_TEXT(rig_value(&rig, 0, "concert.client_alpns", 0), "alpn");
	CHECK_TEXT(rig_value(&rig, 0, "ja3.string", 0), "771,4865-4866,0-65281-10-16-5-51-43-13-45-28-57,29-23-24,");
	CHECK_TEXT(rig_value(&rig, 0, "ja4", 0), "q13d0211an_62ed6f6ca7ad_4d634acda6c0");
	CHECK_TEXT(rig_value(&rig, 0, "ja3s.string", 0), "771,4865,51-43");
	CHECK_UINT(rig.anomaly_count, 0);
	rig_end(&rig);
	CHECK_UINT(rig.taken, 0);
	rig_free(&rig);
}

TEST(exchange_of_rfc_9001)
{
	rfc_exchange(QUIC_V1, QUIC_S_V1, "c000000001088394c8f03e5157080000449e7b9aec34",
	    "e221af44860018ab0856972e194cd934", server_hex, "1");
}

TEST(exchange_of_rfc_9369)
{
	rfc_exchange(QUIC_V2, QUIC_S_V2, "d76b3343cf088394c8f03e5157080000449ea0c95e82", "", server2_hex, "v2");
}

/* One frame of the hello's bytes from..to. */
static void
add_crypto(struct made *frames, size_t from, size_t to)
{
	static struct made hello;

	hello.size = 0;
	add_hex(&hello, hello_hex);
	add_u8(frames, 6);
	add_number(frames, from);
	add_number(frames, to - from);
	add(frames, hello.b + 4 + from, to - from);
}

/* The hello in three pieces, the last first, over two packets of one datagram and another datagram, acks between. */
TEST(pieces_in_any_order)
{
	static struct made frames, one, two;
	struct seal s = client_seal();

	for (size_t cut = 1; cut < 241 - 4; cut++) {
		struct cc_ctx rig;

		frames.size = one.size = two.size = 0;
		add_crypto(&frames, cut + 3, 241);
		add_u8(&frames, 1);
		s.number = 0;
		add_initial(&one, &s, &frames, 300);
		frames.size = 0;
		add(&frames, "\x02\x05\x00\x01\x00\x01\x01\x00\x00", 9);
		add_crypto(&frames, 0, cut);
		s.number = 1;
		add_initial(&one, &s, &frames, 300);
		frames.size = 0;
		add_crypto(&frames, cut > 2 ? cut - 2 : 0, cut + 4);
		s.number = 2;
		add_initial(&two, &s, &frames, 300);
		rig_open(&rig, &quic_parser, true, 443);
		rig_feed(&rig, CC_TO_SERVER, made_slice(&one));
		CHECK(rig_value(&rig, 0, "quic.sni", 0) == NULL);
		rig_feed(&rig, CC_TO_SERVER, made_slice(&two));
		CHECK_TEXT(rig_value(&rig, 0, "quic.sni", 0), "example.com");
		CHECK_UINT(rig.anomaly_count, 0);
		rig_end(&rig);
		CHECK(rig.done_count == 1 && rig.taken == 0);
		rig_free(&rig);
	}
}

TEST(versions)
{
	static const struct {
		uint32_t version;
		enum quic_suite suite;
		const char *text;
	} known[] = {
		{0xff00001d, QUIC_S_D29, "ff00001d"}, {0xff000020, QUIC_S_D29, "ff000020"},
		{0xff00001b, QUIC_S_D23, "ff00001b"}, {0xff000022, QUIC_S_V1, "ff000022"},
		{0xff000016, QUIC_S_D21, "ff000016"}, {0xfaceb001, QUIC_S_D21, "faceb001"},
		{0x1a2a3a4a, QUIC_S_D29, "1a2a3a4a"}, {QUIC_T051, QUIC_S_T051, "54303531"},
	};
	static struct made frames, m;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct seal s = client_seal();
		struct cc_ctx rig;

		s.version = known[i].version;
		s.suite = known[i].suite;
		frames.size = m.size = 0;
		add_hex(&frames, hello_hex);
		add_initial(&m, &s, &frames, 1162);
		rig_open(&rig, &quic_parser, true, 4433);
		CHECK(quic_parser.probe(&rig, CC_TO_SERVER, made_slice(&m)) == CC_OK);
		rig_feed(&rig, CC_TO_SERVER, made_slice(&m));
		CHECK_TEXT(rig_value(&rig, 0, "version", 0), known[i].text);
		CHECK_TEXT(rig_value(&rig, 0, "quic.sni", 0), "example.com");
		CHECK(rig_has_anomaly(&rig, "obsolete_version") ==
		      (known[i].version >> 24 == 0xff || known[i].version == QUIC_T051));
		rig_end(&rig);
		rig_free(&rig);
	}
}

/* After a Retry the client begins again, with keys of the id that the server chose. */
TEST(retry)
{
	static struct made frames, m, again, retry, answer;
	static const uint8_t chosen[5] = {1, 2, 3, 4, 5};
	struct seal s = client_seal();
	struct cc_ctx rig;

	frames.size = m.size = again.size = retry.size = answer.size = 0;
	add_crypto(&frames, 0, 100);
	add_initial(&m, &s, &frames, 1162);
	add_hex(&retry, "f0000000010005");
	add(&retry, chosen, 5);
	add_hex(&retry, "746f6b656e04a265ba2eff4d829058fb3f0f2496ba");
	s.key_cid = s.dcid = slice_of(chosen, 5);
	frames.size = 0;
	add_hex(&frames, hello_hex);
	add_initial(&again, &s, &frames, 1162);
	frames.size = 0;
	add_hex(&frames, "0600402a020000260303"); /* version, random, no id, cipher, compression */
	for (int i = 0; i < 32; i++)
		add_u8(&frames, 7);
	add_hex(&frames, "00130100");
	s.of_server = true;
	s.dcid = slice_of("", 0);
	add_initial(&answer, &s, &frames, 0);
	rig_open(&rig, &quic_parser, true, 443);
	rig_feed(&rig, CC_TO_SERVER, made_slice(&m));
	rig_feed(&rig, CC_TO_CLIENT, made_slice(&retry));
	rig_feed(&rig, CC_TO_SERVER, made_slice(&again));
	CHECK_TEXT(rig_value(&rig, 0, "quic.sni", 0), "example.com");
	rig_feed(&rig, CC_TO_CLIENT, made_slice(&answer));
	CHECK_TEXT(rig_value(&rig, 0, "ja3s.string", 0), "771,4865,");
	CHECK_UINT(rig.anomaly_count, 0);
	CHECK_UINT(rig.done_count, 1);
	rig_end(&rig);
	rig_free(&rig);
}

/* A broken byte anywhere: not believed, in any place but those that nothing protects. */
TEST(flips_and_cuts)
{
	static struct made frames, m, broken;
	struct seal s = client_seal();
	struct cc_ctx rig;

	frames.size = m.size = 0;
	add_hex(&frames, hello_hex);
	add_initial(&m, &s, &frames, 300);
	rig_open(&rig, &quic_parser, true, 443);
	for (size_t i = 0; i < m.size; i++) {
		broken = m;
		broken.b[i] ^= (uint8_t)(1u << i % 8);
		CHECK(quic_parser.probe(&rig, CC_TO_SERVER, made_slice(&broken)) != CC_OK);
	}
	rig_end(&rig);
	rig_free(&rig);
	for (size_t size = 0; size < m.size; size++) {
		uint8_t *exact = malloc(size + 1);

		memcpy(exact, m.b, size);
		rig_open(&rig, &quic_parser, true, 443);
		CHECK(quic_parser.probe(&rig, CC_TO_SERVER, slice_of(exact, size)) != CC_OK);
		rig_feed(&rig, CC_TO_SERVER, slice_of(m.b, size));
		rig_end(&rig);
		CHECK_UINT(rig.tx_count, 0);
		rig_free(&rig);
		free(exact);
	}
}

/* Frames of any bytes, truly sealed: nothing breaks, all memory comes back. */
TEST(frames_cut_and_flipped)
{
	static struct made frames, whole, m;
	uint32_t random = 12345;

	whole.size = 0;
	add_hex(&whole, "0100020500010001011c00064000");
	add_hex(&whole, hello_hex);
	for (unsigned i = 0; i < 3000; i++) {
		struct seal s = client_seal();
		struct cc_ctx rig;

		frames = whole;
		m.size = 0;
		if (i < whole.size)
			frames.size = i;
		else
			for (unsigned j = 0; j < 1 + i % 7; j++) {
				random = random * 1664525 + 1013904223;
				frames.b[(random >> 8) % frames.size] = (uint8_t)(random >> 24);
			}
		add_initial(&m, &s, &frames, 20);
		rig_open(&rig, &quic_parser, true, 443);
		rig.take_limit = i % 5 == 0 ? 100 : 0;
		CHECK(rig_feed(&rig, CC_TO_SERVER, made_slice(&m)) == CC_OK);
		rig_feed(&rig, CC_TO_SERVER, made_slice(&m));
		rig_end(&rig);
		CHECK(rig.taken == 0 && rig.taken_most <= 64 * 1024);
		rig_free(&rig);
	}
}

TEST(limits)
{
	static struct made frames, m;
	struct seal s = client_seal();
	struct cc_ctx rig;

	frames.size = m.size = 0;
	add_hex(&frames, "068000400001ff"); /* one byte at 16384 */
	add_initial(&m, &s, &frames, 100);
	rig_open(&rig, &quic_parser, true, 443);
	rig_feed(&rig, CC_TO_SERVER, made_slice(&m));
	CHECK(rig_has_anomaly(&rig, "crypto_frag_too_long") && rig.taken == 0);
	for (int i = 0; i < 100; i++)
		rig_feed(&rig, CC_TO_CLIENT, slice_of("\x40..........", 11));
	CHECK(rig.enough[0] && rig.enough[1] && rig.done_count == 1);
	rig_end(&rig);
	rig_free(&rig);
}

/* CRYPTO of a byte each all over a handshake's room, none next to another: bounded, and the hello is read. */
TEST(crypto_at_scattered_places)
{
	static struct made frames, m;
	struct seal s = client_seal();
	struct cc_ctx rig;

	rig_open(&rig, &quic_parser, true, 443);
	for (unsigned n = 0; n < 60; n++) {
		frames.size = m.size = 0;
		for (unsigned k = 0; k < 70; k++) {
			add_u8(&frames, 6);
			add_number(&frames, 300 + (n * 70 + k) * 7919 % 8000 * 2);
			add_number(&frames, 1);
			add_u8(&frames, 0x5a);
		}
		s.number = n;
		add_initial(&m, &s, &frames, 100);
		CHECK(rig_feed(&rig, CC_TO_SERVER, made_slice(&m)) == CC_OK);
		CHECK(rig.taken <= 64 * 1024);
	}
	frames.size = m.size = 0;
	add_hex(&frames, hello_hex);
	s.number = 60;
	add_initial(&m, &s, &frames, 1162);
	CHECK(rig_feed(&rig, CC_TO_SERVER, made_slice(&m)) == CC_OK);
	rig_end(&rig);
	CHECK_UINT(rig.done_count, 1);
	CHECK_TEXT(rig_value(&rig, 0, "quic.sni", 0), "example.com");
	CHECK_UINT(rig.taken, 0);
	rig_free(&rig);
}

/* Google's hash, computed here the slow way: 128 bits as sixteen bytes. */
static void
fnv_slow(struct slice bytes, uint8_t hash[16])
{
	for (size_t i = 0; i < bytes.size; i++) {
		uint8_t old[16];
		unsigned carry = 0;

		hash[0] ^= bytes.p[i];
		memcpy(old, hash, 16);
		for (size_t j = 0; j < 16; j++) { /* times 2^88 + 0x13b */
			carry += old[j] * 0x3bu + (j > 0 ? old[j - 1] : 0u) + (j >= 11 ? old[j - 11] : 0u);
			hash[j] = (uint8_t)carry;
			carry >>= 8;
		}
	}
}

static void
add_google(struct made *m, const char *header_hex, const struct made *frames)
{
	static const uint8_t basis[16] = {0x8d, 0xc5, 0x95, 0x62, 0x75, 0x21, 0xb8, 0x62, 0x42, 0x01, 0xbb, 0x07, 0x2e,
	    0x27, 0x62, 0x6c};
	uint8_t hash[16];

	add_hex(m, header_hex);
	memcpy(hash, basis, 16);
	fnv_slow(made_slice(m), hash);
	fnv_slow(made_slice(frames), hash);
	fnv_slow(slice_str("Client"), hash);
	add(m, hash, 12);
	add(m, frames->b, frames->size);
}

TEST(google)
{
	static const struct {
		const char *header, *version, *cyu;
	} made[] = {
		{"090102030405060708" "51303433" "01", "Q043", "43,PAD-SNI-UAID"},
		{"c3" "51303436" "50" "0102030405060708" "00000001", "Q046", "46,PAD-SNI-UAID"},
	};
	static struct made frames, m;

	for (size_t i = 0; i < 2; i++) {
		struct cc_ctx rig;

		frames.size = m.size = 0;
		add_hex(&frames, "a001004c" "43484c4f" "03000000");
		add_hex(&frames, "50414400" "14000000" "534e4900" "1f000000" "55414944" "2c000000");
		add(&frames, "--------------------example.orgChrome/60 X11", 44);
		frames.b[3] = (uint8_t)(frames.size - 4);
		add_google(&m, made[i].header, &frames);
		for (size_t size = 0; size < m.size; size++) {
			rig_open(&rig, &quic_parser, true, 443);
			CHECK(quic_parser.probe(&rig, CC_TO_SERVER, slice_of(m.b, size)) != CC_OK);
			rig_feed(&rig, CC_TO_SERVER, slice_of(m.b, size));
			rig_end(&rig);
			CHECK_UINT(rig.tx_count, 0);
			rig_free(&rig);
		}
		rig_open(&rig, &quic_parser, true, 443);
		CHECK(quic_parser.probe(&rig, CC_TO_SERVER, made_slice(&m)) == CC_OK);
		rig_feed(&rig, CC_TO_SERVER, made_slice(&m));
		CHECK_TEXT(rig_value(&rig, 0, "quic.version", 0), made[i].version);
		CHECK_TEXT(rig_value(&rig, 0, "quic.sni", 0), "example.org");
		CHECK_TEXT(rig_value(&rig, 0, "quic.ua", 0), "Chrome/60 X11");
		CHECK_TEXT(rig_value(&rig, 0, "quic.cyu.string", 0), made[i].cyu);
		CHECK_UINT(rig.done_count, 0);
		frames.size = m.size = 0;
		add_hex(&frames, "a40104000018" "43484c4f" "02000000" "534e4900" "00000000" "50554253" "00000000");
		frames.b[5] = (uint8_t)(frames.size - 6);
		add_google(&m, made[i].header, &frames);
		rig_feed(&rig, CC_TO_SERVER, made_slice(&m));
		CHECK(strcmp(rig_value(&rig, 0, "quic.cyu.string", 1) + 2, ",SNI-PUBS") == 0);
		CHECK(rig.done_count == 1 && rig.anomaly_count == 1 && rig_has_anomaly(&rig, "obsolete_version"));
		rig_end(&rig);
		rig_free(&rig);
	}
}

TESTS(T(table), T(keys_of_the_rfcs), T(exchange_of_rfc_9001), T(exchange_of_rfc_9369), T(pieces_in_any_order),
    T(versions), T(retry), T(flips_and_cuts), T(frames_cut_and_flipped), T(limits), T(crypto_at_scattered_places),
    T(google))
