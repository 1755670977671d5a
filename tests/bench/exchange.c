/*
 * What the exchange costs: by stage, over the file exchange; and to a broker, against what bounds it: OpenSSL's bare
 * Ed25519 on as many threads, and a loop of librdkafka alone with the same messages, in turns, so that other work on
 * the machine meets all three.  Each thread's share of the chain is told, too: at its busiest one it can't go faster.
 *
 *	exchange [MESSAGES]                     by stage
 *	exchange MESSAGES BOOTSTRAP [ROUNDS]    to a broker without TLS; topics bench.* must be there
 */
#include "exchange/exchange.h"

#include <librdkafka/rdkafka.h>
#include <dirent.h>
#include <pthread.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static char dir[64];
static struct conf *conf;

/* CPU time of all threads: the machine may have other work. */
static uint64_t
spent(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static double
since(uint64_t start)
{
	return (double)(spent() - start) / 1e9;
}

static void
set(const char *assignment)
{
	char *why = NULL;

	if (conf_set(conf, assignment, &why) != CC_OK)
		exit(2);
}

static void
record(unsigned n, char value[64], struct cc_record *rec)
{
	*rec = (struct cc_record){.kind = CC_KIND_DOMAIN,
	    .detector = CC_BY_SIGNATURE,
	    .severity = 3,
	    .tlp = CC_TLP_AMBER,
	    .first = 1700000000 * NS_PER_S + n,
	    .count = 1,
	    .gid = 1,
	    .sid = 1,
	    .proto = 17,
	    .attacker.hops = 255,
	    .victim.hops = 255,
	    .direction = CC_OUTBOUND};
	snprintf(value, 64, "h%u.example", n);
	rec->value = rec->domain = slice_str(value);
	rec->last = rec->first;
	rec->attacker.addr = cc_addr4((const uint8_t[]){203, 0, 113, 5});
	rec->victim.addr = cc_addr4((const uint8_t[]){10, 99, 98, 97});
}

static void
write_all(unsigned count, const char *threads)
{
	struct exchange *exchange = NULL;
	char *why = NULL, value[64], assignment[64], command[192];
	struct cc_record rec;
	uint64_t start;

	snprintf(assignment, sizeof(assignment), "exchange.sign_threads=%s", threads);
	set(assignment);
	snprintf(command, sizeof(command), "rm -rf %s/spool %s/exchange", dir, dir);
	if (system(command) != 0 || exchange_open(conf, dir, false, &exchange, &why) != CC_OK) {
		printf("%s\n", why);
		exit(1);
	}
	start = spent();
	for (unsigned i = 0; i < count; i++) {
		record(i, value, &rec);
		(void)exchange_record(exchange, &rec);
		if (i % 1024 == 0)
			(void)exchange_pump(exchange, 0);
	}
	(void)exchange_flush(exchange);
	printf("signed and spooled, %s signing threads:   %8.0f a CPU second\n", threads, count / since(start));
	(void)exchange_drain(exchange, time_monotonic() + 120 * NS_PER_S);
	printf("  and in the file exchange:               %8.0f a CPU second\n", count / since(start));
	exchange_close(exchange);
}

static void
read_all(bool one_by_one)
{
	const char *const topics[] = {"indicators"}, *trouble;
	struct trust *trust = NULL;
	struct verifier *v = NULL;
	struct inbox *inbox = NULL;
	struct reader *reader = NULL;
	struct verified verified;
	struct cc_message msg;
	char from[100], *why = NULL;
	uint64_t start, count = 0, good = 0, signatures;

	snprintf(from, sizeof(from), "file:%s/exchange", dir);
	if (trust_open(conf, dir, &trust, &why) != CC_OK || verifier_new(conf, trust, &v) != CC_OK ||
	    reader_open(conf, from, topics, 1, true, &reader, &why) != CC_OK ||
	    inbox_open(conf, from, topics, 1, true, trust, NULL, &inbox, &why) != CC_OK)
		exit(1);
	start = spent();
	while ((one_by_one ? reader_next(reader, 0, &msg, &trouble)
			   : inbox_next(inbox, 0, &msg, &verified, &trouble)) == CC_OK) {
		if (one_by_one)
			verifier_check(v, &msg, 1, time_now(), &verified);
		count++;
		good += verified.verdict == VERDICT_ACCEPTED;
		if (one_by_one && count == 20000)
			break;
	}
	signatures = verifier_signatures(one_by_one ? v : inbox_verifier(inbox));
	printf("read and verified %s:        %8.0f a CPU second (%llu of %llu good, %llu signatures)\n",
	    one_by_one ? "one by one" : "by the chain", (double)count / since(start), (unsigned long long)good,
	    (unsigned long long)count, (unsigned long long)signatures);
	inbox_close(inbox);
	reader_close(reader);
	verifier_free(v);
	trust_close(trust);
}

/* ---- by stage ---- */

static void
row(const char *name, unsigned count, uint64_t start)
{
	double seconds = since(start);

	printf("  %-44s %9.2f us a message %10.0f a CPU second\n", name, seconds * 1e6 / count, count / seconds);
}

static void
stages(const struct key *key, unsigned count)
{
	struct exchange_source source = {.conf = conf};
	uint8_t signature[KEY_SIGNATURE], digest[32];
	char value[64];
	struct cc_record rec;
	struct cc_message msg = {
	    .topic = slice_str("concert.indicators"), .key = slice_str("domain:h1.example"), .class = CC_CLASS_ALERT};
	static const char *const names[] = {"ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_sequence",
	    "content-type", "tlp", "exercise"};
	struct buf out, jws, bytes;
	uint64_t start;

	buf_open(&out, 1u << 20);
	buf_open(&jws, 1u << 20);
	buf_open(&bytes, 1u << 20);
	start = spent();
	for (unsigned i = 0; i < count; i++) {
		record(i, value, &rec);
		buf_clear(&out);
		(void)stix_sighting(&source, &rec, false, &out);
	}
	printf("a sighting of %zu bytes\n", out.size);
	row("its bundle", count, start);
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		msg.header[msg.header_count++] =
		    (struct cc_header){names[i], slice_str("urn:concert:example.org/sensor-1 or so")};
	msg.value = buf_slice(&out);
	start = spent();
	for (unsigned i = 0; i < count; i++)
		sha256_of(msg.value, digest);
	row("SHA-256 of it, for ce_id", count, start);
	start = spent();
	for (unsigned i = 0; i < count; i++)
		(void)key_sign(key, msg.value, signature);
	row("bare Ed25519 over it", count, start);
	start = spent();
	for (unsigned i = 0; i < count; i++) {
		buf_clear(&jws);
		(void)jws_sign(key, &msg, digest, &jws);
	}
	row("its jws, with that signature", count, start);
	msg.header[msg.header_count++] = (struct cc_header){"jws", buf_slice(&jws)};
	start = spent();
	for (unsigned i = 0; i < count; i++)
		jws_digest(&msg, digest);
	row("its digest, for the next of its lane", count, start);
	start = spent();
	for (unsigned i = 0; i < count; i++) {
		buf_clear(&bytes);
		(void)message_encode(&msg, &bytes);
	}
	row("as bytes of a segment, with CRC-32C", count, start);
	buf_close(&bytes);
	buf_close(&jws);
	buf_close(&out);
}

/* ---- to a broker ---- */

enum part { PART_COURIER, PART_SIGNERS, PART_KAFKA, PARTS };

struct round {
	double bare, loop, chain; /* a second of wall time */
	double bare_cpu;          /* seconds a signature */
	double part[PARTS];       /* CPU seconds a message */
};

/* CPU seconds so far, by what a thread is called: ours have their names, librdkafka's begin with "rdk:". */
static void
parts_of(double ret_part[PARTS])
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *entry;

	memset(ret_part, 0, PARTS * sizeof(*ret_part));
	while (tasks != NULL && (entry = readdir(tasks)) != NULL) {
		char path[300], name[32] = "";
		unsigned long long ns = 0;
		FILE *file;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
		if ((file = fopen(path, "r")) == NULL || fgets(name, sizeof(name), file) == NULL)
			name[0] = '\0';
		if (file != NULL)
			fclose(file);
		snprintf(path, sizeof(path), "/proc/self/task/%s/schedstat", entry->d_name);
		if ((file = fopen(path, "r")) != NULL && fscanf(file, "%llu", &ns) != 1)
			ns = 0;
		if (file != NULL)
			fclose(file);
		ret_part[strncmp(name, "rdk:", 4) == 0	    ? PART_KAFKA
			 : strncmp(name, "signer", 6) == 0 ? PART_SIGNERS
							   : PART_COURIER] += (double)ns / 1e9;
	}
	if (tasks != NULL)
		closedir(tasks);
}

