/* What every parser has to stand: its input cut at each byte, and flipped at random, in memory of exactly its size. */
#ifndef APP_TORTURE_H
#define APP_TORTURE_H

#include "parser_rig.h"
#include "../test.h"

struct said {
	enum cc_dir dir;
	const char *bytes;
	size_t size;
};

#define SAID(dir, text) {dir, text, sizeof(text) - 1}

static inline void
torture_run(
    const struct cc_parser *parser, bool udp, uint16_t port, const struct said *said, size_t count, size_t piece)
{
	struct cc_ctx rig;

	rig_open(&rig, parser, udp, port);
	for (size_t i = 0; i < count; i++)
		for (size_t at = 0; at < said[i].size; at += piece)
			rig_feed(&rig, said[i].dir,
			    slice_of(said[i].bytes + at, said[i].size - at < piece ? said[i].size - at : piece));
	rig_end(&rig);
	CHECK_UINT(rig.taken, 0);
	rig_free(&rig);
}

/* The probe is shown each beginning of the bytes, from exact memory. */
static inline enum cc_status
torture_probe(const struct cc_parser *parser, bool udp, uint16_t port, enum cc_dir dir, struct slice in)
{
	uint8_t *exact = malloc(in.size + 1);
	struct cc_ctx rig;
	enum cc_status st;

	rig_open(&rig, parser, udp, port);
	memcpy(exact, in.p, in.size);
	st = parser->probe(&rig, dir, slice_of(exact, in.size));
	rig_end(&rig);
	rig_free(&rig);
	free(exact);
	return st;
}

static inline void
torture(const struct cc_parser *parser, bool udp, uint16_t port, const struct said *said, size_t count)
{
	static const size_t pieces[] = {1, 2, 3, 7, 100};
	unsigned random = 1;

	CHECK(rig_table_right(parser));
	torture_run(parser, udp, port, said, count, 65536);
	seeded.quiet = true;
	for (size_t i = 0; i < count; i++) {
		struct said cut[64];
		char copy[4096];

		memcpy(cut, said, count * sizeof(*said));
		for (size_t size = 0; size <= said[i].size; size++) {
			cut[i].size = size;
			torture_run(parser, udp, port, cut, i + 1, 65536);
			torture_run(parser, udp, port, cut, count, 65536);
			torture_probe(parser, udp, port, said[i].dir, slice_of(said[i].bytes, size));
		}
		cut[i].size = said[i].size;
		cut[i].bytes = copy;
		for (unsigned n = 0; n < 400 && said[i].size > 0 && said[i].size <= sizeof(copy); n++) {
			memcpy(copy, said[i].bytes, said[i].size);
			for (unsigned k = 0; k <= n % 3; k++) {
				random = random * 1103515245 + 12345;
				copy[(random >> 8) % said[i].size] = (char)(random >> 20);
			}
			torture_run(parser, udp, port, cut, count, 65536);
			torture_probe(parser, udp, port, said[i].dir, slice_of(copy, said[i].size));
		}
	}
	for (size_t i = 0; !udp && i < sizeof(pieces) / sizeof(pieces[0]); i++)
		torture_run(parser, udp, port, said, count, pieces[i]);
	seeded.quiet = false;
}

#endif
