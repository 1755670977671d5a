/* WebSocket after an upgrade: messages of either side, whole and cut at every byte; limits; lost bytes; damage. */
#include "app_rig.h"

#define ASK "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
#define AGREE "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
#define DEFLATE "Sec-WebSocket-Extensions: permessage-deflate\r\n"

struct sample {
	const char *name;
	struct slice client, server;
	const char *has[6]; /* must come out; "!x": must not */
};

#define BYTES(text) {(const uint8_t *)(text), sizeof(text) - 1}

/* "Hello" compressed, and again from the window, as RFC 7692, 7.2.3, has them. */
static const struct sample samples[] = {
	{"text", BYTES("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), BYTES(AGREE "\r\n\x81\5Hello"),
	    {"is websocket\n", "<websocket.payload Hello\n", ">websocket.payload Hello\n", "<mask 939139389\n",
	        "!odd "}},
	{"in pieces", BYTES(""), BYTES(AGREE "\r\n\x01\3Hel\x89\2hi\x80\2lo"),
	    {">websocket.payload hi\n", ">websocket.payload Hello\n", ">websocket.opcode 9\n", ">websocket.flags 0\n",
	    "!odd "}},
	{"compressed", BYTES(""),
	    BYTES(AGREE DEFLATE "\r\n\xc1\7\xf2\x48\xcd\xc9\xc9\7\0" "\xc1\5\xf2\0\x11\0\0"
	    "\x82\3raw"),
	    {">websocket.payload Hello\n", ">websocket.flags 192\n", ">websocket.payload raw\n", "!odd "}},
	{"compressed in pieces", BYTES(""), BYTES(AGREE DEFLATE "\r\n\x41\3\xf2\x48\xcd\x80\4\xc9\xc9\7\0"),
	    {">websocket.payload Hello\n", "!odd "}},
	{"not deflate", BYTES(""), BYTES(AGREE DEFLATE "\r\n\xc1\4\xff\xff\xff\xff\x81\2ok"),
	    {"odd failed_decompression", ">websocket.payload ok\n"}},
	{"close", BYTES("\x88\x82\0\0\0\0\3\xe8"), BYTES(AGREE "\r\n\x88\2\3\xed"),
	    {"<opcode close\n", "<concert.close_code 1000\n", "<concert.close_code 1005\n", "odd invalid_close_code"}},
	{"masks", BYTES("\x81\1x"), BYTES(AGREE "\r\n\x81\x81\0\0\0\0y"),
	    {"odd unmasked_client_frame", "odd masked_server_frame", "<websocket.payload x\n",
	        ">websocket.payload y\n"}},
	{"odd frames", BYTES(""), BYTES(AGREE "\r\n\x83\0\x09\0\x80\0\xa1\0"),
	    {"odd invalid_opcode", "odd invalid_control_frame", "odd invalid_continuation", "odd reserved_bits"}},
	{"a long one", BYTES(""), BYTES(AGREE "\r\n\x82\x7e\0\x7e" "01234567890123456789012345678901234567890123456789"
	    "0123456789012345678901234567890123456789012345678901234567890123456789012345\x82\0"),
	    {"<concert.size 126\n", "!odd "}},
	{"no end", BYTES(""), BYTES(AGREE "\r\n\x01\5Hel"), {">websocket.payload Hel\n"}},
};

#define SAMPLES (sizeof(samples) / sizeof(samples[0]))

static void
check_has(const struct sample *sample, const char *out)
{
	for (size_t i = 0; i < 6 && sample->has[i] != NULL; i++) {
		bool wanted = sample->has[i][0] != '!';

		if ((strstr(out, sample->has[i] + !wanted) != NULL) == wanted)
			continue;
		test_failures++;
		printf(
		    "%s: %s \"%s\" in:\n%s\n", sample->name, wanted ? "no" : "there is", sample->has[i] + !wanted, out);
	}
}

static struct slice
asked(struct buf *buf, struct slice more)
{
	buf_clear(buf);
	buf_add_text(buf, ASK);
	buf_add_slice(buf, more);
	return buf_slice(buf);
}

TEST(messages)
{
	struct buf buf;
	struct rig rig;

	rig_open(&rig, NULL);
	buf_open(&buf, 1u << 20);
	for (size_t i = 0; i < SAMPLES; i++) {
		struct slice client = asked(&buf, samples[i].client), server = samples[i].server;
		char *whole = strdup(rig_run(&rig, client, server, 0));

		check_has(&samples[i], whole);
		for (size_t cut = 1; cut < server.size; cut++) {
			rig_begin(&rig);
			rig_add(&rig, CC_TO_SERVER, client);
			rig_add(&rig, CC_TO_CLIENT, slice_of(server.p, cut));
			rig_add(&rig, CC_TO_CLIENT, slice_of(server.p + cut, server.size - cut));
			CHECK_TEXT(rig_end(&rig), whole);
		}
		for (size_t piece = 1; piece < 6; piece++)
			CHECK_TEXT(rig_run(&rig, client, server, piece), whole);
		free(whole);
	}
	buf_close(&buf);
	rig_close(&rig);
}

/* Bytes missing: in a frame, the frames stay in step; beyond one, nothing more is said. */
TEST(gaps)
{
	struct rig rig;
	const char *out;

	rig_open(&rig, NULL);
	rig_begin(&rig);
	rig_add(&rig, CC_TO_SERVER, slice_str(ASK));
	rig_add(&rig, CC_TO_CLIENT, slice_str(AGREE "\r\n\x81\x0a" "0123"));
	rig_chunk(&rig, CC_TO_CLIENT, slice_str("789\x81\2ok"), 3, false);
	out = rig_end(&rig);
	CHECK(strstr(out, ">websocket.payload 0123\n") != NULL);
	CHECK(strstr(out, ">websocket.payload ok\n") != NULL);

	rig_begin(&rig);
	rig_add(&rig, CC_TO_SERVER, slice_str(ASK));
	rig_add(&rig, CC_TO_CLIENT, slice_str(AGREE "\r\n\x81\x0a" "0123"));
	rig_chunk(&rig, CC_TO_CLIENT, slice_str("\x81\2no"), 300, false);
	CHECK(strstr(rig_end(&rig), "payload no") == NULL);
	rig_close(&rig);
}

TEST(limits)
{
	static const char *const settings[] = {"websocket.payload_limit=1024", NULL};
	static char big[2000];
	struct buf buf;
	struct rig rig;
	const char *out;

	memset(big, 'x', sizeof(big));
	rig_open(&rig, settings);
	buf_open(&buf, 1u << 20);
	buf_add_text(&buf, AGREE "\r\n");
	buf_add(&buf, "\x82\x7e\7\xd0", 4);
	buf_add(&buf, big, sizeof(big));
	buf_add(&buf, "\x81\2ok", 4);
	out = rig_run(&rig, slice_str(ASK), buf_slice(&buf), 0);
	CHECK(strstr(out, "odd skip_end_of_payload") != NULL);
	CHECK(strstr(out, "<concert.size 2000\n") != NULL);
	CHECK(strstr(out, ">websocket.payload ok\n") != NULL);
	buf_close(&buf);
	rig_close(&rig);
}

TEST(damage)
{
	unsigned seed = 1;
	struct buf client, server;
	struct rig rig;

	rig_open(&rig, NULL);
	buf_open(&client, 1u << 20);
	buf_open(&server, 1u << 20);
	for (unsigned round = 0; round < 3000; round++) {
		const struct sample *sample = &samples[(unsigned)rand_r(&seed) % SAMPLES];

		(void)asked(&client, sample->client);
		buf_clear(&server);
		buf_add_slice(&server, sample->server);
		for (unsigned j = (unsigned)rand_r(&seed) % 5; j > 0; j--)
			server.p[sizeof(AGREE) - 1 + (unsigned)rand_r(&seed) % (server.size - sizeof(AGREE) + 1)] =
			    (uint8_t)rand_r(&seed);
		(void)rig_run(&rig, buf_slice(&client), buf_slice(&server), (size_t)rand_r(&seed) % 20);
	}
	buf_close(&client);
	buf_close(&server);
	rig_close(&rig);
}

TESTS(T(messages), T(gaps), T(limits), T(damage))
