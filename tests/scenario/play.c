/*
 * Plays a world: every observation of world.json becomes the signed message that the sensor of its organisation would
 * have sent, in a file exchange.  The project's own writers do it, so that what is correlated is what sensors send.
 *
 *   play world.json DIR
 *
 * DIR gets the exchange, trust.yaml (everybody's keys and networks), ids.tsv (observation, ce_id) and DIR/sensors/ with
 * keys. The member "truth" is not read.
 */
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "exchange/exchange.h"
#include "world.h"

#define LANES 1024

enum { INDICATORS, HEALTH, TOPICS };
static const char *const topic_name[TOPICS] = {"concert.indicators", "concert.health"};

struct sensor {
	char *name;
	struct conf *conf;
	struct victims *victims;
	struct key *key;
	void *output;
	char source[256];
	uint64_t sequence[TOPICS][LANES];
	uint8_t digest[TOPICS][LANES][32];
	json_t *said; /* its stanza in the world */
	double offset;
	struct sensor *next;
};

struct play {
	const char *dir;
	json_t *world;
	struct sensor *sensors;
	const struct cc_output *file;
	json_t *ids; /* observation to ce_id, for relays */
	FILE *table;
	struct buf value, jws;
	uint64_t ticket;
	const struct cc_output *broker; /* NULL: none */
	void *broker_self;
};

static void
set(struct conf *conf, const char *format, const char *a, const char *b)
{
	char line[8192], *why = NULL;

	snprintf(line, sizeof(line), format, a, b);
	if (conf_set(conf, line, &why) != CC_OK)
		fail(line, why);
}

/* The organisation's private seed as the key file that sensors have. */
static void
write_key(const char *dir, const char *hex)
{
	uint8_t seed[32];
	char path[4400];
	EVP_PKEY *pkey;
	FILE *out;

	if (hex_parse(slice_str(hex), seed, 32) != CC_OK)
		fail("organisation's seed", hex);
	snprintf(path, sizeof(path), "%s/keys", dir);
	if (dirs_make(path, 0700) != CC_OK)
		fail(path, "can't be made");
	snprintf(path, sizeof(path), "%s/keys/sensor.key", dir);
	pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
	remove(path);
	umask(077);
	out = fopen(path, "w");
	if (pkey == NULL || out == NULL || PEM_write_PrivateKey(out, pkey, NULL, NULL, 0, NULL, NULL) != 1)
		fail(path, "can't be written");
	fclose(out);
	EVP_PKEY_free(pkey);
}

/* One secret an organisation: its sensors give one victim one pseudonym. */
static void
write_secret(const struct play *play, json_t *organisation, struct conf *conf)
{
	uint8_t digest[32];
	char path[4400], hex[65];
	FILE *out;

	sha256_of(slice_at(organisation, "seed"), digest);
	snprintf(path, sizeof(path), "%s/sensors/%s.victims", play->dir, text_of(organisation, "id"));
	if ((out = fopen(path, "w")) == NULL)
		fail(path, "can't be written");
	fprintf(out, "%s\n", hex_text(slice_of(digest, 32), hex));
	fclose(out);
	set(conf, "victims.key=%s%s", path, "");
}

static void
delivered(void *ctx, uint64_t ticket, enum cc_status status)
{
	(void)ctx;
	(void)ticket;
	if (status != CC_OK)
		fail("exchange", cc_status_text(status));
}

