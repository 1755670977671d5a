/*
 * A hostile partner: whoever holds a trusted key and means ill.  Signed messages to a broker, of many indicators
 * each: names nobody knows, all of the Internet, public suffixes, the reader's own networks, deep JSON, huge bundles,
 * megabytes of headers, repetitions and two pasts.
 *
 *	flood BOOTSTRAP KEYFILE ORGANISATION INDICATORS OWN_PREFIX INDICATORS_A_BUNDLE PRODUCERS A_SECOND
 *
 * All are made and signed first ("ready"), and offered when a line comes in, by several producers, each a sensor of
 * that organisation, at the rate that is asked for if the broker takes it.  Prints how much it has offered, and in
 * which time.  Test data for 270-hostile.
 */
#include "exchange/exchange.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LANES 64
#define DEEP 20000
#define HEADER_SIZE (1u << 20)
#define HEADERS 10
#define PRODUCERS_MAX 8

/* One that is signed. */
struct made {
	struct cc_message msg;
	unsigned large, indicators;
	uint8_t *bytes;
};

struct flood {
	struct conf *conf;
	struct key *key;
	rd_kafka_t *rk;
	pthread_t id;
	struct made *made;
	size_t count, room;
	uint64_t rate, began; /* indicators a second, of this producer; monotonic */
	const char *organisation, *own;
	char source[300], identity[IDENTITY_ID];
	uint64_t sequence[LANES], indicators, indicators_told, number;
	unsigned index;
	uint8_t digest[LANES][32];
	unsigned each;
	struct buf value, jws;
	char *pad;
};

static void
set(struct conf *conf, const char *key, const char *value)
{
	char text[1024], *why = NULL;

	snprintf(text, sizeof(text), "%s=%s", key, value);
	if (conf_set(conf, text, &why) != CC_OK) {
		fprintf(stderr, "%s\n", why);
		exit(2);
	}
}

static void
indicator(struct flood *f, const char *path, const char *value, bool comma)
{
	f->indicators++;
	buf_printf(&f->value,
	    "%s{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":\"indicator--00000000-0000-5000-8000-%012llx\","
	    "\"created_by_ref\":\"%s\","
	    "\"created\":\"2026-01-01T00:00:00Z\",\"modified\":\"2026-01-01T00:00:00Z\",\"pattern\":\"[%s = "
	    "'%s']\",\"pattern_type\":\"stix\","
	    "\"valid_from\":\"2026-01-01T00:00:00Z\"}",
	    comma ? "," : "", (unsigned long long)f->indicators, f->identity, path, value);
}

static void
begin(struct flood *f)
{
	buf_clear(&f->value);
	buf_printf(&f->value,
	    "{\"type\":\"bundle\",\"id\":\"bundle--00000000-0000-5000-8000-%012llx\",\"objects\":["
	    "{\"type\":\"sighting\",\"spec_version\":\"2.1\",\"id\":\"sighting--00000000-0000-5000-8000-%012llx\","
	    "\"created_by_ref\":\"%s\","
	    "\"extensions\":{\"extension-definition--e70757fa-d206-44a7-8d39-8276cee6795e\":{\"origin\":{\"kind\":"
	    "\"own\"},"
	    "\"proof\":{\"level\":\"content\"}}}}",
	    (unsigned long long)f->number, (unsigned long long)f->number, f->identity);
}

static void
names(struct flood *f, unsigned count)
{
	char name[80];

	begin(f);
	for (unsigned i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "n%llu.flood.example", (unsigned long long)f->indicators);
		indicator(f, "domain-name:value", name, true);
	}
	buf_add_text(&f->value, "]}");
}

static void
poison(struct flood *f)
{
	static const char *const domains[] = {"com", "co.uk", "arpa", "localhost"};
	static const char *const addresses[] = {
	    "0.0.0.0/0", "0.0.0.0/1", "10.0.0.0/8", "127.0.0.1", "198.51.0.0/16", "255.255.255.255"};

	begin(f);
	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++)
		indicator(f, "domain-name:value", domains[i], true);
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		indicator(f, "ipv4-addr:value", addresses[i], true);
	indicator(f, "ipv4-addr:value", f->own, true);
	indicator(f, "ipv6-addr:value", "::/0", true);
	buf_add_text(&f->value, "]}");
}

static void
deep(struct flood *f)
{
	buf_clear(&f->value);
	buf_add_text(&f->value, "{\"type\":\"bundle\",\"objects\":");
	for (unsigned i = 0; i < DEEP; i++)
		buf_add_u8(&f->value, '[');
	for (unsigned i = 0; i < DEEP; i++)
		buf_add_u8(&f->value, ']');
	buf_add_u8(&f->value, '}');
}

