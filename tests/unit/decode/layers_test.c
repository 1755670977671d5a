/* Each encapsulation gives its stack and the inner tuple; cut at each byte it never says more than is there. */
#include "../test.h"

#include "frames.h"

static void
end_tcp(struct build *f)
{
	ip4(f, 6, 1, 2, TCP_SIZE + 4);
	tcp(f, 4000, 80, TCP_SYN);
	add(f, "GET ", 4);
}

#define INNER4 (20 + TCP_SIZE + 4) /* an IPv4 packet of end_tcp() */
#define INNER_ETH (14 + INNER4)

static void
make_plain(struct build *f)
{
	eth(f, 0x0800);
	end_tcp(f);
}

static void
make_vlan(struct build *f)
{
	eth(f, 0x88a8);
	add16(f, 0x2064);
	add16(f, 0x8100);
	add16(f, 0x00c8);
	add16(f, 0x0800);
	end_tcp(f);
}

static void
make_snap(struct build *f)
{
	eth(f, 8 + INNER4);
	add(f, "\xaa\xaa\x03\x00\x00\x00\x08\x00", 8);
	end_tcp(f);
}

static void
make_sll(struct build *f)
{
	f->linktype = 113;
	add_zero(f, 14);
	add16(f, 0x0800);
	end_tcp(f);
}

static void
make_sll2(struct build *f)
{
	f->linktype = 276;
	add16(f, 0x0800);
	add_zero(f, 18);
	end_tcp(f);
}

static void
make_raw(struct build *f)
{
	f->linktype = 101;
	end_tcp(f);
}

static void
make_null(struct build *f)
{
	f->linktype = 0;
	add(f, "\x02\x00\x00\x00", 4);
	end_tcp(f);
}

static void
make_loop(struct build *f)
{
	f->linktype = 108;
	add(f, "\x00\x00\x00\x02", 4);
	end_tcp(f);
}

static void
wlan_qos(struct build *f, unsigned qos)
{
	add(f, "\x88\x01\x00\x00", 4); /* data with quality of service, to the access point */
	add_zero(f, 18);
	add16(f, 0);
	add8(f, qos);
	add8(f, 0);
}

static void
make_radiotap(struct build *f)
{
	f->linktype = 127;
	add(f, "\x00\x00\x12\x00\x03\x00\x00\x00", 8); /* time stamp and flags */
	add_zero(f, 8);
	add8(f, 0x30); /* padded, with a checksum behind */
	add8(f, 0);
	wlan_qos(f, 0);
	add_zero(f, 2);
	add(f, "\xaa\xaa\x03\x00\x00\x00\x08\x00", 8);
	end_tcp(f);
	add(f, "\xde\xad\xbe\xef", 4);
}

static void
make_amsdu(struct build *f)
{
	f->linktype = 105;
	wlan_qos(f, 0x80);
	add_zero(f, 12);
	add16(f, 8 + INNER4);
	add(f, "\xaa\xaa\x03\x00\x00\x00\x08\x00", 8);
	end_tcp(f);
	add_zero(f, 30);
}

static void
make_prism(struct build *f)
{
	f->linktype = 119;
	add(f, "\x44\x00\x00\x00\x90\x00\x00\x00", 8);
	add_zero(f, 136);
	wlan_qos(f, 0);
	add(f, "\xaa\xaa\x03\x00\x00\x00\x08\x00", 8);
	end_tcp(f);
}

static void
make_avs(struct build *f)
{
	f->linktype = 163;
	add(f, "\x80\x21\x10\x01\x00\x00\x00\x40", 8);
	add_zero(f, 56);
	wlan_qos(f, 0);
	add(f, "\xaa\xaa\x03\x00\x00\x00\x08\x00", 8);
	end_tcp(f);
}

static void
make_ppp(struct build *f)
{
	f->linktype = 9;
	add(f, "\xff\x03\x00\x21", 4);
	end_tcp(f);
}