static struct sensor *
open_sensor(struct play *play, json_t *organisation, json_t *said)
{
	struct sensor *s = calloc(1, sizeof(*s));
	json_t *clock = json_object_get(organisation, "clock"), *prefix;
	char dir[4300], number[64], *why = NULL;
	const char *id = text_of(organisation, "id"), *name = text_of(said, "name");
	struct buf home;
	size_t i;

	if (s == NULL)
		fail(id, "no memory");
	snprintf(s->source, sizeof(s->source), "urn:concert:%s/%s", id, name);
	s->said = said;
	s->offset = real_of(clock, "offset_s", 0);
	s->conf = conf_new();
	set(s->conf, "sensor.organisation=%s%s", id, "");
	set(s->conf, "sensor.name=%s%s", name, "");
	set(s->conf, "spool.fsync=%s%s", "never", "");
	set(s->conf, "sensor.site=%s-%s", id, name);
	set(s->conf, "victims.period=%s%s", "3650d", "");
	if (strcmp(text_of(clock, "source"), "unknown") != 0 && text_of(clock, "source")[0] != '\0') {
		set(s->conf, "sensor.clock=%s%s", text_of(clock, "source"), "");
		snprintf(number, sizeof(number), "%.0fms", real_of(clock, "error_s", 1) * 1000);
		set(s->conf, "sensor.clock_error=%s%s", number, "");
	}
	buf_open(&home, 1u << 20);
	buf_add_text(&home, "indicate.home=[");
	json_array_foreach(json_object_get(organisation, "prefixes"), i, prefix)
		buf_printf(&home, "%s%s", i > 0 ? "," : "", json_string_value(prefix));
	buf_add(&home, "]", 2);
	if (conf_set(s->conf, (const char *)home.p, &why) != CC_OK)
		fail(id, why);
	buf_close(&home);
	snprintf(dir, sizeof(dir), "%s/sensors/%s+%s", play->dir, id, name);
	write_key(dir, text_of(organisation, "seed"));
	write_secret(play, organisation, s->conf);
	if (key_open(s->conf, dir, false, &s->key, &why) != CC_OK ||
	    victims_open(s->conf, dir, &s->victims, &why) != CC_OK ||
	    play->file->open(s->conf, play->dir, delivered, play, &s->output, &why) != CC_OK)
		fail(dir, why);
	s->next = play->sensors;
	return play->sensors = s;
}

/* A broker without TLS, beside the folder. */
static void
open_broker(struct play *play, const char *to)
{
	struct conf *conf = conf_new();
	char *why = NULL;

	if (strncmp(to, "kafka:", 6) != 0)
		fail(to, "is no kafka:HOST:PORT");
	set(conf, "exchange.insecure=%s%s", "yes", "");
	play->broker = output_by_name(slice_str("kafka"));
	if (play->broker->open(conf, to + 6, delivered, play, &play->broker_self, &why) != CC_OK)
		fail(to, why);
}

static void
write_trust(struct play *play)
{
	char path[4400];
	json_t *organisation, *prefix;
	size_t i, j;
	FILE *out;

	snprintf(path, sizeof(path), "%s/trust.yaml", play->dir);
	if ((out = fopen(path, "w")) == NULL)
		fail(path, "can't be written");
	fprintf(out, "organisations:\n");
	json_array_foreach(json_object_get(play->world, "organisations"), i, organisation)
	{
		struct sensor *s = play->sensors;
		char source[256];

		snprintf(source, sizeof(source), "urn:concert:%s/", text_of(organisation, "id"));
		while (s != NULL && strncmp(s->source, source, strlen(source)) != 0)
			s = s->next;
		if (s == NULL)
			continue;
		fprintf(out, "  - id: %s\n    receive: amber\n    roles: [partner]\n    policy:\n      networks: \"",
		    text_of(organisation, "id"));
		json_array_foreach(json_object_get(organisation, "prefixes"), j, prefix)
			fprintf(out, "%s%s", j > 0 ? " " : "", json_string_value(prefix));
		fprintf(out, "\"\n    keys:\n      - fingerprint: %s\n        x: %s\n", key_kid(s->key), key_x(s->key));
	}
	fclose(out);
}

/* ---- an observation as a record ---- */

static uint64_t
time_at(struct play *play, json_t *o, const char *member, const struct sensor *s)
{
	uint64_t ns;
	const char *text = text_of(o, member);

	(void)play;
	if (text[0] == '\0')
		text = text_of(o, "time");
	if (time_rfc3339_parse(text, &ns) != CC_OK)
		fail(text_of(o, "id"), text);
	return (uint64_t)((int64_t)ns + (int64_t)(s->offset * 1e9));
}

/* Its place in the list; that of otherwise where there is none.  check_word() has looked before. */
static unsigned
word_of(const char *word, const char *const *words, unsigned otherwise)
{
	for (unsigned i = 0; words[i] != NULL; i++) {
		if (strcmp(words[i], word) == 0)
			return i;
	}
	return otherwise;
}

