/* TCP reassembly: delivery on acknowledgement, order, gaps, wrap-around, overlaps, one-sided flows, limits. */
#include "unit/flow/rig.h"

enum { C = TCP_ACK, P = TCP_ACK | TCP_PSH };

TEST(delivers_on_ack)
{
	struct rig *rig = rig_new(NULL);

	rig_shake(rig, 1000, 5000);
	CHECK(rig->flow->established);
	CHECK_UINT(flow_sequence(rig->flow, CC_TO_SERVER), 1);
	rig_tcp(rig, false, P, 1000, 5000, "GET /");
	CHECK_UINT(flow_sequence(rig->flow, CC_TO_SERVER), 6); /* with its SYN, before anybody has taken them */
	CHECK_UINT(rig->size[CC_TO_SERVER], 0);
	rig_tcp(rig, true, C, 5000, 1003, "");
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "GET");
	rig_tcp(rig, true, P, 5000, 1005, "200");
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "GET /");
	CHECK_UINT(rig->size[CC_TO_CLIENT], 0);
	rig_tcp(rig, false, TCP_FIN | TCP_ACK, 1005, 5003, "");
	CHECK_TEXT(rig_text(rig, CC_TO_CLIENT), "200");
	CHECK(!rig->eof[CC_TO_SERVER]);
	rig_tcp(rig, true, TCP_FIN | TCP_ACK, 5003, 1006, "");
	CHECK(rig->eof[CC_TO_SERVER]);
	rig_tcp(rig, false, C, 1006, 5004, "");
	CHECK(rig->eof[CC_TO_CLIENT]);
	CHECK_UINT(rig->flow->tcp, TCP_CLOSED);
	CHECK_UINT(rig->flow->side[0].packets, 5);
	CHECK_UINT(rig->flow->side[1].packets, 4);
	CHECK_UINT(rig->flow->side[0].stream_bytes, 5);
	rig_free(rig);
}

TEST(orders_across_wrap)
{
	struct rig *rig = rig_new(NULL);

	rig_shake(rig, 0xfffffffe, 0xffffffff);
	rig_tcp(rig, false, P, 2, 0xffffffff, "ef");
	rig_tcp(rig, false, P, 0, 0xffffffff, "cd");
	rig_tcp(rig, false, P, 0xfffffffe, 0xffffffff, "ab");
	rig_tcp(rig, true, C, 0xffffffff, 4, "");
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "abcdef");
	CHECK(!rig->wrong);
	rig_free(rig);
}

TEST(gap_when_ack_passes)
{
	struct rig *rig = rig_new(NULL);

	rig_shake(rig, 1, 1);
	rig_tcp(rig, false, P, 1, 1, "AAAA");
	rig_tcp(rig, true, C, 1, 5, "");
	rig_tcp(rig, false, P, 9, 1, "CCCC");
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "AAAA");
	rig_tcp(rig, true, C, 1, 13, "");
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "AAAA????CCCC");
	CHECK_UINT(rig->flow->side[0].gap_bytes, 4);
	CHECK(rig_has(rig, rig->flow, FLOW_EVENT_REASSEMBLY_SEQ_GAP));
	rig_tcp(rig, false, P, 13, 1, "DDDD");
	rig_tcp(rig, true, C, 1, 17, "");
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "AAAA????CCCCDDDD");
	rig_free(rig);
}

TEST(ack_before_its_data)
{
	struct rig *rig = rig_new(NULL);

	rig_shake(rig, 1, 1);
	rig_tcp(rig, true, C, 1, 5, "");
	rig_tcp(rig, false, P, 5, 1, "BBBB");
	CHECK_UINT(rig->size[CC_TO_SERVER], 0);
	rig_tcp(rig, false, P, 1, 1, "AAAA");
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "AAAA");
	rig_tcp(rig, true, C, 1, 9, "");
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "AAAABBBB");
	rig_free(rig);
}

