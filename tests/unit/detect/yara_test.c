/* YARA: what is refused, where rules are used, and matches across the pieces of a stream. */
#include "unit/detect/rig.h"

static const char rules[] =
    "rule on_file { meta: sid = 7001 strings: $a = \"payload\" condition: $a }\n"
    "rule on_stream { meta: scan = \"stream\" sid = 7002 severity = \"high\" strings: $long = \"across-the-pieces\" "
    "condition: $long }\n"
    "rule on_both { meta: scan = \"both\" sid = 7003 strings: $b = { 01 02 03 } condition: $b }\n"
    "rule by_name { meta: sid = 7004 condition: filename == \"a.EXE\" and extension == \".exe\" }\n";

struct yara_rig {
	struct rig rig;
	char path[64], broken[64];
};

static void
yara_open(struct yara_rig *y, const char *text, const char *broken)
{
	char setting[256];
	const char *const settings[] = {setting, NULL};

	rig_file(y->path, text);
	rig_file(y->broken, broken);
	snprintf(setting, sizeof(setting), "detect.yara=[%s,%s]", y->broken, y->path);
	rig_open_with(&y->rig, NULL, settings);
}

static void
yara_close(struct yara_rig *y)
{
	rig_close(&y->rig);
	unlink(y->path);
	unlink(y->broken);
}

TEST(loading)
{
	struct yara_rig y;
	struct app_wants wants;
	size_t history;

	yara_open(&y, rules, "rule broken { condition: nothing }\n");
	CHECK_UINT(y.rig.report.yara_loaded, 4);
	CHECK_UINT(y.rig.report.yara_refused, 1);
	CHECK(rig_said(&y.rig, ":1: "));
	CHECK(rig_said(&y.rig, y.broken));
	ruleset_wants(y.rig.set, &wants, &history);
	CHECK(wants.content && history == y.rig.conf->detect_stream_window);
	yara_close(&y);
	yara_open(&y, rules, "include \"/etc/passwd\"\nrule x { condition: true }\n");
	CHECK_UINT(y.rig.report.yara_refused, 1);
	yara_close(&y);
}

static unsigned
file_matches(struct yara_rig *y, const char *name, const char *bytes)
{
	struct cc_file file = {.dir = CC_TO_CLIENT,
	    .state = FILE_WHOLE,
	    .content = (const uint8_t *)bytes,
	    .content_size = strlen(bytes),
	    .size = strlen(bytes),
	    .name = slice_str(name)};
	struct event event = {.kind = EVENT_FILE_DONE, .file = &file};

	rig_clear(&y->rig);
	y->rig.batch.event = &event;
	y->rig.batch.event_count = 1;
	detect_run(y->rig.detect, &y->rig.flow, NULL, CC_TO_CLIENT, &y->rig.batch);
	y->rig.batch.event_count = 0;
	return y->rig.batch.match_count;
}

TEST(files)
{
	struct yara_rig y;

	yara_open(&y, rules, "");
	CHECK_UINT(file_matches(&y, "x", "some payload here"), 1);
	CHECK(rig_alerts(&y.rig, 7001) == 1 && y.rig.batch.match[0]->by == MATCH_YARA);
	CHECK_UINT(y.rig.batch.match[0]->offset, 5);
	CHECK_UINT(y.rig.batch.match[0]->size, 7);
	CHECK(slice_is(y.rig.batch.match[0]->string, "$a"));
	CHECK_UINT(file_matches(&y, "x", "across-the-pieces"), 0);
	CHECK_UINT(file_matches(&y, "x", "\x01\x02\x03"), 1);
	CHECK_UINT(file_matches(&y, "a.EXE", "z"), 1);
	CHECK_UINT(file_matches(&y, "b.EXE", "z"), 0);
	CHECK_UINT(detect_counts(y.rig.detect)[DETECT_YARA_FILE_SCANS], 5);
	yara_close(&y);
}

TEST(streams)
{
	static char text[12000];
	struct yara_rig y;

	yara_open(&y, rules, "");
	for (size_t size = 1; size < 3000; size = size * 3 + 1) {
		for (size_t place = 3000; place < 5000; place += 331) {
			memset(text, '.', sizeof(text));
			memcpy(text + place, "across-the-pieces", 17);
			rig_clear(&y.rig);
			rig_flow(&y.rig);
			for (size_t at = 0; at < 8000; at += size)
				rig_stream(&y.rig, CC_TO_SERVER, text + at, 8000 - at < size ? 8000 - at : size,
				    at + size >= 8000);
			CHECK_UINT(y.rig.batch.match_count, 1);
			if (y.rig.batch.match_count == 1) {
				CHECK_UINT(y.rig.batch.match[0]->offset, place);
				CHECK(y.rig.batch.match[0]->stream && rig_alerts(&y.rig, 7002) == 1);
				CHECK(slice_is(y.rig.batch.match[0]->string, "$long"));
				CHECK_UINT(y.rig.batch.match[0]->rule->severity, 1);
			}
			detect_flow_free(y.rig.detect, &y.rig.flow);
		}
	}
	yara_close(&y);
}

