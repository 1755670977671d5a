/*
 * What every parser of parsers.def has to stand, with the real core around it and memory of exactly the bytes' size:
 * its talk cut at each byte, flipped at random, one side alone, with holes, from any byte of its middle.  No crash, no
 * read past an end (under sanitizers), memory within a bound at each step, all of it back when the flow is over, and
 * none of it from malloc.  A parser without a talk in talks/ fails here.  The inputs of tests/fuzz/corpus/parser-NAME
 * go the same ways, at fewer places.
 */
#include <dirent.h>

#include "talk.h"

/*
 * A talk has 16 KiB at most, with what is unpacked of it; this is what the core and the heaviest of parsers may keep of
 * that at a time.
 */
#define MEMORY_MOST (1u << 20)

enum { FLIPS = 300, FEW = 24 };

struct ordeal {
	struct rig rig;
	const char *parser;
	struct talk talk;
	size_t most;
	unsigned plays;
	uint32_t random;
};

static void
one(struct ordeal *o, struct way *way)
{
	struct heard heard;

	way->port = o->talk.port;
	heard = play(&o->rig, &o->talk, o->parser, way);
	o->plays++;
	if (heard.most > o->most)
		o->most = heard.most;
}

static bool
is_told(struct ordeal *o)
{
	struct way way = WAY;
	struct heard heard;

	way.port = o->talk.port;
	heard = play(&o->rig, &o->talk, o->parser, &way);
	return is_heard(&heard, o->parser);
}

static uint32_t
next_random(struct ordeal *o)
{
	o->random = o->random * 1103515245 + 12345;
	return o->random >> 8;
}

/* The flow ends within a part; the rest of the part is missing, and it is said, or not. */
static void
cut(struct ordeal *o, unsigned i, size_t step)
{
	size_t size = o->talk.part[i].bytes.size;

	for (size_t at = 0; at < size; at += step) {
		struct way way = WAY;

		way.hole = way.last = (int)i;
		way.hole_at = at;
		way.hole_size = size - at;
		one(o, &way);
		way.last = -1;
		one(o, &way);
		way.only = (int)o->talk.part[i].dir;
		one(o, &way);
	}
}

/* Bytes in the middle, or at the beginning, are missing. */
static void
holes(struct ordeal *o, unsigned i, size_t step)
{
	static const size_t sizes[] = {1, 7, 100};
	size_t size = o->talk.part[i].bytes.size;

	for (size_t at = 0; at < size; at += step)
		for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
			struct way way = WAY;

			way.hole = (int)i;
			way.hole_at = at;
			way.hole_size = sizes[k] < size - at ? sizes[k] : size - at;
			way.silent = o->talk.proto != 6 || k == 0;
			one(o, &way);
		}
	for (size_t gone = 1; gone < size; gone += step) {
		struct way way = WAY;

		way.hole = (int)i;
		way.from = i;
		way.hole_size = gone;
		way.silent = way.midstream = true;
		one(o, &way);
		way.only = (int)o->talk.part[i].dir;
		one(o, &way);
	}
}

static void
flip(struct ordeal *o, unsigned i, unsigned rounds)
{
	static const size_t pieces[] = {0, 0, 0, 1, 3, 16};
	struct slice bytes = o->talk.part[i].bytes;
	uint8_t *own = o->talk.bytes + (bytes.p - o->talk.bytes);
	uint8_t was[3];

	for (unsigned n = 0; n < rounds && bytes.size > 0; n++) {
		size_t at[3];
		struct way way = WAY;

		for (unsigned k = 0; k < 3; k++) {
			at[k] = next_random(o) % bytes.size;
			was[k] = own[at[k]];
			if (k > n % 3)
				continue;
			if (n % 5 == 1)
				own[at[k]] ^= (uint8_t)(1u << n / 5 % 8);
			else
				own[at[k]] = (uint8_t)(n % 5 == 0 ? 0xff : next_random(o));
		}
		way.piece = pieces[n % (sizeof(pieces) / sizeof(pieces[0]))];
		way.only = n % 7 == 6 ? (int)o->talk.part[i].dir : -1;
		one(o, &way);
		for (unsigned k = 3; k-- > 0;)
			own[at[k]] = was[k];
	}
}

