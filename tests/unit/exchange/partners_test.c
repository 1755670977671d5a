/*
 * What partners tell, from their signed messages to the list that workers get: policy, allow-lists, expiry, withdrawal,
 * restart, hits and quiet windows, and a partner that means us harm.
 */
#include "exchange/exchange.h"

#include <unistd.h>

#include "exchange/partners_own.h"
#include "unit/test.h"

#define EXTENSION "extension-definition--e70757fa-d206-44a7-8d39-8276cee6795e"

static char dir[64];
static struct conf *conf_a, *conf_b;
static struct exchange *a;
static struct partners *b;
static struct store *store;
static uint64_t counts[EXCHANGE_COUNT];
static char *list;      /* what was published last: "kind:value source;" each */
static unsigned published, sent;
static char sent_value[65536], answer[300]; /* answer_to of what was published first */

static void
set(struct conf *conf, const char *format, const char *value)
{
	char text[300], *why = NULL;

	snprintf(text, sizeof(text), format, value);
	if (conf_set(conf, text, &why) != CC_OK)
		printf("%s: %s\n", text, why);
	CHECK(why == NULL);
	free(why);
}

static void
take_list(void *ctx, struct slice bytes)
{
	struct cur c = cur_slice(bytes);
	struct partners_item item;
	struct buf out;

	(void)ctx;
	buf_open(&out, 64u << 20);
	while (partners_list_next(&c, &item) == CC_OK) {
		buf_printf(&out, "%s:%.*s %.*s;", record_kind_text((enum cc_kind)item.kind), (int)item.value.size,
		    item.value.p, (int)item.source.size, item.source.p);
		if (answer[0] == '\0')
			snprintf(answer, sizeof(answer), "%.*s", (int)item.answer_to.size, item.answer_to.p);
	}
	CHECK_UINT(cur_left(&c), 0);
	buf_add_u8(&out, 0);
	free(list);
	list = strdup((const char *)out.p);
	buf_close(&out);
	published++;
}

static enum cc_status
take_sent(void *ctx, const struct exchange_message *what)
{
	(void)ctx;
	snprintf(sent_value, sizeof(sent_value), "%.*s", (int)what->value.size, what->value.p);
	sent++;
	return CC_OK;
}

static void
open_a(void)
{
	char *why = NULL, out[100];

	snprintf(out, sizeof(out), "%s/a", dir);
	CHECK(exchange_open(conf_a, out, false, &a, &why) == CC_OK);
	free(why);
}

static void
trust_of_a(const char *policy)
{
	char path[100], out[100], *why = NULL;
	struct key_list keys;
	FILE *file;

	snprintf(out, sizeof(out), "%s/a", dir);
	snprintf(path, sizeof(path), "%s/trust.yaml", dir);
	CHECK(keys_load(conf_a, out, &keys, &why) == CC_OK);
	file = fopen(path, "w");
	fprintf(file, "organisations:\n  - id: a.example\n    policy: {%s}\n    keys: [{fingerprint: %s, x: %s}]\n",
	    policy, keys.entry[0].kid, keys.entry[0].x);
	fclose(file);
	set(conf_b, "exchange.trust=%s", path);
}

static void
open_b(bool live)
{
	char *why = NULL, out[100];
	struct partners_setup setup = {
	    .conf = conf_b, .outdir = out, .live = live, .store = store, .publish = take_list, .send = take_sent};

	snprintf(out, sizeof(out), "%s/b", dir);
	CHECK(partners_open(&setup, &b, &why) == CC_OK);
	if (why != NULL)
		printf("%s\n", why);
	free(why);
}

