/* TLS: handshakes made here record by record, cut at every byte, refused, resumed, flipped. */
#include "tls_made.h"

static struct made a, b, plain;

static void
check_tls12(struct cc_ctx *rig)
{
	CHECK_UINT(rig->done_count, 1);
	CHECK_TEXT(rig_value(rig, 0, "sni", 0), "www.example.org");
	CHECK_TEXT(rig_value(rig, 0, "version", 0), "TLS 1.2");
	CHECK_TEXT(rig_value(rig, 0, "ssl_version", 0), "771");
	CHECK_TEXT(rig_value(rig, 0, "ja3.string", 0), "771,4865-49199,0-10-11-13-16,29-23,0");
	CHECK_TEXT(rig_value(rig, 0, "ja3s.string", 0), "771,49199,16");
	CHECK_TEXT(rig_value(rig, 0, "client_alpns", 1), "http/1.1");
	CHECK_TEXT(rig_value(rig, 0, "server_alpns", 0), "h2");
	CHECK_TEXT(rig_value(rig, 0, "tls.alpn", 2), "h2");
	CHECK_TEXT(rig_value(rig, 0, "subject", 0), "C=HR, O=Primjer, d.o.o., OU=\xc4\x8cvor, CN=www.example.org, "
	    "Email=a@example.org, msJurisdictionCountry=HR, dnQualifier=odd");
	CHECK_TEXT(rig_value(rig, 0, "serial", 0), "00:A1:B2:C3");
	CHECK_TEXT(rig_value(rig, 0, "fingerprint", 0), "64:03:9a:39:fc:b5:04:d8:00:8a:ff:8c:e0:ea:01:26:84:e8:5c:44");
	CHECK_TEXT(rig_value(rig, 0, "concert.fingerprint_sha256", 0),
	    "efa20d53085a8671c15cbc049e201e00b885046cd2797580e553db0e9ffe22ed");
	CHECK(rig_value(rig, 0, "concert.chain_sha256", 1) != NULL && rig_value(rig, 0, "concert.chain_sha256",
	    2) == NULL);
	CHECK_TEXT(rig_value(rig, 0, "notbefore", 0), "2026-11-22T22:12:17");
	CHECK_TEXT(rig_value(rig, 0, "notafter", 0), "2036-11-19T22:12:17");
	CHECK_TEXT(rig_value(rig, 0, "subjectaltname", 2), "192.0.2.1");
	CHECK_TEXT(rig_value(rig, 0, "tls.cert_chain_len", 0), "2");
	CHECK_TEXT(rig_value(rig, 0, "tls.random_time", 0), "TIME");
	for (unsigned i = 0; i < rig->tx[0].pub.count; i++) { /* each side's own: no field is of both */
		const struct cc_field *field = &rig->parser->fields[rig->tx[0].pub.value[i].field];

		CHECK(field->buffer == NULL || strncmp(field->buffer, "tls.random", 10) != 0 ||
		      (field->flags & 3) == CC_REQUEST || (field->flags & 3) == CC_RESPONSE);
	}
	CHECK(rig_value(rig, 0, "session_resumed", 0) == NULL);
	CHECK(rig_has_anomaly(rig, "certificate_self_signed"));
	CHECK(rig_has_anomaly(rig, "certificate_not_yet_valid")); /* the rig lives in 2023 */
	CHECK(!rig_has_anomaly(rig, "obsolete_version"));
	CHECK(rig->enough[0] && rig->enough[1]);
	CHECK_UINT(rig->taken, 0);
}

TEST(table_is_whole)
{
	CHECK(rig_table_right(&tls_parser));
}

TEST(full_handshake_of_1_2)
{
	struct cc_ctx rig;

	make_tls12(&a, &b, 16384);
	rig_open(&rig, &tls_parser, false, 443);
	rig_feed(&rig, CC_TO_SERVER, made_slice(&a));
	rig_feed(&rig, CC_TO_CLIENT, made_slice(&b));
	CHECK_UINT(rig.done_count, 1);
	rig_end(&rig);
	check_tls12(&rig);
	rig_free(&rig);
}