static void
all_ways(struct ordeal *o, bool few)
{
	unsigned parts = 0;

	for (int only = -1; only < 2; only++)
		for (size_t piece = 0; piece < 3; piece++) {
			struct way way = WAY;

			way.only = only;
			way.piece = piece;
			one(o, &way);
		}
	for (unsigned i = 0; i < o->talk.count; i++) {
		size_t size = o->talk.part[i].bytes.size, step = few ? size / FEW + 1 : 1;

		if (few && parts++ == 4)
			break;
		cut(o, i, step);
		holes(o, i, step);
		flip(o, i, few ? FEW : FLIPS);
	}
}

/* What a fuzzer has found worth keeping. */
static void
corpus(struct ordeal *o, const char *name, void (*each)(struct ordeal *o))
{
	char folder[512], path[1024];
	struct dirent *entry;
	DIR *dir;

	snprintf(folder, sizeof(folder), "tests/fuzz/corpus/%.400s", name);
	dir = opendir(folder);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (entry->d_name[0] == '.' || !talk_read(path, &o->talk))
			continue;
		each(o);
		free(o->talk.bytes);
	}
	if (dir != NULL)
		closedir(dir);
}

static void
some_ways(struct ordeal *o)
{
	all_ways(o, true);
}

TEST(every_parser_stands_it)
{
	static struct ordeal o;

	rig_open(&o.rig, NULL);
	o.rig.quiet = true;
	for (unsigned i = 0; i < app_parser_count; i++) {
		char path[4096];

		o.parser = app_parsers[i]->name;
		o.most = o.plays = 0;
		o.random = i + 1;
		talk_path(o.parser, path, sizeof(path));
		if (!talk_read(path, &o.talk)) {
			printf("%s has no talk in talks/\n", o.parser);
			CHECK(false);
			continue;
		}
		CHECK(is_told(&o));
		all_ways(&o, false);
		free(o.talk.bytes);
		snprintf(path, sizeof(path), "parser-%s", o.parser);
		corpus(&o, path, some_ways);
		printf("%s: %u plays, %zu bytes of memory at most\n", o.parser, o.plays, o.most);
		CHECK(o.most <= MEMORY_MOST);
	}
	rig_close(&o.rig);
}

static void
twice(struct ordeal *o)
{
	unsigned long before = malloc_count;
	struct way way = WAY;

	one(o, &way);
	one(o, &way);
	if (malloc_count > before)
		printf("%s: malloc was asked %lu times\n", o->parser, malloc_count - before);
	CHECK_UINT(malloc_count, before);
}

/* Nothing that is heard of a talk asks malloc, neither the first time nor the second. */
TEST(no_parser_asks_malloc)
{
	static struct ordeal o;
	void *volatile p;

	if (!MALLOC_OWN)
		SKIP("the sanitizer has malloc");
	malloc_counting = true;
	p = malloc(1);
	malloc_counting = false;
	free(p);
	CHECK_UINT(malloc_count, 1); /* it does count */
	malloc_count = 0;
	rig_open(&o.rig, NULL);
	o.rig.quiet = true;
	for (unsigned i = 0; i < app_parser_count; i++) {
		char path[4096];

		o.parser = app_parsers[i]->name;
		talk_path(o.parser, path, sizeof(path));
		if (!talk_read(path, &o.talk))
			continue;
		twice(&o);
		free(o.talk.bytes);
		snprintf(path, sizeof(path), "parser-%s", o.parser);
		corpus(&o, path, twice);
	}
	o.parser = "any";
	corpus(&o, "parser", twice);
	printf("%u plays\n", o.plays);
	rig_close(&o.rig);
}

TESTS(T(every_parser_stands_it), T(no_parser_asks_malloc))
