/* A signer with a key, a trust file and messages of his own, in a folder of its own: for tests of what is verified. */
#ifndef UNIT_EXCHANGE_SIGNED_H
#define UNIT_EXCHANGE_SIGNED_H

#include "exchange/exchange.h"

#include <unistd.h>

#include "unit/test.h"

#define DAY (24 * 3600 * NS_PER_S)

static char dir[64];
static struct conf *conf;
static struct key *key;
static struct trust *trust;

static inline void
set(const char *assignment)
{
	char *why = NULL;

	if (conf_set(conf, assignment, &why) != CC_OK)
		printf("%s\n", why);
	free(why);
}

static inline void
begin(void)
{
	char *why = NULL;

	snprintf(dir, sizeof(dir), "/tmp/verify_test.XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	conf = conf_new();
	CHECK(key_open(conf, dir, true, &key, &why) == CC_OK);
	CHECK(trust_open(conf, dir, &trust, &why) == CC_OK);
}

static inline void
end(void)
{
	char command[100];

	trust_close(trust);
	key_close(key);
	conf_free(conf);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	CHECK(system(command) == 0);
}

static inline void
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

static inline void
header(struct made *m, const char *name, const char *value)
{
	char *text = m->text[m->msg.header_count];

	snprintf(text, 256, "%s", value);
	m->msg.header[m->msg.header_count++] = (struct cc_header){name, slice_of(text, strlen(text))};
}

static inline const char *
bundle_with(const char *objects)
{
	static char text[2 * TEXT_ROOM];

	snprintf(text, sizeof(text), "{\"type\":\"bundle\",\"id\":\"bundle--0\",\"objects\":[%s]}", objects);
	return text;
}

static inline const char *
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

static inline void
sign(struct made *m, const struct key *with, const uint8_t *prev)
{
	struct buf out;

	buf_over(&out, m->jws, sizeof(m->jws));
	CHECK(jws_sign(with, &m->msg, prev, &out) == CC_OK);
	m->msg.header[m->msg.header_count++] = (struct cc_header){"jws", buf_slice(&out)};
}

static inline void
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

static inline void
make(struct made *m, unsigned sequence, const struct made *before)
{
	uint8_t prev[32];

	make_with(m, OWN, TOPIC, "addr:198.51.100.3", sequence, bundle_with(own_objects("org.example", sequence)));
	if (before != NULL)
		jws_digest(&before->msg, prev);
	sign(m, key, before != NULL ? prev : NULL);
}

static inline struct verified
judge_at(const struct cc_message *msg, uint64_t seen)
{
	struct verifier *v = NULL;
	struct verified out;

	CHECK(verifier_new(conf, trust, &v) == CC_OK);
	verifier_check(v, msg, 1, seen, &out);
	verifier_free(v);
	return out;
}

static inline enum verdict
judge(const struct cc_message *msg)
{
	return judge_at(msg, time_now()).verdict;
}

#endif