/* What the sensor says of its coverage at that time. */
static void
coverage(const struct sensor *s, uint64_t at, char ret_text[400], bool *ret_one)
{
	json_t *one, *best = NULL;
	size_t i;

	ret_text[0] = '\0';
	*ret_one = false;
	json_array_foreach(json_object_get(s->said, "coverage"), i, one)
	{
		uint64_t from, until;

		if (time_rfc3339_parse(text_of(one, "from"), &from) == CC_OK &&
		    time_rfc3339_parse(text_of(one, "until"), &until) == CC_OK &&
		    (best == NULL || (from <= at && at <= until)))
			best = one;
	}
	if (best == NULL)
		return;
	*ret_one = strcmp(text_of(best, "sides"), "one") == 0;
	snprintf(ret_text, 400,
	    "{\"from\":\"%s\",\"until\":\"%s\",\"packets\":%.0f,\"lost_kernel\":%.0f,\"lost_interface\":0,\"lost_"
	    "ring\":0}",
	    text_of(best, "from"), text_of(best, "until"), 1e6 * (1 - real_of(best, "lost", 0)),
	    1e6 * real_of(best, "lost", 0));
}

static void
endpoint(json_t *said, struct cc_endpoint *end)
{
	(void)cc_addr_parse(text_of(said, "addr"), &end->addr);
	end->port = (uint16_t)real_of(said, "port", 0);
	end->packets = end->addr.b[0] | end->addr.b[15] ? 12 : 0;
	end->bytes = end->packets * 100;
	end->hops = 255;
}

static void
make_record(struct play *play, json_t *o, struct sensor *s, struct cc_record *rec)
{
	json_t *indicator = json_object_get(o, "indicator"), *prints = json_object_get(o, "fingerprints"),
	       *rule = json_object_get(o, "rule");
	json_t *attacker = json_object_get(o, "attacker");
	json_t *positive = json_object_get(o, "positive");
	const struct cc_addr none = {{0}};

	*rec = (struct cc_record){.kind = (enum cc_kind)word_of(text_of(indicator, "kind"), kinds, 0),
	    .value = slice_at(indicator, "value"),
	    .proof = (enum cc_proof)word_of(text_of(o, "proof"), proofs, 0),
	    .tlp = (enum cc_tlp)word_of(text_of(o, "tlp"), tlps, CC_TLP_AMBER),
	    .class = CC_CLASS_ALERT,
	    .severity = 2,
	    .offset = UINT64_MAX,
	    .snaplen = 262144};
	rec->first = time_at(play, o, "time", s);
	rec->last = time_at(play, o, "last", s);
	rec->count = json_is_false(positive) ? 0 : (uint64_t)real_of(o, "count", 1);
	if (rec->count == 0 && !json_is_false(positive))
		rec->count = 1;
	endpoint(attacker, &rec->attacker);
	endpoint(json_object_get(o, "victim"), &rec->victim);
	rec->attacker_is_client = strcmp(text_of(attacker, "role"), "client") == 0;
	if (cc_addr_cmp(&rec->attacker.addr, &none) != 0) {
		rec->flow_start = rec->first;
		rec->proto = rec->proof == CC_PROOF_SPOOFABLE ? 17 : 6;
		rec->direction = rec->attacker_is_client ? CC_INBOUND : CC_OUTBOUND;
		if (victims_ours(s->victims, &rec->attacker.addr))
			rec->direction = rec->attacker_is_client ? CC_OUTBOUND : CC_INBOUND;
		rec->attacker.ttl = 64;
		rec->attacker.hops = (uint8_t)real_of(o, "hops", 255);
	}
	rec->attacker.stack = slice_at(prints, "tcp_stack");
	rec->ja3 = slice_at(prints, "ja3");
	rec->ja3s = slice_at(prints, "ja3s");
	rec->ja4 = slice_at(prints, "ja4");
	rec->cert_sha256 = slice_at(prints, "certificate_sha256");
	rec->user_agent = slice_at(prints, "user_agent");
	rec->header_order = slice_at(prints, "header_order");
	rec->period = (uint64_t)(real_of(json_object_get(o, "behaviour"), "period_s", 0) * 1e9);
	rec->jitter = (uint16_t)(real_of(json_object_get(o, "behaviour"), "jitter", 0) * 1e3);
	rec->app = rec->cert_sha256.size > 0 || rec->ja4.size > 0 ? slice_str("tls") : slice_of(NULL, 0);
	rec->domain = slice_at(o, "domain");
	rec->url = slice_at(o, "url");
	rec->file_sha256 = slice_at(o, "file_sha256");
	rec->sid = (uint32_t)real_of(rule, "sid", 0);
	rec->gid = rec->sid != 0;
	rec->rev = rec->sid != 0;
	rec->detector = rec->sid != 0 ? CC_BY_SIGNATURE : CC_BY_WATCH;
	rec->rule_name = slice_at(rule, "name");
	rec->rule_class = slice_at(rule, "class");
}

/* ---- a record as a message ---- */