/* The same handshake in records of one byte and upwards, shown byte by byte: always the same words. */
TEST(records_and_segments_of_any_size)
{
	static const size_t parts[] = {1, 2, 3, 4, 5, 7, 100, 1000};
	struct cc_ctx whole;

	make_tls12(&a, &b, 16384);
	rig_open(&whole, &tls_parser, false, 443);
	rig_feed(&whole, CC_TO_SERVER, made_slice(&a));
	rig_feed(&whole, CC_TO_CLIENT, made_slice(&b));
	rig_end(&whole);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct cc_ctx rig;

		make_tls12(&a, &b, parts[i]);
		rig_open(&rig, &tls_parser, false, 443);
		for (size_t at = 0; at < a.size; at++)
			rig_feed(&rig, CC_TO_SERVER, slice_of(a.b + at, 1));
		for (size_t at = 0; at < b.size; at++)
			rig_feed(&rig, CC_TO_CLIENT, slice_of(b.b + at, 1));
		rig_end(&rig);
		CHECK_TEXT(rig.said, whole.said);
		CHECK_UINT(rig.taken, 0);
		rig_free(&rig);
	}
	rig_free(&whole);
}

/* Cut in two anywhere: never done too early. */
TEST(cut_anywhere)
{
	make_tls12(&a, &b, 16384);
	for (size_t at = 0; at <= b.size; at++) {
		struct cc_ctx rig;

		rig_open(&rig, &tls_parser, false, 443);
		rig_feed(&rig, CC_TO_SERVER, made_slice(&a));
		CHECK(rig_feed(&rig, CC_TO_CLIENT, slice_of(b.b, at)) != CC_BAD);
		CHECK_UINT(rig.done_count, at >= b.size - 18 - 5); /* before the record that is encrypted */
		rig_feed(&rig, CC_TO_CLIENT, slice_of(b.b + at, b.size - at));
		rig_end(&rig);
		CHECK_UINT(rig.done_count, 1);
		CHECK_UINT(rig.taken, 0);
		rig_free(&rig);
	}
}

/* A flow may end anywhere: what was said is told, once. */
TEST(ends_anywhere)
{
	make_tls12(&a, &b, 50);
	for (size_t at = 0; at <= a.size; at++) {
		struct cc_ctx rig;

		rig_open(&rig, &tls_parser, false, 443);
		rig_feed(&rig, CC_TO_SERVER, slice_of(a.b, at));
		rig_feed(&rig, CC_TO_CLIENT, slice_of(b.b, at < b.size ? at : b.size));
		rig_end(&rig);
		CHECK(rig.done_count == rig.tx_count && rig.done_count <= 1);
		CHECK_UINT(rig.taken, 0);
		rig_free(&rig);
	}
}

TEST(handshake_of_1_3)
{
	struct cc_ctx rig;

	a.size = b.size = plain.size = 0;
	make_client_hello(&plain, true);
	add_records(&a, 22, plain.b, plain.size, 16384);
	plain.size = 0;
	make_server_hello(&plain, true, false, true);
	add_records(&b, 22, plain.b, plain.size, 16384);
	add_records(&b, 20, "\1", 1, 1);
	add_records(&b, 23, "encrypted", 9, 100);
	rig_open(&rig, &tls_parser, false, 443);
	rig_feed(&rig, CC_TO_SERVER, made_slice(&a));
	CHECK_UINT(rig.done_count, 0);
	rig_feed(&rig, CC_TO_CLIENT, made_slice(&b));
	CHECK_UINT(rig.done_count, 1);
	CHECK_TEXT(rig_value(&rig, 0, "version", 0), "TLS 1.3");
	CHECK(rig_value(&rig, 0, "session_resumed", 0) == NULL);
	CHECK(strncmp(rig_value(&rig, 0, "ja4", 0), "t13d0206h2_", 11) == 0);
	CHECK(rig.enough[0] && rig.enough[1]);
	CHECK_UINT(rig.anomaly_count, 0);
	rig_end(&rig);
	rig_free(&rig);
}

