/* The core of app: identification, feeding, transactions and their limits, events; with a toy parser and real ones. */
#include "app/own.h"
#include "app_rig.h"

/*
 * The toy speaks lines: "new" opens a transaction, "put x" puts a value, "done" ends the oldest, "odd" is an anomaly,
 * "bad" is no toy, "switch" hands over, "enough" has seen enough.
 */
enum { TOY_WORD, TOY_NUMBER, TOY_LAST = 127 };

static const struct cc_field toy_fields[128] = {
	[TOY_WORD] = {"toy.word", "word", CC_BYTES, CC_REQUEST | CC_MULTI, ""},
	[TOY_NUMBER] = {"toy.number", "number", CC_UINT, CC_REQUEST, ""},
	[TOY_LAST] = {"toy.last", "last", CC_UINT, CC_REQUEST, ""},
};
static const struct cc_anomaly toy_anomalies[] = {{"odd", ""}};

struct toy {
	struct cc_tx *tx[64];
	unsigned count, finished, closed;
	uint64_t gap;
};

static struct toy toy_seen; /* at its close */

static enum cc_status
toy_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	(void)ctx;
	(void)dir;
	(void)in;
	return CC_OK;
}

static enum cc_status
toy_line(struct cc_ctx *ctx, struct toy *toy, enum cc_dir dir, struct slice line)
{
	struct cc_tx *tx = toy->count > 0 ? toy->tx[toy->count - 1] : NULL;

	if (slice_is(line, "new") && toy->count < 64) {
		toy->tx[toy->count++] = cc_tx_new(ctx);
	} else if (line.size > 4 && memcmp(line.p, "put ", 4) == 0) {
		cc_put(ctx, tx, TOY_WORD, slice_of(line.p + 4, line.size - 4));
		cc_put_uint(ctx, tx, TOY_LAST, line.size);
		cc_tx_update(ctx, tx, dir);
	} else if (slice_is(line, "done") && tx != NULL) {
		cc_tx_side_done(ctx, toy->tx[0], dir);
		cc_tx_done(ctx, toy->tx[0]);
		memmove(toy->tx, toy->tx + 1, --toy->count * sizeof(toy->tx[0]));
	} else if (slice_is(line, "odd")) {
		cc_anomaly(ctx, tx, 0);
	} else if (slice_is(line, "switch")) {
		cc_switch(ctx);
	} else if (slice_is(line, "enough")) {
		cc_enough(ctx, dir);
	} else if (slice_is(line, "bad")) {
		return CC_BAD;
	}
	return CC_OK;
}

static enum cc_status
toy_feed(struct cc_ctx *ctx, void *state, enum cc_dir dir, struct cur *in)
{
	const uint8_t *lf;

	while (cur_left(in) > 0 && (lf = memchr(in->p, '\n', cur_left(in))) != NULL) {
		struct slice line = cur_take(in, (size_t)(lf - in->p));

		cur_skip(in, 1);
		if (toy_line(ctx, state, dir, line) != CC_OK)
			return CC_BAD;
		if (slice_is(line, "switch"))
			return CC_OK;
	}
	return CC_MORE;
}

static enum cc_status
toy_gap(struct cc_ctx *ctx, void *state, enum cc_dir dir, uint64_t size)
{
	(void)ctx;
	(void)dir;
	((struct toy *)state)->gap += size;
	return CC_OK;
}

static void
toy_finish(struct cc_ctx *ctx, void *state, enum cc_dir dir)
{
	(void)ctx;
	((struct toy *)state)->finished |= 1u << dir;
}

static void
toy_close(struct cc_ctx *ctx, void *state)
{
	(void)ctx;
	toy_seen = *(struct toy *)state;
	toy_seen.closed++;
}

static const struct cc_parser toy_parser = {
	.name = "toy", .fields = toy_fields, .field_count = 128, .anomalies = toy_anomalies, .anomaly_count = 1,
	.state_size = sizeof(struct toy), .tx_size = 24, .unit_max = 100, .tcp = true, .probe = toy_probe,
	.feed = toy_feed, .gap = toy_gap, .finish = toy_finish, .close = toy_close,
};

