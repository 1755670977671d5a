/*
 * What a sighting costs the correlator, by how many there were before: sightings made up here go in from the accepted
 * one on (the exchange's reading and verifying is bench-exchange's), are linked, weighed, committed, and leave memory
 * for disk.
 *
 *   joint DIR COUNT DAY [KEY=VALUE…]     a line at each step: sightings so far, CPU microseconds a sighting since the
 * line before, …, of these microseconds the kernel's, and bytes written a sighting
 *
 * Of ten: six of something that is never seen again, two repeats of something of the last day, two of activities that
 * three organisations see.  A day has DAY sightings, and there are 1.3 times as many victims: so what comes is of the
 * same mix at 10,000 as at ten million, if DAY is small.  A commit each 8,192 sightings, or as many as memory holds.
 * Making them up is not counted.  One thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "bench/cpu.h"
#include "joint/joint.h"

#define DAY0 1772409600ull
#define ROOM 64
#define BATCH 8192

static uint64_t state_of_chance = 88172645463325252ull;

static uint32_t
chance(uint32_t below)
{
	state_of_chance ^= state_of_chance << 13;
	state_of_chance ^= state_of_chance >> 7;
	state_of_chance ^= state_of_chance << 17;
	return (uint32_t)((state_of_chance >> 32) * below >> 32);
}

struct words {
	char message[ROOM], who[ROOM], addr[ROOM], victim[ROOM], rule[ROOM], domain[ROOM], ja4[ROOM], key[ROOM + 8],
	    cert[80];
};

static struct slice
put(char *to, const char *format, unsigned long long a, unsigned long long b)
{
	int size = snprintf(to, ROOM, format, a, b);

	return slice_of(to, (size_t)size);
}

static struct slice
address(char *to, uint64_t n)
{
	int size = snprintf(to, ROOM, "%u.%u.%u.%u", 20 + (unsigned)(n / 16387064 % 200),
	    1 + (unsigned)(n / 64516 % 254), 1 + (unsigned)(n / 254 % 254), 1 + (unsigned)(n % 254));

	return slice_of(to, (size_t)size);
}

/* A name as people give them, of syllables: one that looks made by a program would be of one sort with all others. */
static void
spoken(char to[32], uint64_t n)
{
	static const char syllable[16][3] = {
	    "ba", "ce", "di", "fo", "ga", "he", "li", "mo", "na", "pe", "ri", "so", "ta", "ve", "wi", "lo"};
	size_t at = 0;

	do {
		memcpy(to + at, syllable[n % 16], 2);
		at += 2;
	} while ((n /= 16) > 0);
	to[at] = '\0';
}

/* <a>.home<b>.<registry> */
static struct slice
domain(char *to, uint64_t a, uint64_t b, const char *registry)
{
	char first[32], second[32];
	int size;

	spoken(first, a);
	spoken(second, b);
	size = snprintf(to, ROOM, "%.24s.home%.24s.%s", first, second, registry);
	return slice_of(to, (size_t)size);
}

/* n: which sighting; one of something that follows from what: the same number, the same thing. */
static void
make(struct words *w, uint64_t n, uint64_t per_day, struct joint_sighting *s)
{
	uint32_t kind = chance(10);
	uint64_t what = kind < 6 ? n : kind < 8 ? n - chance((uint32_t)(n < per_day ? n + 1 : per_day)) : 0;
	uint64_t activity = n / 300;

	memset(s, 0, sizeof(*s));
	s->message = put(w->message, "%08llx-0000-8000-b000-%012llx", n, n);
	/* A day at a time: n times a day's nanoseconds are more than 64 bits hold, from 213,504 on. */
	s->first = s->last = (DAY0 + n / per_day * 86400) * NS_PER_S + n % per_day * 86400 * NS_PER_S / per_day;
	s->count = 1;
	s->clock_error = 0.1;
	s->completeness = 70;
	s->hops = 255;
	s->sensor = slice_str("s1");
	if (kind < 8) {
		s->organisation = put(w->who, "cert.%llu", what % 7, 0);
		s->attacker = address(w->addr, what);
		s->victim = put(w->victim, "pan4-%llx", what * 7919 % (per_day * 65537 / 50000), 0);
		s->rule = put(w->rule, "1:%llu:1", 2010000 + what % 40, 0);
		s->proof = what % 3 == 0 ? CC_PROOF_HANDSHAKE : CC_PROOF_DIALOGUE;
		s->client = what % 3 == 0;
		s->port = 443;
		s->ja4 = put(w->ja4, "t13d%llu_browser", what % 9, 0);
		if (what % 4 == 0)
			s->domain = domain(w->domain, what, what, "net");
	} else {
		activity -= chance(activity < 20 ? (uint32_t)activity + 1 : 20);
		s->organisation = put(w->who, "cert.%llu", (activity + chance(3)) % 7, 0);
		s->attacker = address(w->addr, 1000000000ull + activity * 4 + chance(4));
		s->victim = put(w->victim, "pan4-%llx-%llx", activity, chance(6));
		s->rule = put(w->rule, "1:%llu:1", 3000000 + activity, 0);
		s->proof = CC_PROOF_KEYED;
		s->port = 443;
		s->ja4 = put(w->ja4, "t12d%llx_own", activity, 0);
		/* A name of its own; every fourth is under one that many have. */
		s->domain = domain(w->domain, activity, activity % 4 == 0 ? 0 : activity, "org");
		snprintf(w->cert, sizeof(w->cert), "%064llx", (unsigned long long)activity);
		s->cert = slice_str(w->cert);
	}
	s->kind = CC_KIND_ADDR;
	s->value = s->attacker;
	snprintf(w->key, sizeof(w->key), "addr:%.*s", (int)s->value.size, (const char *)s->value.p);
	s->key = slice_str(w->key);
}