static double
wall_since(uint64_t start)
{
	return (double)(time_monotonic() - start) / 1e9;
}

struct bare {
	const struct key *key;
	struct slice value;
	unsigned count;
};

static void *
bare_main(void *arg)
{
	const struct bare *bare = arg;
	uint8_t signature[KEY_SIGNATURE];

	for (unsigned i = 0; i < bare->count; i++)
		(void)key_sign(bare->key, bare->value, signature);
	return NULL;
}

static double
bare_rate(const struct key *key, struct slice value, unsigned count, double *ret_cpu)
{
	unsigned threads = conf->exchange_sign_threads > 0 ? (unsigned)conf->exchange_sign_threads : 1;
	struct bare bare = {key, value, count / threads};
	pthread_t id[16];
	uint64_t start = time_monotonic(), cpu = spent();

	for (unsigned i = 0; i < threads; i++) {
		if (pthread_create(&id[i], NULL, bare_main, &bare) != 0)
			exit(1);
	}
	for (unsigned i = 0; i < threads; i++)
		pthread_join(id[i], NULL);
	*ret_cpu = since(cpu) / (bare.count * threads);
	return bare.count * threads / wall_since(start);
}

/* The same settings, headers and sizes; acknowledged by all. */
static double
loop_rate(const char *bootstrap, struct slice value, unsigned count)
{
	char *why = NULL, text[512] = "", jws[900];
	rd_kafka_conf_t *rconf = output_kafka_conf(conf, bootstrap, false, &why);
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, rconf, text, sizeof(text));
	rd_kafka_topic_t *topic = rk != NULL ? rd_kafka_topic_new(rk, "bench.indicators", NULL) : NULL;
	uint64_t start;

	if (topic == NULL) {
		printf("%s%s\n", why != NULL ? why : "", text);
		exit(1);
	}
	memset(jws, 'j', sizeof(jws));
	start = time_monotonic();
	for (unsigned i = 0; i < count; i++) {
		rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
		char key[32];
		int size = snprintf(key, sizeof(key), "domain:h%u.example", i);

		rd_kafka_header_add(headers, "jws", -1, jws, sizeof(jws));
		rd_kafka_header_add(headers, "ce_type", -1, "org.concert.sighting.v1", -1);
		while (rd_kafka_producev(rk, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(RD_KAFKA_PARTITION_UA),
			   RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, (size_t)size),
			   RD_KAFKA_V_VALUE((void *)(uintptr_t)value.p, value.size), RD_KAFKA_V_HEADERS(headers),
			   RD_KAFKA_V_END) != 0)
			rd_kafka_poll(rk, 5);
		rd_kafka_poll(rk, 0);
	}
	while (rd_kafka_outq_len(rk) > 0)
		rd_kafka_poll(rk, 5);
	value.size = (size_t)(wall_since(start) * 1e6);
	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(rk);
	return count / ((double)value.size / 1e6);
}

