/*
 * What every parser owes whoever watches a wire: a talk of each, from talks/, is told on any port, from either side
 * alone, with a hole in it, and where it is picked up in its middle.  What a protocol doesn't allow is listed with its
 * reason, and has to be so: a line that is no longer true fails, too.
 *
 * CHOOSE=FOLDER in the environment chooses a talk for each parser that has none out of those that the parsers' own
 * tests say (make fuzz-seeds writes them to build/fuzz/seeds): the one that tells most and has nothing odd in it.
 */
#include <dirent.h>
#include <libgen.h>
#include <unistd.h>

#include "app_rig.h"

enum { PARTS = 400, FOREIGN = 31337 };
enum { PORT = 1, CLIENT = 2, SERVER = 4, GAP = 8, MIDDLE = 16, NONE = 32 };

static const struct {
	const char *parser;
	unsigned cannot;
	const char *why;
} excused[] = {
    {"", 0, ""},
#include "talks/excused.def"
};

struct talk {
	uint8_t *bytes;
	size_t size;
	uint8_t proto;
	uint16_t port;
	struct {
		enum cc_dir dir;
		struct slice bytes;
	} part[PARTS];
	unsigned count;
	bool gap;
};

static bool
talk_read(const char *path, struct talk *talk)
{
	FILE *file = fopen(path, "rb");
	struct cur c;
	uint8_t flags;

	memset(talk, 0, sizeof(*talk));
	if (file == NULL)
		return false;
	talk->bytes = malloc(SEED_MAX + 1);
	talk->size = fread(talk->bytes, 1, SEED_MAX, file);
	fclose(file);
	c = cur_of(talk->bytes, talk->size);
	cur_skip(&c, 1);
	flags = cur_u8(&c);
	talk->port = cur_u16(&c);
	talk->proto = (flags & 1) == 0 ? 6 : talk->port == 0 ? 1 : 17;
	while (cur_left(&c) > 0 && talk->count < PARTS) {
		uint8_t control = cur_u8(&c);
		const uint8_t *next = memmem(c.p, cur_left(&c), "\xc0\xde", 2);
		size_t size = next != NULL ? (size_t)(next - c.p) : cur_left(&c);

		talk->gap |= (control & 0x10) != 0;
		talk->part[talk->count].dir = (enum cc_dir)(control & 1);
		talk->part[talk->count++].bytes = cur_take(&c, size);
		if (next != NULL)
			cur_skip(&c, 2);
	}
	return true;
}

struct way {
	uint16_t port;
	int only;      /* the side that is seen; -1: both */
	int hole;      /* the part that has one; -1: none */
	unsigned from; /* the first part that is seen */
	size_t piece;  /* bytes at a time; 0: parts as they are */
};

struct heard {
	char is[2][32]; /* the first parser that had the flow, and the last */
	unsigned txs, odds;
	bool failed;
};

static void
say(struct rig *rig, enum cc_dir dir, struct slice bytes, uint64_t gap, bool *turned)
{
	enum cc_dir side = *turned ? cc_dir_other(dir) : dir;
	struct buf *kept = &rig->kept[side];
	struct chunk chunk = {.dir = side, .gap = gap, .fresh = bytes.size, .datagram = rig->flow.proto != 6};
	uint8_t *exact;

	rig->flow.side[side].packets++;
	rig->flow.side[side].payload_packets++;
	if (gap > 0)
		buf_clear(kept);
	buf_add_slice(kept, bytes);
	exact = malloc(kept->size + 1);
	memcpy(exact, kept->p, kept->size);
	chunk.p = exact;
	chunk.size = kept->size;
	chunk.offset = rig->offset[side];
	app_feed(rig->app, &rig->flow, &rig->pkt, &chunk, &rig->batch);
	if (chunk.turn) {
		struct buf was = rig->kept[0];

		CHECK(!*turned);
		*turned = !*turned;
		rig->kept[0] = rig->kept[1];
		rig->kept[1] = was;
		chunk.turn = false;
		chunk.dir = side = cc_dir_other(side);
		kept = &rig->kept[side];
		app_feed(rig->app, &rig->flow, &rig->pkt, &chunk, &rig->batch);
	}
	rig_drain(rig);
	free(exact);
	CHECK(chunk.used <= kept->size);
	if (chunk.datagram)
		buf_clear(kept);
	if (chunk.used < kept->size)
		memmove(kept->p, kept->p + chunk.used, kept->size - chunk.used);
	kept->size -= chunk.datagram ? 0 : chunk.used;
	rig->offset[side] += chunk.used;
}

