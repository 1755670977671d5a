/* The table: keys, both ways of a flow, time-outs, ends, eviction, holds; community ids; SYN stacks. */
#include "unit/flow/rig.h"

enum { C = TCP_ACK, P = TCP_ACK | TCP_PSH };

static struct flow *
udp(struct rig *rig, bool answer, uint16_t sport)
{
	rig_packet(rig, answer, 17, sport, 53, slice_str("x"));
	return flow_track(rig->flows, &rig->pkt, &rig->dir);
}

static unsigned
ended(struct rig *rig, enum flow_end end)
{
	struct flow *flow;
	unsigned count = 0;
	uint64_t seq = 0;

	while ((flow = flow_next_ended(rig->flows)) != NULL) {
		count += flow->end == end;
		CHECK(flow->first_seq > seq || end == FLOW_END_EVICTED);
		seq = flow->first_seq;
		rig_take(rig, flow, NULL);
		flow_free(rig->flows, flow);
	}
	return count;
}

TEST(both_ways_are_one_flow)
{
	struct rig *rig = rig_new(NULL);
	struct flow *a = udp(rig, false, 1000), *b = udp(rig, true, 1000), *c = udp(rig, false, 1001);

	CHECK(a == b && a != c);
	CHECK_UINT(a->side[CC_TO_SERVER].packets, 1);
	CHECK_UINT(a->side[CC_TO_CLIENT].packets, 1);
	CHECK(a->established && !c->established);
	CHECK_UINT(a->side[CC_TO_SERVER].port, 1000);
	CHECK(a->id != c->id && a->id < 1ull << 53);
	CHECK_UINT(a->side[CC_TO_CLIENT].ttl_first, 57);
	CHECK_UINT(flow_active(rig->flows), 2);
	rig_free(rig);
}

TEST(datagrams_are_chunks)
{
	struct rig *rig = rig_new(NULL);
	struct chunk chunk;
	struct flow *flow = udp(rig, true, 1000);

	CHECK_UINT(flow_next_chunk(rig->flows, flow, &rig->pkt, &chunk), CC_OK);
	CHECK(chunk.datagram && chunk.size == 1 && chunk.fresh == 1 && chunk.dir == CC_TO_SERVER);
	CHECK_UINT(flow_next_chunk(rig->flows, flow, &rig->pkt, &chunk), CC_END);
	flow_end_all(rig->flows);
	flow = flow_next_ended(rig->flows);
	CHECK_UINT(flow_next_chunk(rig->flows, flow, NULL, &chunk), CC_OK);
	CHECK(chunk.eof && chunk.dir == CC_TO_SERVER);
	CHECK_UINT(flow_next_chunk(rig->flows, flow, NULL, &chunk), CC_OK);
	CHECK(chunk.eof && chunk.dir == CC_TO_CLIENT);
	CHECK_UINT(flow_next_chunk(rig->flows, flow, NULL, &chunk), CC_END);
	flow_free(rig->flows, flow);
	rig_free(rig);
}

TEST(vlans_and_tunnels_part)
{
	struct rig *rig = rig_new(NULL);
	struct flow *a = udp(rig, false, 1000), *b, *c;

	rig_packet(rig, false, 17, 1000, 53, slice_str("x"));
	rig->pkt.vlan[0] = 7;
	rig->pkt.vlan_count = 1;
	b = flow_track(rig->flows, &rig->pkt, &rig->dir);
	rig_packet(rig, true, 17, 1000, 53, slice_str("x"));
	rig->pkt.tunnel = rig->pkt.tunnel_flow = 9;
	c = flow_track(rig->flows, &rig->pkt, &rig->dir);
	CHECK(a != b && b != c && a != c);
	CHECK_UINT(b->vlan[0], 7);
	CHECK_UINT(c->tunnel, 9);
	rig_packet(rig, true, 17, 1000, 53, slice_str("x"));
	rig->pkt.tunnel = 5; /* directions have ids of their own */
	CHECK(flow_track(rig->flows, &rig->pkt, &rig->dir) == a);
	rig_free(rig);
	rig = rig_new("flow.vlan=false", NULL);
	a = udp(rig, false, 1000);
	rig_packet(rig, false, 17, 1000, 53, slice_str("x"));
	rig->pkt.vlan[0] = 7;
	rig->pkt.vlan_count = 1;
	CHECK(flow_track(rig->flows, &rig->pkt, &rig->dir) == a);
	rig_free(rig);
}

