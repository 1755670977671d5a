/*
 * What one signed partner can cost the correlator at the worst: honest sightings first, then as many messages of one
 * organisation, made to be dear, in the ways that are known; CPU microseconds a message and memory, beside honest ones.
 *
 *   hostile COUNT [KIND] [KEY=VALUE…]      a line for each kind
 *
 * Linked as the running correlator does, after each 8,192 messages, and all at the end.  One thread.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/cpu.h"
#include "joint/joint_own.h"

#define DAY0 1772409600ull
#define BATCH 8192
#define HONEST 20000

static char room[1 << 16];
static size_t used;

static struct slice
put(const char *format, ...)
{
	va_list list;
	int size;
	char *at;

	if (used > sizeof(room) - 8192)
		used = 0;
	at = room + used;
	va_start(list, format);
	size = vsnprintf(at, 8192, format, list);
	va_end(list);
	used += (size_t)size;
	return slice_of(at, (size_t)size);
}

static struct slice
address(uint64_t n)
{
	return put("%u.%u.%u.%u", 20 + (unsigned)(n / 16387064 % 200), 1 + (unsigned)(n / 64516 % 254),
	    1 + (unsigned)(n / 254 % 254), 1 + (unsigned)(n % 254));
}

static void
plain(struct joint_sighting *s, const char *who, uint64_t n, uint64_t addr)
{
	*s = (struct joint_sighting){.message = put("m%llu", (unsigned long long)n), .organisation = slice_str(who),
	    .sensor = slice_str("s1"), .kind = CC_KIND_ADDR, .first = (DAY0 + n) * NS_PER_S,
	    .last = (DAY0 + n) * NS_PER_S, .count = 1, .proof = CC_PROOF_KEYED, .clock_error = 0.1,
	    .completeness = 70, .hops = 255, .port = 443};
	s->attacker = s->value = address(addr);
	s->key = put("addr:%.*s", (int)s->value.size, (const char *)s->value.p);
	s->victim = put("pan4-%s-%llu", who, (unsigned long long)n % 5000);
	s->rule = put("1:%llu:1", (unsigned long long)n % 40);
}

/* Activities of three organisations, and noise. */
static enum cc_status
honest(struct joint *joint, uint64_t n)
{
	static const char *const who[] = {"cert.a", "cert.b", "cert.c"};
	struct joint_sighting s;

	plain(&s, who[n % 3], n, n % 5 < 2 ? 5000000 + n / 100 : n);
	if (n % 5 < 2)
		s.cert = put("%064llx", (unsigned long long)n / 100);
	return joint_add(joint, &s);
}

#define EVIL "cert.evil"
typedef enum cc_status attack_fn(struct joint *joint, uint64_t n);

static enum cc_status
as_others(struct joint *joint, uint64_t n)
{
	return honest(joint, HONEST + n);
}

/* All of one certificate. */
static enum cc_status
one_certificate(struct joint *joint, uint64_t n)
{
	struct joint_sighting s;

	plain(&s, EVIL, n, 8000000 + n);
	s.cert = slice_str("one");
	return joint_add(joint, &s);
}

/* Each shares one thing with the one before and another with the one after. */
static enum cc_status
chain(struct joint *joint, uint64_t n)
{
	struct joint_sighting s;

	plain(&s, EVIL, n, 8000000 + n / 2);
	s.domain = put("d%llu.example", (unsigned long long)(n + 1) / 2);
	return joint_add(joint, &s);
}

/* Things that half of its hosts are accused of, and the other half only seen with, by programs all different. */
static enum cc_status
bystanders(struct joint *joint, uint64_t n)
{
	struct joint_sighting s;
	unsigned long long k = n;

	plain(&s, EVIL, n, 8000000 + n % 4096);
	s.domain = put("d%llu.example", k % 4096);
	s.victim = put("pan4-%llu", k);
	s.rule_class = slice_str(n / 4096 % 2 == 0 ? "trojan-activity" : "misc-activity");
	s.ja3 = put("3-%llu", k);
	s.ja4 = put("4-%llu", k);
	s.stack = put("s-%llu", k);
	s.agent = put("a-%llu", k);
	s.headers = put("h-%llu", k);
	s.url = put("http://d%llu.example/%llu", k % 4096, k);
	return joint_add(joint, &s);
}