TEST(gap_at_the_end)
{
	struct rig *rig = rig_new(NULL);

	rig_shake(rig, 1, 1);
	rig_tcp(rig, false, P, 3, 1, "cd");
	rig_end(rig);
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "??cd");
	CHECK(rig->eof[0] && rig->eof[1]);
	rig_free(rig);
}

TEST(lost_tail_is_told)
{
	struct rig *rig = rig_new(NULL);

	rig_shake(rig, 1, 1);
	rig_tcp(rig, false, P, 1, 1, "ab");
	rig_tcp(rig, true, C, 1, 6, "");
	rig_tcp(rig, true, C, 1, 8, ""); /* the last one may be a FIN's */
	rig_end(rig);
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "ab????");
	rig_free(rig);
}

TEST(differing_copies)
{
	struct rig *rig = rig_new("flow.overlap_policy=last", NULL);

	rig_shake(rig, 1, 1);
	rig_tcp(rig, false, P, 1, 1, "AAAA");
	rig_tcp(rig, false, P, 1, 1, "AAAA");
	CHECK(rig_has(rig, rig->flow, FLOW_EVENT_PKT_RETRANSMISSION));
	CHECK(!rig_has(rig, rig->flow, FLOW_EVENT_REASSEMBLY_OVERLAP_DIFFERENT_DATA));
	rig_tcp(rig, false, P, 1, 1, "BBBB");
	CHECK(rig_has(rig, rig->flow, FLOW_EVENT_REASSEMBLY_OVERLAP_DIFFERENT_DATA));
	CHECK(flow_packet_events(rig->flows)[FLOW_EVENT_REASSEMBLY_OVERLAP_DIFFERENT_DATA / 64] >>
		  (FLOW_EVENT_REASSEMBLY_OVERLAP_DIFFERENT_DATA & 63) &
	      1);
	rig_tcp(rig, true, C, 1, 5, "");
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "BBBB");
	CHECK_UINT(rig->flow->side[0].retransmits, 2);
	rig_free(rig);
}

TEST(differs_from_what_was_shown)
{
	struct rig *rig = rig_new(NULL);

	flows_keep_history(rig->flows, 64);
	rig_shake(rig, 1, 1);
	rig_tcp(rig, false, P, 1, 1, "AAAA");
	rig_tcp(rig, true, C, 1, 5, "");
	rig_tcp(rig, false, P, 1, 1, "AABB");
	CHECK(rig_has(rig, rig->flow, FLOW_EVENT_REASSEMBLY_OVERLAP_DIFFERENT_DATA));
	rig_tcp(rig, false, P, 3, 1, "AACC");
	rig_tcp(rig, true, C, 1, 7, "");
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "AAAACC");
	rig_free(rig);
}

TEST(policy_by_receiver)
{
	struct rig *rig = rig_new("flow.overlap_policy=first", "flow.overlap_hosts.10.2.0.0/16=solaris",
	    "flow.overlap_hosts.10.2.0.0/24=last", "flow.overlap_hosts.10.1.0.0/16=first", NULL);

	rig_shake(rig, 1, 1);
	rig_tcp(rig, false, P, 1, 1, "AAAAAAAA");
	rig_tcp(rig, false, P, 3, 1, "BB");
	rig_tcp(rig, true, P, 1, 9, "AAAA");
	rig_tcp(rig, true, P, 1, 9, "BBBB");
	rig_tcp(rig, false, C, 9, 5, "");
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "AABBAAAA");
	CHECK_TEXT(rig_text(rig, CC_TO_CLIENT), "AAAA");
	rig_free(rig);
}