static void
say_part(struct rig *rig, const struct talk *talk, unsigned i, const struct way *way, bool *turned)
{
	struct slice s = talk->part[i].bytes;
	size_t third = s.size / 3;

	if (way->hole == (int)i && third > 0) {
		say(rig, talk->part[i].dir, slice_of(s.p, third), 0, turned);
		say(rig, talk->part[i].dir, slice_of(s.p + 2 * third, s.size - 2 * third), third, turned);
		return;
	}
	for (size_t at = 0; at < s.size;) {
		size_t size =
		    way->piece == 0 || talk->proto != 6 || way->piece > s.size - at ? s.size - at : way->piece;

		say(rig, talk->part[i].dir, slice_of(s.p + at, size), 0, turned);
		at += size;
	}
}

static unsigned
count_of(const char *text, const char *what)
{
	unsigned count = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		count++;
	return count;
}

static struct heard
play(struct rig *rig, const struct talk *talk, const struct way *way)
{
	struct heard heard = {.failed = false};
	bool turned = false;
	const char *out;

	rig_begin(rig);
	rig->flow.proto = talk->proto;
	rig->flow.side[CC_TO_CLIENT].port = way->port;
	rig->flow.midstream = way->from > 0;
	rig->flow.established = way->only < 0;
	rig->seeded = true;
	for (unsigned i = way->from; i < talk->count; i++)
		if (way->only < 0 || way->only == (int)talk->part[i].dir)
			say_part(rig, talk, i, way, &turned);
	heard.failed = app_failed(&rig->flow);
	out = rig_end(rig);
	for (unsigned i = 0; i < 2; i++)
		snprintf(heard.is[i], sizeof(heard.is[i]), "%s", rig->is[0] != NULL ? rig->is[i] : "");
	heard.txs = count_of(out, "tx ");
	heard.odds = count_of(out, "odd ");
	return heard;
}

static bool
is_heard(const struct heard *heard, const char *parser)
{
	return strcmp(heard->is[0], parser) == 0 || strcmp(heard->is[1], parser) == 0;
}

/* The part to make a hole in: the largest of the second half, or of all. */
static int
hole_of(const struct talk *talk)
{
	int best = -1;

	for (unsigned i = 0; i < talk->count; i++)
		if (talk->part[i].bytes.size >= 12 &&
		    (best < 0 || talk->part[i].bytes.size > talk->part[best].bytes.size))
			best = (int)i;
	return best;
}

static bool
has_side(const struct talk *talk, enum cc_dir dir)
{
	for (unsigned i = 0; i < talk->count; i++)
		if (talk->part[i].dir == dir && talk->part[i].bytes.size > 0)
			return true;
	return false;
}

/* What the talk can't be heard by, as bits. */
static unsigned
cannot(struct rig *rig, const struct talk *talk, const char *parser)
{
	struct way way = {.port = FOREIGN, .only = -1, .hole = -1};
	struct heard heard = play(rig, talk, &way);
	unsigned bits = is_heard(&heard, parser) ? 0 : PORT;

	way.piece = 1;
	heard = play(rig, talk, &way);
	if (is_heard(&heard, parser) != (bits == 0)) /* however it is cut */
		bits |= NONE;
	way.piece = 0;
	for (int side = 0; side < 2; side++) {
		way.only = side;
		heard = play(rig, talk, &way);
		if (has_side(talk, (enum cc_dir)side) && !is_heard(&heard, parser))
			bits |= side == 0 ? CLIENT : SERVER;
	}
	way.only = -1;
	if (talk->proto == 6) {
		way.port = talk->port;
		way.hole = hole_of(talk);
		heard = play(rig, talk, &way);
		if (way.hole >= 0 && heard.failed)
			bits |= GAP;
		way.hole = -1;
	}
	way.port = talk->port;
	way.from = talk->count / 2;
	heard = play(rig, talk, &way);
	if (talk->count > 1 && !is_heard(&heard, parser))
		bits |= MIDDLE;
	return bits;
}

static void
path_of(const char *parser, char *ret_path, size_t size)
{
	char here[] = __FILE__;

	snprintf(ret_path, size, "%s/talks/%s", dirname(here), parser);
}

