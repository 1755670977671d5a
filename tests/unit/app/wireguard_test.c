/* WireGuard: the handshake is taken, nothing near it. */
#include "torture.h"

extern const struct cc_parser wireguard_parser;

static char first[148] = {1, 0, 0, 0, 'a', 'b', 'c', 'd'}, second[92] = {2, 0, 0, 0, 'e', 'f'}, data[96] = {4};
static const struct said talk[] = {{CC_TO_SERVER, first, 148}, {CC_TO_CLIENT, second, 92}, {CC_TO_SERVER, data, 96}};

TEST(handshake)
{
	struct cc_ctx rig;

	rig_open(&rig, &wireguard_parser, true, 4000);
	for (size_t i = 0; i < 3; i++)
		rig_feed(&rig, talk[i].dir, slice_of(talk[i].bytes, talk[i].size));
	CHECK_UINT(rig.done_count, 2);
	CHECK_TEXT(rig_value(&rig, 1, "wireguard.type", 0), "2");
	rig_end(&rig);
	rig_free(&rig);
}

TEST(only_a_handshake_is_taken)
{
	CHECK(torture_probe(&wireguard_parser, true, 9, CC_TO_SERVER, slice_of(first, 148)) == CC_OK);
	CHECK(torture_probe(&wireguard_parser, true, 9, CC_TO_CLIENT, slice_of(second, 92)) == CC_OK);
	CHECK(torture_probe(&wireguard_parser, true, 9, CC_TO_SERVER, slice_of(first, 147)) == CC_BAD);
	CHECK(torture_probe(&wireguard_parser, true, 51820, CC_TO_SERVER, slice_of(data, 96)) == CC_BAD);
	first[147] = 1;
	CHECK(torture_probe(&wireguard_parser, true, 9, CC_TO_SERVER, slice_of(first, 148)) == CC_BAD);
	CHECK(torture_probe(&wireguard_parser, true, 51820, CC_TO_SERVER, slice_of(first, 148)) == CC_OK);
	first[147] = 0;
}

TEST(cut_and_flipped)
{
	torture(&wireguard_parser, true, 51820, talk, 3);
}

TESTS(T(handshake), T(only_a_handshake_is_taken), T(cut_and_flipped))