TEST(reset_in_and_out_of_window)
{
	struct rig *rig = rig_new(NULL);

	rig_shake(rig, 1, 1);
	rig_tcp(rig, false, P, 1, 1, "AAAA");
	rig_tcp(rig, false, TCP_RST, 900000, 0, "");
	CHECK_UINT(rig->flow->tcp, TCP_ESTABLISHED);
	CHECK_UINT(flow_counts(rig->flows)[FLOW_BAD_RST], 1);
	CHECK_UINT(rig->size[0], 0);
	rig_tcp(rig, false, TCP_RST, 5, 0, "");
	CHECK_UINT(rig->flow->tcp, TCP_RESET);
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "AAAA");
	rig_tcp(rig, false, P, 5, 1, "BBBB"); /* as if it had sent none */
	CHECK(rig_has(rig, rig->flow, FLOW_EVENT_SUSPECTED_RST_INJECT));
	rig_tcp(rig, true, C, 1, 9, "");
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "AAAABBBB");
	CHECK_UINT(rig->flow->tcp, TCP_ESTABLISHED);
	rig_free(rig);
}

TEST(one_sided)
{
	struct rig *rig = rig_new(NULL);
	uint32_t at = 1;

	rig_tcp(rig, false, TCP_SYN, 0, 0, "");
	rig_tcp(rig, false, C, 1, 77, "");
	rig_tcp(rig, false, P, at, 77, "AAAA");
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "AAAA");
	rig_tcp(rig, false, P, at + 4, 77, "BBBB");
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "AAAABBBB");
	rig_tcp(rig, false, TCP_FIN | C, at + 8, 77, "");
	CHECK(rig->eof[0]);
	CHECK_UINT(rig->flow->tcp, TCP_CLOSED);
	rig_free(rig);
}

TEST(one_sided_midstream)
{
	struct rig *rig = rig_new(NULL);

	for (uint32_t i = 0; i < 8; i++)
		rig_tcp(rig, true, P, 100 + i * 4, 77, "abcd");
	CHECK_UINT(rig->flow->side[CC_TO_CLIENT].packets, 8); /* from port 80: the server's */
	CHECK(rig->flow->midstream && rig->flow->reversed);
	CHECK_UINT(rig->size[CC_TO_CLIENT], 32);
	rig_tcp(rig, false, C, 77, 132, ""); /* the other side is here after all */
	rig_tcp(rig, true, P, 132, 77, "late");
	CHECK_UINT(rig->size[CC_TO_CLIENT], 32);
	rig_tcp(rig, false, C, 77, 136, "");
	CHECK_UINT(rig->size[CC_TO_CLIENT], 36);
	rig_free(rig);
}

TEST(fast_open)
{
	struct rig *rig = rig_new(NULL);

	rig_tcp(rig, false, TCP_SYN, 0, 0, "GET /");
	rig_tcp(rig, true, TCP_SYN | TCP_ACK, 0, 6, "");
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "GET /");
	rig_tcp(rig, false, P, 6, 1, " x");
	rig_tcp(rig, true, C, 1, 8, "");
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "GET / x");
	rig_free(rig);
	rig = rig_new(NULL);
	rig_tcp(rig, false, TCP_SYN, 0, 0, "SYNDATA!");
	rig_tcp(rig, true, TCP_SYN | TCP_ACK, 0, 1, "");
	rig_tcp(rig, false, P, 1, 1, "AAAA");
	rig_tcp(rig, true, C, 1, 5, "");
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "AAAA");
	rig_free(rig);
}

TEST(old_time_stamp_and_window)
{
	struct rig *rig = rig_new(NULL);
	struct packet *pkt;

	rig_shake(rig, 1, 1);
	pkt = rig_packet(rig, false, 6, 40000, 80, slice_str("AAAA"));
	pkt->tcp = (struct tcp_info){.flags = P, .seq = 1, .ack = 1, .window = 65000, .has_ts = true, .ts_val = 1000};
	rig_track(rig);
	rig_tcp(rig, true, C, 1, 5, "");
	pkt = rig_packet(rig, false, 6, 40000, 80, slice_str("XXXX"));
	pkt->tcp = (struct tcp_info){.flags = P, .seq = 5, .ack = 1, .window = 65000, .has_ts = true, .ts_val = 1};
	rig_track(rig);
	CHECK(rig_has(rig, rig->flow, FLOW_EVENT_PKT_INVALID_TIMESTAMP));
	rig_tcp(rig, false, P, 3000000, 1, "XXXXXXXX");
	CHECK(rig_has(rig, rig->flow, FLOW_EVENT_EST_PACKET_OUT_OF_WINDOW));
	rig_tcp(rig, false, P, 5, 1, "BBBB");
	rig_tcp(rig, true, C, 1, 9, "");
	rig_tcp(rig, true, C, 1, 900000, ""); /* acknowledges what can't have been sent */
	CHECK(rig_has(rig, rig->flow, FLOW_EVENT_EST_INVALID_ACK));
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "AAAABBBB");
	rig_free(rig);
}

