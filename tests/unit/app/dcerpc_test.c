/*
 * DCE/RPC by hand, over TCP in both byte orders and over UDP: bindings, calls, fragments; cut at each byte, damaged,
 * and more of it than is remembered.  smb's table is judged here, too, since its own test has another rig.
 */
#include "parser_rig.h"
#include "../test.h"

extern const struct cc_parser dcerpc_parser, smb_parser;

/* smb's alone, which puts files together of ranges; nothing here reaches them. */
void
cc_range_open(struct cc_ctx *ctx, struct cc_range *ret_range, const struct slice *words, unsigned count, uint64_t at,
    uint64_t end, uint64_t total, struct slice name)
{
	(void)ctx, (void)words, (void)count, (void)at, (void)end, (void)total, (void)name;
	memset(ret_range, 0, sizeof(*ret_range));
}

enum cc_status
cc_range_data(struct cc_ctx *ctx, struct cc_range *range, struct cc_tx *tx, enum cc_dir dir, struct slice bytes)
{
	(void)ctx, (void)range, (void)tx, (void)dir, (void)bytes;
	return CC_OK;
}

void
cc_range_gap(struct cc_range *range, uint64_t size)
{
	(void)range, (void)size;
}

void
cc_range_begin(struct cc_ctx *ctx, const struct cc_range *range, const struct cc_file *file)
{
	(void)ctx, (void)range, (void)file;
}

void
cc_range_mark(struct cc_ctx *ctx, const struct cc_range *range)
{
	(void)ctx, (void)range;
}

bool
cc_range_filled(const struct cc_ctx *ctx, const struct slice *words, unsigned count)
{
	(void)ctx, (void)words, (void)count;
	return false;
}

bool
cc_range_marked(const struct cc_ctx *ctx, const struct slice *words, unsigned count)
{
	(void)ctx, (void)words, (void)count;
	return false;
}

bool
cc_range_known(const struct cc_ctx *ctx, const struct slice *words, unsigned count)
{
	(void)ctx, (void)words, (void)count;
	return false;
}

bool
cc_range_end(struct cc_ctx *ctx, const struct slice *words, unsigned count, uint64_t least, struct slice name,
    struct cc_tx *tx, enum cc_dir dir)
{
	(void)ctx, (void)words, (void)count, (void)least, (void)name, (void)tx, (void)dir;
	return false;
}

struct made {
	uint8_t b[8192];
	size_t size;
	bool big;
};

static void
add(struct made *m, const void *p, size_t size)
{
	assert(size <= sizeof(m->b) - m->size);
	memcpy(m->b + m->size, p, size);
	m->size += size;
}

static void
num(struct made *m, uint64_t value, int size)
{
	for (int i = 0; i < size; i++) {
		uint8_t byte = (uint8_t)(value >> 8 * (m->big ? size - 1 - i : i));

		add(m, &byte, 1);
	}
}

static void
uuid(struct made *m, bool svcctl)
{
	num(m, svcctl ? 0x367abb81 : 0x8a885d04, 4);
	num(m, svcctl ? 0x9844 : 0x1ceb, 2);
	num(m, svcctl ? 0x35f1 : 0x11c9, 2);
	add(m, svcctl ? "\xad\x32\x98\xf0\x38\x00\x10\x03" : "\x9f\xe8\x08\x00\x2b\x10\x48\x60", 8);
}

static void
head(struct made *m, unsigned type, unsigned flags, size_t body, size_t auth, uint32_t call)
{
	num(m, 5, 1);
	num(m, 0, 1);
	num(m, type, 1);
	num(m, flags, 1);
	add(m, m->big ? "\0\0\0\0" : "\x10\0\0\0", 4);
	num(m, 16 + body, 2);
	num(m, auth, 2);
	num(m, call, 4);
}

static void
bind(struct made *m)
{
	head(m, 11, 3, 12 + 2 * 44, 0, 1);
	num(m, 0, 8);
	num(m, 2, 1);
	num(m, 0, 3);
	for (unsigned i = 0; i < 2; i++) {
		num(m, i, 2);
		num(m, 1, 1);
		num(m, 0, 1);
		uuid(m, true);
		num(m, 2 + i, 2);
		num(m, 0, 2);
		uuid(m, false);
		num(m, 2, 4);
	}
}

