/*
 * What the parsers' tests say is where fuzzing begins: with SEEDS=FOLDER in the environment a bench writes each
 * conversation that a test holds to FOLDER/parser-<name>/, once, in the form that tests/fuzz/parser_fuzz.c reads.
 */
#ifndef APP_SEED_H
#define APP_SEED_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SEED_MAX 16384 /* bytes: what the hunt takes */
#define SEED_SOON 200  /* so many are written, then one of 16: tests like to cut at every byte */

static struct {
	uint8_t b[SEED_MAX];
	size_t size; /* 0: none is being written down */
	int dir;     /* of the part at hand; -1: none */
	bool udp;
	unsigned written;
	bool quiet;  /* what comes now is torture, the fuzzer's own business */
} seeded;

static inline void
seed_begin(bool alone, bool udp, bool midstream, uint16_t port)
{
	seeded.size = 0;
	if (seeded.quiet || getenv("SEEDS") == NULL)
		return;
	seeded.b[seeded.size++] = alone; /* else all parsers are on */
	seeded.b[seeded.size++] = (uint8_t)(udp | midstream << 1);
	seeded.b[seeded.size++] = (uint8_t)(port >> 8);
	seeded.b[seeded.size++] = (uint8_t)port;
	seeded.dir = -1;
	seeded.udp = udp;
}

/* Bytes of one side; what only continues it joins its part, so that a talk cut otherwise is the same seed. */
static inline void
seed_add(int dir, const void *bytes, size_t size, bool gap)
{
	size_t head = seeded.dir < 0 ? 1 : 3;

	if (seeded.size == 0 || (size == 0 && !gap))
		return;
	if (seeded.dir == dir && !seeded.udp && !gap)
		head = 0;
	if (seeded.size + head + size > sizeof(seeded.b)) {
		seeded.size = 0; /* too long to be of use */
		return;
	}
	if (head == 3) {
		seeded.b[seeded.size++] = 0xc0;
		seeded.b[seeded.size++] = 0xde;
	}
	if (head > 0)
		seeded.b[seeded.size++] = (uint8_t)(dir | (gap ? 0x10 : 0));
	if (size > 0)
		memcpy(seeded.b + seeded.size, bytes, size);
	seeded.size += size;
	seeded.dir = dir;
}

static inline void
seed_write(const char *parser, size_t size, uint64_t hash)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/parser-%s", getenv("SEEDS"), parser);
	(void)mkdir(path, 0777);
	snprintf(path, sizeof(path), "%s/parser-%s/talk-%016llx", getenv("SEEDS"), parser, (unsigned long long)hash);
	file = fopen(path, "wb");
	if (file != NULL) {
		(void)!fwrite(seeded.b, size, 1, file);
		fclose(file);
	}
}

/* first and last: the parsers that had the flow. */
static inline void
seed_end(const char *first, const char *last)
{
	uint64_t hash = 0xcbf29ce484222325; /* FNV-1a: the same talk, the same name */
	size_t size = seeded.size;

	seeded.size = 0;
	if (size <= 4 || getenv("SEEDS") == NULL || first == NULL)
		return;
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ seeded.b[i]) * 0x100000001b3;
	if (seeded.written++ > SEED_SOON && (hash & 15) != 0)
		return;
	seed_write(first, size, hash);
	if (strcmp(first, last) != 0)
		seed_write(last, size, hash);
}

#endif