TEST(hello_retry_is_not_the_end)
{
	struct cc_ctx rig;

	a.size = b.size = plain.size = 0;
	make_client_hello(&plain, true);
	add_records(&a, 22, plain.b, plain.size, 16384);
	rig_open(&rig, &tls_parser, false, 443);
	rig_feed(&rig, CC_TO_SERVER, made_slice(&a));
	plain.size = 0;
	make_server_hello(&plain, true, true, true);
	add_records(&b, 22, plain.b, plain.size, 16384);
	add_records(&b, 20, "\1", 1, 1);
	rig_feed(&rig, CC_TO_CLIENT, made_slice(&b));
	CHECK_UINT(rig.done_count, 0);
	rig_feed(&rig, CC_TO_SERVER, slice_of("\x14\3\3\0\1\1", 6));
	rig_feed(&rig, CC_TO_SERVER, made_slice(&a));
	plain.size = b.size = 0;
	make_server_hello(&plain, true, false, true);
	add_records(&b, 22, plain.b, plain.size, 16384);
	rig_feed(&rig, CC_TO_CLIENT, made_slice(&b));
	CHECK_UINT(rig.done_count, 1);
	CHECK_TEXT(rig_value(&rig, 0, "version", 0), "TLS 1.3");
	CHECK(rig_value(&rig, 0, "ja3.hash", 1) == NULL);
	CHECK(rig_value(&rig, 0, "ja3s.hash", 1) == NULL);
	rig_end(&rig);
	CHECK_UINT(rig.done_count, 1);
	rig_free(&rig);
}

TEST(resumption_of_1_2)
{
	struct cc_ctx rig;

	a.size = b.size = plain.size = 0;
	make_client_hello(&plain, false);
	add_records(&a, 22, plain.b, plain.size, 16384);
	add_records(&a, 20, "\1", 1, 1);
	plain.size = 0;
	make_server_hello(&plain, false, false, true);
	add_records(&b, 22, plain.b, plain.size, 16384);
	add_records(&b, 20, "\1", 1, 1);
	rig_open(&rig, &tls_parser, false, 443);
	rig_feed(&rig, CC_TO_SERVER, made_slice(&a));
	rig_feed(&rig, CC_TO_CLIENT, made_slice(&b));
	CHECK_UINT(rig.done_count, 1);
	CHECK_TEXT(rig_value(&rig, 0, "session_resumed", 0), "1");
	rig_end(&rig);
	rig_free(&rig);
}

/* By a ticket (RFC 5077): the client's session id is its own, the server doesn't repeat it. */
TEST(resumption_by_ticket)
{
	struct cc_ctx rig;

	for (unsigned offered = 0; offered < 2; offered++) {
		static struct made body;

		a.size = b.size = plain.size = body.size = 0;
		hello_head(&body, 0x0303, "", 0);
		add(&body, "\0\2\xc0\x2f\1\0", 6);
		add(&body, offered ? "\0\x08\0\x23\0\4tick" : "\0\4\0\x23\0\0", offered ? 10 : 6);
		add_message(&plain, 1, &body);
		add_records(&a, 22, plain.b, plain.size, 16384);
		plain.size = 0;
		make_server_hello(&plain, false, false, false);
		add_records(&b, 22, plain.b, plain.size, 16384);
		add_records(&b, 20, "\1", 1, 1);
		rig_open(&rig, &tls_parser, false, 443);
		rig_feed(&rig, CC_TO_SERVER, made_slice(&a));
		rig_feed(&rig, CC_TO_CLIENT, made_slice(&b));
		rig_end(&rig);
		CHECK((rig_value(&rig, 0, "session_resumed", 0) != NULL) == (offered == 1));
		rig_free(&rig);
	}
}

/* By a key that both know already (RFC 8446, 2.2): the server takes one of those that were offered. */
TEST(resumption_of_1_3)
{
	static struct made body;
	struct cc_ctx rig;

	a.size = b.size = plain.size = body.size = 0;
	make_client_hello(&plain, true);
	add_records(&a, 22, plain.b, plain.size, 16384);
	plain.size = 0;
	hello_head(&body, 0x0303, "sessionsessionsessionsession1234", 32);
	add(&body, "\x13\1\0\0\x0c\0\x2b\0\2\3\4\0\x29\0\2\0\0", 17);
	add_message(&plain, 2, &body);
	add_records(&b, 22, plain.b, plain.size, 16384);
	rig_open(&rig, &tls_parser, false, 443);
	rig_feed(&rig, CC_TO_SERVER, made_slice(&a));
	rig_feed(&rig, CC_TO_CLIENT, made_slice(&b));
	CHECK_UINT(rig.done_count, 1);
	CHECK_TEXT(rig_value(&rig, 0, "version", 0), "TLS 1.3");
	CHECK_TEXT(rig_value(&rig, 0, "session_resumed", 0), "1");
	CHECK_UINT(rig.anomaly_count, 0);
	rig_end(&rig);
	rig_free(&rig);
}

