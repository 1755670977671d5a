/* How TCP sessions begin, and what is odd about it. */
#include "unit/flow/rig.h"

enum { S = TCP_SYN, SA = TCP_SYN | TCP_ACK, C = TCP_ACK, P = TCP_ACK | TCP_PSH };

#define HAS(event) rig_has(rig, rig->flow, FLOW_EVENT_##event)

TEST(states)
{
	struct rig *rig = rig_new(NULL);

	rig_tcp(rig, false, S, 0, 0, "");
	CHECK_UINT(rig->flow->tcp, TCP_SYN_SENT);
	rig_tcp(rig, true, SA, 9, 1, "");
	CHECK_UINT(rig->flow->tcp, TCP_SYN_RECV);
	CHECK(!rig->flow->established);
	rig_tcp(rig, false, C, 1, 10, "");
	CHECK_UINT(rig->flow->tcp, TCP_ESTABLISHED);
	rig_tcp(rig, false, TCP_FIN | C, 1, 10, "");
	CHECK_UINT(rig->flow->tcp, TCP_CLOSING);
	rig_tcp(rig, true, P, 10, 2, "half closed");
	rig_tcp(rig, false, C, 2, 21, "");
	CHECK_TEXT(rig_text(rig, CC_TO_CLIENT), "half closed");
	CHECK(rig->eof[CC_TO_SERVER] && !rig->eof[CC_TO_CLIENT]);
	rig_tcp(rig, true, TCP_FIN | C, 21, 2, "");
	CHECK_UINT(rig->flow->tcp, TCP_CLOSING);
	rig_tcp(rig, false, C, 2, 22, "");
	CHECK_UINT(rig->flow->tcp, TCP_CLOSED);
	CHECK(rig->eof[CC_TO_CLIENT]);
	for (size_t i = 0; i < sizeof(rig->flow->events) / sizeof(rig->flow->events[0]); i++)
		CHECK_UINT(rig->flow->events[i], 0);
	rig_free(rig);
}

TEST(refused_and_tried_again)
{
	struct rig *rig = rig_new(NULL);
	struct flow *flow;

	flow = rig_tcp(rig, false, S, 0, 0, "");
	rig_tcp(rig, true, TCP_RST | TCP_ACK, 0, 1, "");
	CHECK_UINT(flow->tcp, TCP_RESET);
	CHECK(rig_tcp(rig, false, S, 500, 0, "") == flow);
	rig_tcp(rig, true, SA, 9, 501, "");
	rig_tcp(rig, false, P, 501, 10, "hello");
	rig_tcp(rig, true, C, 10, 506, "");
	CHECK(flow->established);
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "hello");
	rig_free(rig);
}

TEST(reset_of_another_syn)
{
	struct rig *rig = rig_new(NULL);

	rig_tcp(rig, false, S, 5000, 0, "");
	rig_tcp(rig, true, TCP_RST | TCP_ACK, 0, 77, ""); /* doesn't know our number */
	CHECK_UINT(rig->flow->tcp, TCP_SYN_SENT);
	CHECK_UINT(flow_counts(rig->flows)[FLOW_BAD_RST], 1);
	rig_free(rig);
}

TEST(wrong_syn_acks)
{
	struct rig *rig = rig_new(NULL);

	rig_tcp(rig, false, S, 0, 0, "");
	rig_tcp(rig, true, SA, 9, 100, "");
	CHECK(HAS(3WHS_SYNACK_WITH_WRONG_ACK));
	CHECK_UINT(rig->flow->tcp, TCP_SYN_SENT);
	rig_tcp(rig, false, SA, 0, 1, "");
	CHECK(HAS(3WHS_SYNACK_IN_WRONG_DIRECTION));
	rig_tcp(rig, true, SA, 9, 1, "");
	rig_tcp(rig, true, SA, 9, 1, "");
	CHECK(!HAS(3WHS_SYNACK_RESEND_WITH_DIFF_SEQ));
	rig_tcp(rig, true, SA, 700, 1, ""); /* two servers answer: the client's ACK tells which one it took */
	CHECK(HAS(3WHS_SYNACK_RESEND_WITH_DIFF_SEQ));
	rig_tcp(rig, true, SA, 9, 44, "");
	CHECK(HAS(3WHS_SYNACK_RESEND_WITH_DIFFERENT_ACK));
	rig_tcp(rig, false, C, 1, 90000000, "");
	CHECK(HAS(3WHS_RIGHT_SEQ_WRONG_ACK_EVASION));
	rig_tcp(rig, false, C, 1, 701, "");
	CHECK_UINT(rig->flow->tcp, TCP_ESTABLISHED);
	rig_tcp(rig, true, P, 701, 1, "right");
	rig_tcp(rig, false, C, 1, 706, "");
	CHECK_TEXT(rig_text(rig, CC_TO_CLIENT), "right");
	rig_free(rig);
}

