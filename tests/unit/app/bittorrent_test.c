/* BitTorrent's hash table: queries, answers, refusals, what is malformed; who is taken; cuts and flips. */
#include "torture.h"

extern const struct cc_parser bittorrent_dht_parser;

#define LIT(text) slice_of(text, sizeof(text) - 1)
#define NODE "abcdefghij0123456789"

static const struct said said[] = {
    SAID(CC_TO_SERVER,
	"d1:ad2:id20:" NODE "12:implied_porti1e9:info_hash20:mnopqrstuvwxyz1234564:porti6881e5:token2:xye"
	"1:q13:announce_peer1:t2:ad1:v4:UT011:y1:qe"),
    SAID(CC_TO_CLIENT, "d1:rd2:id20:" NODE "5:nodes52:" NODE "\1\2\3\4\x1a\xe1" NODE "\1\2\3\5\x1a\xe1"
		       "5:token1:z6:valuesl6:\5\6\7\x08\x1a\xe1"
		       "6:\5\6\7\x09\x1a\xe1"
		       "ee1:t2:ad1:y1:re"),
    SAID(CC_TO_CLIENT, "d1:eli201e5:Errore1:t2:ad1:y1:ee"),
};

static bool
is(const struct cc_ctx *rig, unsigned tx, const char *name, unsigned nth, const char *want)
{
	const char *value = rig_value(rig, tx, name, nth);

	return value != NULL && strcmp(value, want) == 0;
}

TEST(messages)
{
	struct cc_ctx rig;

	rig_open(&rig, &bittorrent_dht_parser, true, 6881);
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
		rig_feed(&rig, said[i].dir, slice_of(said[i].bytes, said[i].size));
	CHECK_UINT(rig.done_count, 3);
	CHECK_UINT(rig.anomaly_count, 0);
	CHECK(is(&rig, 0, "request_type", 0, "announce_peer") && is(&rig, 0, "request.port", 0, "6881"));
	CHECK(is(&rig, 0, "request.info_hash", 0, "mnopqrstuvwxyz123456") && is(&rig, 0, "client_version", 0, "UT01"));
	CHECK(is(&rig, 0, "request.implied_port", 0, "1") && is(&rig, 0, "request.token", 0, "xy"));
	CHECK(is(&rig, 1, "response.nodes[].ip", 1, "1.2.3.5") && is(&rig, 1, "response.nodes[].port", 1, "6881"));
	CHECK(is(&rig, 1, "response.values[].ip", 1, "5.6.7.9") && is(&rig, 1, "response.token", 0, "z"));
	CHECK(is(&rig, 2, "error.num", 0, "201") && is(&rig, 2, "error.msg", 0, "Error"));
	rig_feed(&rig, CC_TO_SERVER, LIT("d1:q4:ping1:t2:aa1:y1:qe"));
	CHECK(rig_has_anomaly(&rig, "malformed_packet"));
	rig_end(&rig);
	rig_free(&rig);
}

TEST(who_is_taken)
{
	static const char *const not [] = {"d1:t2:aa1:y1:q", "d1:t2:aa1:y1:qex", "d1:t2:aae", "d1:t2:aa1:y1:xe",
	    "l1:ye", "de", "d", "d1:t99:aa1:y1:qe", "d1:tlllllllllleeeeeeeeee1:y1:qe",
	    "d1:t2:aa1:yi99999999999999999999e1:y1:qe", ""};

	CHECK(torture_probe(&bittorrent_dht_parser, true, 9, CC_TO_SERVER, LIT("d1:t2:aa1:y1:qe")) == CC_OK);
	for (size_t i = 0; i < sizeof(not) / sizeof(not[0]); i++)
		CHECK(torture_probe(&bittorrent_dht_parser, true, 9, CC_TO_SERVER, slice_str(not[i])) == CC_BAD);
}

TEST(cut_and_flipped)
{
	torture(&bittorrent_dht_parser, true, 6881, said, sizeof(said) / sizeof(said[0]));
}

TESTS(T(messages), T(who_is_taken), T(cut_and_flipped))