static void
bind_ack(struct made *m)
{
	head(m, 12, 3, 8 + 2 + 4 + 2 + 4 + 2 * 24, 0, 1);
	num(m, 0, 8);
	num(m, 4, 2);
	add(m, "135\0\0\0", 6); /* and padding to 4 */
	num(m, 2, 1);
	num(m, 0, 3);
	for (unsigned i = 0; i < 2; i++) {
		num(m, i * 2, 2);
		num(m, i, 2);
		uuid(m, false);
		num(m, 2, 4);
	}
}

static void
call(struct made *m, unsigned type, unsigned flags, uint32_t id, const char *stub)
{
	head(m, type, flags, 8 + strlen(stub), 0, id);
	num(m, 0, 4);
	num(m, 0, 2);
	num(m, type == 0 ? 27 : 0, 2);
	add(m, stub, strlen(stub));
}

static void
make(struct made *m, bool response, bool big)
{
	m->size = 0;
	m->big = big;
	if (!response) {
		bind(m);
		call(m, 0, 1, 2, "first ");
		call(m, 0, 0, 2, "second ");
		call(m, 0, 2, 2, "last");
		/* with an auth trailer: stub 4, padding 4, trailer 8, token 5 */
		head(m, 0, 3, 8 + 8 + 8 + 5, 5, 3);
		num(m, 0, 4);
		num(m, 0, 2);
		num(m, 4, 2);
		add(m, "sign\0\0\0\0" "\x0a\6\4\0\0\0\0\0" "token", 21);
	} else {
		bind_ack(m);
		call(m, 2, 1, 2, "an");
		call(m, 2, 2, 2, "swer");
		call(m, 3, 3, 3, "\x05");
	}
}

static struct slice
all(const struct made *m)
{
	return slice_of(m->b, m->size);
}

TEST(tables_are_whole)
{
	CHECK(rig_table_right(&dcerpc_parser));
	CHECK(rig_table_right(&smb_parser));
}

/* The last stub data that rules see of a transaction: so many bytes, which end in text. */
static bool
shown_ends(const struct cc_ctx *rig, unsigned tx, size_t size, const char *text)
{
	const struct cc_value *last = NULL;

	for (unsigned i = 0; i < rig->tx[tx].pub.count; i++) {
		const struct cc_value *value = &rig->tx[tx].pub.value[i];
		const char *buffer = rig->parser->fields[value->field].buffer;

		if (buffer != NULL && strcmp(buffer, "dcerpc.stub_data") == 0)
			last = value;
	}
	return last != NULL && last->size == size &&
	       memcmp(last->bytes + size - strlen(text), text, strlen(text)) == 0;
}

TEST(calls_in_both_byte_orders)
{
	for (int big = 0; big < 2; big++) {
		struct made request, response;
		struct cc_ctx rig;

		make(&request, false, big != 0);
		make(&response, true, big != 0);
		rig_open(&rig, &dcerpc_parser, false, 135);
		CHECK(dcerpc_parser.probe(&rig, CC_TO_SERVER, all(&request)) == CC_OK);
		rig_feed(&rig, CC_TO_SERVER, all(&request));
		rig_feed(&rig, CC_TO_CLIENT, all(&response));
		rig_end(&rig);
		CHECK_UINT(rig.tx_count, 3);
		CHECK_UINT(rig.done_count, 3);
		CHECK_TEXT(rig_value(&rig, 0, "request", 0), "BIND");
		CHECK_TEXT(rig_value(&rig, 0, "response", 0), "BINDACK");
		CHECK_TEXT(rig_value(&rig, 0, "interfaces[].uuid", 0), "367abb81-9844-35f1-ad32-98f038001003");
		CHECK_TEXT(rig_value(&rig, 0, "interfaces[].version", 1), "3.0");
		CHECK_TEXT(rig_value(&rig, 0, "interfaces[].ack_result", 1), "2");
		CHECK_TEXT(rig_value(&rig, 1, "dcerpc.iface", 0), "367abb81-9844-35f1-ad32-98f038001003 2.0");
		CHECK_TEXT(rig_value(&rig, 1, "req.opnum", 0), "27");
		CHECK_TEXT(rig_value(&rig, 1, "req.frag_cnt", 0), "3");
		CHECK_TEXT(rig_value(&rig, 1, "dcerpc.stub_data", 0), "first second last");
		CHECK_TEXT(rig_value(&rig, 1, "res.stub_data_size", 0), "6");
		CHECK(shown_ends(&rig, 1, 8 + 6, "answer")); /* behind its head */
		CHECK_TEXT(rig_value(&rig, 2, "dcerpc.stub_data", 0), "sign");
		CHECK_TEXT(rig_value(&rig, 2, "response", 0), "FAULT");
		CHECK_UINT(rig.taken, 0);
		CHECK_UINT(rig.anomaly_count, 0);
		rig_free(&rig);
	}
}