/* A mirror that tags one direction: the SYN-ACK that answers exactly this SYN is of the same session. */
TEST(answer_on_another_vlan)
{
	struct rig *rig = rig_new(NULL);
	struct flow *a = rig_tcp(rig, false, TCP_SYN, 99, 0, "");

	rig_packet(rig, true, 6, 40000, 80, slice_str(""));
	rig->pkt.vlan[0] = 7;
	rig->pkt.vlan_count = 1;
	rig->pkt.tcp =
	    (struct tcp_info){.flags = TCP_SYN | TCP_ACK, .seq = 5, .ack = 101, .window = 65000, .wscale = 255};
	CHECK(rig_track(rig) != a);
	rig->pkt.tcp.ack = 100;
	CHECK(rig_track(rig) != a); /* that path has a flow of its own by now */
	rig_end(rig);
	a = rig_tcp(rig, false, TCP_SYN, 99, 0, "");
	rig_packet(rig, true, 6, 40000, 80, slice_str(""));
	rig->pkt.vlan[0] = 7;
	rig->pkt.vlan_count = 1;
	rig->pkt.tcp =
	    (struct tcp_info){.flags = TCP_SYN | TCP_ACK, .seq = 5, .ack = 100, .window = 65000, .wscale = 255};
	CHECK(rig_track(rig) == a);
	CHECK(rig_tcp(rig, false, C, 100, 6, "") == a);
	CHECK(a->established);
	rig_free(rig);
}

/* However many flows there are, and wherever their hashes fall, each answer finds its own. */
TEST(every_answer_on_another_vlan)
{
	struct rig *rig = rig_new("flow.max=65536", NULL);

	for (unsigned round = 0; round < 2; round++)
		for (uint16_t port = 1; port <= 20000; port++) {
			rig_packet(rig, round == 1, 6, port, 80, slice_str(""));
			rig->pkt.vlan[0] = 7;
			rig->pkt.vlan_count = round == 1;
			rig->pkt.tcp = (struct tcp_info){.flags = round == 1 ? TCP_SYN | TCP_ACK : TCP_SYN,
			    .seq = round == 1 ? 5 : 99,
			    .ack = round == 1 ? 100 : 0,
			    .window = 65000,
			    .wscale = 255};
			rig_track(rig);
			rig->time -= NS_PER_MS;
		}
	CHECK_UINT(flow_active(rig->flows), 20000);
	rig_free(rig);
}

TEST(syn_ack_first_is_the_server)
{
	struct rig *rig = rig_new(NULL);
	struct flow *flow = rig_tcp(rig, true, TCP_SYN | TCP_ACK, 49, 100, "");

	CHECK(flow->reversed);
	CHECK_UINT(flow->side[CC_TO_SERVER].port, 40000);
	CHECK_UINT(rig->dir, CC_TO_CLIENT);
	CHECK_UINT(flow->tcp, TCP_SYN_RECV);
	rig_tcp(rig, false, P, 100, 50, "GET");
	CHECK(flow->established && !flow->midstream);
	rig_tcp(rig, true, C, 50, 103, "");
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "GET");
	rig_free(rig);
}

