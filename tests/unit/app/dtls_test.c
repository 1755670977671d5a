/* DTLS: a handshake with a cookie, messages in fragments in any order, lost and twisted ones; cuts and flips. */
#include "torture.h"
#include "app/dtls/own.h"
#include "x509_cert.h"

extern const struct cc_parser dtls_parser;

struct made {
	uint8_t b[4000];
	size_t size;
};

static void
add(struct made *m, const void *p, size_t size)
{
	memcpy(m->b + m->size, p, size);
	m->size += size;
}

static void
number(struct made *m, uint64_t n, unsigned bytes)
{
	while (bytes-- > 0)
		m->b[m->size++] = (uint8_t)(n >> 8 * bytes);
}

/* A record of epoch 0 that holds one fragment of the message. */
static void
add_fragment(struct made *m, uint8_t type, unsigned seq, const struct made *body, size_t at, size_t size)
{
	number(m, TLS_HANDSHAKE, 1);
	number(m, DTLS_VERSION_12, 2);
	number(m, 0, 8);
	number(m, DTLS_MESSAGE_HEADER + size, 2);
	number(m, type, 1);
	number(m, body->size, 3);
	number(m, seq, 2);
	number(m, at, 3);
	number(m, size, 3);
	add(m, body->b + at, size);
}

static struct made
client_hello(const char *cookie)
{
	struct made m = {.size = 0};

	number(&m, DTLS_VERSION_12, 2);
	add(&m, "TIMErandombytesrandombytes123456", 32);
	number(&m, 0, 1);
	number(&m, strlen(cookie), 1);
	add(&m, cookie, strlen(cookie));
	number(&m, 2, 2);
	number(&m, 0xc02c, 2);
	number(&m, 0x0100, 2);
	number(&m, 13, 2);
	add(&m, "\0\0\0\x09\0\x07\0\0\4host", 13);
	return m;
}

static uint16_t old_version; /* 0: 1.2 */

static struct made
server_hello(unsigned chosen)
{
	struct made m = {.size = 0};

	number(&m, old_version != 0 ? old_version : DTLS_VERSION_12, 2);
	add(&m, "TIMErandombytesrandombytes654321", 32);
	number(&m, 0, 1);
	number(&m, old_version != 0 ? 0x0005 : 0xc02c, 2);
	number(&m, 0, 1);
	if (chosen != 0) {
		number(&m, 6, 2);
		number(&m, TLS_EXT_VERSIONS, 2);
		number(&m, 2, 2);
		number(&m, chosen, 2);
	}
	return m;
}

static struct made
certificate(void)
{
	struct made m = {.size = 0};

	number(&m, sizeof(cert_der) + 3, 3);
	number(&m, sizeof(cert_der), 3);
	add(&m, cert_der, sizeof(cert_der));
	return m;
}

static const char encrypted[] = "\x16\xfe\xfd\0\1\0\0\0\0\0\0\0\x18" "012345678901234567890123";
static const struct made verify = {.b = "\xfe\xff\x06" "cookie", .size = 9};

static void
say(struct cc_ctx *rig, enum cc_dir dir, const struct made *m)
{
	rig_feed(rig, dir, slice_of(m->b, m->size));
}

static void
whole(struct cc_ctx *rig, enum cc_dir dir, uint8_t type, unsigned seq, struct made body)
{
	struct made m = {.size = 0};

	add_fragment(&m, type, seq, &body, 0, body.size);
	say(rig, dir, &m);
}

static void
part(struct cc_ctx *rig, enum cc_dir dir, uint8_t type, unsigned seq, struct made body, size_t at, size_t size)
{
	struct made m = {.size = 0};

	add_fragment(&m, type, seq, &body, at, size);
	say(rig, dir, &m);
}

static bool
is(const struct cc_ctx *rig, const char *name, const char *want)
{
	const char *value = rig_value(rig, 0, name, 0);

	return value != NULL && strcmp(value, want) == 0;
}