TEST(one_side_alone_is_told_at_the_end)
{
	struct cc_ctx rig;

	make_tls12(&a, &b, 16384);
	rig_open(&rig, &tls_parser, false, 443);
	rig_feed(&rig, CC_TO_SERVER, made_slice(&a));
	rig_end(&rig);
	CHECK_UINT(rig.done_count, 1);
	CHECK_TEXT(rig_value(&rig, 0, "sni", 0), "www.example.org");
	CHECK_TEXT(rig_value(&rig, 0, "version", 0), "UNDETERMINED");
	rig_free(&rig);
	rig_open(&rig, &tls_parser, false, 443);
	rig_feed(&rig, CC_TO_CLIENT, made_slice(&b));
	rig_end(&rig);
	CHECK_UINT(rig.done_count, 1);
	CHECK_TEXT(rig_value(&rig, 0, "ja3s.string", 0), "771,49199,16");
	CHECK(rig_value(&rig, 0, "fingerprint", 0) != NULL);
	rig_free(&rig);
	/* The same seen the wrong way round. */
	rig_open(&rig, &tls_parser, false, 443);
	rig_feed(&rig, CC_TO_SERVER, made_slice(&b));
	rig_end(&rig);
	CHECK(rig_value(&rig, 0, "fingerprint", 0) != NULL);
	CHECK(rig_value(&rig, 0, "client.fingerprint", 0) == NULL);
	rig_free(&rig);
}

TEST(client_certificates_stand_apart)
{
	struct cc_ctx rig;

	make_tls12(&a, &b, 16384);
	a.size = plain.size = 0;
	make_client_hello(&plain, false);
	make_certificate(&plain, 1);
	add_records(&a, 22, plain.b, plain.size, 16384);
	add_records(&a, 20, "\1", 1, 1);
	rig_open(&rig, &tls_parser, false, 443);
	rig_feed(&rig, CC_TO_SERVER, made_slice(&a));
	rig_feed(&rig, CC_TO_CLIENT, made_slice(&b));
	CHECK_UINT(rig.done_count, 1);
	CHECK_TEXT(rig_value(&rig, 0, "client.serial", 0), "00:A1:B2:C3");
	CHECK(rig_value(&rig, 0, "serial", 1) == NULL);
	rig_end(&rig);
	rig_free(&rig);
}

/* 16 MiB announced: passed by without taking memory for it, and what follows is read. */
TEST(huge_messages_are_passed_by)
{
	struct cc_ctx rig;
	static uint8_t zeros[16384];
	size_t left = 0xffffff;

	make_tls12(&a, &b, 16384);
	rig_open(&rig, &tls_parser, false, 443);
	rig_feed(&rig, CC_TO_CLIENT, slice_of("\x16\3\3\0\4\x0b\xff\xff\xff", 9));
	while (left > 0) {
		size_t now = left < sizeof(zeros) ? left : sizeof(zeros);

		plain.size = 0;
		add_records(&plain, 22, zeros, now, sizeof(zeros));
		rig_feed(&rig, CC_TO_CLIENT, made_slice(&plain));
		left -= now;
	}
	CHECK_UINT(rig.taken_most, 0);
	CHECK(rig_has_anomaly(&rig, "handshake_invalid_length"));
	rig_feed(&rig, CC_TO_CLIENT, made_slice(&b));
	rig_end(&rig);
	CHECK_TEXT(rig_value(&rig, 0, "ja3s.string", 0), "771,49199,16");
	rig_free(&rig);
}

/* A large message that never comes takes memory for what came only. */
TEST(announced_memory_is_not_taken)
{
	struct cc_ctx rig;

	rig_open(&rig, &tls_parser, false, 443);
	rig_feed(&rig, CC_TO_CLIENT, slice_of("\x16\3\3\0\5\x0b\1\xff\xff\0", 10));
	CHECK(rig.taken <= 4096);
	rig_end(&rig);
	CHECK_UINT(rig.taken, 0);
	rig_free(&rig);
}