static void
begin(const char *policy)
{
	char path[100];

	snprintf(dir, sizeof(dir), "/tmp/partners_test.XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	conf_a = conf_new();
	conf_b = conf_new();
	snprintf(path, sizeof(path), "%s/a", dir);
	CHECK(dirs_make(path, 0700) == CC_OK);
	snprintf(path, sizeof(path), "%s/b", dir);
	CHECK(dirs_make(path, 0700) == CC_OK);
	set(conf_a, "sensor.organisation=%s", "a.example");
	set(conf_b, "sensor.organisation=%s", "b.example");
	set(conf_a, "exchange.heartbeat=%s", "0");
	set(conf_b, "partners.suffixes=%s", "");
	set(conf_b, "indicate.home=%s", "[192.0.2.0/24]");
	snprintf(path, sizeof(path), "[file:%s/a/exchange]", dir);
	set(conf_b, "exchange.from=%s", path);
	open_a();
	trust_of_a(policy);
	published = sent = 0;
	answer[0] = '\0';
	list = strdup("");
}

static void
end(void)
{
	char command[100];

	partners_close(b);
	b = NULL;
	store_end(store);
	store = NULL;
	exchange_close(a);
	conf_free(conf_a);
	conf_free(conf_b);
	free(list);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	CHECK(system(command) == 0);
}

/* A message of a's about one indicator; more: members of the indicator's object. */
static void
tell(const char *pattern, const char *origin, const char *proof, unsigned count, const char *more)
{
	static unsigned number;
	char identity[IDENTITY_ID], text[4000], quoted[1000];
	size_t size = 0;

	for (const char *p = pattern; *p != '\0' && size < sizeof(quoted) - 2; p++) {
		if (*p == '\\' || *p == '"')
			quoted[size++] = '\\';
		quoted[size++] = *p;
	}
	quoted[size] = '\0';
	identity_of("a.example", identity);
	number++;
	snprintf(text, sizeof(text),
	    "{\"type\":\"bundle\",\"id\":\"bundle--00000000-0000-4000-8000-%012u\",\"objects\":[{\"type\":"
	    "\"indicator\",\"id\":"
	    "\"indicator--00000000-0000-4000-8000-000000000001\",\"created_by_ref\":\"%s\",\"pattern_type\":\"stix\","
	    "\"pattern\":\"%s\"%s},"
	    "{\"type\":\"sighting\",\"id\":\"sighting--00000000-0000-4000-8000-%012u\",\"created_by_ref\":\"%s\","
	    "\"count\":%u,"
	    "\"sighting_of_ref\":\"indicator--00000000-0000-4000-8000-000000000001\",\"extensions\":{\"" EXTENSION
	    "\":{\"origin\":"
	    "{\"kind\":\"%s\"},\"proof\":{\"level\":\"%s\"}}}}]}",
	    number, identity, quoted, more, number, identity, count, origin, proof);
	CHECK(exchange_send(a, &(struct exchange_message){.topic = "indicators",
				   .type = "org.concert.sighting.v1",
				   .key = slice_str(pattern),
				   .value = slice_str(text),
				   .time = time_now(),
				   .tlp = CC_TLP_AMBER,
				   .class = CC_CLASS_SIGHTING}) == CC_OK);
}

static void
tell_own(const char *pattern)
{
	tell(pattern, "own", "dialogue", 1, "");
}

static void
hear(void)
{
	CHECK(exchange_drain(a, time_monotonic() + 10 * NS_PER_S) == CC_OK);
	while (partners_step(b, 0) != CC_END)
		;
	(void)partners_step(b, 0);
	memset(counts, 0, sizeof(counts));
	partners_counts(b, counts);
}

TEST(becomes_live_and_is_withdrawn)
{
	begin("");
	open_b(false);
	tell_own("[ipv4-addr:value = '198.51.100.7']");
	tell_own("[domain-name:value = 'Evil.Example']");
	tell_own("[url:value = 'http://evil.example/a\\'b']");
	tell_own("[file:hashes.'SHA-256' = '0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF']");
	hear();
	CHECK_TEXT(list,
	    "addr:198.51.100.7 a.example;domain:evil.example a.example;url:http://evil.example/a'b a.example;"
	    "file-sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef a.example;");
	tell("[domain-name:value = 'evil.example']", "own", "dialogue", 1, ",\"revoked\":true");
	hear();
	CHECK(strstr(list, "domain:") == NULL && strstr(list, "addr:198.51.100.7") != NULL);
	CHECK_UINT(counts[EXCHANGE_WATCH_WITHDRAWN], 1);
	CHECK_UINT(counts[EXCHANGE_WATCH_ADDED], 4);
	end();
}

TEST(what_is_refused)
{
	static const struct {
		const char *pattern, *origin, *proof;
		unsigned count;
		enum exchange_count reason;
	} table[] = {
	    {"[ipv4-addr:value = '0.0.0.0/0']", "own", "dialogue", 1, EXCHANGE_WATCH_SHORT_PREFIX},
	    {"[ipv4-addr:value = '198.51.0.0/16']", "own", "dialogue", 1, EXCHANGE_WATCH_SHORT_PREFIX},
	    {"[ipv6-addr:value = '::/0']", "own", "dialogue", 1, EXCHANGE_WATCH_SHORT_PREFIX},
	    {"[ipv6-addr:value = '2001:db8::/32']", "own", "dialogue", 1, EXCHANGE_WATCH_SHORT_PREFIX},
	    {"[ipv4-addr:value = '192.0.2.7']", "own", "dialogue", 1, EXCHANGE_WATCH_OURS},
	    {"[ipv4-addr:value = '192.0.2.0/25']", "own", "dialogue", 1, EXCHANGE_WATCH_OURS},
	    {"[url:value = 'http://192.0.2.7/x']", "own", "dialogue", 1, EXCHANGE_WATCH_OURS},
	    {"[ipv4-addr:value = '127.0.0.1']", "own", "dialogue", 1, EXCHANGE_WATCH_RESERVED},
	    {"[ipv4-addr:value = '10.1.2.3']", "own", "dialogue", 1, EXCHANGE_WATCH_RESERVED},
	    {"[ipv4-addr:value = '255.255.255.255']", "own", "dialogue", 1, EXCHANGE_WATCH_RESERVED},
	    {"[ipv6-addr:value = 'fe80::1']", "own", "dialogue", 1, EXCHANGE_WATCH_RESERVED},
	    {"[domain-name:value = 'com']", "own", "dialogue", 1, EXCHANGE_WATCH_SUFFIX},
	    {"[domain-name:value = 'co.uk']", "own", "dialogue", 1, EXCHANGE_WATCH_SUFFIX},
	    {"[domain-name:value = 'big.example']", "own", "dialogue", 1, EXCHANGE_WATCH_ALLOWED},
	    {"[domain-name:value = 'deep.all.example']", "own", "dialogue", 1, EXCHANGE_WATCH_ALLOWED},
	    {"[url:value = 'https://big.example/']", "own", "dialogue", 1, EXCHANGE_WATCH_ALLOWED},
	    {"[ipv4-addr:value = '203.0.113.9']", "own", "dialogue", 1, EXCHANGE_WATCH_ALLOWED},
	    {"[ipv4-addr:value = '198.51.100.7']", "own", "spoofable", 1, EXCHANGE_WATCH_PROOF},
	    {"[ipv4-addr:value = '198.51.100.7']", "answer", "dialogue", 1, EXCHANGE_WATCH_ECHO},
	    {"[ipv4-addr:value = '198.51.100.7']", "relay", "dialogue", 1, EXCHANGE_WATCH_ECHO},
	    {"[ipv4-addr:value = '198.51.100.7']", "own", "dialogue", 0, EXCHANGE_WATCH_NEGATIVE},
	    {"[user-account:user_id = 'x']", "own", "dialogue", 1, EXCHANGE_WATCH_MALFORMED},
	    {"[domain-name:value = 'x'] AND [url:value = 'y']", "own", "dialogue", 1, EXCHANGE_WATCH_MALFORMED},
	    {"[ipv4-addr:value = '198.51.100']", "own", "dialogue", 1, EXCHANGE_WATCH_MALFORMED},
	};
	uint64_t wanted[EXCHANGE_COUNT] = {0};
	char path[100];
	FILE *file;

	begin("");
	snprintf(path, sizeof(path), "%s/allow.txt", dir);
	file = fopen(path, "w");
	fputs("# sites\n1,www.big.example\n.all.example\n203.0.113.0/24\n", file);
	fclose(file);
	set(conf_b, "partners.allow=%s", path);
	open_b(false);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		tell(table[i].pattern, table[i].origin, table[i].proof, table[i].count, "");
		wanted[table[i].reason]++;
	}
	tell_own("[domain-name:value = 'evil.big.example']"); /* below an allowed one is not excused */
	tell("[domain-name:value = 'old.example']", "own", "dialogue", 1, ",\"valid_until\":\"2020-01-01T00:00:00Z\"");
	hear();
	for (unsigned i = EXCHANGE_WATCH_POLICY; i <= EXCHANGE_WATCH_FULL; i++) {
		if (i != EXCHANGE_WATCH_OLD && counts[i] != wanted[i])
			printf("%s\n", exchange_count_name[i]);
		CHECK_UINT(counts[i], i == EXCHANGE_WATCH_OLD ? 1 : wanted[i]);
	}
	CHECK_TEXT(list, "domain:evil.big.example a.example;");
	end();
}