static struct slice
put(uint8_t **p, struct slice from)
{
	struct slice kept = slice_of(*p, from.size);

	memcpy(*p, from.p, from.size);
	*p += from.size;
	return kept;
}

static void
keep(struct flood *f, const struct cc_message *msg, unsigned large, unsigned indicators)
{
	struct made *made;
	size_t size = msg->topic.size + msg->key.size + msg->value.size;
	uint8_t *p;

	if (f->count == f->room) {
		f->room = f->room * 2 + 256;
		f->made = realloc(f->made, f->room * sizeof(*f->made));
	}
	for (unsigned i = 0; i < msg->header_count; i++)
		size += msg->header[i].value.size;
	p = malloc(size);
	if (f->made == NULL || p == NULL)
		exit(3);
	made = &f->made[f->count++];
	*made = (struct made){.msg = *msg, .large = large, .indicators = indicators, .bytes = p};
	made->msg.topic = put(&p, msg->topic);
	made->msg.key = put(&p, msg->key);
	made->msg.value = put(&p, msg->value);
	for (unsigned i = 0; i < msg->header_count; i++)
		made->msg.header[i].value = put(&p, msg->header[i].value);
}

/* Signs what is in value.  forks: the number of the message before once more, for another message. */
static void
make(struct flood *f, bool forks, unsigned large)
{
	struct cc_message msg = {
	    .topic = slice_str("concert.indicators"), .class = CC_CLASS_ALERT, .value = buf_slice(&f->value)};
	char key[64], id[40], when[40], number[24];
	const struct {
		const char *name, *value;
	} fixed[] = {{"ce_specversion", "1.0"}, {"ce_id", id}, {"ce_source", f->source},
	    {"ce_type", "org.concert.sighting.v1"}, {"ce_time", when}, {"ce_sequence", number},
	    {"content-type", "application/stix+json;version=2.1"}, {"tlp", "TLP:CLEAR"}, {"exercise", "false"}};
	uint64_t before = f->indicators_told;

	f->number++;
	snprintf(key, sizeof(key), "domain:k%llu", (unsigned long long)f->number % 1000);
	msg.key = slice_str(key);
	msg.lane = (uint32_t)(hash64(msg.key, 0) % LANES);
	if (!forks || f->sequence[msg.lane] == 0)
		f->sequence[msg.lane]++;
	snprintf(number, sizeof(number), "%llu", (unsigned long long)f->sequence[msg.lane]);
	snprintf(id, sizeof(id), "00000000-0000-8000-b%03x-%012llx", f->index, (unsigned long long)f->number);
	time_rfc3339_text(time_now(), when);
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		msg.header[msg.header_count++] = (struct cc_header){fixed[i].name, slice_str(fixed[i].value)};
	buf_clear(&f->jws);
	if (jws_sign(f->key, &msg, f->sequence[msg.lane] > 1 ? f->digest[msg.lane] : NULL, &f->jws) != CC_OK)
		exit(3);
	msg.header[msg.header_count++] = (struct cc_header){"jws", buf_slice(&f->jws)};
	jws_digest(&msg, f->digest[msg.lane]);
	keep(f, &msg, large, (unsigned)(f->indicators - before));
	f->indicators_told = f->indicators;
}

static void
offer(struct flood *f, const struct made *made)
{
	const struct cc_message *msg = &made->msg;

	for (;;) {
		rd_kafka_headers_t *headers = rd_kafka_headers_new(msg->header_count + made->large);
		rd_kafka_resp_err_t error;

		for (unsigned i = 0; i < msg->header_count; i++)
			rd_kafka_header_add(headers, msg->header[i].name, -1, msg->header[i].value.p,
			    (ssize_t)msg->header[i].value.size);
		for (unsigned i = 0; i < made->large; i++)
			rd_kafka_header_add(headers, "ce_large", -1, f->pad, HEADER_SIZE);
		error = rd_kafka_producev(f->rk, RD_KAFKA_V_TOPIC("concert.indicators"),
		    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(msg->key.p, msg->key.size),
		    RD_KAFKA_V_VALUE((void *)(uintptr_t)msg->value.p, msg->value.size), RD_KAFKA_V_HEADERS(headers),
		    RD_KAFKA_V_END);
		if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
			break;
		rd_kafka_headers_destroy(headers);
		if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
			fprintf(stderr, "%s\n", rd_kafka_err2str(error));
			exit(3);
		}
		rd_kafka_poll(f->rk, 10);
	}
	rd_kafka_poll(f->rk, 0);
}