TEST(split_and_simultaneous)
{
	struct rig *rig = rig_new(NULL);

	rig_tcp(rig, false, S, 0, 0, "");
	rig_tcp(rig, true, S, 99, 0, "");
	rig_tcp(rig, false, SA, 0, 100, "");
	rig_tcp(rig, true, C, 100, 1, "");
	CHECK_UINT(rig->flow->tcp, TCP_ESTABLISHED);
	rig_tcp(rig, false, P, 1, 100, "split");
	rig_tcp(rig, true, C, 100, 6, "");
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "split");
	rig_free(rig);
	rig = rig_new(NULL);
	rig_tcp(rig, false, S, 0, 0, "");
	rig_tcp(rig, true, S, 99, 0, "");
	rig_tcp(rig, false, SA, 0, 100, "");
	rig_tcp(rig, true, SA, 99, 1, "");
	rig_tcp(rig, false, P, 1, 100, "both");
	rig_tcp(rig, true, C, 100, 5, "");
	CHECK_UINT(rig->flow->tcp, TCP_ESTABLISHED);
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "both");
	rig_free(rig);
}

TEST(floods_are_events)
{
	struct rig *rig = rig_new(NULL);

	for (uint32_t i = 0; i < 8; i++)
		rig_tcp(rig, false, S, i * 1000, 0, "");
	CHECK(HAS(3WHS_SYN_FLOOD));
	CHECK_UINT(flow_active(rig->flows), 1);
	for (uint32_t i = 0; i < 8; i++)
		rig_tcp(rig, true, SA, i * 1000, 7001, "");
	CHECK(HAS(3WHS_SYNACK_FLOOD));
	rig_free(rig);
}

TEST(odd_flags)
{
	struct rig *rig = rig_new(NULL);

	rig_tcp(rig, false, TCP_SYN | TCP_FIN, 0, 0, "");
	CHECK(HAS(FIN_SYN));
	rig_tcp(rig, true, SA, 9, 1, "");
	rig_tcp(rig, false, TCP_PSH, 1, 0, "no ack");
	CHECK(HAS(3WHS_ACK_DATA_INJECT));
	rig_tcp(rig, true, C, 10, 1, "");
	CHECK(HAS(3WHS_ACK_IN_WRONG_DIR));
	rig_tcp(rig, false, C, 1, 10, "");
	rig_tcp(rig, true, C, 10, 1, "");
	rig_tcp(rig, false, TCP_PSH, 1, 5, "x");
	CHECK(HAS(PKT_BROKEN_ACK));
	rig_free(rig);
	rig = rig_new(NULL);
	rig_tcp(rig, false, TCP_RST, 5, 0, "");
	CHECK(HAS(RST_BUT_NO_SESSION));
	rig_free(rig);
	rig = rig_new(NULL);
	rig_tcp(rig, false, TCP_FIN | C, 5, 1, "");
	CHECK(HAS(FIN_BUT_NO_SESSION));
	rig_free(rig);
}

TEST(midstream_can_be_off)
{
	struct rig *rig = rig_new("flow.midstream=false", NULL);

	rig_tcp(rig, false, P, 1, 1, "abc");
	rig_tcp(rig, true, C, 1, 4, "");
	CHECK_UINT(flow_counts(rig->flows)[FLOW_NO_SESSION], 2);
	rig_end(rig);
	CHECK_UINT(rig->size[0], 0);
	CHECK(rig->eof[0] && rig->eof[1]);
	rig_free(rig);
}

TEST(midstream_then_syn)
{
	struct rig *rig = rig_new(NULL);
	uint64_t id = rig_tcp(rig, false, P, 1, 1, "tail of an old session")->id;

	CHECK(rig->flow->midstream);
	rig_tcp(rig, false, S, 90000, 0, "");
	CHECK(rig->flow->id != id && !rig->flow->midstream);
	rig_free(rig);
}

TEST(keep_alive_is_no_overlap)
{
	struct rig *rig = rig_new(NULL);

	flows_keep_history(rig->flows, 100);
	rig_shake(rig, 1, 1);
	rig_tcp(rig, false, P, 1, 1, "AAAA");
	rig_tcp(rig, true, C, 1, 5, "");
	rig_tcp(rig, false, C, 4, 1, "\n");
	rig_tcp(rig, true, C, 1, 5, "");
	rig_tcp(rig, false, C, 4, 1, "");
	CHECK(!HAS(REASSEMBLY_OVERLAP_DIFFERENT_DATA) && !HAS(PKT_SPURIOUS_RETRANSMISSION));
	CHECK_TEXT(rig_text(rig, CC_TO_SERVER), "AAAA");
	rig_free(rig);
}

