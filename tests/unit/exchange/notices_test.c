/*
 * Notices between two desks: packs with near misses, drills kept apart, ceilings, bounds, what its author takes back,
 * and messages that are no notices.
 */
#include <jansson.h> /* before base/json.h, which has names of its own */

#include "exchange/desk_own.h"
#include "unit/exchange/sides.h"

struct seen {
	size_t count, drills, revoked;
	struct notice last; /* without bytes */
	char bytes[NOTICE_FILES][64];
};

static void
see(void *ctx, const struct notice *n)
{
	struct seen *seen = ctx;

	seen->count++;
	seen->drills += n->exercise;
	seen->revoked += n->revoked;
	seen->last = *n;
	for (size_t i = 0; i < n->files; i++)
		snprintf(seen->bytes[i], sizeof(seen->bytes[i]), "%.*s", (int)n->file[i].bytes.size,
		    (const char *)n->file[i].bytes.p);
}

static struct seen *
look(struct side *side, const char *id)
{
	static struct seen seen;

	memset(&seen, 0, sizeof(seen));
	(void)notices_visit(side->desk, id, see, &seen);
	return &seen;
}

static struct notice
pack_of(const char *title)
{
	struct notice n = {.kind = NOTICE_RULES, .tlp = CC_TLP_GREEN, .files = 3};
	static const char *const name[] = {"a.rules", "hit.pcap", "near.pcap"};

	snprintf(n.title, sizeof(n.title), "%s", title);
	for (size_t i = 0; i < 3; i++) {
		snprintf(n.file[i].name, sizeof(n.file[i].name), "%s", name[i]);
		n.file[i].bytes = slice_str(name[i]); /* its own name is what is in it */
		n.file[i].near = i == 2;
	}
	return n;
}

TEST(a_pack_comes_whole)
{
	static struct notice pack;
	struct side side[2];
	struct seen *seen;
	char *why = NULL;

	sides_begin();
	sides_open(side);
	pack = pack_of("a pack");
	CHECK(notice_publish(side[0].desk, &pack, &why) == CC_OK);
	for (int i = 0; i < 2; i++) {
		sides_sync(side);
		seen = look(&side[i], pack.id);
		CHECK_UINT(seen->count, 1);
		CHECK(seen->last.ours == (i == 0));
		CHECK_TEXT(seen->last.organisation, "cert.a");
		CHECK_UINT(seen->last.kind, NOTICE_RULES);
		CHECK_UINT(seen->last.files, 3);
		for (size_t k = 0; k < 3; k++) {
			CHECK_TEXT(seen->last.file[k].name, pack.file[k].name);
			CHECK_TEXT(seen->last.file[k].sha256, pack.file[k].sha256);
			CHECK_TEXT(seen->bytes[k], pack.file[k].name);
			CHECK(seen->last.file[k].near == (k == 2));
		}
		CHECK_TEXT(seen->last.installed, "");
	}
	/* Where it went stays with it, and is not told to others. */
	CHECK(notice_installed(side[1].desk, pack.id, "/rules/x") == CC_OK);
	CHECK_TEXT(look(&side[1], pack.id)->last.installed, "/rules/x");
	CHECK_TEXT(look(&side[0], pack.id)->last.installed, "");
	/* Two files with one name, or one content, are no pack. */
	pack = pack_of("twice");
	pack.file[1].bytes = pack.file[2].bytes;
	CHECK(notice_publish(side[0].desk, &pack, &why) == CC_BAD && why != NULL);
	free(why);
	pack = pack_of("twice");
	snprintf(pack.file[1].name, sizeof(pack.file[1].name), "near.pcap");
	CHECK(notice_publish(side[0].desk, &pack, &why) == CC_BAD && why != NULL);
	free(why);
	sides_close(side);
	sides_end();
}

/* Taken back by its author alone; what is revoked stays so, and its files are asked of nobody any more. */
TEST(taken_back)
{
	static struct notice pack;
	struct side side[2];
	struct seen *seen;
	char path[160], *why = NULL;

	sides_begin();
	sides_open(side);
	pack = pack_of("too loud");
	CHECK(notice_publish(side[0].desk, &pack, &why) == CC_OK);
	sides_sync(side);
	CHECK(notice_installed(side[1].desk, pack.id, "/rules/x") == CC_OK);
	CHECK(notice_revoke(side[1].desk, pack.id, "mine now", &why) == CC_DENIED && why != NULL);
	free(why);
	why = NULL;
	CHECK(notice_revoke(side[0].desk, "00000000", NULL, &why) == CC_ABSENT && why != NULL);
	free(why);
	why = NULL;
	CHECK(notice_revoke(side[0].desk, pack.id, "fires on updates", &why) == CC_OK);
	sides_sync(side);
	seen = look(&side[1], pack.id);
	CHECK_UINT(seen->revoked, 1);
	CHECK_TEXT(seen->last.text, "fires on updates");
	CHECK_TEXT(seen->last.title, "too loud");
	CHECK_TEXT(seen->last.installed, "/rules/x"); /* for who has to take it out */
	CHECK(notice_revoke(side[0].desk, pack.id, "again", &why) == CC_DENIED && why != NULL);
	free(why);
	/* Whoever reads the topic from its start, in whatever order the two lie there, sees it revoked. */
	desk_close(side[1].desk);
	snprintf(path, sizeof(path), "rm %s/desk/desk.sqlite*", side[1].outdir);
	CHECK(system(path) == 0);
	CHECK(desk_open(side[1].conf, side[1].outdir, &side[1].desk, &why) == CC_OK);
	CHECK(desk_sync(side[1].desk, &why) == CC_OK);
	CHECK_UINT(look(&side[1], pack.id)->revoked, 1);
	sides_close(side);
	sides_end();
}