/* After a loss beyond the window both sides go on elsewhere: followed once both agree. */
TEST(goes_on_after_a_large_loss)
{
	struct rig *rig = rig_new(NULL);

	rig_shake(rig, 1, 1);
	rig_tcp(rig, false, P, 1, 1, "AAAA");
	rig_tcp(rig, true, C, 1, 5, "");
	rig_tcp(rig, false, P, 200001, 1, "BBBB");
	rig_tcp(rig, false, P, 200005, 1, "CCCC");
	rig_tcp(rig, true, C, 1, 200009, "");
	rig_tcp(rig, false, P, 200009, 1, "DDDD");
	rig_tcp(rig, true, C, 1, 200013, "");
	CHECK_UINT(rig->flow->side[0].gap_bytes, 200008 - 4);
	CHECK_UINT(rig->flow->side[0].stream_bytes, 8);
	rig_free(rig);
}

TEST(data_behind_a_fin)
{
	struct rig *rig = rig_new(NULL);

	rig_shake(rig, 1, 1);
	rig_tcp(rig, false, P, 1, 1, "AAAA");
	rig_tcp(rig, false, TCP_FIN | C, 5, 1, "");
	rig_tcp(rig, true, C, 1, 6, "");
	CHECK(rig->eof[0]);
	rig_tcp(rig, false, P, 6, 1, "BBBB");
	rig_tcp(rig, true, C, 1, 6, "");
	rig_end(rig);
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "AAAA");
	rig_free(rig);
	rig = rig_new(NULL); /* a FIN that nobody takes, to blind us */
	rig_shake(rig, 1, 1);
	rig_tcp(rig, false, TCP_FIN | C, 1, 1, "");
	rig_tcp(rig, false, P, 1, 1, "evil");
	rig_tcp(rig, true, C, 1, 5, "");
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "evil");
	rig_free(rig);
}

TEST(unconsumed_is_shown_again)
{
	struct rig *rig = rig_new(NULL);
	char bytes[100];

	rig->leave = 7;
	flows_keep_history(rig->flows, 32);
	rig_shake(rig, 1, 1);
	for (uint32_t i = 0; i < 500; i++) {
		memset(bytes, (int)('a' + i % 26), sizeof(bytes));
		rig_tcp_n(rig, false, P, 1 + i * 100, 1, bytes, sizeof(bytes));
		rig_tcp(rig, true, C, 1, 101 + i * 100, "");
	}
	CHECK_UINT(rig->size[0], 50000);
	CHECK(!rig->wrong);
	CHECK(flow_counts(rig->flows)[FLOW_MEMORY] <= 4096);
	rig_free(rig);
}

TEST(limit_of_one_side)
{
	struct rig *rig = rig_new("flow.stream_memory=16k", NULL);
	static char bytes[1000];
	uint32_t at = 1001;

	memset(bytes, 'x', sizeof(bytes));
	rig_shake(rig, 1, 1);
	for (unsigned i = 0; i < 60; i++, at += 1000) /* the first thousand is missing */
		rig_tcp_n(rig, false, P, at, 1, bytes, sizeof(bytes));
	CHECK(rig->size[0] > 30000);
	CHECK_UINT(rig->text[0][0], '?');
	CHECK_UINT(rig->text[0][1000], 'x');
	CHECK(flow_counts(rig->flows)[FLOW_STREAM_LIMIT] > 0);
	CHECK(flow_counts(rig->flows)[FLOW_MEMORY] <= 131072);
	rig_end(rig);
	CHECK_UINT(rig->size[0], 61000);
	rig_free(rig);
}

