/*
 * What every parser owes whoever watches a wire: a talk of each, from talks/, is told on any port, from either side
 * alone, with a hole in it, and where it is picked up in its middle.  What a protocol doesn't allow is listed with its
 * reason, and has to be so: a line that is no longer true fails, too.
 *
 * CHOOSE=FOLDER in the environment chooses a talk for each parser that has none out of those that the parsers' own
 * tests say (make fuzz-seeds writes them to build/fuzz/seeds): the one that tells most and has nothing odd in it.
 */
#include <dirent.h>
#include <unistd.h>

#include "talk.h"

enum { FOREIGN = 31337 };
enum { PORT = 1, CLIENT = 2, SERVER = 4, GAP = 8, MIDDLE = 16, NONE = 32 };

static const struct {
	const char *parser;
	unsigned cannot;
	const char *why;
} excused[] = {
    {"", 0, ""},
#include "talks/excused.def"
};

/* A hole in the largest part, a third of it; of none that is shorter than 12 bytes. */
static bool
hole_of(const struct talk *talk, struct way *way)
{
	int best = -1;

	for (unsigned i = 0; i < talk->count; i++)
		if (talk->part[i].bytes.size >= 12 &&
		    (best < 0 || talk->part[i].bytes.size > talk->part[best].bytes.size))
			best = (int)i;
	way->hole = best;
	if (best >= 0)
		way->hole_at = way->hole_size = talk->part[best].bytes.size / 3;
	return best >= 0;
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
	struct way way = WAY;
	struct heard heard;
	unsigned bits;

	way.port = FOREIGN;
	heard = play(rig, talk, parser, &way);
	bits = is_heard(&heard, parser) ? 0 : PORT;
	way.piece = 1;
	heard = play(rig, talk, parser, &way);
	if (is_heard(&heard, parser) != (bits == 0)) /* however it is cut */
		bits |= NONE;
	way.piece = 0;
	for (int side = 0; side < 2; side++) {
		way.only = side;
		heard = play(rig, talk, parser, &way);
		if (has_side(talk, (enum cc_dir)side) && !is_heard(&heard, parser))
			bits |= side == 0 ? CLIENT : SERVER;
	}
	way.only = -1;
	if (talk->proto == 6) {
		way.port = talk->port;
		if (hole_of(talk, &way) && (heard = play(rig, talk, parser, &way)).failed)
			bits |= GAP;
		way.hole = -1;
	}
	way.port = talk->port;
	way.from = talk->count / 2;
	heard = play(rig, talk, parser, &way);
	if (talk->count > 1 && !is_heard(&heard, parser))
		bits |= MIDDLE;
	return bits;
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
		talk_path(parser, path, sizeof(path));
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
	struct way way = WAY;
	struct heard heard;
	unsigned bits;

	way.port = talk->port;
	heard = play(rig, talk, parser, &way);
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

		talk_path(app_parsers[i]->name, path, sizeof(path));
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
		talk_path(app_parsers[i]->name, path, sizeof(path));
		snprintf(command, sizeof(command), "cp '%s' '%s'", best, path);
		printf("%s: %s (%ld)\n", app_parsers[i]->name, best, most);
		CHECK(best[0] == '\0' || system(command) == 0);
	}
	rig_close(&rig);
}

TESTS(T(choose), T(every_parser))