/* Small chains that grow together at their ends, those in the middle last. */
static enum cc_status
zip(struct joint *joint, uint64_t n)
{
	uint64_t at = 0;

	for (unsigned i = 0; i < 17; i++)
		at |= (n >> i & 1) << (16 - i);
	return chain(joint, at);
}

/* Many things, each of few values, in all combinations: everybody is a neighbour of everybody. */
static enum cc_status
mesh(struct joint *joint, uint64_t n)
{
	struct joint_sighting s;
	unsigned long long k = n;

	plain(&s, EVIL, n, 8000000 + n % 400);
	s.domain = put("d%llu.example", k % 401);
	s.url = put("http://u/%llu/path", k % 409);
	s.cert = put("c%llu", k % 419);
	s.key_sha256 = put("k%llu", k % 421);
	s.ja4 = put("j%llu", k % 431);
	s.ja3 = put("i%llu", k % 433);
	s.ja3s = put("h%llu", k % 439);
	s.agent = put("a%llu", k % 443);
	s.headers = put("e%llu", k % 449);
	s.stack = put("t%llu", k % 457);
	s.file = put("f%llu", k % 461);
	return joint_add(joint, &s);
}

/* As dear a pair as there is: each with many weak things of few values. */
static enum cc_status
weak_mesh(struct joint *joint, uint64_t n)
{
	struct joint_sighting s;
	unsigned long long k = n;

	plain(&s, EVIL, n, 8000000 + n);
	s.ja4 = put("j%llu", k % 3);
	s.ja3 = put("i%llu", k % 5);
	s.ja3s = put("h%llu", k % 7);
	s.agent = put("a%llu", k % 11);
	s.headers = put("e%llu", k % 13);
	s.rule = put("r%llu", k % 17);
	s.hassh = put("y%llu", k % 19);
	s.victim = put("v%llu", k % 23);
	return joint_add(joint, &s);
}

/* "Not seen" of one thing without end, and now and then a sight of it. */
static enum cc_status
not_seen(struct joint *joint, uint64_t n)
{
	struct joint_sighting s;

	plain(&s, EVIL, n, 5000001);
	s.rule = put("r%llu", (unsigned long long)n);
	s.count = n % 100 > 0 ? 0 : 1;
	return joint_add(joint, &s);
}

/* Half of them one large activity, the other half takes it back, one by one. */
static enum cc_status
taken_back(struct joint *joint, uint64_t n)
{
	struct joint_sighting s;

	plain(&s, EVIL, n % 50000, 8000000 + n % 50000);
	s.cert = slice_str("one");
	s.revoked = n >= 50000;
	s.last += s.revoked ? 3600 * NS_PER_S : 0;
	return joint_add(joint, &s);
}

/* Names what is popular, each time under another id. */
static enum cc_status
notices(struct joint *joint, uint64_t n)
{
	struct joint_word word = {.organisation = slice_str(EVIL), .notice = true, .tlp = CC_TLP_CLEAR, .time = n + 1};
	char named[8192];
	size_t size = 0;

	for (unsigned i = 0; i < 64; i++)
		size += (size_t)snprintf(named + size, sizeof(named) - size, "addr:%.*s ",
		    (int)address(5000000 + i).size, (const char *)address(5000000 + i).p);
	word.text[HEARD_ID] = put("n%llu", (unsigned long long)n);
	word.text[HEARD_TITLE] = slice_str("t");
	word.text[HEARD_NAMED] = slice_of(named, size);
	return joint_heard(joint, &word);
}

/* Each says a little more of two days, in which it takes part in everything. */
static enum cc_status
heartbeats(struct joint *joint, uint64_t n)
{
	struct joint_heartbeat beat = {.organisation = slice_str("cert.a"), .clock_error = 0.1,
	    .from = DAY0 * NS_PER_S, .until = (DAY0 + 2 * 86400) * NS_PER_S, .lost = (double)(n % 255) / 255};

	return joint_watched(joint, &beat);
}

