/* DNS: messages made here byte by byte, cut, flipped and looped; what the parser makes of them. */
#include "parser_rig.h"
#include "../test.h"

extern const struct cc_parser dns_parser;

struct made {
	uint8_t b[8192];
	size_t size;
};

static void
add(struct made *m, const void *p, size_t size)
{
	memcpy(m->b + m->size, p, size);
	m->size += size;
}

static void
add16(struct made *m, unsigned n)
{
	uint8_t b[2] = {(uint8_t)(n >> 8), (uint8_t)n};

	add(m, b, 2);
}

static void
add32(struct made *m, unsigned n)
{
	add16(m, n >> 16);
	add16(m, n & 0xffff);
}

/* "www.example.com" in labels, with the root's at the end. */
static void
add_name(struct made *m, const char *name)
{
	while (*name != '\0') {
		size_t size = strcspn(name, ".");
		uint8_t b = (uint8_t)size;

		add(m, &b, 1);
		add(m, name, size);
		name += size;
		if (*name == '.')
			name++;
	}
	add(m, "", 1);
}

static void
add_header(struct made *m, unsigned id, unsigned flags, unsigned qd, unsigned an, unsigned ns, unsigned ar)
{
	add16(m, id);
	add16(m, flags);
	add16(m, qd);
	add16(m, an);
	add16(m, ns);
	add16(m, ar);
}

static void
add_question(struct made *m, const char *name, unsigned type)
{
	add_name(m, name);
	add16(m, type);
	add16(m, 1);
}

/* A record whose name points at the first question. */
static void
add_record(struct made *m, unsigned type, unsigned ttl, const void *rdata, size_t size)
{
	add16(m, 0xc00c);
	add16(m, type);
	add16(m, 1);
	add32(m, ttl);
	add16(m, (unsigned)size);
	add(m, rdata, size);
}

static struct slice
made_slice(const struct made *m)
{
	return slice_of(m->b, m->size);
}

static void
one(struct cc_ctx *rig, enum cc_dir dir, const struct made *m)
{
	rig_open(rig, &dns_parser, true, 53);
	rig_feed(rig, dir, made_slice(m));
	rig_end(rig);
}

static const char *
rdata_of(unsigned type, const void *rdata, size_t size)
{
	static char text[4096];
	struct made m = {.size = 0};
	struct cc_ctx rig;
	const char *is;

	add_header(&m, 1, 0x8180, 1, 1, 0, 0);
	add_question(&m, "example.com", type);
	add_record(&m, type, 60, rdata, size);
	one(&rig, CC_TO_CLIENT, &m);
	is = rig_value(&rig, 0, "answers[].rdata", 0);
	snprintf(text, sizeof(text), "%s", is != NULL ? is : "(none)");
	rig_free(&rig);
	return text;
}

static void
make_query(struct made *m)
{
	add_header(m, 0x1234, 0x0100, 1, 0, 0, 1);
	add_question(m, "www.example.com", 1);
	add(m, "\0\0\x29\x10\0\0\0\0\0\0\0", 11); /* OPT */
}

