/* Rules over frames, with the real parsers before them: what loads, and that cutting a stream doesn't matter. */
#include "unit/detect/rig.h"

TEST(which_rules_load)
{
	static const struct {
		const char *rule, *why; /* NULL: it loads */
	} table[] = {
	    {"alert tls any any -> any any (frame:pdu; content:\"a\"; sid:1;)", NULL},
	    {"alert tcp any any -> any any (frame:tls.pdu; content:\"a\"; sid:1;)", NULL},
	    {"alert ip any any -> any any (frame:tls.pdu; content:\"a\"; sid:1;)", NULL},
	    {"alert tls any any -> any any (frame:pdu; content:\"a\"; frame:hdr; content:\"b\"; sid:1;)", NULL},
	    {"alert tls any any -> any any (frame:pdu; bsize:5; sid:1;)", NULL},
	    {"alert tls any any -> any any (frame:pdu; content:!\"a\"; sid:1;)", NULL},
	    {"alert smb any any -> any any (frame:smb2.data; content:\"a\"; sid:1;)", NULL},
	    {"alert http any any -> any any (frame:http1.request; content:\"a\"; sid:1;)", NULL},
	    {"alert http1 any any -> any any (frame:stream; content:\"a\"; sid:1;)", NULL},
	    {"alert dns any any -> any any (frame:pdu; content:\"a\"; sid:1;)", NULL},
	    {"alert tls any any -> any any (frame:pdu; sid:1;)", "nothing is asked"},
	    {"alert tls any any -> any any (frame:http1.request; content:\"a\"; sid:1;)", "another protocol"},
	    {"alert tls any any -> any any (frame:pdu; content:\"a\"; tls.sni; content:\"b\"; sid:1;)", "one rule"},
	    {"alert tls any any -> any any (content:\"b\"; frame:pdu; content:\"a\"; sid:1;)", "one rule"},
	    {"alert tls any any -> any any (dsize:>1; frame:pdu; content:\"a\"; sid:1;)", "packet"},
	    {"alert udp any any -> any any (frame:tls.pdu; content:\"a\"; sid:1;)", "transport"},
	    {"alert tcp any any -> any any (frame:pdu; content:\"a\"; sid:1;)", "write it with its protocol"},
	    {"alert tls any any -> any any (frame:nix; content:\"a\"; sid:1;)", "there are pdu, hdr"},
	    {"alert icmp any any -> any any (frame:tls.pdu; content:\"a\"; sid:1;)", "TCP and UDP"},
	    {"alert tcp-pkt any any -> any any (frame:tls.pdu; content:\"a\"; sid:1;)", "excludes"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct rig rig;

		rig_open(&rig, table[i].rule);
		CHECK_UINT(rig.report.loaded, table[i].why == NULL);
		if (table[i].why != NULL && !rig_said(&rig, table[i].why))
			printf("%s: %.*s\n", table[i].rule, (int)rig.report.text.size, (const char *)rig.report.text.p);
		CHECK(table[i].why == NULL || rig_said(&rig, table[i].why));
		rig_close(&rig);
	}
}

static const char rules[] =
    "alert http1 any any -> any any (frame:request; content:\"GET /a\"; startswith; bsize:28; sid:1;)\n"
    "alert http1 any any -> any any (frame:request; content:\"abc\"; endswith; sid:2;)\n"
    "alert http1 any any -> any any (frame:request; content:!\"Content-Length\"; sid:3;)\n"
    "alert http1 any any -> any any (frame:response; content:\"|0d 0a 0d 0a|\"; content:\"hi\"; distance:0; within:2; "
    "sid:4;)\n"
    "alert http1 any any -> any any (frame:response; content:\"200\"; offset:9; depth:3; pcre:\"/^ OK/R\"; sid:5;)\n"
    "alert http1 any any -> any any (frame:request; content:\"POST\"; frame:response; content:\"hi\"; sid:6;)\n"
    "alert http1 any any -> any any (frame:request; to_md5; content:\"|ff|\"; bsize:15; sid:7;)\n"
    "alert http1 any any -> any any (frame:request; strip_whitespace; content:\"GET/aHTTP/1.1Host:x\"; startswith; "
    "sid:8;)\n"
    "alert http1 any any -> any any (frame:response; bsize:>1000; sid:9;)\n"
    "alert tcp any any -> any any (frame:http1.response; content:\"H\"; byte_test:3,=,200,8,relative,string; "
    "sid:10;)\n";

static const unsigned expected[] = {
    [1] = 1, [2] = 1, [3] = 1, [4] = 1, [5] = 2, [6] = 1, [7] = 0, [8] = 1, [9] = 0, [10] = 2};

static void
feed(struct rig *rig, struct app *app, enum cc_dir dir, struct slice all, size_t from, size_t size, size_t *used,
    bool eof)
{
	struct chunk chunk = {.dir = dir, .eof = eof, .fresh = size, .offset = *used};

	chunk.p = all.p + *used;
	chunk.size = from + size - *used;
	app_feed(app, &rig->flow, NULL, &chunk, &rig->batch);
	*used += chunk.used;
	detect_run(rig->detect, &rig->flow, NULL, dir, &rig->batch);
}

static void
batch_end(struct rig *rig, struct app *app)
{
	for (struct cc_tx *tx = app_next_dead(&rig->batch, NULL); tx != NULL; tx = app_next_dead(&rig->batch, tx))
		detect_tx_free(rig->detect, tx);
	app_batch_reset(app, &rig->batch);
}

TEST(any_cut_gives_the_same_alerts)
{
	static const char request[] =
	    "GET /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
	static const char response[] =
	    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.0 200 OK\r\n\r\nto the end";
	const struct slice text[2] = {slice_str(request), slice_str(response)};
	uint64_t seed = 7;
	struct app_wants wants;
	struct app *app;
	struct rig rig;
	size_t history;

	rig_open(&rig, rules);
	CHECK_UINT(rig.report.loaded, 10);
	ruleset_wants(rig.set, &wants, &history);
	app = app_new(rig.conf, rig.pool, &wants);
	for (unsigned round = 0; round < 300; round++) {
		size_t used[2] = {0}, at[2] = {0};
		unsigned alerts[11] = {0};

		detect_flow_free(rig.detect, &rig.flow);
		rig_flow(&rig);
		for (unsigned dir = 0; dir < 2; dir++) {
			while (at[dir] < text[dir].size) {
				size_t left = text[dir].size - at[dir], size;

				seed = seed * 6364136223846793005u + 1442695040888963407u;
				size = round == 0 ? left : 1 + (size_t)(seed >> 33) % (round % 30 + 1);
				size = size < left ? size : left;
				feed(&rig, app, (enum cc_dir)dir, text[dir], at[dir], size, &used[dir], false);
				at[dir] += size;
				for (unsigned i = 1; i < 11; i++)
					alerts[i] += rig_alerts(&rig, i);
				batch_end(&rig, app);
			}
		}
		app_finish(app, &rig.flow, &rig.batch);
		detect_run(rig.detect, &rig.flow, NULL, CC_TO_SERVER, &rig.batch);
		for (unsigned i = 1; i < 11; i++) {
			alerts[i] += rig_alerts(&rig, i);
			CHECK_UINT(alerts[i], expected[i]);
		}
		batch_end(&rig, app);
		app_flow_free(app, &rig.flow);
	}
	app_free(app);
	rig_close(&rig);
}

/* A rule that asks for a protocol's packets, whatever they hold, hears of a session that ends open once more each way;
 * of one that was closed it doesn't. */
TEST(end_of_an_open_session)
{
	const char *request = "GET /index HTTP/1.1\r\nHost: x\r\n\r\n";
	struct app_wants wants;
	size_t history;

	for (unsigned closed = 0; closed < 2; closed++) {
		size_t used = 0;
		struct app *app;
		struct rig rig;

		rig_open(&rig, "alert http any any -> any any (flow:to_server; sid:1;)\n"
			       "alert http any any -> any any (sid:2;)\n"
			       "alert http any any -> any any (flow:established; sid:3;)\n"
			       "alert tls any any -> any any (sid:4;)\n"
			       "alert http any any -> any any (http.uri; pcrexform:\"(y+)\"; content:\"/index\"; sid:5;)\n"
			       "alert tcp any any -> any any (app-layer-protocol:http; sid:6;)\n");
		CHECK_UINT(rig.report.loaded, 6);
		ruleset_wants(rig.set, &wants, &history);
		app = app_new(rig.conf, rig.pool, &wants);
		feed(&rig, app, CC_TO_SERVER, slice_str(request), 0, strlen(request), &used, false);
		CHECK_UINT(rig_alerts(&rig, 5), 1);
		CHECK_UINT(rig_alerts(&rig, 6), 2);
		batch_end(&rig, app);
		rig_clear(&rig);
		rig.flow.tcp = closed ? TCP_CLOSED : TCP_ESTABLISHED;
		rig.flow.ended = true;
		app_finish(app, &rig.flow, &rig.batch);
		detect_run(rig.detect, &rig.flow, NULL, CC_TO_SERVER, &rig.batch);
		CHECK_UINT(rig_alerts(&rig, 1), closed ? 0 : 1);
		CHECK_UINT(rig_alerts(&rig, 2), closed ? 0 : 2);
		CHECK_UINT(rig_alerts(&rig, 3), 0);
		CHECK_UINT(rig_alerts(&rig, 4), 0);
		batch_end(&rig, app);
		app_flow_free(app, &rig.flow);
		rig_close(&rig);
		app_free(app);
	}
}

TESTS(T(end_of_an_open_session), T(which_rules_load), T(any_cut_gives_the_same_alerts))