/* Heartbeats of the first and the last day that are kept, and sights of all the time between, without a coverage. */
static enum cc_status
lasting(struct joint *joint, uint64_t n)
{
	struct joint_heartbeat beat = {.organisation = slice_str(EVIL), .clock_error = -1,
	    .from = (DAY0 - n % 2 * 398 * 86400) * NS_PER_S, .until = (DAY0 + 900 - n % 2 * 398 * 86400) * NS_PER_S};
	struct joint_sighting s;

	if (n < 2)
		return joint_watched(joint, &beat);
	plain(&s, EVIL, n, 8000000 + n / 1000);
	s.first -= 398 * 86400 * NS_PER_S;
	s.clock_error = -1;
	return joint_add(joint, &s);
}

/* Repeats of one thing at other times, each by another message. */
static enum cc_status
repeats(struct joint *joint, uint64_t n)
{
	struct joint_sighting s;

	plain(&s, EVIL, n % 40000, 8000000);
	s.victim = slice_str("v");
	s.rule = slice_str("r");
	s.message = put("m%llu", (unsigned long long)n);
	return joint_add(joint, &s);
}

/* Names that would fall into each other's places, if tables went by a hash that is known; made before. */
#define CROWD 20000
static char crowd[CROWD][24];

static void
gather_crowd(void)
{
	uint64_t next = 0;

	for (unsigned i = 0; i < CROWD; i++) {
		do
			snprintf(crowd[i], sizeof(crowd[i]), "%llu.example", (unsigned long long)next++);
		while ((value_hash(FEATURE_DOMAIN, slice_str(crowd[i]), false) & 0xfff) != 0);
	}
}

static enum cc_status
crowded(struct joint *joint, uint64_t n)
{
	struct joint_sighting s;

	if (n >= CROWD)
		return CC_OK;
	plain(&s, EVIL, n, 8000000 + n);
	s.domain = slice_str(crowd[n]);
	return joint_add(joint, &s);
}

/* Texts as long as a message carries. */
static enum cc_status
long_texts(struct joint *joint, uint64_t n)
{
	static char text[16][JOINT_TEXT_MAX];
	struct joint_sighting s;

	plain(&s, EVIL, n, 8000000 + n);
	for (unsigned i = 0; i < 16; i++) {
		memset(text[i], 'a' + (int)i, sizeof(text[i]));
		memcpy(text[i], &n, sizeof(n));
	}
	struct slice *const to[16] = {&s.victim, &s.sector, &s.rule, &s.rule_name, &s.rule_class, &s.domain, &s.url,
	    &s.cert, &s.key_sha256, &s.ja3, &s.ja3s, &s.ja4, &s.agent, &s.headers, &s.stack, &s.file};
	for (unsigned i = 0; i < 16; i++)
		*to[i] = slice_of(text[i], sizeof(text[i]));
	return joint_add(joint, &s);
}

/* Turns others' rare things common, and back with other company. */
static enum cc_status
washing(struct joint *joint, uint64_t n)
{
	struct joint_sighting s;

	plain(&s, EVIL, n, 8000000 + n);
	s.cert = put("%064llx", (unsigned long long)n % 200);
	s.domain = put("w%llu.example", (unsigned long long)n / 2);
	return joint_add(joint, &s);
}

/* One tool, of which each has another company: what weighs less with each that comes. */
static enum cc_status
flipping(struct joint *joint, uint64_t n)
{
	struct joint_sighting s;

	plain(&s, EVIL, n, 8000000 + n / 2);
	s.ja4 = put("j%llu", (unsigned long long)n / 14);
	s.agent = put("a%llu", (unsigned long long)n / 10);
	s.ja3s = put("s%llu", (unsigned long long)n / 6);
	s.domain = put("w%llu.example", (unsigned long long)n / 3);
	return joint_add(joint, &s);
}

