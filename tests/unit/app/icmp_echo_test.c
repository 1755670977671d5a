/* Pings are pings; tunnels through them are told, by what they carry and how; cuts and flips. */
#include "torture.h"

extern const struct cc_parser icmp_echo_parser;

enum { REQUEST = 8, REPLY = 0 };

static void
echo(struct cc_ctx *rig, uint8_t type, uint16_t seq, const void *payload, size_t size)
{
	uint8_t b[4096] = {type, 0, 0, 0, 0, 7, (uint8_t)(seq >> 8), (uint8_t)seq};

	memcpy(b + 8, payload, size);
	rig->now += 1000000000ull;
	rig_feed(rig, type == REPLY ? CC_TO_CLIENT : CC_TO_SERVER, slice_of(b, size + 8));
}

static void
begin(struct cc_ctx *rig)
{
	rig_open(rig, &icmp_echo_parser, true, 0);
}

static void
end(struct cc_ctx *rig)
{
	rig_end(rig);
	CHECK_UINT(rig->taken, 0);
	rig_free(rig);
}

/* Stamps that change, behind them a filling: nothing is said. */
TEST(pings_are_quiet)
{
	uint8_t unix_ping[56], windows[32], text[64];
	struct cc_ctx rig;

	begin(&rig);
	for (unsigned i = 0; i < 32; i++)
		windows[i] = (uint8_t)('a' + i % 23);
	memset(text, 0, sizeof(text));
	memcpy(text + 8, "the monitor of this network, ask us at noc@example.org", 54);
	for (uint16_t seq = 0; seq < 200; seq++) {
		for (unsigned i = 0; i < 56; i++)
			unix_ping[i] = i < 16 ? (uint8_t)(seq * 31 + i * 7) : (uint8_t)i;
		echo(&rig, REQUEST, seq, unix_ping, 56);
		echo(&rig, REPLY, seq, unix_ping, 56);
		echo(&rig, REQUEST, seq, windows, 32);
		echo(&rig, REPLY, seq, windows, 32);
		echo(&rig, REQUEST, seq, text, 64);
		echo(&rig, REPLY, seq, text, 64);
		echo(&rig, REPLY, seq, text, 64); /* a mirror sends it twice */
	}
	CHECK_UINT(rig.anomaly_count, 0);
	CHECK_UINT(rig.tx_count, 0);
	CHECK_UINT(rig.taken, 0);
	end(&rig);
}

TEST(a_packet_inside)
{
	static const uint8_t ip[] = {0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0xf6, 0xcc, 192, 0, 2, 1, 192, 0, 2, 2,
	    0, 1, 0, 2, 0, 8, 0, 0};
	uint8_t behind[33] = {'m', 'a', 'g', 'i', 5}, ip6[48] = {0x60, 0, 0, 0, 0, 8, 17, 64};
	struct cc_ctx rig;

	begin(&rig);
	memcpy(behind + 5, ip, sizeof(ip));
	echo(&rig, REQUEST, 1, behind, sizeof(behind));
	CHECK(rig_has_anomaly(&rig, "embedded_protocol") && rig_has_anomaly(&rig, "tunnel"));
	CHECK_TEXT(rig_value(&rig, 0, "icmp_echo.inner", 0), "ipv4");
	CHECK_TEXT(rig_value(&rig, 0, "type", 0), "request");
	CHECK_TEXT(rig_value(&rig, 0, "icmp_echo.inner_src", 0), "192.0.2.1");
	CHECK_TEXT(rig_value(&rig, 0, "icmp_echo.inner_dst", 0), "192.0.2.2");
	CHECK_TEXT(rig_value(&rig, 0, "icmp_echo.inner_proto", 0), "17");
	CHECK_TEXT(rig_value(&rig, 0, "icmp_echo.inner_dport", 0), "2");
	rig_end(&rig); /* told again, with its sums */
	CHECK_UINT(rig.done_count, 2);
	CHECK_TEXT(rig_value(&rig, 1, "icmp_echo.tunnel", 0), "1");
	rig_free(&rig);
	begin(&rig);
	behind[15]++; /* its checksum isn't right any more */
	echo(&rig, REQUEST, 1, behind, sizeof(behind));
	CHECK_UINT(rig.anomaly_count, 0);
	echo(&rig, REQUEST, 2, ip6, sizeof(ip6));
	CHECK_TEXT(rig_value(&rig, 0, "icmp_echo.inner", 0), "ipv6");
	end(&rig);
}