static void
add_header(struct cc_message *msg, const char *name, const char *value)
{
	msg->header[msg->header_count++] = (struct cc_header){name, slice_str(value)};
}

struct letter {
	int topic;
	const char *type, *observation; /* observation: NULL: of none */
	struct slice key;
	enum cc_tlp tlp;
	uint64_t time;
};

/* As exchange_send() and signing.c make one; ce_id is of content and source. */
static void
send_message(struct play *play, struct sensor *s, const struct letter *l)
{
	struct cc_message msg = {
	    .topic = slice_str(topic_name[l->topic]), .class = CC_CLASS_ALERT, .value = buf_slice(&play->value)};
	char id[40], when[40], number[24], hex[65];
	uint8_t digest[32];
	uint64_t *sequence;
	struct digest d;

	digest_open(&d, DIGEST_SHA256);
	digest_add(&d, slice_str(s->source));
	digest_add(&d, slice_of("", 1));
	digest_add(&d, msg.value);
	digest_close(&d, NULL, NULL, digest);
	hex_text(slice_of(digest, 16), hex);
	snprintf(id, sizeof(id), "%.8s-%.4s-8%.3s-b%.3s-%.12s", hex, hex + 8, hex + 13, hex + 17, hex + 20);
	msg.key = l->key;
	msg.lane = (uint32_t)(hash64(msg.key, 0) % s->conf->exchange_lanes);
	sequence = &s->sequence[l->topic][msg.lane];
	snprintf(number, sizeof(number), "%llu", (unsigned long long)++*sequence);
	add_header(&msg, "ce_specversion", "1.0");
	add_header(&msg, "ce_id", id);
	add_header(&msg, "ce_source", s->source);
	add_header(&msg, "ce_type", l->type);
	add_header(&msg, "ce_time", time_rfc3339_text(l->time, when));
	add_header(&msg, "ce_sequence", number);
	add_header(&msg, "content-type", "application/stix+json;version=2.1");
	add_header(&msg, "tlp", record_tlp_text(l->tlp));
	add_header(&msg, "exercise", "false");
	buf_clear(&play->jws);
	if (jws_sign(s->key, &msg, *sequence > 1 ? s->digest[l->topic][msg.lane] : NULL, &play->jws) != CC_OK)
		fail(id, "can't be signed");
	msg.header[msg.header_count++] = (struct cc_header){"jws", buf_slice(&play->jws)};
	jws_digest(&msg, s->digest[l->topic][msg.lane]);
	while (play->file->send(s->output, &msg, ++play->ticket) == CC_FULL)
		play->file->poll(s->output, 0);
	while (play->broker != NULL && play->broker->send(play->broker_self, &msg, play->ticket) == CC_FULL)
		play->broker->poll(play->broker_self, 100);
	if (l->observation == NULL)
		return;
	fprintf(play->table, "%s\t%s\n", l->observation, id);
	json_object_set_new(play->ids, l->observation, json_stringn(id, strlen(id)));
}

static void
send_sighting(struct play *play, struct sensor *s, const struct cc_record *rec, const char *observation)
{
	char key[8192];

	snprintf(key, sizeof(key), "%s:%.*s", record_kind_text(rec->kind), (int)rec->value.size, rec->value.p);
	send_message(play, s,
	    &(struct letter){INDICATORS, "org.concert.sighting.v1", observation, slice_str(key), rec->tlp, rec->last});
}

/* ---- heartbeats ---- */

static void
beat(struct play *play, struct sensor *s, uint64_t from, uint64_t until, double lost)
{
	struct exchange_source source = {.conf = s->conf, .live = true, .victims = s->victims};
	struct exchange_health health = {.time = until};
	char key[256], coverage[400], first[40], last[40];

	snprintf(coverage, sizeof(coverage),
	    "{\"from\":\"%s\",\"until\":\"%s\",\"packets\":%.0f,\"lost_kernel\":%.0f,\"lost_interface\":0,\"lost_"
	    "ring\":0}",
	    time_rfc3339_text(from, first), time_rfc3339_text(until, last), 1e6 * (1 - lost), 1e6 * lost);
	source.coverage = slice_str(coverage);
	buf_clear(&play->value);
	if (stix_health(&source, &health, &play->value) != CC_OK)
		fail(s->source, "no heartbeat");
	snprintf(key, sizeof(key), "%s", s->source + strlen("urn:concert:"));
	send_message(play, s,
	    &(struct letter){HEALTH, "org.concert.health.v1", NULL, slice_str(key), CC_TLP_GREEN, until});
}