/* Without its SYN a SYN-ACK is the middle of a session, too. */
TEST(syn_ack_first)
{
	for (unsigned on = 0; on < 2; on++) {
		struct rig *rig = rig_new(on ? "flow.midstream=yes" : "flow.midstream=no", "flow.async=no", NULL);

		rig_tcp(rig, true, SA, 9, 1, "");
		rig_tcp(rig, false, C, 1, 10, "");
		rig_tcp(rig, false, P, 1, 10, "GET");
		rig_tcp(rig, true, C, 10, 4, "");
		CHECK_TEXT(rig_text(rig, CC_TO_SERVER), on ? "GET" : "");
		CHECK((rig->flow->tcp == TCP_NONE) != on);
		rig_free(rig);
	}
}

/* A byte that is sent as urgent, and again, under each policy; and one in the middle of a segment. */
TEST(urgent_bytes)
{
	static const struct {
		const char *setting, *text;
	} all[] = {{"flow.urgent=inline", "onexXtwoYthree"}, {"flow.urgent=out", "onextwothree"},
	    {"flow.urgent=gap", "onex?two?three"}, {"flow.urgent=drop", "one?????three"}};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct rig *rig = rig_new(all[i].setting, NULL);

		rig_shake(rig, 1, 10);
		rig_tcp(rig, false, P, 1, 10, "one");
		for (unsigned again = 0; again < 2; again++) {
			rig_packet(rig, false, 6, 40000, 80, slice_str("xX"));
			rig->pkt.tcp = (struct tcp_info){
			    .flags = P | TCP_URG, .seq = 4, .ack = 10, .window = 65000, .urgent = 2, .wscale = 255};
			rig_track(rig);
		}
		rig_tcp(rig, true, C, 10, 6, "");
		rig_packet(rig, false, 6, 40000, 80, slice_str("twoYthree"));
		rig->pkt.tcp = (struct tcp_info){
		    .flags = P | TCP_URG, .seq = 6, .ack = 10, .window = 65000, .urgent = 4, .wscale = 255};
		if (i == 3) { /* of this one the URG flag is what drops it */
			rig->pkt.payload = slice_str("two");
			rig_track(rig);
			rig_tcp(rig, false, P, 9, 10, "three");
			rig_tcp(rig, true, C, 10, 14, "");
		} else {
			rig_track(rig);
			rig_tcp(rig, true, C, 10, 15, "");
		}
		rig_tcp(rig, false, TCP_FIN | C, i == 3 ? 14 : 15, 10, "");
		rig_tcp(rig, true, C, 10, i == 3 ? 15 : 16, "");
		CHECK_TEXT(rig_text(rig, CC_TO_SERVER), all[i].text);
		CHECK(rig->eof[CC_TO_SERVER]);
		CHECK(!HAS(REASSEMBLY_OVERLAP_DIFFERENT_DATA));
		rig_free(rig);
	}
}

/* Every second packet is missing in turn: what is left never loops, never shows bytes that were not sent. */
TEST(packets_missing)
{
	static const struct {
		bool answer;
		uint8_t flags;
		uint32_t seq, ack;
		const char *text;
	} all[] = {{false, S, 0, 0, ""}, {true, SA, 9, 1, ""}, {false, C, 1, 10, ""}, {false, P, 1, 10, "GET"},
	    {true, C, 10, 4, ""}, {true, P, 10, 4, "200"}, {true, P, 13, 4, "body"}, {false, C, 4, 17, ""},
	    {false, TCP_FIN | C, 4, 17, ""}, {true, TCP_FIN | C, 17, 5, ""}, {false, C, 5, 18, ""}};
	size_t count = sizeof(all) / sizeof(all[0]);

	for (unsigned mask = 0; mask < 1u << count; mask++) {
		struct rig *rig = rig_new("flow.max=64", "memory.limit=32m", NULL);
		bool got = (mask & 1u << 3) != 0, first = (mask & 1u << 5) != 0, second = (mask & 1u << 6) != 0;

		for (size_t i = 0; i < count; i++) {
			if (mask & 1u << i)
				rig_tcp(rig, all[i].answer, all[i].flags, all[i].seq, all[i].ack, all[i].text);
		}
		rig_end(rig);
		rig_text(rig, CC_TO_SERVER);
		rig_text(rig, CC_TO_CLIENT);
		CHECK((strstr((char *)rig->text[0], "GET") != NULL) == got);
		CHECK((strstr((char *)rig->text[1], "200") != NULL) == first);
		CHECK((strstr((char *)rig->text[1], "body") != NULL) == second);
		CHECK(!rig->wrong);
		CHECK(mask == 0 || (rig->eof[0] && rig->eof[1]));
		if (test_failures > 0) {
			printf("mask %x: \"%s\" \"%s\"\n", mask, (char *)rig->text[0], (char *)rig->text[1]);
			mask = 1u << count;
		}
		rig_free(rig);
	}
}

TESTS(T(states), T(refused_and_tried_again), T(reset_of_another_syn), T(wrong_syn_acks), T(split_and_simultaneous),
    T(floods_are_events), T(odd_flags), T(midstream_can_be_off), T(midstream_then_syn), T(keep_alive_is_no_overlap),
    T(packets_missing), T(syn_ack_first), T(urgent_bytes))