/* The third message of NTLMSSP in an auth3: it is told with the call that follows. */
TEST(who_logs_on)
{
	static const char token[] = "NTLMSSP\0\3\0\0\0" "\0\0\0\0\0\0\0\0" "\x18\0\x18\0\x4a\0\0\0" "\2\0\2\0\x40\0\0\0"
				    "\6\0\6\0\x42\0\0\0" "\2\0\2\0\x48\0\0\0" "\0\0\0\0\0\0\0\0" "\1\0\0\0"
				    "D\0b\0o\0b\0W\0" "rrrrrrrrrrrrrrrrrrrrrrrr";
	struct made request = {.size = 0};
	struct cc_ctx rig;
	size_t size = sizeof(token) - 1;

	bind(&request);
	head(&request, 16, 3, 4 + 8 + size, size, 1);
	add(&request, "\0\0\0\0" "\x0a\6\0\0\0\0\0\0", 12);
	add(&request, token, size);
	call(&request, 0, 3, 2, "stub");
	rig_open(&rig, &dcerpc_parser, false, 135);
	rig_feed(&rig, CC_TO_SERVER, all(&request));
	rig_end(&rig);
	CHECK_UINT(rig.tx_count, 2);
	CHECK_TEXT(rig_value(&rig, 1, "concert.ntlm.user", 0), "bob");
	CHECK_TEXT(rig_value(&rig, 1, "concert.ntlm.domain", 0), "D");
	CHECK_TEXT(rig_value(&rig, 1, "concert.ntlm.host", 0), "W");
	CHECK(rig_has_anomaly(&rig, "ntlm_v1"));
	CHECK_UINT(rig.taken, 0);
	rig_free(&rig);
}

TEST(cut_anywhere)
{
	struct made request, response;

	make(&request, false, false);
	make(&response, true, false);
	for (size_t cut = 0; cut < request.size; cut++) {
		struct cc_ctx rig;
		enum cc_status st;

		rig_open(&rig, &dcerpc_parser, false, 135);
		st = dcerpc_parser.probe(&rig, CC_TO_SERVER, slice_of(request.b, cut));
		CHECK(st == (cut < 16 ? CC_MORE : CC_OK));
		rig_feed(&rig, CC_TO_SERVER, slice_of(request.b, cut));
		rig_feed(&rig, CC_TO_SERVER, slice_of(request.b + cut, request.size - cut));
		rig_feed(&rig, CC_TO_CLIENT, slice_of(response.b, cut % response.size));
		rig_feed(&rig, CC_TO_CLIENT, slice_of(response.b + cut % response.size, response.size - cut %
		    response.size));
		rig_end(&rig);
		CHECK_UINT(rig.done_count, 3);
		CHECK_TEXT(rig_value(&rig, 1, "dcerpc.stub_data", 0), "first second last");
		rig_free(&rig);
		rig_open(&rig, &dcerpc_parser, false, 135); /* nothing follows */
		rig_feed(&rig, CC_TO_SERVER, slice_of(request.b, cut));
		rig_end(&rig);
		CHECK_UINT(rig.taken, 0);
		CHECK_UINT(rig.done_count, rig.tx_count);
		rig_free(&rig);
	}
}

TEST(unanswered_is_said)
{
	struct made m = {.size = 0};
	struct cc_ctx rig;

	bind(&m);
	rig_open(&rig, &dcerpc_parser, false, 135);
	rig_feed(&rig, CC_TO_SERVER, all(&m));
	rig_end(&rig);
	CHECK_TEXT(rig_value(&rig, 0, "response", 0), "UNREPLIED");
	CHECK_TEXT(rig_value(&rig, 0, "interfaces[].uuid", 1), "367abb81-9844-35f1-ad32-98f038001003");
	rig_free(&rig);
}