TEST(strays)
{
	struct rig *rig = rig_new(NULL);
	struct chunk chunk;
	struct flow *flow;

	rig_packet(rig, false, 17, 1, 2, slice_str("x"));
	rig->pkt.is_fragment = true;
	flow = flow_track(rig->flows, &rig->pkt, &rig->dir);
	CHECK(flow->stray);
	CHECK_UINT(flow_next_chunk(rig->flows, flow, &rig->pkt, &chunk), CC_END);
	rig_packet(rig, false, 6, 1, 2, slice_str("x"));
	rig->pkt.has_transport = false;
	CHECK(flow_track(rig->flows, &rig->pkt, &rig->dir)->stray);
	rig_packet(rig, false, 0, 0, 0, slice_str("x"));
	rig->pkt.ip_count = 0;
	CHECK(flow_track(rig->flows, &rig->pkt, &rig->dir)->stray);
	CHECK_UINT(flow_counts(rig->flows)[FLOW_STRAY], 3);
	CHECK_UINT(flow_counts(rig->flows)[FLOW_NOT_IP], 1);
	rig_packet(rig, false, 89, 0, 0, slice_str("ospf"));
	rig->pkt.has_transport = false;
	CHECK(!flow_track(rig->flows, &rig->pkt, &rig->dir)->stray);
	rig_free(rig);
}

TEST(times_out)
{
	struct rig *rig = rig_new("flow.timeout_new=10s", "flow.timeout_udp=60s", NULL);
	struct flow *a, *b;

	a = udp(rig, false, 1);
	udp(rig, false, 2);
	udp(rig, false, 3);
	udp(rig, true, 3);
	rig->time += 10 * NS_PER_S - 3 * NS_PER_MS;
	flow_tick(rig->flows, rig->time);
	CHECK_UINT(ended(rig, FLOW_END_TIMEOUT), 0); /* the first is due this very moment, and still alive */
	rig->time += 1;
	flow_tick(rig->flows, rig->time + 200 * NS_PER_MS);
	CHECK_UINT(ended(rig, FLOW_END_TIMEOUT), 2);
	CHECK_UINT(flow_active(rig->flows), 1);
	rig->time += 70 * NS_PER_S; /* no tick: the packet itself shows that the time is over */
	b = udp(rig, false, 3);
	CHECK(!b->established);
	CHECK_UINT(ended(rig, FLOW_END_TIMEOUT), 1);
	(void)a;
	rig_free(rig);
}

/* A capture that goes back in time must not end what has just come. */
TEST(time_goes_back)
{
	struct rig *rig = rig_new(NULL);
	struct flow *flow;
	uint64_t later = rig->time + 400ull * 86400 * NS_PER_S;

	flow_tick(rig->flows, later);
	flow = udp(rig, false, 1);
	flow_tick(rig->flows, rig->time);
	CHECK_UINT(ended(rig, FLOW_END_TIMEOUT), 0);
	CHECK(udp(rig, true, 1) == flow);
	flow_tick(rig->flows, later + 1000 * NS_PER_S);
	CHECK_UINT(ended(rig, FLOW_END_TIMEOUT), 1);
	rig_free(rig);
}

TEST(evicts_the_idle)
{
	struct rig *rig = rig_new("flow.max=64", NULL);
	struct flow *first = udp(rig, false, 1), *flow;
	unsigned evicted = 0;

	for (uint16_t port = 2; port <= 64; port++)
		udp(rig, false, port);
	rig->time += 2 * NS_PER_S;
	CHECK(udp(rig, false, 1) == first);
	for (uint16_t port = 100; port < 110; port++)
		udp(rig, false, port);
	CHECK_UINT(flow_active(rig->flows), 64);
	while ((flow = flow_next_ended(rig->flows)) != NULL) {
		CHECK_UINT(flow->side[0].port, 2 + evicted++);
		CHECK_UINT(flow->end, FLOW_END_EVICTED);
		flow_free(rig->flows, flow);
	}
	CHECK_UINT(evicted, 10);
	CHECK_UINT(flow_counts(rig->flows)[FLOW_EVICTED], 10);
	for (uint32_t port = 1000; port < 4000; port++) /* nobody drains the queue */
		CHECK(udp(rig, false, (uint16_t)port)->stray == (port >= 1000 + 1024));
	CHECK(flow_counts(rig->flows)[FLOW_TABLE_FULL] > 0);
	ended(rig, FLOW_END_EVICTED);
	rig_free(rig);
}

