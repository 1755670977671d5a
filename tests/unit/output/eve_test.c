/* EVE lines: JSON whatever the wire said, nested by the parsers' tables, never half a line. */
#include <jansson.h> /* before base/json.h, which has names of its own */

#include "output/output.h"

#include "unit/test.h"

#define VALUES_MAX 64

struct scene {
	struct conf *conf;
	struct eve *eve;
	struct flow flow;
	struct cc_tx tx;
	struct cc_value value[VALUES_MAX];
};

static struct scene *
scene_new(const char *set)
{
	struct scene *s = calloc(1, sizeof(*s));
	char *why = NULL;

	s->conf = conf_new();
	if (set != NULL)
		CHECK(conf_set(s->conf, set, &why) == CC_OK);
	CHECK(eve_new(s->conf, NULL, &s->eve, &why) == CC_OK);
	CHECK(conf_set(s->conf, "eve.community_id=false", &why) == CC_OK);
	s->flow.id = 77;
	s->flow.proto = 17;
	s->flow.ip_version = 4;
	s->flow.vlan_count = 2;
	s->flow.vlan[0] = 5;
	s->flow.vlan[1] = 6;
	s->flow.side[0].addr = cc_addr4((const uint8_t[]){10, 0, 0, 1});
	s->flow.side[0].port = 1234;
	s->flow.side[1].addr = cc_addr4((const uint8_t[]){10, 0, 0, 255});
	s->flow.side[1].port = 53;
	s->tx.parser = app_parser_by_name(slice_str("dns"));
	s->tx.value = s->value;
	s->tx.id = 3;
	CHECK(s->tx.parser != NULL);
	return s;
}

static void
scene_free(struct scene *s)
{
	eve_free(s->eve);
	conf_free(s->conf);
	free(s);
}

static struct cc_value *
put(struct scene *s, const char *path)
{
	struct cc_value *value = &s->value[s->tx.count++];

	for (unsigned i = 0; i < s->tx.parser->field_count; i++) {
		const char *eve = s->tx.parser->fields[i].eve;

		if (eve != NULL && strcmp(eve, path) == 0)
			value->field = (uint16_t)i;
	}
	s->tx.present[value->field / 64] |= 1ull << value->field % 64;
	return value;
}

static void
put_text(struct scene *s, const char *path, const char *text)
{
	struct cc_value *value = put(s, path);

	value->bytes = (const uint8_t *)text;
	value->size = (uint32_t)strlen(text);
}

static void
put_number(struct scene *s, const char *path, uint64_t number)
{
	put(s, path)->num = number;
}

