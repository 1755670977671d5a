/* The watch list: what is found, in which form; wrong lines; a large one. */
#include "unit/detect/rig.h"

struct watch_rig {
	struct rig rig;
	char path[64];
};

static void
watch_open(struct watch_rig *w, const char *lines)
{
	char setting[128];

	rig_file(w->path, lines);
	snprintf(setting, sizeof(setting), "detect.watch=[%s]", w->path);
	const char *const settings[] = {setting, NULL};
	rig_open_with(&w->rig, NULL, settings);
}

static void
watch_close(struct watch_rig *w)
{
	rig_close(&w->rig);
	unlink(w->path);
}

static unsigned
found(struct watch_rig *w, const char *parser, const char *const *pairs)
{
	struct cc_value value[8];
	struct cc_tx tx = {.parser = app_parser_by_name(slice_str(parser)), .value = value};
	struct event event = {.kind = EVENT_UPDATE, .tx = &tx};
	unsigned count;

	for (; pairs[0] != NULL; pairs += 2) {
		for (unsigned f = 0; f < tx.parser->field_count; f++) {
			const struct cc_field *field = &tx.parser->fields[f];
			const char *name = field->buffer != NULL ? field->buffer : field->eve;

			if (name != NULL && strcmp(name, pairs[0]) == 0) {
				value[tx.count++] = (struct cc_value){.field = (uint16_t)f,
				    .size = (uint32_t)strlen(pairs[1]),
				    .bytes = (const uint8_t *)pairs[1]};
				break;
			}
		}
	}
	rig_clear(&w->rig);
	w->rig.batch.event = &event;
	w->rig.batch.event_count = 1;
	detect_run(w->rig.detect, &w->rig.flow, NULL, CC_TO_SERVER, &w->rig.batch);
	w->rig.batch.event_count = 0;
	detect_tx_free(w->rig.detect, &tx);
	count = w->rig.batch.match_count;
	return count;
}

#define FOUND(parser, ...) found(&w, parser, (const char *const[]){__VA_ARGS__, NULL})

TEST(values)
{
	struct watch_rig w;

	watch_open(&w, "# comment\n"
		       "domain Evil.Example.TEST. source=cert-a a comment of words\n"
		       "url http://Bad.example/path?x=1\n"
		       "ja3 E7D705A3286E19EA42F587B344EE6865\n"
		       "ja4 t13d1516h2_8daaf6152771_b186095e22b6\n"
		       "user-agent Evil Agent 1.0\n"
		       "domain\n"
		       "colour red\n"
		       "ja3 123\n");
	CHECK_UINT(w.rig.report.warnings, 3);
	CHECK(rig_said(&w.rig, ":8:1: warning: unknown kind"));
	CHECK_UINT(FOUND("dns", "dns.query", "a.b.evil.example.test"), 1);
	if (w.rig.batch.match_count == 1) {
		const struct match *match = w.rig.batch.match[0];

		CHECK(match->by == MATCH_WATCH && slice_is(match->watch->source, "cert-a"));
		CHECK(slice_is(match->watch->value, "evil.example.test"));
		CHECK(slice_is(match->watch->comment, "a comment of words"));
		CHECK_TEXT(match->buffer, "dns.query");
	}
	CHECK_UINT(FOUND("dns", "dns.query", "notevil.example.test"), 0);
	CHECK_UINT(FOUND("dns", "dns.query", "example.test"), 0);
	CHECK_UINT(FOUND("tls", "tls.sni", "EVIL.example.test"), 1);
	CHECK_UINT(FOUND("http", "http.host", "evil.example.test", "http.uri", "/"), 1);
	CHECK_UINT(FOUND("http", "http.uri", "/path?x=1", "http.host", "bad.example"), 1);
	CHECK_UINT(FOUND("http", "http.uri", "/path?x=2", "http.host", "bad.example"), 0);
	CHECK_UINT(FOUND("tls", "ja3.hash", "e7d705a3286e19ea42f587b344ee6865"), 1);
	CHECK_UINT(FOUND("tls", "ja4.hash", "t13d1516h2_8daaf6152771_b186095e22b6"), 1);
	CHECK_UINT(FOUND("http", "http.user_agent", "Evil Agent 1.0"), 1);
	CHECK_UINT(FOUND("http", "http.user_agent", "Evil Agent 1"), 0);
	watch_close(&w);
}

TEST(addresses)
{
	struct watch_rig w;

	watch_open(&w, "addr 10.0.0.2\naddr 192.0.2.0/24\naddr 2001:db8::/32\n");
	rig_packet(&w.rig, CC_TO_SERVER, "x", 1);
	CHECK_UINT(w.rig.batch.match_count, 1);
	rig_packet(&w.rig, CC_TO_CLIENT, "x", 1);
	CHECK_UINT(w.rig.batch.match_count, 1);
	rig_clear(&w.rig);
	detect_flow_free(w.rig.detect, &w.rig.flow);
	rig_flow(&w.rig);
	w.rig.flow.side[0].addr = (struct cc_addr){{0x20, 1, 0x0d, 0xb8, 1}};
	w.rig.flow.side[1].addr = cc_addr4((const uint8_t[]){192, 0, 2, 77});
	rig_packet(&w.rig, CC_TO_SERVER, "x", 1);
	CHECK_UINT(w.rig.batch.match_count, 2);
	watch_close(&w);
}