TEST(handshake_with_a_cookie)
{
	struct made cert = certificate();
	struct cc_ctx rig;

	rig_open(&rig, &dtls_parser, true, 4433);
	whole(&rig, CC_TO_SERVER, TLS_CLIENT_HELLO, 0, client_hello(""));
	whole(&rig, CC_TO_CLIENT, TLS_HELLO_VERIFY, 0, verify);
	part(&rig, CC_TO_SERVER, TLS_CLIENT_HELLO, 1, client_hello("cookie"), 20, 40);
	part(&rig, CC_TO_SERVER, TLS_CLIENT_HELLO, 1, client_hello("cookie"), 0, 20);
	whole(&rig, CC_TO_CLIENT, TLS_SERVER_HELLO, 1, server_hello(0));
	part(&rig, CC_TO_CLIENT, TLS_CERTIFICATE, 2, cert, 500, cert.size - 500);
	part(&rig, CC_TO_CLIENT, TLS_CERTIFICATE, 2, cert, 100, 300);
	part(&rig, CC_TO_CLIENT, TLS_CERTIFICATE, 2, cert, 0, 200);
	CHECK(rig_value(&rig, 0, "tls.cert_serial", 0) == NULL);
	part(&rig, CC_TO_CLIENT, TLS_CERTIFICATE, 2, cert, 300, 250);
	CHECK(is(&rig, "tls.cert_serial", "00:A1:B2:C3"));
	CHECK(is(&rig, "tls.sni", "host") && is(&rig, "cookie", "cookie") && is(&rig, "version", "DTLS 1.2"));
	CHECK(is(&rig, "ja4", "dd2d010100_653ffb6f323e_000000000000"));
	CHECK(is(&rig, "ja3.string", "65277,49196,0,,") && is(&rig, "ja3s.string", "65277,49196,"));
	rig_feed(&rig, CC_TO_CLIENT, slice_of(encrypted, sizeof(encrypted) - 1));
	CHECK_UINT(rig.done_count, 0);
	rig_feed(&rig, CC_TO_SERVER, slice_of(encrypted, sizeof(encrypted) - 1));
	CHECK_UINT(rig.done_count, 1);
	CHECK(rig.enough[0] && rig.enough[1]);
	rig_end(&rig);
	CHECK_UINT(rig.taken, 0);
	CHECK(!rig_has_anomaly(&rig, "fragment_overlap") && !rig_has_anomaly(&rig, "invalid_handshake_message"));
	rig_free(&rig);
}

TEST(version_13_ends_with_the_servers_hello)
{
	struct cc_ctx rig;

	rig_open(&rig, &dtls_parser, true, 4433);
	whole(&rig, CC_TO_SERVER, TLS_CLIENT_HELLO, 0, client_hello(""));
	whole(&rig, CC_TO_CLIENT, TLS_SERVER_HELLO, 0, server_hello(DTLS_VERSION_13));
	CHECK_UINT(rig.done_count, 1);
	CHECK(is(&rig, "version", "DTLS 1.3") && rig.enough[0] && rig.enough[1]);
	rig_end(&rig);
	rig_free(&rig);
}

TEST(weaknesses)
{
	struct cc_ctx rig;

	old_version = DTLS_VERSION_10;
	rig_open(&rig, &dtls_parser, true, 4433);
	whole(&rig, CC_TO_SERVER, TLS_CLIENT_HELLO, 0, client_hello(""));
	CHECK(!rig_has_anomaly(&rig, "obsolete_version"));
	whole(&rig, CC_TO_CLIENT, TLS_SERVER_HELLO, 0, server_hello(0));
	CHECK(rig_has_anomaly(&rig, "obsolete_version") && rig_has_anomaly(&rig, "weak_cipher"));
	whole(&rig, CC_TO_CLIENT, TLS_CERTIFICATE, 1, certificate());
	CHECK(rig_has_anomaly(&rig, "certificate_self_signed") && rig_has_anomaly(&rig, "certificate_not_yet_valid"));
	rig_end(&rig);
	rig_free(&rig);
	old_version = 0;
}

TEST(server_alone)
{
	struct cc_ctx rig;

	rig_open(&rig, &dtls_parser, true, 4433);
	whole(&rig, CC_TO_SERVER, TLS_SERVER_HELLO, 0, server_hello(0));
	whole(&rig, CC_TO_SERVER, TLS_CERTIFICATE, 1, certificate());
	CHECK(is(&rig, "tls.cert_serial", "00:A1:B2:C3"));
	rig_end(&rig);
	CHECK_UINT(rig.done_count, 1);
	rig_free(&rig);
}