TEST(limit_of_all)
{
	struct rig *rig = rig_new("flow.stream_total=1m", "memory.limit=32m", NULL);
	static char bytes[1400];
	struct packet *pkt;

	for (unsigned port = 1; port < 3000; port++) {
		pkt = rig_packet(rig, false, 6, (uint16_t)port, 8080, slice_of(bytes, sizeof(bytes)));
		pkt->tcp = (struct tcp_info){.flags = P, .seq = 5, .ack = 1, .window = 65000};
		rig_track(rig);
		CHECK(flow_counts(rig->flows)[FLOW_MEMORY] <= 1u << 20);
	}
	CHECK(flow_counts(rig->flows)[FLOW_MEMORY_REFUSED] > 0);
	rig_free(rig);
}

TEST(depth_and_ignore)
{
	struct rig *rig = rig_new("flow.stream_depth=6", NULL);

	rig_shake(rig, 1, 1);
	rig_tcp(rig, false, P, 1, 1, "AAAA");
	rig_tcp(rig, false, P, 5, 1, "BBBB");
	rig_tcp(rig, true, C, 1, 9, "");
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "AAAABB");
	rig_tcp(rig, false, P, 9, 1, "CCCC");
	rig_tcp(rig, true, C, 1, 13, "");
	flow_ignore(rig->flows, rig->flow, CC_TO_CLIENT);
	rig_tcp(rig, true, P, 1, 13, "DDDD");
	rig_tcp(rig, false, C, 13, 5, "");
	rig_end(rig);
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "AAAABB");
	CHECK_UINT(rig->size[1], 0);
	CHECK(rig->eof[0] && rig->eof[1]);
	CHECK_UINT(flow_counts(rig->flows)[FLOW_IGNORED_BYTES], 8);
	rig_free(rig);
}

/* Any split, order, duplication and repetition of a text gives the text. */
static uint32_t
next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*state >> 33);
}

static void
one_case(struct rig *rig, uint64_t seed, bool acks_early)
{
	struct {
		uint32_t at, size;
	} part[128], swap;
	uint64_t state = seed;
	uint32_t size = 1 + next_random(&state) % 600, c = next_random(&state) * 2u, count = 0, left, acked = 0;
	uint8_t text[600], got[700];

	for (uint32_t i = 0; i < size; i++)
		text[i] = (uint8_t)next_random(&state);
	for (uint32_t at = 0; at < size && count < 100; at += part[count++].size) {
		part[count].at = at;
		part[count].size =
		    count == 99 ? size - at : 1 + next_random(&state) % (next_random(&state) % 8 ? 40 : 3);
		if (part[count].size > size - at)
			part[count].size = size - at;
	}
	for (left = next_random(&state) % 20; left > 0; left--, count++) { /* repetitions, cut otherwise */
		part[count].at = next_random(&state) % size;
		part[count].size = 1 + next_random(&state) % (size - part[count].at);
	}
	for (uint32_t i = count - 1; i > 0; i--) { /* neighbours, or all mixed */
		uint32_t j = seed % 3 == 0 ? i - 1 : next_random(&state) % (i + 1);

		swap = part[i];
		part[i] = part[j];
		part[j] = swap;
	}
	rig_clear(rig);
	rig->leave = seed % 5;
	rig_shake(rig, c, 1);
	memset(got, 0, sizeof(got));
	for (uint32_t i = 0; i < count; i++) {
		rig_tcp_n(rig, false, P, c + part[i].at, 1, text + part[i].at, part[i].size);
		memset(got + part[i].at, 1, part[i].size);
		while (acked < size && got[acked])
			acked++;
		if (next_random(&state) % 3 == 0)
			rig_tcp(rig, true, C, 1, c + acked, "");
	}
	if (acks_early)
		rig_tcp(rig, true, C, 1, c + acked, "");
	rig_tcp(rig, false, TCP_FIN | C, c + size, 1, "");
	rig_tcp(rig, true, TCP_FIN | C, 1, c + size + 1, "");
	rig_tcp(rig, false, C, c + size + 1, 2, "");
	if (rig->size[0] != size || memcmp(rig->text[0], text, size) != 0 || rig->wrong || !rig->eof[0] ||
	    !rig->eof[1]) {
		test_failures++;
		printf("case %llu: %zu of %u bytes\n", (unsigned long long)seed, rig->size[0], size);
	}
	rig_end(rig);
}