TEST(policy)
{
	begin("watch: {kinds: [domain], max: 2}");
	open_b(false);
	tell_own("[ipv4-addr:value = '198.51.100.7']");
	tell_own("[domain-name:value = 'a.bad.example']");
	tell_own("[domain-name:value = 'b.bad.example']");
	tell_own("[domain-name:value = 'c.bad.example']");
	hear();
	CHECK_TEXT(list, "domain:a.bad.example a.example;domain:b.bad.example a.example;");
	CHECK_UINT(counts[EXCHANGE_WATCH_POLICY], 1);
	CHECK_UINT(counts[EXCHANGE_WATCH_FULL], 1);
	trust_of_a("watch: {use: no}"); /* the operator has changed his mind */
	partners_reload(b);
	hear();
	CHECK_TEXT(list, "");
	CHECK_UINT(counts[EXCHANGE_WATCH_WITHDRAWN], 2);
	end();
}

TEST(restart_and_expiry)
{
	begin("");
	open_b(false);
	tell_own("[domain-name:value = 'evil.example']");
	tell(
	    "[domain-name:value = 'short.example']", "own", "dialogue", 1, ",\"valid_until\":\"2999-01-01T00:00:00Z\"");
	hear();
	partners_close(b);
	open_b(false);
	hear();
	CHECK(strstr(list, "evil.example") != NULL && strstr(list, "short.example") != NULL);
	CHECK_UINT(counts[EXCHANGE_WATCH_ADDED], 0);
	CHECK_UINT(counts[EXCHANGE_PARTNERS_DUPLICATES], 2);
	partners_close(b);
	set(conf_b, "partners.expire=%s", "1s");
	open_b(false);
	tell_own("[domain-name:value = 'brief.example']");
	hear();
	CHECK(strstr(list, "brief.example") != NULL);
	for (int i = 0; i < 100 && strstr(list, "brief.example") != NULL; i++) {
		usleep(100000);
		hear();
	}
	CHECK(strstr(list, "brief.example") == NULL);
	end();
}

