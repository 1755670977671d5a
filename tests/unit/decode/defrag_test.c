/* Fragments: any order gives the datagram; overlaps follow the policy and are told; limits hold. */
#include "../test.h"

#include "frames.h"

#define PAYLOAD 400

static struct packet
fragment(struct decode *d, unsigned id, unsigned off, bool more, const uint8_t *data, size_t size, uint64_t time)
{
	static struct build f;
	static struct frame frame;
	struct packet pkt;

	f.size = 0;
	f.linktype = 1;
	eth(&f, 0x0800);
	ip4(&f, 17, 1, 2, size);
	f.b[14 + 4] = (uint8_t)(id >> 8);
	f.b[14 + 5] = (uint8_t)id;
	f.b[14 + 6] = (uint8_t)((more ? 0x20 : 0) | (off / 8) >> 8);
	f.b[14 + 7] = (uint8_t)(off / 8);
	add(&f, data, size);
	frame = frame_of(&f);
	frame.time = time;
	decode_frame(d, &frame, &pkt);
	return pkt;
}

static void
datagram(uint8_t b[PAYLOAD])
{
	static const uint8_t header[8] = {0x10, 0, 0x20, 0, PAYLOAD >> 8, PAYLOAD & 0xff, 0, 0};

	for (unsigned i = 0; i < PAYLOAD; i++)
		b[i] = (uint8_t)(i * 7);
	memcpy(b, header, 8);
}

/* Splits at random, shuffles, repeats some: one datagram, the same bytes. */
TEST(any_order)
{
	struct conf conf = conf_for_tests();
	struct decode *d = decode_new(&conf);
	uint8_t b[PAYLOAD];
	uint32_t random = 1;

	datagram(b);
	for (unsigned round = 0; round < 500; round++) {
		unsigned start[60], count = 0, whole = 0;

		for (unsigned at = 0; at < PAYLOAD; at += 8 * (1 + (random >> 16) % 9)) {
			start[count++] = at;
			random = random * 1103515245 + 12345;
		}
		start[count] = PAYLOAD;
		unsigned order[60];
		for (unsigned i = 0; i < count; i++)
			order[i] = i;
		for (unsigned i = count; i > 1; i--) {
			unsigned k, swap = order[i - 1];

			random = random * 1103515245 + 12345;
			k = (random >> 16) % i;
			order[i - 1] = order[k];
			order[k] = swap;
		}
		if (count < 2)
			continue;
		for (unsigned i = 0; i < count; i++) {
			unsigned at = start[order[i]], size = start[order[i] + 1] - at;
			struct packet pkt = fragment(d, round, at, at + size < PAYLOAD, b + at, size, 1);

			CHECK(pkt.is_fragment == (i + 1 < count));
			CHECK(!has_event(&pkt, DECODE_EVENT_IPV4_FRAG_OVERLAP));
			if (i + 1 < count && i % 3 == 0) /* the mirror's copy */
				fragment(d, round, at, at + size < PAYLOAD, b + at, size, 1);
			if (pkt.reassembled) {
				whole++;
				CHECK_UINT(pkt.l4.size, PAYLOAD);
				CHECK(memcmp(pkt.l4.p, b, PAYLOAD) == 0);
				CHECK_UINT(pkt.sport, 0x1000);
				CHECK_UINT(pkt.ip[0].header.size, 20);
			}
		}
		CHECK_UINT(whole, 1);
		if (test_failures > 0)
			break;
	}
	decode_free(d);
}