TEST(any_way_gives_the_text)
{
	static const char *const policy[] = {"flow.overlap_policy=first", "flow.overlap_policy=last",
	    "flow.overlap_policy=linux", "flow.overlap_policy=solaris"};
	const char *wanted = getenv("FLOW_CASES");
	uint64_t cases = wanted != NULL ? strtoull(wanted, NULL, 10) : 100000;

	for (unsigned i = 0; i < 4; i++) {
		struct rig *rig = rig_new(policy[i], NULL);

		flows_keep_history(rig->flows, i * 50);
		for (uint64_t seed = 0; seed < cases / 4 && test_failures < 10; seed++)
			one_case(rig, seed * 4 + i, seed % 2 == 0);
		CHECK_UINT(flow_counts(rig->flows)[FLOW_GAPS], 0);
		CHECK_UINT(flow_counts(rig->flows)[FLOW_OVERLAPS_DIFFERENT], 0);
		rig_free(rig);
	}
}

/* Client and server change places with bytes waiting on both sides, in order and not. */
TEST(turned_round)
{
	struct rig *rig = rig_new("flow.midstream=yes", NULL);
	struct chunk chunk = {.dir = CC_TO_SERVER};
	struct flow *flow = rig_tcp(rig, false, TCP_ACK, 100, 500, "abc");

	rig_tcp(rig, false, TCP_ACK, 106, 500, "ghi");
	rig_tcp(rig, true, TCP_ACK, 503, 100, "456");
	CHECK_UINT(flow->side[CC_TO_SERVER].port, 40000);
	flow_turn(rig->flows, flow, &chunk);
	CHECK_UINT(chunk.dir, CC_TO_CLIENT);
	CHECK_UINT(flow->side[CC_TO_SERVER].port, 80);
	CHECK_UINT(flow->side[CC_TO_CLIENT].payload_packets, 2);
	CHECK(rig_tcp(rig, false, TCP_ACK, 103, 500, "def") == flow);
	CHECK_UINT(rig->dir, CC_TO_CLIENT);
	rig_tcp(rig, true, TCP_ACK, 500, 109, "123");
	rig_tcp(rig, false, TCP_ACK, 109, 506, "");
	CHECK_TEXT(rig_text(rig, CC_TO_CLIENT), "abcdefghi");
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "123456");
	CHECK(!rig->wrong);
	rig_free(rig);
}

TESTS(T(turned_round), T(delivers_on_ack), T(orders_across_wrap), T(gap_when_ack_passes), T(ack_before_its_data),
    T(gap_at_the_end), T(lost_tail_is_told), T(differing_copies), T(differs_from_what_was_shown), T(policy_by_receiver),
    T(reset_in_and_out_of_window), T(one_sided), T(one_sided_midstream), T(fast_open), T(old_time_stamp_and_window),
    T(goes_on_after_a_large_loss), T(data_behind_a_fin), T(unconsumed_is_shown_again), T(limit_of_one_side),
    T(limit_of_all), T(depth_and_ignore), T(any_way_gives_the_text))