/* CPU seconds; bytes that were given to the kernel to write, 0 where it does not say. */
struct spent {
	double all, kernel, written;
};

static double
written_by_now(void)
{
	unsigned long long bytes = 0;
	FILE *io = fopen("/proc/self/io", "r");

	if (io != NULL && fscanf(io, "rchar: %*s wchar: %llu", &bytes) != 1)
		bytes = 0;
	if (io != NULL)
		fclose(io);
	return (double)bytes;
}

static struct spent
spent_by_now(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (struct spent){
	    cpu(), (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6, written_by_now()};
}

static void
line(struct joint *joint, const struct joint_keep *keep, const char *dir, uint64_t n, struct spent spent,
    uint64_t since)
{
	struct rusage usage;
	struct stat about = {.st_size = 0};
	char path[4200];

	getrusage(RUSAGE_SELF, &usage);
	snprintf(path, sizeof(path), "%s/joint.sqlite", dir);
	(void)stat(path, &about);
	printf("%llu\t%.2f\t%zu\t%llu\t%ld\t%lld\t%.2f\t%.0f\n", (unsigned long long)n, spent.all * 1e6 / (double)since,
	    joint_nodes(joint), (unsigned long long)joint_keep_cold(keep), usage.ru_maxrss / 1024,
	    (long long)about.st_size >> 20, spent.kernel * 1e6 / (double)since,
	    spent.written / (double)since);
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	struct conf *conf = conf_new();
	struct joint_state *state = NULL;
	struct joint_keep *keep = NULL;
	struct joint *joint;
	static struct words words[BATCH];
	static struct joint_sighting sighting[BATCH];
	char *why = NULL;
	uint64_t count, day, batch, since = 0, next = 1000;
	struct spent spent = {0, 0, 0};
	bool three = false;

	if (argc < 4 || uint_parse(argv[2], &count) != CC_OK || uint_parse(argv[3], &day) != CC_OK || day == 0) {
		fprintf(stderr, "usage: joint DIR COUNT DAY [KEY=VALUE]...\n");
		return 2;
	}
	for (int i = 4; i < argc; i++) {
		if (conf_set(conf, argv[i], &why) != CC_OK) {
			fprintf(stderr, "joint: %s\n", why);
			return 2;
		}
	}
	joint = joint_new(conf);
	if (joint == NULL || joint_state_open(conf, argv[1], true, &state, &why) != CC_OK ||
	    joint_keep_open(state, joint, &keep, &why) != CC_OK) {
		fprintf(stderr, "joint: %s\n", why != NULL ? why : "no memory");
		return 1;
	}
	batch = conf->joint_nodes_max < BATCH ? conf->joint_nodes_max : BATCH;
	puts("#sightings\tmicroseconds\tin memory\ton disk, ever\tMiB resident\tMiB of file\tkernel's\tbytes written");
	for (uint64_t n = 0, more; n < count; n += more) {
		struct spent before, after;

		more = batch - n % batch;
		more = n + more > next ? next - n : more;
		more = n + more > count ? count - n : more;
		for (uint64_t i = 0; i < more; i++)
			make(&words[i], n + i + 1, day, &sighting[i]);
		before = spent_by_now();
		for (uint64_t i = 0; i < more; i++) {
			if (joint_add(joint, &sighting[i]) != CC_OK)
				fprintf(stderr, "joint: %llu is left out\n", (unsigned long long)(n + i + 1));
		}
		if (joint_keep_commit(keep, &(struct joint_progress){.now = sighting[0].first}) != CC_OK) {
			fprintf(stderr, "joint: %s\n", joint_state_error(state));
			return 1;
		}
		after = spent_by_now();
		spent.all += after.all - before.all;
		spent.kernel += after.kernel - before.kernel;
		spent.written += after.written - before.written;
		since += more;
		if (n + more == next || n + more == count) {
			line(joint, keep, argv[1], n + more, spent, since);
			spent = (struct spent){0, 0, 0};
			since = 0;
			next = next >= 1000000 ? next + 1000000 : three ? next / 3 * 10 : next * 3;
			three = !three;
		}
	}
	joint_keep_close(keep);
	joint_state_close(state);
	joint_free(joint);
	conf_free(conf);
	return 0;
}