/* A flow that is known to speak toy. */
static void
toy_begin(struct rig *rig)
{
	struct app_flow *own;

	rig_begin(rig);
	own = rig->flow.app = pool_take_zero(rig->pool, sizeof(*own));
	own->parser = &toy_parser;
	own->state = pool_take_zero(rig->pool, toy_parser.state_size);
	own->side[0].state = own->side[1].state = SIDE_KNOWN;
	memset(&toy_seen, 0, sizeof(toy_seen));
}

static void
say(struct rig *rig, enum cc_dir dir, const char *text)
{
	rig_add(rig, dir, slice_str(text));
}

TEST(transactions)
{
	struct rig rig;
	const char *out;

	rig_open(&rig, NULL);
	toy_begin(&rig);
	say(&rig, CC_TO_SERVER, "new\nput a\npu");
	say(&rig, CC_TO_SERVER, "t bb\nnew\nodd\ndone\n");
	CHECK(app_next_tx(&rig.flow, NULL) != NULL);
	CHECK_UINT(app_next_tx(&rig.flow, NULL)->id, 1);
	CHECK(app_next_tx(&rig.flow, app_next_tx(&rig.flow, NULL)) == NULL);
	CHECK(app_protocol(&rig.flow) == &toy_parser);
	out = rig_end(&rig);
	CHECK_TEXT(out, "odd odd\ntx 0\n  <toy.word a\n  <toy.last 5\n  <toy.word bb\n  <toy.last 6\ntx 1\n");
	CHECK_UINT(toy_seen.finished, 3);
	CHECK_UINT(toy_seen.closed, 1);
	rig_close(&rig);
}

TEST(many_values)
{
	static const char *const settings[] = {"app.tx_memory=64k", NULL};
	char text[64];
	const struct cc_tx *tx;
	struct rig rig;

	rig_open(&rig, settings);
	toy_begin(&rig);
	say(&rig, CC_TO_SERVER, "new\n");
	for (unsigned i = 0; i < 500; i++) {
		snprintf(text, sizeof(text), "put value%u\n", i);
		say(&rig, CC_TO_SERVER, text);
	}
	tx = app_next_tx(&rig.flow, NULL);
	CHECK_UINT(tx->count, 1000);
	for (unsigned i = 0; i < 500; i++) {
		snprintf(text, sizeof(text), "value%u", i);
		CHECK(slice_is(slice_of(tx->value[2 * i].bytes, tx->value[2 * i].size), text));
	}
	CHECK(cc_get(tx, TOY_LAST) != NULL);
	CHECK(cc_get(tx, TOY_NUMBER) == NULL);
	for (unsigned i = 0; i < 20000; i++)
		say(&rig, CC_TO_SERVER, "put abcdefghijklmnop\n");
	CHECK(app_counts(rig.app)[APP_VALUES_LOST] > 0);
	CHECK(pool_used(rig.pool) - rig.idle < 128u << 10);
	rig.quiet = true;
	rig_end(&rig);
	rig_close(&rig);
}

TEST(too_many_transactions)
{
	static const char *const settings[] = {"app.tx_max=4", NULL};
	struct rig rig;
	const char *out;

	rig_open(&rig, settings);
	toy_begin(&rig);
	for (unsigned i = 0; i < 12; i++) /* four stay, four are evicted, four are not made */
		say(&rig, CC_TO_SERVER, "new\nput x\n");
	CHECK_UINT(app_counts(rig.app)[APP_TX_EVICTED], 4);
	CHECK_UINT(app_counts(rig.app)[APP_TX_REFUSED], 4);
	say(&rig, CC_TO_SERVER, "done\ndone\ndone\ndone\ndone\n");
	out = rig_end(&rig);
	for (unsigned i = 0; i < 8; i++) { /* each is told once */
		char line[16];
		const char *at;

		snprintf(line, sizeof(line), "tx %u\n", i);
		at = strstr(out, line);
		CHECK(at != NULL && strstr(at + 1, line) == NULL);
	}
	rig_close(&rig);
}

