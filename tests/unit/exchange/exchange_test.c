/* The courier's work from records to the shared folder and back, over restarts. */
#include <jansson.h> /* before base/json.h, which has names of its own */

#include "exchange/exchange.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/base/rand.h"
#include "unit/test.h"

static char dir[64];

static void
fresh_dir(void)
{
	snprintf(dir, sizeof(dir), "/tmp/exchange_test.XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
}

static void
remove_dir(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	CHECK(system(command) == 0);
}

static struct conf *
conf_with(const char *const *sets)
{
	struct conf *conf = conf_new();
	char *why = NULL;

	for (; sets != NULL && *sets != NULL; sets++) {
		if (conf_set(conf, *sets, &why) != CC_OK) {
			printf("%s\n", why);
			CHECK(false);
		}
	}
	return conf;
}

static struct exchange *
open_it(const struct conf *conf)
{
	struct exchange *exchange = NULL;
	char *why = NULL;
	enum cc_status st = exchange_open(conf, dir, false, &exchange, &why);

	if (st != CC_OK)
		printf("%s\n", why != NULL ? why : cc_status_text(st));
	free(why);
	CHECK(st == CC_OK);
	return exchange;
}

static struct cc_record
record(unsigned n)
{
	static char value[64];
	struct cc_record rec = {.kind = CC_KIND_DOMAIN, .detector = CC_BY_SIGNATURE, .severity = 3, .tlp = CC_TLP_AMBER,
	    .first = 1700000000 * NS_PER_S + n, .count = 1, .gid = 1, .sid = 1, .proto = 17, .attacker.hops = 255,
	        .victim.hops = 255,
	    .direction = CC_OUTBOUND};

	snprintf(value, sizeof(value), "h%u.example", n);
	rec.value = rec.domain = slice_str(value);
	rec.last = rec.first;
	rec.attacker.addr = cc_addr4((const uint8_t[]){203, 0, 113, 5});
	rec.victim.addr = cc_addr4((const uint8_t[]){10, 99, 98, 97});
	return rec;
}

static void
add(struct exchange *exchange, unsigned from, unsigned count)
{
	for (unsigned i = from; i < from + count; i++) {
		struct cc_record rec = record(i);

		CHECK(exchange_record(exchange, &rec) == CC_OK);
		CHECK(exchange_pump(exchange, 0) == CC_OK);
	}
}

/* Reads the shared folder to its end: number of messages; sequences of each lane are without gaps. */
static unsigned
read_shared(const struct conf *conf, char ids[][40], unsigned max)
{
	char from[100];
	struct reader *reader = NULL;
	struct cc_message msg;
	unsigned count = 0;
	unsigned long last[64] = {0};
	const char *const topics[] = {"indicators"}, *trouble;
	char *why = NULL;

	snprintf(from, sizeof(from), "file:%s/exchange", dir);
	CHECK(reader_open(conf, from, topics, 1, true, &reader, &why) == CC_OK);
	while (reader != NULL && reader_next(reader, 0, &msg, &trouble) == CC_OK && count < max) {
		struct slice id = message_header(&msg, "ce_id"), sequence = message_header(&msg, "ce_sequence");
		char text[24] = "";

		CHECK(id.size == 36 && sequence.size < sizeof(text) && msg.lane < 64);
		memcpy(ids[count], id.p, 36);
		ids[count++][36] = '\0';
		memcpy(text, sequence.p, sequence.size);
		CHECK_UINT(strtoul(text, NULL, 10), last[msg.lane % 64] + 1);
		last[msg.lane % 64] = strtoul(text, NULL, 10);
	}
	reader_close(reader);
	return count;
}

TEST(over_a_restart)
{
	static char ids[512][40];
	struct conf *conf = conf_with(NULL);
	struct exchange *exchange;

	fresh_dir();
	exchange = open_it(conf);
	add(exchange, 0, 150);
	/* Not drained: what is in flight goes out again, or is known to have gone out. */
	exchange_close(exchange);
	exchange = open_it(conf);
	add(exchange, 150, 150);
	CHECK(exchange_drain(exchange, time_monotonic() + 20 * NS_PER_S) == CC_OK);
	CHECK_UINT(exchange_waiting(exchange), 0);
	exchange_close(exchange);
	CHECK_UINT(read_shared(conf, ids, 512), 300);
	remove_dir();
	conf_free(conf);
}

/* The same records of the same sensor are the same messages. */
TEST(ids_repeat)
{
	static char one[64][40], two[64][40];
	char key[100], *why = NULL;
	struct conf *conf = conf_with(NULL);

	/* One secret: another sensor has other pseudonyms. */
	snprintf(key, sizeof(key), "victims.key=/tmp/exchange_test.%d.key", (int)getpid());
	CHECK(conf_set(conf, key, &why) == CC_OK);
	for (int round = 0; round < 2; round++) {
		struct exchange *exchange;

		fresh_dir();
		exchange = open_it(conf);
		add(exchange, 0, 50);
		CHECK(exchange_drain(exchange, time_monotonic() + 20 * NS_PER_S) == CC_OK);
		exchange_close(exchange);
		CHECK_UINT(read_shared(conf, round == 0 ? one : two, 64), 50);
		remove_dir();
	}
	CHECK(memcmp(one, two, sizeof(one)) == 0);
	CHECK(unlink(key + strlen("victims.key=")) == 0);
	conf_free(conf);
}

TEST(ceiling_holds_back)
{
	static char ids[64][40];
	static const char *const sets[] = {"exchange.ceiling=green", NULL};
	struct conf *conf = conf_with(sets);
	struct exchange *exchange;

	fresh_dir();
	exchange = open_it(conf);
	for (int tlp = CC_TLP_CLEAR; tlp <= CC_TLP_RED; tlp++) {
		struct cc_record rec = record((unsigned)tlp);

		rec.tlp = (enum cc_tlp)tlp;
		CHECK(exchange_record(exchange, &rec) == CC_OK);
	}
	CHECK(exchange_drain(exchange, time_monotonic() + 20 * NS_PER_S) == CC_OK);
	CHECK_UINT(exchange_counts(exchange)[EXCHANGE_HELD_BACK], 3);
	CHECK_UINT(exchange_counts(exchange)[EXCHANGE_DELIVERED], 2);
	exchange_close(exchange);
	CHECK_UINT(read_shared(conf, ids, 64), 2);
	remove_dir();
	conf_free(conf);
}

TEST(too_large_is_counted)
{
	static const char *const sets[] = {"exchange.message_max=16384", NULL};
	static char name[1024], agent[1024], file[512];
	struct conf *conf = conf_with(sets);
	struct exchange *exchange;
	struct cc_record rec = record(1);

	/* Control characters grow sixfold in JSON. */
	memset(name, 1, sizeof(name));
	memset(agent, 1, sizeof(agent));
	memset(file, 1, sizeof(file));
	rec.rule_name = slice_of(name, sizeof(name));
	rec.user_agent = slice_of(agent, sizeof(agent));
	rec.file_name = slice_of(file, sizeof(file));
	fresh_dir();
	exchange = open_it(conf);
	CHECK(exchange_record(exchange, &rec) == CC_OK);
	CHECK_UINT(exchange_counts(exchange)[EXCHANGE_TOO_LARGE], 1);
	CHECK_UINT(exchange_counts(exchange)[EXCHANGE_MESSAGES], 0);
	exchange_close(exchange);
	remove_dir();
	conf_free(conf);
}

TEST(wrong_targets)
{
	static const char *const targets[] = {
	    "exchange.to=carrier-pigeon:x", "exchange.to=file", "exchange.to=file:/proc/nothing", "exchange.to=kafka:"};

	fresh_dir();
	for (size_t i = 0; i < 4; i++) {
		const char *const sets[] = {targets[i], NULL};
		struct conf *conf = conf_with(sets);
		struct exchange *exchange = NULL;
		char *why = NULL;

		CHECK(exchange_open(conf, dir, false, &exchange, &why) != CC_OK);
		CHECK(why != NULL && strstr(why, "exchange.to") != NULL);
		free(why);
		conf_free(conf);
	}
	remove_dir();
}

TEST(none_keeps_nothing)
{
	static const char *const sets[] = {"exchange.to=none", NULL};
	struct conf *conf = conf_with(sets);
	struct exchange *exchange;
	char path[100];

	fresh_dir();
	exchange = open_it(conf);
	add(exchange, 0, 10);
	CHECK(exchange_drain(exchange, 0) == CC_OK);
	CHECK_UINT(exchange_counts(exchange)[EXCHANGE_FIRST], 10);
	exchange_close(exchange);
	snprintf(path, sizeof(path), "%s/spool", dir);
	CHECK(access(path, F_OK) != 0);
	remove_dir();
	conf_free(conf);
}

/* Nobody there: all stays spooled, the drain ends in time and says so. */
TEST(no_broker)
{
	static const char *const sets[] = {"exchange.to=kafka:127.0.0.1:1", NULL};
	struct conf *conf = conf_with(sets);
	struct exchange *exchange;
	uint64_t begin;

	log_open("test", LOG_LEVEL_ERROR);
	fresh_dir();
	exchange = open_it(conf);
	add(exchange, 0, 20);
	begin = time_monotonic();
	CHECK(exchange_drain(exchange, begin + NS_PER_S) == CC_MORE);
	CHECK(time_monotonic() - begin < 3 * NS_PER_S);
	CHECK_UINT(exchange_waiting(exchange), 20);
	CHECK(strstr(exchange_state(exchange), "127.0.0.1:1") != NULL);
	exchange_close(exchange);
	conf_free(conf);
	/* Another time there is somebody. */
	conf = conf_with(NULL);
	exchange = open_it(conf);
	CHECK_UINT(exchange_waiting(exchange), 20);
	CHECK(exchange_drain(exchange, time_monotonic() + 20 * NS_PER_S) == CC_OK);
	exchange_close(exchange);
	remove_dir();
	conf_free(conf);
}

/* ---- bundles ---- */

static json_t *
bundle_of(const struct cc_record *rec, bool update)
{
	struct conf *conf = conf_with(NULL);
	struct exchange_source source = {.conf = conf};
	struct buf out;
	json_t *json;
	json_error_t error;

	buf_open(&out, 1 << 20);
	CHECK(stix_sighting(&source, rec, update, &out) == CC_OK);
	/* What must not leave is looked for in the bytes themselves. */
	CHECK(memmem(out.p, out.size, "10.99.98.97", 11) == NULL);
	CHECK(memmem(out.p, out.size, "1:secretcommunity", 17) == NULL);
	json = json_loadb((const char *)out.p, out.size, 0, &error);
	if (json == NULL)
		printf("%s\n", error.text);
	CHECK(json != NULL);
	buf_close(&out);
	conf_free(conf);
	return json;
}

static json_t *
object_of(json_t *bundle, const char *type)
{
	json_t *objects = json_object_get(bundle, "objects"), *one;
	size_t i;

	json_array_foreach(objects, i, one) {
		if (strcmp(json_string_value(json_object_get(one, "type")), type) == 0)
			return one;
	}
	return NULL;
}

/* Our own address does not leave, whichever side it is on, nor does a hash of it that can be undone. */
TEST(home_addresses_stay_home)
{
	struct cc_record rec = record(1);
	json_t *bundle;

	rec.community_id = slice_str("1:secretcommunity");
	bundle = bundle_of(&rec, false);
	CHECK(object_of(bundle, "ipv4-addr") != NULL && object_of(bundle, "network-traffic") != NULL);
	json_decref(bundle);
	rec.attacker.addr = rec.victim.addr;
	rec.attacker_is_client = true;
	bundle = bundle_of(&rec, false);
	CHECK(object_of(bundle, "ipv4-addr") == NULL && object_of(bundle, "network-traffic") == NULL);
	CHECK(object_of(bundle, "domain-name") != NULL && object_of(bundle, "observed-data") != NULL);
	json_decref(bundle);
}

static void
put_text(struct slice *ret_text, char *into, uint64_t *state, const char *addr)
{
	static const char *const form[] = {"http://%s/x", "x.example", "%s", "agent/1.0 (%s)", "report-%s.doc",
	    "http://x.example/?ip=%s", "GET", "dsl-%s.isp.example"};

	snprintf(into, 200, form[rand_below(state, sizeof(form) / sizeof(form[0]))], addr);
	*ret_text = slice_str(into);
}

/* Random records with addresses of ours in any of their texts: in no byte of any message is there one. */
TEST(no_address_of_ours_leaves)
{
	static const char *const sets[] = {"vars.address.HOME_NET=[10.0.0.0/8,2001:db8:1::/48]", NULL};
	struct conf *conf = conf_with(sets);
	struct exchange_source source = {.conf = conf};
	char text[8][256], addr[CC_ADDR_TEXT], dashed[CC_ADDR_TEXT], *why = NULL;
	uint64_t state = 77;
	unsigned sent = 0, held = 0;
	struct buf out;

	fresh_dir();
	CHECK(victims_open(conf, dir, &source.victims, &why) == CC_OK);
	buf_open(&out, 1 << 20);
	for (unsigned n = 0; n < 3000; n++) {
		struct cc_record rec = record(n);
		uint8_t four[4] = {
		    10, (uint8_t)rand_next(&state), (uint8_t)rand_next(&state), (uint8_t)rand_next(&state)};
		uint8_t six[16] = {0x20, 1, 0x0d, 0xb8, 0, 1, [14] = 1, [15] = (uint8_t)rand_next(&state)};
		struct cc_addr ours = n % 3 == 0 ? cc_addr6(six) : cc_addr4(four);
		enum cc_status st;

		cc_addr_text(&ours, addr);
		for (size_t i = 0; i <= strlen(addr); i++)
			dashed[i] = addr[i] == '.' ? '-' : addr[i];
		rec.kind = (enum cc_kind)rand_below(&state, 3);
		put_text(&rec.value, text[0], &state, addr);
		put_text(&rec.domain, text[1], &state, dashed);
		put_text(&rec.url, text[2], &state, addr);
		put_text(&rec.user_agent, text[3], &state, addr);
		put_text(&rec.file_name, text[4], &state, addr);
		put_text(&rec.rule_name, text[5], &state, addr);
		rec.http_method = slice_str("GET");
		rec.file_sha256 = slice_str("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
		rec.victim.addr = ours;
		rec.direction = (enum cc_direction)rand_below(&state, 5);
		rec.attacker_is_client = rand_below(&state, 2) != 0;
		if (rand_below(&state, 3) == 0)
			rec.attacker.addr = ours;
		if (rec.kind == CC_KIND_ADDR)
			rec.value = slice_str(rand_below(&state, 2) != 0 ? addr : "203.0.113.7");
		buf_clear(&out);
		st = stix_sighting(&source, &rec, false, &out);
		CHECK(st == CC_OK || st == CC_DENIED);
		sent += st == CC_OK;
		held += st == CC_DENIED;
		/* Every item that is missing is named by a name. */
		CHECK(st != CC_OK || memmem(out.p, out.size, "\"endpoint.victim_sector\"", 24) != NULL);
		CHECK(out.size == 0 || memmem(out.p, out.size, addr, strlen(addr)) == NULL);
		CHECK(out.size == 0 || memmem(out.p, out.size, dashed, strlen(dashed)) == NULL);
	}
	CHECK(sent > 500 && held > 500 && source.pseudonyms > sent && source.texts_withheld > sent);
	buf_close(&out);
	victims_close(source.victims);
	remove_dir();
	conf_free(conf);
}

TEST(items_go_by_marking)
{
	static const char *const sets[] = {"exchange.withhold.amber=path.ttl detection.name", NULL};
	struct conf *conf = conf_with(sets);
	struct exchange_source source = {.conf = conf};
	static const char gap[] = "{\"item\":\"path.ttl\",\"reason\":\"withheld at this marking\"}";
	struct cc_record rec = record(1);
	struct buf out;

	rec.rule_name = slice_str("a name to be kept");
	rec.attacker.ttl = 57;
	buf_open(&out, 1 << 20);
	CHECK(stix_sighting(&source, &rec, false, &out) == CC_OK);
	CHECK(memmem(out.p, out.size, "\"ttl\":57", 8) == NULL);
	CHECK(memmem(out.p, out.size, gap, strlen(gap)) != NULL);
	buf_clear(&out);
	rec.tlp = CC_TLP_CLEAR;
	CHECK(stix_sighting(&source, &rec, false, &out) == CC_OK);
	CHECK(memmem(out.p, out.size, "\"ttl\":57", 8) != NULL);
	buf_close(&out);
	conf_free(conf);
}

TEST(updates_are_versions)
{
	struct cc_record rec = record(1);
	json_t *first = bundle_of(&rec, false), *second;
	json_t *a, *b;

	rec.count = 5;
	rec.last += 60 * NS_PER_S;
	second = bundle_of(&rec, true);
	a = object_of(first, "sighting");
	b = object_of(second, "sighting");
	CHECK_TEXT(json_string_value(json_object_get(b, "id")), json_string_value(json_object_get(a, "id")));
	CHECK(strcmp(json_string_value(json_object_get(a, "modified")),
		  json_string_value(json_object_get(b, "modified"))) < 0);
	CHECK_UINT(json_integer_value(json_object_get(b, "count")), 5);
	json_decref(first);
	json_decref(second);
}

/* Known answers, by another implementation (PyPI stix2 3.0.2). */
TEST(observable_ids_are_the_standards)
{
	struct cc_record rec = record(1);
	json_t *bundle;

	rec.attacker.addr = cc_addr4((const uint8_t[]){198, 51, 100, 3});
	rec.value = rec.domain = slice_str("example.com");
	bundle = bundle_of(&rec, false);
	CHECK_TEXT(json_string_value(json_object_get(object_of(bundle, "ipv4-addr"), "id")),
	    "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4");
	CHECK_TEXT(json_string_value(json_object_get(object_of(bundle, "domain-name"), "id")),
	    "domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7");
	json_decref(bundle);
}

TESTS(T(over_a_restart), T(ids_repeat), T(ceiling_holds_back), T(too_large_is_counted), T(wrong_targets),
    T(none_keeps_nothing), T(no_broker), T(home_addresses_stay_home), T(no_address_of_ours_leaves),
    T(items_go_by_marking), T(updates_are_versions), T(observable_ids_are_the_standards))