static void
make_ppp_short(struct build *f)
{
	f->linktype = 50;
	add8(f, 0x21);
	end_tcp(f);
}

static void
make_chdlc(struct build *f)
{
	f->linktype = 104;
	add(f, "\x0f\x00\x08\x00", 4);
	end_tcp(f);
}

static void
make_frame_relay(struct build *f)
{
	f->linktype = 107;
	add(f, "\x18\x41\x03\xcc", 4);
	end_tcp(f);
}

static void
make_fddi(struct build *f)
{
	f->linktype = 10;
	add8(f, 0x50);
	add_zero(f, 12);
	add(f, "\xaa\xaa\x03\x00\x00\x00\x08\x00", 8);
	end_tcp(f);
}

static void
make_nflog(struct build *f)
{
	f->linktype = 239;
	add(f, "\x02\x00\x00\x00\x08\x00\x01\x00\x08\x00\x01\x00", 12);
	add8(f, 4 + INNER4);
	add(f, "\x00\x09\x00", 3);
	end_tcp(f);
}

static void
make_mpls(struct build *f)
{
	eth(f, 0x8847);
	add32(f, 100u << 12 | 64);
	add32(f, 200u << 12 | 0x100 | 64);
	end_tcp(f);
}

static void
make_pseudo_wire(struct build *f)
{
	eth(f, 0x8847);
	add32(f, 300u << 12 | 0x100 | 64);
	add32(f, 0);
	eth(f, 0x0800);
	end_tcp(f);
}

static void
make_pppoe(struct build *f)
{
	eth(f, 0x8864);
	add16(f, 0x1100);
	add16(f, 77);
	add16(f, 2 + INNER4);
	add16(f, 0x0021);
	end_tcp(f);
}

static void
make_pbb(struct build *f)
{
	eth(f, 0x88e7);
	add32(f, 5);
	eth(f, 0x0800);
	end_tcp(f);
}

static void
make_nsh(struct build *f)
{
	eth(f, 0x894f);
	add16(f, 0x0fc2);
	add16(f, 0x0201);
	add32(f, 0x000001ff);
	end_tcp(f);
}

static void
make_gre(struct build *f)
{
	eth(f, 0x0800);
	ip4(f, 47, 8, 9, 16 + INNER4);
	add16(f, 0xb000); /* checksum, key, sequence */
	add16(f, 0x0800);
	add32(f, 0);
	add32(f, 4711);
	add32(f, 1);
	end_tcp(f);
}

static void
make_pptp(struct build *f)
{
	eth(f, 0x0800);
	ip4(f, 47, 8, 9, 16 + 4 + INNER4);
	add16(f, 0x3081);
	add16(f, 0x880b);
	add16(f, 4 + INNER4);
	add16(f, 99);
	add32(f, 1);
	add32(f, 1);
	add(f, "\xff\x03\x00\x21", 4);
	end_tcp(f);
}

static void
make_erspan_1(struct build *f)
{
	eth(f, 0x0800);
	ip4(f, 47, 8, 9, 4 + INNER_ETH);
	add32(f, 0x000088be);
	eth(f, 0x0800);
	end_tcp(f);
}

static void
make_erspan_2(struct build *f)
{
	eth(f, 0x0800);
	ip4(f, 47, 8, 9, 16 + INNER_ETH);
	add32(f, 0x100088be);
	add32(f, 1);
	add16(f, 0x1005); /* VLAN 5 */
	add16(f, 0x0065);
	add32(f, 0);
	eth(f, 0x0800);
	end_tcp(f);
}

static void
make_erspan_3(struct build *f)
{
	eth(f, 0x0800);
	ip4(f, 47, 8, 9, 28 + INNER_ETH);
	add32(f, 0x100022eb);
	add32(f, 1);
	add16(f, 0x2000);
	add16(f, 0x0065);
	add32(f, 0);
	add16(f, 0);
	add16(f, 1);
	add_zero(f, 8);
	eth(f, 0x0800);
	end_tcp(f);
}