/* A hit on the most special one is a hit on all that have it below them; what nobody saw is told, with coverage. */
TEST(quiet_windows)
{
	char out[100], *why = NULL;

	begin("watch: {negative: yes}");
	snprintf(out, sizeof(out), "%s/b", dir);
	CHECK(store_open(conf_b, out, true, &store, &why) == CC_OK);
	set(conf_b, "partners.quiet=%s", "1s");
	open_b(true);
	tell_own("[domain-name:value = 'a.evil.example']");
	hear();
	tell_own("[domain-name:value = 'evil.example']");
	tell_own("[domain-name:value = 'quiet.example']");
	hear();
	CHECK_UINT(counts[EXCHANGE_WATCH_ADDED], 3);
	CHECK(strncmp(answer, "a.example ", 10) == 0 && strlen(answer) == 46);
	partners_hit(b, slice_str(answer), time_now());
	store_coverage(store, time_now() - NS_PER_S, time_now() + 100 * NS_PER_S, 1000, 3);
	CHECK(store_flush(store) == CC_OK);
	for (int i = 0; i < 100 && sent == 0; i++) {
		usleep(100000);
		hear();
	}
	CHECK_UINT(sent, 1);
	CHECK(strstr(sent_value, "'quiet.example'") != NULL && strstr(sent_value, "\"count\":0") != NULL);
	CHECK(strstr(sent_value, "\"packets\":1000") != NULL && strstr(sent_value, "\"lost\":3") != NULL);
	CHECK(strstr(sent_value, "\"to\":\"a.example\"") != NULL);
	CHECK_UINT(counts[EXCHANGE_NEGATIVES], 1);
	end();
}

