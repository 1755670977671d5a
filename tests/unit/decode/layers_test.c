/* Each encapsulation gives its stack and the inner tuple; cut at each byte it never says more than is there. */
#include "../test.h"

#include "layers_made.h"

TEST(each_stack)
{
	struct conf conf = conf_for_tests();
	struct decode *d = decode_new(&conf);
	char text[512];

	for (size_t i = 0; i < KINDS; i++) {
		struct build f = built(&kinds[i]);
		struct frame frame = frame_of(&f);
		struct packet pkt;

		CHECK(decode_frame(d, &frame, &pkt) == CC_OK);
		CHECK_TEXT(stack_of(&pkt, text), kinds[i].stack);
		CHECK_UINT(pkt.sport, 4000);
		CHECK_UINT(pkt.dport, 80);
		CHECK_UINT(pkt.proto, 6);
		CHECK(pkt.has_transport && !pkt.is_fragment);
		CHECK_UINT(pkt.src.b[15], 1);
		CHECK_UINT(pkt.dst.b[15], 2);
		CHECK_UINT(pkt.tunnel, kinds[i].tunnel);
		CHECK_UINT(pkt.tunnel_flow, kinds[i].tunnel_flow);
		CHECK_UINT(pkt.vlan_count, kinds[i].vlans);
		CHECK_UINT(pkt.tcp.mss, 1460);
		CHECK_UINT(pkt.tcp.wscale, 7);
		CHECK(pkt.tcp.sack_ok && pkt.tcp.has_ts);
		CHECK_UINT(pkt.tcp.ts_val, 7);
		CHECK_UINT(pkt.tcp.ts_ecr, 9);
		if (test_failures > 0) {
			printf("of %s\n", kinds[i].name);
			break;
		}
	}
	decode_free(d);
}

/* A tunnel's own packets: as many as there are IP headers above the innermost, each with all behind it as payload. */
TEST(outer_packets)
{
	struct conf conf = conf_for_tests();
	struct decode *d = decode_new(&conf);
	unsigned seen = 0;

	for (size_t i = 0; i < KINDS; i++) {
		struct build f = built(&kinds[i]);
		struct frame frame = frame_of(&f);
		struct packet pkt, outer;

		CHECK(decode_frame(d, &frame, &pkt) == CC_OK);
		for (unsigned level = 0; level + 1 < pkt.ip_count; level++) {
			decode_outer(&pkt, level, &outer);
			CHECK_UINT(outer.ip_count, level + 1);
			CHECK(outer.proto == pkt.ip[level].proto && outer.proto != 6);
			CHECK(cc_addr_cmp(&outer.src, &pkt.ip[level].src) == 0);
			/* Over UDP what it carries is its payload; else the inner packet alone has one. */
			CHECK_UINT(outer.payload.size, outer.proto == 17 ? pkt.ip[level].payload.size - 8 : 0);
			CHECK(outer.proto != 17 ||
			      outer.payload.p + outer.payload.size >= pkt.payload.p + pkt.payload.size);
			CHECK(outer.proto != 17 || outer.dport != 0);
			CHECK(!has_event(&outer, DECODE_EVENT_VXLAN_UNKNOWN_PAYLOAD_TYPE));
			seen++;
		}
	}
	CHECK(seen >= 8);
	decode_free(d);
}

/* Which ports are tunnels is a matter of the configuration. */
TEST(tunnel_ports)
{
	static struct conf_pair none[] = {{(char *)"4789", (char *)"none"}, {(char *)"70000", (char *)"vxlan"},
	    {(char *)"5000", (char *)"nonsense"}};
	struct conf conf = conf_for_tests();
	struct decode *d;

	conf.decode_udp_tunnels = (struct conf_map){none, 3};
	d = decode_new(&conf);
	for (size_t i = 0; i < KINDS; i++) {
		struct build f = built(&kinds[i]);
		struct frame frame = frame_of(&f);
		struct packet pkt;

		if (strcmp(kinds[i].name, "vxlan") != 0 && strcmp(kinds[i].name, "geneve") != 0)
			continue;
		CHECK(decode_frame(d, &frame, &pkt) == CC_OK);
		CHECK_UINT(pkt.ip_count, 1);
		CHECK_UINT(pkt.proto, 17);
	}
	decode_free(d);
}

