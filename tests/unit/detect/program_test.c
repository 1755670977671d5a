/*
 * The program of a rule against a naive reading of it: random contents, places and buffers.  The naive one tries every
 * combination of places.
 */
#include "unit/detect/rig.h"

static uint64_t seed = 88172645463325252ull;

static unsigned
pick(unsigned below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed % below);
}

struct part {
	char text[4];
	int size;
	bool negated, nocase, relative, has_depth, has_offset, has_within, has_distance, endswith;
	int depth, offset, within, distance;
};

static int
low(int c)
{
	return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static bool
lies_at(const struct part *part, const char *bytes, int size, int at, int before)
{
	int from = 0, to = size;

	if (part->relative) {
		from = before + part->distance;
		if (part->has_within)
			to = from + part->within;
	} else {
		from = part->offset;
		if (part->has_depth)
			to = part->offset + part->depth;
	}
	if (at < from || at + part->size > to || at + part->size > size || (part->endswith && at + part->size != size))
		return false;
	for (int i = 0; i < part->size; i++) {
		if (part->nocase ? low(bytes[at + i]) != low(part->text[i]) : bytes[at + i] != part->text[i])
			return false;
	}
	return true;
}

static bool
naive(const struct part *part, int count, const char *bytes, int size, int before)
{
	bool there = false;

	if (count == 0)
		return true;
	for (int at = 0; at < size; at++) {
		if (!lies_at(part, bytes, size, at, before))
			continue;
		there = true;
		if (!part->negated && naive(part + 1, count - 1, bytes, size, at + part->size))
			return true;
	}
	return part->negated && !there && naive(part + 1, count - 1, bytes, size, before);
}

static void
part_make(struct part *part, bool first, char *rule)
{
	char *at = rule + strlen(rule);

	memset(part, 0, sizeof(*part));
	part->size = 1 + (int)pick(3);
	for (int i = 0; i < part->size; i++)
		part->text[i] = "abAB"[pick(4)];
	part->negated = pick(4) == 0;
	part->nocase = pick(2) == 0;
	at += sprintf(at, "content:%s\"%s\"; %s", part->negated ? "!" : "", part->text, part->nocase ? "nocase; " : "");
	switch (pick(first ? 3 : 5)) {
	case 0:
		break;
	case 1:
		part->has_depth = true;
		part->depth = part->size + (int)pick(4);
		at += sprintf(at, "depth:%d; ", part->depth);
		/* fall through */
	case 2:
		part->offset = (int)pick(4);
		part->has_offset = true;
		at += sprintf(at, "offset:%d; ", part->offset);
		break;
	case 3:
		part->has_within = true;
		part->within = part->size + (int)pick(4);
		at += sprintf(at, "within:%d; ", part->within);
		/* fall through */
	default:
		part->relative = part->has_distance = true;
		part->distance = (int)pick(6) - 3;
		at += sprintf(at, "distance:%d; ", part->distance);
		break;
	}
	part->endswith = pick(8) == 0;
	if (part->endswith)
		sprintf(at, "endswith; ");
}

TEST(random_rules)
{
	unsigned held = 0, tried = 0;

	for (unsigned round = 0; round < 1500; round++) {
		char rule[1024] = "alert udp any any -> any any (";
		struct part part[5];
		int count = 1 + (int)pick(5);
		struct rig rig;

		for (int i = 0; i < count; i++)
			part_make(&part[i], i == 0, rule);
		strcat(rule, "sid:1;)\n");
		rig_open(&rig, rule);
		if (rig.report.loaded != 1) {
			printf("%s%.*s", rule, (int)rig.report.text.size, (const char *)rig.report.text.p);
			CHECK(rig.report.loaded == 1);
			rig_close(&rig);
			continue;
		}
		rig.flow.proto = 17;
		for (unsigned k = 0; k < 700; k++) {
			int size = (int)pick(14);
			char *bytes = malloc((size_t)size + 1);
			bool should, is;

			for (int i = 0; i < size; i++)
				bytes[i] = "abAB"[pick(4)];
			should = size > 0 && naive(part, count, bytes, size, 0);
			rig_clear(&rig);
			rig_packet(&rig, CC_TO_SERVER, bytes, (size_t)size);
			is = rig_alerts(&rig, 1) == 1;
			tried++;
			held += should;
			if (size > 0 && is != should) {
				printf("%s on \"%.*s\": %d\n", rule, size, bytes, is);
				CHECK(is == should);
			}
			free(bytes);
		}
		rig_close(&rig);
	}
	CHECK(held > tried / 50);
}

static bool
holds(const char *options, const char *bytes, size_t size)
{
	char rule[1024];
	struct rig rig;
	bool is;

	snprintf(rule, sizeof(rule), "alert udp any any -> any any (%s sid:1;)\n", options);
	rig_open(&rig, rule);
	if (rig.report.loaded != 1)
		printf("%.*s", (int)rig.report.text.size, (const char *)rig.report.text.p);
	CHECK_UINT(rig.report.loaded, 1);
	rig.flow.proto = 17;
	rig_packet(&rig, CC_TO_SERVER, bytes, size);
	is = rig_alerts(&rig, 1) == 1;
	rig_close(&rig);
	return is;
}

#define HOLDS(options, bytes) holds(options, bytes, sizeof(bytes) - 1)

TEST(numbers)
{
	CHECK(HOLDS("byte_test:2,=,0x0102,1;", "\x00\x01\x02"));
	CHECK(HOLDS("byte_test:2,=,0x0201,1,little;", "\x00\x01\x02"));
	CHECK(!HOLDS("byte_test:2,=,0x0102,2;", "\x00\x01\x02"));
	CHECK(HOLDS("byte_test:3,>,120,1,string,dec;", "x123y"));
	CHECK(HOLDS("byte_test:0,=,96,0,string,dec;", "96 x"));
	CHECK(HOLDS("byte_test:1,=,5,0,bitmask 0xf0;", "\x5a"));
	CHECK(HOLDS("byte_test:1,!&,0x01,0;", "\x5a"));
	CHECK(HOLDS("content:\"ab\"; byte_jump:1,0,relative; content:\"z\"; distance:0; within:1;", "ab\x02xxz"));
	CHECK(!HOLDS("content:\"ab\"; byte_jump:1,0,relative; content:\"z\"; distance:0; within:1;", "ab\x03xxz"));
	CHECK(HOLDS("content:\"ab\"; byte_jump:1,0,relative,post_offset -1; content:\"z\"; distance:0; within:1;",
	    "ab\x03xxz"));
	CHECK(HOLDS("byte_extract:1,0,n; content:\"z\"; offset:n; depth:1;", "\x03xxz"));
	CHECK(!HOLDS("byte_extract:1,0,n; content:\"z\"; offset:n; depth:1;", "\x02xxz"));
	CHECK(HOLDS("byte_math:bytes 1, offset 0, oper *, rvalue 2, result n; content:\"z\"; offset:n;", "\x02xxxz"));
	CHECK(HOLDS("content:\"b\"; byte_extract:1,0,n,relative; byte_test:1,=,n,0;", "\x07"
										      "b\x01"
										      "b\x07"));
	CHECK(HOLDS("content:\"abc\"; isdataat:!1,relative;", "xabc"));
	CHECK(!HOLDS("content:\"abc\"; isdataat:!1,relative;", "xabcd"));
	CHECK(HOLDS("dsize:3<>5; content:\"a\";", "aaaa"));
}

TEST(expressions)
{
	CHECK(HOLDS("content:\"a\"; pcre:\"/^b+c/R\";", "xabbc"));
	CHECK(HOLDS("content:\"a\"; pcre:\"/^c/R\";", "ab ac"));
	CHECK(!HOLDS("content:\"a\"; pcre:!\"/b/\";", "ab"));
	CHECK(HOLDS("pcre:\"/A.c/is\";", "xa\nC"));
	CHECK(HOLDS("base64_decode:bytes 12, offset 2; base64_data; content:\"secret\";", "x c2VjcmV0"));
	CHECK(!HOLDS("base64_decode:bytes 12, offset 2; base64_data; content:\"other\";", "x c2VjcmV0"));
	CHECK(HOLDS("content:\"k=\"; base64_decode:relative; base64_data; content:\"secret\"; startswith; endswith;",
	    "k=c2VjcmV0"));
}

/* Nested repeats and many contents must end soon. */
TEST(explosions)
{
	static char bytes[4000];
	struct rig rig;

	memset(bytes, 'a', sizeof(bytes));
	rig_open(&rig, "alert udp any any -> any any (content:\"aa\"; pcre:\"/^(a|aa)+[bc]/\"; sid:1;)\n"
		       "alert udp any any -> any any (content:\"a\"; fast_pattern; content:\"a\"; distance:0; "
		       "content:\"a\"; distance:0; content:\"a\"; "
		       "distance:0; content:\"a\"; distance:0; content:\"b\"; distance:0; within:5; sid:2;)\n");
	CHECK_UINT(rig.report.loaded, 2);
	rig.flow.proto = 17;
	rig_packet(&rig, CC_TO_SERVER, bytes, sizeof(bytes));
	CHECK_UINT(rig.batch.match_count, 0);
	CHECK(detect_counts(rig.detect)[DETECT_STEPS_LIMIT] > 0);
	CHECK(detect_counts(rig.detect)[DETECT_PCRE_LIMIT] > 0);
	rig_close(&rig);
}

TESTS(T(random_rules), T(numbers), T(expressions), T(explosions))