/* More than may be: bounded, counted, and the others' entries stay. */
TEST(hostile_partner)
{
	char pattern[100];

	begin("");
	set(conf_b, "partners.source_max=%s", "500");
	open_b(false);
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(pattern, sizeof(pattern), "[domain-name:value = 'h%u.evil.example']", i);
		tell_own(pattern);
	}
	hear();
	CHECK_UINT(counts[EXCHANGE_WATCH_ADDED], 500);
	CHECK_UINT(counts[EXCHANGE_WATCH_FULL], 4500);
	CHECK_UINT(counts[EXCHANGE_PARTNERS_MESSAGES], 5000);
	end();
}

/* What stands in the shared memory is hostile to whoever reads it: cut and changed at each byte. */
TEST(list_cut)
{
	static const uint8_t good[] = "\x01\x00\x03"
				      "abc\x00\x01"
				      "o\x00\x03"
				      "o m"
				      "\x00\x00\x07"
				      "192.0.2\x00\x00\x00\x00";
	uint8_t bytes[sizeof(good) - 1];
	struct partners_item item;

	for (size_t size = 0; size <= sizeof(bytes); size++) {
		struct cur c = cur_of(good, size);
		unsigned count = 0;
		enum cc_status st;

		while ((st = partners_list_next(&c, &item)) == CC_OK)
			count++;
		CHECK(st == CC_BAD || st == CC_END);
		CHECK((st == CC_END) == (size == 0 || size == 14 || size == sizeof(bytes)));
		CHECK(count <= 2);
	}
	for (size_t at = 0; at < sizeof(bytes); at++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			struct cur c;

			memcpy(bytes, good, sizeof(bytes));
			bytes[at] ^= (uint8_t)(1u << bit);
			c = cur_of(bytes, sizeof(bytes));
			while (partners_list_next(&c, &item) == CC_OK)
				CHECK(item.value.size > 0 && item.kind < CC_KIND_COUNT);
		}
	}
}

/* A step ends after so many bytes of messages, so that a flood of large ones keeps nothing from the list. */
TEST(a_step_ends)
{
	char more[2800], pattern[64];
	const unsigned all = 2000;

	begin("watch: {use: yes}");
	snprintf(more, sizeof(more), ",\"description\":\"%*s\"", (int)sizeof(more) - 30, "");
	for (unsigned n = 0; n < all; n++) {
		snprintf(pattern, sizeof(pattern), "[domain-name:value = 'n%u.bad.example']", n);
		tell(pattern, "own", "dialogue", 1, more);
	}
	CHECK(exchange_drain(a, time_monotonic() + 60 * NS_PER_S) == CC_OK);
	open_b(false);
	CHECK(partners_step(b, 0) == CC_OK);
	memset(counts, 0, sizeof(counts));
	partners_counts(b, counts);
	CHECK(counts[EXCHANGE_PARTNERS_MESSAGES] > 500 && counts[EXCHANGE_PARTNERS_MESSAGES] < all);
	hear();
	CHECK_UINT(counts[EXCHANGE_PARTNERS_MESSAGES], all);
	end();
}

TESTS(T(becomes_live_and_is_withdrawn), T(what_is_refused), T(policy), T(restart_and_expiry), T(quiet_windows),
    T(hostile_partner), T(list_cut), T(a_step_ends))