TEST(protocols_inside)
{
	static const struct {
		const char *bytes, *inner;
		size_t size;
	} tried[] = {
#define IS(text, inner) {text, inner, sizeof(text) - 1}
	    IS("SSH-2.0-OpenSSH_9\r\n", "ssh"),
	    IS("\0\1SSH-2.0-x\r\n", "ssh"),
	    IS("GET /a HTTP/1.1\r\nHost: b\r\n\r\n", "http"),
	    IS("HTTP/1.1 200 OK\r\n", "http"),
	    IS("\xd5\x20\x08\x80\xc0\0\2\1\0\0\0\x16\x40\0\0\2\0\0\0\0\0\0\0\3\0\1\0\2abc", "tcp_relay"),
	    IS("\x16\3\1\0\x40\1\0\0\x3c\3\3", "tls"),
	    IS("\1\2\1\0\0\1\0\0\0\0\0\0\3abc\7example\0\0\1\0\1", "dns"),
	    IS("\x16\3\1\0\x40\1\0\1\x3c\3\3", NULL),
	    IS("GET / and nothing else", NULL),
	    IS("\xd5\x20\x08\x80\xc0\0\2\1\0\0\0\x16\x40\0\0\2\0\0\0\0\0\0\0\4\0\1\0\2abc", NULL),
	};

	for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++) {
		struct cc_ctx rig;

		begin(&rig);
		echo(&rig, REPLY, 1, tried[i].bytes, tried[i].size);
		if (tried[i].inner == NULL)
			CHECK_UINT(rig.anomaly_count, 0);
		else
			CHECK_TEXT(rig_value(&rig, 0, "icmp_echo.inner", 0), tried[i].inner);
		end(&rig);
	}
}

/* A shell: the request asks, the reply has the command. */
TEST(replies_that_differ)
{
	struct cc_ctx rig;

	begin(&rig);
	for (uint16_t seq = 1; seq <= 4; seq++) {
		echo(&rig, REQUEST, seq, "abcdefghijklmnopqrstuvwabcdefghi", 32);
		CHECK_UINT(rig.tx_count, seq > 1);
		echo(&rig, REPLY, seq, "whoami /all\r\n", 13);
	}
	CHECK(rig_has_anomaly(&rig, "reply_differs") && rig_has_anomaly(&rig, "tunnel"));
	CHECK_UINT(rig.anomaly_count, 2); /* each once */
	CHECK_TEXT(rig_value(&rig, 0, "icmp_echo.changed", 0), "1");
	CHECK_TEXT(rig_value(&rig, 0, "payload", 0), "whoami /all\r\n");
	end(&rig);
}

TEST(replies_nobody_asked_for)
{
	struct cc_ctx rig;

	begin(&rig);
	for (uint16_t seq = 0; seq < 50; seq++) /* one side of the wire alone is no sign */
		echo(&rig, REPLY, seq, "abcdefgh", 8);
	CHECK_UINT(rig.anomaly_count, 0);
	end(&rig);
	begin(&rig);
	echo(&rig, REQUEST, 999, "abcdefgh", 8);
	for (uint16_t seq = 0; seq < 8; seq++)
		echo(&rig, REPLY, seq, "abcdefgh", 8);
	CHECK(rig_has_anomaly(&rig, "unasked_replies"));
	end(&rig);
}

/* Something is carried out, and the kernel answers as it does to any ping. */
TEST(new_bytes)
{
	uint8_t bytes[1024];
	struct cc_ctx rig;
	unsigned random = 7;

	begin(&rig);
	for (uint16_t seq = 0; seq < 2000 && rig.anomaly_count < 2; seq++) {
		for (size_t i = 0; i < sizeof(bytes); i++) {
			random = random * 1103515245 + 12345;
			bytes[i] = (uint8_t)(random >> 20);
		}
		echo(&rig, REQUEST, seq, bytes, sizeof(bytes));
		echo(&rig, REPLY, seq, bytes, sizeof(bytes));
	}
	CHECK(rig_has_anomaly(&rig, "high_entropy") && rig_has_anomaly(&rig, "changing_payload"));
	CHECK(!rig_has_anomaly(&rig, "tunnel"));
	end(&rig);
}