TEST(without_memory_nothing_breaks)
{
	struct cc_ctx rig;

	make_tls12(&a, &b, 50);
	rig_open(&rig, &tls_parser, false, 443);
	rig.take_limit = 1;
	rig.tx_count = RIG_TXS; /* no transaction to be had */
	rig_feed(&rig, CC_TO_SERVER, made_slice(&a));
	rig_feed(&rig, CC_TO_CLIENT, made_slice(&b));
	rig_end(&rig);
	CHECK_UINT(rig.done_count, 0);
	rig.tx_count = 0;
	rig_free(&rig);
}

TEST(gap_ends_a_side)
{
	struct cc_ctx rig;

	make_tls12(&a, &b, 16384);
	rig_open(&rig, &tls_parser, false, 443);
	rig_feed(&rig, CC_TO_SERVER, made_slice(&a));
	rig_feed(&rig, CC_TO_CLIENT, slice_of(b.b, 100));
	rig_gap(&rig, CC_TO_CLIENT, 500);
	rig_end(&rig);
	CHECK_UINT(rig.done_count, 1);
	CHECK_TEXT(rig_value(&rig, 0, "sni", 0), "www.example.org");
	rig_free(&rig);
}

TEST(what_is_not_tls_is_left)
{
	struct cc_ctx rig;

	make_tls12(&a, &b, 16384);
	rig_open(&rig, &tls_parser, false, 443);
	rig_feed(&rig, CC_TO_SERVER, made_slice(&a));
	CHECK_UINT(rig_feed(&rig, CC_TO_CLIENT, slice_of("HTTP/1.0 400 Bad Request\r\n", 26)), CC_BAD);
	CHECK(rig_has_anomaly(&rig, "invalid_record_type"));
	CHECK(rig_has_anomaly(&rig, "invalid_ssl_record"));
	CHECK_UINT(rig.done_count, 1);
	rig_end(&rig);
	CHECK_UINT(rig.done_count, 1);
	rig_free(&rig);
}

TEST(ssl2_hellos)
{
	static const uint8_t to_tls[] = "\x80\x1f\1\3\1\0\6\0\0\0\x10\0\0\4\0\0\x2f" "0123456789abcdef";
	struct cc_ctx rig;

	CHECK_UINT(sizeof(to_tls) - 1, 2 + 0x1f);
	make_tls12(&a, &b, 16384);
	for (size_t at = 0; at <= sizeof(to_tls) - 1; at++) {
		rig_open(&rig, &tls_parser, false, 443);
		rig_feed(&rig, CC_TO_SERVER, slice_of(to_tls, at));
		rig_feed(&rig, CC_TO_SERVER, slice_of(to_tls + at, sizeof(to_tls) - 1 - at));
		rig_feed(&rig, CC_TO_CLIENT, made_slice(&b));
		rig_feed(&rig, CC_TO_SERVER, slice_of("\x14\3\1\0\1\1", 6));
		CHECK_UINT(rig.done_count, 1);
		CHECK_TEXT(rig_value(&rig, 0, "version", 0), "TLS 1.2");
		rig_end(&rig);
		rig_free(&rig);
	}
	b.size = 0;
	add16(&b, 0x8000 | (unsigned)(11 + sizeof(cert_der) + 3 + 16));
	add(&b, "\4\0\1\0\2", 5);
	add16(&b, sizeof(cert_der));
	add16(&b, 3);
	add16(&b, 16);
	add(&b, cert_der, sizeof(cert_der));
	add(&b, "\1\0\x80" "0123456789abcdef", 19);
	rig_open(&rig, &tls_parser, false, 443);
	for (size_t at = 0; at < b.size; at++)
		rig_feed(&rig, CC_TO_CLIENT, slice_of(b.b + at, 1));
	CHECK_UINT(rig.done_count, 1);
	CHECK_TEXT(rig_value(&rig, 0, "version", 0), "SSLv2");
	CHECK_TEXT(rig_value(&rig, 0, "serial", 0), "00:A1:B2:C3");
	rig_end(&rig);
	rig_free(&rig);
}

static enum cc_status
probe(struct slice in)
{
	struct cc_ctx rig = {.parser = &tls_parser, .port = 12345};

	return tls_parser.probe(&rig, CC_TO_SERVER, in);
}