/* The same files after a reload: the same rules, and nothing is told twice; other ones: all anew. */
TEST(reload_keeps_what_is_the_same)
{
	static char text[3000];
	struct ruleset_report report = {.loaded = 0};
	struct ruleset *set;
	struct yara_rig y;
	FILE *file;

	yara_open(&y, rules, "");
	buf_open(&report.text, 1 << 16);
	memset(text, '.', sizeof(text));
	memcpy(text + 500, "across-the-pieces", 17);
	rig_stream(&y.rig, CC_TO_SERVER, text, 3000, false);
	CHECK_UINT(y.rig.batch.match_count, 1);
	rig_clear(&y.rig);
	CHECK(ruleset_reload(y.rig.conf, y.rig.set, &report, &set) == CC_OK);
	CHECK(set->yara == y.rig.set->yara && set->yara != NULL);
	CHECK(report.yara_loaded > 0);
	detect_switch(y.rig.detect, set);
	ruleset_free(y.rig.set);
	y.rig.set = set;
	rig_stream(&y.rig, CC_TO_SERVER, text, 3000, false);
	CHECK_UINT(y.rig.batch.match_count, 0);
	rig_clear(&y.rig);

	file = fopen(y.path, "a");
	CHECK(file != NULL && fputs("rule another { condition: false }\n", file) > 0 && fclose(file) == 0);
	CHECK(ruleset_reload(y.rig.conf, y.rig.set, &report, &set) == CC_OK);
	CHECK(set->yara != y.rig.set->yara);
	detect_switch(y.rig.detect, set);
	ruleset_free(y.rig.set);
	y.rig.set = set;
	rig_stream(&y.rig, CC_TO_SERVER, text, 2000, true);
	CHECK_UINT(y.rig.batch.match_count, 1);
	buf_close(&report.text);
	yara_close(&y);
}

/* Files of a real flow, scanned by threads beside the worker: held until collected, matches as on the worker. */
TEST(threads)
{
	static const char request[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\nsome payload here";
	static const char *const texts[2] = {request, answer};
	struct app_wants wants = {.content = true};
	struct yara_rig y;
	struct app *app;
	struct flows *flows;
	struct flow *flow;
	enum cc_dir dir;
	unsigned files = 0, matches = 0;
	enum cc_status st;

	yara_open(&y, rules, "");
	rig_packet(&y.rig, CC_TO_SERVER, "", 0);
	detect_free(y.rig.detect);
	app = app_new(y.rig.conf, y.rig.pool, &wants);
	flows = flows_new(y.rig.conf, y.rig.pool, 1);
	y.rig.detect = detect_new(&(struct detect_setup){
	    .conf = y.rig.conf, .set = y.rig.set, .pool = y.rig.pool, .flows = flows, .app = app});
	CHECK(app != NULL && flows != NULL && y.rig.detect != NULL);
	flow = flow_track(flows, &y.rig.pkt, &dir);
	for (unsigned round = 0; round < 200; round++) {
		for (unsigned side = 0; side < 2; side++) {
			struct chunk chunk = {.dir = (enum cc_dir)side,
			    .p = (const uint8_t *)texts[side],
			    .size = strlen(texts[side]),
			    .offset = round * strlen(texts[side])};

			chunk.fresh = chunk.size;
			app_feed(app, flow, &y.rig.pkt, &chunk, &y.rig.batch);
			for (unsigned i = 0; i < y.rig.batch.event_count; i++)
				files += y.rig.batch.event[i].kind == EVENT_FILE_DONE;
			detect_run(y.rig.detect, flow, NULL, (enum cc_dir)side, &y.rig.batch);
			for (unsigned i = 0; i < y.rig.batch.event_count; i++) {
				if (y.rig.batch.event[i].kind == EVENT_DONE)
					detect_tx_free(y.rig.detect, y.rig.batch.event[i].tx);
			}
			app_batch_reset(app, &y.rig.batch);
		}
	}
	CHECK_UINT(files, 200);
	while ((st = detect_collect(y.rig.detect, true, &y.rig.batch)) == CC_OK) {
		for (unsigned i = 0; i < y.rig.batch.match_count; i++)
			matches += y.rig.batch.match[i]->rule->sid == 7001 && y.rig.batch.match[i]->file->size == 17;
		app_batch_reset(app, &y.rig.batch);
	}
	CHECK(st == CC_END);
	CHECK_UINT(matches, 200);
	app_finish(app, flow, &y.rig.batch);
	app_batch_reset(app, &y.rig.batch);
	detect_flow_free(y.rig.detect, flow);
	app_flow_free(app, flow);
	detect_free(y.rig.detect);
	y.rig.detect = NULL;
	batch_close(&y.rig.batch);
	app_free(app);
	flows_free(flows);
	yara_close(&y);
}

TESTS(T(threads), T(loading), T(files), T(streams), T(reload_keeps_what_is_the_same))