TEST(datagrams)
{
	struct made m = {.size = 0};
	struct cc_ctx rig;

	for (unsigned type = 0; type <= 2; type += 2) {
		m.size = 0;
		num(&m, 4, 1);
		num(&m, type, 1);
		num(&m, 0, 2);
		add(&m, "\x10\0\0\0", 4);
		num(&m, 0, 8);
		num(&m, 0, 8);
		uuid(&m, true);
		uuid(&m, false);
		num(&m, 0, 4);
		num(&m, 2, 4);
		num(&m, 9, 4);
		num(&m, 5, 2);
		num(&m, 0, 4);
		num(&m, 4, 2);
		num(&m, 0, 4);
		add(&m, type == 0 ? "ping" : "pong", 4);
		if (type == 0) {
			rig_open(&rig, &dcerpc_parser, true, 135);
			CHECK(dcerpc_parser.probe(&rig, CC_TO_SERVER, all(&m)) == CC_OK);
			for (size_t cut = 0; cut < m.size; cut++)
				CHECK(dcerpc_parser.probe(&rig, CC_TO_SERVER, slice_of(m.b, cut)) == CC_BAD);
		}
		rig_feed(&rig, type == 0 ? CC_TO_SERVER : CC_TO_CLIENT, all(&m));
	}
	rig_end(&rig);
	CHECK_UINT(rig.done_count, 1);
	CHECK_TEXT(rig_value(&rig, 0, "rpc_version", 0), "4.0");
	CHECK_TEXT(rig_value(&rig, 0, "seqnum", 0), "9");
	CHECK_TEXT(rig_value(&rig, 0, "activityuuid", 0), "8a885d04-1ceb-11c9-9fe8-08002b104860");
	CHECK_TEXT(rig_value(&rig, 0, "dcerpc.stub_data", 1), "pong");
	rig_free(&rig);
}

/* Fragments that never end, calls that nobody answers: bounded and named. */
TEST(floods_are_bounded)
{
	static char text[4001];
	struct made m = {.size = 0};
	struct cc_ctx rig;

	memset(text, 'x', 4000);
	rig_open(&rig, &dcerpc_parser, false, 135);
	for (unsigned i = 0; i < 400; i++) {
		m.size = 0;
		call(&m, 0, i == 0, 1, text);
		rig_feed(&rig, CC_TO_SERVER, all(&m));
	}
	CHECK(rig_has_anomaly(&rig, "stub_data_too_long"));
	CHECK(rig.taken < 600 * 1024);
	for (unsigned i = 0; i < 60; i++) {
		m.size = 0;
		call(&m, 0, 1, 100 + i, text);
		rig_feed(&rig, CC_TO_SERVER, all(&m));
	}
	CHECK(rig_has_anomaly(&rig, "too_many_calls"));
	CHECK(rig.taken < 2 * 1024 * 1024);
	rig_end(&rig);
	CHECK_UINT(rig.taken, 0);
	rig_free(&rig);
}

TEST(random_damage)
{
	uint32_t seed = 99;

	for (unsigned round = 0; round < 4000; round++) {
		struct made side[2];
		struct cc_ctx rig;

		make(&side[0], false, round & 1);
		make(&side[1], true, round & 1);
		rig_open(&rig, &dcerpc_parser, false, 135);
		for (unsigned i = 0; i < round % 9; i++) {
			struct made *m = &side[i & 1];

			seed = seed * 1103515245 + 12345;
			m->b[(seed >> 8) % m->size] ^= (uint8_t)(1 << (seed & 7));
		}
		for (unsigned dir = 0; dir < 2; dir++)
			for (size_t at = 0; at < side[dir].size;) {
				size_t size;

				seed = seed * 1103515245 + 12345;
				size = (seed >> 8) % 90 + 1;
				if (size > side[dir].size - at)
					size = side[dir].size - at;
				if ((seed & 0x1f0) == 0)
					rig_gap(&rig, (enum cc_dir)dir, size);
				else
					rig_feed(&rig, (enum cc_dir)dir, slice_of(side[dir].b + at, size));
				at += size;
			}
		rig_end(&rig);
		CHECK_UINT(rig.taken, 0);
		rig_free(&rig);
	}
}

TESTS(T(tables_are_whole), T(calls_in_both_byte_orders), T(who_logs_on), T(cut_anywhere), T(unanswered_is_said),
    T(datagrams), T(floods_are_bounded), T(random_damage))