/* Record to acknowledgement, as the courier does it. */
static void
chain(unsigned from, unsigned count, struct round *ret_round)
{
	struct exchange *exchange = NULL;
	char *why = NULL, value[64];
	struct cc_record rec;
	double before[PARTS], after[PARTS];
	uint64_t start;

	if (exchange_open(conf, dir, true, &exchange, &why) != CC_OK) {
		printf("%s\n", why);
		exit(1);
	}
	/* A connection and the producer's number, which a sensor has once in its life. */
	record(from, value, &rec);
	(void)exchange_record(exchange, &rec);
	(void)exchange_drain(exchange, time_monotonic() + 30 * NS_PER_S);
	parts_of(before);
	start = time_monotonic();
	for (unsigned i = 1; i <= count; i++) {
		record(from + i, value, &rec);
		(void)exchange_record(exchange, &rec);
		if (i % 128 == 0)
			(void)exchange_pump(exchange, 0);
	}
	(void)exchange_drain(exchange, time_monotonic() + 120 * NS_PER_S);
	ret_round->chain = count / wall_since(start);
	parts_of(after);
	for (unsigned i = 0; i < PARTS; i++)
		ret_round->part[i] = (after[i] - before[i]) / count;
	if (exchange_waiting(exchange) > 0) {
		printf("not delivered: %s\n", exchange_state(exchange));
		exit(1);
	}
	exchange_close(exchange);
}