TEST(ports_used_anew)
{
	struct rig *rig = rig_new(NULL);
	struct flow *flow;
	uint64_t id;

	rig_shake(rig, 100, 200);
	id = rig->flow->id;
	rig_tcp(rig, false, TCP_FIN | C, 100, 200, "");
	rig_tcp(rig, true, TCP_FIN | C, 200, 101, "");
	rig_tcp(rig, false, C, 101, 201, "");
	CHECK_UINT(rig->flow->tcp, TCP_CLOSED);
	rig_tcp(rig, false, TCP_SYN, 99, 0, "");
	CHECK(rig->flow->id == id && rig_has(rig, rig->flow, FLOW_EVENT_SHUTDOWN_SYN_RESEND));
	rig_shake(rig, 900, 1200);
	CHECK(rig->flow->id != id && rig->flow->established);
	CHECK_UINT(flow_counts(rig->flows)[FLOW_REUSED], 1);
	id = rig->flow->id;
	rig_tcp(rig, false, TCP_SYN, 4999, 0, ""); /* anybody can send that */
	CHECK(rig->flow->id == id && rig_has(rig, rig->flow, FLOW_EVENT_EST_SYN_RESEND_DIFF_SEQ));
	flow = rig_tcp(rig, true, TCP_SYN | TCP_ACK, 6999, 5000, ""); /* but not that */
	CHECK(flow->id != id);
	CHECK_UINT(flow_counts(rig->flows)[FLOW_REUSED], 2);
	rig_free(rig);
}

TEST(held_beyond_its_end)
{
	struct rig *rig = rig_new("flow.max=64", NULL);
	struct flow *flow = udp(rig, false, 7), *other;

	flow_hold(flow);
	flow_end_all(rig->flows);
	CHECK(flow_next_ended(rig->flows) == flow);
	flow_free(rig->flows, flow);
	other = udp(rig, false, 8);
	CHECK(other != flow);
	CHECK_UINT(flow->side[0].port, 7);
	flow_drop(rig->flows, flow);
	CHECK(udp(rig, false, 9) == flow);
	rig_free(rig);
}

static void
icmp(struct rig *rig, bool answer, uint8_t type, uint8_t code)
{
	struct packet *pkt = rig_packet(rig, answer, 1, 0, 0, slice_str("ping"));

	pkt->icmp.type = type;
	pkt->icmp.code = code;
	rig->flow = flow_track(rig->flows, pkt, &rig->dir);
}

static const char *
id_of(struct rig *rig, uint8_t proto, const char *src, uint16_t sport, const char *dst, uint16_t dport)
{
	static char text[32];
	struct packet *pkt = rig_packet(rig, false, proto, sport, dport, slice_str("x"));

	cc_addr_parse(src, &pkt->src);
	cc_addr_parse(dst, &pkt->dst);
	pkt->ip[0].version = cc_addr_is4(&pkt->src) && !rig->v6 ? 4 : 6;
	if (proto == 1 || proto == 58) {
		pkt->icmp.type = (uint8_t)sport;
		pkt->icmp.code = (uint8_t)dport;
		pkt->sport = pkt->dport = 0;
	}
	return flow_community_id(rig->flows, flow_track(rig->flows, pkt, &rig->dir), text);
}

