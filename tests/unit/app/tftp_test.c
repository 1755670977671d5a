/* TFTP: requests, transfers from new ports and from the same, options, losses; cuts and flips. */
#include "app_rig.h"

static const uint8_t client_addr[] = {10, 0, 0, 1}, server_addr[] = {10, 0, 0, 2};

#define LIT(text) slice_of(text, sizeof(text) - 1)

static void
begin(struct rig *rig, const uint8_t *from, uint16_t from_port, const uint8_t *to, uint16_t to_port)
{
	rig_begin(rig);
	rig->flow.proto = 17;
	rig->flow.side[CC_TO_SERVER].addr = cc_addr4(from);
	rig->flow.side[CC_TO_SERVER].port = from_port;
	rig->flow.side[CC_TO_CLIENT].addr = cc_addr4(to);
	rig->flow.side[CC_TO_CLIENT].port = to_port;
}

static void
datagram(struct rig *rig, enum cc_dir dir, struct slice bytes)
{
	uint8_t *exact = malloc(bytes.size + 1);
	struct chunk chunk = {.dir = dir, .datagram = true, .fresh = bytes.size, .size = bytes.size};

	if (exact == NULL)
		abort();
	if (bytes.size > 0)
		memcpy(exact + 1, bytes.p, bytes.size);
	chunk.p = exact + 1;
	rig_seed(rig, dir, bytes, false);
	app_feed(rig->app, &rig->flow, &rig->pkt, &chunk, &rig->batch);
	rig_drain(rig);
	free(exact);
}

/* A block of size bytes, all of them its number. */
static void
block(struct rig *rig, enum cc_dir dir, uint16_t number, size_t size)
{
	static uint8_t bytes[2000];

	bytes[0] = 0;
	bytes[1] = 3;
	bytes[2] = (uint8_t)(number >> 8);
	bytes[3] = (uint8_t)number;
	memset(bytes + 4, 'a' + number % 26, size);
	datagram(rig, dir, slice_of(bytes, size + 4));
}

static const char *
end(struct rig *rig)
{
	app_finish(rig->app, &rig->flow, &rig->batch);
	rig_drain(rig);
	app_flow_free(rig->app, &rig->flow);
	seed_end(rig->is[0], rig->is[1]);
	buf_add_u8(&rig->out, 0);
	return (const char *)rig->out.p;
}

/* The request's flow, still open. */
static struct flow
request(struct rig *rig, struct slice bytes)
{
	begin(rig, client_addr, 4000, server_addr, 69);
	datagram(rig, CC_TO_SERVER, bytes);
	return rig->flow;
}

static void
end_request(struct rig *rig, const struct flow *flow)
{
	rig->flow = *flow;
	(void)end(rig);
}

TEST(read_from_a_new_port)
{
	struct rig rig;
	struct flow flow;
	const char *out;

	rig_open(&rig, NULL);
	flow = request(&rig, LIT("\0\1boot/image.bin\0octet\0"));
	begin(&rig, server_addr, 5555, client_addr, 4000);
	block(&rig, CC_TO_SERVER, 1, 512);
	datagram(&rig, CC_TO_CLIENT, LIT("\0\4\0\1"));
	block(&rig, CC_TO_SERVER, 1, 512); /* sent again */
	block(&rig, CC_TO_SERVER, 2, 9);
	out = end(&rig);
	CHECK(strstr(out, "is tftp-data\n") != NULL);
	CHECK(strstr(out, "file < whole 521 ") != NULL && strstr(out, " boot/image.bin [bbbb") != NULL);
	CHECK(strstr(out, "odd ") == NULL);
	rig.flow = flow;
	buf_clear(&rig.out);
	out = end(&rig);
	CHECK(strstr(out, "tx 0\n  <tftp.packet read\n  <tftp.file boot/image.bin\n  <tftp.mode octet\n") != NULL);
	rig_close(&rig);
}

TEST(write_with_options_seen_from_the_client)
{
	struct rig rig;
	struct flow flow;
	const char *out;

	rig_open(&rig, NULL);
	flow = request(&rig, LIT("\0\2up\0OCTET\0blksize\0001024\0tsize\0001500\0"));
	begin(&rig, client_addr, 4000, server_addr, 5555); /* the server's first answer was not seen */
	block(&rig, CC_TO_SERVER, 1, 1024);
	block(&rig, CC_TO_SERVER, 2, 476);
	out = end(&rig);
	CHECK(strstr(out, "is tftp-data\n") != NULL && strstr(out, "file < whole 1500 ") != NULL);
	end_request(&rig, &flow);
	flow = request(&rig, LIT("\0\1x\0octet\0blksize\0001024\0"));
	begin(&rig, server_addr, 5555, client_addr, 4000);
	datagram(&rig, CC_TO_SERVER, LIT("\0\6blksize\000600\0tsize\000700\0windowsize\0004\0"));
	block(&rig, CC_TO_SERVER, 1, 600);
	block(&rig, CC_TO_SERVER, 2, 100);
	out = end(&rig);
	CHECK(strstr(out, "file < whole 700 ") != NULL && strstr(out, "concert.block_size 600") != NULL);
	CHECK(strstr(out, "concert.transfer_size 700") != NULL && strstr(out, "concert.window_size 4") != NULL);
	end_request(&rig, &flow);
	rig_close(&rig);
}