/* Each message at its time, as far as the broker keeps up. */
static void *
offer_all(void *arg)
{
	struct flood *f = arg;
	uint64_t sent = 0;

	for (size_t i = 0; i < f->count; i++) {
		uint64_t due = f->began + (f->rate > 0 ? sent * NS_PER_S / f->rate : 0), now = time_monotonic();

		while (now < due) {
			rd_kafka_poll(f->rk, (int)((due - now) / NS_PER_MS) + 1);
			now = time_monotonic();
		}
		offer(f, &f->made[i]);
		sent += f->made[i].indicators;
	}
	while (rd_kafka_outq_len(f->rk) > 0)
		rd_kafka_poll(f->rk, 10);
	return NULL;
}

static void
round_of(struct flood *f)
{
	/* First, while it is still heard. */
	poison(f);
	make(f, false, 0);
	for (unsigned i = 0; i < 20; i++) {
		names(f, f->each);
		make(f, false, 0);
	}
	deep(f);
	make(f, false, 0);
	names(f, 2);
	make(f, true, 0);
	if (f->number % 100 < 24) {
		names(f, 2500); /* nearly a megabyte */
		make(f, false, 0);
		names(f, 1);
		make(f, false, HEADERS);
	}
}

static void
open_one(struct flood *f, char **argv, unsigned index, unsigned of)
{
	rd_kafka_conf_t *rconf;
	char *why = NULL, text[512];

	f->conf = conf_new();
	set(f->conf, "exchange.key", argv[2]);
	set(f->conf, "exchange.insecure", "yes");
	set(f->conf, "exchange.message_max", "10000000");
	set(f->conf, "sensor.organisation", argv[3]);
	if (key_open(f->conf, ".", false, &f->key, &why) != CC_OK) {
		fprintf(stderr, "%s\n", why);
		exit(3);
	}
	f->index = index;
	f->organisation = argv[3];
	f->own = argv[5];
	f->each = (unsigned)atoi(argv[6]);
	f->rate = strtoull(argv[8], NULL, 10) / of;
	snprintf(f->source, sizeof(f->source), "urn:concert:%s/flood-%u", argv[3], index);
	identity_of(argv[3], f->identity);
	f->pad = malloc(HEADER_SIZE);
	memset(f->pad, 'h', HEADER_SIZE);
	buf_open(&f->value, 64u << 20);
	buf_open(&f->jws, 64u << 20);
	rconf = output_kafka_conf(f->conf, argv[1], false, &why);
	rd_kafka_conf_set(rconf, "message.max.bytes", "20000000", text, sizeof(text));
	f->rk = rd_kafka_new(RD_KAFKA_PRODUCER, rconf, text, sizeof(text));
	if (f->rk == NULL)
		exit(3);
}

static void
close_one(struct flood *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->made[i].bytes);
	free(f->made);
	rd_kafka_destroy(f->rk);
	buf_close(&f->value);
	buf_close(&f->jws);
	free(f->pad);
	key_close(f->key);
	conf_free(f->conf);
}

int
main(int argc, char **argv)
{
	static struct flood flood[PRODUCERS_MAX];
	unsigned producers = argc == 9 ? (unsigned)atoi(argv[7]) : 0;
	uint64_t enough, began, messages = 0, indicators = 0;
	char line[16];

	if (producers == 0 || producers > PRODUCERS_MAX)
		return 2;
	log_open("flood", LOG_LEVEL_ERROR);
	enough = strtoull(argv[4], NULL, 10) / producers + 1;
	for (unsigned i = 0; i < producers; i++) {
		open_one(&flood[i], argv, i, producers);
		while (flood[i].indicators < enough)
			round_of(&flood[i]);
	}
	printf("ready\n");
	fflush(stdout);
	if (fgets(line, sizeof(line), stdin) == NULL)
		return 2;
	began = time_monotonic();
	for (unsigned i = 0; i < producers; i++) {
		flood[i].began = began;
		if (pthread_create(&flood[i].id, NULL, offer_all, &flood[i]) != 0)
			return 3;
	}
	for (unsigned i = 0; i < producers; i++) {
		pthread_join(flood[i].id, NULL);
		messages += flood[i].count;
		indicators += flood[i].indicators;
	}
	printf("%llu messages, %llu indicators, %llu ms\n", (unsigned long long)messages,
	    (unsigned long long)indicators, (unsigned long long)((time_monotonic() - began) / NS_PER_MS));
	for (unsigned i = 0; i < producers; i++)
		close_one(&flood[i]);
	return 0;
}