TEST(give_up)
{
	struct rig rig;
	const char *out;
	char text[201];

	rig_open(&rig, NULL);
	toy_begin(&rig); /* the parser says so */
	say(&rig, CC_TO_SERVER, "new\nput a\nbad\n");
	CHECK(app_failed(&rig.flow) && app_enough(&rig.flow, CC_TO_CLIENT));
	CHECK_UINT(rig.kept[CC_TO_SERVER].size, 0);
	say(&rig, CC_TO_SERVER, "put b\n");
	out = rig_end(&rig);
	CHECK_TEXT(out, "odd applayer_parser_failed\ntx 0\n  <toy.word a\n  <toy.last 5\n");

	toy_begin(&rig); /* a unit without end */
	memset(text, 'x', 200);
	text[200] = '\0';
	say(&rig, CC_TO_SERVER, text);
	CHECK(app_failed(&rig.flow));
	CHECK_TEXT(rig_end(&rig), "odd applayer_unit_too_long\n");

	toy_begin(&rig); /* enough of one side */
	say(&rig, CC_TO_SERVER, "enough\n");
	CHECK(app_enough(&rig.flow, CC_TO_SERVER) && !app_enough(&rig.flow, CC_TO_CLIENT));
	rig_end(&rig);

	toy_begin(&rig); /* gaps */
	say(&rig, CC_TO_SERVER, "new\npu");
	rig_chunk(&rig, CC_TO_SERVER, slice_str("put z\n"), 17, false);
	CHECK_TEXT(rig_end(&rig), "tx 0\n  <toy.word z\n  <toy.last 5\n");
	CHECK_UINT(toy_seen.gap, 17);
	rig_close(&rig);
}