TEST(the_server_stays_on_its_port)
{
	struct rig rig;
	const char *out;

	rig_open(&rig, NULL);
	(void)request(&rig, LIT("\0\1f\0netascii\0"));
	block(&rig, CC_TO_CLIENT, 1, 100);
	out = end(&rig);
	CHECK(strstr(out, "is tftp\n") != NULL && strstr(out, "file > whole 100 ") != NULL);
	begin(&rig, client_addr, 4000, server_addr, 1234);
	datagram(&rig, CC_TO_SERVER, LIT("\0\1none\0octet\0"));
	datagram(&rig, CC_TO_CLIENT, LIT("\0\5\0\1no such file\0"));
	datagram(&rig, CC_TO_SERVER, LIT("\0\1../../etc/passwd\0octet\0"));
	out = end(&rig);
	CHECK(strstr(out, "concert.error_code 1\n  >concert.error no such file\n") != NULL);
	CHECK(strstr(out, "odd path_traversal\n") != NULL && strstr(out, "tx 1\n") != NULL);
	rig_close(&rig);
}

TEST(losses)
{
	struct rig rig;
	struct flow flow;
	const char *out;

	rig_open(&rig, NULL);
	flow = request(&rig, LIT("\0\1f\0octet\0"));
	begin(&rig, server_addr, 5555, client_addr, 4000);
	for (uint32_t i = 1; i <= 65540; i++)
		if (i != 3)
			block(&rig, CC_TO_SERVER, (uint16_t)i, i == 65540 ? 1 : 512);
	out = end(&rig);
	CHECK(strstr(out, "odd missing_blocks\n") != NULL);
	CHECK(strstr(out, " gap f [") != NULL);
	end_request(&rig, &flow);
	flow = request(&rig, LIT("\0\1f\0octet\0"));
	begin(&rig, server_addr, 5555, client_addr, 4000);
	block(&rig, CC_TO_SERVER, 1, 512);
	block(&rig, CC_TO_SERVER, 2, 513);
	out = end(&rig);
	CHECK(strstr(out, "file < cut 1024 ") != NULL && strstr(out, "odd invalid_block_size\n") != NULL);
	end_request(&rig, &flow);
	rig_close(&rig);
}

TEST(others_are_not_taken)
{
	const struct slice not[] = {
	    LIT("\0\1f\0binary\0"), LIT("\0\1\0octet\0"), LIT("\0\1f\0octet"), LIT("\0\3f\0octet\0"),
	    LIT("\0\1a\1b\0octet\0"), LIT("\0\1f\0octet\0blksize\0"), LIT("\0\3\0\1data"), LIT("\0\4\0\1"), LIT(""),
	};
	struct rig rig;

	rig_open(&rig, NULL);
	for (size_t i = 0; i < sizeof(not) / sizeof(not[0]); i++) {
		begin(&rig, client_addr, 4000, server_addr, 7777);
		datagram(&rig, CC_TO_SERVER, not[i]);
		CHECK(strstr(end(&rig), "is tftp") == NULL);
	}
	rig_close(&rig);
}

/* Each packet cut at each byte, and with bytes changed: no read beyond it, all memory back. */
TEST(cut_and_flipped)
{
	const struct slice packets[] = {
	    LIT("\0\1boot\0octet\0blksize\000600\0tsize\0000\0"), LIT("\0\6blksize\000600\0tsize\000700\0"),
	    LIT("\0\3\0\1some data"), LIT("\0\4\0\1"), LIT("\0\5\0\2no\0"),
	};
	const size_t count = sizeof(packets) / sizeof(packets[0]);
	struct rig rig;
	uint32_t seed = 1;

	rig_open(&rig, NULL);
	rig.quiet = true;
	for (unsigned round = 0; round < 3000; round++) {
		struct flow flow = request(&rig, packets[0]);
		size_t idle = rig.idle;

		begin(&rig, server_addr, 5555, client_addr, 4000);
		for (size_t i = 0; i < count; i++) {
			uint8_t bytes[64];
			size_t size = packets[i].size;

			memcpy(bytes, packets[i].p, size);
			seed = seed * 1103515245 + 12345;
			if (round % 2 == 0)
				size = (seed >> 16) % (size + 1);
			else
				bytes[(seed >> 16) % size] ^= (uint8_t)(1u << (seed >> 8 & 7));
			datagram(&rig, (enum cc_dir)(seed >> 24 & 1), slice_of(bytes, size));
		}
		(void)end(&rig);
		end_request(&rig, &flow);
		CHECK_UINT(pool_used(rig.pool), idle);
	}
	rig_close(&rig);
}

TESTS(T(read_from_a_new_port), T(write_with_options_seen_from_the_client), T(the_server_stays_on_its_port), T(losses),
    T(others_are_not_taken), T(cut_and_flipped))