/* A holds 16 to 40, B begins later, earlier, at the same byte, or holds all of it: the table says who has byte 24. */
TEST(policies)
{
	static const struct {
		const char *later, *earlier, *equal, *around; /* where the second fragment stands to the first */
	} should[] = {
	    {"A", "A", "A", "A"}, /* first */
	    {"B", "B", "B", "B"}, /* last */
	    {"A", "B", "A", "B"}, /* bsd */
	    {"B", "A", "B", "A"}, /* bsd_right */
	    {"A", "B", "B", "B"}, /* linux */
	    {"A", "A", "A", "B"}, /* solaris */
	    {"A", "A", "A", "B"}, /* windows */
	};
	static const unsigned b_at[4][2] = {{24, 32}, {8, 24}, {16, 24}, {8, 40}};
	struct conf conf = conf_for_tests();
	uint8_t text[3][64], head[8] = {0x10, 0, 0x20, 0, 0, 72, 0, 0};

	memset(text[0], 'A', 64);
	memset(text[1], 'B', 64);
	memset(text[2], 'z', 64);
	for (int policy = 0; policy < 7; policy++) {
		const char *answers[4] = {should[policy].later, should[policy].earlier, should[policy].equal,
		    should[policy].around};
		struct decode *d;

		conf.decode_defrag_policy = policy;
		d = decode_new(&conf);
		for (unsigned i = 0; i < 4; i++) {
			unsigned end = b_at[i][0] + b_at[i][1] > 40 ? b_at[i][0] + b_at[i][1] : 40;
			struct packet pkt;

			fragment(d, i, 0, true, head, 8, 1);
			fragment(d, i, 16, true, text[0], 24, 1); /* 16 to 40 */
			pkt = fragment(d, i, b_at[i][0], true, text[1], b_at[i][1], 1);
			CHECK(has_event(&pkt, DECODE_EVENT_IPV4_FRAG_OVERLAP));
			CHECK(has_event(&pkt, DECODE_EVENT_IPV4_FRAG_DIFFERS));
			if (b_at[i][0] > 8)
				fragment(d, i, 8, true, text[2], 8, 1);
			if (end < 56)
				fragment(d, i, end, true, text[2], 56 - end, 1);
			pkt = fragment(d, i, 56, false, text[2], 16, 1);
			CHECK(pkt.reassembled);
			if (pkt.reassembled)
				CHECK(pkt.l4.p[24] == (uint8_t)answers[i][0]);
			if (test_failures > 0)
				printf("policy %d, case %u\n", policy, i);
		}
		decode_free(d);
	}
}

TEST(limits)
{
	struct conf conf = conf_for_tests();
	struct decode *d;
	uint8_t b[1480] = {0};
	struct packet pkt;

	conf.decode_defrag_memory = 64 << 10;
	conf.decode_defrag_timeout = 5;
	d = decode_new(&conf);
	pkt = fragment(d, 1, 65528, false, b, 16, 1); /* beyond the largest datagram */
	CHECK(has_event(&pkt, DECODE_EVENT_IPV4_FRAG_PKT_TOO_LARGE));
	CHECK(pkt.is_fragment);
	for (unsigned id = 0; id < 5000; id++)
		fragment(d, id, 8, true, b, 1480, 2);
	CHECK(decode_counts(d)[DECODE_DEFRAG_EVICTED] > 0);
	fragment(d, 6000, 0, true, b, 8, 3);
	decode_tick(d, 1000);
	CHECK(decode_counts(d)[DECODE_DEFRAG_TIMEOUT] > 0);
	pkt = fragment(d, 6000, 8, false, b, 8, 1001);
	CHECK(pkt.is_fragment);
	CHECK(!pkt.reassembled);
	decode_free(d);
}

/* IPv6: the header chain before and behind the fragment header; the datagram's protocol is the first fragment's. */
TEST(ipv6)
{
	struct conf conf = conf_for_tests();
	struct decode *d = decode_new(&conf);
	uint8_t b[24] = {17, 0, 1, 4, 0, 0, 0, 0, 0, 5, 0, 6, 0, 16, 0, 0, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'};
	char text[512];

	for (unsigned order = 0; order < 2; order++)
		for (unsigned i = 0; i < 2; i++) {
			unsigned part = i ^ order;
			struct build f = {.linktype = 1};
			struct frame frame;
			struct packet pkt;

			eth(&f, 0x86dd);
			ip6(&f, 0, 1, 2, 8 + 8 + (part == 0 ? 8 : 16));
			add(&f, "\x2c\x00\x01\x04\x00\x00\x00\x00", 8);
			add8(&f, 60); /* destination options behind */
			add8(&f, 0);
			add16(&f, part == 0 ? 1 : 8);
			add32(&f, 77 + order);
			add(&f, part == 0 ? b : b + 8, part == 0 ? 8 : 16);
			frame = frame_of(&f);
			CHECK(decode_frame(d, &frame, &pkt) == CC_OK);
			CHECK(pkt.is_fragment == (i == 0));
			if (i == 0)
				continue;
			CHECK_TEXT(stack_of(&pkt, text), "eth:ipv6:ipv6.hopopts:ipv6.fraghdr:ipv6.dstopts:udp");
			CHECK_UINT(pkt.sport, 5);
			CHECK_UINT(pkt.payload.size, 8);
			CHECK(pkt.payload.size == 8 && memcmp(pkt.payload.p, "abcdefgh", 8) == 0);
		}
	decode_free(d);
}

TESTS(T(any_order), T(policies), T(limits), T(ipv6))