TEST(switching)
{
	struct rig rig;
	const char *out;

	rig_open(&rig, NULL);
	toy_begin(&rig);
	say(&rig, CC_TO_SERVER, "new\nswitch\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
	say(&rig, CC_TO_CLIENT, "HTTP/1.1 204 No\r\n\r\n");
	CHECK_TEXT(app_protocol(&rig.flow)->name, "http");
	out = rig_end(&rig);
	CHECK(strncmp(out, "tx 0\nis http\ntx 1\n", 18) == 0);
	rig_close(&rig);
}

TEST(identification)
{
	struct rig rig;
	const char *out;

	rig_open(&rig, NULL);
	rig.flow.side[CC_TO_CLIENT].port = 9999;
	out = rig_run(&rig, slice_str("GET / HTTP/1.1\r\n\r\n"), slice_str("HTTP/1.1 200 OK\r\n\r\n"), 1);
	CHECK(strncmp(out, "is http\n", 8) == 0);
	CHECK(strstr(out, "odd applayer") == NULL);

	out = rig_run(&rig, slice_str("GET / HTTP/1.1\r\n\r\n"), slice_str("nothing of the kind\r\n"), 0);
	CHECK(strstr(out, "odd applayer_detect_protocol_only_one_direction\n") != NULL);

	out = rig_run(&rig, slice_str("\x01\x02\x03\x04 nothing that anybody knows"),
	    slice_str("\xff\xfe\xfd no\r\n"), 0);
	CHECK_TEXT(out, "");
	CHECK_UINT(app_counts(rig.app)[APP_UNIDENTIFIED], 1);

	rig_begin(&rig); /* only the server is seen, in the middle of something, then a new message */
	rig.flow.established = false;
	rig.flow.midstream = true;
	for (unsigned i = 0; i < 100; i++)
		say(&rig, CC_TO_SERVER, "the rest of an upload that began before we looked, and goes on for a while; ");
	say(&rig, CC_TO_CLIENT, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	say(&rig, CC_TO_SERVER, "end\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n");
	out = rig_end(&rig);
	CHECK(strstr(out, ">status 200\n") != NULL);
	CHECK(strstr(out, "<http.uri /next\n") != NULL);
	CHECK(strstr(out, "applayer") == NULL);

	rig_begin(&rig); /* the server begins */
	say(&rig, CC_TO_CLIENT, "HTTP/1.1 200 OK\r\n\r\n");
	say(&rig, CC_TO_SERVER, "GET / HTTP/1.1\r\n\r\n");
	CHECK(strstr(rig_end(&rig), "odd applayer_wrong_direction_first_data\n") != NULL);
	rig_close(&rig);
}

/* Does app want client and server the other way round for these first bytes of the client? */
static bool
turns(struct rig *rig, const char *text, bool midstream, bool datagram)
{
	struct chunk chunk = {.dir = CC_TO_SERVER, .p = (const uint8_t *)text, .size = strlen(text),
	    .fresh = strlen(text), .datagram = datagram};
	bool turn;

	rig_begin(rig);
	rig->flow.midstream = midstream;
	rig->flow.proto = datagram ? 17 : 6;
	rig->flow.side[CC_TO_SERVER].payload_packets = 1;
	app_feed(rig->app, &rig->flow, &rig->pkt, &chunk, &rig->batch);
	turn = chunk.turn;
	if (turn) {
		chunk.dir = CC_TO_CLIENT;
		chunk.turn = false;
		app_feed(rig->app, &rig->flow, &rig->pkt, &chunk, &rig->batch);
		CHECK(!chunk.turn);
		CHECK(app_protocol(&rig->flow) != NULL);
	}
	rig_end(rig);
	return turn;
}

TEST(turned_round)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	struct rig rig;

	rig_open(&rig, NULL);
	CHECK(turns(&rig, answer, true, false));
	CHECK(!turns(&rig, answer, false, false)); /* its handshake told who is who */
	CHECK(!turns(&rig, "GET / HTTP/1.1\r\n\r\n", true, false));
	CHECK(!turns(&rig, "nothing of the kind", true, false));
	rig_close(&rig);
}

TEST(off)
{
	static const char *const settings[] = {"app.off=[http]", NULL};
	struct rig rig;

	rig_open(&rig, settings);
	CHECK_TEXT(rig_run(&rig, slice_str("GET / HTTP/1.1\r\n\r\n"), slice_str("HTTP/1.1 200 OK\r\n\r\n"), 0), "");
	rig_close(&rig);
}

TEST(datagrams)
{
	/* id 1, recursion desired, one question: a. IN A */
	static const uint8_t query[] = {0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0, 1, 0, 1};
	struct chunk chunk = {.dir = CC_TO_SERVER, .p = query, .size = sizeof(query), .fresh = sizeof(query),
	    .datagram = true};
	struct rig rig;
	const char *out;

	rig_open(&rig, NULL);
	rig_begin(&rig);
	rig.flow.proto = 17;
	rig.flow.side[CC_TO_CLIENT].port = 53;
	for (unsigned i = 0; i < 3; i++) {
		app_feed(rig.app, &rig.flow, &rig.pkt, &chunk, &rig.batch);
		CHECK_UINT(chunk.used, sizeof(query));
		rig_drain(&rig);
	}
	out = rig_end(&rig);
	CHECK(strncmp(out, "is dns\ntx 0\n", 12) == 0);
	CHECK(strstr(out, "tx 2\n") != NULL);
	rig_close(&rig);
}

TEST(full_batch)
{
	static const char *const settings[] = {"engine.arena=256k", NULL};
	struct rig rig;
	struct buf buf;

	rig_open(&rig, settings);
	toy_begin(&rig);
	buf_open(&buf, 1u << 20);
	buf_add_text(&buf, "new\n");
	for (unsigned i = 0; i < 20000; i++)
		buf_add_text(&buf, "odd\n");
	buf_add_text(&buf, "done\n");
	rig_add(&rig, CC_TO_SERVER, buf_slice(&buf));
	CHECK(app_counts(rig.app)[APP_EVENTS_LOST] > 0);
	rig_end(&rig); /* memory comes back all the same */
	buf_close(&buf);
	rig_close(&rig);
}

TEST(names)
{
	CHECK(app_parser_by_name(slice_str("http")) != NULL);
	CHECK(app_parser_by_name(slice_str("htt")) == NULL);
	CHECK_UINT(app_field_by_buffer(app_parser_by_name(slice_str("http")), slice_str("http.method")), 0);
	CHECK(app_field_by_buffer(&toy_parser, slice_str("toy.none")) == -1);
	CHECK_TEXT(app_count_name[APP_EVENTS_LOST], "app.events_lost");
	CHECK_TEXT(app_count_name[APP_FLOWS_http1], "app.flows.http1");
}

TESTS(T(transactions), T(many_values), T(too_many_transactions), T(give_up), T(switching), T(identification),
    T(turned_round), T(off), T(datagrams), T(full_batch), T(names))