static int
by_ratio(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void
to_broker(const struct key *key, const char *bootstrap, unsigned count, unsigned rounds)
{
	struct exchange_source source = {.conf = conf};
	char to[300], value[64];
	struct cc_record rec;
	struct buf out;
	double ratio[64];

	snprintf(to, sizeof(to), "exchange.to=kafka:%s", bootstrap);
	set(to);
	set("exchange.prefix=bench");
	set("exchange.insecure=yes");
	set("spool.fsync=interval");
	buf_open(&out, 1u << 20);
	record(1, value, &rec);
	(void)stix_sighting(&source, &rec, false, &out);
	printf("%u signed sightings of %zu bytes, %llu signing thread%s, acknowledged\n", count, out.size,
	    (unsigned long long)conf->exchange_sign_threads, conf->exchange_sign_threads == 1 ? "" : "s");
	printf("%35s a second of wall time | CPU us a message\n", "");
	printf("  %9s %12s %12s %10s | %8s %8s %8s %8s\n", "Ed25519", "librdkafka", "the chain", "of lesser", "Ed25519",
	    "signers", "courier", "rdkafka");
	/* A broker that has been at work for a while: its first seconds go to its own compiler. */
	(void)loop_rate(bootstrap, buf_slice(&out), count * 2);
	for (unsigned r = 0; r < rounds && r < 64; r++) {
		struct round round = {.bare = 0};
		double lesser;

		chain(r * (count + 1), count, &round);
		round.bare = bare_rate(key, buf_slice(&out), count, &round.bare_cpu);
		round.loop = loop_rate(bootstrap, buf_slice(&out), count);
		lesser = round.bare < round.loop ? round.bare : round.loop;
		ratio[r] = round.chain / lesser;
		printf("  %9.0f %12.0f %12.0f %9.0f%% | %8.1f %8.1f %8.1f %8.1f\n", round.bare, round.loop, round.chain,
		    100 * ratio[r], round.bare_cpu * 1e6, round.part[PART_SIGNERS] * 1e6,
		    round.part[PART_COURIER] * 1e6, round.part[PART_KAFKA] * 1e6);
		fflush(stdout);
	}
	qsort(ratio, rounds < 64 ? rounds : 64, sizeof(ratio[0]), by_ratio);
	printf("median of %u rounds: %.0f %% of the lesser of the two\n", rounds, 100 * ratio[rounds / 2]);
	buf_close(&out);
}

int
main(int argc, char **argv)
{
	unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 50000;
	char *why = NULL, command[100];
	struct key *key = NULL;

	snprintf(dir, sizeof(dir), "/tmp/bench_exchange.XXXXXX");
	conf = conf_new();
	if (mkdtemp(dir) == NULL || conf == NULL || key_open(conf, dir, true, &key, &why) != CC_OK)
		return 1;
	log_open("bench", LOG_LEVEL_ERROR);
	if (argc > 2) {
		to_broker(key, argv[2], count, argc > 3 ? (unsigned)atoi(argv[3]) : 5);
	} else {
		set("spool.fsync=never");
		stages(key, 20000);
		write_all(count, "0");
		write_all(count, "1");
		read_all(true);
		read_all(false);
	}
	key_close(key);
	conf_free(conf);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}