TEST(probe_knows_hellos)
{
	uint8_t noise[64];

	make_tls12(&a, &b, 16384);
	for (size_t size = 0; size < a.size; size++)
		CHECK_UINT(probe(slice_of(a.b, size)), size < 11 ? CC_MORE : CC_OK);
	CHECK_UINT(probe(made_slice(&b)), CC_OK);
	CHECK_UINT(probe(slice_of("\x15\3\1\0\2\2\x28", 7)), CC_OK);
	CHECK_UINT(probe(slice_of("\x17\3\3\0\x20 encrypted", 15)), CC_BAD);
	CHECK_UINT(probe(slice_of("GET / HTTP/1.1\r\n", 16)), CC_BAD);
	CHECK_UINT(probe(slice_of("\x80\x2e\1\3\1\0\x15\0\0\0\x10", 11)), CC_MORE);
	srand(4);
	for (int i = 0; i < 100000; i++) {
		for (size_t j = 0; j < sizeof(noise); j++)
			noise[j] = (uint8_t)rand();
		CHECK_UINT(probe(slice_of(noise, sizeof(noise))), CC_BAD);
	}
}

TEST(flipped_bytes)
{
	srand(5);
	for (int i = 0; i < 4000; i++) {
		struct cc_ctx rig;

		make_tls12(&a, &b, i % 2 == 0 ? 16384 : 64);
		for (int j = rand() % 8; j >= 0; j--) {
			a.b[(size_t)rand() % a.size] = (uint8_t)rand();
			b.b[(size_t)rand() % b.size] = (uint8_t)rand();
		}
		rig_open(&rig, &tls_parser, false, 443);
		for (size_t at = 0; at < b.size; at += 333) {
			if (at < a.size)
				rig_feed(&rig, CC_TO_SERVER, slice_of(a.b + at, a.size - at < 333 ? a.size - at : 333));
			rig_feed(&rig, CC_TO_CLIENT, slice_of(b.b + at, b.size - at < 333 ? b.size - at : 333));
		}
		rig_end(&rig);
		CHECK(rig.done_count == rig.tx_count && rig.done_count <= 1);
		CHECK_UINT(rig.taken, 0);
		rig_free(&rig);
	}
}

TEST(encrypted_hello_is_marked)
{
	static struct made body, exts;
	struct cc_ctx rig;

	for (unsigned inner = 0; inner < 2; inner++) {
		a.size = plain.size = body.size = exts.size = 0;
		hello_head(&body, 0x0303, "", 0);
		add(&body, "\0\2\x13\1\1\0", 6);
		add_ext(&exts, 0, "\0\x0b\0\0\x08""a.public", 13);
		add_ext(&exts, 0xfe0d, inner ? "\1" : "\0\0\1\0\1\x2a\0\2kk\0\4load", inner ? 1 : 16);
		add16(&body, (unsigned)exts.size);
		add(&body, exts.b, exts.size);
		add_message(&plain, 1, &body);
		add_records(&a, 22, plain.b, plain.size, 1000);
		rig_open(&rig, &tls_parser, false, 443);
		rig_feed(&rig, CC_TO_SERVER, made_slice(&a));
		CHECK_TEXT(rig_value(&rig, 0, "sni", 0), "a.public");
		CHECK((rig_value(&rig, 0, "tls.ech", 0) != NULL) == !inner);
		if (!inner)
			CHECK_TEXT(rig_value(&rig, 0, "concert.ech_config", 0), "42");
		rig_end(&rig);
		rig_free(&rig);
	}
}

TESTS(T(table_is_whole), T(full_handshake_of_1_2), T(records_and_segments_of_any_size), T(cut_anywhere),
    T(ends_anywhere), T(handshake_of_1_3), T(hello_retry_is_not_the_end), T(resumption_of_1_2),
    T(resumption_by_ticket), T(resumption_of_1_3),
    T(one_side_alone_is_told_at_the_end), T(client_certificates_stand_apart), T(huge_messages_are_passed_by),
    T(announced_memory_is_not_taken), T(without_memory_nothing_breaks), T(gap_ends_a_side), T(what_is_not_tls_is_left),
    T(ssl2_hellos), T(probe_knows_hellos), T(encrypted_hello_is_marked), T(flipped_bytes))