TEST(files)
{
	struct watch_rig w;
	struct cc_file file = {.has_sha256 = true, .state = FILE_WHOLE};
	struct event event = {.kind = EVENT_FILE_DONE, .file = &file};
	struct app_wants wants;
	size_t history;

	watch_open(&w, "file-sha256 0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20\n");
	ruleset_wants(w.rig.set, &wants, &history);
	CHECK((wants.digests & DIGEST_SHA256) != 0);
	for (unsigned i = 0; i < 32; i++)
		file.sha256[i] = (uint8_t)(i + 1);
	w.rig.batch.event = &event;
	w.rig.batch.event_count = 1;
	detect_run(w.rig.detect, &w.rig.flow, NULL, CC_TO_CLIENT, &w.rig.batch);
	CHECK_UINT(w.rig.batch.match_count, 1);
	watch_close(&w);
}

/* A reload takes the list over when its file is the same and whole. */
TEST(shared_over_a_reload)
{
	struct ruleset_report report = {.loaded = 0};
	struct ruleset *set;
	struct watch_rig w;
	FILE *file;

	buf_open(&report.text, 1 << 16);
	watch_open(&w, "addr 10.0.0.2\n");
	CHECK(ruleset_reload(w.rig.conf, w.rig.set, &report, &set) == CC_OK && set->watch == w.rig.set->watch);
	detect_switch(w.rig.detect, set);
	ruleset_free(w.rig.set);
	w.rig.set = set;
	rig_packet(&w.rig, CC_TO_SERVER, "x", 1);
	CHECK_UINT(w.rig.batch.match_count, 1);
	for (unsigned i = 0; i < 2; i++) { /* changed; then not, but with a line that is wrong */
		if (i == 0) {
			file = fopen(w.path, "a");
			CHECK(file != NULL && fputs("nonsense\n", file) > 0 && fclose(file) == 0);
		}
		CHECK(ruleset_reload(w.rig.conf, w.rig.set, &report, &set) == CC_OK && set->watch != w.rig.set->watch);
		CHECK_UINT(report.warnings, i + 1);
		detect_switch(w.rig.detect, set);
		ruleset_free(w.rig.set);
		w.rig.set = set;
	}
	buf_close(&report.text);
	watch_close(&w);
}

TEST(many)
{
	struct watch_rig w;
	size_t size = 0, room = 8 << 20;
	char *text = malloc(room), name[64];
	unsigned missing = 0;

	for (unsigned i = 0; i < 200000; i++)
		size += (size_t)snprintf(text + size, room - size, "domain host%u.example.net\n", i);
	watch_open(&w, text);
	for (unsigned i = 0; i < 200000; i += 97) {
		snprintf(name, sizeof(name), "host%u.example.net", i);
		missing += FOUND("dns", "dns.query", name) != 1;
		snprintf(name, sizeof(name), "host%u.example.org", i);
		missing += FOUND("dns", "dns.query", name) != 0;
	}
	CHECK_UINT(missing, 0);
	watch_close(&w);
	free(text);
}

static enum cc_status
put(struct watch *live, enum cc_kind kind, const char *value)
{
	return watch_add(live, &(struct watch_entry){.kind = kind,
				   .value = slice_str(value),
				   .source = slice_str("cert.example"),
				   .answer_to = slice_str("cert.example 1")});
}

/* What comes while running stands beside the operator's files, and goes without them. */
TEST(beside_the_rules)
{
	struct watch *live = watch_new(3);
	struct watch_rig w;

	watch_open(&w, "domain file.example\n");
	CHECK(put(live, CC_KIND_DOMAIN, "Live.Example.") == CC_OK);
	CHECK(put(live, CC_KIND_DOMAIN, "live.example") == CC_OK); /* there already */
	CHECK_UINT(watch_count(live), 1);
	CHECK(put(live, CC_KIND_FILE_SHA256, "12") == CC_BAD);
	CHECK(put(live, CC_KIND_ADDR, "1.2.3") == CC_BAD);
	CHECK(put(live, CC_KIND_COUNT, "x") == CC_BAD);
	CHECK(!watch_wants_files(live));
	CHECK_UINT(FOUND("dns", "dns.query", "a.live.example"), 0);
	detect_watch(w.rig.detect, live);
	CHECK_UINT(FOUND("dns", "dns.query", "a.live.example"), 1);
	CHECK(slice_is(w.rig.batch.match[0]->watch->answer_to, "cert.example 1"));
	CHECK(slice_is(w.rig.batch.match[0]->watch->source, "cert.example"));
	CHECK_UINT(FOUND("dns", "dns.query", "file.example"), 1);
	CHECK_UINT(w.rig.batch.match[0]->watch->answer_to.size, 0);
	detect_watch(w.rig.detect, NULL);
	CHECK_UINT(FOUND("dns", "dns.query", "a.live.example"), 0);
	CHECK_UINT(FOUND("dns", "dns.query", "file.example"), 1);
	watch_close(&w);
	watch_free(live);
}

TESTS(T(values), T(addresses), T(files), T(shared_over_a_reload), T(many), T(beside_the_rules))