static void
make_vxlan(struct build *f)
{
	eth(f, 0x0800);
	ip4(f, 17, 8, 9, 16 + INNER_ETH);
	udp(f, 50000, 4789, 8 + INNER_ETH);
	add32(f, 0x08000000);
	add32(f, 42u << 8);
	eth(f, 0x0800);
	end_tcp(f);
}

static void
make_geneve(struct build *f)
{
	eth(f, 0x86dd);
	ip6(f, 17, 8, 9, 20 + INNER_ETH);
	udp(f, 50000, 6081, 12 + INNER_ETH);
	add32(f, 0x01006558);
	add32(f, 43u << 8);
	add32(f, 0);
	eth(f, 0x0800);
	end_tcp(f);
}

static void
make_gtp(struct build *f)
{
	eth(f, 0x0800);
	ip4(f, 17, 8, 9, 24 + INNER4);
	udp(f, 2152, 2152, 16 + INNER4);
	add16(f, 0x34ff);
	add16(f, 8 + INNER4);
	add32(f, 0xcafe);
	add32(f, 0x00000085);
	add32(f, 0x01100000);
	end_tcp(f);
}

static void
make_teredo(struct build *f)
{
	eth(f, 0x0800);
	ip4(f, 17, 8, 9, 8 + 8 + 40 + TCP_SIZE);
	udp(f, 5000, 3544, 8 + 40 + TCP_SIZE);
	add_zero(f, 8);
	ip6(f, 6, 1, 2, TCP_SIZE);
	tcp(f, 4000, 80, TCP_SYN);
}

static void
make_ipip(struct build *f)
{
	eth(f, 0x0800);
	ip4(f, 4, 8, 9, INNER4);
	end_tcp(f);
}

static void
make_6in4(struct build *f)
{
	eth(f, 0x0800);
	ip4(f, 41, 8, 9, 40 + TCP_SIZE);
	ip6(f, 6, 1, 2, TCP_SIZE);
	tcp(f, 4000, 80, TCP_SYN);
}

static void
make_4in6(struct build *f)
{
	eth(f, 0x86dd);
	ip6(f, 4, 8, 9, INNER4);
	end_tcp(f);
}

static void
make_etherip(struct build *f)
{
	eth(f, 0x0800);
	ip4(f, 97, 8, 9, 2 + INNER_ETH);
	add16(f, 0x3000);
	eth(f, 0x0800);
	end_tcp(f);
}

static void
make_extensions(struct build *f)
{
	eth(f, 0x86dd);
	ip6(f, 0, 1, 2, 8 + 8 + 8 + 24 + TCP_SIZE);
	add(f, "\x3c\x00\x05\x02\x00\x00\x01\x00", 8); /* hop by hop: router alert */
	add(f, "\x2b\x00\x01\x04\x00\x00\x00\x00", 8); /* destination options: padding */
	add(f, "\x33\x00\x00\x00\x00\x00\x00\x00", 8); /* routing */
	add(f, "\x06\x04\x00\x00", 4);                 /* authentication */
	add_zero(f, 20);
	tcp(f, 4000, 80, TCP_SYN);
}

static void
make_ah(struct build *f)
{
	eth(f, 0x0800);
	ip4(f, 51, 1, 2, 24 + TCP_SIZE);
	add(f, "\x06\x04\x00\x00", 4);
	add_zero(f, 20);
	tcp(f, 4000, 80, TCP_SYN);
}

