/* Messages and records of TLS made by hand, and a whole handshake of them. */
#ifndef APP_TLS_MADE_H
#define APP_TLS_MADE_H

#include "parser_rig.h"
#include "../test.h"
#include "app/tls/own.h"
#include "x509_cert.h"

extern const struct cc_parser tls_parser;

struct made {
	uint8_t b[65536];
	size_t size;
};

static inline void
add(struct made *m, const void *p, size_t size)
{
	memcpy(m->b + m->size, p, size);
	m->size += size;
}

static inline void
add8(struct made *m, unsigned n)
{
	uint8_t b = (uint8_t)n;

	add(m, &b, 1);
}

static inline void
add16(struct made *m, unsigned n)
{
	add8(m, n >> 8);
	add8(m, n & 255);
}

static inline void
add24(struct made *m, unsigned n)
{
	add8(m, n >> 16);
	add16(m, n & 0xffff);
}

static inline void
add_ext(struct made *m, unsigned type, const void *data, size_t size)
{
	add16(m, type);
	add16(m, (unsigned)size);
	add(m, data, size);
}

static inline void
add_message(struct made *m, unsigned type, const struct made *body)
{
	add8(m, type);
	add24(m, (unsigned)body->size);
	add(m, body->b, body->size);
}

/* bytes in records of at most part bytes. */
static inline void
add_records(struct made *m, unsigned type, const void *p, size_t size, size_t part)
{
	const uint8_t *b = p;

	for (size_t at = 0; at < size; at += part) {
		size_t now = size - at < part ? size - at : part;

		add8(m, type);
		add16(m, 0x0303);
		add16(m, (unsigned)now);
		add(m, b + at, now);
	}
}

static inline void
hello_head(struct made *m, unsigned version, const char *session, size_t session_size)
{
	add16(m, version);
	add(m, "TIMErandombytesrandombytes123456", 32);
	add8(m, (unsigned)session_size);
	add(m, session, session_size);
}

static inline void
make_client_hello(struct made *m, bool tls13)
{
	static struct made body, exts;

	body.size = exts.size = 0;
	hello_head(&body, 0x0303, "sessionsessionsessionsession1234", 32);
	add(&body, "\0\4\x13\1\xc0\x2f", 6);
	add(&body, "\1\0", 2);
	add_ext(&exts, 0, "\0\x12\0\0\x0fwww.example.org", 20);
	add_ext(&exts, 10, "\0\4\0\x1d\0\x17", 6);
	add_ext(&exts, 11, "\1\0", 2);
	add_ext(&exts, 13, "\0\4\4\3\x08\4", 6);
	add_ext(&exts, 16, "\0\x0c\2h2\x08http/1.1", 14);
	if (tls13)
		add_ext(&exts, 43, "\4\3\4\3\3", 5);
	add16(&body, (unsigned)exts.size);
	add(&body, exts.b, exts.size);
	add_message(m, 1, &body);
}

static inline void
make_server_hello(struct made *m, bool tls13, bool retry, bool same_session)
{
	static const uint8_t magic[32] = {
		0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
		0xa2, 0x11,
		0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
	};
	static struct made body, exts;

	body.size = exts.size = 0;
	hello_head(&body, 0x0303,
	    same_session ? "sessionsessionsessionsession1234" : "othersessionothersessionother123", 32);
	if (retry)
		memcpy(body.b + 2, magic, 32);
	add16(&body, tls13 ? 0x1301 : 0xc02f);
	add8(&body, 0);
	if (tls13)
		add_ext(&exts, 43, "\3\4", 2);
	else
		add_ext(&exts, 16, "\0\3\2h2", 5);
	add16(&body, (unsigned)exts.size);
	add(&body, exts.b, exts.size);
	add_message(m, 2, &body);
}

static inline void
make_certificate(struct made *m, unsigned count)
{
	static struct made body;

	body.size = 0;
	add24(&body, count * (unsigned)(sizeof(cert_der) + 3));
	for (unsigned i = 0; i < count; i++) {
		add24(&body, sizeof(cert_der));
		add(&body, cert_der, sizeof(cert_der));
	}
	add_message(m, 11, &body);
}

/* One full TLS 1.2 handshake: what each side sends, up to its first encrypted record. */
static inline void
make_tls12(struct made *client, struct made *server, size_t part)
{
	static struct made plain;

	plain.size = client->size = server->size = 0;
	make_client_hello(&plain, false);
	add_records(client, 22, plain.b, plain.size, part);
	add_records(client, 22, "\x10\0\0\4abcd", 8, 100);
	add_records(client, 20, "\1", 1, 1);
	add_records(client, 22, "encrypted finished", 18, 100);
	plain.size = 0;
	make_server_hello(&plain, false, false, false);
	make_certificate(&plain, 2);
	add(&plain, "\x0c\0\0\4abcd\x0e\0\0\0", 12);
	add_records(server, 22, plain.b, plain.size, part);
	add_records(server, 20, "\1", 1, 1);
	add_records(server, 22, "encrypted finished", 18, 100);
}

static inline struct slice
made_slice(const struct made *m)
{
	return slice_of(m->b, m->size);
}

#endif
