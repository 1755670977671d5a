/*
 * Signatures and what readers make of them: every bit that may not change, whose objects, which keys, lanes with loss,
 * repetition, disorder and forks; and runs that give what their messages give one by one.
 */
#include <jansson.h> /* before base/json.h, which has names of its own */

#include "exchange/exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/test.h"

#define DAY (24 * 3600 * NS_PER_S)

static char dir[64];
static struct conf *conf;
static struct key *key;
static struct trust *trust;

static void
set(const char *assignment)
{
	char *why = NULL;

	if (conf_set(conf, assignment, &why) != CC_OK)
		printf("%s\n", why);
	free(why);
}

static void
begin(void)
{
	char *why = NULL;

	snprintf(dir, sizeof(dir), "/tmp/verify_test.XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	conf = conf_new();
	CHECK(key_open(conf, dir, true, &key, &why) == CC_OK);
	CHECK(trust_open(conf, dir, &trust, &why) == CC_OK);
}

static void
end(void)
{
	char command[100];

	trust_close(trust);
	key_close(key);
	conf_free(conf);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	CHECK(system(command) == 0);
}

static void
write_file(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	CHECK(file != NULL);
	fputs(text, file);
	fclose(file);
	snprintf(path, sizeof(path), "exchange.trust=%s/%s", dir, name);
	set(path);
}

/* ---- messages with memory of their own ---- */

#define TEXT_ROOM 4096

struct made {
	struct cc_message msg;
	char text[CC_HEADERS_MAX][256], key[64], topic[64], value[TEXT_ROOM], jws[TEXT_ROOM];
};

static void
header(struct made *m, const char *name, const char *value)
{
	char *text = m->text[m->msg.header_count];

	snprintf(text, 256, "%s", value);
	m->msg.header[m->msg.header_count++] = (struct cc_header){name, slice_of(text, strlen(text))};
}

static const char *
bundle_with(const char *objects)
{
	static char text[2 * TEXT_ROOM];

	snprintf(text, sizeof(text), "{\"type\":\"bundle\",\"id\":\"bundle--0\",\"objects\":[%s]}", objects);
	return text;
}

static const char *
own_objects(const char *organisation, unsigned n)
{
	static char text[2048];
	char id[IDENTITY_ID];

	identity_of(organisation, id);
	snprintf(text, sizeof(text),
	    "{\"type\":\"identity\",\"id\":\"%s\",\"created_by_ref\":\"%s\"},{\"type\":\"ipv4-addr\",\"id\":\"ipv4-"
	    "addr--"
	    "28bb3599-77cd-5a82-a950-b5bc3caf07c4\",\"value\":\"198.51.100.3\"},{\"type\":\"sighting\",\"created_by_"
	    "ref\":\"%s\","
	    "\"id\":\"sighting--00000000-0000-5000-8000-%012u\",\"count\":%u}",
	    id, id, id, n, n);
	return text;
}

static void
sign(struct made *m, const struct key *with, const uint8_t *prev)
{
	struct buf out;

	buf_over(&out, m->jws, sizeof(m->jws));
	CHECK(jws_sign(with, &m->msg, prev, &out) == CC_OK);
	m->msg.header[m->msg.header_count++] = (struct cc_header){"jws", buf_slice(&out)};
}

static void
make_with(
    struct made *m, const char *source, const char *topic, const char *lane_key, unsigned sequence, const char *value)
{
	char number[24];

	memset(m, 0, sizeof(*m));
	snprintf(m->key, sizeof(m->key), "%s", lane_key);
	snprintf(m->topic, sizeof(m->topic), "%s", topic);
	snprintf(m->value, sizeof(m->value), "%s", value);
	m->msg = (struct cc_message){.topic = slice_str(m->topic),
	    .key = slice_str(m->key),
	    .value = slice_str(m->value),
	    .class = CC_CLASS_SIGHTING};
	snprintf(number, sizeof(number), "%u", sequence);
	header(m, "ce_specversion", "1.0");
	header(m, "ce_id", "a-b-c");
	header(m, "ce_source", source);
	header(m, "ce_type", "org.concert.sighting.v1");
	header(m, "ce_time", "2026-01-31T23:59:59.000000Z");
	header(m, "ce_sequence", number);
	header(m, "content-type", "application/stix+json;version=2.1");
	header(m, "tlp", "amber");
	header(m, "exercise", "false");
}

#define OWN "urn:concert:org.example/sensor-1"
#define TOPIC "concert.indicators"

static void
make(struct made *m, unsigned sequence, const struct made *before)
{
	uint8_t prev[32];

	make_with(m, OWN, TOPIC, "addr:198.51.100.3", sequence, bundle_with(own_objects("org.example", sequence)));
	if (before != NULL)
		jws_digest(&before->msg, prev);
	sign(m, key, before != NULL ? prev : NULL);
}

static struct verified
judge_at(const struct cc_message *msg, uint64_t seen)
{
	struct verifier *v = NULL;
	struct verified out;

	CHECK(verifier_new(conf, trust, &v) == CC_OK);
	verifier_check(v, msg, 1, seen, &out);
	verifier_free(v);
	return out;
}

static enum verdict
judge(const struct cc_message *msg)
{
	return judge_at(msg, time_now()).verdict;
}

/* ---- one message ---- */

TEST(thumbprint_of_the_rfc)
{
	/* RFC 8037, A.3 */
	uint8_t x[32];
	char kid[KEY_ID];

	CHECK(key_parse(slice_str("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"), x) == CC_OK);
	key_thumbprint(x, kid);
	CHECK_TEXT(kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
	CHECK(key_parse(slice_str("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURp"), x) == CC_BAD); /* bits left over */
	CHECK(key_parse(slice_str("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUR"), x) == CC_BAD);
}

/* All positions of everything that is read: value, key, topic, each header, the signature. */
TEST(no_bit_may_change)
{
	static struct made m;
	unsigned tried = 0;

	begin();
	make(&m, 1, NULL);
	CHECK(judge(&m.msg) == VERDICT_ACCEPTED);
	for (unsigned part = 0; part < 3 + m.msg.header_count; part++) {
		struct slice s = part == 0   ? m.msg.value
				 : part == 1 ? m.msg.key
				 : part == 2 ? m.msg.topic
					     : m.msg.header[part - 3].value;

		for (size_t bit = 0; bit < s.size * 8; bit++, tried++) {
			uint8_t *p = (uint8_t *)(uintptr_t)s.p + bit / 8;

			*p = (uint8_t)(*p ^ 1u << bit % 8);
			if (judge(&m.msg) == VERDICT_ACCEPTED) {
				printf("part %u bit %zu\n", part, bit);
				CHECK(false);
			}
			*p = (uint8_t)(*p ^ 1u << bit % 8);
		}
		/* Cut at each byte. */
		for (size_t size = 0; size < s.size; size++) {
			struct cc_message cut = m.msg;
			struct slice *at = part == 0   ? &cut.value
					   : part == 1 ? &cut.key
					   : part == 2 ? &cut.topic
						       : &cut.header[part - 3].value;

			at->size = size;
			CHECK(judge(&cut) != VERDICT_ACCEPTED);
		}
	}
	CHECK(tried > 5000);
	CHECK(judge(&m.msg) == VERDICT_ACCEPTED);
	end();
}

TEST(headers_are_all_or_nothing)
{
	static struct made m;
	struct cc_message other;

	begin();
	make(&m, 1, NULL);
	for (unsigned i = 0; i < m.msg.header_count; i++) {
		other = m.msg; /* one is missing */
		memmove(&other.header[i], &other.header[i + 1], (other.header_count - i - 1) * sizeof(other.header[0]));
		other.header_count--;
		CHECK(judge(&other) != VERDICT_ACCEPTED);
		other = m.msg; /* one is there twice */
		other.header[other.header_count++] = other.header[i];
		CHECK(judge(&other) != VERDICT_ACCEPTED);
	}
	other = m.msg; /* one that was not signed */
	other.header[other.header_count++] = (struct cc_header){"ce_subject", slice_str("x")};
	CHECK(judge(&other) == VERDICT_HEADER_MISMATCH);
	other = m.msg;
	other.topic = slice_str("concert.notices");
	CHECK(judge(&other) == VERDICT_WRONG_TOPIC);
	other = m.msg;
	other.header_count--;
	CHECK(judge(&other) == VERDICT_UNSIGNED);
	end();
}

TEST(keys_have_their_time)
{
	static struct made m;
	char text[1024];
	uint64_t now = time_now();
	struct cc_message msg;
	char *why = NULL;

	begin();
	make(&m, 1, NULL);
	/* Another's trust file, without us: nobody knows the key; then by fingerprint alone, then learnt. */
	snprintf(text, sizeof(text), "organisations: [{id: cert.example, keys: [%s]}]", key_kid(key));
	set("sensor.organisation=cert.other");
	write_file("t.yaml", text);
	trust_close(trust);
	trust = NULL;
	snprintf(text, sizeof(text), "%s/none", dir);
	CHECK(trust_open(conf, text, &trust, &why) == CC_OK);
	CHECK(judge(&m.msg) == VERDICT_UNKNOWN_KEY);
	CHECK(trust_learn(trust, key_kid(key), "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo") == CC_DENIED);
	CHECK(trust_learn(trust, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
		  "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo") == CC_ABSENT);
	CHECK(judge(&m.msg) == VERDICT_UNKNOWN_KEY);
	CHECK(trust_learn(trust, key_kid(key), key_x(key)) == CC_OK);
	CHECK(judge(&m.msg) == VERDICT_FOREIGN_SOURCE); /* org.example's message, cert.example's key */
	/* What was learnt stays over a reload, a broken file changes nothing. */
	snprintf(text, sizeof(text),
	    "organisations: [{id: org.example, keys: [{fingerprint: %s, x: %s, until: 2025-12-31T00:00:00Z}]}]",
	    key_kid(key), key_x(key));
	write_file("t.yaml", text);
	CHECK(trust_reload(trust, &why) == CC_OK);
	CHECK(judge(&m.msg) == VERDICT_KEY_NOT_VALID);
	write_file("t.yaml", "organisations: [{id: Not An Id}]");
	CHECK(trust_reload(trust, &why) == CC_BAD && why != NULL && strstr(why, "t.yaml:1") != NULL);
	free(why);
	CHECK(judge(&m.msg) == VERDICT_KEY_NOT_VALID);
	snprintf(text, sizeof(text),
	    "{\"organisations\": [{\"id\": \"org.example\", \"receive\": \"amber\", \"roles\": [\"a\", \"b\"],"
	    " \"policy\": {\"indicators\": {\"accept\": \"yes\"}}, \"keys\": [{\"fingerprint\": \"%s\", \"x\": "
	    "\"%s\"}]}]}",
	    key_kid(key), key_x(key));
	write_file("t.yaml", text);
	CHECK(trust_reload(trust, &why) == CC_OK);
	CHECK(judge(&m.msg) == VERDICT_ACCEPTED);
	CHECK_TEXT(
	    conf_map_get(&trust_organisation(trust, slice_str("org.example"))->policy, "indicators.accept"), "yes");
	CHECK_UINT(trust_organisation(trust, slice_str("org.example"))->receive, CC_TLP_AMBER);
	/* Revoked: what is seen later counts for nothing, what the broker took earlier does. */
	CHECK(trust_revoke(trust, key_kid(key), now) == CC_OK);
	CHECK(judge_at(&m.msg, now - 1).verdict == VERDICT_ACCEPTED);
	CHECK(judge_at(&m.msg, now).verdict == VERDICT_REVOKED_KEY);
	msg = m.msg;
	msg.appended = now - DAY;
	CHECK(judge_at(&msg, now + DAY).verdict == VERDICT_ACCEPTED);
	CHECK(trust_revoke(trust, key_kid(key), now + DAY) == CC_OK); /* an earlier time stays */
	CHECK(judge_at(&m.msg, now).verdict == VERDICT_REVOKED_KEY);
	end();
}

static enum verdict
judge_bundle(const char *value)
{
	static struct made m;

	make_with(&m, OWN, TOPIC, "addr:1", 1, value);
	sign(&m, key, NULL);
	return judge(&m.msg);
}

TEST(whose_objects)
{
	static char text[TEXT_ROOM], deep[1024];
	char own[IDENTITY_ID], other[IDENTITY_ID];
	char *why = NULL;

	begin();
	write_file("t.yaml", "organisations: [{id: cert.other, keys: [kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k]}]");
	CHECK(trust_reload(trust, &why) == CC_OK);
	identity_of("org.example", own);
	identity_of("cert.other", other);
#define BUNDLE(...) (snprintf(text, sizeof(text), __VA_ARGS__), judge_bundle(bundle_with(text)))
#define UUID "00000000-0000-5000-8000-000000000001"
	CHECK(
	    BUNDLE("{\"type\":\"note\",\"id\":\"note--" UUID "\",\"created_by_ref\":\"%s\"}", own) == VERDICT_ACCEPTED);
	CHECK(BUNDLE("{\"type\":\"note\",\"id\":\"note--" UUID "\",\"created_by_ref\":\"%s\"}", other) ==
	      VERDICT_FOREIGN_OBJECT);
	CHECK(BUNDLE("{\"type\":\"note\",\"id\":\"note--" UUID "\"}") == VERDICT_FOREIGN_OBJECT);
	CHECK(BUNDLE("{\"type\":\"note\",\"id\":\"report--" UUID "\",\"created_by_ref\":\"%s\"}", own) ==
	      VERDICT_MALFORMED);
	CHECK(BUNDLE("{\"type\":\"url\",\"id\":\"url--" UUID "\",\"value\":\"x\"}") == VERDICT_ACCEPTED);
	CHECK(BUNDLE("{\"type\":\"identity\",\"id\":\"%s\",\"created_by_ref\":\"%s\"}", other, own) ==
	      VERDICT_FOREIGN_OBJECT);
	CHECK(BUNDLE("{\"type\":\"identity\",\"id\":\"%s\"}", other) == VERDICT_FOREIGN_OBJECT);
	CHECK(BUNDLE("{\"type\":\"identity\",\"id\":\"%s\"}", own) == VERDICT_ACCEPTED);
	CHECK(BUNDLE("{\"type\":\"marking-definition\",\"id\":\"marking-definition--94868c89-83c2-464b-929b-"
		     "a1a8aa3c8487\"}") == VERDICT_ACCEPTED);
	CHECK(BUNDLE("{\"type\":\"marking-definition\",\"id\":\"marking-definition--" UUID "\"}") ==
	      VERDICT_FOREIGN_OBJECT);
	/* What two readers could read differently. */
	CHECK(
	    BUNDLE("{\"type\":\"note\",\"id\":\"note--" UUID "\",\"created_by_ref\":\"%s\",\"created_by_ref\":\"%s\"}",
		other, own) == VERDICT_MALFORMED);
	CHECK(BUNDLE("{\"type\":\"note\",\"id\":\"note--" UUID
		     "\",\"created\\u005fby_ref\":\"%s\",\"created_by_ref\":\"%s\"}",
		  other, own) == VERDICT_MALFORMED);
	CHECK(judge_bundle("{\"type\":\"bundle\",\"objects\":[]}") == VERDICT_ACCEPTED);
	CHECK(judge_bundle("{\"type\":\"bundle\",\"objects\":[]} ") == VERDICT_ACCEPTED);
	CHECK(judge_bundle("{\"type\":\"bundle\",\"objects\":[]}x") == VERDICT_MALFORMED);
	CHECK(judge_bundle("{\"type\":\"bundle\",\"objects\":[],\"objects\":[]}") == VERDICT_MALFORMED);
	CHECK(judge_bundle("{\"type\":\"bundle\"}") == VERDICT_MALFORMED);
	CHECK(judge_bundle("[]") == VERDICT_MALFORMED);
	CHECK(judge_bundle("") == VERDICT_MALFORMED);
	CHECK(judge_bundle("{\"type\":\"bundle\",\"objects\":[],\"x\":\"\xff\"}") == VERDICT_MALFORMED);
	CHECK(judge_bundle("{\"type\":\"bundle\",\"objects\":[],\"x\":01}") == VERDICT_MALFORMED);
	CHECK(
	    judge_bundle("{\"type\":\"bundle\",\"objects\":[],\"x\":-1.5e+7,\"y\":[true,false,null,\"\\u00e9\\n\"]}") ==
	    VERDICT_ACCEPTED);
	memset(deep, 0, sizeof(deep));
	snprintf(deep, sizeof(deep), "{\"type\":\"bundle\",\"objects\":[],\"x\":");
	memset(deep + strlen(deep), '[', 200);
	CHECK(judge_bundle(deep) == VERDICT_MALFORMED);
	end();
}

/* ---- lanes ---- */

#define LANE 24

static struct made lane[LANE + 1];

static void
make_lane(void)
{
	for (unsigned i = 1; i <= LANE; i++)
		make(&lane[i], i, i > 1 ? &lane[i - 1] : NULL);
}

static struct verified
next(struct verifier *v, unsigned n)
{
	struct verified out;

	verifier_check(v, &lane[n].msg, 1, time_now(), &out);
	return out;
}

static void
save(void *ctx, struct slice k, struct slice state)
{
	CHECK(verifier_restore(ctx, k, state) == CC_OK);
	for (size_t size = 0; size < state.size; size++)
		CHECK(verifier_restore(ctx, k, slice_of(state.p, size)) == CC_BAD);
}

TEST(a_lane_and_what_is_missing)
{
	struct verifier *v = NULL, *w = NULL;
	struct verified out;

	begin();
	make_lane();
	CHECK(verifier_new(conf, trust, &v) == CC_OK && verifier_new(conf, trust, &w) == CC_OK);
	out = next(v, 5);
	CHECK(out.verdict == VERDICT_ACCEPTED && out.notes == 1u << VERIFY_FIRST);
	out = next(v, 6);
	CHECK(out.verdict == VERDICT_ACCEPTED && out.notes == 0);
	out = next(v, 10);
	CHECK(out.verdict == VERDICT_ACCEPTED && out.notes == 1u << VERIFY_GAP && out.missing == 3);
	out = next(v, 8);
	CHECK(out.verdict == VERDICT_ACCEPTED && out.notes == 1u << VERIFY_REORDERED);
	out = next(v, 8);
	CHECK(out.verdict == VERDICT_DUPLICATE && out.notes == 1u << VERIFY_REPLAY);
	CHECK(next(v, 6).verdict == VERDICT_DUPLICATE);
	CHECK(next(v, 3).verdict == VERDICT_ACCEPTED && next(v, 3).verdict == VERDICT_DUPLICATE);
	/* Another verifier takes it up from what was saved. */
	verifier_save(v, save, w);
	CHECK(next(w, 10).verdict == VERDICT_DUPLICATE && next(w, 7).verdict == VERDICT_ACCEPTED &&
	      next(w, 11).notes == 0);
	CHECK(next(w, 7).verdict == VERDICT_DUPLICATE);
	verifier_free(v);
	verifier_free(w);
	end();
}

TEST(two_pasts)
{
	static struct made other, after;
	struct verifier *v = NULL;
	struct verified out;
	struct key *second = NULL;
	char *why = NULL;
	uint8_t prev[32];

	begin();
	make_lane();
	CHECK(verifier_new(conf, trust, &v) == CC_OK);
	for (unsigned i = 1; i <= 10; i++)
		CHECK(next(v, i).verdict == VERDICT_ACCEPTED);
	/* Another message with a number that was used. */
	make_with(&other, OWN, TOPIC, "addr:198.51.100.3", 10, bundle_with(own_objects("org.example", 77)));
	jws_digest(&lane[9].msg, prev);
	sign(&other, key, prev);
	verifier_check(v, &other.msg, 1, time_now(), &out);
	CHECK(out.verdict == VERDICT_FORK);
	/* One that follows it: what it says came before is not what came. */
	make(&after, 11, &other);
	verifier_check(v, &after.msg, 1, time_now(), &out);
	CHECK(out.verdict == VERDICT_FORK);
	/* The first past goes on. */
	CHECK(next(v, 11).verdict == VERDICT_ACCEPTED && next(v, 11).verdict == VERDICT_DUPLICATE);
	/* From the beginning under the same key: a fork; under a new one: a new chain. */
	make_with(&other, OWN, TOPIC, "addr:198.51.100.3", 1, bundle_with(own_objects("org.example", 78)));
	sign(&other, key, NULL);
	verifier_check(v, &other.msg, 1, time_now(), &out);
	CHECK(out.verdict == VERDICT_FORK);
	CHECK(keys_rotate(conf, dir, time_now(), &second, &why) == CC_OK);
	CHECK(trust_reload(trust, &why) == CC_OK);
	make_with(&other, OWN, TOPIC, "addr:198.51.100.3", 1, bundle_with(own_objects("org.example", 78)));
	sign(&other, second, NULL);
	verifier_check(v, &other.msg, 1, time_now(), &out);
	CHECK(out.verdict == VERDICT_ACCEPTED && out.notes == 1u << VERIFY_NEW_CHAIN);
	key_close(second);
	verifier_free(v);
	end();
}

/* ---- runs ---- */

static uint32_t seed = 7;

static uint32_t
chance(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static void
damage(struct made *m)
{
	struct slice s = chance(2) == 0 ? m->msg.value : m->msg.header[chance(m->msg.header_count)].value;

	if (s.size > 0) {
		uint8_t *p = (uint8_t *)(uintptr_t)s.p + chance((uint32_t)s.size);

		*p = (uint8_t)(*p ^ 1u << chance(8));
	}
}

static struct made sent[LANE * 2];

/* A copy has memory of its own: its slices, too. */
static void
copy_made(struct made *to, const struct made *from)
{
	*to = *from;
	to->msg.topic.p = (const uint8_t *)to->topic;
	to->msg.key.p = (const uint8_t *)to->key;
	to->msg.value.p = (const uint8_t *)to->value;
	for (unsigned i = 0; i + 1 < to->msg.header_count; i++)
		to->msg.header[i].value.p = (const uint8_t *)to->text[i];
	to->msg.header[to->msg.header_count - 1].value.p = (const uint8_t *)to->jws;
}

TEST(runs_give_what_single_messages_give)
{
	struct cc_message msg[LANE * 2];
	struct verified run[LANE * 2], one;
	uint64_t computed = 0, refused = 0;

	begin();
	make_lane();
	for (unsigned round = 0; round < 300; round++) {
		struct verifier *v = NULL, *w = NULL;
		unsigned count = 0, n = 1 + chance(4);

		for (; n <= LANE && count < LANE * 2; n++) {
			if (chance(20) == 0)
				continue; /* lost */
			copy_made(&sent[count], &lane[chance(25) == 0 ? 1 + chance(LANE) : n]);
			if (chance(12) == 0)
				damage(&sent[count]);
			msg[count] = sent[count].msg;
			count++;
		}
		CHECK(verifier_new(conf, trust, &v) == CC_OK && verifier_new(conf, trust, &w) == CC_OK);
		verifier_check(v, msg, count, time_now(), run);
		for (unsigned i = 0; i < count; i++) {
			verifier_check(w, &msg[i], 1, time_now(), &one);
			CHECK_UINT(run[i].verdict, one.verdict);
			CHECK_UINT(run[i].notes, one.notes);
			CHECK_UINT(run[i].missing, one.missing);
			refused += one.verdict > VERDICT_DUPLICATE;
		}
		CHECK(verifier_signatures(v) <= verifier_signatures(w));
		computed += verifier_signatures(v);
		verifier_free(v);
		verifier_free(w);
	}
	CHECK(refused > 300 && computed < 300 * LANE / 3);
	end();
}

/* ---- keys on disk ---- */

TEST(key_files)
{
	char path[128];
	struct key *again = NULL;
	struct key_list list;
	struct key_entry entry;
	char *why = NULL;

	begin();
	snprintf(path, sizeof(path), "%s/keys/sensor.key", dir);
	CHECK(key_open(conf, dir, false, &again, &why) == CC_OK);
	CHECK_TEXT(key_kid(again), key_kid(key));
	key_close(again);
	CHECK(chmod(path, 0640) == 0);
	CHECK(key_open(conf, dir, true, &again, &why) == CC_DENIED && why != NULL && strstr(why, "chmod 0600") != NULL);
	free(why);
	CHECK(chmod(path, 0600) == 0);
	CHECK(keys_load(conf, dir, &list, &why) == CC_OK && list.count == 1);
	CHECK(keys_rotate(conf, dir, 1000 * NS_PER_S, &again, &why) == CC_OK);
	CHECK(keys_load(conf, dir, &list, &why) == CC_OK && list.count == 2);
	CHECK_TEXT(list.entry[0].kid, key_kid(key));
	CHECK_TEXT(list.entry[1].kid, key_kid(again));
	CHECK_UINT(list.entry[0].until, 1000 * NS_PER_S + 7 * DAY);
	key_close(again);
	CHECK(keys_revoke(conf, dir, key_kid(key), 5 * NS_PER_S, &entry, &why) == CC_OK);
	CHECK(keys_load(conf, dir, &list, &why) == CC_OK);
	CHECK_UINT(list.entry[0].revoked, 5 * NS_PER_S);
	CHECK(key_open(conf, dir, true, &again, &why) == CC_OK);
	key_close(again);
	/* The present one revoked: nothing is signed any more. */
	CHECK(keys_revoke(conf, dir, NULL, 5 * NS_PER_S, &entry, &why) == CC_OK);
	CHECK(key_open(conf, dir, true, &again, &why) == CC_DENIED && strstr(why, "rotate") != NULL);
	free(why);
	/* By a provider's URI: OpenSSL's own store reads files. */
	snprintf(path, sizeof(path), "exchange.key=file:%s/keys/sensor.key", dir);
	set(path);
	CHECK(key_open(conf, dir, false, &again, &why) == CC_OK);
	key_close(again);
	set("exchange.key_provider=no-such-provider");
	CHECK(key_open(conf, dir, false, &again, &why) == CC_BAD && strstr(why, "no-such-provider") != NULL);
	free(why);
	end();
}

/* Ours for the whole program, to look at the disk before each one, and to let it fail. */
static const char *rename_watch;
static unsigned rename_fails;
static bool rename_missed;

int
rename(const char *from, const char *to)
{
	rename_missed = rename_missed || (rename_watch != NULL && access(rename_watch, F_OK) != 0);
	if (rename_fails > 0 && --rename_fails == 0) {
		errno = EIO;
		return -1;
	}
	return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

/* Whatever ends a rotation, and wherever: there is a key, and it signs. */
TEST(rotation_never_without_a_key)
{
	char path[128], kid[KEY_ID];
	struct key *again = NULL;
	char *why = NULL;

	begin();
	snprintf(path, sizeof(path), "%s/keys/sensor.key", dir);
	rename_watch = path;
	memcpy(kid, key_kid(key), KEY_ID);
	for (unsigned at = 1; at <= 4; at++) {
		enum cc_status st;

		rename_missed = false;
		rename_fails = at;
		st = keys_rotate(conf, dir, (1000 + at) * NS_PER_S, &again, &why);
		CHECK(st == CC_OK || why != NULL);
		rename_fails = 0;
		if (st == CC_OK)
			key_close(again);
		free(why);
		why = NULL;
		CHECK(!rename_missed && access(path, F_OK) == 0);
		/* As a sensor that starts: it signs, and says with which. */
		CHECK(key_open(conf, dir, true, &again, &why) == CC_OK);
		CHECK((st == CC_OK) == (strcmp(key_kid(again), kid) != 0));
		memcpy(kid, key_kid(again), KEY_ID);
		key_close(again);
	}
	rename_watch = NULL;
	end();
}

/* ---- quarantine ---- */

static void
count_them(void *ctx, const struct quarantined *why, const struct cc_message *msg)
{
	unsigned *count = ctx;

	CHECK(slice_is(why->verdict, "bad_signature") && slice_is(why->why, "because") && slice_is(msg->topic, TOPIC));
	++*count;
}

TEST(quarantine_is_bounded)
{
	struct verified verified = {.verdict = VERDICT_BAD_SIGNATURE, .why = "because"};
	struct quarantine *q = NULL;
	static struct made m;
	unsigned count = 0;
	char *why = NULL;

	begin();
	set("exchange.quarantine_max=64k");
	make(&m, 1, NULL);
	for (int round = 0; round < 2; round++) {
		CHECK(quarantine_open(conf, dir, &q, &why) == CC_OK);
		for (int i = 0; i < 200; i++)
			quarantine_put(q, &m.msg, &verified, time_now());
		CHECK_UINT(quarantine_kept(q), 200);
		CHECK_UINT(quarantine_lost(q), 0);
		quarantine_close(q);
	}
	CHECK(quarantine_visit(dir, count_them, &count, &why) == CC_OK);
	CHECK(count > 10 && count < 65536 / m.msg.value.size);
	end();
}

/* A fingerprint that begins with '-' would be taken for an option where it is given to a command. */
TEST(fingerprints_can_be_typed)
{
	struct key *fresh;
	char *why;

	begin();
	for (unsigned i = 0; i < 400; i++) {
		char name[100];

		snprintf(name, sizeof(name), "exchange.key=%s/%u.key", dir, i);
		set(name);
		CHECK(key_open(conf, dir, true, &fresh, &why) == CC_OK);
		CHECK(key_kid(fresh)[0] != '-');
		key_close(fresh);
	}
	end();
}

TESTS(T(fingerprints_can_be_typed), T(thumbprint_of_the_rfc), T(no_bit_may_change), T(headers_are_all_or_nothing),
    T(keys_have_their_time), T(whose_objects), T(a_lane_and_what_is_missing), T(two_pasts),
    T(runs_give_what_single_messages_give), T(key_files), T(rotation_never_without_a_key),
    T(quarantine_is_bounded))