/*
 * Each prefix in memory of its very size, so that a sanitizer sees a read past it; as cut by the capture, and as
 * short.
 */
TEST(each_cut)
{
	struct conf conf = conf_for_tests();
	struct decode *d = decode_new(&conf);

	for (size_t i = 0; i < KINDS; i++) {
		struct build f = built(&kinds[i]);

		for (size_t size = 0; size < f.size; size++) {
			uint8_t *copy = malloc(size > 0 ? size : 1);
			struct frame frame = frame_of(&f);
			struct packet pkt;
			bool fragment;

			memcpy(copy, f.b, size);
			frame.p = copy;
			frame.size = (uint32_t)size;
			decode_frame(d, &frame, &pkt);
			CHECK(pkt.ip_count == 0 || pkt.payload.size <= size);
			decode_l4_checksum_ok(&pkt);
			decode_ip_checksum_ok(&pkt);
			decode_spread(d, &frame, &fragment);
			frame.wire_size = frame.size;
			if (decode_frame(d, &frame, &pkt) == CC_OK && pkt.ip_count > 0 && pkt.proto == 6)
				CHECK(pkt.cut ? pkt.payload.size == 0
					      : pkt.l4.size == TCP_SIZE || pkt.l4.size == TCP_SIZE + 4);
			free(copy);
		}
	}
	decode_free(d);
}

/* One flipped byte anywhere: no crash, and the counters account for every frame. */
TEST(each_byte_changed)
{
	struct conf conf = conf_for_tests();
	struct decode *d = decode_new(&conf), *other = decode_new(&conf);
	uint64_t frames = 0, bad = 0;

	for (size_t i = 0; i < KINDS; i++) {
		struct build f = built(&kinds[i]);
		uint8_t *copy = malloc(f.size);

		for (size_t at = 0; at < f.size; at++)
			for (unsigned change = 1; change < 256; change = change * 2 + 1) {
				struct frame frame = frame_of(&f);
				struct packet pkt;
				bool fragment;

				memcpy(copy, f.b, f.size);
				copy[at] ^= (uint8_t)change;
				frame.p = copy;
				bad += decode_frame(d, &frame, &pkt) != CC_OK;
				frames++;
				decode_spread(other, &frame, &fragment);
			}
		free(copy);
	}
	CHECK_UINT(decode_counts(d)[DECODE_FRAMES], frames);
	CHECK_UINT(decode_counts(d)[DECODE_GIVEN_UP], bad);
	decode_free(d);
	decode_free(other);
}

/* Both directions of every kind go to one worker, and the answer depends on the innermost pair alone. */
TEST(spread_is_symmetric)
{
	struct conf conf = conf_for_tests();
	struct decode *d = decode_new(&conf);
	uint32_t first = 0;
	bool fragment;

	for (size_t i = 0; i < KINDS; i++) {
		struct build f = built(&kinds[i]);
		struct frame frame = frame_of(&f);
		uint32_t one = decode_spread(d, &frame, &fragment);

		if (strstr(kinds[i].stack, "ip:tcp") == NULL)
			continue;
		if (i == 0)
			first = one;
		CHECK_UINT(one, first);
		for (size_t at = 0; at + 8 <= f.size; at++)
			if (memcmp(f.b + at, "\x0a\x00\x00\x01\x0a\x00\x00\x02", 8) == 0)
				memcpy(f.b + at, "\x0a\x00\x00\x02\x0a\x00\x00\x01", 8);
		frame.p = f.b;
		CHECK_UINT(decode_spread(d, &frame, &fragment), first);
		CHECK(!fragment);
	}
	decode_free(d);
}