static void
print_bits(const char *parser, unsigned bits)
{
	printf("\t{\"%s\", %s%s%s%s%s%s, \"\"},\n", parser, bits & PORT ? "PORT | " : "",
	    bits & CLIENT ? "CLIENT | " : "", bits & SERVER ? "SERVER | " : "", bits & GAP ? "GAP | " : "",
	    bits & MIDDLE ? "MIDDLE | " : "", bits & NONE ? "NONE | " : "");
}

TEST(every_parser)
{
	static char lacks[4096] = "no talk in talks/ of:";
	size_t none = strlen(lacks);
	struct rig rig;

	rig_open(&rig, NULL);
	for (unsigned i = 0; i < app_parser_count; i++) {
		const char *parser = app_parsers[i]->name, *why = NULL;
		unsigned bits, may = 0;
		struct talk talk;
		char path[4096];

		for (size_t k = 0; k < sizeof(excused) / sizeof(excused[0]); k++)
			if (strcmp(excused[k].parser, parser) == 0) {
				may |= excused[k].cannot;
				why = excused[k].why;
			}
		path_of(parser, path, sizeof(path));
		if (!talk_read(path, &talk)) {
			if (may != NONE)
				snprintf(lacks + strlen(lacks), sizeof(lacks) - strlen(lacks), " %s", parser);
			continue;
		}
		bits = cannot(&rig, &talk, parser);
		free(talk.bytes);
		if (bits != may)
			print_bits(parser, bits);
		CHECK_UINT(bits, may);
		CHECK(may == 0 || (why != NULL && why[0] != '\0'));
	}
	rig_close(&rig);
	if (strlen(lacks) > none)
		SKIP(lacks);
}

/* ---- choosing ---- */

static long
worth(struct rig *rig, const struct talk *talk, const char *parser)
{
	struct way way = {.port = talk->port, .only = -1, .hole = -1};
	struct heard heard = play(rig, talk, &way);
	unsigned bits;

	if (!is_heard(&heard, parser) || talk->gap || heard.txs == 0 || heard.failed)
		return -1;
	bits = cannot(rig, talk, parser);
	return 100000 - 20000 * (heard.odds > 0) - 2000 * (long)heard.odds + 5000 * (strcmp(heard.is[0], parser) == 0) +
	       30000 * (has_side(talk, CC_TO_SERVER) && has_side(talk, CC_TO_CLIENT)) - 9000 * !!(bits & PORT) -
	       4000 * !!(bits & CLIENT) - 4000 * !!(bits & SERVER) - 2000 * !!(bits & GAP) - 1000 * !!(bits & MIDDLE) +
	       50 * (long)(heard.txs < 20 ? heard.txs : 20) - (long)talk->size / 8;
}

TEST(choose)
{
	const char *folder = getenv("CHOOSE");
	struct rig rig;

	if (folder == NULL)
		return;
	rig_open(&rig, NULL);
	for (unsigned i = 0; i < app_parser_count; i++) {
		char path[4096], best[4096] = "", command[9000];
		struct dirent *entry;
		long most = -1;
		DIR *dir;

		path_of(app_parsers[i]->name, path, sizeof(path));
		if (access(path, F_OK) == 0)
			continue;
		snprintf(path, sizeof(path), "%s/parser-%s", folder, app_parsers[i]->name);
		dir = opendir(path);
		while (dir != NULL && (entry = readdir(dir)) != NULL) {
			struct talk talk;
			char file[4400];
			long is;

			snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
			if (strncmp(entry->d_name, "talk-", 5) != 0 || !talk_read(file, &talk))
				continue;
			is = worth(&rig, &talk, app_parsers[i]->name);
			free(talk.bytes);
			if (is > most) {
				most = is;
				snprintf(best, sizeof(best), "%.4000s", file);
			}
		}
		if (dir != NULL)
			closedir(dir);
		path_of(app_parsers[i]->name, path, sizeof(path));
		snprintf(command, sizeof(command), "cp '%s' '%s'", best, path);
		printf("%s: %s (%ld)\n", app_parsers[i]->name, best, most);
		CHECK(best[0] == '\0' || system(command) == 0);
	}
	rig_close(&rig);
}

TESTS(T(choose), T(every_parser))