static const struct kind {
	const char *name;
	void (*make)(struct build *f);
	const char *stack;
	uint32_t tunnel, tunnel_flow;
	unsigned vlans;
} kinds[] = {
    {"plain", make_plain, "eth:ip:tcp", 0, 0, 0},
    {"vlan", make_vlan, "eth:ieee8021ad:vlan:ip:tcp", 0, 0, 2},
    {"snap", make_snap, "eth:llc:ip:tcp", 0, 0, 0},
    {"sll", make_sll, "sll:ip:tcp", 0, 0, 0},
    {"sll2", make_sll2, "sll:ip:tcp", 0, 0, 0},
    {"raw", make_raw, "raw:ip:tcp", 0, 0, 0},
    {"null", make_null, "null:ip:tcp", 0, 0, 0},
    {"loop", make_loop, "null:ip:tcp", 0, 0, 0},
    {"radiotap", make_radiotap, "radiotap:wlan_radio:wlan:llc:ip:tcp", 0, 0, 0},
    {"amsdu", make_amsdu, "wlan:llc:ip:tcp", 0, 0, 0},
    {"prism", make_prism, "prism:wlan_radio:wlan:llc:ip:tcp", 0, 0, 0},
    {"avs", make_avs, "wlancap:wlan_radio:wlan:llc:ip:tcp", 0, 0, 0},
    {"ppp", make_ppp, "ppp:ip:tcp", 0, 0, 0},
    {"ppp_short", make_ppp_short, "ppp:ip:tcp", 0, 0, 0},
    {"chdlc", make_chdlc, "chdlc:ip:tcp", 0, 0, 0},
    {"frame_relay", make_frame_relay, "fr:ip:tcp", 0, 0, 0},
    {"fddi", make_fddi, "fddi:llc:ip:tcp", 0, 0, 0},
    {"nflog", make_nflog, "nflog:ip:tcp", 0, 0, 0},
    {"mpls", make_mpls, "eth:mpls:ip:tcp", 200, 0, 0},
    {"pseudo_wire", make_pseudo_wire, "eth:mpls:pwethcw:eth:ip:tcp", 300, 0, 0},
    {"pppoe", make_pppoe, "eth:pppoes:ppp:ip:tcp", 77, 77, 0},
    {"pbb", make_pbb, "eth:ieee8021ah:ip:tcp", 0, 0, 0},
    {"nsh", make_nsh, "eth:nsh:ip:tcp", 0, 0, 0},
    {"gre", make_gre, "eth:ip:gre:ip:tcp", 4711, 4711, 0},
    {"pptp", make_pptp, "eth:ip:gre:ppp:ip:tcp", 99, 0, 0},
    {"erspan_1", make_erspan_1, "eth:ip:gre:erspan:eth:ip:tcp", 0, 0, 0},
    {"erspan_2", make_erspan_2, "eth:ip:gre:erspan:eth:ip:tcp", 0x65, 0, 1},
    {"erspan_3", make_erspan_3, "eth:ip:gre:erspan:eth:ip:tcp", 0x65, 0, 0},
    {"vxlan", make_vxlan, "eth:ip:udp:vxlan:eth:ip:tcp", 42, 42, 0},
    {"geneve", make_geneve, "eth:ipv6:udp:geneve:eth:ip:tcp", 43, 43, 0},
    {"gtp", make_gtp, "eth:ip:udp:gtp:ip:tcp", 0xcafe, 0, 0},
    {"teredo", make_teredo, "eth:ip:udp:teredo:ipv6:tcp", 0, 0, 0},
    {"ipip", make_ipip, "eth:ip:ip:tcp", 0, 0, 0},
    {"6in4", make_6in4, "eth:ip:ipv6:tcp", 0, 0, 0},
    {"4in6", make_4in6, "eth:ipv6:ip:tcp", 0, 0, 0},
    {"etherip", make_etherip, "eth:ip:etherip:eth:ip:tcp", 0, 0, 0},
    {"extensions", make_extensions, "eth:ipv6:ipv6.hopopts:ipv6.dstopts:ipv6.routing:ah:tcp", 0, 0, 0},
    {"ah", make_ah, "eth:ip:ah:tcp", 0, 0, 0},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static struct build
built(const struct kind *kind)
{
	static struct build f;

	f.size = 0;
	f.linktype = 1;
	kind->make(&f);
	return f;
}

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