TEST(too_deep_keeps_the_outer)
{
	struct conf conf = conf_for_tests();
	struct decode *d;
	struct build f = {.linktype = 1};
	struct packet pkt;
	struct frame frame;

	conf.decode_depth = 3;
	d = decode_new(&conf);
	eth(&f, 0x0800);
	for (unsigned i = 0; i < 5; i++)
		ip4(&f, 4, 10 + i, 20 + i, (4 - i) * 20u + INNER4);
	end_tcp(&f);
	frame = frame_of(&f);
	CHECK(decode_frame(d, &frame, &pkt) == CC_OK);
	CHECK_UINT(pkt.ip_count, 3);
	CHECK_UINT(pkt.proto, 4);
	CHECK_UINT(pkt.src.b[15], 12);
	CHECK(has_event(&pkt, DECODE_EVENT_TOO_MANY_LAYERS));
	CHECK_UINT(decode_counts(d)[DECODE_TOO_DEEP], 1);
	decode_free(d);
}

/* What a tunnel's port lets expect, but is not inside, leaves a datagram. */
TEST(not_a_tunnel)
{
	static const uint16_t ports[] = {4789, 8472, 6081, 2152, 3544, 6635, 4790};
	struct conf conf = conf_for_tests();
	struct decode *d = decode_new(&conf);

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		struct build f = {.linktype = 1};
		struct packet pkt;
		struct frame frame;
		char text[512];

		eth(&f, 0x0800);
		ip4(&f, 17, 1, 2, 8 + 32);
		udp(&f, 40000, ports[i], 32);
		for (unsigned k = 0; k < 32; k++)
			add8(&f, 0xf1 + k * 37);
		frame = frame_of(&f);
		CHECK(decode_frame(d, &frame, &pkt) == CC_OK);
		CHECK_UINT(pkt.dport, ports[i]);
		CHECK_UINT(pkt.payload.size, 32);
		CHECK(strncmp(stack_of(&pkt, text), "eth:ip:udp", 10) == 0);
		CHECK_UINT(pkt.ip_count, 1);
	}
	decode_free(d);
}

TEST(lengths_that_lie)
{
	struct conf conf = conf_for_tests();
	struct decode *d = decode_new(&conf);
	struct build f = {.linktype = 1};
	struct packet pkt;
	struct frame frame;

	make_plain(&f);
	frame = frame_of(&f);
	frame.size -= 4; /* the wire had all: cut by the capture */
	CHECK(decode_frame(d, &frame, &pkt) == CC_OK);
	CHECK_UINT(pkt.payload.size, 0);
	CHECK_UINT(decode_counts(d)[DECODE_CUT], 1);
	frame.wire_size = frame.size; /* the wire had no more: a receiver drops it; its flow counts it, without bytes */
	CHECK(decode_frame(d, &frame, &pkt) == CC_OK && pkt.cut);
	CHECK_UINT(pkt.payload.size, 0);
	CHECK(has_event(&pkt, DECODE_EVENT_IPV4_TRUNC_PKT));
	add_zero(&f, 6); /* padding is no payload */
	frame = frame_of(&f);
	CHECK(decode_frame(d, &frame, &pkt) == CC_OK);
	CHECK_UINT(pkt.payload.size, 4);
	decode_free(d);
}

struct odd_frame {
	unsigned event;
	size_t size;
	const char *bytes; /* behind the Ethernet header; of the type that stands first */
};

/* What is odd in a header is said by name and nothing else is; the same header in order says nothing.  (Frames that
 * ERSPAN mirrors are left out here: too small for Ethernet.) */
