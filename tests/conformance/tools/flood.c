/*
 * A hostile partner: whoever holds a trusted key and means ill.  Signed messages to a broker as fast as they can be
 *made, of many indicators each: names nobody knows, all of the Internet, public suffixes, the reader's own networks,
 *deep JSON, huge bundles, megabytes of headers, repetitions and two pasts.
 *
 *	flood BOOTSTRAP KEYFILE ORGANISATION INDICATORS OWN_PREFIX INDICATORS_A_BUNDLE
 *
 * Prints how much it has offered.  Test data for 270-hostile.
 */
#include "exchange/exchange.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

#define LANES 64
#define DEEP 20000
#define HEADER_SIZE (1u << 20)
#define HEADERS 10

struct flood {
	struct conf *conf;
	struct key *key;
	rd_kafka_t *rk;
	const char *organisation, *own;
	char source[300], identity[IDENTITY_ID];
	uint64_t sequence[LANES], indicators, messages, number;
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

/* forks: the number of the message before once more, for another message. */
static void
offer(struct flood *f, bool forks, unsigned large)
{
	struct cc_message msg = {
	    .topic = slice_str("concert.indicators"), .class = CC_CLASS_ALERT, .value = buf_slice(&f->value)};
	char key[64], id[40], when[40], number[24];
	rd_kafka_headers_t *headers;
	const struct {
		const char *name, *value;
	} fixed[] = {{"ce_specversion", "1.0"}, {"ce_id", id}, {"ce_source", f->source},
	    {"ce_type", "org.concert.sighting.v1"}, {"ce_time", when}, {"ce_sequence", number},
	    {"content-type", "application/stix+json;version=2.1"}, {"tlp", "TLP:CLEAR"}, {"exercise", "false"}};

	f->number++;
	snprintf(key, sizeof(key), "domain:k%llu", (unsigned long long)f->number % 1000);
	msg.key = slice_str(key);
	msg.lane = (uint32_t)(hash64(msg.key, 0) % LANES);
	if (!forks || f->sequence[msg.lane] == 0)
		f->sequence[msg.lane]++;
	snprintf(number, sizeof(number), "%llu", (unsigned long long)f->sequence[msg.lane]);
	snprintf(id, sizeof(id), "00000000-0000-8000-b000-%012llx", (unsigned long long)f->number);
	time_rfc3339_text(time_now(), when);
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		msg.header[msg.header_count++] = (struct cc_header){fixed[i].name, slice_str(fixed[i].value)};
	buf_clear(&f->jws);
	if (jws_sign(f->key, &msg, f->sequence[msg.lane] > 1 ? f->digest[msg.lane] : NULL, &f->jws) != CC_OK)
		exit(3);
	msg.header[msg.header_count++] = (struct cc_header){"jws", buf_slice(&f->jws)};
	jws_digest(&msg, f->digest[msg.lane]);
	for (;;) {
		rd_kafka_resp_err_t error;

		headers = rd_kafka_headers_new(msg.header_count + large);
		for (unsigned i = 0; i < msg.header_count; i++)
			rd_kafka_header_add(
			    headers, msg.header[i].name, -1, msg.header[i].value.p, (ssize_t)msg.header[i].value.size);
		for (unsigned i = 0; i < large; i++)
			rd_kafka_header_add(headers, "ce_large", -1, f->pad, HEADER_SIZE);
		error = rd_kafka_producev(f->rk, RD_KAFKA_V_TOPIC("concert.indicators"),
		    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(msg.key.p, msg.key.size),
		    RD_KAFKA_V_VALUE((void *)(uintptr_t)msg.value.p, msg.value.size), RD_KAFKA_V_HEADERS(headers),
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
	f->messages++;
	rd_kafka_poll(f->rk, 0);
}

static void
round_of(struct flood *f)
{
	for (unsigned i = 0; i < 20; i++) {
		names(f, f->each);
		offer(f, false, 0);
	}
	poison(f);
	offer(f, false, 0);
	deep(f);
	offer(f, false, 0);
	names(f, 2);
	offer(f, true, 0);
	if (f->number % 100 < 24) {
		names(f, 2500); /* nearly a megabyte */
		offer(f, false, 0);
		names(f, 1);
		offer(f, false, HEADERS);
	}
}

int
main(int argc, char **argv)
{
	struct flood f = {.number = 0};
	rd_kafka_conf_t *rconf;
	char *why = NULL, text[512];
	uint64_t enough;

	if (argc != 7)
		return 2;
	f.conf = conf_new();
	set(f.conf, "exchange.key", argv[2]);
	set(f.conf, "exchange.insecure", "yes");
	set(f.conf, "exchange.message_max", "10000000");
	set(f.conf, "sensor.organisation", argv[3]);
	log_open("flood", LOG_LEVEL_ERROR);
	if (key_open(f.conf, ".", false, &f.key, &why) != CC_OK) {
		fprintf(stderr, "%s\n", why);
		return 3;
	}
	f.organisation = argv[3];
	f.own = argv[5];
	f.each = (unsigned)atoi(argv[6]);
	snprintf(f.source, sizeof(f.source), "urn:concert:%s/flood", argv[3]);
	identity_of(argv[3], f.identity);
	f.pad = malloc(HEADER_SIZE);
	memset(f.pad, 'h', HEADER_SIZE);
	buf_open(&f.value, 64u << 20);
	buf_open(&f.jws, 64u << 20);
	rconf = output_kafka_conf(f.conf, argv[1], false, &why);
	rd_kafka_conf_set(rconf, "message.max.bytes", "20000000", text, sizeof(text));
	f.rk = rd_kafka_new(RD_KAFKA_PRODUCER, rconf, text, sizeof(text));
	if (f.rk == NULL)
		return 3;
	enough = strtoull(argv[4], NULL, 10);
	while (f.indicators < enough)
		round_of(&f);
	while (rd_kafka_outq_len(f.rk) > 0)
		rd_kafka_poll(f.rk, 10);
	printf("%llu messages, %llu indicators\n", (unsigned long long)f.messages, (unsigned long long)f.indicators);
	rd_kafka_destroy(f.rk);
	buf_close(&f.value);
	buf_close(&f.jws);
	free(f.pad);
	key_close(f.key);
	conf_free(f.conf);
	return 0;
}