static void
make_response(struct made *m)
{
	add_header(m, 0x1234, 0x8180, 1, 3, 1, 1);
	add_question(m, "www.example.com", 1);
	add_record(m, 5, 300, "\3cdn\xc0\x10", 6);
	add_record(m, 1, 60, "\x0a\x01\x02\x03", 4);
	add_record(m, 28, 60, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	add_record(m, 6, 900, "\2ns\xc0\x10\4root\xc0\x10\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5", 32);
	add(m, "\0\0\x29\x10\0\0\0\0\0\0\0", 11);
}

TEST(table_is_whole)
{
	CHECK(rig_table_right(&dns_parser));
}

TEST(query_says_what_it_asks)
{
	struct made m = {.size = 0};
	struct cc_ctx rig;

	make_query(&m);
	one(&rig, CC_TO_SERVER, &m);
	CHECK_UINT(rig.done_count, 1);
	CHECK_TEXT(rig_value(&rig, 0, "dns.query", 0), "www.example.com");
	CHECK_TEXT(rig_value(&rig, 0, "dns.query.name", 0), "www.example.com");
	CHECK_TEXT(rig_value(&rig, 0, "rrname", 0), "www.example.com");
	CHECK_TEXT(rig_value(&rig, 0, "rrtype", 0), "A");
	CHECK_TEXT(rig_value(&rig, 0, "type", 0), "query");
	CHECK_TEXT(rig_value(&rig, 0, "id", 0), "4660");
	CHECK_TEXT(rig_value(&rig, 0, "flags", 0), "0100");
	CHECK_TEXT(rig_value(&rig, 0, "rd", 0), "1");
	CHECK(rig_value(&rig, 0, "qr", 0) == NULL);
	CHECK(rig_value(&rig, 0, "queries[]", 0) == NULL);
	CHECK_TEXT(rig_value(&rig, 0, "additionals[].rrtype", 0), "OPT");
	CHECK_UINT(rig.anomaly_count, 0);
	rig_free(&rig);
}

TEST(response_has_all_sections)
{
	struct made m = {.size = 0};
	struct cc_ctx rig;

	make_response(&m);
	one(&rig, CC_TO_CLIENT, &m);
	CHECK_UINT(rig.done_count, 1);
	CHECK_TEXT(rig_value(&rig, 0, "type", 0), "answer");
	CHECK_TEXT(rig_value(&rig, 0, "rcode", 0), "NOERROR");
	CHECK_TEXT(rig_value(&rig, 0, "flags", 0), "8180");
	CHECK(rig_value(&rig, 0, "dns.query", 0) == NULL);
	CHECK_TEXT(rig_value(&rig, 0, "dns.query.name", 0), "www.example.com");
	CHECK_TEXT(rig_value(&rig, 0, "answers[].rdata", 0), "cdn.example.com");
	CHECK_TEXT(rig_value(&rig, 0, "answers[].rrname", 1), "www.example.com");
	CHECK_TEXT(rig_value(&rig, 0, "answers[].rdata", 1), "10.1.2.3");
	CHECK_TEXT(rig_value(&rig, 0, "answers[].rdata", 2), "2001:db8::1");
	CHECK_TEXT(rig_value(&rig, 0, "answers[].ttl", 0), "300");
	CHECK_TEXT(rig_value(&rig, 0, "grouped.A", 0), "10.1.2.3");
	CHECK_TEXT(rig_value(&rig, 0, "authorities[].rdata", 0), "ns.example.com root.example.com 1 2 3 4 5");
	CHECK_TEXT(rig_value(&rig, 0, "authorities[].soa.mname", 0), "ns.example.com");
	CHECK_TEXT(rig_value(&rig, 0, "authorities[].soa.minimum", 0), "5");
	CHECK_TEXT(rig_value(&rig, 0, "dns.response.rrname", 1), "cdn.example.com");
	CHECK_UINT(rig.anomaly_count, 0);
	rig_free(&rig);
}

TEST(rdata_is_readable)
{
	CHECK_TEXT(rdata_of(15, "\0\x0a\4mail\xc0\x0c", 9), "mail.example.com");
	CHECK_TEXT(rdata_of(16, "\3abc\4defg", 9), "abcdefg");
	CHECK_TEXT(rdata_of(12, "\4host\xc0\x0c", 7), "host.example.com");
	CHECK_TEXT(rdata_of(33, "\0\1\0\2\x13\xc4\3sip\xc0\x0c", 12), "1 2 5060 sip.example.com");
	CHECK_TEXT(rdata_of(2, "\2ns\xc0\x0c", 5), "ns.example.com");
	CHECK_TEXT(rdata_of(64, "\0\0\3cdn\3net\0", 11), "0 cdn.net");
	CHECK_TEXT(rdata_of(44, "\1\2\xaa\xbb", 4), "1 2 aabb");
	CHECK_TEXT(rdata_of(257, "\0\5issueletsencrypt.org", 22), "0 issue \"letsencrypt.org\"");
	CHECK_TEXT(rdata_of(43, "\x30\x39\x08\x02\xde\xad", 6), "12345 8 2 dead");
	CHECK_TEXT(rdata_of(65, "\0\1\0\0\1\0\6\2h2\2h3\0\4\0\4\1\2\3\4", 21), "1 . alpn=h2,h3 ipv4hint=1.2.3.4");
	CHECK_TEXT(rdata_of(13, "\3cpu\2os", 7), "\"cpu\" \"os\"");
	CHECK_TEXT(rdata_of(4711, "\1\2\3", 3), "\\# 3 010203");
}

TEST(broken_rdata_is_an_anomaly_not_the_end)
{
	struct made m = {.size = 0};
	struct cc_ctx rig;

	add_header(&m, 1, 0x8180, 1, 2, 0, 0);
	add_question(&m, "example.com", 1);
	add_record(&m, 1, 60, "\1\2\3", 3);
	add_record(&m, 1, 60, "\1\2\3\4", 4);
	one(&rig, CC_TO_CLIENT, &m);
	CHECK(rig_has_anomaly(&rig, "malformed_data"));
	CHECK_TEXT(rig_value(&rig, 0, "answers[].rdata", 0), "1.2.3.4");
	rig_free(&rig);
}

TEST(several_questions_are_rows)
{
	struct made m = {.size = 0};
	struct cc_ctx rig;

	add_header(&m, 7, 0x0100, 2, 0, 0, 0);
	add_question(&m, "a.example", 1);
	add_question(&m, "b.example", 28);
	one(&rig, CC_TO_SERVER, &m);
	CHECK_TEXT(rig_value(&rig, 0, "rrname", 0), "a.example");
	CHECK_TEXT(rig_value(&rig, 0, "queries[].rrname", 0), "a.example");
	CHECK_TEXT(rig_value(&rig, 0, "queries[].rrname", 1), "b.example");
	CHECK_TEXT(rig_value(&rig, 0, "queries[].rrtype", 1), "AAAA");
	CHECK_TEXT(rig_value(&rig, 0, "dns.query", 1), "b.example");
	CHECK_TEXT(rig_value(&rig, 0, "dns.rrtype", 1), "28");
	rig_free(&rig);
}

TEST(root_has_an_empty_name)
{
	struct made m = {.size = 0};
	struct cc_ctx rig;

	add_header(&m, 7, 0x0100, 1, 0, 0, 0);
	add_question(&m, "", 2);
	one(&rig, CC_TO_SERVER, &m);
	CHECK_TEXT(rig_value(&rig, 0, "rrname", 0), "");
	CHECK_TEXT(rig_value(&rig, 0, "rrtype", 0), "NS");
	rig_free(&rig);
}

TEST(loops_end)
{
	struct made m = {.size = 0};
	struct cc_ctx rig;

	add_header(&m, 7, 0x0100, 1, 0, 0, 0);
	add(&m, "\1a\xc0\x0c\0\1\0\1", 8); /* points at itself */
	one(&rig, CC_TO_SERVER, &m);
	CHECK(rig_has_anomaly(&rig, "infinite_loop"));
	CHECK_UINT(rig.done_count, 1);
	rig_free(&rig);

	m.size = 0;
	add_header(&m, 7, 0x0100, 1, 0, 0, 0);
	add(&m, "\xc0\x0e\xc0\x0c\0\1\0\1", 8); /* two that point at each other */
	one(&rig, CC_TO_SERVER, &m);
	CHECK(rig_has_anomaly(&rig, "infinite_loop"));
	rig_free(&rig);
}

TEST(pointers_forward_are_followed)
{
	struct made m = {.size = 0};
	struct cc_ctx rig;

	add_header(&m, 7, 0x0100, 2, 0, 0, 0);
	add16(&m, 0xc000 | (12 + 6));
	add16(&m, 1);
	add16(&m, 1);
	add_question(&m, "codemonkey.example", 1);
	one(&rig, CC_TO_SERVER, &m);
	CHECK_TEXT(rig_value(&rig, 0, "rrname", 0), "codemonkey.example");
	CHECK_UINT(rig.anomaly_count, 0);
	rig_free(&rig);
}

TEST(long_names_are_cut)
{
	struct made m = {.size = 0};
	struct cc_ctx rig;
	char name[2000];

	for (size_t i = 0; i < sizeof(name) - 1; i++)
		name[i] = i % 50 == 49 ? '.' : 'x';
	name[sizeof(name) - 2] = 'x';
	name[sizeof(name) - 1] = '\0';
	add_header(&m, 7, 0x0100, 1, 0, 0, 0);
	add_question(&m, name, 1);
	one(&rig, CC_TO_SERVER, &m);
	CHECK(rig_has_anomaly(&rig, "name_too_long"));
	CHECK(strlen(rig_value(&rig, 0, "rrname", 0)) <= 1100);
	CHECK(!rig_has_anomaly(&rig, "too_many_labels"));
	rig_free(&rig);
	m.size = 0;
	for (size_t i = 0; i < 255; i++)
		name[i] = i % 2 == 1 ? '.' : 'x';
	name[255] = '\0';
	add_header(&m, 7, 0x0100, 1, 0, 0, 0);
	add_question(&m, name, 1);
	one(&rig, CC_TO_SERVER, &m);
	CHECK(rig_has_anomaly(&rig, "too_many_labels"));
	rig_free(&rig);
}

/* A message full of records that all point at one long chain must not become megabytes. */
TEST(expansion_is_bounded)
{
	static struct made m;
	struct cc_ctx rig;
	size_t chain;

	m.size = 0;
	add_header(&m, 7, 0x8180, 1, 600, 0, 0);
	add_question(&m, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
	    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.cccccccccccccccccccccccccccccccccccccccc",
	    1);
	chain = m.size;
	for (int i = 0; i < 600; i++)
		add_record(&m, 5, 1, "\xc0\x0c", 2);
	CHECK(chain < m.size);
	one(&rig, CC_TO_CLIENT, &m);
	CHECK(rig_has_anomaly(&rig, "too_many_records"));
	CHECK(rig.said_size < 200000);
	rig_free(&rig);
}

TEST(counts_are_not_believed)
{
	struct made m = {.size = 0};
	struct cc_ctx rig;

	add_header(&m, 7, 0x8180, 65535, 65535, 65535, 65535);
	add_question(&m, "example.com", 1);
	one(&rig, CC_TO_CLIENT, &m);
	CHECK(rig_has_anomaly(&rig, "malformed_data"));
	CHECK_UINT(rig.done_count, 1);
	rig_free(&rig);
}

TEST(directions_and_flags_are_judged)
{
	struct made m = {.size = 0}, r = {.size = 0};
	struct cc_ctx rig;

	make_query(&m);
	one(&rig, CC_TO_CLIENT, &m);
	CHECK(rig_has_anomaly(&rig, "not_response"));
	rig_free(&rig);
	make_response(&r);
	one(&rig, CC_TO_SERVER, &r);
	CHECK(rig_has_anomaly(&rig, "not_request"));
	rig_free(&rig);
	/* Off port 53 a flow that begins with a response may simply stand the wrong way round. */
	rig_open(&rig, &dns_parser, true, 40000);
	rig_feed(&rig, CC_TO_SERVER, made_slice(&r));
	rig_feed(&rig, CC_TO_CLIENT, made_slice(&m));
	rig_end(&rig);
	CHECK_UINT(rig.anomaly_count, 0);
	rig_free(&rig);
	m.b[2] = 0x79; /* opcode 15 */
	m.b[3] = 0x40; /* Z */
	one(&rig, CC_TO_SERVER, &m);
	CHECK(rig_has_anomaly(&rig, "invalid_opcode"));
	CHECK(rig_has_anomaly(&rig, "z_flag_set"));
	rig_free(&rig);
}

/* Every beginning of a datagram: nothing read past its end, at most one transaction, an anomaly for each. */
TEST(datagrams_cut_anywhere)
{
	struct made m = {.size = 0};

	make_response(&m);
	for (size_t size = 0; size < m.size; size++) {
		struct cc_ctx rig;

		rig_open(&rig, &dns_parser, true, 53);
		rig_feed(&rig, CC_TO_CLIENT, slice_of(m.b, size));
		rig_end(&rig);
		CHECK(rig.anomaly_count > 0);
		CHECK(rig.done_count <= 1);
		rig_free(&rig);
	}
}

static void
feed_in_parts(struct cc_ctx *rig, struct slice bytes, size_t part)
{
	rig_open(rig, &dns_parser, false, 53);
	for (size_t at = 0; at < bytes.size; at += part)
		rig_feed(rig, CC_TO_CLIENT, slice_of(bytes.p + at, bytes.size - at < part ? bytes.size - at : part));
	rig_end(rig);
}

TEST(streams_cut_anywhere_say_the_same)
{
	struct made m = {.size = 0}, stream = {.size = 0};
	struct cc_ctx whole, parts;

	make_response(&m);
	for (int i = 0; i < 3; i++) {
		add16(&stream, (unsigned)m.size);
		add(&stream, m.b, m.size);
	}
	feed_in_parts(&whole, made_slice(&stream), stream.size);
	CHECK_UINT(whole.done_count, 3);
	for (size_t at = 1; at < stream.size; at++) {
		rig_open(&parts, &dns_parser, false, 53);
		rig_feed(&parts, CC_TO_CLIENT, slice_of(stream.b, at));
		CHECK_UINT(parts.done_count, at / (m.size + 2));
		rig_feed(&parts, CC_TO_CLIENT, slice_of(stream.b + at, stream.size - at));
		rig_end(&parts);
		CHECK_TEXT(parts.said, whole.said);
		rig_free(&parts);
	}
	feed_in_parts(&parts, made_slice(&stream), 1);
	CHECK_TEXT(parts.said, whole.said);
	rig_free(&parts);
	rig_free(&whole);
}

TEST(streams_find_on_after_a_gap)
{
	struct made m = {.size = 0}, stream = {.size = 0};
	struct cc_ctx rig;

	make_response(&m);
	add16(&stream, (unsigned)m.size);
	add(&stream, m.b, m.size);
	rig_open(&rig, &dns_parser, false, 53);
	rig_feed(&rig, CC_TO_CLIENT, slice_of(stream.b, 20));
	rig_gap(&rig, CC_TO_CLIENT, 1000);
	rig_feed(&rig, CC_TO_CLIENT, slice_of("the end of something else", 25));
	rig_feed(&rig, CC_TO_CLIENT, made_slice(&stream));
	rig_end(&rig);
	CHECK_UINT(rig.done_count, 1);
	CHECK_TEXT(rig_value(&rig, 0, "rrname", 0), "www.example.com");
	rig_free(&rig);
}

static enum cc_status
probe(bool udp, uint16_t port, struct slice in)
{
	struct cc_ctx rig = {.parser = &dns_parser, .udp = udp, .port = port};

	return dns_parser.probe(&rig, CC_TO_SERVER, in);
}

TEST(probe_is_strict_off_its_port)
{
	struct made q = {.size = 0}, r = {.size = 0};
	uint8_t noise[64];

	make_query(&q);
	make_response(&r);
	CHECK_UINT(probe(true, 53, made_slice(&q)), CC_OK);
	CHECK_UINT(probe(true, 4444, made_slice(&q)), CC_OK);
	CHECK_UINT(probe(true, 4444, made_slice(&r)), CC_OK);
	CHECK_UINT(probe(true, 5353, made_slice(&q)), CC_BAD);
	CHECK_UINT(probe(true, 5355, made_slice(&q)), CC_BAD);
	q.b[q.size - 1] = 1; /* a size in the last record that leads past the end */
	CHECK_UINT(probe(true, 4444, made_slice(&q)), CC_BAD);
	srand(1);
	for (int i = 0; i < 100000; i++) {
		for (size_t j = 0; j < sizeof(noise); j++)
			noise[j] = (uint8_t)rand();
		CHECK_UINT(probe(true, 4444, slice_of(noise, sizeof(noise))), CC_BAD);
	}
	CHECK_UINT(probe(true, 53, slice_of("GET / HTTP/1.0\r\n\r\n", 18)), CC_BAD);
	CHECK_UINT(probe(false, 80, slice_of("GET / HTTP/1.0\r\n\r\n", 18)), CC_BAD);
}

TEST(probe_waits_for_a_stream)
{
	struct made m = {.size = 0}, stream = {.size = 0};

	make_response(&m);
	add16(&stream, (unsigned)m.size);
	add(&stream, m.b, m.size);
	for (size_t size = 0; size <= stream.size; size++) {
		enum cc_status st = probe(false, 4444, slice_of(stream.b, size));

		CHECK(st == CC_OK || (st == CC_MORE && size < 2 + 12 + 21));
	}
}

/* Whatever the bytes, nothing breaks; sanitizers look on. */
TEST(flipped_bytes)
{
	struct made m = {.size = 0};

	make_response(&m);
	srand(2);
	for (int i = 0; i < 20000; i++) {
		struct made bad = m;
		struct cc_ctx rig;

		for (int j = rand() % 8; j >= 0; j--)
			bad.b[(size_t)rand() % bad.size] = (uint8_t)rand();
		rig_open(&rig, &dns_parser, i % 2 == 0, 53);
		if (i % 2 == 0) {
			rig_feed(&rig, CC_TO_CLIENT, made_slice(&bad));
		} else {
			uint8_t size[2] = {(uint8_t)(bad.size >> 8), (uint8_t)bad.size};

			rig_feed(&rig, CC_TO_CLIENT, slice_of(size, 2));
			rig_feed(&rig, CC_TO_CLIENT, made_slice(&bad));
		}
		CHECK(rig.done_count <= 1);
		rig_end(&rig);
		rig_free(&rig);
	}
}

extern const struct cc_parser mdns_parser, llmnr_parser;

/* What datagrams say by multicast: questions with the flag in their class, answers to everybody, from nobody's
 * question. */
TEST(multicast_is_told_apart)
{
	static struct made m;
	struct cc_ctx rig;

	m.size = 0;
	add_header(&m, 0, 0, 2, 0, 0, 0);
	add_name(&m, "_ipp._tcp.local");
	add16(&m, 12);
	add16(&m, 0x8001);
	add_name(&m, "host.local");
	add16(&m, 255);
	add16(&m, 1);
	rig_open(&rig, &mdns_parser, true, 5353);
	CHECK(mdns_parser.probe(&rig, CC_TO_SERVER, slice_of(m.b, m.size)) == CC_OK);
	CHECK(mdns_parser.probe(&rig, CC_TO_SERVER, slice_of(m.b, m.size - 1)) == CC_BAD);
	CHECK(dns_parser.probe(&rig, CC_TO_SERVER, slice_of(m.b, m.size)) == CC_BAD);
	rig_feed(&rig, CC_TO_SERVER, slice_of(m.b, m.size));
	m.size = 0;
	add_header(&m, 0, 0x8400, 0, 1, 0, 0);
	add_name(&m, "host.local");
	add16(&m, 1);
	add16(&m, 0x8001);
	add32(&m, 120);
	add16(&m, 4);
	add32(&m, 0x0a000001);
	rig_feed(&rig, CC_TO_SERVER, slice_of(m.b, m.size));
	CHECK_UINT(rig.done_count, 2);
	CHECK_UINT(rig.anomaly_count, 0);
	CHECK_TEXT(rig_value(&rig, 0, "queries[].rrname", 1), "host.local");
	CHECK_TEXT(rig_value(&rig, 1, "answers[].rdata", 0), "10.0.0.1");
	rig_end(&rig);
	rig_free(&rig);

	rig_open(&rig, &llmnr_parser, true, 5355);
	m.size = 0;
	add_header(&m, 7, 0, 1, 0, 0, 0);
	add_name(&m, "wpad");
	add16(&m, 1);
	add16(&m, 1);
	CHECK(llmnr_parser.probe(&rig, CC_TO_SERVER, slice_of(m.b, m.size)) == CC_OK);
	CHECK(mdns_parser.probe(&rig, CC_TO_SERVER, slice_of(m.b, m.size)) == CC_BAD);
	rig_feed(&rig, CC_TO_SERVER, slice_of(m.b, m.size));
	CHECK_TEXT(rig_value(&rig, 0, "dns.query", 0), "wpad");
	rig_end(&rig);
	rig_free(&rig);
}

TESTS(T(table_is_whole), T(multicast_is_told_apart), T(query_says_what_it_asks), T(response_has_all_sections),
    T(rdata_is_readable), T(broken_rdata_is_an_anomaly_not_the_end), T(several_questions_are_rows),
    T(root_has_an_empty_name), T(loops_end), T(pointers_forward_are_followed), T(long_names_are_cut),
    T(expansion_is_bounded), T(counts_are_not_believed), T(directions_and_flags_are_judged), T(datagrams_cut_anywhere),
    T(streams_cut_anywhere_say_the_same), T(streams_find_on_after_a_gap), T(probe_is_strict_off_its_port),
    T(probe_waits_for_a_stream), T(flipped_bytes))