TEST(odd_headers)
{
	static const struct odd_frame cases[] = {
	    {DECODE_EVENT_VNTAG_UNKNOWN_TYPE, 10, "\x89\x26\0\0\0\0\x12\x34xx"},
	    /* A type that nobody knows is the matter of the tag that names it: VLAN's, and none's behind GRE. */
	    {DECODE_EVENT_VLAN_UNKNOWN_TYPE, 14, "\x89\x26\0\0\0\0\x81\0\0\1\x12\x34xx"},
	    {DECODE_EVENT_COUNT, 38, "\x89\x26\0\0\0\0\x81\0\0\1\x08\0\x45\0\0\x1a\0\1\0\0\x40\x2f\0\0\1\1\1\1\2\2\2\2"
	    "\0\0\x12\x34xx"},
	    {DECODE_EVENT_PPPOE_MALFORMED_TAGS, 16, "\x88\x63\x11\x09\0\0\0\x08\1\1\0\0\1\3\0\1"},
	    {DECODE_EVENT_PPPOE_WRONG_CODE, 8, "\x88\x63\x11\x01\0\0\0\0"},
	    {DECODE_EVENT_PPPOE_PKT_TOO_SMALL, 8, "\x88\x63\x11\x09\0\0\0\1"},
	    {DECODE_EVENT_COUNT, 16, "\x88\x63\x11\x09\0\0\0\x08\1\1\0\0\1\3\0\0"},
	    /* CIPSO: a tag beyond the option; one of size 0; one in order */
	    {DECODE_EVENT_IPV4_OPT_MALFORMED, 34, "\x08\0\x48\0\0\x20\0\1\0\0\x40\xfd\0\0\1\1\1\1\2\2\2\2"
	    "\x86\x0a\0\0\0\1\1\5\0\1\0\0"},
	    {DECODE_EVENT_IPV4_OPT_MALFORMED, 34, "\x08\0\x48\0\0\x20\0\1\0\0\x40\xfd\0\0\1\1\1\1\2\2\2\2"
	    "\x86\x0a\0\0\0\1\1\0\0\1\0\0"},
	    {DECODE_EVENT_COUNT, 34, "\x08\0\x48\0\0\x20\0\1\0\0\x40\xfd\0\0\1\1\1\1\2\2\2\2"
	    "\x86\x0a\0\0\0\1\1\4\0\1\0\0"},
	    /* ERSPAN with a VLAN of its own behind four */
	    {DECODE_EVENT_ERSPAN_TOO_MANY_VLAN_LAYERS, 54, "\x81\0\0\1\x81\0\0\2\x81\0\0\3\x81\0\0\4\x08\0"
	    "\x45\0\0\x24\0\1\0\0\x40\x2f\0\0\1\1\1\1\2\2\2\2\x10\0\x88\xbe\0\0\0\1"
	    "\x10\5\0\x65\0\0\0\0"},
	    /* none of its own */
	    {DECODE_EVENT_ETHERNET_PKT_TOO_SMALL, 54, "\x81\0\0\1\x81\0\0\2\x81\0\0\3\x81\0\0\4\x08\0"
	    "\x45\0\0\x24\0\1\0\0\x40\x2f\0\0\1\1\1\1\2\2\2\2\x10\0\x88\xbe\0\0\0\1"
	    "\x10\0\0\x65\0\0\0\0"},
	};
	struct conf conf = conf_for_tests();
	struct decode *d = decode_new(&conf);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct build f = {.linktype = 1};
		struct packet pkt;
		struct frame frame;

		add_zero(&f, 12);
		add(&f, cases[i].bytes, cases[i].size);
		frame = frame_of(&f);
		(void)decode_frame(d, &frame, &pkt);
		for (unsigned event = 0; event < DECODE_EVENT_COUNT; event++) {
			if (event == cases[i].event && !has_event(&pkt, event))
				CHECK_TEXT("nothing", decode_event_name[event]);
			else if (event != cases[i].event && event != DECODE_EVENT_ETHERNET_PKT_TOO_SMALL)
				CHECK(!has_event(&pkt, event));
		}
	}
	decode_free(d);
}

TESTS(T(odd_headers),
    T(outer_packets), T(tunnel_ports), T(each_stack), T(each_cut), T(each_byte_changed), T(spread_is_symmetric),
    T(too_deep_keeps_the_outer),
    T(not_a_tunnel),
    T(lengths_that_lie))