/* While its coverage lasts, one each heartbeat_s, with what it saw since the one before. */
static void
play_heartbeats(struct play *play, struct sensor *s)
{
	double every = real_of(s->said, "heartbeat_s", 0);
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(s->said, "coverage"), i, one)
	{
		uint64_t from, until, step = (uint64_t)(every * 1e9);

		if (every < 1 || time_rfc3339_parse(text_of(one, "from"), &from) != CC_OK ||
		    time_rfc3339_parse(text_of(one, "until"), &until) != CC_OK)
			continue;
		for (; from + step <= until; from += step)
			beat(play, s, from, from + step, real_of(one, "lost", 0));
	}
}

static void
play_observation(struct play *play, json_t *o)
{
	char source[256], text[400];
	json_t *origin = json_object_get(o, "origin");
	struct exchange_source from = {.conf = NULL};
	struct exchange_origin other = {.kind = text_of(origin, "kind")};
	struct cc_record rec;
	struct sensor *s = play->sensors;

	snprintf(source, sizeof(source), "urn:concert:%s/%s", text_of(o, "organisation"), text_of(o, "sensor"));
	while (s != NULL && strcmp(s->source, source) != 0)
		s = s->next;
	if (s == NULL)
		fail_at("observation", o, "sensor", "there is no such organisation, or it has no such sensor");
	make_record(play, o, s, &rec);
	from.conf = s->conf;
	from.live = true;
	from.victims = s->victims;
	coverage(s, rec.first, text, &rec.one_sided);
	from.coverage = json_is_false(json_object_get(s->said, "says_coverage")) ? slice_of(NULL, 0) : slice_str(text);
	if (strcmp(other.kind, "relay") == 0 || strcmp(other.kind, "answer") == 0) {
		other.of = slice_at(play->ids, text_of(origin, "of"));
		other.to = slice_at(origin, "to");
		from.origin = &other;
	}
	buf_clear(&play->value);
	if (stix_sighting(&from, &rec, false, &play->value) != CC_OK)
		fprintf(stderr, "play: %s stays: it names an address of its own networks\n", text_of(o, "id"));
	else
		send_sighting(play, s, &rec, text_of(o, "id"));
}

int
main(int argc, char **argv)
{
	struct play play = {.dir = argc >= 3 ? argv[2] : ""};
	json_error_t error;
	json_t *organisation, *said;
	struct placed *order;
	char path[4400];
	size_t i, j, count;

	if (argc != 3 && argc != 4) {
		fprintf(stderr, "usage: play world.json DIR [kafka:HOST:PORT]\n");
		return 2;
	}
	if ((play.world = json_load_file(argv[1], 0, &error)) == NULL)
		fprintf(stderr, "play: %s:%d: %s\n", argv[1], error.line, error.text), exit(1);
	order = check_world(play.world, &count);
	play.file = output_by_name(slice_str("file"));
	play.ids = json_pack("{}");
	if (dirs_make(play.dir, 0755) != CC_OK)
		fail(play.dir, "can't be made");
	/* A sensor's configuration takes what is relative from its own folder. */
	if ((play.dir = realpath(play.dir, NULL)) == NULL)
		fail(argv[2], "can't be found");
	snprintf(path, sizeof(path), "%s/ids.tsv", play.dir);
	if ((play.table = fopen(path, "w")) == NULL)
		fail(path, "can't be written");
	buf_open(&play.value, 16u << 20);
	buf_open(&play.jws, 1u << 16);
	json_array_foreach(json_object_get(play.world, "organisations"), i, organisation)
	{
		json_array_foreach(json_object_get(organisation, "sensors"), j, said)
			(void)open_sensor(&play, organisation, said);
	}
	write_trust(&play);
	if (argc == 4)
		open_broker(&play, argv[3]);
	for (i = 0; i < count; i++)
		play_observation(&play, order[i].observation);
	for (struct sensor *s = play.sensors; s != NULL; s = s->next)
		play_heartbeats(&play, s);
	while (play.broker != NULL && play.broker->pending(play.broker_self) > 0)
		play.broker->poll(play.broker_self, 100);
	if (play.broker != NULL)
		play.broker->close(play.broker_self);
	for (struct sensor *s = play.sensors; s != NULL; s = s->next) {
		play.file->poll(s->output, 0);
		play.file->close(s->output);
	}
	fclose(play.table);
	free((void *)(uintptr_t)play.dir);
	return 0;
}