/* NULL: the transaction has nothing that the log shows. */
static json_t *
line_or_none(struct scene *s, enum cc_dir dir)
{
	struct buf out;
	json_t *json;
	json_error_t error;

	buf_open(&out, 65536);
	if (!eve_tx(s->eve, &s->flow, &s->tx, NULL, dir, 1700000000123456789ull, &out)) {
		CHECK(!out.full);
		buf_close(&out);
		return NULL;
	}
	CHECK(out.size == 0 || memchr(out.p, '\n', out.size) == NULL);
	json = json_loadb((const char *)out.p, out.size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	if (json == NULL)
		printf("%s: %.*s\n", error.text, (int)out.size, (const char *)out.p);
	CHECK(json != NULL);
	buf_close(&out);
	return json;
}

static json_t *
line_of(struct scene *s, enum cc_dir dir)
{
	json_t *json = line_or_none(s, dir);

	CHECK(json != NULL);
	return json;
}

static const char *
text_at(json_t *json, const char *one, const char *two)
{
	return json_string_value(
	    json_object_get(two != NULL ? json_object_get(json, one) : json, two != NULL ? two : one));
}

TEST(nests_rows)
{
	struct scene *s = scene_new(NULL);
	json_t *json, *answers;

	put_number(s, "version", 3);
	put_text(s, "type", "response");
	put_text(s, "rrname", "a\"\\\x01\xff.example");
	put(s, "answers[]");
	put_text(s, "answers[].rrname", "one");
	put_number(s, "answers[].ttl", 60);
	put(s, "answers[]");
	put_text(s, "answers[].rrname", "two");
	put_text(s, "answers[].soa.mname", "ns");
	put_number(s, "answers[].soa.serial", 9);
	put(s, "answers[]");
	json = line_of(s, CC_TO_CLIENT);
	CHECK_TEXT(text_at(json, "timestamp", NULL), "2023-11-14T22:13:20.123456+0000");
	CHECK_TEXT(text_at(json, "event_type", NULL), "dns");
	/* A message goes its own way; 10.0.0.255 is the server. */
	CHECK_TEXT(text_at(json, "src_ip", NULL), "10.0.0.255");
	CHECK_TEXT(text_at(json, "dest_ip", NULL), "10.0.0.1");
	CHECK_TEXT(text_at(json, "dns", "rrname"), "a\"\\\x01\xc3\xbf.example");
	CHECK_UINT(json_integer_value(json_object_get(json, "tx_id")), 3);
	CHECK_UINT(json_array_size(json_object_get(json, "vlan")), 2);
	answers = json_object_get(json_object_get(json, "dns"), "answers");
	CHECK_UINT(json_array_size(answers), 3);
	CHECK_UINT(json_integer_value(json_object_get(json_array_get(answers, 0), "ttl")), 60);
	CHECK_TEXT(text_at(json_array_get(answers, 1), "soa", "mname"), "ns");
	CHECK(json_object_get(json_array_get(answers, 1), "ttl") == NULL);
	CHECK_UINT(json_object_size(json_array_get(answers, 2)), 0);
	json_decref(json);
	scene_free(s);
}

/* Names in A-labels are told in U-labels as well, once each, where both are the same name. */
TEST(names_in_both_forms)
{
	struct scene *s = scene_new(NULL);
	json_t *json, *names;

	put_text(s, "type", "answer");
	put_text(s, "rrname", "www.xn--mnchen-3ya.de");
	put(s, "answers[]");
	put_text(s, "answers[].rrname", "www.xn--mnchen-3ya.de");
	put_text(s, "answers[].rdata", "xn--e1afmkfd.xn--p1ai");
	put(s, "answers[]");
	put_text(s, "answers[].rrname", "xn--999999999.example");
	put_number(s, "answers[].ttl", 0x2d2d6e78);
	put(s, "answers[]");
	put_text(s, "answers[].rrname", "a text with xn--mnchen-3ya.de in it");
	json = line_of(s, CC_TO_CLIENT);
	names = json_object_get(json_object_get(json, "concert"), "unicode");
	CHECK_UINT(json_object_size(names), 2);
	CHECK_TEXT(text_at(names, "www.xn--mnchen-3ya.de", NULL), "www.m\xc3\xbcnchen.de");
	CHECK_TEXT(text_at(names, "xn--e1afmkfd.xn--p1ai", NULL),
	    "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xbc\xd0\xb5\xd1\x80.\xd1\x80\xd1\x84");
	json_decref(json);
	scene_free(s);
}

/* Names that only look so cost time: of a line no more than 32 are tried, one that comes again is not. */
TEST(names_that_are_none)
{
	char name[32][32];

	for (unsigned bad = 31; bad <= 32; bad++) {
		struct scene *s = scene_new(NULL);
		json_t *json, *names;

		put_text(s, "type", "answer");
		for (unsigned i = 0; i < bad + 5; i++) {
			snprintf(name[i % bad], sizeof(name[0]), "xn--9999999%02u.example", i % bad);
			put_text(s, "answers[].rrname", name[i % bad]);
		}
		put_text(s, "answers[].rrname", "www.xn--mnchen-3ya.de");
		json = line_of(s, CC_TO_CLIENT);
		names = json_object_get(json_object_get(json, "concert"), "unicode");
		CHECK_UINT(json_object_size(names), bad < 32);
		json_decref(json);
		scene_free(s);
	}
}

/* Whatever room there is: a whole line or none. */
TEST(whole_lines_only)
{
	struct scene *s = scene_new(NULL);
	uint8_t memory[1024];
	struct buf out;
	size_t whole;

	put_number(s, "version", 3);
	put_text(s, "rrname", "example.com");
	buf_over(&out, memory, sizeof(memory));
	CHECK(eve_tx(s->eve, &s->flow, &s->tx, NULL, CC_TO_SERVER, 1, &out));
	whole = out.size;
	for (size_t room = 0, lost = 0; room <= whole; room++) {
		uint8_t *exact = malloc(room > 0 ? room : 1);
		bool said;
		json_t *root;

		buf_over(&out, exact, room);
		said = eve_tx(s->eve, &s->flow, &s->tx, NULL, CC_TO_SERVER, 1, &out);
		lost += !said;
		root = json_loadb((const char *)out.p, out.size, 0, NULL);
		CHECK_UINT(root != NULL, said);
		CHECK_UINT(out.full, !said);
		CHECK_UINT(said && eve_cut(s->eve), said && room < whole);
		CHECK_UINT(json_object_get(json_object_get(root, "concert"), "cut") != NULL, said && room < whole);
		CHECK(said || out.size == 0);
		CHECK_UINT(eve_lost(s->eve), lost);
		json_decref(root);
		free(exact);
	}
	scene_free(s);
}

/* An alert goes out whatever its transaction holds. */
TEST(long_values_are_cut)
{
	struct scene *s = scene_new(NULL);
	struct rule_info rule = {.sid = 5, .msg = slice_str("long")};
	struct match match = {.rule = &rule, .flow = &s->flow, .tx = &s->tx, .offset = UINT64_MAX};
	size_t size = 60000;
	char *text = malloc(size + 1), *memory = malloc(1 << 16);
	struct buf out;
	json_t *root;
	const char *name;

	memset(text, '\1', size); /* six bytes each in JSON */
	memcpy(text, "\xc3\xa4", 2);
	text[size] = '\0';
	put_number(s, "version", 3);
	put_text(s, "rrname", text);
	s->flow.side[0].packets = 9;
	for (unsigned i = 0; i < 2; i++) {
		buf_over(&out, memory, 1 << 16);
		CHECK(i == 0 ? eve_alert(s->eve, &match, NULL, 1, &out)
			     : eve_tx(s->eve, &s->flow, &s->tx, NULL, CC_TO_SERVER, 1, &out));
		CHECK(eve_cut(s->eve));
		root = json_loadb((const char *)out.p, out.size, 0, NULL);
		CHECK(root != NULL);
		name = json_string_value(json_object_get(json_object_get(root, "dns"), "rrname"));
		CHECK_UINT(name != NULL ? strlen(name) : 0, 2048);
		CHECK_UINT(
		    (uint64_t)json_integer_value(json_object_get(json_object_get(root, "concert"), "cut")), 2048);
		if (i == 0)
			CHECK_UINT((uint64_t)json_integer_value(json_object_get(json_object_get(root, "flow"),
				       "pkts_toserver")), 9);
		json_decref(root);
	}
	free(memory);
	free(text);
	scene_free(s);
}

/* Random bytes in every text of every parser are JSON all the same. */
TEST(any_bytes)
{
	static uint8_t bytes[200];
	uint32_t seed = 7;

	for (unsigned p = 0; p < app_parser_count; p++) {
		struct scene *s = scene_new(NULL);

		s->tx.parser = app_parsers[p];
		for (unsigned round = 0; round < 300; round++) {
			s->tx.count = 0;
			memset(s->tx.present, 0, sizeof(s->tx.present));
			for (unsigned i = 0; i < VALUES_MAX; i++) {
				struct cc_value *value = &s->value[s->tx.count++];
				const struct cc_field *field;

				seed = seed * 1103515245 + 12345;
				value->field = (uint16_t)((seed >> 16) % s->tx.parser->field_count);
				s->tx.present[value->field / 64] |= 1ull << value->field % 64;
				field = &s->tx.parser->fields[value->field];
				if (field->type == CC_BYTES) {
					for (unsigned k = 0; k < sizeof(bytes); k++) {
						seed = seed * 1103515245 + 12345;
						bytes[k] = (uint8_t)(seed >> 16);
					}
					value->bytes = bytes;
					value->size = (seed >> 8) % sizeof(bytes);
				} else {
					value->num = seed;
				}
			}
			json_decref(line_or_none(s, CC_TO_SERVER));
		}
		scene_free(s);
	}
}

/* An address that IPv6 maps to IPv4 is none of IPv4 when it is in an IPv6 header. */
TEST(mapped_addresses)
{
	struct scene *s = scene_new(NULL);
	struct buf out;

	buf_open(&out, 1 << 12);
	CHECK(eve_flow(s->eve, &s->flow, 1, &out));
	CHECK(memmem(out.p, out.size, "\"src_ip\":\"10.0.0.1\"", 19) != NULL);
	buf_clear(&out);
	s->flow.ip_version = 6;
	CHECK(eve_flow(s->eve, &s->flow, 1, &out));
	CHECK(memmem(out.p, out.size, "\"src_ip\":\"::ffff:10.0.0.1\"", 26) != NULL);
	buf_close(&out);
	scene_free(s);
}

TEST(types_can_be_chosen)
{
	struct scene *s = scene_new("eve.types=[alert, http]");
	struct conf *conf = conf_new();
	struct eve *eve;
	struct buf out;
	char *why = NULL;

	CHECK(eve_wants(s->eve, "http") && !eve_wants(s->eve, "dns") && !eve_wants(s->eve, "flow") &&
	      !eve_wants(s->eve, "nothing"));
	put_text(s, "rrname", "example.com");
	buf_open(&out, 4096);
	CHECK(!eve_tx(s->eve, &s->flow, &s->tx, NULL, CC_TO_SERVER, 1, &out));
	CHECK_UINT(out.size, 0);
	buf_close(&out);
	CHECK(conf_set(conf, "eve.types=[alert, smoke]", &why) == CC_OK);
	CHECK(eve_new(conf, NULL, &eve, &why) == CC_BAD);
	CHECK(why != NULL && strstr(why, "smoke") != NULL);
	free(why);
	conf_free(conf);
	scene_free(s);
}

TEST(stats_nest)
{
	static const char *const names[] = {
	    "flow.tcp.gaps", "b", "flow.tcp", "flow.tcp_x", "a.b.c", "capture.kernel_drops", "flow.new"};
	static const uint64_t values[] = {1, 2, 3, 4, 5, 6, 7};
	struct scene *s = scene_new(NULL);
	struct buf out;
	json_t *json, *stats, *ours;
	json_error_t error;

	buf_open(&out, 65536);
	CHECK(eve_stats(s->eve, names, values, 7, 12, 1700000000000000000ull, &out));
	json = json_loadb((const char *)out.p, out.size, JSON_REJECT_DUPLICATES, &error);
	CHECK(json != NULL);
	stats = json_object_get(json, "stats");
	ours = json_object_get(stats, "concert");
	CHECK_UINT(json_integer_value(json_object_get(stats, "uptime")), 12);
	CHECK_UINT(json_integer_value(json_object_get(json_object_get(stats, "capture"), "kernel_drops")), 6);
	CHECK_UINT(json_integer_value(json_object_get(json_object_get(stats, "flow"), "total")), 7);
	CHECK_UINT(
	    json_integer_value(json_object_get(json_object_get(json_object_get(ours, "flow"), "tcp"), "all")), 3);
	CHECK_UINT(
	    json_integer_value(json_object_get(json_object_get(json_object_get(ours, "flow"), "tcp"), "gaps")), 1);
	CHECK_UINT(json_integer_value(json_object_get(json_object_get(ours, "flow"), "tcp_x")), 4);
	CHECK_UINT(json_integer_value(json_object_get(json_object_get(json_object_get(ours, "a"), "b"), "c")), 5);
	CHECK_UINT(json_integer_value(json_object_get(ours, "b")), 2);
	json_decref(json);
	buf_close(&out);
	scene_free(s);
}

TESTS(T(nests_rows), T(names_in_both_forms), T(names_that_are_none), T(whole_lines_only), T(long_values_are_cut),
    T(any_bytes), T(types_can_be_chosen), T(mapped_addresses), T(stats_nest))