TEST(twisted_fragments)
{
	struct made hello = client_hello("x"), other = hello, far = hello;
	struct cc_ctx rig;

	rig_open(&rig, &dtls_parser, true, 4433);
	other.b[10] ^= 1;
	part(&rig, CC_TO_SERVER, TLS_CLIENT_HELLO, 0, hello, 0, 30);
	part(&rig, CC_TO_SERVER, TLS_CLIENT_HELLO, 0, other, 5, 30);
	CHECK(rig_has_anomaly(&rig, "fragment_overlap"));
	other.size++;
	part(&rig, CC_TO_SERVER, TLS_CLIENT_HELLO, 0, other, 30, 10);
	CHECK(rig_has_anomaly(&rig, "fragment_mismatch"));
	part(&rig, CC_TO_SERVER, TLS_CLIENT_HELLO, 0, hello, 30, hello.size - 30);
	CHECK(is(&rig, "tls.sni", "host"));
	rig_end(&rig);
	rig_free(&rig);

	/* One byte far out claims no memory, nor does a message beyond the limit. */
	rig_open(&rig, &dtls_parser, true, 4433);
	far.size = 0;
	add(&far, "\x16\xfe\xfd\0\0\0\0\0\0\0\0\0\x0d\x0b\0\xff\xff\0\0\0\xff\0\0\0\1x", 26);
	say(&rig, CC_TO_CLIENT, &far);
	CHECK(rig_has_anomaly(&rig, "fragment_too_far"));
	CHECK_UINT(rig.taken, 0);
	far.b[14] = 0xff;
	say(&rig, CC_TO_CLIENT, &far);
	CHECK(rig_has_anomaly(&rig, "handshake_invalid_length"));
	rig_end(&rig);
	rig_free(&rig);
}

TEST(who_is_taken)
{
	struct made hello = client_hello(""), m = {.size = 0};
	const char *stun = "\0\1\0\4\x21\x12\xa4\x42" "123456789012" "\0\0\0\0";

	add_fragment(&m, TLS_CLIENT_HELLO, 0, &hello, 0, hello.size);
	CHECK(torture_probe(&dtls_parser, true, 9, CC_TO_SERVER, slice_of(m.b, m.size)) == CC_OK);
	CHECK(torture_probe(&dtls_parser, true, 9, CC_TO_SERVER, slice_of(m.b, m.size - 1)) == CC_BAD);
	CHECK(torture_probe(&dtls_parser, true, 9, CC_TO_SERVER, slice_of(encrypted, sizeof(encrypted) - 1)) == CC_OK);
	CHECK(torture_probe(&dtls_parser, true, 9, CC_TO_SERVER, slice_of(stun, 24)) == CC_MORE);
	m.b[20]++; /* a fragment beyond its message */
	CHECK(torture_probe(&dtls_parser, true, 9, CC_TO_SERVER, slice_of(m.b, m.size)) == CC_BAD);
}

TEST(cut_and_flipped)
{
	struct made hello = client_hello("cookie"), first = {.size = 0}, second = {.size = 0}, cert = certificate();
	struct made answer = server_hello(0), third = {.size = 0}, fourth = {.size = 0};

	add_fragment(&first, TLS_CLIENT_HELLO, 0, &hello, 0, hello.size);
	add_fragment(&second, TLS_HELLO_VERIFY, 0, &verify, 0, verify.size);
	add_fragment(&third, TLS_SERVER_HELLO, 1, &answer, 0, answer.size);
	add_fragment(&third, TLS_CERTIFICATE, 2, &cert, 0, 60);
	add_fragment(&fourth, TLS_CERTIFICATE, 2, &cert, 60, 100);

	const struct said said[] = {
		{CC_TO_SERVER, (const char *)first.b, first.size}, {CC_TO_CLIENT, (const char *)second.b, second.size},
		{CC_TO_CLIENT, (const char *)third.b, third.size}, {CC_TO_CLIENT, (const char *)fourth.b, fourth.size},
		SAID(CC_TO_SERVER, encrypted),
	};

	torture(&dtls_parser, true, 4433, said, sizeof(said) / sizeof(said[0]));
}

TESTS(T(handshake_with_a_cookie), T(version_13_ends_with_the_servers_hello), T(weaknesses), T(server_alone),
    T(twisted_fragments), T(who_is_taken), T(cut_and_flipped))