/* The values are those of the communityid package of PyPI, 1.5. */
TEST(community_ids)
{
	struct rig *rig = rig_new(NULL);

	CHECK_TEXT(id_of(rig, 6, "128.232.110.120", 34855, "66.35.250.204", 80), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
	CHECK_TEXT(id_of(rig, 6, "66.35.250.204", 80, "128.232.110.120", 34855), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
	CHECK_TEXT(id_of(rig, 17, "192.168.1.52", 54585, "8.8.8.8", 53), "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
	CHECK_TEXT(id_of(rig, 132, "192.168.170.8", 7, "192.168.170.56", 7), "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs=");
	CHECK_TEXT(id_of(rig, 1, "192.168.0.89", 8, "192.168.0.1", 0), "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
	CHECK_TEXT(id_of(rig, 1, "192.168.0.1", 0, "192.168.0.89", 0), "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
	CHECK_TEXT(id_of(rig, 1, "192.168.0.89", 3, "192.168.0.1", 1), "1:LXCfhMUFbYXe+CEMrQuZCbiLY3o=");
	CHECK_TEXT(id_of(rig, 1, "192.168.0.1", 3, "192.168.0.89", 1), "1:o3zT92uTgnRWv/YrDVeXcWumpC4=");
	CHECK_TEXT(id_of(rig, 58, "fe80::200:86ff:fe05:80da", 135, "fe80::260:97ff:fe07:69ea", 0),
	    "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=");
	CHECK_TEXT(id_of(rig, 58, "fe80::260:97ff:fe07:69ea", 136, "fe80::200:86ff:fe05:80da", 0),
	    "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=");
	CHECK_TEXT(id_of(rig, 58, "fe80::260:97ff:fe07:69ea", 1, "ff02::1", 0), "1:eaH0WDbr6P+VsB/+Ik+0jU0XkEE=");
	CHECK_TEXT(id_of(rig, 46, "10.0.0.1", 0, "10.0.0.2", 0), "1:dCjRyIB3edOtrQeRTaUbPd5raRE=");
	rig->v6 = true; /* IPv4-mapped addresses in an IPv6 packet are IPv6 */
	CHECK_TEXT(id_of(rig, 6, "::ffff:10.0.0.1", 1, "::ffff:10.0.0.2", 2), "1:rcEGPZED9aQPWo3P7Q3MWogffX0=");
	rig_free(rig);
	rig = rig_new("flow.community_id_seed=1", NULL);
	CHECK_TEXT(id_of(rig, 6, "128.232.110.120", 34855, "66.35.250.204", 80), "1:3V71V58M3Ksw/yuFALMcW0LAHvc=");
	rig_free(rig);
}

TEST(pings_and_errors)
{
	struct rig *rig = rig_new(NULL);
	struct flow *flow;

	icmp(rig, false, 8, 0);
	flow = rig->flow;
	icmp(rig, true, 0, 0);
	CHECK(rig->flow == flow && rig->dir == CC_TO_CLIENT);
	icmp(rig, false, 3, 1);
	CHECK(rig->flow != flow);
	flow = rig->flow;
	icmp(rig, true, 3, 1); /* nobody answers an error: this is another */
	CHECK(rig->flow != flow && rig->dir == CC_TO_SERVER);
	rig_free(rig);
}

TEST(stack_of_the_syn)
{
	static const uint8_t options[] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7};
	struct rig *rig = rig_new(NULL);
	struct packet *pkt = rig_packet(rig, false, 6, 40000, 80, slice_str(""));
	struct flow *flow;
	char text[128];

	pkt->ip[0].ttl = 61;
	pkt->ip[0].frag_off = 0x4000;
	pkt->ip[0].id = 77;
	pkt->ip[0].header.size = 20;
	pkt->tcp = (struct tcp_info){.flags = TCP_SYN,
	    .seq = 1,
	    .window = 29200,
	    .wscale = 7,
	    .mss = 1460,
	    .has_ts = true,
	    .ts_val = 9,
	    .options = slice_of(options, sizeof(options))};
	flow = rig_track(rig);
	CHECK_TEXT(flow_stack_text(flow, CC_TO_SERVER, text), "4:64:0:1460:mss*20,7:mss,sok,ts,nop,ws:df,id+:0");
	CHECK_TEXT(flow_stack_text(flow, CC_TO_CLIENT, text), "");
	for (size_t size = 0; size < sizeof(options); size++) { /* cut at each byte */
		uint8_t *copy = malloc(size + 1);

		memcpy(copy, options, size);
		rig_packet(rig, false, 6, (uint16_t)(1000 + size), 80, slice_str(""));
		rig->pkt.tcp = (struct tcp_info){.flags = TCP_SYN, .seq = 1, .options = slice_of(copy, size)};
		flow_stack_text(rig_track(rig), CC_TO_SERVER, text);
		free(copy);
	}
	CHECK_UINT(flow_hops(61), 3);
	CHECK_UINT(flow_hops(128), 0);
	CHECK_UINT(flow_hops(129), 126);
	CHECK_UINT(flow_hops(0), 255);
	rig_free(rig);
}

/* Signatures of p0f's data base (p0f.fp), with a TTL that has come some way: of SYNs, and of the answers to them. */
TEST(stacks_as_p0f_writes_them)
{
#define TS "\x8\xa\0\0\0\x9\0\0\0\0"
#define OPTIONS(text) slice_of(text, sizeof(text) - 1)
	const struct {
		uint16_t peer_mss; /* 0: a SYN */
		uint8_t ttl, wscale;
		bool df;
		uint16_t id, window, mss;
		struct slice options;
		const char *text;
	} cases[] = {
	    {0, 120, 8, true, 7, 8192, 1460, OPTIONS("\2\4\5\xb4\1\3\3\x8\1\1\4\2"), /* Windows 7 */
		"4:128:0:1460:8192,8:mss,nop,ws,nop,nop,sok:df,id+:0"},
	    {0, 49, 3, true, 7, 65535, 1460, OPTIONS("\2\4\5\xb4\1\3\3\3\1\1" TS "\4\2\0\0"), /* Mac OS X */
		"4:64:0:1460:65535,3:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0"},
	    {0, 41, 255, false, 7, 1024, 1460, OPTIONS("\2\4\5\xb4"), "4:64:0:1460:1024,0:mss::0"}, /* nmap */
	    {0, 100, 0, false, 7, 3000, 1460, OPTIONS("\2\4\5\xb4\1\3\3\0"), /* OpenVMS 8 */
		"4:128:0:1460:mtu*2,0:mss,nop,ws::0"},
	    {0, 60, 7, true, 7, 29200, 1380, OPTIONS("\2\4\5\x64\4\2" TS "\1\3\3\7"), /* Linux in a tunnel */
		"4:64:0:1380:mss*20,7:mss,sok,ts,nop,ws:df,id+:0"},
	    {0, 60, 255, true, 7, 3032, 1460, OPTIONS("\2\4\5\xb4" TS "\1\1"), /* all of the headers: 56 bytes */
		"4:64:0:1460:mtu*2,0:mss,ts,nop,nop:df,id+:0"},
	    {1460, 60, 7, true, 0, 14480, 1460, OPTIONS("\2\4\5\xb4\4\2" TS "\1\3\3\7"), /* Linux 3 */
		"4:64:0:1460:mss*10,7:mss,sok,ts,nop,ws:df:0"},
	    {1460, 113, 0, true, 7, 65535, 1460, /* Windows XP: it has no time yet */
		OPTIONS("\2\4\5\xb4\1\3\3\0\1\1\x8\xa\0\0\0\0\0\0\0\x9\1\1\4\2"),
		"4:128:0:1460:65535,0:mss,nop,ws,nop,nop,ts,nop,nop,sok:df,id+,ts1-:0"},
	    {1360, 60, 255, true, 0, 13600, 1460, OPTIONS("\2\4\5\xb4"), /* a multiple of what the SYN said */
		"4:64:0:1460:mss*10,0:mss:df:0"},
	};
	struct rig *rig = rig_new(NULL);
	char text[128];

	for (uint16_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool answer = cases[i].peer_mss != 0;
		const uint8_t *ts = memmem(cases[i].options.p, cases[i].options.size, "\x8\xa", 2);
		struct packet *pkt;

		if (answer) {
			pkt = rig_packet(rig, false, 6, (uint16_t)(1000 + i), 80, slice_str(""));
			pkt->tcp = (struct tcp_info){.flags = TCP_SYN, .seq = 1, .mss = cases[i].peer_mss};
			rig_track(rig);
		}
		pkt = rig_packet(rig, answer, 6, (uint16_t)(1000 + i), 80, slice_str(""));
		pkt->ip[0].ttl = cases[i].ttl;
		pkt->ip[0].frag_off = cases[i].df ? 0x4000 : 0;
		pkt->ip[0].id = cases[i].id;
		pkt->ip[0].header.size = 20;
		pkt->tcp = (struct tcp_info){.flags = answer ? TCP_SYN | TCP_ACK : TCP_SYN,
		    .seq = 1,
		    .ack = answer ? 2 : 0,
		    .window = cases[i].window,
		    .wscale = cases[i].wscale,
		    .mss = cases[i].mss,
		    .has_ts = ts != NULL,
		    .ts_val = ts != NULL ? ts[5] : 0,
		    .ts_ecr = ts != NULL ? ts[9] : 0,
		    .options = cases[i].options};
		CHECK_TEXT(flow_stack_text(rig_track(rig), answer ? CC_TO_CLIENT : CC_TO_SERVER, text),
		    cases[i].text);
	}
	rig_free(rig);
}

TEST(ids_are_the_same_in_every_run)
{
	struct rig *a = rig_new(NULL), *b = rig_new("flow.max=64", NULL);

	CHECK_UINT(udp(a, false, 5)->id, udp(b, false, 5)->id);
	CHECK(udp(a, false, 6)->id != udp(b, false, 7)->id);
	rig_free(a);
	rig_free(b);
}

/* Random packets: no crash, every flow ends once, all memory comes back. */
TEST(random_packets)
{
	struct rig *rig = rig_new("flow.max=64", "flow.stream_memory=16k", "flow.stream_total=1m", NULL);
	static uint8_t bytes[3000];
	uint64_t state = 42;

	flows_keep_history(rig->flows, 100);
	for (unsigned i = 0; i < 200000; i++) {
		uint32_t r, far;
		struct packet *pkt;

		state = state * 6364136223846793005ull + 1442695040888963407ull;
		r = (uint32_t)(state >> 32);
		far = r % 31 == 0 ? r : r % 29 == 0 ? 30000 : 0;
		pkt = rig_packet(rig, r & 1, 6, (uint16_t)(r >> 1 & 127), 80,
		    slice_of(bytes, r >> 8 & 3 ? r >> 10 & 1023 : r >> 20 & 2047));
		pkt->tcp = (struct tcp_info){.flags = (uint8_t)(r % 7 == 0   ? r >> 13
								: r % 5 == 0 ? TCP_SYN | (r >> 3 & 16)
									     : TCP_ACK),
		    .seq = (uint32_t)(i / 40) + (r >> 5 & 4095) + far,
		    .ack = (uint32_t)(i / 40) + (r >> 17 & 4095),
		    .window = (uint16_t)r,
		    .wscale = 255,
		    .mss = 1460};
		rig->leave = r % 3 == 0 ? r >> 4 & 511 : 0;
		if (r % 1000 == 0)
			flow_ignore(rig->flows, rig_track(rig), (enum cc_dir)(r >> 3 & 1));
		else
			rig_track(rig);
		if (r % 50 == 0) {
			rig->time += (r >> 9 & 15) * NS_PER_S;
			flow_tick(rig->flows, rig->time);
			rig_drain(rig);
		}
		rig_clear(rig);
	}
	CHECK_UINT(flow_counts(rig->flows)[FLOW_TABLE_FULL], 0);
	rig_free(rig);
}

TESTS(T(both_ways_are_one_flow), T(datagrams_are_chunks), T(vlans_and_tunnels_part), T(answer_on_another_vlan),
    T(every_answer_on_another_vlan),
    T(syn_ack_first_is_the_server), T(strays), T(times_out), T(time_goes_back), T(evicts_the_idle), T(ports_used_anew),
    T(held_beyond_its_end), T(community_ids), T(pings_and_errors), T(stack_of_the_syn), T(stacks_as_p0f_writes_them),
    T(ids_are_the_same_in_every_run), T(random_packets))