/* Page, file and control upon one victim after another. */
static enum cc_status
staged(struct joint *joint, uint64_t n)
{
	struct joint_sighting s;

	plain(&s, EVIL, n, 8000000 + n / 64);
	s.cert = slice_str("one");
	s.port = (uint16_t)(1000 + n % 6);
	s.rule_class = put("c%llu", (unsigned long long)n % 6);
	s.victim = put("v%llu", (unsigned long long)n / 600);
	return joint_add(joint, &s);
}

static const struct {
	const char *name;
	attack_fn *fn;
} attack[] = {{"honest", as_others}, {"one-certificate", one_certificate}, {"bystanders", bystanders}, {"chain", chain},
    {"zip", zip}, {"mesh", mesh}, {"weak-mesh", weak_mesh}, {"not-seen", not_seen}, {"taken-back", taken_back},
    {"notices", notices}, {"heartbeats", heartbeats}, {"repeats", repeats}, {"crowded", crowded},
    {"long-texts", long_texts}, {"washing", washing}, {"flipping", flipping}, {"staged", staged}, {"lasting", lasting}};

static void
tell(struct joint *joint)
{
	struct joint_change change;
	struct buf out;

	buf_open(&out, 1u << 30);
	while (joint_next_change(joint, &change)) {
		if (change.event == NULL) {
			struct json json = json_into(&out);

			buf_clear(&out);
			case_json(joint, change.activity, &json, NULL);
		}
	}
	buf_close(&out);
}

static void
measure(const struct conf *conf, unsigned kind, uint64_t count)
{
	struct joint *joint = joint_new(conf);
	struct rusage usage;
	double at, worst = 0, before, end;
	uint64_t left_out = 0;

	for (uint64_t n = 0; n < HONEST; n++)
		(void)honest(joint, n);
	(void)joint_settle(joint);
	tell(joint);
	if (attack[kind].fn == crowded)
		gather_crowd();
	before = at = cpu();
	for (uint64_t n = 0; n < count; n++) {
		left_out += attack[kind].fn(joint, n) == CC_FULL;
		if (attack[kind].fn == taken_back && n == 49999)
			(void)joint_settle(joint);
		if (n % BATCH == BATCH - 1) {
			double now;

			(void)joint_settle_some(joint);
			tell(joint);
			now = cpu();
			worst = now - at > worst ? now - at : worst;
			at = now;
		}
	}
	at = cpu();
	(void)joint_settle(joint);
	tell(joint);
	end = cpu();
	getrusage(RUSAGE_SELF, &usage);
	printf("%-16s\t%.1f\t%.2f\t%.2f\t%llu\t%ld\t%llu\n", attack[kind].name,
	    (end - before) * 1e6 / (double)count, worst, end - at, (unsigned long long)joint_linked(joint),
	    usage.ru_maxrss / 1024, (unsigned long long)left_out);
	joint_free(joint);
}

int
main(int argc, char **argv)
{
	struct conf *conf = conf_new();
	const char *only = NULL;
	char *why = NULL;
	uint64_t count;

	if (argc < 2 || uint_parse(argv[1], &count) != CC_OK) {
		fprintf(stderr, "usage: hostile COUNT [KIND] [KEY=VALUE]...\n");
		return 2;
	}
	for (int i = 2; i < argc; i++) {
		if (strchr(argv[i], '=') == NULL) {
			only = argv[i];
		} else if (conf_set(conf, argv[i], &why) != CC_OK) {
			fprintf(stderr, "hostile: %s\n", why);
			return 2;
		}
	}
	puts("#kind\tus a message\tworst batch, s\tlast settling, s\tlinked\tMiB resident\tleft out");
	for (unsigned k = 0; k < sizeof(attack) / sizeof(attack[0]); k++) {
		pid_t pid;

		if (only != NULL && strcmp(only, attack[k].name) != 0)
			continue;
		fflush(stdout);
		if ((pid = fork()) == 0) {
			measure(conf, k, count);
			fflush(stdout);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
	conf_free(conf);
	return 0;
}
