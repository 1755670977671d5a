/*
 * What signatures cost: bare Ed25519 over a sighting's size, the exchange from record to file exchange by signing threads,
 * reading one by one and by the chain.  sign [MESSAGES]: prints a table.
 */
#include "exchange/exchange.h"

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
	*rec = (struct cc_record){.kind = CC_KIND_DOMAIN, .detector = CC_BY_SIGNATURE, .severity = 3, .tlp = CC_TLP_AMBER,
	    .first = 1700000000 * NS_PER_S + n, .count = 1, .gid = 1, .sid = 1, .proto = 17, .attacker.hops = 255,
	    .victim.hops = 255, .direction = CC_OUTBOUND};
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
	while ((one_by_one ? reader_next(reader, 0, &msg, &trouble) : inbox_next(inbox, 0, &msg, &verified, &trouble)) == CC_OK) {
		if (one_by_one)
			verifier_check(v, &msg, 1, time_now(), &verified);
		count++;
		good += verified.verdict == VERDICT_ACCEPTED;
		if (one_by_one && count == 20000)
			break;
	}
	signatures = verifier_signatures(one_by_one ? v : inbox_verifier(inbox));
	printf("read and verified %s:        %8.0f a CPU second (%llu of %llu good, %llu signatures)\n", one_by_one ? "one by one" : "by the chain",
	    (double)count / since(start), (unsigned long long)good, (unsigned long long)count, (unsigned long long)signatures);
	inbox_close(inbox);
	reader_close(reader);
	verifier_free(v);
	trust_close(trust);
}

int
main(int argc, char **argv)
{
	unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 50000, bare = 20000;
	struct exchange_source source = {.conf = NULL};
	uint8_t signature[KEY_SIGNATURE];
	char *why = NULL, value[64], command[100];
	struct key *key = NULL;
	struct cc_record rec;
	struct buf out;
	uint64_t start;

	snprintf(dir, sizeof(dir), "/tmp/bench_sign.XXXXXX");
	conf = conf_new();
	if (mkdtemp(dir) == NULL || conf == NULL || key_open(conf, dir, true, &key, &why) != CC_OK)
		return 1;
	log_open("bench", LOG_LEVEL_ERROR);
	set("spool.fsync=never");
	source.conf = conf;
	buf_open(&out, 1u << 20);
	start = spent();
	for (unsigned i = 0; i < bare; i++) {
		record(i, value, &rec);
		buf_clear(&out);
		(void)stix_sighting(&source, &rec, false, &out);
	}
	printf("bundles of %zu bytes made:              %8.0f a CPU second\n", out.size, bare / since(start));
	start = spent();
	for (unsigned i = 0; i < bare; i++)
		(void)key_sign(key, buf_slice(&out), signature);
	printf("bare Ed25519 over them, one thread:       %8.0f a CPU second\n", bare / since(start));
	write_all(count, "0");
	write_all(count, "1");
	read_all(true);
	read_all(false);
	key_close(key);
	conf_free(conf);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}