/* The bench's limits are all the same: far above what an echo can be. */
/* What is beyond the limits, in size and in number; a filling may be as large as it likes. */
TEST(large_and_many)
{
	uint8_t large[4000], filling[4000];
	uint32_t seed = 3;
	struct cc_ctx rig;

	for (size_t i = 0; i < sizeof(large); i++) {
		seed = seed * 1103515245 + 12345;
		large[i] = (uint8_t)('a' + (seed >> 16) % 20);
		filling[i] = (uint8_t)i;
	}
	begin(&rig);
	rig.limit = 1472;
	echo(&rig, REQUEST, 1, filling, sizeof(filling));
	echo(&rig, REQUEST, 2, large, 1400);
	CHECK(!rig_has_anomaly(&rig, "large_payload"));
	echo(&rig, REQUEST, 3, large, sizeof(large));
	CHECK(rig_has_anomaly(&rig, "large_payload"));
	rig.limit = 100;
	for (uint16_t i = 0; i < 99; i++) {
		rig.now -= 1000000000ull;
		echo(&rig, REQUEST, i, "abc", 3);
	}
	CHECK(!rig_has_anomaly(&rig, "high_rate"));
	rig.now -= 1000000000ull;
	echo(&rig, REQUEST, 100, "abc", 3);
	CHECK(rig_has_anomaly(&rig, "high_rate"));
	CHECK_TEXT(rig_value(&rig, rig.tx_count - 1, "icmp_echo.rate", 0), "101");
	end(&rig);
}

TEST(too_many_and_no_echo)
{
	struct cc_ctx rig;

	begin(&rig);
	rig_feed(&rig, CC_TO_SERVER, slice_of("\x8\0\0\0\0", 5));
	rig_feed(&rig, CC_TO_SERVER, slice_of("\x3\0\0\0\0\0\0\0", 8));
	CHECK(rig_has_anomaly(&rig, "malformed_message"));
	CHECK_UINT(rig.anomaly_count, 1);
	end(&rig);
	CHECK(torture_probe(&icmp_echo_parser, true, 0, CC_TO_SERVER, slice_of("\x80\0\0\0\0\0\0\0", 8)) == CC_OK);
	CHECK(torture_probe(&icmp_echo_parser, true, 0, CC_TO_CLIENT, slice_of("\x81\0\0\0\0\0\0\0", 8)) == CC_OK);
	CHECK(torture_probe(&icmp_echo_parser, true, 0, CC_TO_SERVER, slice_of("\x80\0\0\0\0\0\0", 7)) == CC_BAD);
}

TEST(cut_and_flipped)
{
	static const struct said said[] = {
	    SAID(CC_TO_SERVER,
	        "\x8\0\0\0\0\1\0\1\x45\0\0\x1c\0\1\0\0\x40\x11\xf6\xcc\xc0\0\2\1\xc0\0\2\2\0\1\0\2\0\x8\0\0"),
	    SAID(CC_TO_CLIENT, "\0\0\0\0\0\1\0\1SSH-2.0-x\r\n"),
	    SAID(CC_TO_SERVER, "\x8\0\0\0\0\1\0\2\1\2\1\0\0\1\0\0\0\0\0\0\3abc\7example\0\0\1\0\1"),
	    SAID(CC_TO_CLIENT,
	        "\0\0\0\0\0\1\0\2\xd5\x20\x8\x80\xc0\0\2\1\0\0\0\x16\x40\0\0\2\0\0\0\0\0\0\0\3\0\1\0\2abc"),
	};

	torture(&icmp_echo_parser, true, 0, said, sizeof(said) / sizeof(said[0]));
}

TESTS(T(pings_are_quiet), T(a_packet_inside), T(protocols_inside), T(replies_that_differ),
    T(replies_nobody_asked_for), T(new_bytes), T(large_and_many), T(too_many_and_no_echo), T(cut_and_flipped))