/* What was published while a clock was ahead is written anew, and taken back, all the same. */
TEST(a_clock_set_back)
{
	static struct notice n;
	struct side side[2];
	char *why = NULL;

	sides_begin();
	sides_open(side);
	n = (struct notice){.kind = NOTICE_THREAT, .tlp = CC_TLP_CLEAR, .title = "from ahead"};
	CHECK(notice_publish(side[0].desk, &n, &why) == CC_OK);
	for (int round = 0; round < 2; round++) {
		sides_sync(side);
		for (int i = 0; i < 2; i++)
			CHECK(desk_do(side[i].desk, "UPDATE notice SET modified = modified + 120000000000", "") ==
			      CC_OK);
		snprintf(n.title, sizeof(n.title), "anew");
		CHECK((round == 0 ? notice_publish(side[0].desk, &n, &why)
				  : notice_revoke(side[0].desk, n.id, "over", &why)) == CC_OK);
		sides_sync(side);
		CHECK_TEXT(look(&side[1], n.id)->last.title, "anew");
		CHECK_UINT(look(&side[1], n.id)->revoked, (uint64_t)round);
	}
	sides_close(side);
	sides_end();
}

TEST(drills_and_ceilings)
{
	static struct notice n;
	struct side side[2];
	struct seen *seen;
	char *why = NULL;

	sides_begin();
	sides_open(side);
	n = (struct notice){.kind = NOTICE_THREAT, .tlp = CC_TLP_CLEAR, .title = "real"};
	CHECK(notice_publish(side[0].desk, &n, &why) == CC_OK);
	n = (struct notice){.kind = NOTICE_PRACTICE, .tlp = CC_TLP_CLEAR, .exercise = true, .title = "a drill"};
	CHECK(notice_publish(side[0].desk, &n, &why) == CC_OK);
	sides_sync(side);
	seen = look(&side[1], NULL);
	CHECK_UINT(seen->count, 2);
	CHECK_UINT(seen->drills, 1);
	CHECK(look(&side[1], n.id)->last.exercise);
	/* All that one who holds an exercise sends is a drill, and says so itself. */
	sides_set(side[1].conf, "exchange.exercise=yes");
	desk_close(side[1].desk);
	CHECK(desk_open(side[1].conf, side[1].outdir, &side[1].desk, &why) == CC_OK);
	n = (struct notice){.kind = NOTICE_THREAT, .tlp = CC_TLP_CLEAR, .title = "of an exercise"};
	CHECK(notice_publish(side[1].desk, &n, &why) == CC_OK);
	sides_sync(side);
	CHECK(look(&side[0], n.id)->last.exercise);
	/* Above the topic's ceiling nothing leaves: neither told nor kept as told. */
	sides_set(side[0].conf, "exchange.ceilings.notices=green");
	desk_close(side[0].desk);
	CHECK(desk_open(side[0].conf, side[0].outdir, &side[0].desk, &why) == CC_OK);
	n = (struct notice){.kind = NOTICE_THREAT, .tlp = CC_TLP_AMBER, .title = "a secret"};
	CHECK(notice_publish(side[0].desk, &n, &why) == CC_DENIED && why != NULL && strstr(why, "ceiling") != NULL);
	free(why);
	CHECK_UINT(look(&side[0], NULL)->count, 3);
	sides_sync(side);
	CHECK_UINT(look(&side[1], NULL)->count, 3);
	sides_close(side);
	sides_end();
}

/* The oldest go when exchange.requests_max are kept, revoked ones first, with their files. */
TEST(bounded)
{
	static struct notice n;
	struct side side[2];
	char first[40], *why = NULL;

	sides_begin();
	sides_open(side);
	sides_set(side[1].conf, "exchange.requests_max=16");
	desk_close(side[1].desk);
	CHECK(desk_open(side[1].conf, side[1].outdir, &side[1].desk, &why) == CC_OK);
	for (int i = 0; i < 20; i++) {
		n = pack_of("one of many");
		CHECK(notice_publish(side[0].desk, &n, &why) == CC_OK);
		if (i == 0)
			snprintf(first, sizeof(first), "%s", n.id);
	}
	sides_sync(side);
	CHECK_UINT(look(&side[1], NULL)->count, 16);
	CHECK_UINT(look(&side[1], first)->count, 0);
	CHECK_UINT(look(&side[1], n.id)->last.files, 3);
	sides_close(side);
	sides_end();
}

TEST(names_of_files)
{
	static const char *const good[] = {"a.rules", "A-1_b.yar", "9.pcap"};
	static const char *const bad[] = {"", ".hidden", "-x", "a/b.rules", "../a", "a b", "a\nb", "\xc3\xa4.yar"};
	char long_name[200];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(notice_name_is_good(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!notice_name_is_good(bad[i]));
	memset(long_name, 'a', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = '\0';
	CHECK(!notice_name_is_good(long_name));
}

TESTS(T(a_pack_comes_whole), T(taken_back), T(a_clock_set_back), T(drills_and_ceilings), T(bounded), T(names_of_files))
